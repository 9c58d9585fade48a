//! Shapes of query over a small shop, its tables, and random changes of them, as DuckDB writes them; `written.rs` has the words of PostgreSQL.

use rand::Rng;
use rand::rngs::SmallRng;

/// The tables of the shop.
pub const TABLES: &str = "create table raw_orders (order_id integer, customer_id integer, created_at timestamp, amount decimal(9,2), note varchar); \
     create table raw_customers (customer_id integer, region varchar)";

/// Three days of orders, two of them without a day, and two customers.
pub const ORDERS: &str = "insert into raw_customers values (1, 'north'), (2, 'south'); \
     insert into raw_orders values \
     (1, 1, '2026-02-01 10:00', 10, null), (2, 2, '2026-02-01 11:00', 20, null), (3, 1, '2026-02-02 09:00', 30, null), \
     (4, 2, '2026-02-03 09:00', 40, null), (5, 1, null, 50, null), (6, null, null, 60, null)";

/// More tables.
pub const MORE: &str = "create table raw_items (order_id integer, quantity integer); create table raw_rates (region varchar, rate decimal(9,2)); \
     create table raw_returns (order_id integer, returned_at timestamp); \
     insert into raw_items values (1, 1), (1, 2), (4, 1), (null, 1); insert into raw_rates values ('r0', 1), ('r1', 2); \
     insert into raw_returns values (1, '2026-02-02'), (99, null)";

/// A view of the project.
pub const NAMED: &str = "with paid as (select * from raw_orders where amount > 0) \
     select p.*, c.region from paid p left join raw_customers c on c.customer_id = p.customer_id";

/// Aggregations of which partials are kept per day: name, key, moment, query.
pub const PARTIALS: &[(&str, &str, &str, &str)] = &[
    (
        "counts",
        "customer_id",
        "created_at",
        "select customer_id, count(*) as n, count(note) as noted from raw_orders group by customer_id",
    ),
    (
        "sums",
        "customer_id",
        "created_at",
        "select customer_id, sum(amount) as total, sum(order_id) as ids from raw_orders group by 1",
    ),
    (
        "extremes",
        "customer_id",
        "created_at",
        "select customer_id, min(amount) as least, max(created_at) as last_at, max(note) as note from raw_orders group by customer_id",
    ),
    (
        "flags",
        "customer_id",
        "created_at",
        "select customer_id, bool_and(amount > 2) as all_paid, bool_or(note is null) as some_bare, bit_or(order_id) as bits \
         from raw_orders group by customer_id",
    ),
    (
        "averages",
        "customer_id",
        "created_at",
        "select customer_id, avg(order_id) as mean_id from raw_orders group by customer_id",
    ),
    (
        "filtered",
        "customer_id",
        "created_at",
        "select customer_id, count(*) filter (where amount > 5) as many, sum(amount) filter (where note is null) as bare \
         from raw_orders where order_id is not null group by customer_id",
    ),
    (
        "large_ones",
        "customer_id",
        "created_at",
        "select customer_id, sum(amount) as total from raw_orders group by customer_id having count(*) > 1 and sum(amount) > 5",
    ),
    (
        "computed",
        "who",
        "created_at",
        "select coalesce(customer_id, 0) % 3 as who, coalesce(sum(amount), 0) / count(*) as each_one, \
         case when max(amount) > 7 then 'large' else 'small' end as size from raw_orders group by coalesce(customer_id, 0) % 3",
    ),
    (
        "joined",
        "region",
        "o.created_at",
        "select c.region, count(*) as n, sum(o.amount) as total from raw_orders o left join raw_customers c \
         on o.customer_id = c.customer_id group by c.region",
    ),
    (
        "handed_on",
        "region",
        "created_at",
        "with paid as (select * from raw_orders where amount > 0), \
         totals as (select region, max(amount) as best from paid join raw_customers c using (customer_id) group by region) \
         select * from totals",
    ),
    ("over_a_view", "region", "created_at", "select region, count(*) as n from named group by region"),
    (
        "two_keys",
        "customer_id+note",
        "created_at",
        "select customer_id, note, count(*) as n from raw_orders group by 1, 2",
    ),
    (
        "everything_at_once",
        "",
        "created_at",
        "select count(*) as n, sum(amount) as total, min(created_at) as first_at from raw_orders",
    ),
    ("no_aggregate", "customer_id", "created_at", "select customer_id from raw_orders group by customer_id"),
];

