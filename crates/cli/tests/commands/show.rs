//! `hw show`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn shows_rows_for_people_and_for_programs() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    assert_snapshot!(project.hw(&["show", "daily_revenue"]), @"");
    assert_snapshot!(project.hw(&["show", "-s", "daily_revenue", "--limit", "1", "--output", "json"]), @"");
    assert_snapshot!(project.hw(&["show", "--inline", "select 1.5 as x, null as y, 'a' as z", "--output", "json"]), @"");
    assert_snapshot!(project.hw(&["show"]), @"");
}
