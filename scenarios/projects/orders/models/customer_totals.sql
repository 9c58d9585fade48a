{{ config(unique_key = 'customer_id') }}

select
    customer_id,
    count(*) as orders,
    sum(amount) as revenue,
    max(created_at) as last_order_at
from {{ ref('fct_orders') }}
group by customer_id
