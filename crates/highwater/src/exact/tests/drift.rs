//! A ledger and a table that have come apart, and rows that people may not expect to be there.

use super::engines::{On, on_both_engines};
use super::world::{Known, World, daily};
use crate::engine::Relation;
use crate::exact::Mode;

on_both_engines![
    a_table_is_compared_in_turns_where_that_is_enough,
    a_table_brought_back_from_a_copy_is_mended_day_by_day,
    a_ledger_brought_back_from_a_copy_is_believed_no_further_than_it_goes,
    an_earlier_ledger_is_brought_up_to_date,
    a_ledger_that_lost_fingerprints_is_not_compared_with,
    a_parent_whose_numbers_begin_again_is_looked_at_anew,
    rows_before_the_beginning_and_of_days_to_come_are_counted,
    one_model_in_two_schemas_is_two_tables,
    what_is_gone_is_forgotten_when_something_new_is_built,
];

fn a_table_is_compared_in_turns_where_that_is_enough(on: On) {
    let mut world = World::with_orders(on);
    let mut known = daily();
    known.model.audit_days = Some(3);
    world.run_and_compare(&known);
    world.sql("update daily set revenue = revenue + 1 where day = '2026-02-02'");
    let mut mended = None;
    for day in 0..=3 {
        world.day = day;
        let report = world.run(&known).expect("a run");
        if world.difference(&known).is_empty() {
            mended = mended.or(Some((day, report.replaced_count)));
        }
    }
    let (day, replaced) = mended.expect("every day has had its turn");
    assert!((1..=3).contains(&day) && replaced == 1, "{mended:?}");
    let before = world.ledger();
    assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged);
    assert_eq!(world.ledger(), before, "a second run on one day writes nothing");
    // Another number of rows shows at once.
    world.sql("delete from daily where day = '2026-02-03'");
    assert_eq!(world.run_and_compare(&known).replaced_count, 1);
    // What changes in the sources is built whatever the turn.
    world.sql("update raw_orders set amount = 0 where order_id = 3; insert into raw_orders values (8, 1, '2026-02-20', 1, null)");
    assert_eq!(world.run_and_compare(&known).replaced_count, 2);
}

fn a_table_brought_back_from_a_copy_is_mended_day_by_day(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.run_and_compare(&known);
    world.sql("create table copy as select * from daily");
    world.sql("update raw_orders set amount = 1 where order_id = 3");
    world.run_and_compare(&known);
    world.sql("drop table daily; alter table copy rename to daily");
    let report = world.run_and_compare(&known);
    assert_eq!((report.mode, report.replaced_count), (Mode::Incremental, 1));
}

fn a_ledger_brought_back_from_a_copy_is_believed_no_further_than_it_goes(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.run_and_compare(&known);
    let tables = ["models", "partitions", "inputs", "fingerprints", "runs"];
    for table in tables {
        world.sql(&format!("create table copy_{table} as select * from highwater.{table}"));
    }
    world.sql("update raw_orders set amount = 1 where order_id = 3; delete from raw_orders where order_id = 4");
    world.run_and_compare(&known);
    for table in tables {
        world.sql(&format!("delete from highwater.{table}; insert into highwater.{table} select * from copy_{table}"));
    }
    world.sql("update raw_orders set amount = 2 where order_id = 1");
    let report = world.run_and_compare(&known);
    assert_eq!((report.mode, report.dirty_count), (Mode::Incremental, 3));
}

fn an_earlier_ledger_is_brought_up_to_date(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.run_and_compare(&known);
    world.sql("drop table highwater.leases; drop table highwater.dirty; drop table highwater.compared; update highwater.ledger set version = 1");
    for (table, columns) in [
        ("models", &["audited"][..]),
        ("inputs", &["token"]),
        ("runs", &["detect_seconds", "build_seconds", "foreseen_seconds", "rebuild_seconds"]),
    ] {
        for column in columns {
            world.sql(&format!("alter table highwater.{table} drop column {column}"));
        }
    }
    world.sql("update raw_orders set amount = 1 where order_id = 3");
    let report = world.run_and_compare(&known);
    assert_eq!((report.mode, report.replaced_count), (Mode::Incremental, 1));
    assert_eq!(world.rows("select version from highwater.ledger"), "7");
}

