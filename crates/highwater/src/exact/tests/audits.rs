//! Tests before publishing: what fails is never seen, what passes is, and nothing of it is forgotten. Held against rebuilds over random
//! changes; then the same with mistakes made on purpose, which must be noticed.

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::engines::{On, on_both_engines};
use super::world::{Known, World, texts};
use crate::audit::AuditTest;
use crate::exact::detect::fingerprint::Naive;
use crate::exact::{Mode, SwapReport};

on_both_engines![
    what_fails_is_held_back_and_tried_again,
    a_row_that_moved_out_of_a_held_day_is_not_published_twice,
    a_first_build_and_one_with_new_columns,
    a_test_that_does_not_say_where_holds_everything_back,
    what_failed_before_and_is_not_touched_holds_nothing_back,
    random_changes_with_tests_before_publishing,
    mistakes_are_noticed,
];

/// Orders by day, guarded by a test on a column, one that looks at the whole table, and one that returns whole rows.
fn guarded(world: &World) -> Known {
    let facts = world.relation("facts").sql();
    let mut known =
        Known::of("facts", "day:created_at", "select order_id, customer_id, created_at, amount from raw_orders");
    known.model.audits = vec![
        AuditTest::of(
            "not_null_customer_id",
            &format!("select customer_id from {facts} where customer_id is null"),
            Some("customer_id"),
        ),
        AuditTest::of(
            "unique_order_id",
            &format!(
                "select order_id as unique_field, count(*) as n_records from {facts} where order_id is not null group by order_id having count(*) > 1"
            ),
            Some("order_id"),
        ),
        AuditTest::of("no_negative", &format!("select * from {facts} where amount < 0"), None),
    ];
    known
}

fn shown(report: &SwapReport) -> String {
    let held = report.held.iter().map(|held| format!("{} ({})", held.label, held.tests.join(", ")));
    let held: Vec<String> = held.collect();
    format!("{:?}: {} replaced, {} held: {}", report.mode, report.replaced_count, report.held_count, held.join("; "))
}

/// Orders that pass.
fn orders(on: On) -> World {
    let mut world = World::new(on);
    world.sql(
        "insert into raw_orders values (1, 1, '2026-02-01 10:00', 10, null), (2, 2, '2026-02-02 11:00', 20, null), \
         (3, 1, '2026-02-03 09:00', 30, null), (4, 1, null, 30, null)",
    );
    world
}

fn what_fails_is_held_back_and_tried_again(on: On) {
    let mut world = orders(on);
    let known = guarded(&world);
    world.run_and_compare(&known);
    world.sql(
        "insert into raw_orders values (5, 1, '2026-02-01 12:00', -1, null), (6, 2, '2026-02-02 12:00', 7, null), (7, null, null, 7, null)",
    );
    let report = world.run(&known).expect("run");
    assert_eq!(
        shown(&report),
        "Incremental: 1 replaced, 2 held: 2026-02-01 (no_negative); NULL (not_null_customer_id)"
    );
    assert_eq!(world.rows("select order_id from facts where order_id > 4"), "6");
    let ledger = world.rows("select interval_start, kind, detail from highwater.dirty");
    assert_eq!(ledger, "2026-02-01 00:00:00 | held | no_negative\nNULL | held | not_null_customer_id");
    // Nothing changed, and still it is dirty, for a reason.
    let again = world.run(&known).expect("run");
    assert_eq!(shown(&again), "Incremental: 0 replaced, 2 held: 2026-02-01 (no_negative); NULL (not_null_customer_id)");
    assert_eq!(again.dirty[0].reasons, ["held back before: its rows failed a test"]);
    world.sql("update raw_orders set amount = 1 where order_id = 5; delete from raw_orders where order_id = 7");
    let mended = world.run_and_compare(&known);
    assert_eq!(shown(&mended), "Incremental: 1 replaced, 0 held: ");
    assert_eq!(world.rows("select * from highwater.dirty"), "");
    assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged);
}

fn a_row_that_moved_out_of_a_held_day_is_not_published_twice(on: On) {
    let mut world = orders(on);
    let mut known = guarded(&world);
    known.model.unique_key = texts(&["order_id"]);
    world.run_and_compare(&known);
    // Order 1 goes from a day that will be held back to one that passes, where it would stand beside its old self.
    world.sql(
        "update raw_orders set created_at = '2026-02-02 13:00' where order_id = 1; \
         insert into raw_orders values (5, 1, '2026-02-01 12:00', -1, null), (6, 2, '2026-02-03 12:00', 7, null)",
    );
    let report = world.run(&known).expect("run");
    assert_eq!(
        shown(&report),
        "Incremental: 1 replaced, 2 held: 2026-02-01 (no_negative); 2026-02-02 (unique_key, unique_order_id)"
    );
    assert_eq!(world.rows("select order_id, created_at from facts where order_id = 1"), "1 | 2026-02-01 10:00:00");
}

