//! Detectors that rely on a promise: exact while it is kept, and found out when it is broken.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::differential::seeds;
use super::engines::{On, on_both_engines};
use super::world::{Known, World};
use crate::exact::detect::fingerprint::Naive;
use crate::exact::{Declared, Detect, ExactError, Mode, SwapReport};

on_both_engines![
    tables_are_exact_while_promises_are_kept,
    deleted_rows_show_in_the_count_of_a_table_that_only_grows,
    looking_strictly_beyond_the_newest_version_is_noticed,
    taking_promises_for_kept_is_noticed,
    an_audit_finds_a_broken_promise_within_its_days_and_says_so,
    days_without_a_run_are_made_up_for,
    what_is_declared_can_change_without_a_rebuild,
    a_moment_alone_is_no_version,
    explain_names_the_detector_and_its_promise,
    an_input_that_is_seen_anew_leaves_what_is_known_of_the_others,
];

/// In PostgreSQL a number is a version only where its writers commit in its order, which those here do.
fn row_version(on: On, no_deletes: bool, audit_days: Option<u32>) -> Declared {
    Declared {
        detect: Detect::RowVersion,
        version: "seq".into(),
        commit_order: on == On::Postgres,
        by_transaction: false,
        no_deletes,
        audit_days,
    }
}

fn append_only(on: On, audit_days: Option<u32>) -> Declared {
    Declared { detect: Detect::AppendOnly, ..row_version(on, false, audit_days) }
}

/// Models of several shapes over one table of events.
fn models() -> Vec<Known> {
    [
        ("by_day", "day:day", "select date_trunc('day', happened_at) as day, count(*) as n, sum(amount) as s from events group by 1"),
        ("rows_of", "day:happened_at", "select event_id, happened_at, amount from events where amount > 2"),
        ("by_customer", "key:customer_id", "select customer_id, count(*) as n, max(amount) as most from events group by 1"),
        (
            "newest",
            "day:happened_at",
            "with n as (select *, row_number() over (partition by customer_id order by happened_at desc nulls last, event_id) as place from events) select event_id, customer_id, happened_at, amount from n where place = 1",
        ),
    ]
    .map(|(name, cut, sql)| Known::of(name, cut, sql))
    .to_vec()
}

fn world(on: On, declared: &Declared) -> World {
    let mut world = World::new(on);
    world.sql("create table events (event_id integer, customer_id integer, happened_at timestamp, amount integer, seq bigint)");
    world.around.detectors.insert(world.relation("events"), declared.clone());
    // The newest event of a customer is one only when no two events have one number.
    world.around.unique.insert(world.relation("events"), vec![vec!["event_id".to_owned()]]);
    world
}

/// What those who write the table do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writers {
    /// They add rows.
    Add,
    /// They add rows, and write others anew on the same day and for the same customer.
    Correct,
    /// They add rows, write others anew, and delete some.
    Anything,
    /// They add rows and delete some.
    Delete,
}

/// One change. A version is never below any before it, and often the same.
fn change(random: &mut SmallRng, writers: Writers, event: &mut u32, seq: &mut u32) -> String {
    *seq += random.random_range(0..2);
    let kind = random.random_range(0..6);
    let some = random.random_range(0..(*event).max(1));
    let amount = random.random_range(0..6);
    let hours = random.random_range(0..150);
    let day = if random.random_bool(0.1) {
        "null".to_owned()
    } else {
        format!("timestamp '2026-02-01' + interval '{hours} hours'")
    };
    match (writers, kind) {
        (Writers::Correct | Writers::Anything, 0 | 1) => {
            format!("update events set amount = {amount}, seq = {seq} where event_id = {some}")
        }
        (Writers::Anything, 2) => format!("update events set happened_at = {day}, seq = {seq} where event_id = {some}"),
        (Writers::Anything | Writers::Delete, 3) => format!("delete from events where event_id = {some}"),
        _ => {
            *event += 1;
            format!("insert into events values ({event}, {}, {day}, {amount}, {seq})", random.random_range(0..4))
        }
    }
}

/// The promises that a run found broken.
fn broken(report: &SwapReport) -> Vec<&str> {
    let broken = report.findings.iter().filter(|finding| finding.rule == "broken-promise");
    broken.map(|finding| finding.message.as_str()).collect()
}

