-- The rows of setup.sql, in the SQL of PostgreSQL.
create schema raw;

create table raw.customers as
select
    cast(n as bigint) as customer_id,
    'Customer ' || n as name,
    (array['north', 'east', 'south', 'west'])[n % 4 + 1] as region
from generate_series(1, 40) as numbers (n);

create table raw.orders as
select
    cast(n as bigint) as order_id,
    cast(n * 7 % 40 + 1 as bigint) as customer_id,
    cast(10 + n * 37 % 90 as decimal(12, 2)) as amount,
    timestamp '2026-10-13' + (n - 1) / 10 * interval '1 day' + (60 + n * 131 % 1200) * interval '1 minute' as created_at,
    timestamp '2026-10-13' + (n - 1) / 10 * interval '1 day' + (65 + n * 131 % 1200) * interval '1 minute' as loaded_at
from generate_series(1, 400) as numbers (n);
