{{
    config(
        event_time = 'order_day',
        batch_size = 'day',
        begin = '2026-01-01',
        unique_key = ['order_day', 'region']
    )
}}

select
    cast(date_trunc('day', created_at) as date) as order_day,
    region,
    count(*) as orders,
    count(distinct customer_id) as customers,
    sum(units) as units,
    sum(case when counts_as_revenue then amount else 0 end) as revenue,
    sum(case when counts_as_revenue then items_total else 0 end) as items_revenue
from {{ ref('fct_orders') }}
group by 1, 2
