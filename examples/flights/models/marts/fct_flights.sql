{{
    config(
        event_time = 'time_hour',
        batch_size = 'day',
        begin = '2013-01-01',
        unique_key = ['time_hour', 'carrier', 'flight_number']
    )
}}

select
    flight.time_hour,
    flight.scheduled_at,
    flight.carrier,
    flight.flight_number,
    flight.tailnum,
    flight.origin,
    flight.destination,
    airport.airport_name as destination_name,
    plane.manufacturer,
    plane.model,
    plane.seats,
    weather.visibility,
    weather.precipitation,
    flight.departure_delay,
    flight.arrival_delay,
    flight.minutes_in_air,
    flight.miles,
    flight.was_cancelled,
    flight.was_diverted
from {{ ref('stg_flights') }} as flight
left join {{ ref('stg_planes') }} as plane on plane.tailnum = flight.tailnum
left join {{ ref('stg_airports') }} as airport on airport.airport = flight.destination
left join {{ ref('stg_weather') }} as weather
    on weather.origin = flight.origin and weather.time_hour = flight.time_hour
