//! The rules of the strategy, one by one: where each is, what holds it to a rebuild, and which wrong variant that catches. `docs/design/rules.md` is
//! written from this list, and fails when a file, a shape, a test or a mutant that it names is no longer there.
//!
//! `HW_RULES=1 cargo test --package highwater --lib the_page_of_rules` writes the page.

use std::fmt::Write as _;
use std::path::Path;

use highwater_sql::Mutant;

use super::{analysts, clock, joins, pivots, shapes};
use crate::exact::detect::fingerprint::Naive;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Number, operator, how good the answer is, file in `crates/sql/src`, shapes or tests, mutants.
type Rule = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const RULES: &[Rule] = &[
    (
        "1",
        "filter, projection",
        "the slices of the changed rows",
        "footprint/row.rs",
        &["filter", "by_month"],
        &["PostImagesOnly", "BeyondTheNewest"],
    ),
    (
        "2",
        "series, lists, laterals over the row alone",
        "the slices that the rows made of a changed row lie in",
        "footprint/expand.rs",
        &["days_of_plans", "unnested_days", "spread", "moments_of_row", "selected_of_row", "days_until_today_of_each"],
        &["SeriesByItsStart"],
    ),
    (
        "3",
        "inner join",
        "the slices in which a changed key occurs",
        "footprint/join.rs",
        &["inner_join", "two_hops"],
        &["JoinAnchorOnly"],
    ),
    ("4", "left join", "the same", "footprint/join.rs", &["left_join", "coalesced", "mended_key"], &["JoinAnchorOnly"]),
    (
        "5",
        "right and full join",
        "the same, and the slice of rows without a partner",
        "footprint/outer.rs",
        &["right", "right_by_key", "full_by_left"],
        &["OrphansForgotten"],
    ),
    (
        "6",
        "full join on the slice",
        "either side's slices",
        "footprint/outer.rs",
        &["merged_days", "merged_using", "merged_keys"],
        &["FullJoinLeftOnly"],
    ),
    (
        "7",
        "exists, in, = any",
        "as 3",
        "footprint/join.rs",
        &["exists_items", "in_region", "any_of", "nested"],
        &["SubqueryIgnored"],
    ),
    (
        "8",
        "not exists, anti join, division",
        "as 3; of a division, all once the divisor changes",
        "footprint/join.rs",
        &["no_items", "anti_join", "exists_in_band", "divided"],
        &["SubqueryIgnored"],
    ),
    (
        "9",
        "not in, <> all, in as a value",
        "equal values, rows without one, and all when a NULL comes or goes",
        "footprint/tie.rs",
        &["not_in", "in_as_value", "not_all_of"],
        &["NotInAsAnti"],
    ),
    ("10", "self join", "as 3", "footprint/join.rs", &["self_join", "earlier_orders"], &["JoinAnchorOnly"]),
    (
        "11",
        "ranges, histories, bands",
        "the slices with a row for which the condition holds",
        "footprint/tie.rs",
        &["terms", "terms_between", "plans_on_calendar", "terms_by_next", "plan_within_session"],
        &["BandByEnd"],
    ),
    (
        "12",
        "asof",
        "the same, as long as nothing lies nearer now",
        "footprint/tie.rs",
        &["nearest", "next_one", "newest_term"],
        &["BandByEnd"],
    ),
    (
        "13",
        "joins of joins and of groups",
        "as 3, relation by relation",
        "footprint/join.rs",
        &["two_hops", "totals", "left_of_joined"],
        &["JoinAnchorOnly"],
    ),
    (
        "14",
        "slice from a calendar, or from both sides (Theorem 3b)",
        "as 3; from both, changes of each with the other and with its changes",
        "footprint/both.rs",
        &["calendar", "both_keys", "later_of_both"],
        &["JoinAnchorOnly", "BothChangedForgotten"],
    ),
    (
        "15",
        "union all, by name too",
        "of any branch",
        "footprint/set.rs",
        &["union_all", "union_by_name"],
        &["UnionFirstBranchOnly"],
    ),
    (
        "16",
        "union, except, intersect",
        "of any branch",
        "footprint/set.rs",
        &["union_distinct", "except_all", "intersect"],
        &["UnionFirstBranchOnly"],
    ),
    (
        "17",
        "group by the slice",
        "the slices of the changed rows",
        "footprint/group.rs",
        &["by_day", "by_date", "lists"],
        &["PostImagesOnly"],
    ),
    (
        "18",
        "group by a key",
        "the keys of the changed rows",
        "footprint/group.rs",
        &["by_customer", "by_region"],
        &["PostImagesOnly"],
    ),
    (
        "18b",
        "group by a key, put together from parts per interval",
        "the changed intervals' parts, then the keys of the changed rows; where it is asked for",
        "partials/mod.rs",
        &["fn every_aggregation_is_always_what_a_rebuild_holds"],
        &["PartialsOnlyAdded", "PartialsLeftBehind"],
    ),
    (
        "19",
        "slice from an aggregate: cohorts, last seen",
        "every slice with a row of a changed group, when it is min, max, first, last or percentile_disc; else all",
        "footprint/group.rs",
        &["first_order", "cohort_day", "last_seen", "cohort_of_row", "median_day"],
        &["CarriedNewRowsOnly"],
    ),
    (
        "20",
        "one row of all",
        "all: there is one partition",
        "footprint/group.rs",
        &["everything"],
        &["BeyondTheNewest"],
    ),
    (
        "21",
        "grouping sets, rollup, cube",
        "as 17 per set, and the slice NULL",
        "footprint/group.rs",
        &["rollup", "sets"],
        &["UnionFirstBranchOnly"],
    ),
    (
        "22",
        "distinct, distinct on, row_number() = 1",
        "every slice in which a changed key occurs",
        "footprint/window.rs",
        &["latest", "latest_by_day", "latest_by_key", "first_copy"],
        &["WindowNewRowsOnly", "WindowSliceOnly"],
    ),
    (
        "23",
        "window within the slice",
        "the slices of the changed rows",
        "footprint/window.rs",
        &["ranked", "two_windows"],
        &["PostImagesOnly"],
    ),
    (
        "24",
        "window by range along time",
        "forward by what the frame looks back, and the other way",
        "footprint/along.rs",
        &["rolling", "around", "rolling_months"],
        &["RangeNotForward"],
    ),
    (
        "25",
        "rows frames, lag, lead",
        "one way along time; with a key, where it occurs",
        "footprint/onward.rs",
        &["before", "running_of_all", "following_of_all", "day_over_day"],
        &["RunningTurned", "WindowAlwaysAligned"],
    ),
    (
        "26",
        "running totals, numbers",
        "the same",
        "footprint/onward.rs",
        &["running", "running_by_region", "filled"],
        &["RunningTurned", "WindowAlwaysAligned", "FirstWindowOnly"],
    ),
    (
        "27",
        "windows over all rows",
        "by range as 24, along time as 25; a rank by anything else: all",
        "footprint/window.rs",
        &["rolling_months", "ranked_of_all"],
        &["RangeNotForward"],
    ),
    (
        "28",
        "first rows per slice, first rows of all",
        "as 23; of all: all",
        "footprint/window.rs",
        &["top_by_day", "top"],
        &["PostImagesOnly"],
    ),
    (
        "29",
        "correlated subqueries, laterals",
        "as 3, by what ties them",
        "footprint/join.rs",
        &["correlated", "newest_term", "twice", "plan_in_force", "users_of_payers"],
        &["SubqueryIgnored"],
    ),
    (
        "30",
        "one value from a subquery, or a row of them that is joined",
        "in a condition: the band between its two values; in a column: all, once it has changed",
        "footprint/band.rs",
        &["since_a_return", "above_a_rate", "share", "bounds_in_band", "bounds_between", "newest_day"],
        &["ResultTakenForGiven"],
    ),
    (
        "31",
        "recursion",
        "as 3 when a column is handed on as it is; else all",
        "footprint/recursion.rs",
        &["roots", "bosses"],
        &["RecursionSeedOnly"],
    ),
    (
        "32",
        "the clock",
        "in a condition on one table's rows: the band that it crossed; elsewhere all, in every run",
        "footprint/clock.rs",
        &["until", "fn time_passes_through_a_filter", "fn a_clock_elsewhere_rebuilds"],
        &["ClockStandsStill"],
    ),
    (
        "32",
        "series of days until today",
        "as of a table: the days that went by have changed",
        "footprint/clock.rs",
        &[
            "spine",
            "days_until_today",
            "days_by_recursion",
            "days_by_digits",
            "fn a_spine_grows_by_the_days_that_went_by",
        ],
        &["ClockStandsStill"],
    ),
    (
        "33",
        "random numbers, samples, ties",
        "refused, with the rewrite",
        "footprint/ties.rs",
        &[
            "fn open_ties_are_refused",
            "fn samples_are_refused_however_they_are_written",
            "fn a_moment_that_may_be_missing_is_refused",
        ],
        &[],
    ),
    (
        "34",
        "pivot",
        "as 17; without a list of values: all",
        "bind/pivot.rs",
        &["pivoted", "pivot_by_day", "pivot_of_the_rest", "pivot_of_two", "fn a_pivot_without_a_list_is_rebuilt_whole"],
        &["PostImagesOnly"],
    ),
    (
        "34",
        "unpivot",
        "as 1; of a slice among its values, as 2",
        "bind/pivot.rs",
        &["unpivot_by_day", "unpivoted_days", "unpivoted_names"],
        &["PostImagesOnly", "SeriesByItsStart"],
    ),
    (
        "35",
        "sessions",
        "by their first moment as 19",
        "footprint/group.rs",
        &["gaps", "sessions_by_gap"],
        &["CarriedNewRowsOnly"],
    ),
    (
        "36",
        "period over period, share of total",
        "the slices tied to a changed one",
        "footprint/tie.rs",
        &["day_before", "earlier_day", "dates_meet"],
        &["JoinAnchorOnly"],
    ),
    ("37", "sampling by a hash", "as 1", "footprint/row.rs", &["sampled"], &["PostImagesOnly"]),
    (
        "traps",
        "ties that a declared key breaks",
        "not refused",
        "footprint/ties.rs",
        &["fn a_declared_key_breaks_ties", "two_lately"],
        &[],
    ),
    (
        "traps",
        "sums of binary fractions",
        "noted by `hw explain`, with DECIMAL as the way out; compared with a tolerance",
        "bind/function.rs",
        &["fn sums_of_fractions_are_noted"],
        &[],
    ),
    (
        "traps",
        "local time",
        "the image of the row itself, whatever the clocks do",
        "footprint/row.rs",
        &["local_days"],
        &["PostImagesOnly"],
    ),
    (
        "traps",
        "months",
        "31 days where days are counted, 28 where days fill months",
        "footprint/along.rs",
        &["rolling_months"],
        &["RangeNotForward"],
    ),
    (
        "traps",
        "equal values of unequal bits, unequal values of one hash",
        "followed as the engine compares them",
        "dialect/mod.rs",
        &["fn values_with_one_hash_are_not_one_value", "fn groups_of_intervals_are_the_intervals"],
        &[],
    ),
];

