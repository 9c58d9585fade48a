select
    origin,
    time_hour,
    temp as temperature,
    wind_speed,
    precip as precipitation,
    visib as visibility
from {{ source('raw', 'weather') }}
