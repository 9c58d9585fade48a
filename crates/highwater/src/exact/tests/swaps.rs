//! What a run does, change by change.

use super::engines::{On, on_both_engines};
use super::meddled::{Call, Meddled};
use super::world::{World, best, daily, facts, largest, lifetime, regional};
use crate::engine::{Connection, EngineError};
use crate::exact::axis::within;
use crate::exact::build::build;
use crate::exact::job::Job;
use crate::exact::{ExactError, Mode, SwapReport};
use crate::manifest::Policy;

on_both_engines![
    a_first_run_builds_everything_and_a_second_writes_nothing,
    late_changed_deleted_and_moved_rows_dirty_their_days_only,
    a_changed_customer_dirties_the_days_of_its_orders,
    keys_come_and_go,
    what_comes_out_unchanged_goes_no_further,
    a_parent_rebuilt_by_new_logic_is_seen,
    changes_by_hand_are_mended,
    runs_of_different_models_do_not_meet,
    a_failure_at_any_statement_changes_nothing,
    an_error_in_the_query_changes_nothing,
    the_grain_is_checked_before_anything_is_swapped,
    policies_choose,
    columns_that_change_are_taken_or_refused,
    a_table_of_someone_else_is_taken_over,
    a_column_of_nothing_settles,
    a_ledger_from_the_future_is_left_alone,
    a_plain_in_leaves_the_partition_null_behind,
    odd_moments_have_their_partitions,
    a_whole_build_runs_the_views_of_the_project_not_those_the_database_still_holds,
];

fn a_first_run_builds_everything_and_a_second_writes_nothing(on: On) {
    let mut world = World::with_orders(on);
    for known in [daily(), facts(on), lifetime(), largest()] {
        let first = world.run_and_compare(&known);
        assert_eq!((first.mode, first.changed), (Mode::New, true));
        let (before, written) = (world.ledger(), world.written(&known));
        let second = world.run_and_compare(&known);
        assert_eq!((second.mode, second.changed), (Mode::Unchanged, false));
        assert_eq!(world.ledger(), before);
        assert!(world.written(&known) == written, "{} or the ledger was written", known.model.unique_id);
    }
}

