//! Partials: aggregations of many kinds kept by way of a table per key and day, through random changes and through accidents.

use super::differential::{seeds, walk_in, world};
use super::engines::{On, on_both_engines};
use super::shapes::{PARTIALS, change};
use super::world::{Known, World};
use super::written::written;
use crate::engine::Relation;
use crate::exact::detect::fingerprint::Naive;
use crate::exact::explain::with_partials;
use crate::exact::partials::{pair, table};
use crate::exact::{ExactError, Mode, PlannedModel, plan};
use crate::manifest::BatchSize;

on_both_engines![
    every_aggregation_is_always_what_a_rebuild_holds,
    partials_got_wrong_are_noticed,
    a_query_as_two,
    what_cannot_be_split,
    a_moment_is_needed,
    a_changed_day_costs_that_day_and_its_keys,
    a_run_that_ends_between_the_two,
    partials_changed_by_hand_are_mended,
    other_logic_other_steps_and_a_full_refresh,
    without_the_line_nothing_is_left,
    what_a_plan_says,
    what_explain_says,
];

fn shapes(on: On, names: &[&str]) -> Vec<Known> {
    let wanted = PARTIALS.iter().filter(|(name, ..)| names.is_empty() || names.contains(name));
    wanted
        .map(|(name, key, moment, sql)| {
            let cut = if key.is_empty() { "whole".to_owned() } else { format!("key:{key}") };
            let sql = written(on, sql).expect("every engine has these aggregates");
            Known::of(name, &cut, &sql).by_day_of(moment)
        })
        .collect()
}

fn shape(on: On, name: &str) -> Known {
    shapes(on, &[name]).pop().expect("a shape")
}

fn kept(world: &World, name: &str) -> Relation {
    table(&world.relation(name))
}

fn every_aggregation_is_always_what_a_rebuild_holds(on: On) {
    let models = shapes(on, &[]);
    for seed in seeds().map(|seed| 100 + seed) {
        if let Some(wrong) = walk_in(&mut world(on), change, seed, on.steps(6), &models) {
            panic!("{wrong}");
        }
    }
}

fn partials_got_wrong_are_noticed(on: On) {
    for (naive, name) in [
        (Naive::PartialsOnlyAdded, "sums"),
        (Naive::PartialsOnlyAdded, "extremes"),
        (Naive::PartialsLeftBehind, "sums"),
        (Naive::PartialsLeftBehind, "joined"),
    ] {
        let noticed = (0..8).any(|seed| {
            let mut world = world(on);
            world.naive = Some(naive);
            walk_in(&mut world, change, seed, 15, &shapes(on, &[name])).is_some()
        });
        assert!(noticed, "{naive:?} goes unnoticed by {name}");
    }
}