/// A group that is gone from the source is missed by its fingerprint only.
fn a_ledger_that_lost_fingerprints_is_not_compared_with(on: On) {
    for lost in [
        "drop table highwater.fingerprints",
        "delete from highwater.fingerprints",
        "delete from highwater.fingerprints where interval_start = timestamp '2026-02-02'",
    ] {
        let mut world = World::with_orders(on);
        let known = daily();
        world.run_and_compare(&known);
        world.sql(lost);
        world.sql("delete from raw_orders where created_at >= '2026-02-02' and created_at < '2026-02-03'");
        assert_eq!(world.run_and_compare(&known).mode, Mode::Whole, "{lost}");
        assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged, "{lost}");
    }
}

/// The child has seen numbers of changes that come a second time.
fn a_parent_whose_numbers_begin_again_is_looked_at_anew(on: On) {
    let mut world = World::with_orders(on);
    let (parent, child) = (daily(), Known::of("child", "day:day", "select day, revenue from daily"));
    world.announce(&parent);
    let change = |world: &mut World, order: u32, amount: u32| {
        world.sql(&format!("update raw_orders set amount = {amount} where order_id = {order}"));
        world.run_and_compare(&parent);
    };
    for amount in 100..104 {
        change(&mut world, 3, amount);
        world.run_and_compare(&child);
    }
    world.sql("delete from highwater.models where model = 'main.daily'");
    change(&mut world, 3, 104);
    for amount in 100..106 {
        change(&mut world, 1, amount);
    }
    assert_eq!(world.run_and_compare(&child).mode, Mode::Whole);
    assert_eq!(world.run_and_compare(&parent).mode, Mode::Unchanged);
    assert_eq!(world.run_and_compare(&child).mode, Mode::Unchanged);
}

fn rows_before_the_beginning_and_of_days_to_come_are_counted(on: On) {
    let mut world = World::with_orders(on);
    let mut known = daily();
    known.model.begin = Some("2026-02-02".into());
    world.sql("insert into raw_orders values (7, 1, '2026-12-15', 5, null)");
    let report = world.run_and_compare(&known);
    assert_eq!((report.excluded_null_rows, report.early_rows, report.future_rows), (1, 1, 1));
}

fn one_model_in_two_schemas_is_two_tables(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    let mut other = daily();
    world.sql("create schema dev");
    other.model.relation = Relation::new("shop", "dev", "daily");
    assert_eq!(world.run_and_compare(&known).mode, Mode::New);
    assert_eq!(world.run_and_compare(&other).mode, Mode::New);
    world.sql("update raw_orders set amount = 1 where order_id = 3");
    assert_eq!(world.run_and_compare(&other).replaced_count, 1);
    assert_eq!(world.run_and_compare(&known).replaced_count, 1);
    assert_eq!(world.run_and_compare(&other).mode, Mode::Unchanged);
}

/// A model that was removed leaves its rows until its table is gone, too.
fn what_is_gone_is_forgotten_when_something_new_is_built(on: On) {
    let mut world = World::with_orders(on);
    let gone = daily();
    world.run_and_compare(&gone);
    let rows = |world: &mut World| {
        world.rows("select distinct model from highwater.partitions union select model from highwater.fence")
    };
    let by_key =
        |name: &str| Known::of(name, "key:customer_id", "select customer_id, count(*) as n from raw_orders group by 1");
    world.run_and_compare(&by_key("second"));
    assert_eq!(rows(&mut world), "main.daily\nmain.second", "its table stands");
    world.around.in_project.insert(world.own(&gone).model.relation);
    world.sql("drop table daily");
    world.run_and_compare(&by_key("third"));
    assert_eq!(rows(&mut world), "main.daily\nmain.second\nmain.third", "the project has it: the table will be missed");
    world.around.in_project.clear();
    world.run_and_compare(&by_key("fourth"));
    assert_eq!(rows(&mut world), "main.fourth\nmain.second\nmain.third");
    assert!(world.rows("select model from highwater.runs").contains("main.daily"), "what was done stays on record");
    // It comes back as a new one.
    assert_eq!(world.run_and_compare(&gone).mode, Mode::New);
}
