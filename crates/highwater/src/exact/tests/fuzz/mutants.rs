//! Rules and detectors got wrong on purpose: generated projects must notice every one of them, and `docs/design/mutants.md` says how often.
//!
//! `HW_MUTANTS=200 cargo test --package highwater --lib mutation_table -- --ignored` measures and writes that page.

use std::fmt::Write as _;

use highwater_sql::Mutant;

use super::case::{Manner, Outcome, Place, RIGHT, Wrong};
use super::{generate, number};
use crate::exact::detect::fingerprint::Naive;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/design/mutants.md");

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
            Mutant::SubqueryIgnored => &["tested"],
            Mutant::UnionFirstBranchOnly => &["set", "union_facts"],
            Mutant::WindowNewRowsOnly | Mutant::WindowSliceOnly => &["dedup", "window"],
            Mutant::WindowAlwaysAligned | Mutant::FirstWindowOnly | Mutant::RangeNotForward => &["window"],
            Mutant::CarriedNewRowsOnly => &["group", "sessions"],
            // Time does not pass in these projects; `differential.rs` has a shape that shows it.
            Mutant::ClockStandsStill => &[],
        },
    });
    let detectors = Naive::WRONG.iter().map(|(naive, what)| Row {
        rule: "detection",
        name: format!("{naive:?}"),
        what,
        wrong: Wrong::Detector(*naive),
        focus: &["filter", "group", "join"],
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

/// The share that the page gives for a mutant; none when it is not measured yet.
fn measured(page: &str, row: &Row) -> Option<f64> {
    let begins = format!("| {} | `{}` | {} | ", row.rule, row.name, row.what);
    let share = page.lines().find_map(|line| line.strip_prefix(&begins));
    let share =
        share.unwrap_or_else(|| panic!("docs/design/mutants.md has no line on {}; the page says how", row.name));
    share.strip_suffix(" % |").map(|share| share.parse().expect("a share"))
}

#[test]
fn mutants_are_noticed() {
    let page = std::fs::read_to_string(PAGE).expect("docs/design/mutants.md");
    for row in rows().into_iter().filter(|row| measured(&page, row).is_some()) {
        let found = (0..MOST).find(|seed| noticed(50_000_000 + seed, &row) == Some(true));
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
         {wanted} generated projects (random tables, queries and up to five batches of changes; seeds from 50,000,000) the wrong variant left a\n\
         table that differs from a rebuild. A project in which the rule has nothing to do cannot notice, so low figures are natural; a zero\n\
         would mean that the tests cannot see the rule. The page is written by\n\n\
         ```console\n$ HW_MUTANTS={wanted} cargo test --package highwater --lib mutation_table -- --ignored\n```\n\n\
         and a test fails when a mutant is missing from it. A mutant without a figure is caught by a shape of query in\n\
         `crates/highwater/src/exact/tests/differential.rs`, and not measured here yet.\n\n\
         | operators | mutant | what it does | noticed by |\n| --- | --- | --- | --- |\n"
    );
    for row in rows() {
        let (mut cases, mut caught, mut seed) = (0, 0, 50_000_000);
        if row.focus.is_empty() {
            let _ = writeln!(page, "| {} | `{}` | {} | by a shape of its own |", row.rule, row.name, row.what);
            continue;
        }
        while cases < wanted {
            if let Some(noticed) = noticed(seed, &row) {
                cases += 1;
                caught += u64::from(noticed);
            }
            seed += 1;
        }
        let share = caught as f64 * 100.0 / cases as f64;
        let line = format!("| {} | `{}` | {} | {share:.1} % |", row.rule, row.name, row.what);
        println!("{line}");
        let _ = writeln!(page, "{line}");
    }
    std::fs::write(PAGE, page).expect("the page");
}

/// The page is of the shape it would be written in now; its figures may be of another day.
#[test]
fn the_table_of_mutants_is_complete() {
    let page = std::fs::read_to_string(PAGE).expect("docs/design/mutants.md");
    for row in rows() {
        let share = measured(&page, &row);
        assert!(share.is_none_or(|share| share > 0.0), "{} goes unnoticed", row.name);
    }
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && line.contains("| `")).collect();
    assert_eq!(lines.len(), rows().len(), "docs/design/mutants.md has lines on what no longer exists");
}
