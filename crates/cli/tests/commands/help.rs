//! `hw help`, and the generated reference.

use insta::assert_snapshot;

use crate::TestProject;

#[test]
fn the_reference_is_what_the_binary_says() {
    let told = TestProject::empty().stdout(&["help", "--markdown"]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(told == written, "docs/reference/cli.md is out of date: hw help --markdown > docs/reference/cli.md");
}

#[test]
fn codes_and_commands_are_explained() {
    let folder = TestProject::empty();
    assert!(folder.stdout(&["help", "hw0213"]).starts_with("# HW0213: "));
    assert!(folder.stdout(&["help", "plan"]).contains("Usage: hw plan"));
    assert_snapshot!(folder.hw(&["help", "HW9999"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0006]: no command and no code is called `HW9999`
      hint: `hw --help` lists the commands; codes are in docs/errors
    "#);
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(TestProject::empty().stdout(&["completions", shell]).contains("hw"), "{shell}");
    }
}
