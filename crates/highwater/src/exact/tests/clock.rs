//! Conditions that read the clock: rule 32. A setting of the session stands in for the clock, so that a test can move it.

use highwater_sql::Mutant;
use rand::Rng;
use rand::rngs::SmallRng;

use super::engines::{On, on_both_engines};
use super::world::{Known, World};
use super::written::written;
use super::{differential, joins};
use crate::exact::{Class, SwapReport};

on_both_engines![time_passes_through_a_filter, a_feed_does_not_see_time_pass, a_clock_elsewhere_rebuilds,];

fn class(world: &mut World, known: &Known) -> (Class, Vec<&'static str>) {
    let explanation = world.explain(known).expect("explanation");
    (explanation.class, explanation.findings.iter().map(|finding| finding.rule).collect())
}

fn replaced(report: &SwapReport) -> (u64, Option<&str>) {
    (report.replaced_count, report.whole.as_deref())
}

fn time_passes_through_a_filter(on: On) {
    let mut world = World::with_orders(on);
    world.today("date '2026-02-01'");
    let until = written(
        on,
        "with o as (select *, cast(created_at as date) as day from raw_orders) \
         select o.order_id, o.created_at, c.region from o left join raw_customers c on c.customer_id = o.customer_id \
         where o.day <= getvariable('today') and o.day > getvariable('today') - 2",
    );
    let known = Known::of("until", "day:created_at", &until.expect("every engine has settings"));
    assert_eq!(class(&mut world, &known), (Class::ExactInterval, Vec::new()));
    world.run_and_compare(&known);
    // Nothing happened, and no time went by.
    assert_eq!(replaced(&world.run_and_compare(&known)), (0, None));
    // A day went by: one day enters.
    world.today("date '2026-02-02'");
    assert_eq!(replaced(&world.run_and_compare(&known)), (1, None));
    // Another: one enters, one leaves.
    world.today("date '2026-02-03'");
    assert_eq!(replaced(&world.run_and_compare(&known)), (2, None));
}

fn a_feed_does_not_see_time_pass(on: On) {
    let mut world = World::with_orders(on);
    world.today("date '2026-02-01'");
    let parent = Known::of("parent", "day:created_at", "select order_id, created_at, amount from raw_orders");
    world.announce(&parent);
    let until = written(on, "select * from parent where cast(created_at as date) <= getvariable('today')");
    let child = Known::of("child", "day:created_at", &until.expect("every engine has settings"));
    world.run_and_compare(&parent);
    world.run_and_compare(&child);
    world.today("date '2026-02-02'");
    world.run_and_compare(&parent);
    assert_eq!(replaced(&world.run_and_compare(&child)), (1, None));
}

fn a_clock_elsewhere_rebuilds(on: On) {
    let mut world = World::with_orders(on);
    let clocks = [
        "select order_id, created_at, current_date as today from raw_orders",
        "select order_id, created_at from raw_orders where created_at < now() or order_id = 1 qualify count(*) over (partition by order_id) < day(current_date)",
        "select o.order_id, o.created_at from raw_orders o join raw_customers c on o.customer_id + c.customer_id < year(current_date)",
        "select order_id, created_at from raw_orders where current_date > '2020-01-01'",
        "select order_id, created_at, rank() over (partition by order_id order by age(created_at)) as r from raw_orders",
    ];
    for sql in clocks.map(|sql| written(on, sql).expect("every engine has a clock")) {
        let known = Known::of("shown", "day:created_at", &sql);
        let (class, rules) = class(&mut world, &known);
        assert!(class == Class::Full && rules.contains(&"clock"), "{sql}: {class:?} {rules:?}");
    }
    let conditions = [
        "select order_id, created_at from raw_orders where created_at < now() and created_at between timestamp '2020-01-01' and current_date",
        "select order_id, created_at from raw_orders where age(created_at) < interval 30 days union all select order_id, created_at from raw_orders where created_at >= current_date",
        "select o.order_id, o.created_at from raw_orders o left join raw_customers c on o.customer_id = c.customer_id and c.customer_id < year(current_date)",
        "select day from (select cast(created_at as date) as day, count(*) as n from raw_orders group by 1) as d where day <= today()",
        "select o.created_at from raw_orders o where exists (select 1 from raw_orders i where i.order_id = o.order_id and i.created_at < now())",
    ];
    for sql in conditions.map(|sql| written(on, sql).expect("every engine has a clock")) {
        let column = if sql.starts_with("select day") { "day:day" } else { "day:created_at" };
        let known = Known::of("shown", column, &sql);
        assert_eq!(class(&mut world, &known), (Class::ExactInterval, Vec::new()), "{sql}");
    }
}

