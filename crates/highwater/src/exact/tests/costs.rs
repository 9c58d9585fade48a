//! Building some partitions or everything, by what builds took before.

use super::engines::{On, on_both_engines};
use super::world::{Known, World, daily};
use crate::exact::{Mode, SwapReport};
use crate::manifest::Policy;

on_both_engines![
    times_decide_where_there_are_enough,
    three_runs_in_a_row_that_a_rebuild_would_have_outdone_are_told,
    a_small_table_is_decided_by_its_partitions,
];

/// A table large enough for times to count, built, and times of builds in the ledger: of everything, and of one day, three times.
fn timed(on: On, policy: Policy, rebuild: f64, day: f64) -> (World, Known) {
    let mut world = World::new(on);
    world.sql("insert into raw_orders select i, 1, timestamp '2026-02-01' + i % 20 * interval '1 day', i % 7, null from generate_series(0, 109999) made(i)");
    let mut known = Known::of("orders", "day:created_at", "select order_id, created_at, amount from raw_orders");
    known.model.policy = policy;
    world.run_and_compare(&known);
    world.sql(&format!("update highwater.runs set build_seconds = {rebuild}"));
    for run in 0..3 {
        world.sql(&format!(
            "insert into highwater.runs (run_id, model, finished_at, what, dirty, detect_seconds, build_seconds) \
             values ('earlier {run}', 'main.orders', '2026-02-09', 'incremental', 1, 0.5, {day})"
        ));
    }
    (world, known)
}

fn change_a_day(world: &mut World, known: &Known) -> SwapReport {
    world.sql("update raw_orders set amount = 99 where order_id = 40");
    world.run_and_compare(known)
}

fn times_decide_where_there_are_enough(on: On) {
    let (mut world, known) = timed(on, Policy::Auto, 2.0, 0.4);
    let report = change_a_day(&mut world, &known);
    assert_eq!((report.mode, report.rebuild_seconds), (Mode::Incremental, Some(2.0)));
    assert!((report.foreseen_seconds.expect("three samples") - 0.4).abs() < 1e-9, "{report:?}");

    let (mut world, known) = timed(on, Policy::Auto, 2.0, 3.0);
    let report = change_a_day(&mut world, &known);
    assert_eq!(report.whole.as_deref(), Some("1 day of 20 are dirty: about 3.0 s, and 2.0 s for everything"));
}

fn three_runs_in_a_row_that_a_rebuild_would_have_outdone_are_told(on: On) {
    let (mut world, known) = timed(on, Policy::Incremental, 0.0, 3.0);
    let report = change_a_day(&mut world, &known);
    let told: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
    assert!(told.contains(&"rebuild-cheaper"), "{told:?}");

    let (mut world, known) = timed(on, Policy::Incremental, 100.0, 3.0);
    let report = change_a_day(&mut world, &known);
    assert!(report.findings.iter().all(|finding| finding.rule != "rebuild-cheaper"), "{:?}", report.findings);
}

fn a_small_table_is_decided_by_its_partitions(on: On) {
    let mut world = World::with_orders(on);
    let mut known = daily();
    known.model.policy = Policy::Auto;
    world.run_and_compare(&known);
    world.sql("update highwater.runs set build_seconds = 0");
    world.sql("update raw_orders set amount = 1 where order_id = 3");
    assert_eq!(world.run_and_compare(&known).mode, Mode::Incremental);
}
