//! `hw seed`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn loads_csv_files() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["seed"]), @"");
}
