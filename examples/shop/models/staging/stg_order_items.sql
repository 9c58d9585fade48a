select
    order_id,
    line,
    product,
    quantity,
    price,
    quantity * price as line_total
from {{ source('raw', 'raw_order_items') }}
