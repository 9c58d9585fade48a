select
    tailnum,
    year as built_in,
    manufacturer,
    model,
    seats
from {{ source('raw', 'planes') }}
