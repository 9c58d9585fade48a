//! `hw show`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn shows_rows_for_people_and_for_programs() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    assert_snapshot!(project.hw(&["show", "daily_revenue"]), @r#"
    exit 0
    --- stdout
    ┌────────────┬────────┬─────────┐
    │ day        ┆ orders ┆ revenue │
    ╞════════════╪════════╪═════════╡
    │ 2026-11-01 ┆      2 ┆    30.5 │
    │ 2026-11-02 ┆      1 ┆       5 │
    └────────────┴────────┴─────────┘
    "#);
    assert_snapshot!(project.hw(&["show", "-s", "daily_revenue", "--limit", "1", "--output", "json"]), @r#"
    exit 0
    --- stdout
    {
      "node": "daily_revenue",
      "show": [
        {
          "day": "2026-11-01",
          "orders": 2,
          "revenue": 30.5
        }
      ]
    }
    "#);
    assert_snapshot!(project.hw(&["show", "--inline", "select 1.5 as x, null as y, 'a' as z", "--output", "json"]), @r#"
    exit 0
    --- stdout
    {
      "show": [
        {
          "x": 1.5,
          "y": null,
          "z": "a"
        }
      ]
    }
    "#);
    assert_snapshot!(project.hw(&["show"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0708]: nothing to show
      hint: name a model: hw show MODEL; or give a query: hw show --inline "select 1"
    "#);
}

#[test]
fn a_limit_of_its_own_and_ours_are_too_many() {
    let project = TestProject::new(SHOP);
    let told = project.hw(&["show", "--inline", "select 1 limit 1"]);
    assert!(told.contains("exit 2") && told.contains("syntax error at or near"), "{told}");
}
