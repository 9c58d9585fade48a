{{ config(event_time = 'order_day', batch_size = 'day', begin = '2026-10-13', unique_key = ['order_day', 'region']) }}

select
    cast(date_trunc('day', created_at) as date) as order_day,
    region,
    count(*) as orders,
    sum(amount) as revenue
from {{ ref('fct_orders') }}
group by 1, 2