fn late_changed_deleted_and_moved_rows_dirty_their_days_only(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.run_and_compare(&known);
    let mut seen = Vec::new();
    for change in [
        "insert into raw_orders values (7, 1, '2026-02-02 23:00', 5, null), (8, 1, '2026-02-02 23:30', 5, null)",
        "update raw_orders set amount = 41 where order_id = 4",
        "delete from raw_orders where order_id = 1",
        "update raw_orders set created_at = '2026-02-05 08:00' where order_id = 4",
        "update raw_orders set created_at = '2026-02-01' where order_id = 5",
        "delete from raw_orders where order_id = 6",
        "update raw_orders set note = 'irrelevant'",
    ] {
        world.sql(change);
        let report = world.run_and_compare(&known);
        let dirty: Vec<String> =
            report.dirty.iter().map(|dirty| format!("{}: {}", dirty.label, dirty.reasons.join("; "))).collect();
        seen.push(format!("{:?} {} ({} replaced)", report.mode, dirty.join(", "), report.replaced_count));
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
Incremental 2026-02-02: 2 more rows in raw_orders (1 replaced)
Incremental 2026-02-03: rows changed in raw_orders (1 replaced)
Incremental 2026-02-01: 1 row gone from raw_orders (1 replaced)
Incremental 2026-02-03: 1 row gone from raw_orders, 2026-02-05: 1 row in raw_orders (2 replaced)
Incremental 2026-02-01: 1 more row in raw_orders, NULL: 1 row gone from raw_orders (2 replaced)
Incremental NULL: 1 row gone from raw_orders (1 replaced)
Unchanged  (0 replaced)
"#);
}

fn a_changed_customer_dirties_the_days_of_its_orders(on: On) {
    let mut world = World::with_orders(on);
    let known = facts(on);
    world.run_and_compare(&known);
    world.sql("update raw_customers set region = 'east' where customer_id = 2");
    let timeless =
        SwapReport { seconds: 0.0, detect_seconds: 0.0, rebuild_seconds: None, ..world.run_and_compare(&known) };
    insta::assert_json_snapshot!(timeless, @r#"
    {
      "unique_id": "model.shop.facts",
      "cut": {
        "by": "interval",
        "column": "created_at",
        "unit": "day"
      },
      "mode": "incremental",
      "changed": true,
      "dirty": [
        {
          "label": "2026-02-01",
          "reasons": [
            "1 key changed in raw_customers"
          ]
        },
        {
          "label": "2026-02-03",
          "reasons": [
            "1 key changed in raw_customers"
          ]
        }
      ],
      "dirty_count": 2,
      "replaced_count": 2,
      "unchanged_count": 0,
      "held_count": 0,
      "held": [],
      "audits": [],
      "partition_count": 4,
      "rows_deleted": 3,
      "rows_inserted": 3,
      "rows_total": 6,
      "whole": null,
      "schema_change": null,
      "recreated": false,
      "excluded_null_rows": 2,
      "early_rows": 0,
      "future_rows": 0,
      "latest": "2026-02-03",
      "findings": [],
      "detect_seconds": 0.0,
      "foreseen_seconds": null,
      "rebuild_seconds": null,
      "seconds": 0.0
    }
    "#);
    // A customer without orders is news, but dirties nothing, and is news only once.
    world.sql("insert into raw_customers values (9, 'west')");
    let report = world.run_and_compare(&known);
    assert_eq!((report.mode, report.dirty_count), (Mode::Unchanged, 0));
    let before = world.ledger();
    world.run_and_compare(&known);
    assert_eq!(world.ledger(), before);
}

fn keys_come_and_go(on: On) {
    let mut world = World::with_orders(on);
    let known = lifetime();
    world.run_and_compare(&known);
    world.sql(
        "delete from raw_orders where customer_id = 2; insert into raw_orders values (9, 3, now()::timestamp, 1, null)",
    );
    let report = world.run_and_compare(&known);
    let labels: Vec<String> =
        report.dirty.iter().map(|dirty| format!("{}: {}", dirty.label, dirty.reasons.join("; "))).collect();
    insta::assert_snapshot!(labels.join("\n"), @r#"
2: 2 rows gone from raw_orders
3: 1 row in raw_orders
"#);
    // The key NULL is a key.
    world.sql("update raw_orders set amount = amount + 1 where customer_id is null");
    assert_eq!(world.run_and_compare(&known).replaced_count, 1);
}

fn what_comes_out_unchanged_goes_no_further(on: On) {
    let mut world = World::with_orders(on);
    let (parent, child, other) = (facts(on), regional(), best());
    for known in [&parent, &child, &other] {
        world.announce(known);
    }
    for known in [&parent, &child, &other] {
        world.run_and_compare(known);
    }
    // Two regions change names and change back before anyone looks: the customers' rows are rewritten, the facts are not.
    world.sql("delete from raw_customers; insert into raw_customers values (2, 'south'), (1, 'north')");
    assert_eq!(world.run_and_compare(&parent).mode, Mode::Unchanged);
    // Two orders of one day swap their customers: the facts change on that day, the child by day is fed that day alone.
    world.sql("update raw_orders set customer_id = 3 - customer_id, amount = 30 - amount where order_id in (1, 2)");
    let report = world.run_and_compare(&parent);
    assert_eq!((report.replaced_count, report.dirty_count), (1, 1));
    let report = world.run_and_compare(&child);
    insta::assert_debug_snapshot!((report.mode, report.dirty, report.replaced_count), @r#"
(
    Incremental,
    [
        DirtyPartition {
            label: "2026-02-01",
            reasons: [
                "from facts",
            ],
        },
    ],
    0,
)
"#);
    let report = world.run_and_compare(&other);
    assert_eq!(report.mode, Mode::Unchanged, "each customer's orders are what they were");
    for known in [&parent, &child, &other] {
        assert_eq!(world.run_and_compare(known).mode, Mode::Unchanged);
    }
    // A day that lost all its rows is heard of downstream.
    world.sql("delete from raw_orders where created_at >= '2026-02-03'");
    for known in [&parent, &child, &other] {
        assert!(world.run_and_compare(known).changed, "{}", known.model.unique_id);
    }
}

fn a_parent_rebuilt_by_new_logic_is_seen(on: On) {
    let mut world = World::with_orders(on);
    let (mut parent, child, other) = (facts(on), regional(), best());
    world.announce(&parent);
    for known in [&parent, &child, &other] {
        world.run_and_compare(known);
    }
    parent.model.sql = parent.model.sql.replace("o.amount,", "o.amount * 2 as amount,");
    parent.analysis.canonical.clone_from(&parent.model.sql);
    let report = world.run_and_compare(&parent);
    assert_eq!((report.mode, report.whole.as_deref()), (Mode::Whole, Some("the query changed")));
    for known in [&child, &other] {
        assert!(world.run_and_compare(known).changed, "{}", known.model.unique_id);
    }
}

fn changes_by_hand_are_mended(on: On) {
    let mut world = World::with_orders(on);
    let (parent, child) = (facts(on), regional());
    world.announce(&parent);
    for known in [&parent, &child] {
        world.run_and_compare(known);
    }
    world.sql("update facts set amount = 0 where order_id = 3; delete from facts where created_at is null; insert into facts values (77, 7, '2026-03-01', 7, 'x')");
    let report = world.run_and_compare(&parent);
    let dirty: Vec<String> =
        report.dirty.iter().map(|dirty| format!("{}: {}", dirty.label, dirty.reasons.join("; "))).collect();
    insta::assert_snapshot!(dirty.join("\n"), @r#"
2026-02-02: changed by hand
2026-03-01: changed by hand
NULL: changed by hand
"#);
    world.run_and_compare(&child);
    // Dropped altogether.
    world.sql("drop table facts");
    let report = world.run_and_compare(&parent);
    assert_eq!(report.whole.as_deref(), Some("its table is gone: it was dropped, or renamed by hand"));
    world.run_and_compare(&child);
}

fn runs_of_different_models_do_not_meet(on: On) {
    let world = World::with_orders(on);
    let models = [daily(), facts(on), lifetime(), largest()];
    std::thread::scope(|scope| {
        for known in &models {
            let mut session = world.engine.connect().expect("session");
            let (around, known) = (&world.around, world.own(known));
            scope.spawn(move || {
                let identity = crate::exact::RunIdentity {
                    run_id: "r".into(),
                    invocation_id: "i".into(),
                    started_at: jiff::Timestamp::UNIX_EPOCH,
                    engine_version: "e".into(),
                };
                let mut job = Job::new(session.as_mut(), &known.model, around, "hw");
                build(&mut job, &identity, &|_| known.analysis.clone()).expect("run");
            });
        }
    });
    let mut world = world;
    for known in &models {
        world.compare(known);
    }
}

fn a_failure_at_any_statement_changes_nothing(on: On) {
    let mut world = World::with_orders(on);
    let known = world.own(&facts(on));
    world.run_and_compare(&known);
    world.sql("update raw_customers set region = 'east' where customer_id = 2; update raw_orders set amount = 1 where order_id = 3");
    let (table, ledger) = (world.rows("select * from facts"), world.ledger());
    let mut failures = 0;
    loop {
        let identity = world.identity();
        let mut left = failures;
        let before = |_: &mut dyn Connection, call| match (call, left) {
            (Call::Rollback, _) => Ok(()),
            (_, 0) => Err(EngineError::statement("broken", "")),
            _ => {
                left -= 1;
                Ok(())
            }
        };
        let mut breaking = Meddled { session: world.session.as_mut(), before };
        let mut job = Job::new(&mut breaking, &known.model, &world.around, "hw");
        if build(&mut job, &identity, &|_| known.analysis.clone()).is_ok() {
            break;
        }
        assert_eq!(
            (world.rows("select * from facts"), world.ledger()),
            (table.clone(), ledger.clone()),
            "failure {failures}"
        );
        failures += 1;
    }
    assert!(failures > 20, "only {failures} statements");
    world.compare(&known);
}

fn an_error_in_the_query_changes_nothing(on: On) {
    let mut world = World::with_orders(on);
    let mut known = daily();
    world.run_and_compare(&known);
    let (table, ledger) = (world.rows("select * from daily"), world.ledger());
    world.sql("insert into raw_orders values (9, 1, '2026-02-02', 0, 'no')");
    known.analysis.slice.as_mut().expect("slice").pieces[0] = super::world::text(
        "select date_trunc('day', created_at) as day, count(*) as orders, sum(1 / (length(note) - 2)) as revenue from ",
    );
    let error = world.run(&known).expect_err("a division by zero");
    assert!(matches!(error, ExactError::Engine { .. }), "{error:?}");
    assert_eq!((world.rows("select * from daily"), world.ledger()), (table, ledger));
}

fn the_grain_is_checked_before_anything_is_swapped(on: On) {
    let mut world = World::with_orders(on);
    let known = facts(on);
    world.run_and_compare(&known);
    let (table, ledger) = (world.rows("select * from facts"), world.ledger());
    // The second row of order 1 stands on another day: only the whole table shows it.
    world.sql("insert into raw_orders values (1, 1, '2026-02-03 12:00', 1, null), (null, 1, '2026-02-02', 1, null), (null, 2, '2026-02-02', 1, null)");
    let error = world.run(&known).expect_err("duplicates");
    insta::assert_snapshot!(error.diagnostic().notes.join("\n"), @r#"
2 keys have more than one row; nothing was swapped
order_id: 1 has 2 rows
order_id: NULL has 2 rows
"#);
    assert_eq!((world.rows("select * from facts"), world.ledger()), (table, ledger));
}

fn policies_choose(on: On) {
    let mut world = World::new(on);
    world.sql(
        "insert into raw_orders select i, 1, timestamp '2026-02-01' + i * interval '1 day', i, null from generate_series(0, 19) t(i)",
    );
    let mut known = daily();
    known.model.policy = Policy::Auto;
    world.run_and_compare(&known);
    world.sql("update raw_orders set amount = amount + 1 where order_id < 10");
    assert_eq!(world.run_and_compare(&known).mode, Mode::Incremental);
    world.sql("update raw_orders set amount = amount + 1 where order_id < 11");
    let report = world.run_and_compare(&known);
    insta::assert_snapshot!(format!("{:?} {}, {} replaced", report.mode, report.whole.unwrap_or_default(), report.replaced_count), @"Whole 11 days of 20 are dirty, more than half, 11 replaced");
    known.model.policy = Policy::Full;
    world.sql("update raw_orders set amount = amount + 1 where order_id = 1");
    let report = world.run_and_compare(&known);
    assert_eq!((report.mode, report.replaced_count, report.unchanged_count), (Mode::Whole, 1, 19));

    let mut known = largest();
    known.model.policy = Policy::Strict;
    world.run_and_compare(&known);
    world.sql("update raw_orders set amount = 1000 where order_id = 1");
    let error = world.run(&known).expect_err("strict");
    insta::assert_snapshot!(error.to_string(), @"largest would have to be rebuilt whole: raw_orders changed: max() over all rows");
}

fn columns_that_change_are_taken_or_refused(on: On) {
    let mut world = World::with_orders(on);
    let mut known = daily();
    world.run_and_compare(&known);
    known.model.sql = known.model.sql.replace("sum(amount) as revenue", "sum(amount) as revenue, min(amount) as least");
    known.model.on_schema_change = "fail".into();
    known.analysis.canonical = "other".into();
    let error = world.run(&known).expect_err("fail");
    let numeric = match on {
        On::DuckDb => "DECIMAL(9,2)",
        On::Postgres => "numeric",
    };
    assert_eq!(error.to_string(), format!("the columns of daily changed: +least {numeric}"));
    known.model.on_schema_change = "ignore".into();
    let report = world.run_and_compare(&known);
    assert_eq!(report.schema_change, Some(format!("+least {numeric}")));
    assert!(report.recreated);
}

fn a_table_of_someone_else_is_taken_over(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.sql(&format!(
        "create table daily as {}; update daily set orders = 99 where day = '2026-02-01'",
        known.model.sql
    ));
    let report = world.run_and_compare(&known);
    assert_eq!((report.mode, report.replaced_count, report.recreated), (Mode::Whole, 1, false));
    world.sql(&format!("drop table daily; create view daily as {}", known.model.sql));
    assert!(world.run_and_compare(&known).recreated);
}

fn a_column_of_nothing_settles(on: On) {
    let mut world = World::with_orders(on);
    let mut known = daily();
    known.model.sql = "select date_trunc('day', created_at) as day, null as nothing from raw_orders".into();
    known.analysis.slice =
        Some(highwater_sql::Slice { drivers: Vec::new(), pieces: vec![super::world::text(&known.model.sql)] });
    world.run_and_compare(&known);
    assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged);
}

fn a_ledger_from_the_future_is_left_alone(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.run_and_compare(&known);
    world.sql("update highwater.ledger set version = 99");
    assert!(matches!(world.run(&known), Err(ExactError::NewerLedger { found: 99, .. })));
}

fn a_plain_in_leaves_the_partition_null_behind(on: On) {
    let mut world = World::new(on);
    world.sql("create table dirty as select * from (values (null), (1)) t(p)");
    let rows = |world: &mut World, filter: &str| {
        world.rows(&format!("select p from (values (null), (1), (2)) t(p) where not ({filter})"))
    };
    assert_eq!(rows(&mut world, "coalesce(p in (select p from dirty), false)"), "2\nNULL");
    assert_eq!(rows(&mut world, &within("p", "dirty")), "2");
    world.sql("delete from dirty where p is null");
    assert_eq!(rows(&mut world, &within("p", "dirty")), "2\nNULL");
}

fn odd_moments_have_their_partitions(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.run_and_compare(&known);
    let ides = match on {
        On::DuckDb => "0044-03-15 (BC) 10:00:00",
        On::Postgres => "0044-03-15 10:00:00 BC",
    };
    world.sql(&format!(
        "insert into raw_orders values (10, 1, 'infinity', 1, null), (11, 1, '-infinity', 1, null), (12, 1, '{ides}', 1, null)"
    ));
    let report = world.run_and_compare(&known);
    assert_eq!(report.replaced_count, 3);
    world.sql("delete from raw_orders where order_id in (10, 12)");
    assert_eq!(world.run_and_compare(&known).replaced_count, 2);
}

fn a_whole_build_runs_the_views_of_the_project_not_those_the_database_still_holds(on: On) {
    let mut world = World::with_orders(on);
    world.sql("create view staged as select * from raw_orders");
    let text = "select * from raw_orders where amount > 20";
    let view = crate::exact::ViewText { unique_id: "model.shop.staged".into(), sql: text.into() };
    world.around.views.insert(world.relation("staged"), view);
    let known = super::world::Known::of("kept", "day:created_at", "select order_id, created_at from staged");
    world.run(&known).expect("a run");
    let rebuild = format!("select order_id, created_at from ({text}) as staged");
    assert_eq!(world.rows("select * from kept"), world.rows(&rebuild));
    // Had the first build run the old view, the ledger would now call its rows up to date.
    world.sql("update raw_orders set amount = 90 where order_id = 1");
    world.run(&known).expect("a run");
    assert_eq!(world.rows("select * from kept"), world.rows(&rebuild));
}
