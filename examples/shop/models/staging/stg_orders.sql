-- The newest copy of every order. The order of copies is total: two copies that agree in every column below are the same row,
-- so it never matters which of them is kept.
with copies as (
    select
        order_id,
        customer_id,
        amount,
        status,
        created_at,
        loaded_at,
        row_number() over (
            partition by order_id
            order by loaded_at desc, created_at desc, amount desc, status desc, customer_id desc
        ) as copy
    from {{ source('raw', 'raw_orders') }}
)

select
    order_id,
    customer_id,
    amount,
    status,
    created_at,
    loaded_at
from copies
where copy = 1
