//! `hw plan`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn says_what_a_run_would_do_and_why() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    assert_snapshot!(project.hw(&["plan"]), @r#"
    exit 0
    --- stdout
    1 of 1 exact model has work

      daily_revenue  exact by day  new: built whole from 3 rows

      plan [PLAN]   apply exactly this with: hw run --plan [PLAN]
    "#);
    project.ok(&["run"]);
    assert_snapshot!(project.hw(&["plan"]), @r#"
    exit 0
    --- stdout
    nothing to do: no input of 1 exact model changed (2 partitions, 2 rows)
    "#);
    project.sql("insert into raw_orders values (4, 1.50, timestamp '2026-11-01 23:00:00'), (5, 2, timestamp '2026-11-03 01:00:00')");
    assert_snapshot!(project.hw(&["plan", "-s", "daily_revenue"]), @r#"
    exit 0
    --- stdout
    1 of 1 exact model has work: 2 of 3 partitions, about 1 of 2 rows

      daily_revenue  exact by day  2 days   1 new, 1 dirty
        2026-11-01  1 more row in raw_orders
        2026-11-03  1 row in raw_orders

      plan [PLAN]   apply exactly this with: hw run --select daily_revenue --plan [PLAN]
    "#);
}

#[test]
fn touches_nothing() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    project.ok(&["plan"]);
    assert_snapshot!(project.hw(&["plan", "--select", "raw_orders"]), @r#"
    exit 0
    --- stdout
    nothing to plan: none of the 1 exact model is selected
    "#);
    let shown = project.output(&["show", "--inline", "select * from daily_revenue"]);
    assert_eq!(shown.status.code(), Some(2), "the table must not be there after a plan");
}

#[test]
fn without_exact_models_there_is_nothing_to_plan() {
    let project = TestProject::new("=== models/a.sql\nselect 1 as id\n");
    assert_snapshot!(project.hw(&["plan"]), @r#"
    exit 0
    --- stdout
    nothing to plan: no model of this project is exact (incremental_strategy='exact')
    "#);
}
