{{ config(unique_key = 'customer_id') }}

select
    customer_id,
    count(*) as orders,
    sum(case when counts_as_revenue then amount else 0 end) as lifetime_value,
    min(created_at) as first_order_at,
    max(created_at) as last_order_at
from {{ ref('fct_orders') }}
group by customer_id
