//! Queries that an analysis could get wrong without anybody noticing: one change that matters, and a rebuild to compare with.
//!
//! | file | what |
//! | --- | --- |
//! | `world.rs` | the tables, the runs, the comparison |
//! | `names.rs` | what a name means: aliases, scopes, stars, common table expressions, places in the text |
//! | `subqueries.rs` | correlation, lateral joins, functions that make rows |
//! | `types.rs` | equal values that look different: coercions, collations, enums, floats |
//! | `operators.rs` | joins, windows, sets, groups, limits |
//! | `depth.rs` | long and deep queries, which must neither overflow nor take for ever |
//! | `clocks.rs` | functions that answer anew, in odd places |
//! | `postgres.rs` | what PostgreSQL means otherwise |
//!
//! `HW_CASE` runs the cases whose name contains it, and `HW_SHOW` prints how every run was done.

mod clocks;
mod depth;
#[path = "../support/engines.rs"]
mod engines;
mod names;
mod operators;
mod postgres;
mod subqueries;
mod types;
mod world;

use engines::On;
use world::Case;

fn check(on: On, cases: &[Case]) {
    let only = std::env::var("HW_CASE").unwrap_or_default();
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| case.name.contains(&only)) {
        match case.run(on) {
            Ok(modes) if std::env::var("HW_SHOW").is_ok() => println!("{}: {}", case.name, modes.join("; ")),
            Ok(_) => {}
            Err(error) => wrong.push(format!("## {}\n{}\n{error}", case.name, case.sql)),
        }
    }
    assert!(wrong.is_empty(), "{} cases are wrong\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn names_mean_what_they_mean_to_the_engine() {
    check(On::DuckDb, names::CASES);
}

#[test]
fn subqueries_are_watched() {
    check(On::DuckDb, subqueries::CASES);
}

#[test]
fn equal_values_meet_whatever_their_type() {
    check(On::DuckDb, types::CASES);
}

#[test]
fn operators_keep_their_footprints() {
    check(On::DuckDb, operators::CASES);
}

#[test]
fn clocks_are_heard_wherever_they_tick() {
    check(On::DuckDb, clocks::CASES);
}

/// Every case that PostgreSQL can be asked.
#[test]
fn postgres_is_asked_the_same() {
    let all = [names::CASES, subqueries::CASES, types::CASES, operators::CASES, clocks::CASES];
    let cases: Vec<&Case> = all.iter().flat_map(|cases| cases.iter()).collect();
    let asked: Vec<Case> = cases.iter().filter(|case| case.fits(On::Postgres)).map(|case| **case).collect();
    println!("{} of {} cases", asked.len(), cases.len());
    assert!(asked.len() * 3 > cases.len(), "only {} of {} cases fit", asked.len(), cases.len());
    check(On::Postgres, &asked);
}

#[test]
fn what_postgres_means_otherwise() {
    check(On::Postgres, postgres::CASES);
}
