//! `pivot`, `unpivot` and unions by name against a rebuild: rules 15, 16 and 34. PostgreSQL has none of them.

use highwater_sql::Mutant;

use super::differential;
use super::joins::{change, world};
use super::world::Known;
use crate::exact::Class;
use crate::exact::detect::fingerprint::Naive;
use crate::exact::explain::explain;
use crate::exact::job::Job;

/// Name, how it is cut, query.
pub(super) const SHAPES: &[(&str, &str, &str)] = &[
    (
        "pivot_by_day",
        "day:day",
        "pivot (select cast(created_at as date) as day, customer_id, amount from raw_orders) on customer_id in (1, 2) using sum(amount) as s, count(*) as n group by day order by day",
    ),
    (
        "pivot_of_the_rest",
        "day:day",
        "select * from (select cast(created_at as date) as day, note, customer_id, amount from raw_orders) pivot (sum(amount) for customer_id in (1, 2, 3))",
    ),
    (
        "pivot_of_joined",
        "day:day",
        "with r as (select cast(o.created_at as date) as day, c.region, o.amount from raw_orders o left join raw_customers c using (customer_id)) select p.day, coalesce(p.r0, 0) + coalesce(p.r1, 0) as both_of_them from r pivot (max(amount) for region in ('r0', r1) group by day) as p",
    ),
    (
        "pivot_of_two",
        "day:day",
        "select * from (pivot (select cast(o.created_at as date) as day, o.customer_id as who, c.region from raw_orders o left join raw_customers c using (customer_id)) as o on who in (1, 2), region in ('r0', 'r1') group by day)",
    ),
    (
        "pivot_by_key",
        "key:customer_id",
        "pivot raw_orders on note in ('a', null) using sum(amount), max(order_id) filter (where amount > 2) group by customer_id",
    ),
    (
        "unpivot_by_day",
        "day:created_at",
        "unpivot (select order_id, created_at, customer_id, amount from raw_orders) as o on customer_id, amount into name what value n",
    ),
    (
        "unpivot_with_nulls",
        "day:created_at",
        "select u.created_at, u.what, u.n from raw_orders unpivot include nulls (n for what in (order_id, customer_id as 'who')) as u",
    ),
    (
        "unpivoted_days",
        "day:moment",
        "select plan_id, which, moment from raw_plans unpivot (moment for which in (starts, ends as last))",
    ),
    (
        "unpivoted_names",
        "key:what",
        "select what, count(*) as n, sum(n) as s from (select order_id, customer_id from raw_orders) unpivot (n for what in (order_id, customer_id)) group by what",
    ),
    (
        "unpivoted_pairs",
        "day:moment",
        "unpivot raw_plans on (starts, price) as first, (ends, plan_id) as last into name which value moment, n",
    ),
    (
        "union_by_name",
        "day:at",
        "select order_id, created_at as at, amount from raw_orders union all by name select returned_at as at, 'r' as kind, order_id from raw_returns",
    ),
    (
        "union_distinct_by_name",
        "key:customer_id+note+region",
        "select customer_id, note from raw_orders union by name select region, customer_id from raw_customers",
    ),
];

fn shapes(names: &[&str]) -> Vec<Known> {
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    SHAPES.iter().filter(|(name, ..)| wanted(name)).map(|(name, cut, sql)| Known::of(name, cut, sql)).collect()
}

fn class(known: &Known) -> (Class, Vec<&'static str>) {
    let mut world = world();
    let mut job = Job::new(world.session.as_mut(), &known.model, &world.around, "hw");
    let explanation = explain(&mut job, &|request| known.analyse(request)).expect("explanation");
    (explanation.class, explanation.findings.iter().map(|finding| finding.rule).collect())
}

#[test]
fn every_pivot_is_always_what_a_rebuild_holds() {
    let models = shapes(&[]);
    for seed in differential::seeds() {
        if let Some(wrong) = differential::walk_in(&mut world(), change, seed, 12, &models) {
            panic!("{wrong}");
        }
    }
}

#[test]
fn every_pivot_has_its_rule() {
    let mut wrong = Vec::new();
    for ((name, cut, _), known) in SHAPES.iter().zip(shapes(&[])) {
        let expected = if cut.starts_with("key:") { Class::ExactKey } else { Class::ExactInterval };
        if class(&known) != (expected, Vec::new()) {
            wrong.push(format!("{name}: {:?}", class(&known)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Its columns are those of the data: a value that is new makes a column that is new.
#[test]
fn a_pivot_without_a_list_is_rebuilt_whole() {
    let sql = "pivot (select cast(created_at as date) as day, customer_id, amount from raw_orders) on customer_id using sum(amount) group by day";
    let known = Known::of("dynamic", "day:day", sql);
    assert_eq!(class(&known), (Class::Full, vec!["dynamic-pivot"]));
    let mut world = world();
    world.run_and_compare(&known);
    assert_eq!(world.run_and_compare(&known).replaced_count, 0);
    world.sql("insert into raw_orders values (70, 4, '2026-02-02', 1, null)");
    world.run_and_compare(&known);
}

#[test]
fn pivots_got_wrong_are_noticed() {
    for (mutant, name) in [
        (Mutant::JoinAnchorOnly, "pivot_of_joined"),
        (Mutant::SeriesByItsStart, "unpivoted_days"),
        (Mutant::UnionFirstBranchOnly, "union_by_name"),
    ] {
        let naive = shapes(&[name]).into_iter().map(|known| Known { read: Some(Some(mutant)), ..known });
        let naive: Vec<Known> = naive.collect();
        let noticed = (0..12).any(|seed| differential::walk_in(&mut world(), change, seed, 20, &naive).is_some());
        assert!(noticed, "{mutant:?} goes unnoticed by {name}");
    }
    for name in ["pivot_by_day", "unpivot_by_day"] {
        let noticed = (0..8).any(|seed| {
            let mut world = world();
            world.naive = Some(Naive::PostImagesOnly);
            differential::walk_in(&mut world, change, seed, 15, &shapes(&[name])).is_some()
        });
        assert!(noticed, "looking only at what is there now goes unnoticed by {name}");
    }
}