/// The two queries that a query is.
fn a_query_as_two(on: On) {
    let mut world = world(on);
    let mut lines = Vec::new();
    for name in ["computed", "handed_on", "averages", "everything_at_once"] {
        let model = shape(on, name).model;
        let pair = pair(world.session.as_mut(), &model, &world.around).expect("a pair");
        lines.push(format!("-- {name}\n{}\n--\n{}", pair.stored.sql, pair.combined.sql));
    }
    let text = lines.join("\n\n");
    if on == On::Postgres {
        // Its types are others, and nothing else is.
        let typed: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("(cast(") || line.contains(" cast("))
            .filter(|line| !line.contains("date_trunc"))
            .collect();
        insta::assert_snapshot!(typed.join("\n"), @r#"
select hw_key_1 as who, coalesce(cast(sum(hw_part_1) as numeric), 0) / cast(coalesce(sum(hw_part_2), 0) as bigint) as each_one, case when max(hw_part_3) > 7 then 'large' else 'small' end as size
select hw_key_1 as "customer_id", (cast(sum(hw_part_1) as numeric) / cast(sum(hw_part_2) as numeric)) as mean_id
select cast(coalesce(sum(hw_part_1), 0) as bigint) as n, cast(sum(hw_part_2) as numeric) as total, min(hw_part_3) as first_at
"#);
        return;
    }
    insta::assert_snapshot!(text, @r#"
-- computed
select coalesce(customer_id, 0) % 3 as hw_key_1, date_trunc('day', cast(created_at as timestamp)) as hw_interval, sum(amount) as hw_part_1, count(*) as hw_part_2, max(amount) as hw_part_3
from raw_orders
group by 1, 2
--
select hw_key_1 as who, coalesce(cast(sum(hw_part_1) as DECIMAL(38,2)), 0) / cast(coalesce(sum(hw_part_2), 0) as BIGINT) as each_one, case when max(hw_part_3) > 7 then 'large' else 'small' end as size
from "shop"."highwater"."partials_of_computed_731f3314" as hw_partials
group by hw_key_1

-- handed_on
with paid as (select * from raw_orders where amount > 0)
select region as hw_key_1, date_trunc('day', cast(created_at as timestamp)) as hw_interval, max(amount) as hw_part_1
from paid join raw_customers c using (customer_id)
group by 1, 2
--
select hw_key_1 as "region", max(hw_part_1) as best
from "shop"."highwater"."partials_of_handed_on_ca73cfa4" as hw_partials
group by hw_key_1

-- averages
select customer_id as hw_key_1, date_trunc('day', cast(created_at as timestamp)) as hw_interval, sum(order_id) as hw_part_1, count(order_id) as hw_part_2
from raw_orders
group by 1, 2
--
select hw_key_1 as "customer_id", (cast(sum(hw_part_1) as double) / cast(sum(hw_part_2) as double)) as mean_id
from "shop"."highwater"."partials_of_averages_44d368d5" as hw_partials
group by hw_key_1

-- everything_at_once
select date_trunc('day', cast(created_at as timestamp)) as hw_interval, count(*) as hw_part_1, sum(amount) as hw_part_2, min(created_at) as hw_part_3
from raw_orders
group by 1
--
select cast(coalesce(sum(hw_part_1), 0) as BIGINT) as n, cast(sum(hw_part_2) as DECIMAL(38,2)) as total, min(hw_part_3) as first_at
from "shop"."highwater"."partials_of_everything_at_once_c1c3fa47" as hw_partials
"#);
}

/// Queries that cannot be split, but for one.
const WHOLE: &[&str] = &[
    "select k, sum(x) as s from measured group by k",
    "select k, avg(x) as s from measured group by k",
    "select k, median(x) as s from measured group by k",
    "select k, count(distinct x) as s from measured group by k",
    "select k, string_agg(k, ',' order by x) as s from measured group by k",
    "select k, count(*) as n from measured group by rollup (k)",
    "select k, row_number() over (order by count(*)) as n from measured group by k",
    "select distinct k, count(*) as n from measured group by k",
    "select k, count(*) as n from measured group by k limit 3",
    "select k, count(*) as n, (select max(x) from measured) as most from measured group by k",
    "select k, count(*) as n from measured group by k union all select 0, 0",
    "select k + 1 as k, 2 * k + 1 as k2, count(*) as n from measured group by k, k + 1",
    "select k, count(*) as n, n * 2 as more from measured group by k having n > 1",
    "select k from measured",
    "select k, count(*) as n from (select k from measured) group by k",
];

/// What is said of them, by an engine that understands them.
fn told(on: On) -> Vec<String> {
    let mut world = World::with_orders(on);
    let measured = "create table measured as select 1 as k, 2::double as x, timestamp '2026-02-01' as seen_at";
    world.sql(&written(on, measured).expect("every engine has fractions"));
    let told = WHOLE.iter().map(|sql| {
        let model = Known::of("cut", "key:k", &written(on, sql).expect("a query")).by_day_of("seen_at").model;
        let words = match pair(world.session.as_mut(), &model, &world.around) {
            Ok(pair) => format!("splits into {}", pair.combined.sql),
            Err(error @ ExactError::Unbound { .. }) => {
                format!("no query: {}", error.to_string().lines().next().unwrap_or_default())
            }
            Err(error) => error.to_string(),
        };
        format!("{sql}\n    {words}")
    });
    told.collect()
}

/// What cannot be split says why, on every engine the same.
fn what_cannot_be_split(on: On) {
    let said = told(On::DuckDb);
    if on == On::Postgres {
        let alike = |line: &str| {
            line.replace("percentile_cont(0.5) is", "median(x) is")
                .replace("double precision", "DOUBLE")
                .replace("bigint", "BIGINT")
        };
        let here = told(on);
        let pairs: Vec<_> = here.iter().zip(&said).filter(|(here, _)| !here.contains("no query: ")).collect();
        assert!(pairs.len() + 4 > WHOLE.len(), "PostgreSQL understands {} of {}", pairs.len(), WHOLE.len());
        for (here, there) in pairs {
            assert_eq!(alike(here), *there);
        }
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
select k, sum(x) as s from measured group by k
    no partials can be kept of cut: sum(x) adds up DOUBLE, and what comes out depends on the order
select k, avg(x) as s from measured group by k
    no partials can be kept of cut: avg(x) adds up DOUBLE, and what comes out depends on the order
select k, median(x) as s from measured group by k
    no partials can be kept of cut: median(x) is not made of the same of parts
select k, count(distinct x) as s from measured group by k
    no partials can be kept of cut: count(distinct x) counts no value twice, and an interval does not know of the others
select k, string_agg(k, ',' order by x) as s from measured group by k
    no partials can be kept of cut: string_agg(k, ',' order by x) is not made of the same of parts
select k, count(*) as n from measured group by rollup (k)
    no partials can be kept of cut: it groups by several sets of keys at once
select k, row_number() over (order by count(*)) as n from measured group by k
    no partials can be kept of cut: row_number() is a window over groups
select distinct k, count(*) as n from measured group by k
    no partials can be kept of cut: distinct stands before its columns
select k, count(*) as n from measured group by k limit 3
    no partials can be kept of cut: a limit stands behind its aggregation
select k, count(*) as n, (select max(x) from measured) as most from measured group by k
    no partials can be kept of cut: a subquery stands beside its aggregates
select k, count(*) as n from measured group by k union all select 0, 0
    no partials can be kept of cut: its outermost query is no single select
select k + 1 as k, 2 * k + 1 as k2, count(*) as n from measured group by k, k + 1
    no partials can be kept of cut: `2 * k + 1` could not be followed
select k, count(*) as n, n * 2 as more from measured group by k having n > 1
    splits into select hw_key_1 as "k", cast(coalesce(sum(hw_part_1), 0) as BIGINT) as n, n * 2 as more
from "shop"."highwater"."partials_of_cut_cc7361a3" as hw_partials
group by hw_key_1
having n > 1
select k from measured
    no partials can be kept of cut: k is no key as `group by` has it, and stands in no aggregate
select k, count(*) as n from (select k from measured) group by k
    no partials can be kept of cut: the engine does not understand the query with `seen_at` among its keys
"#);
}

/// A moment that nobody named, and one that the tables do not have.
fn a_moment_is_needed(on: On) {
    let mut world = World::with_orders(on);
    let mut model = shape(on, "sums").model;
    model.moment = None;
    let error = pair(world.session.as_mut(), &model, &world.around).err().expect("no pair");
    let told = format!("{:?}", error.diagnostic());
    assert!(told.contains("HW0517") && told.contains("event_time"), "{told}");
    model.moment = Some("shipped_at".into());
    assert!(pair(world.session.as_mut(), &model, &world.around).is_err());
    model.moment = Some("created_at; drop table raw_orders".into());
    assert!(pair(world.session.as_mut(), &model, &world.around).is_err());
}

fn a_changed_day_costs_that_day_and_its_keys(on: On) {
    let mut world = World::with_orders(on);
    let known = shape(on, "sums");
    assert_eq!(world.run_and_compare(&known).mode, Mode::New);
    world.sql("insert into raw_orders values (7, 1, '2026-02-01 18:00', 5, null)");
    let report = world.run_and_compare(&known);
    let partials = report.partials.expect("partials");
    assert_eq!((partials.mode, partials.dirty_count), (Mode::Incremental, 1));
    assert_eq!((report.mode, report.dirty_count, report.replaced_count), (Mode::Incremental, 1, 1));
    let report = world.run_and_compare(&known);
    assert_eq!((report.mode, report.partials.expect("partials").mode), (Mode::Unchanged, Mode::Unchanged));
}

/// A run that died behind its partials: the next one finds that they have moved on.
fn a_run_that_ends_between_the_two(on: On) {
    for then in ["select 1", "delete from raw_orders where order_id = 2", "update raw_orders set customer_id = 2"] {
        let mut world = World::with_orders(on);
        let known = shape(on, "sums");
        world.run_and_compare(&known);
        world.sql("update raw_orders set amount = amount + 1 where customer_id = 1");
        let halves = pair(world.session.as_mut(), &known.model, &world.around).expect("a pair");
        let alone = Known { model: halves.stored, ..known.clone() };
        world.run(&alone).expect("the partials");
        assert_ne!(world.difference(&known), "", "the model is behind");
        world.sql(then);
        world.run_and_compare(&known);
    }
}

fn partials_changed_by_hand_are_mended(on: On) {
    for accident in [
        "drop table KEPT",
        "delete from KEPT where hw_key_1 = 1",
        "update KEPT set hw_part_1 = 999",
        "alter table KEPT drop column hw_part_1",
        // By hand and in the source at once, so that the partials look right when they are looked at.
        "delete from KEPT where hw_key_1 = 2; delete from raw_orders where customer_id = 2",
    ] {
        let mut world = World::with_orders(on);
        let known = shape(on, "sums");
        world.run_and_compare(&known);
        let accident = accident.replace("KEPT", &kept(&world, "sums").sql());
        world.sql(&accident);
        world.run_and_compare(&known);
        assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged, "{accident}");
    }
}

fn other_logic_other_steps_and_a_full_refresh(on: On) {
    let mut world = World::with_orders(on);
    let known = shape(on, "sums");
    world.run_and_compare(&known);
    let mut filtered = known.clone();
    filtered.model.sql = known.model.sql.replace("from raw_orders", "from raw_orders where order_id > 1");
    let report = world.run_and_compare(&filtered);
    assert_eq!(report.partials.expect("partials").mode, Mode::Whole);
    let mut monthly = filtered.clone();
    monthly.model.partials = Some(BatchSize::Month);
    let report = world.run_and_compare(&monthly);
    assert_eq!(report.partials.expect("partials").whole.as_deref(), Some("the query changed"));
    let mut whole = monthly.clone();
    whole.model.full_refresh = true;
    let report = world.run_and_compare(&whole);
    assert_eq!((report.mode, report.partials.expect("partials").mode), (Mode::Whole, Mode::Whole));
    world.sql("insert into raw_orders values (8, 2, null, 5, null)");
    world.run_and_compare(&monthly);
}

/// Taking the line away takes the table away, and what the ledger knew of it.
fn without_the_line_nothing_is_left(on: On) {
    let mut world = World::with_orders(on);
    let known = shape(on, "sums");
    world.run_and_compare(&known);
    let mut plain = known.clone();
    plain.model.partials = None;
    assert_eq!(world.run_and_compare(&plain).mode, Mode::Whole);
    let kept = kept(&world, "sums");
    assert_eq!(world.session.kind(&kept).expect("kind"), None);
    assert_eq!(
        world.rows(&format!("select model from highwater.partitions where model like '%{}%'", kept.identifier)),
        ""
    );
    world.run_and_compare(&known);
    world.sql("delete from raw_orders where order_id = 3");
    world.run_and_compare(&known);
}

fn what_a_plan_says(on: On) {
    let mut world = World::with_orders(on);
    let known = shape(on, "sums");
    let mut lines = Vec::new();
    let mut planned = |world: &mut World, when: &str| {
        let run = world.identity();
        let models = [PlannedModel::Exact(Box::new(world.own(&known).model))];
        let plan = plan(world.session.as_mut(), &models, &world.around, &run).expect("a plan");
        for model in plan.models {
            lines.push(format!(
                "{when}: {} {:?} {} dirty {:?}",
                model.label, model.state, model.dirty_count, model.whole
            ));
        }
    };
    planned(&mut world, "first");
    world.run_and_compare(&known);
    planned(&mut world, "built");
    world.sql("insert into raw_orders values (7, 1, '2026-02-01 18:00', 5, null)");
    planned(&mut world, "late");
    let mut plain = known.clone();
    plain.model.partials = None;
    world.run_and_compare(&plain);
    planned(&mut world, "asked for");
    insta::assert_snapshot!(lines.join("\n"), @r#"
first: partials of sums New 0 dirty None
first: sums New 0 dirty None
built: partials of sums Unchanged 0 dirty None
built: sums Unchanged 0 dirty None
late: partials of sums Dirty 1 dirty None
late: sums Dirty 2 dirty None
asked for: partials of sums New 0 dirty None
asked for: sums Whole 0 dirty Some("partials are kept of it from now on")
"#);
}

fn what_explain_says(on: On) {
    let mut world = World::with_orders(on);
    let known = shape(on, "sums");
    world.run_and_compare(&known);
    let mut lines = Vec::new();
    let mut plain = known.clone();
    plain.model.partials = None;
    let mut wrong = known.clone();
    wrong.model.sql = "select customer_id, count(distinct amount) as m from raw_orders group by 1".into();
    for known in [&known, &plain, &wrong].map(|known| world.own(known)) {
        let told = with_partials(world.session.as_mut(), &known.model, &world.around, &highwater_sql::analyse);
        let told = told.expect("an explanation");
        lines.push(format!("{}: {}", told.class.word(), told.statement));
        lines.extend(told.inputs.iter().map(|input| format!("  {} by {}", input.label, input.detector)));
        lines.extend(
            told.findings.iter().chain(&told.notes).map(|finding| format!("  {}: {}", finding.message, finding.help)),
        );
    }
    let database = format!(" {}.", kept(&world, "sums").database);
    // PostgreSQL looks at the tuples of a table before it looks at what its rows hold.
    let text = lines.join("\n").replace(&database, " shop.");
    assert_eq!(text.contains("by tuples, then "), on == On::Postgres, "{text}");
    insta::assert_snapshot!(text.replace("tuples, then ", ""), @r#"
EXACT-KEY: rebuilt by customer_id, only the keys that changed, from partials by day of created_at in shop.highwater.partials_of_sums_649dcfce
  raw_orders by fingerprint of 4 columns by day
EXACT-KEY: rebuilt by customer_id, only the keys that changed
  raw_orders by fingerprint of 3 columns by customer_id
  its aggregates can be kept per day of created_at: a changed day would then be read alone, and what it changes put together from all days' partials: if a key has many rows a day, write meta: {highwater: {partials: day}} (hw help HW0517)
REFUSED: not built: it asks for partials, and its query cannot be split
  raw_orders by fingerprint of 2 columns by customer_id
  count(distinct amount) counts no value twice, and an interval does not know of the others: leave it to a model of its own, rebuilt by key without partials
"#);
    let kept = kept(&world, "sums");
    let columns = world.session.columns(&kept).expect("columns");
    assert!(columns.iter().any(|column| column.name == "hw_interval"));
}
