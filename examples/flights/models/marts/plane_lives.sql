{{ config(unique_key = 'tailnum') }}

select
    tailnum,
    min(manufacturer) as manufacturer,
    min(model) as model,
    count(*) as flights,
    count(distinct destination) as destinations,
    sum(minutes_in_air) as minutes_in_air,
    sum(miles) as miles,
    min(scheduled_at) as first_departure,
    max(scheduled_at) as last_departure
from {{ ref('fct_flights') }}
where not was_cancelled
group by tailnum