/// The rule that the page has a line on for all numbers of the specification.
const LAST: u32 = 37;

fn page() -> String {
    let mut page = "# Rules\n\n\
         Every operator has a rule that says which partitions a change makes dirty; [exact.md](exact.md) says why they are right. Here is where each one\n\
         stands, how good its answer is, which queries or tests hold it to a full rebuild, and which deliberately wrong variant those catch\n\
         ([mutants.md](mutants.md)). Names of queries are those of `crates/highwater/src/exact/tests/shapes.rs`, `joins.rs`, `pivots.rs` and `clock.rs`; they run\n\
         on both engines where PostgreSQL can say the same (`written.rs` beside them). What has no rule makes everything dirty. The page is written by\n\n\
         ```console\n$ HW_RULES=1 cargo test --package highwater --lib the_page_of_rules\n```\n\n\
         and a test fails when something that it names is gone.\n\n\
         | rule | operator | what a change dirties | file in `crates/sql/src` | held to a rebuild by | mutants |\n| --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (number, operator, answer, file, held, mutants) in RULES {
        let quoted = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.trim_start_matches("fn "))).collect();
            names.join(", ")
        };
        let _ =
            writeln!(page, "| {number} | {operator} | {answer} | `{file}` | {} | {} |", quoted(held), quoted(mutants));
    }
    page
}

