//! `hw debug`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn says_what_counts_and_tries_the_connection() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["debug"]), @r#"
    exit 0
    --- stdout
    All checks passed!

      hw           0.1.0
      project      shop ([FOLDER])
      profile      shop, target dev
      database     [FOLDER]/shop.duckdb (duckdb)
      schema       main
      threads      1
      artifacts    [FOLDER]/target
      connection   ok, DuckDB v1.5.6
    "#);
    project.write(
        "profiles.yml",
        "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: /dev/null/shop.duckdb}\n",
    );
    assert_snapshot!(project.hw(&["debug"]), @r#"
    exit 1
    --- stdout
    1 check failed:

      hw           0.1.0
      project      shop ([FOLDER])
      profile      shop, target dev
      database     /dev/null/shop.duckdb (duckdb)
      schema       main
      threads      1
      artifacts    [FOLDER]/target
      connection   not made
    --- stderr
    error[HW0130]: cannot make the folder /dev/null: File exists (os error 17)
      hint: change `path` of the target in profiles.yml to a place that can be written
    "#);
}

#[test]
fn has_the_words_that_scripts_look_for() {
    let project = TestProject::new(SHOP);
    assert!(project.stdout(&["debug", "--connection"]).contains("Skipping steps before connection verification"));
    let cases = [
        (["--target", "NONE"], "The profile 'shop' does not have a target named 'NONE'."),
        (["--profile", "NONE"], "Could not find profile named 'NONE'"),
        (["--profiles-dir", "NONE"], "dbt looked for a profiles.yml file in NONE"),
    ];
    for (flags, words) in cases {
        let told = project.hw(&[&["debug", "--connection"], &flags[..]].concat());
        assert!(told.starts_with("exit 1") && told.contains("1 check failed") && told.contains(words), "{told}");
        assert!(told.contains("Profile loading failed for the following reason"), "{told}");
    }
}
