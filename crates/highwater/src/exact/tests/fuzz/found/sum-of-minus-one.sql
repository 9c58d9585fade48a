--- A sum of integers is a HUGEINT, of which 0 and -1 had one hash: the new row was taken for the old one.
-- tables
create table fact_b (id integer, k integer, parent integer, g varchar, amount bigint, ts timestamp, loaded timestamp);
insert into fact_b values (0, 5, 2, null, 1, cast(timestamp '2024-02-26 00:00:00' + interval '12 hours' as timestamp), cast(timestamp '2024-02-26 00:00:00' + interval '24 hours' as timestamp));
insert into fact_b values (4, 2, 0, 'c', 0, cast(timestamp '2024-02-26 00:00:00' + interval '78 hours' as timestamp), cast(timestamp '2024-02-26 00:00:00' + interval '48 hours' as timestamp));
insert into fact_b values (5, 2, 6, 'b', 8, cast(timestamp '2024-02-26 00:00:00' + interval '150 hours' as timestamp), cast(timestamp '2024-02-26 00:00:00' + interval '36 hours' as timestamp));
insert into fact_b values (0, 1, 1, 'a', -2, cast(timestamp '2024-02-26 00:00:00' + interval '30 hours' as timestamp), cast(timestamp '2024-02-26 00:00:00' + interval '144 hours' as timestamp));
insert into fact_b values (0, null, 1, 'c', -1, cast(timestamp '2024-02-26 00:00:00' + interval '54 hours' as timestamp), cast(timestamp '2024-02-26 00:00:00' + interval '30 hours' as timestamp));
-- model first_model day:x4
select r.ts as x4, r.id as id, r.k as k, r.parent as parent, r.g as g, r.amount as amount, r.x3 as x3 from (select r.id, r.k, r.parent, r.g, r.amount, r.ts, r.loaded, sum(r.amount) over (partition by r.g order by r.loaded nulls last, r.id desc nulls last, r.k nulls last, r.parent desc nulls last, r.g nulls last, r.amount desc nulls last, r.ts nulls last, r.loaded desc nulls last) as x3 from fact_b as r) as r
-- batch
update fact_b set loaded = cast(timestamp '2024-02-26 00:00:00' + interval '156 hours' as timestamp) where cast(loaded as date) = date '2024-02-27';
delete from fact_b where id is not distinct from 0;