#[test]
fn the_page_of_rules_is_true() {
    let path = Path::new(ROOT).join("docs/design/rules.md");
    if std::env::var_os("HW_RULES").is_some() {
        std::fs::write(&path, page()).expect("the page");
    }
    assert_eq!(
        std::fs::read_to_string(&path).expect("docs/design/rules.md"),
        page(),
        "the page says how it is written"
    );
    for number in 1..=LAST {
        assert!(RULES.iter().any(|rule| rule.0 == number.to_string()), "rule {number} has no line");
    }
    let tests = Path::new(ROOT).join("crates/highwater/src/exact/tests");
    let sources: String = std::fs::read_dir(tests)
        .expect("tests")
        .filter_map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).ok())
        .collect();
    let names = shapes::SHAPES.iter().map(|shape| shape.0).chain(joins::SHAPES.iter().map(|shape| shape.0));
    let names: Vec<&str> =
        names.chain(pivots::SHAPES.iter().chain(clock::SPINES).chain(analysts::QUERIES).map(|shape| shape.0)).collect();
    let rules = Mutant::ALL.iter().map(|(mutant, ..)| format!("{mutant:?}"));
    let wrong: Vec<String> = rules.chain(Naive::WRONG.iter().map(|(naive, _)| format!("{naive:?}"))).collect();
    for (number, _, _, file, held, mutants) in RULES {
        assert!(Path::new(ROOT).join("crates/sql/src").join(file).exists(), "rule {number}: {file} is gone");
        for name in *held {
            let there =
                if name.starts_with("fn ") { sources.contains(&format!("{name}(")) } else { names.contains(name) };
            assert!(there, "rule {number}: {name} is gone");
        }
        for mutant in *mutants {
            assert!(wrong.iter().any(|known| known == mutant), "rule {number}: {mutant} is gone");
        }
        assert!(!held.is_empty(), "rule {number} is held to nothing");
    }
}
