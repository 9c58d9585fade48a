{{
    config(
        event_time = 'flight_day',
        batch_size = 'day',
        begin = '2013-01-01',
        unique_key = ['flight_day', 'origin']
    )
}}

select
    cast(date_trunc('day', time_hour) as date) as flight_day,
    origin,
    count(*) as flights,
    sum(case when was_cancelled then 1 else 0 end) as cancelled,
    sum(case when was_diverted then 1 else 0 end) as diverted,
    sum(departure_delay) as delay_minutes,
    median(departure_delay) as median_delay,
    sum(case when departure_delay > 15 then 1 else 0 end) as left_late,
    sum(case when visibility < 1 then 1 else 0 end) as in_fog,
    sum(seats) as seats
from {{ ref('fct_flights') }}
group by 1, 2
