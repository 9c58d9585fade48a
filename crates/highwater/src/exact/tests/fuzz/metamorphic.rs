//! What must hold whatever a rebuild says: the same question asked in two ways has one answer.

use super::case::{Case, Manner, Outcome, Place, RIGHT, Wrong};
use super::{generate, number};
use crate::exact::detect::fingerprint::Naive;

/// Cases per test.
const CASES: u64 = 8;

/// Compares two ways of living through each of some cases. A case that is none, or that fails by itself, is for other tests.
fn same(first_seed: u64, other: impl Fn(&Case) -> (Case, Manner)) {
    let (cases, mut compared) = (number("HW_CASES").unwrap_or(CASES), 0);
    for seed in first_seed..first_seed + cases {
        let case = generate::case(seed, &[], Place::DuckDb);
        let (changed, manner) = other(&case);
        let Ok(one) = case.contents(RIGHT) else { continue };
        match changed.contents(manner) {
            Ok(two) => assert_eq!(one, two, "seed {seed}\n{case}"),
            Err(outcome) => panic!("seed {seed}\n{changed}{outcome}"),
        }
        compared += 1;
    }
    assert!(compared * 2 > cases, "only {compared} of {cases} cases could be compared");
}

#[test]
fn a_run_with_nothing_new_writes_nothing() {
    for seed in 60_000_000..60_000_000 + number("HW_CASES").unwrap_or(CASES) {
        let case = generate::case(seed, &[], Place::DuckDb);
        match case.run(Manner { again: true, ..RIGHT }) {
            Outcome::Exact(_) | Outcome::Invalid(_) | Outcome::Refused(_) => {}
            outcome => panic!("seed {seed}\n{case}{outcome}"),
        }
    }
}

/// A change and its inverse: the tables are as they were.
#[test]
fn changes_taken_back_leave_no_trace() {
    same(61_000_000, |case| {
        let kept = case.tables.iter().map(|(name, _)| name).filter(|name| !name.is_empty());
        let keep = kept.clone().map(|name| format!("create table kept_{name} as select * from {name}")).collect();
        let restore =
            kept.map(|name| format!("delete from {name}; insert into {name} select * from kept_{name}")).collect();
        // In the end the changes come again, so that both ways end alike.
        let mut batches = vec![keep];
        batches.extend(case.batches.iter().cloned());
        batches.push(restore);
        batches.extend(case.batches.iter().cloned());
        (Case { batches, ..case.clone() }, RIGHT)
    });
}

#[test]
fn many_batches_are_one() {
    same(62_000_000, |case| (Case { batches: vec![case.batches.concat()], ..case.clone() }, RIGHT));
}

#[test]
fn days_are_months() {
    same(63_000_000, |case| {
        let mut changed = case.clone();
        for model in &mut changed.models {
            model.cut = match model.cut.split_once(':') {
                Some(("day" | "hour", column)) => format!("month:{column}"),
                Some(("month", column)) => format!("day:{column}"),
                _ => model.cut.clone(),
            };
        }
        (changed, RIGHT)
    });
}

#[test]
fn more_than_the_dirty_partitions_is_the_same() {
    let wasteful = Manner { wrong: Some(Wrong::Detector(Naive::MoreThanChanged)), ..RIGHT };
    same(64_000_000, |case| (case.clone(), wasteful));
}

#[test]
fn one_thread_is_two() {
    same(65_000_000, |case| (case.clone(), Manner { threads: 2, ..RIGHT }));
}
