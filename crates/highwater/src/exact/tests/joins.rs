//! Joins, subqueries, series and recursion against a rebuild: the shapes of `footprint/{tie,join,outer,both,expand,recursion,computed}.rs`, and for
//! every rule the variant that people write by hand, which must be noticed.

use highwater_sql::Mutant;
use rand::Rng;
use rand::rngs::SmallRng;

use super::differential;
use super::engines::{On, on_both_engines};
use super::world::{Known, World};
use super::written::written;

on_both_engines![every_join_is_always_what_a_rebuild_holds, every_join_has_its_rule, rules_got_wrong_are_noticed,];

/// Name, how it is cut, query, and what `explain` must say of it at least: `I` by interval, `K` by key, `W` widened, `F` full.
pub(super) const SHAPES: &[(&str, &str, char, &str)] = &[
    // Rule 2: series and lists.
    (
        "days_of_plans",
        "day:day",
        'I',
        "select p.plan_id, s.day, p.price from raw_plans p, generate_series(p.starts, p.ends, interval 1 day) as s(day)",
    ),
    (
        "days_of_plans_left",
        "day:day",
        'I',
        "select p.plan_id, s.day from raw_plans p left join unnest(generate_series(p.starts, p.ends, interval 1 day)) as s(day) on true",
    ),
    (
        "unnested_days",
        "day:day",
        'I',
        "select plan_id, unnest(generate_series(starts, ends, interval 1 day)) as day, price from raw_plans",
    ),
    (
        "income_by_day",
        "day:day",
        'I',
        "with d as (select customer_id, price, unnest(generate_series(starts, ends, interval 1 day)) as day from raw_plans) select d.day, c.region, sum(d.price) as income from d left join raw_customers c using (customer_id) group by 1, 2",
    ),
    // Rules 5 and 6: joins in which either side may be missing.
    (
        "merged_days",
        "day:day",
        'I',
        "with o as (select cast(created_at as date) as day, count(*) as n from raw_orders group by 1), r as (select cast(returned_at as date) as day, count(*) as n from raw_returns group by 1) select coalesce(o.day, r.day) as day, o.n, r.n as returned from o full join r on o.day = r.day",
    ),
    (
        "merged_using",
        "day:day",
        'I',
        "with o as (select cast(created_at as date) as day, count(*) as n from raw_orders group by 1), r as (select cast(returned_at as date) as day, count(*) as n from raw_returns group by 1), p as (select cast(starts as date) as day, count(*) as plans from raw_plans group by 1) select day, o.n, r.n as returned, p.plans from o full join r using (day) full join p using (day)",
    ),
    (
        "merged_keys",
        "key:order_id",
        'K',
        "with o as (select order_id, sum(amount) as s from raw_orders group by 1), i as (select order_id, sum(quantity) as q from raw_items group by 1) select coalesce(o.order_id, i.order_id) as order_id, o.s, i.q from o full join i on i.order_id = o.order_id",
    ),
    (
        "full_by_left",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, r.returned_at from raw_orders o full join raw_returns r on o.order_id = r.order_id",
    ),
    (
        "right",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, r.returned_at from raw_orders o right join raw_returns r on o.order_id = r.order_id",
    ),
    (
        "right_by_key",
        "key:region",
        'K',
        "select c.region, count(*) as n, sum(o.amount) as s from raw_orders o left join raw_customers c on c.customer_id = o.customer_id and o.amount > 2 group by 1",
    ),
    // Rule 9: three-valued logic.
    (
        "not_in",
        "day:created_at",
        'I',
        "select * from raw_orders where customer_id not in (select customer_id from raw_customers where region = 'r1')",
    ),
    (
        "in_as_value",
        "day:created_at",
        'I',
        "select order_id, created_at, customer_id in (select customer_id from raw_customers) as known, case when order_id in (select order_id from raw_returns) then 1 else 2 end as kind from raw_orders",
    ),
    (
        "in_or",
        "day:created_at",
        'I',
        "select * from raw_orders where amount > 4 or customer_id in (select customer_id from raw_customers where region = 'r0')",
    ),
    // Rules 10 to 12: bands, history, nearness.
    (
        "terms",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, t.rate from raw_orders o left join raw_terms t on t.customer_id = o.customer_id and o.created_at >= t.valid_from and o.created_at < coalesce(t.valid_to, timestamp '9999-12-31')",
    ),
    (
        "terms_between",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, t.rate from raw_orders o join raw_terms t on o.created_at between t.valid_from and t.valid_to where t.rate > 1",
    ),
    (
        "terms_where",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, t.rate from raw_orders o, raw_terms t where o.customer_id = t.customer_id and o.created_at >= t.valid_from",
    ),
    (
        "nearest",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, t.rate from raw_orders o asof left join (select customer_id, valid_from, max(rate) as rate from raw_terms group by all) t on o.customer_id = t.customer_id and o.created_at >= t.valid_from where o.created_at is not null",
    ),
    (
        "next_one",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, t.valid_from from (select * from raw_orders where created_at > timestamp '2000-01-01') o asof join (select distinct customer_id, valid_from from raw_terms) t on o.customer_id = t.customer_id and o.created_at < t.valid_from",
    ),
    (
        "earlier_orders",
        "day:created_at",
        'I',
        "select a.order_id, a.created_at, count(b.order_id) as earlier from raw_orders a left join raw_orders b on b.customer_id = a.customer_id and b.created_at < a.created_at group by 1, 2",
    ),
    (
        "exists_in_band",
        "day:created_at",
        'I',
        "select o.* from raw_orders o where not exists (select 1 from raw_terms t where t.customer_id = o.customer_id and o.created_at between t.valid_from and t.valid_to)",
    ),
    (
        "newest_term",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, (select max(t.rate) from raw_terms t where t.valid_from <= o.created_at) as rate from raw_orders o",
    ),
    // Rules 13 and 14, Theorem 3b.
    (
        "both_keys",
        "key:order_id+region",
        'K',
        "select o.order_id, c.region, sum(o.amount) as s from raw_orders o join raw_customers c on c.customer_id = o.customer_id group by 1, 2",
    ),
    (
        "both_keys_left",
        "key:order_id+quantity",
        'K',
        "select distinct o.order_id, i.quantity from raw_orders o left join raw_items i on i.order_id = o.order_id",
    ),
    (
        "later_of_both",
        "day:at",
        'I',
        "select o.order_id, greatest(o.created_at, r.returned_at) as at from raw_orders o join raw_returns r on r.order_id = o.order_id",
    ),
    (
        "window_over_both",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, count(*) over (partition by c.region, o.amount) as peers from raw_orders o left join raw_customers c on c.customer_id = o.customer_id",
    ),
    (
        "calendar",
        "day:day",
        'I',
        "with days as (select unnest(generate_series(date '2026-02-26', date '2026-03-04', interval 1 day)) as day) select d.day, count(o.order_id) as n, sum(o.amount) as s from days d left join raw_orders o on cast(o.created_at as date) = d.day group by 1",
    ),
    (
        "calendar_of_rows",
        "day:day",
        'W',
        "with n as (select 0 as g union all select 1), m as (select a.g + 2 * b.g + 4 * c.g as i from n a cross join n b cross join n c), days as (select cast(date '2026-02-26' + cast(row_number() over (order by i) - 1 as integer) * interval 1 day as date) as day from m) select d.day, c.customer_id, count(o.order_id) as n from days d cross join raw_customers c left join raw_orders o on o.customer_id = c.customer_id and date_trunc('day', o.created_at) = d.day group by 1, 2",
    ),
    (
        "plans_on_calendar",
        "day:day",
        'I',
        "with days as (select range as day from range(date '2026-02-26', date '2026-03-04', interval 1 day)) select d.day, count(p.plan_id) as plans, sum(p.price) as price from days d join raw_plans p on d.day between p.starts and coalesce(p.ends, timestamp '9999-01-01') group by 1",
    ),
    (
        "rates_of_the_day",
        "day:created_at",
        'I',
        "with daily as (select cast(valid_from as date) as day, max(rate) as rate from raw_terms group by 1) select o.order_id, o.created_at, d.rate from raw_orders o left join daily d on d.day = o.created_at::date",
    ),
    (
        "texts_and_numbers",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, l.label from raw_orders o left join raw_labels l on l.code = o.order_id left join raw_rates r on r.rate = o.amount",
    ),
    (
        "coalesced_key",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, c.region from raw_orders o left join raw_customers c on coalesce(c.customer_id, -1) = coalesce(o.customer_id, -1)",
    ),
    // Rules 29 to 31: subqueries and recursion.
    (
        "divided",
        "key:customer_id",
        'W',
        "select c.customer_id from (select distinct customer_id from raw_customers) c where not exists (select 1 from raw_rates r where not exists (select 1 from raw_customers h where h.customer_id = c.customer_id and h.region = r.region))",
    ),
    (
        "nested",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at from raw_orders o where exists (select 1 from raw_items i where i.order_id = o.order_id and exists (select 1 from raw_customers c where c.customer_id = o.customer_id and i.quantity > 0))",
    ),
    (
        "scalar",
        "day:created_at",
        'W',
        "select order_id, created_at, amount - (select max(amount) from raw_orders) as below from raw_orders",
    ),
    (
        "bounds",
        "day:created_at",
        'W',
        "with b as (select min(returned_at) as first, max(quantity) as most from raw_returns, raw_items) select o.order_id, o.created_at, b.most from raw_orders o cross join b",
    ),
    (
        "bounds_in_band",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at from raw_orders o, (select max(returned_at) as newest, count(*) as n from raw_returns) b where o.created_at >= b.newest - interval '1 day'",
    ),
    (
        "bounds_between",
        "day:created_at",
        'I',
        "with b as (select min(returned_at) as first, max(returned_at) as last from raw_returns) select o.order_id, o.created_at, c.region from b cross join raw_orders o left join raw_customers c on c.customer_id = o.customer_id where o.created_at between b.first and b.last",
    ),
    (
        "bounds_or_none",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, o.amount from raw_orders o left join (select max(returned_at) as newest, max(order_id) as most from raw_returns) b on true where (b.newest is null or o.created_at < b.newest) and o.order_id >= b.most - 3",
    ),
    (
        "bounds_shown",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, b.newest from raw_orders o join (select max(returned_at) as newest from raw_returns) b on o.created_at >= b.newest",
    ),
    (
        "newest_day",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at from raw_orders o join (select max(cast(created_at as date)) as day from raw_orders) b on cast(o.created_at as date) = b.day",
    ),
    (
        "greatest_customer",
        "day:created_at",
        'I',
        "select o.order_id, o.created_at, b.n from raw_orders o left join (select max(customer_id) as customer_id, count(*) as n from raw_customers) b on b.customer_id = o.customer_id",
    ),
    (
        "top_customers",
        "day:created_at",
        'I',
        "with best as (select customer_id, sum(amount) as s from raw_orders group by 1 order by 2 desc nulls last, 1 limit 2) select o.order_id, o.created_at, b.s from raw_orders o left join best b on b.customer_id = o.customer_id",
    ),
    (
        "bosses",
        "day:created_at",
        'I',
        "with recursive chain as (select customer_id, boss, 0 as depth from raw_bosses where boss is null union all select b.customer_id, b.boss, c.depth + 1 from raw_bosses b join chain c on b.boss = c.customer_id where c.depth < 4) select o.order_id, o.created_at, d.depth from raw_orders o left join (select customer_id, min(depth) as depth from chain group by 1) d on d.customer_id = o.customer_id",
    ),
    (
        "roots",
        "key:root",
        'K',
        "with recursive tree as (select customer_id as root, customer_id, 0 as depth from raw_bosses union all select t.root, b.customer_id, t.depth + 1 from tree t join raw_bosses b on b.boss = t.customer_id where t.depth < 4) select root, count(*) as below, max(depth) as depth from tree group by 1",
    ),
    (
        "unread_clock",
        "day:created_at",
        'I',
        "with nobody as (select random() as r, now() as n from raw_orders) select order_id, created_at from raw_orders",
    ),
];

