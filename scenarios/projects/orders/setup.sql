-- Forty days of ten orders each, 13 October to 21 November 2026, loaded five minutes after they were placed.
-- Every customer of the forty orders once in four days.
create schema raw;

create table raw.customers as
select
    cast(n as bigint) as customer_id,
    'Customer ' || n as name,
    case n % 4 when 0 then 'north' when 1 then 'east' when 2 then 'south' else 'west' end as region
from generate_series(1, 40) as numbers (n);

create table raw.orders as
select
    cast(n as bigint) as order_id,
    cast(n * 7 % 40 + 1 as bigint) as customer_id,
    cast(10 + n * 37 % 90 as decimal(12, 2)) as amount,
    timestamp '2026-10-13' + interval '1 day' * cast(floor((n - 1) / 10.0) as integer) + interval '1 minute' * (60 + n * 131 % 1200) as created_at,
    timestamp '2026-10-13' + interval '1 day' * cast(floor((n - 1) / 10.0) as integer) + interval '1 minute' * (65 + n * 131 % 1200) as loaded_at
from generate_series(1, 400) as numbers (n);
