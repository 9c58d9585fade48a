select
    customer_id,
    name,
    region,
    tier
from {{ source('raw', 'raw_customers') }}
