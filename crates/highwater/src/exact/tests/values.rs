//! Values that an engine takes for one another: every change of one into another must be noticed, in an input and in a result.

use highwater_sql::IntervalUnit;

use super::engines::{On, on_both_engines};
use super::world::{Known, World};

on_both_engines![
    groups_of_intervals_are_the_intervals,
    values_with_one_hash_are_not_one_value,
    equal_values_that_look_different_are_kept_apart,
];

/// A type, and values of it of which no two are one and for some of which DuckDB's `hash` is the same. Each follows the one before.
const CONFUSED: &[(&str, &[&str])] = &[
    ("hugeint", &["0", "-1", "null", "18446744073709551617"]),
    ("uhugeint", &["0", "18446744073709551617", "36893488147419103234"]),
    ("decimal(38,2)", &["0", "-0.01", "0.01"]),
    ("decimal(18,2)", &["0", "-0.01", "0.01"]),
    ("interval", &["interval '0 days'", "interval '1 month 1 day'", "interval '1 month'"]),
    ("integer[]", &["null", "[]", "[null]", "[1]"]),
    ("hugeint[]", &["[0]", "[-1]", "[null]"]),
    ("integer[][]", &["[[1], [2]]", "[[1, 2]]", "[[1, 2], []]"]),
    ("integer[1]", &["null", "[null]", "[0]"]),
    ("double[]", &["[0.0]", "[1.0]", "null", "[]"]),
    ("struct(a hugeint)", &["{'a': 0}", "{'a': -1}", "{'a': null}", "null"]),
    ("map(integer, integer)", &["map {}", "null", "map {1: 2}", "map {1: 1}"]),
    ("union(n integer, t varchar)", &["union_value(n := 1)", "union_value(t := '1')", "null"]),
    ("varchar", &["''", "null", "'a'", "'A'"]),
    ("double", &["0", "-1", "null"]),
];

/// The same of PostgreSQL, which calls some values equal that do not look alike.
const LOOK_ALIKE: &[(&str, &[&str])] = &[
    ("numeric", &["0", "-1", "null", "18446744073709551617", "1", "1.0", "1.00"]),
    ("numeric(38,2)", &["0", "-0.01", "0.01"]),
    ("double precision", &["0", "'-0'", "-1", "null", "'NaN'"]),
    ("interval", &["interval '0 days'", "interval '1 month'", "interval '30 days'", "interval '720 hours'"]),
    ("integer[]", &["null", "'{}'", "'{null}'", "'{1}'", "'[0:0]={1}'"]),
    ("integer[][]", &["'{{1},{2}}'", "'{{1,2}}'", "'{1,2}'"]),
    ("character(3)", &["''", "null", "'a'", "'A'"]),
    ("varchar", &["''", "null", "'a'", "'a '", "'A'"]),
    ("bytea", &["''", "'\\x00'", "'\\x0000'", "null"]),
    ("jsonb", &["null", "'null'", "'{}'", "'{\"a\": 1}'", "'{\"a\": 1.0}'"]),
    ("json", &["'{\"a\":1}'", "'{\"a\": 1}'", "null"]),
    ("timestamptz", &["'2026-02-01 00:00+00'", "'2026-02-01 00:00+01'", "null"]),
    ("point", &["point(0, 0)", "point(0, 1)", "null"]),
];

/// Moments around which calendars turn, as far as the engine has them.
fn moments(on: On) -> &'static [&'static str] {
    match on {
        On::DuckDb => &["0044-03-15 (BC) 12:00:00", "290308-01-01 (BC) 00:00:01", "294247-01-10 04:00:54"],
        On::Postgres => &["0044-03-15 12:00:00 BC", "4713-01-01 00:00:01 BC", "294276-12-31 04:00:54"],
    }
}

/// What a condition holds against the rows is the value itself, and not one that the engine calls equal.
fn equal_values_that_look_different_are_kept_apart(on: On) {
    let mut world = World::with_orders(on);
    world.sql(
        "create table raw_sizes (size double precision); insert into raw_sizes values (cast('-0' as double precision)); \
         update raw_orders set note = cast(cast('0' as double precision) as varchar) where order_id = 1",
    );
    let known = Known::of(
        "sized",
        "day:created_at",
        "select o.order_id, o.created_at, s.size from raw_orders o left join raw_sizes s on o.note like cast(s.size as varchar) || '%'",
    );
    world.run_and_compare(&known);
    world.sql("insert into raw_sizes values (cast('0' as double precision))");
    world.run_and_compare(&known);
}

/// Whatever groups are made of, their ids are the starts of intervals.
fn groups_of_intervals_are_the_intervals(on: On) {
    let mut world = World::new(on);
    world.sql(
        "create table moments as select x from (values (timestamp '1969-12-31 23:59:59.999999'), (timestamp '1970-01-01'), \
         (timestamp '2024-02-29 23:59:59'), (timestamp '0001-01-01 00:00:01'), (timestamp 'infinity'), (timestamp '-infinity'), \
         (null)) as moments(x)",
    );
    for moment in moments(on) {
        world.sql(&format!("insert into moments values ('{moment}')"));
    }
    let dialect = on.dialect();
    for (unit, expression) in [IntervalUnit::Hour, IntervalUnit::Day, IntervalUnit::Month, IntervalUnit::Year]
        .into_iter()
        .flat_map(|unit| ["x", "x at time zone 'UTC'", "cast(x as date)"].map(|expression| (unit, expression)))
    {
        let (group, id) = dialect.interval_group(expression, unit);
        let start = dialect.interval(expression, unit);
        let wrong = format!(
            "select x, p, q from (select x, {group} as p, {start} as q from moments) as t where {id} is distinct from q"
        );
        assert_eq!(world.rows(&wrong), "", "{unit:?} of {expression}");
    }
}

fn values_with_one_hash_are_not_one_value(on: On) {
    let mut world = World::new(on);
    let confused = match on {
        On::DuckDb => CONFUSED,
        On::Postgres => LOOK_ALIKE,
    };
    for (index, (data_type, values)) in confused.iter().enumerate() {
        let (table, stored) = (format!("t{index}"), format!("stored{index}"));
        world.sql(&format!("create table {table} (day date, x {data_type})"));
        world.sql(&format!("insert into {table} values ('2026-02-01', {})", values[0]));
        // Read as it is; and made from texts, so that only the result has the type.
        let read = Known::of(&stored, "day:day", &format!("select day, x from {table}"));
        let choices: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(at, value)| format!("when {at} then cast({value} as {data_type})"))
            .collect();
        world.sql(&format!("create table choice{index} (day date, choice integer)"));
        world.sql(&format!("insert into choice{index} values ('2026-02-01', 0)"));
        let made = format!("select day, case choice {} end as x from choice{index}", choices.join(" "));
        let made = Known::of(&format!("made{index}"), "day:day", &made);
        world.run_and_compare(&read);
        world.run_and_compare(&made);
        for (at, value) in values.iter().enumerate().skip(1) {
            world.sql(&format!("update {table} set x = {value}; update choice{index} set choice = {at}"));
            for known in [&read, &made] {
                let report = world.run_and_compare(known);
                assert_eq!(report.replaced_count, 1, "{data_type}: {} to {value}", values[at - 1]);
            }
        }
    }
}
