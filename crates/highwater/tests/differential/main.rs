//! Random projects of the supported rules, random changes, and a rebuild after every run to compare with.
//!
//! | file | what |
//! | --- | --- |
//! | `world.rs` | the tables, the changes that happen to them, the runs and the comparison |
//! | `generate.rs` | queries composed of the rules |
//! | `shapes.rs` | every shape by name, on PostgreSQL |
//! | `transactions.rs` | transactions that commit in any order, on PostgreSQL |
//! | `tuples.rs` | tables told by their tuples, whatever is done to them, on PostgreSQL |
//! | `sharing.rs` | one scan for several models, on PostgreSQL |
//!
//! A trial is one run of one model after one batch of changes. `HW_TRIALS` sets how many each test makes; a failure prints the seed of its
//! project, and `HW_SEED` runs that one alone.

#[path = "../support/engines.rs"]
mod engines;
mod generate;
mod shapes;
mod sharing;
mod transactions;
mod tuples;
mod world;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use engines::On;
use generate::{Kind, Model, project};
use world::World;

/// Trials per test; there are four tests on DuckDB and one on PostgreSQL.
const TRIALS: usize = 550;

/// Batches of changes a project lives through.
const BATCHES: usize = 4;

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

fn sources(models: &[Model]) -> String {
    models.iter().map(|model| format!("{}: {}", model.name, model.sql)).collect::<Vec<_>>().join("\n")
}

/// Runs projects until enough trials have been made. Returns how many runs did less than rebuild everything.
fn trials(on: On, first_seed: u64) {
    let wanted = number("HW_TRIALS").unwrap_or(TRIALS);
    let only = number("HW_SEED").map(|seed| seed as u64);
    let (mut made, mut incremental, mut seed) = (0, 0, first_seed);
    while made < wanted {
        let mut random = SmallRng::seed_from_u64(only.unwrap_or(seed));
        let mut world = World::new(&mut random, on);
        let models = project(&mut random, on);
        for model in &models {
            world.add(model);
        }
        for batch in 0..=BATCHES {
            let changes = if batch == 0 { Vec::new() } else { world.change(&mut random) };
            for model in models.iter().filter(|model| model.kind != Kind::View) {
                let what = format!("seed {}, batch {batch}, {}", only.unwrap_or(seed), model.name);
                let report = world.run(model).unwrap_or_else(|error| panic!("{what}: {error}\n{}", sources(&models)));
                let difference = world.difference(model);
                assert!(
                    difference.is_empty(),
                    "{what}: table and rebuild differ\n{}\nafter\n{}\n{difference}\n{report:#?}",
                    sources(&models),
                    changes.join(";\n")
                );
                if batch > 0 {
                    made += 1;
                    incremental += usize::from(report.whole.is_none());
                }
            }
        }
        seed += 1;
        if only.is_some() {
            return;
        }
    }
    println!("{made} trials, {incremental} of them without rebuilding everything, {} projects", seed - first_seed);
    // Rebuilding everything is always right; a test in which little else happened would show nothing.
    assert!(incremental * 2 > made, "only {incremental} of {made} runs were incremental");
}

#[test]
fn projects_stay_exact_1() {
    trials(On::DuckDb, 1_000_000);
}

#[test]
fn projects_stay_exact_2() {
    trials(On::DuckDb, 2_000_000);
}

#[test]
fn projects_stay_exact_3() {
    trials(On::DuckDb, 3_000_000);
}

#[test]
fn projects_stay_exact_4() {
    trials(On::DuckDb, 4_000_000);
}

#[test]
fn projects_stay_exact_on_postgres() {
    trials(On::Postgres, 5_000_000);
}