/// Name, how it is cut, query.
pub const SHAPES: &[(&str, &str, &str)] = &[
    ("filter", "day:created_at", "select order_id, created_at, amount from raw_orders where amount > 2"),
    (
        "by_day",
        "day:day",
        "select date_trunc('day', created_at) as day, count(*) as n, median(amount) as m from raw_orders group by 1",
    ),
    (
        "by_date",
        "day:day",
        "select cast(created_at as date) as day, sum(amount) as s from raw_orders group by all having sum(amount) > 3",
    ),
    (
        "by_month",
        "month:created_at",
        "select distinct customer_id, date_trunc('day', created_at) as created_at from raw_orders",
    ),
    (
        "left_join",
        "day:created_at",
        "select o.*, c.region from raw_orders o left join raw_customers c on o.customer_id = c.customer_id",
    ),
    (
        "inner_join",
        "day:created_at",
        "select o.order_id, o.created_at, c.region from raw_orders o join raw_customers c using (customer_id) where c.region <> 'r0'",
    ),
    (
        "coalesced",
        "day:created_at",
        "select o.order_id, o.created_at, coalesce(c.region, 'none') as region, r.rate from raw_orders o left join raw_customers c on o.customer_id = c.customer_id left join raw_rates r on r.region = coalesce(c.region, 'r1')",
    ),
    (
        "two_hops",
        "day:created_at",
        "select o.order_id, o.created_at, o.amount * r.rate as due from raw_orders o join raw_customers c on o.customer_id = c.customer_id join raw_rates r on r.region = c.region",
    ),
    (
        "exists_items",
        "day:created_at",
        "select o.* from raw_orders o where exists (select 1 from raw_items i where i.order_id = o.order_id and i.quantity > 1)",
    ),
    (
        "no_items",
        "day:created_at",
        "select o.* from raw_orders o where not exists (select 1 from raw_items i where i.order_id = o.order_id)",
    ),
    (
        "anti_join",
        "day:created_at",
        "select o.* from raw_orders o left join raw_items i on i.order_id = o.order_id where i.order_id is null",
    ),
    (
        "in_region",
        "day:created_at",
        "select * from raw_orders where customer_id in (select customer_id from raw_customers where region = 'r1')",
    ),
    (
        "not_in",
        "day:created_at",
        "select * from raw_orders where customer_id not in (select customer_id from raw_customers where region = 'r1')",
    ),
    (
        "totals",
        "day:created_at",
        "with t as (select order_id, sum(quantity) as q, count(*) as n from raw_items group by 1) select o.order_id, o.created_at, t.q, t.n from raw_orders o left join t on t.order_id = o.order_id",
    ),
    (
        "twice",
        "day:created_at",
        "with c as (select customer_id, region from raw_customers) select o.order_id, o.created_at, a.region, (select count(*) from c b where b.region = a.region) as peers from raw_orders o left join c a on a.customer_id = o.customer_id",
    ),
    (
        "union_all",
        "day:at",
        "select order_id, created_at as at, 'o' as kind from raw_orders union all select order_id, returned_at, 'r' from raw_returns",
    ),
    ("union_distinct", "day:at", "select created_at as at from raw_orders union select returned_at from raw_returns"),
    ("except_all", "day:at", "select created_at as at from raw_orders except all select returned_at from raw_returns"),
    ("intersect", "day:at", "select created_at as at from raw_orders intersect select returned_at from raw_returns"),
    (
        "latest",
        "day:created_at",
        "select order_id, created_at, customer_id, amount from raw_orders qualify row_number() over (partition by order_id order by created_at desc nulls last, amount desc nulls last, customer_id nulls last) = 1",
    ),
    (
        "latest_by_day",
        "day:day",
        "with l as (select order_id, created_at, amount, row_number() over (partition by order_id order by created_at desc nulls last, amount desc nulls last, customer_id nulls last) as rn from raw_orders) select date_trunc('day', created_at) as day, sum(amount) as s, count(*) as n from l where rn = 1 group by 1",
    ),
    (
        "ranked",
        "day:created_at",
        "select order_id, created_at, rank() over (partition by date_trunc('day', created_at) order by amount) as place from raw_orders",
    ),
    (
        "running",
        "day:created_at",
        "select order_id, created_at, sum(amount) over (partition by customer_id order by created_at, order_id, amount) as so_far from raw_orders",
    ),
    (
        "before",
        "day:created_at",
        "select order_id, created_at, lag(amount) over (partition by customer_id order by created_at, order_id, amount) as earlier from raw_orders",
    ),
    (
        "correlated",
        "day:created_at",
        "select o.order_id, o.created_at, (select max(quantity) from raw_items i where i.order_id = o.order_id) as most from raw_orders o",
    ),
    (
        "share",
        "day:created_at",
        "select order_id, created_at, amount - (select max(amount) from raw_orders) as below from raw_orders",
    ),
    (
        "self_join",
        "day:created_at",
        "select a.order_id, a.created_at, count(b.order_id) as others from raw_orders a left join raw_orders b on a.customer_id = b.customer_id group by 1, 2",
    ),
    (
        "full_join",
        "day:created_at",
        "select o.order_id, o.created_at, r.returned_at from raw_orders o full join raw_returns r on o.order_id = r.order_id",
    ),
    (
        "right_join",
        "day:created_at",
        "select o.order_id, o.created_at, r.returned_at from raw_orders o right join raw_returns r on o.order_id = r.order_id",
    ),
    (
        "spread",
        "day:day",
        "select order_id, date_trunc('day', created_at) + to_days(unnest(range(2))::int) as day from raw_orders",
    ),
    (
        "rollup",
        "day:day",
        "select date_trunc('day', created_at) as day, customer_id, sum(amount) as s from raw_orders group by rollup (1, 2)",
    ),
    (
        "top",
        "day:created_at",
        "select order_id, created_at, amount, customer_id from raw_orders order by amount desc, order_id, created_at, customer_id limit 3",
    ),
    (
        "top_by_day",
        "day:created_at",
        "select * from raw_orders qualify rank() over (partition by cast(created_at as date) order by amount desc) <= 2",
    ),
    ("through_view", "day:created_at", "select order_id, created_at, region from named"),
    ("first_order", "day:first", "select customer_id, min(created_at) as first from raw_orders group by 1"),
    (
        "by_customer",
        "key:customer_id",
        "select customer_id, sum(amount) as s, count(distinct order_id) as n from raw_orders group by 1",
    ),
    (
        "by_region",
        "key:region",
        "select c.region, sum(o.amount) as s from raw_customers c left join raw_orders o on o.customer_id = c.customer_id group by 1",
    ),
    (
        "latest_by_key",
        "key:order_id",
        "select order_id, amount, customer_id from raw_orders qualify row_number() over (partition by order_id order by created_at desc nulls last, amount desc nulls last, customer_id nulls last) = 1",
    ),
    (
        "cohort",
        "key:customer_id",
        "with f as (select customer_id, min(created_at) as first from raw_orders group by 1) select c.customer_id, max(c.region) as region, max(f.first) as first from raw_customers c left join f on f.customer_id = c.customer_id group by 1",
    ),
    (
        "sessions",
        "key:customer_id+day",
        "select customer_id, cast(created_at as date) as day, max(amount) as most from raw_orders group by 1, 2",
    ),
    (
        "rolling",
        "day:day",
        "with d as (select cast(created_at as date) as day, sum(amount) as s from raw_orders group by 1) select day, s, sum(s) over (order by day range between interval 2 days preceding and current row) as lately from d",
    ),
    (
        "around",
        "day:created_at",
        "select order_id, created_at, count(*) over (partition by customer_id order by created_at desc range between interval 12 hours preceding and interval 1 day following) as near from raw_orders",
    ),
    (
        "rolling_months",
        "month:created_at",
        "select order_id, created_at, max(amount) over (order by created_at range between interval '1 month' preceding and interval 3 days preceding) as before from raw_orders",
    ),
    (
        "two_windows",
        "day:created_at",
        "select order_id, created_at, max(amount) over (partition by customer_id) as most, count(*) over (partition by order_id) as copies, rank() over (partition by cast(created_at as date) order by amount) as place from raw_orders",
    ),
    (
        "cohort_of_row",
        "month:first",
        "select order_id, amount, min(created_at) over (partition by customer_id) as first from raw_orders",
    ),
    (
        "last_seen",
        "day:last",
        "select c.region, o.customer_id, date_trunc('day', max(o.created_at)) as last, count(*) as n from raw_orders o left join raw_customers c on c.customer_id = o.customer_id group by 1, 2",
    ),
    (
        "gaps",
        "day:started",
        "with b as (select *, lag(created_at) over (partition by customer_id order by created_at, order_id, amount) as before from raw_orders), \
         s as (select *, sum(case when before is null or created_at - before > interval '1 day' then 1 else 0 end) over (partition by customer_id order by created_at, order_id, amount) as session from b) \
         select customer_id, session, min(created_at) as started, max(created_at) as ended, count(*) as n, sum(amount) as s from s group by 1, 2",
    ),
    (
        "sets",
        "day:day",
        "select cast(created_at as date) as day, customer_id, grouping(customer_id) as g, count(*) as n, count(distinct order_id) as orders from raw_orders group by grouping sets ((1, 2), (1), ()) having count(*) > 1",
    ),
    (
        "first_copy",
        "day:created_at",
        "select distinct on (order_id) order_id, created_at, amount from raw_orders order by order_id, created_at nulls first, amount nulls last",
    ),
    (
        "first_copy_unnamed",
        "day:created_at",
        "select distinct on (customer_id, order_id) created_at, amount as a from raw_orders where amount >= 0 order by customer_id, order_id, created_at desc nulls last, a",
    ),
    (
        "earlier_day",
        "day:day",
        "with d as (select customer_id, cast(created_at as date) as day, sum(amount) as s from raw_orders group by 1, 2) select day, customer_id, s, s - lag(s) over (partition by customer_id order by day) as more from d",
    ),
    (
        "mended_key",
        "day:created_at",
        "select o.order_id, o.created_at, i.quantity from raw_orders o left join raw_items i on coalesce(i.order_id, -1) = coalesce(o.order_id, -1)",
    ),
    (
        "computed_key",
        "day:created_at",
        "select o.order_id, o.created_at, c.region from raw_orders o left join raw_customers c on c.customer_id * 2 = case when o.customer_id > 1 then o.customer_id * 2 else 2 end",
    ),
    (
        "dates_meet",
        "day:created_at",
        "select o.order_id, o.created_at, d.n from raw_orders o left join (select cast(returned_at as date) as day, count(*) as n from raw_returns group by 1) d on d.day = date_trunc('day', o.created_at)",
    ),
    (
        "lists",
        "day:day",
        "select cast(created_at as date) as day, list_sort(list(amount)) as amounts, list_transform(list(order_id order by order_id), x -> x + 1) as next, arg_max(amount, (amount, order_id)) as most from raw_orders group by 1",
    ),
    (
        "cohort_day",
        "day:first",
        "select customer_id, cast(min(created_at) as date) as first, count(*) as n, max(amount) as most from raw_orders group by 1",
    ),
    (
        "until",
        "day:created_at",
        "select o.order_id, o.created_at, o.amount, i.quantity from raw_orders o left join raw_items i on i.order_id = o.order_id where cast(o.created_at as date) <= getvariable('today')",
    ),
    (
        "filled",
        "day:created_at",
        "select order_id, created_at, first_value(note ignore nulls) over (partition by customer_id order by created_at, note range between current row and unbounded following) as noted from raw_orders",
    ),
    // Rules 25 to 27: windows that look to one side along time.
    (
        "running_of_all",
        "day:day",
        "with d as (select cast(created_at as date) as day, sum(amount) as s from raw_orders group by 1) select day, s, sum(s) over (order by day) as total, lag(s) over (order by day) as before, row_number() over (order by day) as place from d",
    ),
    (
        "following_of_all",
        "day:created_at",
        "select order_id, created_at, lead(amount) over (order by created_at nulls first, order_id, amount, customer_id) as next, max(amount) over (order by created_at desc, order_id, amount, customer_id rows between 3 preceding and 1 preceding) as most from raw_orders",
    ),
    (
        "running_by_region",
        "day:created_at",
        "select o.order_id, o.created_at, sum(o.amount) over (partition by c.region order by o.created_at desc, o.order_id, o.amount) as s from raw_orders o join raw_customers c on c.customer_id = o.customer_id",
    ),
    // Rule 30: held against one value.
    (
        "since_a_return",
        "day:created_at",
        "select order_id, created_at, amount from raw_orders where created_at between (select min(returned_at) from raw_returns) and (select max(returned_at) from raw_returns)",
    ),
    (
        "above_a_rate",
        "day:created_at",
        "select order_id, created_at, amount from raw_orders where amount * 2 > (select count(*) from raw_items) and order_id <> 3",
    ),
    // Rule 2: rows made of one row.
    (
        "moments_of_row",
        "day:day",
        "select o.order_id, x.kind, x.day from raw_orders o cross join lateral (values ('made', o.created_at), ('due', o.created_at + interval '2 days')) x(kind, day)",
    ),
    (
        "selected_of_row",
        "day:created_at",
        "select o.order_id, o.created_at, x.v from raw_orders o cross join lateral (select o.amount as v union all select o.amount + 1) x",
    ),
    // Rules 7, 9 and 13, in other words.
    (
        "any_of",
        "day:created_at",
        "select o.order_id, o.created_at from raw_orders o where o.customer_id = any (select customer_id from raw_customers where region = 'r1')",
    ),
    (
        "not_all_of",
        "day:created_at",
        "select o.order_id, o.created_at from raw_orders o where o.customer_id <> all (select customer_id from raw_customers where region = 'r1')",
    ),
    (
        "left_of_joined",
        "day:created_at",
        "select o.order_id, o.created_at, x.rate from raw_orders o left join (raw_customers c join raw_rates r on r.region = c.region) x on x.customer_id = o.customer_id",
    ),
    // Rules 27, 34, 36 and 37, and local days (2.5).
    (
        "ranked_of_all",
        "day:created_at",
        "select order_id, created_at, rank() over (order by amount) as place from raw_orders",
    ),
    (
        "spine",
        "day:day",
        "select d.day, count(o.order_id) as n from generate_series(timestamp '2026-02-20', cast(current_date as timestamp), interval '1 day') as d(day) left join raw_orders o on cast(o.created_at as date) = cast(d.day as date) group by 1",
    ),
    (
        "pivoted",
        "day:day",
        "select cast(created_at as date) as day, sum(case when customer_id = 1 then amount end) as one, sum(case when customer_id = 2 then amount end) as two from raw_orders group by 1",
    ),
    (
        "day_before",
        "day:day",
        "with d as (select cast(created_at as date) as day, sum(amount) as s from raw_orders group by 1) select a.day, a.s, b.s as before from d a left join d b on b.day = a.day - interval '1 day'",
    ),
    (
        "sampled",
        "day:created_at",
        "select order_id, created_at from raw_orders where md5(cast(order_id as varchar)) < '8'",
    ),
    (
        "local_days",
        "day:day",
        "select cast(created_at at time zone 'UTC' at time zone 'America/New_York' as date) as day, count(*) as n from raw_orders group by 1",
    ),
    ("everything", "whole", "select count(*) as n, sum(amount) as s from raw_orders"),
];

