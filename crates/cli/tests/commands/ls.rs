//! `hw ls`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn lists_in_every_form() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["ls"]), @"");
    assert_snapshot!(project.hw(&["list", "--output", "name", "--resource-type", "model"]), @"");
    assert_snapshot!(project.hw(&["ls", "--output", "path", "-s", "+daily_revenue", "--exclude", "resource_type:test"]), @"");
    assert_snapshot!(project.hw(&["ls", "--output", "json", "-m", "daily_revenue", "--resource-types", "model", "--output-keys", "name", "resource_type", "depends_on"]), @"");
    assert_snapshot!(project.hw(&["ls", "-s", "tag:none"]), @"");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    use std::process::Stdio;
    let many: String = (0..4000).map(|number| format!("=== models/m{number}.sql\nselect {number} as id\n")).collect();
    let project = TestProject::new(&many);
    let mut child = project.command(&["ls"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("hw starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("hw ends");
    assert_eq!(project.report(&output), "exit 0\n");
}
