{{
    config(
        event_time = 'flight_day',
        batch_size = 'day',
        begin = '2013-01-01',
        unique_key = ['flight_day', 'carrier']
    )
}}

select
    cast(date_trunc('day', time_hour) as date) as flight_day,
    carrier,
    count(*) as flights,
    count(distinct tailnum) as planes,
    count(distinct destination) as destinations,
    sum(case when was_cancelled then 1 else 0 end) as cancelled,
    sum(arrival_delay) as arrival_delay_minutes,
    max(arrival_delay) as worst_arrival_delay,
    sum(miles) as miles
from {{ ref('fct_flights') }}
group by 1, 2
