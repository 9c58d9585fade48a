select
    time_hour,
    time_hour + to_minutes(minute) as scheduled_at,
    carrier,
    flight as flight_number,
    tailnum,
    origin,
    dest as destination,
    dep_delay as departure_delay,
    arr_delay as arrival_delay,
    air_time as minutes_in_air,
    distance as miles,
    dep_time is null as was_cancelled,
    dep_time is not null and air_time is null as was_diverted
from {{ source('raw', 'flights') }}
