{{ config(event_time = 'created_at', batch_size = 'day', begin = '2026-10-13', unique_key = 'order_id') }}

with copies as (
    select
        *,
        row_number() over (
            partition by order_id
            order by loaded_at desc, created_at desc, amount desc, customer_id desc
        ) as copy
    from {{ source('raw', 'orders') }}
)

select
    orders.order_id,
    orders.customer_id,
    customers.name as customer_name,
    customers.region,
    orders.amount,
    orders.created_at
from copies as orders
left join {{ source('raw', 'customers') }} as customers on customers.customer_id = orders.customer_id
where orders.copy = 1
