-- Loads one week of the year 2013 into the schema `raw`. Set the variable `week` first (1 is the week from 1 January); weeks follow
-- each other, and loading one again changes nothing:
--
--     set variable week = 1;
--     .read load.sql
--
-- When a row arrives is decided by what happened to the flight:
--
-- | the flight | its row arrives |
-- | --- | --- |
-- | was flown | when it has landed: scheduled departure + its real delay + its time in the air + 30 minutes on the ground |
-- | left and landed elsewhere | three days after its scheduled departure, when the carrier has sorted it out |
-- | never left | ten days after its scheduled departure, with the carrier's statement of cancellations |
--
-- An observation of the weather arrives two days after its hour, as a batch of the weather service. A plane enters the register in the
-- week after its first flight was loaded, so the flights of its first week find no plane at first. Times are UTC.

create schema if not exists raw;

create table if not exists raw.flights as
select *, null::timestamp as loaded_at from read_parquet('data/flights.parquet') limit 0;

create table if not exists raw.weather as
select *, null::timestamp as loaded_at from read_parquet('data/weather.parquet') limit 0;

create table if not exists raw.airports as
select * from read_parquet('data/airports.parquet');

create table if not exists raw.planes as
select *, null::timestamp as loaded_at from read_parquet('data/planes.parquet') limit 0;

set variable week_start = timestamp '2013-01-01' + to_days((7 * (getvariable('week') - 1))::integer);
set variable week_end = getvariable('week_start') + interval 7 days;

begin transaction;

delete from raw.flights where loaded_at >= getvariable('week_start') and loaded_at < getvariable('week_end');
delete from raw.weather where loaded_at >= getvariable('week_start') and loaded_at < getvariable('week_end');
delete from raw.planes where loaded_at = getvariable('week_start');

insert into raw.flights
select *
from (
    select
        *,
        time_hour + to_minutes(minute) + case
            when dep_time is null then interval 10 days
            when air_time is null then interval 3 days
            else to_minutes(dep_delay + air_time + 30)
        end as loaded_at
    from read_parquet('data/flights.parquet')
)
where loaded_at >= getvariable('week_start') and loaded_at < getvariable('week_end');

insert into raw.weather
select *, time_hour + interval 2 days as loaded_at
from read_parquet('data/weather.parquet')
where time_hour + interval 2 days >= getvariable('week_start') and time_hour + interval 2 days < getvariable('week_end');

insert into raw.planes
select *, getvariable('week_start') as loaded_at
from read_parquet('data/planes.parquet') as plane
where
    exists (
        select 1 from raw.flights as flight
        where flight.tailnum = plane.tailnum and flight.loaded_at < getvariable('week_start')
    )
    and not exists (select 1 from raw.planes as known where known.tailnum = plane.tailnum);

commit;
