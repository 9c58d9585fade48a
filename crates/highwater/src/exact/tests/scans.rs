//! One scan of a source serves every model of a run that reads it; and never when the source may have been written since.

use super::engines::{On, on_both_engines};
use super::world::{Known, World, daily, facts};
use crate::exact::detect::fingerprint::Naive;
use crate::exact::{Counts, Mode, ModelPlan, PlannedModel, Scans};

on_both_engines![
    a_plan_of_several_says_what_plans_of_each_say,
    what_was_written_between_two_models_is_scanned_for,
    a_source_that_another_model_swaps_into_is_scanned_for,
    a_view_is_scanned_by_everyone,
    sharing_whatever_was_written_would_be_noticed,
];

/// Models that ask the same of the orders: what was there, by day.
fn five() -> Vec<Known> {
    ["sum(amount)", "min(amount)", "max(amount)", "count(distinct amount)", "avg(amount)"]
        .iter()
        .enumerate()
        .map(|(place, what)| {
            let query = format!("select date_trunc('day', created_at) as day, {what} as it from raw_orders group by 1");
            Known::of(&format!("model_{place}"), "day:day", &query)
        })
        .collect()
}

/// Runs models as one run does, and holds them against a rebuild; how often sources were scanned, and how often they need not have been.
fn run(world: &mut World, models: &[Known]) -> Counts {
    world.around.scans = Scans::default();
    for known in models {
        world.run_and_compare(known);
    }
    world.around.scans.counts()
}

#[test]
fn one_scan_serves_every_model_of_a_run() {
    let mut world = World::with_orders(On::DuckDb);
    let models = five();
    assert_eq!(run(&mut world, &models), Counts { taken: 1, spared: 4 }, "the first run");
    assert_eq!(run(&mut world, &models), Counts { taken: 1, spared: 4 }, "nothing changed");
    world.sql("insert into raw_orders values (7, 1, '2026-02-02', 5, null)");
    assert_eq!(run(&mut world, &models), Counts { taken: 1, spared: 4 }, "an order came");
    assert_eq!(world.run_and_compare(&models[4]).mode, Mode::Unchanged);
}

#[test]
fn customers_by_key_are_shared_as_orders_by_day_are() {
    let mut world = World::new(On::DuckDb);
    world.sql(
        "insert into raw_customers select n, 'north' from range(10) as numbers(n); \
         insert into raw_orders select n, n, timestamp '2026-02-01' + to_days(cast(n as integer)), 10, null from range(10) as numbers(n)",
    );
    let facts = facts(On::DuckDb);
    let mut others = facts.clone();
    others.model.relation.identifier = "others".into();
    let models = [facts, others];
    let first = run(&mut world, &models);
    assert_eq!(first, Counts { taken: 2, spared: 2 });
    for change in [
        "update raw_customers set region = 'south' where customer_id = 3",
        "delete from raw_customers where customer_id = 5",
        "update raw_customers set customer_id = 5 where customer_id = 7",
    ] {
        world.sql(change);
        // The buckets that differ are scanned for their keys by the first alone.
        assert_eq!(run(&mut world, &models), Counts { taken: 3, spared: 2 }, "{change}");
    }
}

/// What a run would do with models.
fn plan(world: &mut World, models: &[Known]) -> Vec<ModelPlan> {
    let planned: Vec<_> = models.iter().map(|known| PlannedModel::Exact(Box::new(world.own(known).model))).collect();
    let identity = world.identity();
    crate::exact::plan(world.session.as_mut(), &planned, &world.around, &identity).expect("a plan").models
}

/// Models that ask the same of the orders, and some that ask it of fewer rows, of other columns, or by month.
fn a_plan_of_several_says_what_plans_of_each_say(on: On) {
    let mut world = World::with_orders(on);
    let mut models = five();
    for (name, cut, query) in [
        (
            "large",
            "day:day",
            "select date_trunc('day', created_at) as day, sum(amount) as it from raw_orders where amount > 11 group by 1",
        ),
        (
            "buyers",
            "day:day",
            "select date_trunc('day', created_at) as day, count(distinct customer_id) as it from raw_orders group by 1",
        ),
        (
            "monthly",
            "month:month",
            "select date_trunc('month', created_at) as month, sum(amount) as it from raw_orders group by 1",
        ),
    ] {
        models.push(Known::of(name, cut, query));
    }
    run(&mut world, &models);
    for change in [
        "insert into raw_orders values (7, 1, '2026-02-02', 5, null)",
        "update raw_orders set amount = amount + 1 where order_id = 1",
        "update raw_orders set customer_id = 3 where order_id = 2",
        "delete from raw_orders where order_id = 3",
    ] {
        world.sql(change);
        world.around.scans = Scans::default();
        let together = plan(&mut world, &models);
        if on == On::DuckDb {
            assert_eq!(world.around.scans.counts(), Counts { taken: 4, spared: 4 }, "{change}");
        }
        assert!(together.iter().any(|model| model.dirty_count > 0), "{change}");
        let each = models.iter().flat_map(|known| plan(&mut world, std::slice::from_ref(known)));
        assert_eq!(together, each.collect::<Vec<_>>(), "{change}");
    }
}

fn what_was_written_between_two_models_is_scanned_for(on: On) {
    let mut world = World::with_orders(on);
    let models = five();
    run(&mut world, &models);
    world.around.scans = Scans::default();
    world.run_and_compare(&models[0]);
    // It comes and goes: no scan of a later run could tell that it had been there.
    world.sql("insert into raw_orders values (7, 1, '2026-02-02', 5, null)");
    world.run_and_compare(&models[1]);
    world.sql("delete from raw_orders where order_id = 7");
    world.run_and_compare(&models[1]);
    run(&mut world, &models);
}

fn a_source_that_another_model_swaps_into_is_scanned_for(on: On) {
    let mut world = World::with_orders(on);
    let parent = daily();
    world.run_and_compare(&parent);
    // Nobody said that the source is a model.
    let children =
        ["one", "two"].map(|name| Known::of(name, "day:day", "select day, max(revenue) as best from daily group by 1"));
    run(&mut world, &children);
    world.around.scans = Scans::default();
    world.run_and_compare(&children[0]);
    world.sql("insert into raw_orders values (7, 1, '2026-02-02', 5, null)");
    world.run_and_compare(&children[0]);
    world.run_and_compare(&parent);
    world.run_and_compare(&children[1]);
    world.run_and_compare(&children[0]);
}

fn a_view_is_scanned_by_everyone(on: On) {
    let mut world = World::with_orders(on);
    world.sql("create view seen as select * from raw_orders");
    let children = ["one", "two"].map(|name| {
        Known::of(
            name,
            "day:day",
            "select date_trunc('day', created_at) as day, max(amount) as best from seen group by 1",
        )
    });
    assert_eq!(run(&mut world, &children).spared, 0);
}

fn sharing_whatever_was_written_would_be_noticed(on: On) {
    let mut world = World::with_orders(on);
    let models = five();
    run(&mut world, &models);
    world.around.scans = Scans::default();
    world.run_and_compare(&models[0]);
    world.sql("insert into raw_orders values (7, 1, '2026-02-02', 5, null)");
    world.naive = Some(Naive::SharesWhatWasWritten);
    world.run(&models[1]).expect("a run");
    assert_ne!(world.difference(&models[1]), "", "an order that came after the scan");
}