/// Walks, a day at a time or several runs on one day, and returns the first table that is not what a rebuild holds.
fn walk(on: On, seed: u64, declared: &Declared, writers: Writers, daily: bool, naive: Option<Naive>) -> Option<String> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut world = world(on, declared);
    world.naive = naive;
    let models = models();
    let (mut event, mut seq) = (0, 0);
    for step in 0..if naive.is_some() { 12 } else { on.steps(12) } {
        let changes: Vec<String> =
            (0..random.random_range(0..4)).map(|_| change(&mut random, writers, &mut event, &mut seq)).collect();
        for sql in &changes {
            world.sql(sql);
        }
        world.day += i64::from(daily);
        for known in &models {
            let report = world.run(known).unwrap_or_else(|error| panic!("{}: {error:?}", known.model.unique_id));
            let difference = world.difference(known);
            if !difference.is_empty() {
                return Some(format!(
                    "{} at step {step} of seed {seed}: {changes:?}\n{difference}\n{report:?}",
                    known.model.unique_id
                ));
            }
            let broken: Vec<&str> = broken(&report);
            assert!(naive.is_some() || broken.is_empty() || writers == Writers::Delete, "{broken:?}");
        }
    }
    None
}

/// Declarations with writers who keep them.
fn kept(on: On) -> Vec<(Declared, Writers, bool)> {
    vec![
        (row_version(on, true, None), Writers::Correct, false),
        (row_version(on, true, Some(3)), Writers::Correct, true),
        (row_version(on, false, Some(1)), Writers::Anything, true),
        (append_only(on, None), Writers::Add, false),
        (append_only(on, Some(7)), Writers::Add, true),
    ]
}

fn tables_are_exact_while_promises_are_kept(on: On) {
    for (declared, writers, daily) in kept(on) {
        for seed in seeds() {
            if let Some(wrong) = walk(on, seed, &declared, writers, daily, None) {
                panic!("{declared:?}: {wrong}");
            }
        }
    }
}

fn deleted_rows_show_in_the_count_of_a_table_that_only_grows(on: On) {
    for seed in seeds() {
        let wrong = walk(on, seed, &append_only(on, None), Writers::Delete, false, None);
        assert_eq!(wrong, None);
    }
}

/// Of tables that only grow this need not be tried: their row count would give it away.
fn looking_strictly_beyond_the_newest_version_is_noticed(on: On) {
    let declared = row_version(on, true, None);
    let naive = Some(Naive::BeyondTheVersion);
    let noticed = (0..8).any(|seed| walk(on, seed, &declared, Writers::Correct, false, naive).is_some());
    assert!(noticed, "a filter on > max(seq) goes unnoticed");
}

fn taking_promises_for_kept_is_noticed(on: On) {
    for (declared, writers, daily) in
        [(row_version(on, false, Some(1)), Writers::Anything, true), (append_only(on, Some(1)), Writers::Delete, true)]
    {
        let noticed = (0..8).any(|seed| walk(on, seed, &declared, writers, daily, Some(Naive::NoAudit)).is_some());
        assert!(noticed, "{declared:?}: without an audit nothing is noticed");
    }
}

/// Rows for ten days, and a model over them.
fn ten_days(on: On, declared: &Declared) -> (World, Known) {
    let mut world = world(on, declared);
    world.sql(
        "insert into events select i, i % 3, timestamp '2026-02-01' + i * interval '1 hour', i, i from generate_series(0, 239) made(i)",
    );
    let known = models().remove(0);
    world.run_and_compare(&known);
    (world, known)
}

fn an_audit_finds_a_broken_promise_within_its_days_and_says_so(on: On) {
    let (mut world, known) = ten_days(on, &append_only(on, Some(4)));
    world.sql("update events set amount = 1000 where event_id = 5");
    let mut found = Vec::new();
    for day in 1..=4 {
        world.day = day;
        let report = world.run(&known).expect("a run");
        found.extend(broken(&report).into_iter().map(str::to_owned));
        assert_eq!(world.difference(&known).is_empty(), !found.is_empty(), "day {day}");
    }
    insta::assert_snapshot!(found.join("\n"), @"events is declared append_only, but 1 day changed without a new seq: all of it was looked at");
    // On one day it gets around once: the runs after the first write nothing.
    let before = world.ledger();
    assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged);
    assert_eq!(world.ledger(), before);
}