/// The shapes that an engine can write: all, or those of the given names.
fn shapes(on: On, names: &[&str]) -> Vec<Known> {
    let wanted = SHAPES.iter().filter(|(name, ..)| names.is_empty() || names.contains(name));
    wanted.filter_map(|(name, cut, _, sql)| Some(Known::of(name, cut, &written(on, sql)?))).collect()
}

pub(super) fn world(on: On) -> World {
    let mut world = differential::world(on);
    world.sql(
        "create table raw_plans (plan_id integer, customer_id integer, starts timestamp, ends timestamp, price integer); \
         create table raw_terms (customer_id integer, valid_from timestamp, valid_to timestamp, rate integer); \
         create table raw_bosses (customer_id integer, boss integer); create table raw_labels (code varchar, label varchar); \
         insert into raw_plans values (1, 1, '2026-02-27', '2026-03-01', 5); \
         insert into raw_terms values (1, '2026-02-01', '2026-02-27 12:00', 1), (1, '2026-02-27 12:00', null, 2); \
         insert into raw_bosses values (1, null), (2, 1), (3, 2), (4, 1); insert into raw_labels values ('1', 'a'), ('7', 'b')",
    );
    world
}

/// A random change of one of the tables; of these here more often than of those that other shapes read, too.
pub(super) fn change(random: &mut SmallRng) -> String {
    let maybe = |random: &mut SmallRng, value: String| if random.random_bool(0.12) { "null".to_owned() } else { value };
    let moment = |random: &mut SmallRng| {
        let hours = random.random_range(0..30) * 5;
        format!("timestamp '2026-02-26' + interval '{hours} hours'")
    };
    let (plan, customer) = (random.random_range(0..6), random.random_range(0..5).to_string());
    let who = maybe(random, customer.clone());
    let (from, to) = (moment(random), moment(random));
    let (from, to) = (maybe(random, from), maybe(random, to));
    let rate = random.random_range(0..5);
    match random.random_range(0..18) {
        0 | 1 => format!("insert into raw_plans values ({plan}, {who}, {from}, {to}, {rate})"),
        2 => format!("delete from raw_plans where plan_id = {plan}"),
        3 => format!("update raw_plans set ends = {to}, price = {rate} where plan_id = {plan}"),
        4 | 5 => format!("insert into raw_terms values ({who}, {from}, {to}, {rate})"),
        6 => format!("delete from raw_terms where customer_id = {customer} and rate = {rate}"),
        7 => format!("update raw_terms set valid_from = {from} where customer_id = {customer} and rate = {rate}"),
        8 => format!("update raw_terms set valid_to = {to} where customer_id = {customer}"),
        9 => format!(
            "delete from raw_bosses where customer_id = {customer}; insert into raw_bosses values ({customer}, {who})"
        ),
        10 => {
            format!("delete from raw_labels where code = '{plan}'; insert into raw_labels values ('{plan}', 'l{rate}')")
        }
        11 => format!(
            "delete from raw_orders where customer_id = {customer}; delete from raw_customers where customer_id = {customer}"
        ),
        _ => super::shapes::change(random),
    }
}

