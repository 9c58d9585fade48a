//! Subqueries, lateral joins, functions that make rows.

use crate::world::{Case, case};

pub const CASES: &[Case] = &[
    case(
        "a subquery in the select list of a correlated subquery",
        "day:ts",
        "select ts, id, (select max(d.rate + (select count(*) from e where e.region = d.region)) from d where d.k = o.k) as m from o",
        &[
            "insert into e values ('n', 'again', 1)",
            "update d set rate = 7 where k = 1",
            "delete from e where region = 's'",
        ],
    ),
    case(
        "a subquery in the having of a correlated subquery",
        "day:ts",
        "select ts, id, exists (select d.k from d where d.k = o.k group by d.k having max(d.rate) > (select min(boss) from e)) as m from o",
        &["update e set boss = boss + 1", "update d set rate = 7 where k = 1"],
    ),
    case(
        "correlation over two levels",
        "day:ts",
        "select ts, id from o where exists (select 1 from d where d.k = o.k and exists (select 1 from e where e.region = d.region and e.boss < o.amount))",
        &[
            "update e set boss = 1000 where region = 'n'",
            "update o set amount = 0 where id = 2",
            "update d set region = 'm' where k = 2",
        ],
    ),
    case(
        "correlation that skips a level",
        "day:ts",
        "select ts, id from o where exists (select 1 from d where exists (select 1 from e where e.boss = o.k and e.region = 'n'))",
        &["update e set boss = 2 where region = 'n'", "delete from d"],
    ),
    case(
        "exists under or, not and case",
        "day:ts",
        "select ts, id, case when not exists (select 1 from d where d.k = o.k and d.rate > 1) or o.k in (select boss from e) then 'y' else 'n' end as w from o",
        &[
            "update d set rate = 5 where k = 1",
            "update e set boss = 2 where region = 'm'",
            "insert into e values ('q', 'q', null)",
        ],
    ),
    case(
        "not in with a null",
        "day:ts",
        "select ts, id from o where k not in (select k from d where rate < 9)",
        &["update d set rate = 1 where k is null", "delete from d where k is null", "delete from d where k = 1"],
    ),
    case(
        "in whose verdict is compared",
        "day:ts",
        "select ts, id from o where (k in (select k from d where rate < 9)) is null",
        &["update d set rate = 1 where k is null", "delete from d where k is null"],
    ),
    case(
        "any and all",
        "day:ts",
        "select ts, id from o where k = any (select rate from d) and amount >= all (select boss from e)",
        &["update d set rate = 4 where k = 3", "update e set boss = 15 where region = 'n'"],
    ),
    case(
        "a scalar subquery with a limit and an order",
        "day:ts",
        "select ts, id, (select region from d where d.k <= o.k order by rate desc, k limit 1) as best from o",
        &["update d set rate = 100 where k = 1", "update o set k = 9 where id = 1"],
    ),
    case(
        "a lookup of the first match",
        "day:ts",
        "select ts, id, (select d.region from d where d.k = o.k order by d.rate desc limit 1) as best from o",
        &["insert into d values (1, 'best', 100)", "update d set rate = 200 where region = 'n'"],
    ),
    case(
        "an order by of a limit that reads a table",
        "day:ts",
        "select ts, id from o order by (select max(rate) from d where d.k = o.k) desc nulls last, id, ts limit 2",
        &["update d set rate = 100 where k = 3", "update d set rate = 200 where k = 1"],
    ),
    case(
        "a limit that reads a table",
        "day:ts",
        "select ts, id from o order by id, ts limit (select min(rate) from d)",
        &["update d set rate = 3 where rate < 3", "update d set rate = rate + 1"],
    ),
    case(
        "lateral join with a condition",
        "day:ts",
        "select o.ts, l.rate from o left join lateral (select rate from d where d.k = o.k) as l on l.rate < o.x",
        &["update o set x = 0 where id = 1", "update o set x = 100 where id = 2", "update d set rate = 0 where k = 1"],
    ),
    case(
        "inner lateral join with a condition",
        "day:ts",
        "select o.ts, l.rate from o join lateral (select rate from d where d.k = o.k) as l on l.rate < o.x",
        &["update o set x = 0 where id = 1", "update o set x = 100 where id = 2"],
    ),
    case(
        "lateral by comma",
        "day:ts",
        "select o.ts, l.m from o, (select max(rate + o.x) as m from d where d.k = o.k) as l",
        &["update o set x = 0 where id = 1", "update d set rate = 0 where k = 1"],
    ),
    case(
        "unnest with a condition",
        "day:ts",
        "select o.ts, u.t from o join unnest(o.tags) as u(t) on u.t > o.g",
        &[
            "update o set g = 'z' where id = 1",
            "update o set g = 'a' where id = 4",
            "update o set tags = ['zz'] where id = 1",
        ],
    ),
    case(
        "unnest of an outer column",
        "day:ts",
        "select o.ts, o.id from o where exists (select 1 from unnest(o.tags) as u(t) where u.t = 'p')",
        &["update o set tags = ['z'] where id = 1", "update o set tags = ['p'] where id = 2"],
    ),
    case(
        "unnest of a subquery",
        "day:ts",
        "select o.ts, u.r from o, unnest((select array_agg(rate order by rate) from d)) as u(r)",
        &["update d set rate = 70 where k = 1", "delete from d where k = 2"],
    ),
    case(
        "unnest in the select list",
        "day:ts",
        "select ts, unnest(tags) as t from o",
        &["update o set tags = ['z'] where id = 1", "update o set tags = [] where id = 2"],
    ),
    case(
        "values that read an outer column",
        "day:ts",
        "select o.ts, o.id from o where exists (select 1 from (values (o.x), (o.k)) as v(y) where v.y > 4)",
        &["update o set x = 100 where id = 1", "update o set x = 0 where id = 7"],
    ),
    case(
        "values that read a table",
        "day:ts",
        "select o.ts, v.y from o, (values ((select max(rate) from d))) as v(y)",
        &["update d set rate = 100 where k = 1"],
    ),
    case(
        "a series between the ends of a table",
        "day:day",
        "select s.day, count(*) as n from (select unnest(generate_series((select min(ts)::date from o), (select max(ts)::date from o), interval 1 day)) as day) as s group by 1",
        &["update o set ts = '2024-03-01' where id = 7", "update o set ts = '2023-12-30' where id = 1"],
    ),
    case(
        "a series as long as a table says",
        "day:ts",
        "select o.ts, r.range as n from o, range((select max(rate) from d)) as r",
        &["update d set rate = 3 where k is null", "update d set rate = 12 where k = 1"],
    ),
    case(
        "a series as long as a column says",
        "day:ts",
        "select o.ts, r.n from o, range(o.x) as r(n)",
        &["update o set x = 5 where id = 1", "update o set x = 0 where id = 2"],
    ),
    case(
        "array of a query",
        "day:ts",
        "select ts, array(select rate from d where d.k = o.k order by rate) as rates from o",
        &["update d set rate = 5 where k = 1"],
    ),
    case(
        "in with a tuple",
        "day:ts",
        "select ts, id from o where (k, x) in (select k, rate from d)",
        &["update d set rate = 3 where k = 1", "update o set x = 2 where id = 5"],
    ),
    case(
        "in through an alias",
        "day:ts",
        "select ts, id, k in (select k from d where rate > 1) as known from o where known",
        &["update d set rate = 3 where k = 1", "update d set rate = 0 where k = 2"],
    ),
    case(
        "a subquery within an aggregate's filter",
        "key:g",
        "select g, count(*) filter (where exists (select 1 from d where d.k = o.k and d.rate > 1)) as n from o group by g",
        &["update d set rate = 3 where k = 1", "update d set rate = 0 where k = 2"],
    ),
    case(
        "a subquery in a join condition",
        "day:ts",
        "select o.ts, d.rate from o left join d on d.k = o.k and d.rate > (select min(boss) from e)",
        &["update e set boss = boss + 1", "update e set boss = 0"],
    ),
    case(
        "a subquery over a group, tied to a key",
        "key:k",
        "select k, sum(amount) as total, (select max(rate) from d where d.k = o.k) as rate from o group by k having sum(amount) > (select min(boss) from e e where e.boss > o.k)",
        &[
            "update d set rate = 100 where k = 1",
            "update e set boss = 45 where region = 'm'",
            "delete from e where boss = 2",
        ],
    ),
];