fn days_without_a_run_are_made_up_for(on: On) {
    let (mut world, known) = ten_days(on, &row_version(on, false, Some(7)));
    world.sql("delete from events where event_id in (5, 100)");
    world.day = 30;
    let report = world.run_and_compare(&known);
    assert_eq!((report.replaced_count, broken(&report).len()), (2, 0), "deletions were left to the audit");
}

fn what_is_declared_can_change_without_a_rebuild(on: On) {
    let (mut world, known) = ten_days(on, &row_version(on, true, None));
    for declared in [None, Some(append_only(on, Some(7))), Some(row_version(on, true, None)), None] {
        world.around.detectors.clear();
        world.around.detectors.extend(declared.map(|declared| (world.relation("events"), declared)));
        world.sql("insert into events select max(event_id) + 1, 1, '2026-02-03', 1, max(seq) + 1 from events");
        let report = world.run_and_compare(&known);
        assert_eq!((report.mode, report.replaced_count), (Mode::Incremental, 1));
        assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged);
    }
}

fn a_moment_alone_is_no_version(on: On) {
    let mut stamped = Declared { commit_order: false, ..row_version(on, true, None) };
    stamped.version = "happened_at".into();
    let mut world = world(on, &stamped);
    let known = models().remove(0);
    let error = world.run(&known).expect_err("a moment");
    let diagnostic = error.diagnostic();
    let said = format!("{}\n{}", diagnostic.title, diagnostic.notes.join("\n"));
    insta::assert_snapshot!(said.replace(" WITHOUT TIME ZONE", ""), @r"
    events cannot be detect: row_version
    happened_at is TIMESTAMP, a moment: a row can be stamped early and committed late, and nobody who looks beyond the newest stamp would ever see it
    ");
    stamped.version = "revision".into();
    world.around.detectors.insert(world.relation("events"), stamped.clone());
    let error = world.run(&known).expect_err("no such column");
    assert!(
        matches!(&error, ExactError::Detector { problem, .. } if problem == "it has no column revision"),
        "{error:?}"
    );
    stamped.version = "happened_at".into();
    stamped.commit_order = true;
    world.around.detectors.insert(world.relation("events"), stamped);
    world.run_and_compare(&known);
}

fn explain_names_the_detector_and_its_promise(on: On) {
    let order = " and seq rises in the order of commits";
    let mut lines = Vec::new();
    for declared in [row_version(on, true, None), append_only(on, Some(7))] {
        let mut world = world(on, &declared);
        let known = models().remove(0);
        let explanation = world.explain(&known).expect("explanation");
        let contract = &explanation.inputs[0].contract;
        assert_eq!(contract.contains(order), declared.commit_order, "{contract}");
        lines.push(format!("{}: {}", explanation.inputs[0].detector, contract.replace(&format!(",{order}"), "")));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    row_version by seq: promised: every write gives the row a seq not below any committed before; no row is deleted or changes its day
    append_only by seq, and fingerprint of 2 columns by day in turns: promised: rows are written once, with a seq not below any committed before; deleted rows show in the row count; updated rows are found by an audit of every day within 7 days
    ");
}

/// One input is seen anew, because its table has become another exact model; what the ledger remembers of the other input must stay.
fn an_input_that_is_seen_anew_leaves_what_is_known_of_the_others(on: On) {
    let (mut world, _) = ten_days(on, &row_version(on, false, Some(1)));
    world.sql("create table raw_people as select i as customer_id, i % 2 as kind from generate_series(0, 2) made(i)");
    let people = Known::of("people", "key:customer_id", "select customer_id, kind from raw_people");
    world.run_and_compare(&people);
    let known = Known::of(
        "seen",
        "day:happened_at",
        "select e.event_id, e.happened_at, p.kind from events e join people p on p.customer_id = e.customer_id",
    );
    world.run_and_compare(&known);
    world.announce(&people);
    world.run_and_compare(&known);
    world.sql("delete from events where happened_at >= '2026-02-04' and happened_at < '2026-02-05'");
    world.day = 1;
    world.run_and_compare(&known);
}
