-- Forty days of ten orders each, 13 October to 21 November 2026, loaded five minutes after they were placed.
-- Every customer of the forty orders once in four days.
create schema raw;

create table raw.customers as
select
    cast(n as bigint) as customer_id,
    'Customer ' || n as name,
    ['north', 'east', 'south', 'west'][n % 4 + 1] as region
from range(1, 41) as numbers (n);

create table raw.orders as
select
    cast(n as bigint) as order_id,
    cast(n * 7 % 40 + 1 as bigint) as customer_id,
    cast(10 + n * 37 % 90 as decimal(12, 2)) as amount,
    timestamp '2026-10-13' + to_days(cast((n - 1) // 10 as integer)) + to_minutes(60 + n * 131 % 1200) as created_at,
    timestamp '2026-10-13' + to_days(cast((n - 1) // 10 as integer)) + to_minutes(65 + n * 131 % 1200) as loaded_at
from range(1, 401) as numbers (n);