fn a_first_build_and_one_with_new_columns(on: On) {
    let mut world = orders(on);
    let mut known = guarded(&world);
    world.sql("update raw_orders set amount = -1 where order_id = 2");
    let report = world.run(&known).expect("run");
    assert_eq!(shown(&report), "New: 3 replaced, 1 held: 2026-02-02 (no_negative)");
    assert_eq!(world.rows("select order_id from facts"), "1\n3\n4");
    // The old rows have no place in a table with other columns: nothing is published.
    known.model.sql = known.model.sql.replace("amount from", "amount, note from");
    let report = world.run(&known).expect("run");
    assert_eq!(shown(&report).split(':').next(), Some("Whole"));
    assert_eq!((report.held_count, report.changed), (4, false));
    assert_eq!(world.rows("select order_id from facts"), "1\n3\n4");
    world.sql("update raw_orders set amount = 1 where order_id = 2");
    world.run_and_compare(&known);
    // Where every row fails, there is no table after a first build, and the next run builds it.
    let mut world = orders(on);
    let known = guarded(&world);
    world.sql("update raw_orders set amount = -1");
    assert_eq!(world.run(&known).expect("run").held_count, 4);
    let facts = world.relation("facts");
    assert_eq!(world.session.kind(&facts).expect("kind"), None);
    world.sql("update raw_orders set amount = 1");
    world.run_and_compare(&known);
}

fn a_test_that_does_not_say_where_holds_everything_back(on: On) {
    let mut world = orders(on);
    let mut known = guarded(&world);
    let facts = world.relation("facts").sql();
    let sql = format!("select 1 as too_much from (select sum(amount) as total from {facts}) as t where total > 100");
    known.model.audits.push(AuditTest::of("total", &sql, None));
    world.run_and_compare(&known);
    world.sql(
        "update raw_orders set amount = 20 where order_id = 1; update raw_orders set amount = 70 where order_id = 2",
    );
    let report = world.run(&known).expect("run");
    assert_eq!(shown(&report), "Incremental: 0 replaced, 2 held: 2026-02-01 (total); 2026-02-02 (total)");
}

fn what_failed_before_and_is_not_touched_holds_nothing_back(on: On) {
    let mut world = orders(on);
    let mut known = guarded(&world);
    let audits = std::mem::take(&mut known.model.audits);
    world.sql("insert into raw_orders values (1, 1, '2026-02-09', -10, null)");
    world.run_and_compare(&known);
    known.model.audits = audits;
    world.sql("update raw_orders set amount = 21 where order_id = 2");
    let report = world.run_and_compare(&known);
    assert_eq!(shown(&report), "Incremental: 1 replaced, 0 held: ");
    assert_eq!(report.audits.iter().filter(|audited| audited.failed()).count(), 2);
}

/// A random change: rows that pass and rows that do not, moved, mended, redelivered, deleted.
fn change(world: &mut World, random: &mut SmallRng, next: &mut u32) {
    let day = |random: &mut SmallRng| match random.random_range(1..8) {
        7 => "null".to_owned(),
        day => format!("'2026-02-0{day} 10:00'"),
    };
    let some = random.random_range(1..=*next);
    let sql = match random.random_range(0..9) {
        0..3 => {
            *next += 1;
            let customer = if random.random_bool(0.15) { "null" } else { "1" };
            let amount = if random.random_bool(0.15) { -1 } else { 5 };
            format!("insert into raw_orders values ({next}, {customer}, {}, {amount}, null)", day(random))
        }
        3 => format!("update raw_orders set created_at = {} where order_id = {some}", day(random)),
        4 => format!("update raw_orders set amount = abs(amount) + 1, customer_id = 1 where order_id = {some}"),
        5 => format!("update raw_orders set amount = -2 where order_id = {some}"),
        6 => format!("delete from raw_orders where order_id = {some}"),
        7 => format!("insert into raw_orders values ({some}, 1, {}, 5, null)", day(random)),
        _ => format!("delete from raw_orders where order_id = {some} and customer_id is null"),
    };
    world.sql(&sql);
}

/// The day of a row, as runs label it.
const DAY: &str = "coalesce(cast(cast(created_at as date) as varchar), 'NULL')";

