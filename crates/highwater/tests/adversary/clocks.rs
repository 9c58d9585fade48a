//! Functions that answer anew: the run after nothing changed must still be a rebuild, or the model refused.

use crate::world::{Case, case};

/// Nothing but time passes between these runs.
const WAIT: &[&str] = &["", "select count(*) from range(200000)"];

pub const CASES: &[Case] = &[
    case(
        "a clock after something that cannot be followed",
        "day:ts",
        "select ts, list_transform(tags, y -> y || '!') as loud, nextval('ticks') as n from o",
        WAIT,
    )
    .with("create sequence ticks"),
    case("an alias that is a setting", "day:ts", "select ts, id from o where list_any_value(list_transform([1], y -> y + getvariable('n'))) > 2", &[
        "set variable n = 5",
        "set variable n = 0",
    ])
    .with("set variable n = 0"),
    case(
        "a setting in values",
        "day:ts",
        "select ts, v.n from o, (values (getvariable('n'))) as v(n)",
        &["set variable n = 5", "set variable n = 1"],
    )
    .with("set variable n = 0"),
    case(
        "a setting in unnest",
        "day:ts",
        "select ts, u.n from o, unnest([x, getvariable('n')]) as u(n)",
        &["set variable n = 5", "set variable n = 1"],
    )
    .with("set variable n = 0"),
    case(
        "a setting in the order of a limit",
        "day:ts",
        "select ts, id from o order by x * getvariable('n'), id, ts limit 2",
        &["set variable n = -1", "set variable n = 1"],
    )
    .with("set variable n = 1"),
    case(
        "a setting in the order of distinct on",
        "day:ts",
        "select distinct on (k) k, ts, id from o order by k, x * getvariable('n'), id, ts",
        &["set variable n = -1", "set variable n = 1"],
    )
    .with("set variable n = 1"),
    case(
        "a setting as a limit",
        "day:ts",
        "select ts, id from o order by id, ts limit getvariable('n')",
        &["set variable n = 3", "set variable n = 1"],
    )
    .with("set variable n = 1"),
    case(
        "a setting behind a view",
        "day:ts",
        "select * from v",
        &["set variable n = 3", "set variable n = 1"],
    )
    .with("set variable n = 1")
    .seeing(&[("v", "select ts, id, getvariable('n') as n from o")]),
    case(
        "a setting in a view that is not of the project",
        "day:ts",
        "select * from v",
        &["set variable n = 3", "set variable n = 1"],
    )
    .with("set variable n = 1; create view v as select ts, id, getvariable('n') as n from o"),
    case(
        "a macro of the database",
        "day:ts",
        "select ts, twice(x) as n from o",
        &["create or replace macro twice(y) as 3 * y", "create or replace macro twice(y) as y + (select max(rate) from d)", "update d set rate = 100"],
    )
    .with("create macro twice(y) as 2 * y"),
    case(
        "a macro with the name of a function",
        "day:ts",
        "select ts, sum(amount) over (partition by k) as n, lower(g) as l from o",
        &["create or replace macro lower(y) as y || 'x'", "create or replace macro lower(y) as y || 'y'"],
    ),
    case(
        "a table macro",
        "day:ts",
        "select ts, n from o, numbers(x)",
        &["create or replace macro numbers(y) as table select 3 * y as n"],
    )
    .with("create macro numbers(y) as table select 2 * y as n"),
    case(
        "the age of a moment",
        "day:ts",
        "select ts, id from o where date_part('microsecond', age(ts)) >= 0 and (list_transform([1], y -> y))[1] = 1",
        &["update o set x = 5 where id = 1", "delete from o where id = 1"],
    ),
    case(
        "settings that change what sorting and dividing mean",
        "day:day",
        "select ts::date as day, array_agg(x order by x) as xs, sum(x / 2) as halves, max(g) as g, count(distinct g) as gs from o group by 1",
        &["set default_null_order = 'nulls_first'", "set default_order = 'desc'", "set integer_division = true"],
    )
    .with("insert into o (ts, x, g) values ('2024-01-01', null, 'A'), ('2024-01-02', 9, 'B')"),
    case(
        "another collation by default",
        "day:day",
        "select ts::date as day, g, count(*) as n from o group by 1, 2 having g = 'a' order by 1",
        &["set default_collation = 'nocase'"],
    )
    .with("insert into o (ts, x, g) values ('2024-01-01', null, 'A'), ('2024-01-02', 9, 'B')"),
];
