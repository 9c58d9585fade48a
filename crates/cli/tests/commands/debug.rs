//! `hw debug`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn says_what_counts_and_tries_the_connection() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["debug"]), @"");
    project.write("profiles.yml", "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: /dev/null/shop.duckdb}\n");
    assert_snapshot!(project.hw(&["debug"]), @"");
}
