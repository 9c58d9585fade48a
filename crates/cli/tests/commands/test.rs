//! `hw test`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn a_failing_test_fails_the_command() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("insert into daily_revenue values (date '2026-11-01', 1, 1)");
    assert_snapshot!(project.hw(&["test"]), @"");
}
