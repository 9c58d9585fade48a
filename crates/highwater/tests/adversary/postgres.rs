//! What PostgreSQL means otherwise: names, types, hashes that collide, words that stand for the present.

use crate::world::{Case, case};

pub const CASES: &[Case] = &[
    // Hashes.
    case(
        "two rows swap a column",
        "day:ts",
        "select id, amount, x, ts from o",
        &["update o set x = 3 - x where id in (1, 2)", "update o set amount = 30 - amount where id in (1, 2)"],
    ),
    case(
        "a number and its neighbour in the other half of its bits",
        "day:ts",
        "select ts, n from big",
        &["update big set n = 4294967296 where n = 1", "update big set n = (n << 32) # (n >> 32) where n = 4294967297"],
    )
    .with("create table big (ts timestamp, n bigint); insert into big values ('2024-01-01', 1), ('2024-01-02', 4294967297)"),
    case(
        "a moment whose halves swap",
        "day:day",
        "select day, ts from moments",
        &["update moments set ts = ts + interval '4294967297 microseconds'", "update moments set ts = ts - interval '4294967295 microseconds'"],
    )
    .with("create table moments (day date, ts timestamp); insert into moments select '2024-01-01', '2024-01-01'::timestamp + i * interval '1 second' from generate_series(1, 8) i"),
    case(
        "rows of nothing but nulls",
        "day:ts",
        "select ts, a, b from nulls",
        &["insert into nulls values (null, null, null)", "update nulls set a = 1", "update nulls set a = null, b = 1", "delete from nulls"],
    )
    .with("create table nulls (ts timestamp, a integer, b integer); insert into nulls values (null, null, null)"),
    case(
        "equal numbers that look different",
        "day:ts",
        "select ts, n::text as n, f::text as f, i::text as i from looks",
        &["update looks set n = 1.00", "update looks set f = '-0'", "update looks set i = '30 days'", "update looks set c = 'a '"],
    )
    .with("create table looks (ts timestamp, n numeric, f float8, i interval, c bpchar); insert into looks values ('2024-01-01', 1.0, 0, '1 mon', 'a')"),
    case(
        "blanks at the end",
        "day:ts",
        "select ts, octet_length(c) as n, c || '|' as c from blanks",
        &["update blanks set c = 'a '", "update blanks set c = 'a'"],
    )
    .with("create table blanks (ts timestamp, c bpchar); insert into blanks values ('2024-01-01', 'a')"),
    case(
        "types without equality",
        "day:ts",
        "select ts, j, x, p, m from odd",
        &["update odd set j = '{\"a\": 2}'", "update odd set j = '{\"a\":2}'", "update odd set p = point(2, 3)", "update odd set x = '<b/>'", "update odd set m = 7"],
    )
    .with("create table odd (ts timestamp, j json, x xml, p point, m money); insert into odd values ('2024-01-01', '{\"a\": 1}', '<a/>', point(1, 2), 5), ('2024-01-02', '{}', '<a/>', point(1, 2), 5)"),
    case(
        "jsonb is a value, json a text",
        "day:ts",
        "select ts, j->>'a' as a, j as j from docs",
        &["update docs set j = '{\"a\": 2}' where n = 1", "update docs set j = '{\"b\": 1, \"a\": 2}' where n = 1"],
    )
    .with("create table docs (n integer, ts timestamp, j jsonb); insert into docs values (1, '2024-01-01', '{\"a\": 1}'), (2, '2024-01-02', null)"),
    // Keys.
    case(
        "keys of types that meet",
        "day:ts",
        "select o.ts, n.v from o join n on n.k = o.k",
        &["update n set v = 9 where k = 1", "delete from n where k = 2", "insert into n values (3.0, 1)"],
    )
    .with("create table n (k numeric, v integer); insert into n values (1.00, 1), (2, 2)"),
    case(
        "a bigint and an integer",
        "day:ts",
        "select o.ts, n.v from o left join n on n.k = o.k",
        &["update n set v = 9 where k = 1", "delete from n where k = 2", "insert into n values (3, 1), (-1, 2)", "insert into o values (9, -1, 'a', 1, 1, '2024-01-01')"],
    )
    .with("create table n (k bigint, v integer); insert into n values (1, 1), (2, 2)"),
    case(
        "texts with blanks at the end as keys",
        "day:ts",
        "select o.ts, n.v from o left join n on n.g = o.g::character(3)",
        &["update n set v = 9 where v = 1", "delete from n where v = 2"],
    )
    .with("create table n (g character(5), v integer); insert into n values ('a', 1), ('b', 2)"),
    case(
        "money as a key",
        "day:ts",
        "select ts, sum(x) over (partition by m) as s from cash",
        &["update cash set x = 9 where n = 1", "update cash set m = 2 where n = 1"],
    )
    .with("create table cash (n integer, ts timestamp, m money, x integer); insert into cash values (1, '2024-01-01', 1, 1), (2, '2024-01-02', 1, 2), (3, '2024-01-03', 2, 2)"),
    case(
        "a constant as a key",
        "key:kind+id",
        "select 'o' as kind, id, max(amount) as most from o group by 1, 2 union all select 'd', k, max(rate) from d group by 1, 2",
        &["update o set amount = 99 where id = 1", "update d set rate = 98 where k = 2", "delete from d where k = 1"],
    ),
    case(
        "texts that differ and are equal",
        "day:ts",
        "select w.ts, n.v from w left join n on n.g = w.g",
        &["update n set v = 9 where v = 1", "update w set g = 'B' where ts = '2024-01-01'"],
    )
    .with("create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false); create table w (ts timestamp, g text collate blind); create table n (g text collate blind, v integer); insert into w values ('2024-01-01', 'A'), ('2024-01-02', 'b'); insert into n values ('a', 1), ('B', 2)"),
    // Names.
    case(
        "names in both cases",
        "day:ts",
        "select TS, \"Ts\" as other, A from both_cases",
        &["update both_cases set \"Ts\" = '2024-03-03'", "update both_cases set ts = '2024-01-05' where a = 1"],
    )
    .with("create table both_cases (ts timestamp, \"Ts\" timestamp, a integer); insert into both_cases values ('2024-01-01', '2024-01-02', 1), ('2024-01-02', '2024-01-09', 2)"),
    case(
        "tables in both cases",
        "day:ts",
        "select o.ts, big.n from o left join \"O\" as big on big.k = o.k",
        &["update \"O\" set n = 7 where k = 1", "update o set k = 3 where id = 1"],
    )
    .with("create table \"O\" (k integer, n integer); insert into \"O\" values (1, 1), (3, 3)"),
    case(
        "an alias that a condition does not see",
        "day:ts",
        "select o.id, o.ts, (select max(n) from (select d.rate as x, d.rate as n from d where x > 2) as q) as n from o",
        &["update o set x = 0 where id = 5", "update d set rate = 50 where k = 2", "update o set x = 7 where id = 1"],
    ),
    case(
        "an alias named like a column, grouped by",
        "day:ts",
        "select ts, amount as x, count(*) as n from o group by ts, amount, x",
        &["update o set x = 9 where id = 1", "update o set amount = 9 where id = 2"],
    ),
    case(
        "a star that begins with the merged column",
        "key:k",
        "select k, count(id) as ids, sum(amount) as total, max(region) as region from (select * from o join d using (k)) \
         as j(k, id, g, amount, x, ts, tags, s, region, rate) group by k",
        &["update o set id = 90 where id = 1", "update o set k = 2 where id = 3", "update d set region = 'q' where k = 1"],
    ),
    case(
        "merged columns beside another table",
        "day:ts",
        "select * from (select * from e, o join d using (k)) as j(elabel, label, boss, k, id, g, amount, x, ts, tags, s, region, rate)",
        &["update o set ts = '2024-03-01' where id = 1", "update e set label = 'z' where boss = 1", "update d set rate = 9 where k = 2"],
    ),
    case(
        "a column called after its function",
        "day:ts",
        "select ts, (select count from (select count(*) from d where d.k = o.k) as c) as n from o",
        &["insert into d values (1, 'x', 5)", "delete from d where k = 2"],
    ),
    case(
        "a lateral join",
        "day:ts",
        "select o.id, o.ts, l.rate from o left join lateral (select rate from d where d.k = o.k order by rate desc limit 1) as l on true",
        &["update d set rate = 50 where k = 2", "insert into d values (1, 'x', 99)", "delete from d where k = 3"],
    ),
    case(
        "distinct on",
        "day:ts",
        "select distinct on (k) k, ts, amount from o order by k, ts desc, amount, id",
        &["update o set ts = '2024-05-01' where id = 1", "delete from o where id = 3", "insert into o (k, ts, amount) values (1, '2024-01-01', 1)"],
    ),
    // What passes.
    case("a word for the day", "day:ts", "select ts, id from o where ts < 'today'", &["update o set ts = '2024-01-09' where id = 1"]),
    case("the day as a date", "day:ts", "select ts, date 'yesterday' - 0 as d from o", &["update o set x = 9 where id = 1"]),
    case("where a row lies", "day:ts", "select ts, ctid::text as at from o", &["update o set x = 9 where id = 1"]),
    case("who asks", "day:ts", "select ts, current_role as who, id from o", &["update o set x = 9 where id = 1"]),
    case("rows made in the select list", "day:ts", "select ts, generate_series(1, k) as n from o", &["update o set k = 3 where id = 1"]),
    case("rows made from a list", "day:ts", "select ts, t from o, unnest(tags) as t", &["update o set tags = array['z', 'y'] where id = 1"]),
    case(
        "a function of the database",
        "day:ts",
        "select ts, doubled(amount) as a from o",
        &["update o set amount = 9 where id = 1", "create or replace function doubled(n integer) returns integer language sql immutable as 'select n * 3'"],
    )
    .with("create function doubled(n integer) returns integer language sql immutable as 'select n * 2'"),
    // Moments.
    case(
        "days of an instant, in spring and autumn",
        "day:at",
        "select at, n from instants",
        &["update instants set n = n + 1 where n in (3, 20, 40)", "delete from instants where n = 25", "update instants set at = at + interval '1 day' where n = 30"],
    )
    .with("create table instants (at timestamptz, n integer); insert into instants select timestamptz '2024-03-30 12:00+00' + i * interval '1 hour', i from generate_series(1, 48) i; insert into instants select timestamptz '2024-10-26 12:00+00' + i * interval '1 hour', i from generate_series(1, 48) i"),
    case(
        "days of another zone",
        "day:day",
        "select (at at time zone 'America/New_York')::date as day, count(*) as n, sum(n) as s from instants group by 1",
        &["update instants set n = n + 1 where n in (3, 20, 40)", "delete from instants where n = 25", "update instants set at = at + interval '1 day' where n = 30"],
    )
    .with("create table instants (at timestamptz, n integer); insert into instants select timestamptz '2024-03-09 12:00+00' + i * interval '1 hour', i from generate_series(1, 48) i; insert into instants select timestamptz '2024-11-02 12:00+00' + i * interval '1 hour', i from generate_series(1, 48) i"),
    case(
        "moments rounded into the next day",
        "day:day",
        "select ts::timestamp(0)::date as day, count(*) as n from late group by 1",
        &["update late set ts = '2024-01-01 23:59:59.4' where n = 1", "insert into late values (3, '2024-01-02 23:59:59.9')"],
    )
    .with("create table late (n integer, ts timestamp); insert into late values (1, '2024-01-01 23:59:59.7'), (2, '2024-01-02 10:00')"),
    case(
        "infinite moments",
        "day:ts",
        "select ts, id from o",
        &["insert into o (id, ts) values (10, 'infinity'), (11, '-infinity'), (12, '0044-03-15 10:00:00 BC')", "delete from o where id = 10", "update o set x = 0, id = 13 where id = 12"],
    ),
    case(
        "whole numbers divided",
        "day:ts",
        "select ts, k, sum(n) as n from (select ts, k, amount / 7 as n from o) as q group by ts, k",
        &["update o set amount = amount + 1", "update o set amount = amount + 6 where id = 1"],
    ),
    case(
        "united with another type",
        "key:k",
        "select k, count(*) as n from (select k from o union all select k from n) as u group by k",
        &["insert into n values (1.5), (1.0)", "delete from n where k = 2", "update o set k = 9 where id = 1"],
    )
    .with("create table n (k numeric); insert into n values (1.00), (2)"),
    case(
        "a dropped column and an added one",
        "day:ts",
        "select * from o",
        &["alter table o drop column x", "update o set k = 9 where id = 1", "alter table o add column x text default 'new'"],
    ),
];