/// Walks, and returns the first table that is not what a rebuild holds, with the step.
fn walk(on: On, seed: u64, steps: u32, models: &[Known]) -> Option<String> {
    differential::walk_in(&mut world(on), change, seed, steps, models)
}

fn every_join_is_always_what_a_rebuild_holds(on: On) {
    let models = shapes(on, &[]);
    for seed in differential::seeds() {
        if let Some(wrong) = walk(on, seed, on.steps(10), &models) {
            panic!("{wrong}");
        }
    }
}

fn every_join_has_its_rule(on: On) {
    let mut world = world(on);
    let mut wrong = Vec::new();
    for known in shapes(on, &[]) {
        let name = &known.model.relation.identifier;
        let (_, _, expected, _) = SHAPES.iter().find(|shape| shape.0 == name).expect("its shape");
        let explanation = world.explain(&known).expect("explanation");
        let class = explanation.class.word();
        let found = match class {
            "EXACT-INTERVAL" => 'I',
            "EXACT-KEY" => 'K',
            "EXACT-WIDENED" => 'W',
            "FULL" => 'F',
            _ => '?',
        };
        // Rows that a function makes in a select list have no rule in PostgreSQL: right, only wider.
        let wider =
            on == On::Postgres && found == 'F' && explanation.findings.iter().all(|finding| finding.rule == "unnest");
        if found != *expected && !wider {
            let findings: Vec<&str> = explanation.findings.iter().map(|finding| finding.message.as_str()).collect();
            wrong.push(format!("{name}: {class}, not {expected}: {}", findings.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn rules_got_wrong_are_noticed(on: On) {
    for (mutant, names) in [
        (Mutant::SeriesByItsStart, &["days_of_plans"][..]),
        (Mutant::OrphansForgotten, &["right"]),
        (Mutant::FullJoinLeftOnly, &["merged_days"]),
        (Mutant::NotInAsAnti, &["not_in"]),
        (Mutant::BandByEnd, &["terms", "nearest"]),
        (Mutant::BothChangedForgotten, &["both_keys"]),
        (Mutant::ResultTakenForGiven, &["scalar", "top_customers"]),
        (Mutant::ResultTakenForGiven, &["bounds_between"]),
        (Mutant::ResultTakenForGiven, &["newest_day"]),
        (Mutant::RecursionSeedOnly, &["roots"]),
        (Mutant::SubqueryIgnored, &["nested"]),
        (Mutant::JoinAnchorOnly, &["calendar"]),
    ] {
        let naive = shapes(on, names).into_iter().map(|known| Known { read: Some(Some(mutant)), ..known });
        let naive: Vec<Known> = naive.collect();
        assert!((0..12).any(|seed| walk(on, seed, 20, &naive).is_some()), "{mutant:?} goes unnoticed");
    }
}
