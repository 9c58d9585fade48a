//! The whole against a rebuild: many shapes of query, read by the analysis, kept exact over random changes of every table; then the same
//! with rules got wrong on purpose, which must be noticed.

use highwater_sql::Mutant;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::engines::{On, on_both_engines};
use super::shapes::{MORE, NAMED, SHAPES, change};
use super::world::{Known, World};
use super::written::written;
use crate::exact::ViewText;
use crate::exact::detect::fingerprint::Naive;

on_both_engines![
    every_shape_is_always_what_a_rebuild_holds,
    rules_got_wrong_are_noticed,
    looking_too_little_is_noticed,
    classes,
];

/// The shapes that an engine can write: all, or those of the given names.
fn shapes(on: On, names: &[&str]) -> Vec<Known> {
    let wanted = SHAPES.iter().filter(|(name, _, _)| names.is_empty() || names.contains(name));
    wanted.filter_map(|(name, cut, sql)| Some(Known::of(name, cut, &written(on, sql)?))).collect()
}

/// The shop with more tables, and a view to look through.
pub(super) fn world(on: On) -> World {
    let mut world = World::with_orders(on);
    world.sql(MORE);
    world.today("date '2026-03-01'");
    world.sql(&format!("create view named as {NAMED}"));
    let text = ViewText { unique_id: "model.shop.named".into(), sql: NAMED.into() };
    world.around.views.insert(world.relation("named"), text);
    world
}

/// Walks, and returns the first table that is not what a rebuild holds, with the step.
fn walk(on: On, seed: u64, steps: u32, models: &[Known], naive: Option<Naive>) -> Option<String> {
    let mut world = world(on);
    world.naive = naive;
    walk_in(&mut world, change, seed, steps, models)
}

/// Walks through a world by changes of its kind.
pub(super) fn walk_in(
    world: &mut World,
    change: fn(&mut SmallRng) -> String,
    seed: u64,
    steps: u32,
    models: &[Known],
) -> Option<String> {
    let mut random = SmallRng::seed_from_u64(seed);
    for step in 0..=steps {
        let mut changes = Vec::new();
        for _ in 0..random.random_range(1..4) {
            let change = written(world.on, &change(&mut random)).expect("every engine can do it");
            world.sql(&change);
            changes.push(change);
        }
        for known in models {
            // Keys may be duplicated by these changes; the grain is another test's matter.
            let report = world.run(known).unwrap_or_else(|error| panic!("{}: {error:?}", known.model.unique_id));
            let difference = world.difference(known);
            if !difference.is_empty() {
                return Some(format!(
                    "{} after step {step} of seed {seed}: {}\n{difference}\n{report:?}",
                    known.model.unique_id,
                    changes.join("; ")
                ));
            }
        }
    }
    None
}

/// One walk, or as many as `HIGHWATER_WALKS` says.
pub(super) fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("HIGHWATER_WALKS").ok().and_then(|walks| walks.parse().ok()).unwrap_or(1)
}

fn every_shape_is_always_what_a_rebuild_holds(on: On) {
    let models = shapes(on, &[]);
    for seed in seeds() {
        let mut world = world(on);
        if let Some(wrong) = walk_in(&mut world, change, seed, on.steps(8), &models) {
            panic!("{wrong}");
        }
        // To rebuild everything is always right: a walk in which little else happened would show nothing.
        let mut builds = |what: &str| -> usize {
            let count = world.rows(&format!("select count(*) from highwater.runs where what = '{what}'"));
            count.parse().expect("a number")
        };
        let (partial, whole) = (builds("incremental"), builds("whole"));
        assert!(partial > whole, "{partial} of {} builds were incremental", partial + whole);
    }
}

/// An order that does not say so need not ascend: a setting decides, which DuckDB alone has.
#[test]
fn an_order_without_a_direction_may_descend() {
    let on = On::DuckDb;
    let mut world = world(on);
    world.sql("set default_order = 'desc'");
    let mut models = shapes(on, &["rolling", "around", "running", "running_of_all"]);
    // Written to lean to one side only.
    models.push(Known::of("back", "day:created_at", "select order_id, created_at, count(*) over (order by created_at range between interval 1 day preceding and current row) as n from raw_orders"));
    assert_eq!(walk_in(&mut world, change, 3, 12, &models), None);
}

/// The shapes by which a wrong rule shows.
fn shows(mutant: Mutant) -> &'static [&'static str] {
    match mutant {
        Mutant::JoinAnchorOnly => &["left_join", "two_hops"],
        Mutant::SubqueryIgnored => &["exists_items", "no_items"],
        Mutant::UnionFirstBranchOnly => &["union_all"],
        Mutant::WindowNewRowsOnly => &["latest", "latest_by_day", "first_copy"],
        Mutant::WindowSliceOnly => &["latest", "running", "rolling"],
        Mutant::WindowAlwaysAligned => &["running", "before"],
        Mutant::FirstWindowOnly => &["two_windows"],
        Mutant::RangeNotForward => &["rolling", "around"],
        Mutant::RunningTurned => &["running_of_all", "following_of_all", "running_by_region"],
        Mutant::ResultTakenForGiven => &["since_a_return", "above_a_rate"],
        Mutant::CarriedNewRowsOnly => &["first_order", "cohort_day"],
        Mutant::ClockStandsStill => &["until"],
        // Seen by the shapes of `joins.rs`.
        Mutant::SeriesByItsStart
        | Mutant::OrphansForgotten
        | Mutant::FullJoinLeftOnly
        | Mutant::NotInAsAnti
        | Mutant::BandByEnd
        | Mutant::BothChangedForgotten
        | Mutant::RecursionSeedOnly => &[],
    }
}