/// Series of days until today, in the ways that people write them, and what is joined to them: name, how it is cut, query.
pub(super) const SPINES: &[(&str, &str, &str)] = &[
    (
        "days_until_today",
        "day:day",
        "with s as (select unnest(generate_series(date '2026-02-20', getvariable('today'), interval 1 day)) as day) select s.day, count(o.order_id) as n, sum(o.amount) as amount from s left join raw_orders o on cast(o.created_at as date) = s.day group by 1",
    ),
    (
        "days_by_recursion",
        "day:day",
        "with recursive s as (select date '2026-02-20' as day union all select cast(day + 1 as date) from s where day < getvariable('today')) select s.day, p.plan_id, p.price from s join raw_plans p on s.day >= p.starts and (p.ends is null or s.day < p.ends)",
    ),
    (
        "days_by_digits",
        "day:day",
        "with p as (select 0 as n union all select 1), numbered as (select a.n + 2 * b.n + 4 * c.n + 8 * d.n as n from p a cross join p b cross join p c cross join p d), days as (select cast(date '2026-02-20' + n as date) as day from numbered), s as (select * from days where day <= getvariable('today')) select s.day, o.order_id from s left join raw_orders o on cast(o.created_at as date) = s.day",
    ),
    (
        "days_cut_today",
        "day:day",
        "select s.day, o.order_id from generate_series(timestamp '2026-02-20', timestamp '2026-03-20', interval 1 day) as s(day) left join raw_orders o on date_trunc('day', o.created_at) = s.day where s.day <= getvariable('today')",
    ),
    (
        "orders_on_days",
        "day:created_at",
        "select o.order_id, o.created_at, s.day from raw_orders o left join generate_series(date '2026-02-20', getvariable('today'), interval 1 day) as s(day) on cast(o.created_at as date) = s.day",
    ),
    (
        "days_of_customers",
        "key:customer_id",
        "select p.customer_id, count(*) as days from raw_plans p join (select unnest(generate_series(date '2026-02-20', getvariable('today'), interval 1 day)) as day) s on s.day between p.starts and p.ends group by 1",
    ),
    (
        "since_a_while",
        "day:created_at",
        "select o.order_id, o.created_at from raw_orders o cross join (select getvariable('today') - 2 as since) b where o.created_at >= b.since",
    ),
    (
        "days_and_returns",
        "day:day",
        "select day, 's' as kind from generate_series(date '2026-02-20', getvariable('today'), interval 1 day) as s(day) union all select returned_at, 'r' from raw_returns",
    ),
];

/// On DuckDB alone: PostgreSQL makes moments with a zone of a series between days.
fn spines(names: &[&str]) -> Vec<Known> {
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    SPINES.iter().filter(|(name, ..)| wanted(name)).map(|(name, cut, sql)| Known::of(name, cut, sql)).collect()
}

/// A change of the tables, or another day, before or after.
fn change(random: &mut SmallRng) -> String {
    if random.random_bool(0.4) {
        return format!("set variable today = date '2026-02-25' + {}", random.random_range(0..9));
    }
    joins::change(random)
}

#[test]
fn every_spine_is_always_what_a_rebuild_holds() {
    let models = spines(&[]);
    for seed in differential::seeds() {
        if let Some(wrong) = differential::walk_in(&mut joins::world(On::DuckDb), change, seed, 12, &models) {
            panic!("{wrong}");
        }
    }
}

#[test]
fn a_spine_grows_by_the_days_that_went_by() {
    for (name, cut, _) in SPINES {
        let (mut world, known) = (joins::world(On::DuckDb), &spines(&[name])[0]);
        let expected = if cut.starts_with("key:") { Class::ExactKey } else { Class::ExactInterval };
        assert_eq!(class(&mut world, known), (expected, Vec::new()), "{name}");
    }
    let mut world = World::with_orders(On::DuckDb);
    world.today("date '2026-02-23'");
    let known = &spines(&["days_until_today"])[0];
    world.run_and_compare(known);
    assert_eq!(replaced(&world.run_and_compare(known)), (0, None));
    world.today("date '2026-02-25'");
    assert_eq!(replaced(&world.run_and_compare(known)), (2, None));
    // The clock was set back.
    world.today("date '2026-02-24'");
    assert_eq!(replaced(&world.run_and_compare(known)), (1, None));
    world.sql("insert into raw_orders values (70, 1, '2026-02-21 12:00', 1, null), (71, 1, '2027-01-01', 1, null)");
    assert_eq!(replaced(&world.run_and_compare(known)), (1, None));
}

#[test]
fn a_spine_that_stands_still_is_noticed() {
    for name in ["days_until_today", "days_cut_today", "since_a_while"] {
        let naive =
            spines(&[name]).into_iter().map(|known| Known { read: Some(Some(Mutant::ClockStandsStill)), ..known });
        let naive: Vec<Known> = naive.collect();
        let noticed =
            (0..8).any(|seed| differential::walk_in(&mut joins::world(On::DuckDb), change, seed, 15, &naive).is_some());
        assert!(noticed, "{name} stands still");
    }
}

/// Rows of which the clock decides more than whether they are there.
#[test]
fn the_clock_beside_a_row_rebuilds() {
    let mut world = joins::world(On::DuckDb);
    for sql in [
        "select p.plan_id, p.starts as day, getvariable('today') - cast(p.starts as date) as age from raw_plans p",
        "select s.day, getvariable('today') as today from generate_series(date '2026-02-20', getvariable('today'), interval 1 day) as s(day) left join raw_orders o on o.created_at = s.day",
    ] {
        let (class, rules) = class(&mut world, &Known::of("shown", "day:day", sql));
        assert!(class == Class::Full && rules.contains(&"clock"), "{sql}: {class:?} {rules:?}");
    }
}
