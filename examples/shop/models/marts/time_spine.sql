{{ config(materialized = 'view', incremental_strategy = none) }}

-- The days on which the metrics are asked for.
select cast(day as date) as day
from generate_series(timestamp '2026-01-01', timestamp '2026-12-31', interval 1 day) as days (day)
