//! Rules and detectors got wrong on purpose: generated projects must notice every one of them, and `docs/design/mutants.md` says how often.
//!
//! `HW_MUTANTS=200 cargo test --package highwater --lib mutation_table -- --ignored` measures and writes that page; `HW_MUTANT=ClockStandsStill` measures
//! one and writes nothing.

use std::fmt::Write as _;

use highwater_sql::Mutant;

use super::case::{Manner, Outcome, Place, RIGHT, Wrong};
use super::{generate, number};
use crate::exact::detect::fingerprint::Naive;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/design/mutants.md");

/// Where the seeds of the projects begin.
const FIRST: u64 = 50_000_000;

/// Cases within which a mutant must be caught.
const MOST: u64 = 150;

/// A mutant as the table shows it.
struct Row {
    rule: &'static str,
    name: String,
    what: &'static str,
    wrong: Wrong,
    /// Productions that put the rule to work.
    focus: &'static [&'static str],
}

/// All mutants. A new one does not compile until it is said here which productions show it.
fn rows() -> Vec<Row> {
    let rules = Mutant::ALL.iter().map(|(mutant, rule, what)| Row {
        rule,
        name: format!("{mutant:?}"),
        what,
        wrong: Wrong::Rule(*mutant),
        focus: match mutant {
            Mutant::JoinAnchorOnly => &["join"],
            Mutant::SeriesByItsStart => &["series", "elements", "beside"],
            Mutant::OrphansForgotten => &["join", "full_join"],
            Mutant::FullJoinLeftOnly => &["full_join"],
            Mutant::SubqueryIgnored => &["tested", "listed"],
            Mutant::NotInAsAnti => &["listed"],
            Mutant::BandByEnd => &["range_join", "asof"],
            Mutant::BothChangedForgotten => &["meeting"],
            Mutant::ResultTakenForGiven => &["looked_up", "tested", "bounded"],
            Mutant::RecursionSeedOnly => &["recursive"],
            Mutant::UnionFirstBranchOnly => &["set", "union_facts"],
            Mutant::WindowNewRowsOnly | Mutant::WindowSliceOnly => &["dedup", "window"],
            Mutant::WindowAlwaysAligned | Mutant::RangeNotForward => &["window"],
            Mutant::FirstWindowOnly => &["windows"],
            Mutant::RunningTurned => &["running"],
            Mutant::CarriedNewRowsOnly => &["group", "sessions"],
            Mutant::ClockStandsStill => &["until", "days"],
        },
    });
    let detectors = Naive::WRONG.iter().map(|(naive, what)| Row {
        rule: "detection",
        name: format!("{naive:?}"),
        what,
        wrong: Wrong::Detector(*naive),
        focus: match naive {
            // Digests are of tables that are looked into by key.
            Naive::CountsOnly => &["join"],
            // Partials are kept of groups.
            Naive::PartialsOnlyAdded | Naive::PartialsLeftBehind => &["group", "group", "partials"],
            _ => &["filter", "group", "join"],
        },
    });
    rules.chain(detectors).collect()
}

/// Whether a case notices: its table differs, or one of the checks before the swap stops it.
fn noticed(seed: u64, row: &Row) -> Option<bool> {
    match generate::case(seed, row.focus, Place::DuckDb).run(Manner { wrong: Some(row.wrong), ..RIGHT }) {
        Outcome::Invalid(_) | Outcome::Refused(_) => None,
        Outcome::Exact(_) => Some(false),
        Outcome::Differs(_) | Outcome::Failed(_, _) => Some(true),
    }
}

/// What the page says of a mutant: its share, and the first project that notices; none when it is not measured yet.
fn measured(page: &str, row: &Row) -> Option<(f64, u64)> {
    let begins = format!("| {} | `{}` | {} | ", row.rule, row.name, row.what);
    let line = page.lines().find_map(|line| line.strip_prefix(&begins)?.strip_suffix(" |"));
    let figures = line.unwrap_or_else(|| panic!("docs/design/mutants.md has no line on {}; it says how", row.name));
    let (share, seed) = figures.split_once(" % | ")?;
    Some((share.parse().expect("a share"), seed.parse().expect("a seed")))
}

/// The project that the page names first, then others: what a seed makes changes with the grammar.
#[test]
fn mutants_are_noticed() {
    let page = std::fs::read_to_string(PAGE).expect("docs/design/mutants.md");
    for (row, (_, first)) in rows().iter().filter_map(|row| Some((row, measured(&page, row)?))) {
        let found = std::iter::once(first).chain(FIRST..FIRST + MOST).find(|seed| noticed(*seed, row) == Some(true));
        assert!(found.is_some(), "{} goes unnoticed by {MOST} projects", row.name);
    }
}

#[test]
#[ignore = "measures for minutes, and writes docs/design/mutants.md"]
fn mutation_table() {
    let wanted = number("HW_MUTANTS").unwrap_or(200);
    let mut page = format!(
        "# Mutants\n\n\
         Every rule of the exact strategy has a deliberately wrong variant, the thing people do by hand. The table says in which share of\n\
         {wanted} generated projects (random tables, queries and up to three batches of changes; seeds from {FIRST}) the wrong variant left a\n\
         table that differs from a rebuild, and which project was the first to notice. A project in which the rule has nothing to do cannot\n\
         notice, so low figures are natural; a zero would mean that the tests cannot see the rule. The page is written by\n\n\
         ```console\n$ HW_MUTANTS={wanted} cargo test --package highwater --lib mutation_table -- --ignored\n```\n\n\
         and a test fails when a mutant is missing from it, or goes unnoticed. A mutant without a figure is caught by a shape of query in\n\
         `crates/highwater/src/exact/tests`, and not measured here yet.\n\n\
         | operators | mutant | what it does | noticed by | first in |\n| --- | --- | --- | --- | --- |\n"
    );
    let only = std::env::var("HW_MUTANT").ok();
    for row in rows().into_iter().filter(|row| only.as_ref().is_none_or(|only| *only == row.name)) {
        let (mut cases, mut caught, mut seed, mut first) = (0, 0, FIRST, None);
        // A rare one is looked for until it is found.
        while cases < wanted || first.is_none() && cases < 20 * wanted {
            if let Some(noticed) = noticed(seed, &row) {
                cases += 1;
                caught += u64::from(noticed);
                first = first.or(noticed.then_some(seed));
            }
            seed += 1;
        }
        let share = caught as f64 * 100.0 / cases as f64;
        let Some(first) = first else {
            let _ = writeln!(page, "| {} | `{}` | {} | not yet | |", row.rule, row.name, row.what);
            println!("{} goes unnoticed by {cases} projects", row.name);
            continue;
        };
        let line = format!("| {} | `{}` | {} | {share:.1} % | {first} |", row.rule, row.name, row.what);
        println!("{line}");
        let _ = writeln!(page, "{line}");
    }
    if only.is_none() {
        std::fs::write(PAGE, page).expect("the page");
    }
}

/// The page is of the shape it would be written in now; its figures may be of another day.
#[test]
fn the_table_of_mutants_is_complete() {
    let page = std::fs::read_to_string(PAGE).expect("docs/design/mutants.md");
    for row in rows() {
        assert!(measured(&page, &row).is_none_or(|(share, _)| share > 0.0), "{} goes unnoticed", row.name);
    }
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && line.contains("| `")).collect();
    assert_eq!(lines.len(), rows().len(), "docs/design/mutants.md has lines on what no longer exists");
}
