-- The plain query a full rebuild would run. Every `hw build` leaves this table equal to it: orders that arrive late, change,
-- move to another day or disappear dirty exactly the days they touch, and only those are built again.
{{ config(
    materialized='incremental',
    incremental_strategy='exact',
    event_time='order_day',
    batch_size='day',
    unique_key='order_day'
) }}

select
    cast(ordered_at as date) as order_day,
    count(*) as orders,
    sum(amount) as revenue
from {{ ref('raw_orders') }}
group by 1
