{{
    config(
        event_time = 'created_at',
        batch_size = 'day',
        begin = '2026-01-01',
        unique_key = 'order_id',
        meta = {'highwater': {'policy': 'auto'}}
    )
}}

with items as (
    select
        order_id,
        count(*) as item_lines,
        sum(quantity) as units,
        sum(line_total) as items_total
    from {{ ref('stg_order_items') }}
    group by order_id
)

select
    orders.order_id,
    orders.customer_id,
    customers.name as customer_name,
    coalesce(customers.region, 'unknown') as region,
    orders.status,
    orders.status in ('placed', 'shipped') as counts_as_revenue,
    orders.amount,
    coalesce(items.item_lines, 0) as item_lines,
    coalesce(items.units, 0) as units,
    coalesce(items.items_total, 0) as items_total,
    orders.created_at,
    orders.loaded_at
from {{ ref('stg_orders') }} as orders
left join {{ ref('stg_customers') }} as customers on customers.customer_id = orders.customer_id
left join items on items.order_id = orders.order_id
