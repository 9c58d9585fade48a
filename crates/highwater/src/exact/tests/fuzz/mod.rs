//! Generated projects: queries made by a grammar over random tables, kept exact through batches of changes, a rebuild after every run to
//! compare with. What fails is made as small as it gets and printed as a project that a person can read.
//!
//! | file | what |
//! | --- | --- |
//! | `schema.rs` | random tables, rows and changes |
//! | `node.rs` | queries as trees that can be made smaller |
//! | `grammar/` | the productions, one file per family of operators |
//! | `generate.rs` | a whole case from a seed |
//! | `case.rs` | cases: run, written down, read back |
//! | `shrink.rs` | smaller cases that fail alike |
//! | `mutants.rs` | rules and detectors got wrong on purpose, which must be noticed |
//! | `metamorphic.rs` | what must hold without a rebuild to compare with |
//! | `found/` | what was found once and must stay right |
//!
//! A trial is one run of one model after one batch of changes. `HW_TRIALS` sets how many each of the four tests makes, `HW_FROM` their first
//! seed; `HW_SEED` runs one case alone, and prints it; `HW_COUNT=1` prints what was counted.

pub(crate) mod case;
pub(crate) mod generate;
mod grammar;
mod metamorphic;
mod mutants;
mod node;
mod schema;
mod shrink;

use case::{Manner, Outcome, Place, RIGHT, Tally, parse};

/// Trials per test; there are four tests on DuckDB.
const TRIALS: u64 = 750;

/// Trials on Postgres, which makes a database for each case.
const TRIALS_ON_POSTGRES: u64 = 100;

pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs cases until enough trials have been made.
fn trials(place: Place, first_seed: u64, trials: u64) {
    let (wanted, only) = (number("HW_TRIALS").unwrap_or(trials), number("HW_SEED"));
    let first_seed = number("HW_FROM").unwrap_or(first_seed);
    let manner = Manner { place, ..RIGHT };
    let (mut tally, mut seed, mut invalid, mut refused) = (Tally::default(), only.unwrap_or(first_seed), 0, 0);
    let mut wrong = Vec::new();
    while tally.trials < wanted {
        let case = generate::case(seed, &[], place);
        if only.is_some() {
            println!("{case}");
        }
        match case.run(manner) {
            Outcome::Exact(counted) => tally.add(&counted),
            Outcome::Invalid(why) => {
                invalid += 1;
                if number("HW_COUNT").is_some() {
                    println!("seed {seed} is no case: {why}");
                }
            }
            Outcome::Refused(rule) => {
                // Every query of the grammar has one answer: a refusal is a loss, if not an error.
                refused += 1;
                println!("seed {seed} is refused: {rule}");
            }
            outcome => {
                let (case, outcome) = shrink::shrink(case, outcome, manner);
                let found = format!("--- seed {seed}\n{case}{outcome}");
                println!("{found}");
                wrong.push(found);
                if wrong.len() as u64 > number("HW_FAILURES").unwrap_or(0) {
                    break;
                }
            }
        }
        seed += 1;
        if only.is_some() {
            break;
        }
    }
    let cases = seed - first_seed.min(seed);
    println!(
        "{} trials in {cases} cases from seed {first_seed}, {invalid} of them no cases and {refused} refused; runs {:?}; classes {:?}, {} % better than everything; \
         the others for {:?}",
        tally.trials,
        tally.runs,
        tally.classes,
        tally.better(),
        tally.forced
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let missing: Vec<&str> =
        grammar::productions(place == Place::DuckDb).filter(|name| !tally.productions.contains_key(name)).collect();
    assert!(only.is_some() || wanted < TRIALS || missing.is_empty(), "never came up: {missing:?}");
    // Most of what the grammar makes must be cases, or nothing has been shown.
    assert!(
        only.is_some() || (invalid + refused) * 5 < cases,
        "{invalid} of {cases} cases were none, {refused} were refused"
    );
}

#[test]
fn generated_projects_stay_exact_1() {
    trials(Place::DuckDb, 10_000_000, TRIALS);
}

#[test]
fn generated_projects_stay_exact_2() {
    trials(Place::DuckDb, 20_000_000, TRIALS);
}

#[test]
fn generated_projects_stay_exact_3() {
    trials(Place::DuckDb, 30_000_000, TRIALS);
}

#[test]
fn generated_projects_stay_exact_4() {
    trials(Place::DuckDb, 40_000_000, TRIALS);
}

#[test]
#[ignore = "a server and some minutes: asked for by name"]
fn generated_projects_stay_exact_on_postgres() {
    trials(Place::Postgres, 70_000_000, TRIALS_ON_POSTGRES);
}

#[test]
fn what_was_found_once_stays_right() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/exact/tests/fuzz/found");
    for entry in std::fs::read_dir(folder).expect("found/") {
        let path = entry.expect("an entry").path();
        let case = parse(&std::fs::read_to_string(&path).expect("a case"));
        assert!(!case.models.is_empty() && !case.batches.is_empty(), "{} holds no case", path.display());
        match case.run(RIGHT) {
            Outcome::Exact(_) => {}
            other => panic!("{}\n{other}", path.display()),
        }
    }
}