/// A random change of one table: small domains, so that keys meet; duplicates and NULLs.
pub fn change(random: &mut SmallRng) -> String {
    let maybe = |random: &mut SmallRng, value: String| if random.random_bool(0.12) { "null".to_owned() } else { value };
    let order = random.random_range(0..10).to_string();
    let customer = random.random_range(0..5).to_string();
    let region = format!("'r{}'", random.random_range(0..3));
    let hours = random.random_range(0..150);
    let day = maybe(random, format!("timestamp '2026-02-26' + interval '{hours} hours'"));
    let amount = random.random_range(0..6).to_string();
    let amount = maybe(random, amount);
    let (key, who, where_) = (maybe(random, order.clone()), maybe(random, customer.clone()), maybe(random, region));
    match random.random_range(0..17) {
        0..=3 => format!("insert into raw_orders values ({key}, {who}, {day}, {amount}, null)"),
        4 => format!("delete from raw_orders where order_id = {order}"),
        5 => format!("update raw_orders set created_at = {day} where order_id = {order}"),
        6 => format!("update raw_orders set customer_id = {who} where order_id = {order}"),
        7 => format!("update raw_orders set amount = {amount}, order_id = {key} where order_id = {order}"),
        8 => format!("delete from raw_customers where customer_id = {customer}"),
        9 | 10 => format!("insert into raw_customers values ({who}, {where_})"),
        11 => format!("update raw_customers set region = {where_} where customer_id = {customer}"),
        12 => format!("insert into raw_items values ({key}, {})", random.random_range(0..3)),
        13 => format!("delete from raw_items where order_id = {order}"),
        16 => format!("set variable today = cast(timestamp '2026-02-26' + interval '{hours} hours' as date)"),
        14 => {
            format!("delete from raw_rates where region = {where_}; insert into raw_rates values ({where_}, {amount})")
        }
        _ => format!("delete from raw_returns where order_id = {order}; insert into raw_returns values ({key}, {day})"),
    }
}
