//! `asof` joins of rows that may have no moment are refused; those of rows that have one are not.

use super::engines::On;
use super::world::{Known, World};
use crate::engine::Cell;
use crate::exact::explain::explain;
use crate::exact::job::Job;
use crate::exact::{Class, ViewText};

/// The other side of every join here: one row for each customer and moment.
const TERMS: &str = "(select customer_id, valid_from, max(rate) as rate from raw_terms group by all) t on o.customer_id = t.customer_id";

/// Columns of `raw_orders`: order_id, customer_id, created_at, amount, note. `TERMS` stands for what is said above.
const OPEN: &[&str] = &[
    "select o.order_id, t.rate from raw_orders o asof left join TERMS and o.created_at >= t.valid_from",
    "select o.order_id, t.rate from raw_orders o asof join TERMS and o.created_at < t.valid_from",
    "select o.order_id, t.rate from (select * from raw_orders where created_at is null or amount > 1) o asof join TERMS and o.created_at >= t.valid_from",
    "select o.order_id, t.rate from (select * from raw_orders where created_at is not null) o asof join TERMS and try_cast(cast(o.created_at as varchar) as timestamp) >= t.valid_from",
    "select o.order_id, t.rate from raw_orders o asof join TERMS and coalesce(o.created_at, null) >= t.valid_from",
    "select o.order_id, t.rate from (select c.customer_id, a.order_id, a.created_at from raw_customers c left join (select * from raw_orders where created_at is not null) a using (customer_id)) o asof join TERMS and o.created_at >= t.valid_from",
    "select o.customer_id, t.rate from (select customer_id, max(created_at) as created_at from raw_orders group by 1) o asof join TERMS and o.created_at >= t.valid_from",
    "select o.customer_id, t.rate from (select customer_id, created_at from raw_orders where created_at is not null union all select customer_id, created_at from raw_orders) o asof join TERMS and o.created_at >= t.valid_from",
    // The filter comes too late: what is found for a row that it drops counts for others before.
    "select * from (select o.order_id, o.created_at, sum(t.rate) over (partition by o.customer_id) as s from raw_orders o asof left join TERMS and o.created_at >= t.valid_from) as x where created_at is not null",
    "select customer_id, s from (select o.customer_id, sum(t.rate) as s, max(o.created_at) as latest from raw_orders o asof left join TERMS and o.created_at >= t.valid_from group by 1) as x where latest is not null",
];

const CLOSED: &[&str] = &[
    "select o.order_id, t.rate from raw_orders o asof left join TERMS and o.created_at >= t.valid_from where o.created_at is not null",
    "select o.order_id, t.rate from (select * from raw_orders where created_at >= timestamp '2026-01-01') o asof left join TERMS and o.created_at >= t.valid_from",
    "select o.order_id, t.rate from (select order_id, customer_id, cast(created_at as timestamp) as created_at from raw_orders where created_at between timestamp '2026-01-01' and timestamp '2027-01-01') o asof left join TERMS and o.created_at - interval 1 day >= t.valid_from",
    "select o.order_id, t.rate from raw_orders o asof join TERMS and coalesce(o.created_at, timestamp '2026-01-01') >= t.valid_from",
    "select o.order_id, t.rate from (select a.* from raw_orders a join raw_orders b on a.created_at = b.created_at) o asof join TERMS and date_trunc('day', o.created_at) >= t.valid_from",
    "select o.customer_id, t.rate from (select customer_id, max(created_at) as created_at from raw_orders where created_at is not null group by 1) o asof join TERMS and o.created_at >= t.valid_from",
    "select day, sum(rate) as s from (select date_trunc('day', o.created_at) as day, t.rate from raw_orders o asof join TERMS and o.created_at >= t.valid_from) as x where day > timestamp '2026-01-01' group by 1",
    "select date_trunc('day', o.created_at) as day, sum(t.rate) as s from raw_orders o asof join TERMS and o.created_at >= t.valid_from group by 1 having day is not null",
    "select * from (select o.order_id, o.created_at, t.rate from raw_orders o asof join TERMS and o.created_at >= t.valid_from union all select 1, null, 1) as x where created_at is not null",
];

fn world() -> World {
    let mut world = World::with_orders(On::DuckDb);
    world.sql("create table raw_terms (customer_id integer, valid_from timestamp, rate integer)");
    world
}

/// What is said of a query: nothing when it is not refused.
fn refused(world: &mut World, sql: &str) -> Option<String> {
    let sql = sql.replace("TERMS", TERMS);
    let known = Known::of("shown", "whole", &sql);
    let mut job = Job::new(world.session.as_mut(), &known.model, &world.around, "hw");
    let explanation =
        explain(&mut job, &|request| known.analyse(request)).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let finding = explanation.findings.iter().find(|finding| finding.rule == "asof-null");
    assert_eq!(explanation.class == Class::Refused, finding.is_some(), "{sql}: {:?}", explanation.findings);
    finding.map(|finding| {
        assert!(finding.place.is_some(), "{sql}: no place");
        format!("{}\n  {}", finding.message, finding.help)
    })
}

#[test]
fn a_moment_that_may_be_missing_is_refused() {
    let mut world = world();
    for sql in OPEN {
        assert!(refused(&mut world, sql).is_some(), "not refused: {sql}");
    }
    for sql in CLOSED {
        assert_eq!(refused(&mut world, sql), None, "{sql}");
    }
    insta::assert_snapshot!(refused(&mut world, OPEN[0]).unwrap_or_default(), @r#"
`created_at` may be NULL, and what an asof join finds for such a row depends on how the engine goes about it, so two rebuilds may differ
  add `where created_at is not null`, or declare the column with a not_null test
"#);
}

#[test]
fn a_declaration_counts() {
    let mut world = world();
    let joined = OPEN[0];
    let columns = || vec!["created_at".to_owned()];
    world.around.never_null.insert(world.relation("raw_orders"), columns());
    assert_eq!(refused(&mut world, joined), None);
    world.around.never_null.clear();
    // One of the database needs no declaration.
    world.sql("create table raw_kept (order_id integer, customer_id integer, created_at timestamp not null)");
    assert_eq!(refused(&mut world, &joined.replace("raw_orders", "raw_kept")), None);
    // A view's own columns count as well as a table's.
    let view = ViewText { unique_id: "model.shop.named".into(), sql: "select * from raw_orders".into() };
    world.sql("create view named as select * from raw_orders");
    world.around.views.insert(world.relation("named"), view);
    let viewed = joined.replace("raw_orders", "named");
    assert!(refused(&mut world, &viewed).is_some());
    world.around.never_null.insert(world.relation("named"), columns());
    assert_eq!(refused(&mut world, &viewed), None);
}

/// Why all this: as soon as the engine has one answer for such rows, the rule is too strict.
#[test]
fn the_engine_has_several_answers_for_a_row_without_a_moment() {
    let mut world = World::with_orders(On::DuckDb);
    world.sql(
        "create table history as select 1 as k, timestamp '2026-01-01' as since, 7 as rate; \
         create table few as select 1 as k, cast(null as timestamp) as moment; \
         create table many as select 1 as k, cast(null as timestamp) as moment from range(5000)",
    );
    let mut rate = |table: &str| {
        let asked = format!(
            "select max(h.rate) from {table} as r asof left join history as h on r.k = h.k and r.moment >= h.since"
        );
        world.session.query(&asked).expect("an answer").scalar().cloned()
    };
    assert_eq!(rate("few"), Some(Cell::Null));
    assert_ne!(rate("many"), rate("few"));
}
