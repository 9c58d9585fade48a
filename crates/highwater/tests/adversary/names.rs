//! What a name means.

use crate::world::{Case, case};

pub const CASES: &[Case] = &[
    case(
        "having prefers an alias to a column",
        "key:k",
        "with c as (select k, max(x) as amount from o group by k having amount > 2) select k, count(*) as n from c group by k",
        &["update o set x = 1 where k = 3", "update o set x = 9 where id = 2", "update o set amount = 1"],
    ),
    case(
        "having with an alias of an aggregate and of a key",
        "key:g",
        "select upper(g) as g, sum(amount) as amount from o group by o.g having amount > 20 and g >= 'A'",
        &["update o set amount = 0 where k = 3", "update o set amount = 1"],
    ),
    case(
        "qualify and an alias with a column's name",
        "day:ts",
        "with c as (select ts, id, row_number() over (partition by k order by x) as amount from o qualify amount = 1) select ts, id from c",
        &["update o set x = 99 where id = 1", "update o set amount = 1 where id = 2"],
    ),
    case(
        "where prefers a column to an alias",
        "day:ts",
        "select ts, id, x as amount from o where amount > 20",
        &["update o set amount = 100 where id = 1", "update o set amount = 0 where id = 3"],
    ),
    case(
        "group by prefers a column to an alias",
        "day:ts",
        "select date_trunc('month', ts) as ts, count(*) as n, max(amount) as m from o group by ts",
        &["update o set amount = 100 where id = 1", "delete from o where id = 3"],
    ),
    case(
        "group by all with an alias of a column's name",
        "month:ts",
        "select date_trunc('month', ts) as ts, g, sum(amount) as amount from o group by all",
        &["update o set amount = 100 where id = 1", "update o set g = 'z' where id = 3"],
    ),
    case(
        "distinct on prefers an alias",
        "key:k0",
        "select distinct on (g) k as k0, upper(region) as g from (select o.k, lower(coalesce(o.g, 'q')) as g, coalesce(d.region, 'N') as region from o left join d using (k)) order by g, k0",
        &["insert into d values (4, 'n', 1)", "update d set region = 'n' where k = 2", "delete from d where k = 1"],
    ),
    case(
        "lateral aliases of lateral aliases",
        "day:day",
        "select ts::date as day, amount * 2 as twice, twice + x as more, count(*) over (partition by more) as n from o",
        &["update o set x = x + 1 where id = 1", "update o set amount = 30 where id = 2"],
    ),
    case(
        "a cte with a table's name",
        "day:ts",
        "with o as (select * from o where amount > 5), d as (select k, max(rate) as rate from d group by k) select o.ts, o.id, d.rate from o left join d on d.k = o.k",
        &["update d set rate = 7 where k = 1", "update o set amount = 100 where id = 2", "insert into d values (4, 'q', 4)"],
    ),
    case(
        "a cte with a table's name in a query that cannot be followed",
        "day:ts",
        "with o as (select *, list_transform(tags, y -> y || '!') as loud from o), d as (select * from d) select o.ts, o.loud, d.rate from o left join d on d.k = o.k",
        &["update d set rate = 7 where k = 1", "update o set tags = ['z'] where id = 1"],
    ),
    case(
        "nested ctes that shadow each other",
        "day:ts",
        "with a as (select ts, k from o), b as (with a as (select k, region as r from d) select * from a) select a.ts, b.r from a left join b on a.k = b.k",
        &["update d set region = 'w' where k = 1", "update o set k = 2 where id = 1"],
    ),
    case(
        "a view whose table has the name of a cte of the model",
        "day:ts",
        "with d as (select 1 as k, 'cte' as region, 1 as rate) select s.ts, s.region, d.region as other from staged s left join d on d.k = s.k",
        &["update d set region = 'w' where k = 1", "insert into d values (4, 'n', 0)"],
    )
    .seeing(&[("staged", "select o.ts, o.k, d.region from o left join d on d.k = o.k")]),
    case(
        "a cte with the name of a view",
        "day:ts",
        "with staged as (select * from staged where rate > 0) select * from staged",
        &["update d set rate = 7 where k = 1", "update d set rate = 0 where k = 1"],
    )
    .seeing(&[("staged", "select o.ts, o.k, d.rate from o left join d on d.k = o.k")]),
    case(
        "views on views, with comments at their ends",
        "day:ts",
        "select b.ts, b.rate, c.rate as again from second b left join first as c on c.id = b.id -- the end",
        &["update d set rate = 7 where k = 1", "delete from o where id = 1"],
    )
    .seeing(&[
        ("first", "select o.ts, o.id, o.k, d.rate from o left join d on d.k = o.k -- from nowhere"),
        ("second", "select * from first where rate > 0 /* from d */ -- {changed}"),
    ]),
    case(
        "unicode and quotes before the names",
        "day:ts",
        "select 'größe → ''from d''' as \"Maß \"\"from\"\" 家\", /* 日本語 from */ o.ts, \"D\".\"RATE\" as r -- é from d\n from o /* ü */ left join\n\t\"d\" as \"D\" on \"D\".K = o.k where '{changed} from d' <> g",
        &["update d set rate = 7 where k = 1", "update o set k = 2 where id = 1"],
    ),
    case(
        "windows line ends",
        "day:ts",
        "select o.ts,\r\n  -- größe\r\n  d.rate\r\nfrom o\r\nleft join d\r\n  on d.k = o.k\r\n",
        &["update d set rate = 7 where k = 1", "update o set k = 2 where id = 1"],
    ),
    case(
        "columns with odd names",
        "day:Zeit →",
        "select t.\"Zeit →\", t.\"hw_c1\", t.\"a \"\"b\"\"\", d.rate from odd t left join d on d.k = t.\"a \"\"b\"\"\"",
        &["update d set rate = 7 where k = 1", "update odd set hw_c1 = 5", "update odd set \"Zeit →\" = '2024-01-05'"],
    )
    .with("create table odd as select ts as \"Zeit →\", id as hw_c1, k as \"a \"\"b\"\"\" from o"),
    case(
        "star over columns with our names",
        "day:hw_c1",
        "select t.*, d.rate from odd t left join d on d.k = t.hw_c0",
        &["update d set rate = 7 where k = 1", "update odd set hw_c2 = 5"],
    )
    .with("create table odd as select k as hw_c0, ts as hw_c1, id as hw_c2, x as hw_p from o"),
    case(
        "schema and database before the table",
        "day:ts",
        "select main.o.ts, memory.main.d.rate from main.o left join memory.main.d on main.o.k = memory.main.d.k where memory.main.o.amount > 5",
        &["update d set rate = 7 where k = 1", "update o set amount = 0 where id = 1"],
    ),
    case(
        "from first",
        "day:ts",
        "from o left join d using (k) select ts, rate where region is not null",
        &["update d set rate = 7 where k = 1", "update d set region = null where k = 2"],
    ),
    case(
        "from first without select",
        "day:ts",
        "from (from o left join d using (k))",
        &["update d set rate = 7 where k = 1", "update d set region = null where k = 2"],
    ),
    case(
        "star with exclude, replace and rename",
        "day:ts",
        "select * exclude (tags, s) replace (amount + x as amount) rename (g as letter) from o",
        &["update o set x = 50 where id = 1", "update o set g = 'y' where id = 2", "update o set tags = []"],
    ),
    case(
        "right join with using",
        "day:ts",
        "select * from d right join o using (k)",
        &["update d set rate = 7 where k = 1", "update o set k = 2 where id = 1"],
    ),
    case(
        "right join with using, united by position",
        "key:a+b",
        "select a, b, count(*) as n from (select * from (select k, x as y from o) p right join (select k, rate as z from d) q using (k) union all select amount, id, x from o) as u(a, b, c) group by a, b",
        &["update o set x = 77 where id = 1", "update d set rate = 6 where k = 1", "update o set id = 12 where id = 1"],
    ),
    case(
        "natural join",
        "day:ts",
        "select ts, k, region, rate from o natural join d",
        &["update d set rate = 7 where k = 1", "update o set k = 2 where id = 1"],
    ),
    case(
        "three tables with using",
        "day:ts",
        "select o.ts, k, region, label from o left join d using (k) left join e using (region)",
        &["update e set label = 'x' where region = 'n'", "update d set region = 'm' where k = 1"],
    ),
    case(
        "struct fields",
        "day:ts",
        "select ts, s.a, o.s.b, main.o.s.a + 1 as more, s['b'] as again from o where s.a > 0",
        &["update o set s = {'a': 9, 'b': 'k'} where id = 1", "update o set s = null where id = 2"],
    ),
    case(
        "an inner column with the name of an outer table",
        "day:ts",
        "select o.ts, d.region from o left join d on d.k = o.k where exists (select 1 from i where i.k = d.rate)",
        &["update d set rate = 7 where k = 1", "update d set rate = 2 where k = 2", "insert into i values (7, 1)"],
    )
    .with("create table i (k integer, d integer); insert into i values (1, 1), (2, 2)"),
    case(
        "the same alias at two depths",
        "day:ts",
        "select t.ts, (select max(t.rate) from d as t where t.k = (select min(t.k) from o as t where t.g = 'a')) as m from o as t",
        &["update d set rate = 7 where k = 1", "update o set k = 2 where id = 1 or id = 3"],
    ),
    case(
        "a table by itself as a query",
        "day:ts",
        "select * from (table o)",
        &["update o set amount = 5 where id = 1", "delete from o where id = 2"],
    ),
    case(
        "values with columns",
        "day:ts",
        "select o.ts, v.w from o left join (values (1, 'one'), (2, 'two')) as v(k, w) on v.k = o.k",
        &["update o set k = 2 where id = 1", "update o set k = 9 where id = 2"],
    ),
    case(
        "group by all with a subquery among the keys",
        "key:m+k",
        "select (select max(rate) from d where d.k = o.k) as m, o.k, count(*) as n from o group by all",
        &["update d set rate = 7 where k = 1", "update o set k = 2 where id = 1"],
    ),
    case(
        "ordinal group by over a window of aggregates",
        "key:g",
        "select g, rank() over (order by sum(amount)) as r, sum(amount) as total from o group by all",
        &["update o set amount = 1000 where id = 1", "delete from o where g = 'b'"],
    ),
    case(
        "schema changes of a source",
        "day:ts",
        "select * from o left join d using (k)",
        &[
            "alter table d add column extra integer",
            "update d set extra = 5 where k = 1",
            "alter table d alter rate type bigint",
            "alter table d drop column extra",
            "create table d2 as from d; drop table d; create view d as select k, region, rate + 1 as rate from d2",
            "update d2 set rate = 70 where k = 1",
        ],
    ),
];
