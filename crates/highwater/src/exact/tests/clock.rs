//! Conditions that read the clock: rule 32. A setting of the session stands in for the clock, so that a test can move it.

use super::engines::{On, on_both_engines};
use super::world::{Known, World};
use super::written::written;
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
