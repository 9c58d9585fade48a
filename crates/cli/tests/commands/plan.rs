//! `hw plan`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn says_what_a_run_would_do_and_why() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    assert_snapshot!(project.hw(&["plan"]), @"");
    project.ok(&["run"]);
    assert_snapshot!(project.hw(&["plan"]), @"");
    project.sql("insert into raw_orders values (4, 1.50, timestamp '2026-11-01 23:00:00'), (5, 2, timestamp '2026-11-03 01:00:00')");
    assert_snapshot!(project.hw(&["plan", "-s", "daily_revenue"]), @"");
}

#[test]
fn touches_nothing() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    project.ok(&["plan"]);
    assert_snapshot!(project.hw(&["plan", "--select", "raw_orders"]), @"");
    let shown = project.output(&["show", "--inline", "select * from daily_revenue"]);
    assert_eq!(shown.status.code(), Some(1), "the table must not be there after a plan");
}

#[test]
fn without_exact_models_there_is_nothing_to_plan() {
    let project = TestProject::new("=== models/a.sql\nselect 1 as id\n");
    assert_snapshot!(project.hw(&["plan"]), @"");
}
