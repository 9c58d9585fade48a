//! Equal values that look different.

use crate::world::{Case, case};

pub const CASES: &[Case] = &[
    case(
        "dates united with timestamps, then written out",
        "key:w",
        "select cast(t as varchar) as w, count(*) as n from (select ts as t from o union all select day from days) as u group by 1",
        &["insert into days values ('2024-01-01'), ('2024-01-09')", "delete from days where day = '2024-01-02'"],
    )
    .with("create table days (day date); insert into days values ('2024-01-02')"),
    case(
        "dates united with timestamps, then filtered",
        "day:t",
        "select t, count(*) as n from (select ts as t from o union all select day from days) as u where cast(t as varchar) like '%00:00:00' group by 1",
        &["insert into days values ('2024-01-01'), ('2024-01-09')", "delete from days where day = '2024-01-02'"],
    )
    .with("create table days (day date); insert into days values ('2024-01-02')"),
    case(
        "integers united with text, then deduplicated",
        "day:ts",
        "select ts, k, n from (select ts, k, amount as n from o union all select ts, k, n from more) as u qualify row_number() over (partition by k order by n desc, ts) = 1",
        &["update o set amount = 1000 where id = 1", "update more set n = 2000 where k = '2'", "delete from o where id = 1"],
    )
    .with("create table more (ts timestamp, k varchar, n integer); insert into more values ('2024-01-05', '1', 500), ('2024-01-06', '2', 5), ('2024-01-07', 'x', 5)"),
    case(
        "integers united with doubles, then deduplicated",
        "day:ts",
        "select ts, k, n from (select ts, k, amount as n from o union all select ts, k, n from more) as u qualify row_number() over (partition by k order by n desc, ts) = 1",
        &["update o set amount = 1000 where id = 1", "update more set n = 2000 where k = 2", "delete from o where id = 1"],
    )
    .with("create table more (ts timestamp, k double, n integer); insert into more values ('2024-01-05', 1, 500), ('2024-01-06', 2, 5), ('2024-01-07', 2.5, 5)"),
    case(
        "decimals of other scale united, by key",
        "key:p",
        "select p, count(*) as n from (select cast(k as decimal(9,1)) as p from o union all select p from prices) as u group by p",
        &["insert into prices values (1), (2.25)", "update o set k = 2 where id = 1", "delete from prices where p = 3"],
    )
    .with("create table prices (p decimal(9,2)); insert into prices values (1), (3), (1.50)"),
    case(
        "three types united step by step, by key",
        "key:p",
        "select p, count(*) as n from ((select k as p from o union all select p from doubles) union all select p from texts) as u group by p",
        &["insert into doubles values (1), (2.25)", "update o set k = 2 where id = 1", "insert into texts values ('1.0'), ('1')"],
    )
    .with("create table doubles (p double); insert into doubles values (1), (3.5); create table texts (p varchar); insert into texts values ('3.5'), ('1')"),
    case(
        "a join on a column of united types",
        "day:ts",
        "select u.ts, d.rate from (select ts, k from o union all select ts, k from more) as u left join d on d.k = u.k",
        &["update d set rate = 77 where k = 1", "update d set rate = 78 where k = 2"],
    )
    .with("create table more (ts timestamp, k bigint); insert into more values ('2024-01-15', 1), ('2024-01-16', 2)"),
    case(
        "null in one branch",
        "day:ts",
        "select ts, k, g, count(*) over (partition by g) as n from (select ts, k, g from o union all select null, k, region from d) as u",
        &["update d set region = 'a' where k = 1", "update o set ts = null where id = 2"],
    ),
    case(
        "union by name",
        "day:ts",
        "select ts, k, n from (select ts, k, amount as n from o union all by name select rate as n, k, timestamp '2024-01-01' as ts from d) as u",
        &["update d set rate = 77 where k = 1", "update o set amount = 78 where k = 2"],
    ),
    case(
        "except all and intersect with coerced columns",
        "key:k",
        "select k, count(*) as n, max(x) as x from ((select k, x from o except all select k, rate from big) union all (select k, x from o intersect select k, rate from big)) as u group by k",
        &["delete from big where k = 1", "insert into big values (1, 1), (1, 3), (2, 5)", "update o set x = 3 where id = 1"],
    )
    .with("create table big (k bigint, rate double); insert into big values (1, 1), (2, 2)"),
    case(
        "a collation on a joined column",
        "day:ts",
        "select o.ts, n.v from o left join n on n.g = o.g",
        &["update n set v = 5 where v = 1", "update n set v = 6 where v = 2"],
    )
    .with("create table n (g varchar collate nocase, v integer); insert into n values ('A', 1), ('B', 2)"),
    case(
        "a collation on a window's key",
        "day:ts",
        "select n.ts, n.v, count(*) over (partition by n.g) as c from n",
        &["insert into n values ('2024-01-09', 'a', 5)", "delete from n where v = 1"],
    )
    .with("create table n (ts timestamp, g varchar collate nocase, v integer); insert into n values ('2024-01-01', 'A', 1), ('2024-01-02', 'a', 2), ('2024-01-03', 'b', 2)"),
    case(
        "a collation in a group",
        "key:g",
        "select min(g) as g, count(*) as c from n group by g collate nocase",
        &["insert into n values ('a', 5)", "delete from n where v = 1"],
    )
    .with("create table n (g varchar, v integer); insert into n values ('A', 1), ('a', 2), ('b', 2)"),
    case(
        "negative integers of different widths",
        "day:ts",
        "select o.ts, w.v from o left join w on w.k = -o.k::bigint and w.k = o.k - 2 * o.k left join w as w2 on w2.k = o.k",
        &["update w set v = 5 where k = -1", "update w set v = 6 where k = 2"],
    )
    .with("create table w (k smallint, v integer); insert into w values (-1, 1), (-2, 2), (2, 3)"),
    case(
        "negative keys",
        "day:ts",
        "select t.ts, w.v from t left join w on w.k = t.k",
        &["update w set v = 5 where k = -1", "update w set v = 6 where k = 2"],
    )
    .with("create table w (k smallint, v integer); insert into w values (-1, 1), (-2, 2), (2, 3); create table t as select ts, -k::bigint as k from o"),
    case(
        "hugeint and bigint",
        "day:ts",
        "select o.ts, w.v from o left join w on w.k = o.k",
        &["update w set v = 5 where k = 1", "update w set v = 6 where k = 2"],
    )
    .with("create table w (k hugeint, v integer); insert into w values (1, 1), (2, 3)"),
    case(
        "text and integer",
        "day:ts",
        "select o.ts, w.v from o left join w on w.k = o.k",
        &["update w set v = 5 where k = '1'", "update w set k = '03' where k = '2'"],
    )
    .with("create table w (k varchar, v integer); insert into w values ('1', 1), ('2', 3)"),
    case(
        "enums",
        "key:mood",
        "select o2.mood, n.v, count(*) as c from o2 left join n on n.mood = o2.mood group by all",
        &["update n set v = 5 where mood = 'happy'", "update o2 set mood = 'sad' where k = 1", "insert into n values ('ok', 7)"],
    )
    .with("create type mood as enum ('sad', 'ok', 'happy'); create type feeling as enum ('happy', 'ok', 'sad'); \
           create table n (mood feeling, v integer); insert into n values ('happy', 1), ('sad', 2); \
           create table o2 (k integer, mood mood); insert into o2 values (1, 'happy'), (2, 'sad'), (3, null)"),
    case(
        "enums whose labels differ in case",
        "day:ts",
        "select o2.ts, n.v from o2 left join n on n.mood = o2.mood",
        &["update n set v = 5 where v = 1", "update n set v = 6 where v = 2"],
    )
    .with("create type one as enum ('a', 'A'); create type other as enum ('A', 'a'); \
           create table n (mood other, v integer); insert into n values ('a', 1), ('A', 2); \
           create table o2 (ts timestamp, mood one); insert into o2 values ('2024-01-01', 'a'), ('2024-01-02', 'A')"),
    case(
        "floats: minus zero and no number",
        "key:f",
        "select t.f, count(*) as c, max(n.v) as v from t left join n on n.f = t.f group by t.f",
        &["update n set v = 5 where f = 0", "update n set v = 7 where f = 'nan'", "insert into t values (-0.0), ('-nan')"],
    )
    .with("create table t (f double); insert into t values (-0.0), ('nan'), (1), (null); create table n (f double, v integer); insert into n values (0.0, 1), ('nan', 2)"),
    case(
        "minus zero within lists and structs",
        "day:ts",
        "select ts, cast(l as varchar) as l, cast(s as varchar) as s, cast(z as varchar) as z from t",
        &["update t set l = [-0.0]", "update t set s = {'f': -0.0}", "update t set z = '11:00:00+00'"],
    )
    .with("create table t (ts timestamp, l double[], s struct(f float), z timetz); insert into t values ('2024-01-01', [0.0], {'f': 0.0}, '12:00:00+01')"),
    case(
        "uuids",
        "key:u",
        "select t.u, count(*) as c from t group by u",
        &["insert into t values ('00000000-0000-0000-0000-000000000001')", "delete from t where u is null"],
    )
    .with("create table t (u uuid); insert into t values ('00000000-0000-0000-0000-000000000001'), (null)"),
    case(
        "infinite moments",
        "day:ts",
        "select ts, count(*) as c from t group by ts",
        &["insert into t values ('infinity'), ('-infinity')", "delete from t where ts = 'infinity'", "insert into t values ('2024-01-01'), (null)", "delete from t where ts = '-infinity'"],
    )
    .with("create table t (ts timestamp); insert into t values ('2024-01-01'), ('-infinity')"),
    case(
        "infinite dates",
        "month:day",
        "select day, count(*) as c from t group by day",
        &["insert into t values ('infinity'), ('-infinity')", "delete from t where day = 'infinity'", "insert into t values ('2024-01-01'), (null)"],
    )
    .with("create table t (day date); insert into t values ('2024-01-01')"),
    case(
        "moments with a zone, across the change of the clocks",
        "hour:t",
        "select t, count(*) as c, max(v) as v from z group by t",
        &["update z set v = 9 where t = '2024-10-27 00:30:00+00'", "insert into z values ('2024-10-27 01:30:00+00', 4), ('2024-03-31 01:30:00+00', 5)", "delete from z where v = 9"],
    )
    .with("set timezone = 'Europe/Berlin'; create table z (t timestamptz, v integer); insert into z values ('2024-10-27 00:30:00+00', 1), ('2024-10-27 01:30:00+00', 2), (null, 3)"),
    case(
        "nanoseconds",
        "day:t",
        "select t, count(*) as c from n group by t",
        &["insert into n values ('2024-01-01 23:59:59.999999999')", "delete from n where t is null"],
    )
    .with("create table n (t timestamp_ns); insert into n values ('2024-01-01'), (null)"),
    case(
        "weeks, by month",
        "month:week",
        "select date_trunc('week', ts) as week, count(*) as c from o group by 1",
        &["insert into o (ts) values ('2024-02-01'), ('2024-01-29')", "delete from o where id = 7"],
    ),
    case(
        "quarters, by year",
        "year:q",
        "select date_trunc('quarter', ts) as q, count(*) as c, sum(amount) as total from o group by 1",
        &["insert into o (ts, amount) values ('2024-02-01', 5), ('2023-12-29', 6)", "delete from o where id = 7"],
    ),
    case(
        "a computed moment",
        "day:at",
        "select coalesce(b, greatest(a, a + interval 3 hour), timestamp '2024-01-09') as at, v from t",
        &["update t set b = null where v = 2", "update t set a = '2024-01-08 22:00' where v = 1", "update t set a = null, b = null"],
    )
    .with("create table t (a timestamp, b timestamp, v integer); insert into t values ('2024-01-01 23:00', null, 1), ('2024-01-02', '2024-01-05', 2)"),
    case(
        "a moment from text and from another zone",
        "day:at",
        "select timezone('America/New_York', strptime(w, '%Y-%m-%d %H:%M')) as at, v from t",
        &["update t set v = 3 where v = 1", "update t set w = '2024-01-02 23:30' where v = 2"],
    )
    .with("set timezone = 'UTC'; create table t (w varchar, v integer); insert into t values ('2024-01-01 23:00', 1), ('2024-01-02 01:00', 2)"),
    case(
        "zoned and plain moments united",
        "hour:moment",
        "select moment, v from (select t as moment, v from z union all select t, v from p) as u",
        &["update p set v = 9 where v = 1", "update p set t = '2024-03-31 02:40' where v = 2", "update p set v = 5 where v = 2", "update z set v = 0"],
    )
    .with("set timezone = 'Europe/Berlin'; create table z (t timestamptz, v integer); insert into z values ('2024-03-31 01:30:00+00', 1); \
           create table p (t timestamp, v integer); insert into p values ('2024-03-31 02:30', 1), ('2024-03-31 12:30', 2)"),
    case(
        "a window by a rounder value than the key",
        "key:w",
        "select cast(f as varchar) as w, count(*) as c, max(n) as n from (select f, count(*) over (partition by f) as n from t) as u group by 1",
        &["insert into t values (-0.0)", "delete from t where cast(f as varchar) = '0.0'"],
    )
    .with("create table t (f double); insert into t values (0.0), (-0.0), (1)"),
    case(
        "power binds tighter than it looks",
        "key:w",
        "select a, b, a * b ^ 2 as w, a * b as v, count(*) as n from t group by a, b, a * b",
        &["insert into t values (2, 3)", "delete from t where a = 1"],
    )
    .with("create table t (a double, b double); insert into t values (2, 3), (1, 1), (4, 5)"),
    case(
        "a path of arrows",
        "key:w",
        "select p -> 'a' -> 'b' ->> 'c' as w, count(*) as n, max(p -> 'a' ->> 'd') as d from t group by 1",
        &[
            r#"insert into t values ('{"a": {"b": {"c": "x"}, "d": "9"}}')"#,
            r#"update t set p = '{"a": {"b": {"c": "z"}, "d": "1"}}' where p -> 'a' ->> 'd' = '2'"#,
            "delete from t where p -> 'a' ->> 'd' is null",
        ],
    )
    .with(
        r#"create table t (p json); insert into t values ('{"a": {"b": {"c": "x"}, "d": "1"}}'), ('{"a": {"b": {"c": "y"}, "d": "2"}}'), ('{"a": {"b": 1}}'), ('{}')"#,
    ),
];