/// The days on which the table is not what a rebuild holds.
fn different_days(world: &mut World, known: &Known) -> BTreeSet<String> {
    let query = &known.model.sql;
    let rows = world.rows(&format!(
        "select distinct {DAY} from (((select * from facts) except all ({query})) union all (({query}) except all (select * from facts))) as wrong"
    ));
    rows.lines().map(str::to_owned).collect()
}

/// The rows of a table on some days.
fn rows_of(world: &mut World, table: &str, days: &BTreeSet<String>) -> String {
    let days: Vec<String> = days.iter().map(|day| format!("'{day}'")).collect();
    let list = if days.is_empty() { "''".to_owned() } else { days.join(", ") };
    world.rows(&format!("select * from {table} where {DAY} in ({list})"))
}

/// What is wrong after a run, if anything.
fn wrong(world: &mut World, known: &Known, before: &str, report: &SwapReport) -> Option<String> {
    let held: BTreeSet<String> = report.held.iter().map(|held| held.label.clone()).collect();
    for test in &known.model.audits {
        let failing = world.rows(&test.sql);
        if !failing.is_empty() {
            return Some(format!("{} fails in the table: {failing}", test.name));
        }
    }
    let different = different_days(world, known);
    if !different.is_subset(&held) {
        return Some(format!("{different:?} differ from a rebuild, and {held:?} are held back"));
    }
    if !held.is_empty() && rows_of(world, "facts", &held) != before {
        return Some("what is held back does not have its old rows".to_owned());
    }
    let rebuilt = &known.model.sql;
    let facts = world.relation("facts").sql();
    let sound = known
        .model
        .audits
        .iter()
        .all(|test| world.rows(&test.sql.replace(&facts, &format!("({rebuilt}) as rebuilt"))).is_empty());
    if sound && !held.is_empty() {
        return Some(format!("{held:?} are held back though a rebuild passes"));
    }
    let marked = world.rows(&format!("select {} from highwater.dirty", DAY.replace("created_at", "interval_start")));
    let marked: BTreeSet<String> = marked.lines().map(str::to_owned).collect();
    (marked != held).then(|| format!("{held:?} are held back, and the ledger says {marked:?}"))
}

/// One trial: random changes, a run after each few. Returns what went wrong.
fn trial(on: On, seed: u64, naive: Option<Naive>) -> Option<String> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut world = orders(on);
    let mut known = guarded(&world);
    if seed.is_multiple_of(2) {
        known.model.audits.pop();
    }
    world.naive = naive;
    world.run_and_compare(&known);
    let mut next = 10;
    for step in 0..6 {
        for _ in 0..random.random_range(1..5) {
            change(&mut world, &mut random, &mut next);
        }
        world.sql("drop table if exists old_facts; create temp table old_facts as select * from facts");
        let report = match world.run(&known) {
            Ok(report) => report,
            Err(error) => return Some(error.to_string()),
        };
        let held: BTreeSet<String> = report.held.iter().map(|held| held.label.clone()).collect();
        let old = rows_of(&mut world, "old_facts", &held);
        if let Some(wrong) = wrong(&mut world, &known, &old, &report) {
            return Some(format!("seed {seed}, step {step}: {wrong}"));
        }
        // The ledger knows the table: a run without news replaces nothing, and holds back the same.
        let again = world.run(&known).expect("a second run");
        if again.replaced_count > 0 || again.held != report.held {
            return Some(format!("seed {seed}, step {step}: then {}", shown(&again)));
        }
    }
    world.sql(
        "update raw_orders set amount = abs(amount) + 1, customer_id = coalesce(customer_id, 1); \
         create table kept as select order_id, customer_id, created_at, amount, note from \
         (select *, row_number() over (partition by order_id order by created_at) as copy from raw_orders) as copies where copy = 1; \
         delete from raw_orders; insert into raw_orders select * from kept",
    );
    world.run(&known).expect("the last run");
    let difference = world.difference(&known);
    (!difference.is_empty()).then(|| format!("seed {seed}: mended, and still {difference}"))
}

/// Trials; more with `HW_TRIALS`.
fn trials() -> u64 {
    std::env::var("HW_TRIALS").ok().and_then(|trials| trials.parse().ok()).unwrap_or(4)
}

fn random_changes_with_tests_before_publishing(on: On) {
    for seed in 0..trials() {
        assert_eq!(trial(on, seed, None), None);
    }
}

fn mistakes_are_noticed(on: On) {
    for naive in [Naive::PublishesFirst, Naive::AsksOnce, Naive::ForgetsHeld] {
        assert!((0..20).any(|seed| trial(on, seed, Some(naive)).is_some()), "{naive:?} went unnoticed");
    }
}
