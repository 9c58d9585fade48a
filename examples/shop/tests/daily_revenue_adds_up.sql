-- The rollup and the orders tell the same story: any day on which they differ fails.
with by_order as (
    select
        cast(date_trunc('day', created_at) as date) as order_day,
        sum(case when counts_as_revenue then amount else 0 end) as revenue
    from {{ ref('fct_orders') }}
    group by 1
),

by_region as (
    select order_day, sum(revenue) as revenue
    from {{ ref('daily_revenue') }}
    group by 1
)

select *
from by_order
full join by_region on by_region.order_day is not distinct from by_order.order_day
where by_order.revenue is distinct from by_region.revenue
