//! `hw verify`

use highwater::engine::{DuckDb, Engine};
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
    2026-11-01  1 row here, 1 in a rebuild: 0 missing, 0 extra, 1 changed (revenue)
                changed: day=2026-11-01: revenue 31.0 here, 30.5 in a rebuild
                changed by hand: no run of ours wrote this
                mend: hw verify daily_revenue --repair
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
    2026-11-01  1 row here, 1 in a rebuild: 0 missing, 0 extra, 1 changed (orders, revenue)
                changed: day=2026-11-01: orders 2 here, 3 in a rebuild; revenue 30.5 here, 32.0 in a rebuild
                rows arrived late, after it was built: 1 more row in raw_orders
                mend: hw run --select daily_revenue
    binary fractions compared with a relative tolerance of 1e-9
"#);
    project.ok(&["run"]);
    project.ok(&["verify"]);
}

#[test]
fn what_is_not_compared_is_named() {
    let project = TestProject::new(
        "=== models/c.sql\n{{ config(materialized='incremental', unique_key='id') }} select 1 as id\n\
         === models/dice.sql\n{{ config(materialized='incremental', unique_key='id') }} select 1 as id, random() as thrown\n",
    );
    project.ok(&["run"]);
    assert_snapshot!(project.hw(&["verify"]), @r#"
exit 0
--- stdout
c     1 key compared with a rebuild: equal (1 row)
dice  not compared: random() answers anew at every call, so no two rebuilds need agree
"#);
    let output = project.output(&["verify", "dice", "--output", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
    assert_snapshot!(answer.to_string(), @r#"{"equal":null,"complete":false,"models":[],"not_compared":[{"unique_id":"model.shop.dice","reason":"random() answers anew at every call, so no two rebuilds need agree"}],"repaired":[],"backfill":null}"#);
}

#[test]
fn what_differs_is_repaired_and_nothing_else() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("update daily_revenue set revenue = 31 where day = date '2026-11-01'");
    assert_snapshot!(project.hw(&["verify", "--repair"]), @r#"
exit 0
--- stdout
daily_revenue  2 days compared with a rebuild: 1 differs
    2026-11-01  1 row here, 1 in a rebuild: 0 missing, 0 extra, 1 changed (revenue)
                changed: day=2026-11-01: revenue 31.0 here, 30.5 in a rebuild
                changed by hand: no run of ours wrote this
                mend: hw verify daily_revenue --repair
    binary fractions compared with a relative tolerance of 1e-9
repaired, and compared again:
daily_revenue  2 days compared with a rebuild: equal (2 rows)
"#);
    let engine = DuckDb::open(&project.path("shop.duckdb"), "").expect("the database");
    let runs = "select dirty, replaced from highwater.runs order by finished_at desc limit 1";
    let rows = engine.connect().expect("a session").query(runs).expect("the ledger").rows;
    assert_eq!(rows[0].iter().map(ToString::to_string).collect::<Vec<_>>(), ["1", "1"]);
    drop(engine);
    project.ok(&["verify"]);
}

#[test]
fn a_sample_gets_around_and_says_what_it_is_worth() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("update daily_revenue set revenue = 31 where day = date '2026-11-01'");
    let sample =
        || project.command(&["verify", "--sample", "1"]).env("HW_NOW", "2026-11-03T12:00:00Z").output().expect("hw");
    // Two days with rows, today, and that of rows without a day: one has its turn at a time.
    let found = (0..4).filter(|_| sample().status.code() == Some(1)).count();
    assert_eq!(found, 1, "it has one turn in four");
    let shown = String::from_utf8_lossy(&sample().stdout).into_owned();
    assert!(shown.contains("1 of ") && shown.contains("% confidence, and all are compared within"), "{shown}");
}

#[test]
fn an_event_time_that_only_sources_have_is_no_failure() {
    let project = TestProject::new(
        "=== models/away.sql\n{{ config(materialized='incremental', event_time='at') }} select 1 as id\n",
    );
    project.ok(&["run"]);
    let output = project.output(&["verify"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("not compared: event_time of away names no column of its result: at"), "{shown}");
}
