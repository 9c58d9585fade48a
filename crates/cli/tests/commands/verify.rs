//! `hw verify`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn equal_tables_are_said_to_be_equal() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    assert_snapshot!(project.hw(&["verify"]), @r#"
    exit 0
    --- stdout
    daily_revenue  2 days compared with a rebuild: equal (2 rows)
    "#);
}

#[test]
fn a_table_changed_by_hand_differs() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("update daily_revenue set revenue = 31 where day = date '2026-11-01'");
    assert_snapshot!(project.hw(&["verify"]), @r#"
    exit 1
    --- stdout
    daily_revenue  2 days compared with a rebuild: 1 differs
        2026-11-01  1 row here, 1 in a rebuild (1 only here, 1 only in the rebuild)
                    here only:    day=2026-11-01, orders=2, revenue=31.0
                    rebuilt only: day=2026-11-01, orders=2, revenue=30.5
        changed by hand: no run of ours wrote this
        mend: hw run --select daily_revenue --full-refresh
        binary fractions compared with a relative tolerance of 1e-9
    "#);
    let output = project.output(&["verify", "--output", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
    assert_eq!((output.status.code(), &answer["equal"]), (Some(1), &serde_json::Value::Bool(false)));
}

#[test]
fn late_rows_differ_until_the_next_run() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("insert into raw_orders values (4, 1.50, timestamp '2026-11-01 23:00:00')");
    assert_snapshot!(project.hw(&["verify"]), @r#"
    exit 1
    --- stdout
    daily_revenue  2 days compared with a rebuild: 1 differs
        2026-11-01  1 row here, 1 in a rebuild (1 only here, 1 only in the rebuild)
                    here only:    day=2026-11-01, orders=2, revenue=30.5
                    rebuilt only: day=2026-11-01, orders=3, revenue=32.0
        a source changed since the last run
        mend: hw run --select daily_revenue
        binary fractions compared with a relative tolerance of 1e-9
    "#);
    project.ok(&["run"]);
    project.ok(&["verify"]);
}

#[test]
fn what_is_not_compared_is_named() {
    let project = TestProject::new(
        "=== models/c.sql\n{{ config(materialized='incremental', unique_key='id') }} select 1 as id\n",
    );
    project.ok(&["run"]);
    assert_snapshot!(project.hw(&["verify"]), @r#"
    exit 0
    --- stdout
    c  not compared: not exact (incremental_strategy not set)
    "#);
}