fn rules_got_wrong_are_noticed(on: On) {
    for (mutant, _, _) in Mutant::ALL {
        for shape in shows(*mutant) {
            let wrong: Vec<Known> =
                shapes(on, &[shape]).into_iter().map(|known| Known { read: Some(Some(*mutant)), ..known }).collect();
            assert!(
                (0..8).any(|seed| walk(on, seed, 15, &wrong, None).is_some()),
                "{mutant:?} goes unnoticed by {shape}"
            );
        }
    }
}

/// Rule by rule: looking only at what is there now, or only beyond what was seen, is not enough for any of them.
fn looking_too_little_is_noticed(on: On) {
    for (naive, shape) in [
        (Naive::PostImagesOnly, "filter"),
        (Naive::PostImagesOnly, "left_join"),
        (Naive::PostImagesOnly, "no_items"),
        (Naive::PostImagesOnly, "by_customer"),
        (Naive::PostImagesOnly, "latest_by_key"),
        (Naive::BeyondTheNewest, "filter"),
        (Naive::BeyondTheNewest, "by_day"),
        (Naive::BeyondTheNewest, "union_all"),
        (Naive::BeyondTheNewest, "ranked"),
    ] {
        let noticed = (0..8).any(|seed| walk(on, seed, 15, &shapes(on, &[shape]), Some(naive)).is_some());
        assert!(noticed, "{naive:?} goes unnoticed by {shape}");
    }
}

fn classes(on: On) {
    let mut world = world(on);
    let mut lines = Vec::new();
    for known in shapes(on, &[]) {
        let explanation = world.explain(&known).expect("explanation");
        let rules: Vec<&str> = explanation.findings.iter().map(|finding| finding.rule).collect();
        lines
            .push(format!("{} {} {}", explanation.class.word(), explanation.label, rules.join(", ")).trim().to_owned());
    }
    let alone = |line: &String| {
        SHAPES.iter().any(|(name, _, sql)| line.ends_with(&format!(" {name}")) && written(On::Postgres, sql).is_none())
    };
    let of_one_engine: Vec<String> = lines.extract_if(.., |line| alone(line)).collect();
    assert!(of_one_engine.iter().all(|line| line.starts_with("EXACT-INTERVAL ")), "{of_one_engine:?}");
    if on == On::Postgres {
        // Rows that a function makes in a select list have no rule there: right, only wider.
        let wider = lines.iter_mut().find(|line| *line == "FULL spread unnest");
        *wider.expect("no rule") = "EXACT-INTERVAL spread".to_owned();
    }
    lines.sort();
    insta::assert_snapshot!(lines.join("\n"), @r#"
EXACT-INTERVAL above_a_rate
EXACT-INTERVAL anti_join
EXACT-INTERVAL any_of
EXACT-INTERVAL around
EXACT-INTERVAL before
EXACT-INTERVAL by_date
EXACT-INTERVAL by_day
EXACT-INTERVAL by_month
EXACT-INTERVAL coalesced
EXACT-INTERVAL cohort_day
EXACT-INTERVAL cohort_of_row
EXACT-INTERVAL computed_key
EXACT-INTERVAL correlated
EXACT-INTERVAL dates_meet
EXACT-INTERVAL day_before
EXACT-INTERVAL earlier_day
EXACT-INTERVAL except_all
EXACT-INTERVAL exists_items
EXACT-INTERVAL filter
EXACT-INTERVAL first_copy
EXACT-INTERVAL first_copy_unnamed
EXACT-INTERVAL first_order
EXACT-INTERVAL following_of_all
EXACT-INTERVAL full_join
EXACT-INTERVAL gaps
EXACT-INTERVAL in_region
EXACT-INTERVAL inner_join
EXACT-INTERVAL intersect
EXACT-INTERVAL last_seen
EXACT-INTERVAL latest
EXACT-INTERVAL latest_by_day
EXACT-INTERVAL left_join
EXACT-INTERVAL left_of_joined
EXACT-INTERVAL local_days
EXACT-INTERVAL mended_key
EXACT-INTERVAL moments_of_row
EXACT-INTERVAL no_items
EXACT-INTERVAL not_all_of
EXACT-INTERVAL not_in
EXACT-INTERVAL pivoted
EXACT-INTERVAL ranked
EXACT-INTERVAL right_join
EXACT-INTERVAL rolling
EXACT-INTERVAL rolling_months
EXACT-INTERVAL rollup
EXACT-INTERVAL running
EXACT-INTERVAL running_by_region
EXACT-INTERVAL running_of_all
EXACT-INTERVAL sampled
EXACT-INTERVAL selected_of_row
EXACT-INTERVAL self_join
EXACT-INTERVAL sets
EXACT-INTERVAL since_a_return
EXACT-INTERVAL spine
EXACT-INTERVAL spread
EXACT-INTERVAL through_view
EXACT-INTERVAL top_by_day
EXACT-INTERVAL totals
EXACT-INTERVAL twice
EXACT-INTERVAL two_hops
EXACT-INTERVAL two_windows
EXACT-INTERVAL union_all
EXACT-INTERVAL union_distinct
EXACT-INTERVAL until
EXACT-KEY by_customer
EXACT-KEY by_region
EXACT-KEY cohort
EXACT-KEY latest_by_key
EXACT-KEY sessions
EXACT-WIDENED share join-without-key
FULL everything one-partition
FULL ranked_of_all global-window
FULL top limit
"#);
}
