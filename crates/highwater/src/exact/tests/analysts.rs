//! Queries as analysts write them: funnels, sessions, cohorts, histories, attribution, balances, rates, budgets and days until today, over tables
//! that such queries are written for. On both engines, but for the few that one of them cannot say.

use highwater_sql::Mutant;
use rand::Rng;
use rand::rngs::SmallRng;

use super::differential::{seeds, walk_in};
use super::engines::{On, on_both_engines};
use super::world::{Known, World};
use super::written::written;
use crate::exact::Class;

on_both_engines![every_query_is_always_what_a_rebuild_holds, rules_got_wrong_are_noticed, they_are_rebuilt_in_part];

const TABLES: &str = "\
    create table raw_events (event_id integer primary key, user_id integer, kind varchar, ts timestamp, page varchar, value decimal(9,2)); \
    create table raw_users (user_id integer, country varchar, signed_up_at timestamp, referrer integer); \
    create table raw_plans (user_id integer, plan varchar, mrr decimal(9,2), valid_from timestamp, valid_to timestamp); \
    create table raw_invoices (invoice_id integer primary key, user_id integer, currency varchar, amount decimal(9,2), issued_on date); \
    create table raw_fx (currency varchar, day date, rate decimal(9,4)); \
    create table raw_sends (send_id bigint, user_id varchar, campaign varchar, ts timestamp); \
    create table raw_budgets (month date, dept varchar, amount decimal(9,2)); \
    create table raw_fiscal (day date, period varchar, working boolean); \
    insert into raw_budgets values (date '2026-02-01', 'x', 10), (date '2026-03-01', 'x', 20), (date '2026-03-01', 'y', 5); \
    insert into raw_fiscal values (date '2026-02-26', 'f1', true), (date '2026-02-27', 'f1', true), (date '2026-02-28', 'f1', false), \
    (date '2026-03-01', 'f2', false), (date '2026-03-02', 'f2', true), (date '2026-03-03', 'f2', true); \
    insert into raw_users values (1, 'r0', '2026-02-26', null), (2, 'r1', '2026-02-27', 1), (3, null, null, 2); \
    insert into raw_plans values (1, 'p', 1, '2026-02-26', '2026-02-28'), (1, 'q', 3, '2026-02-28 12:00', null), (2, 'p', 2, '2026-02-27', null); \
    insert into raw_fx values ('EUR', '2026-02-26', 1), ('USD', '2026-02-26', 2), ('USD', '2026-02-28', 3)";

/// Sessions: another one begins after six hours without an event.
macro_rules! sessions {
    ($rest:literal) => {
        concat!(
            "with m as (select *, case when ts - lag(ts) over (partition by user_id order by ts, event_id) < interval '6 hours' then 0 else 1 end as fresh \
             from raw_events where ts is not null), \
             n as (select *, sum(fresh) over (partition by user_id order by ts, event_id rows unbounded preceding) as session from m), \
             s as (select user_id, session, min(ts) as started, max(ts) as ended, count(*) as events from n group by 1, 2) ",
            $rest
        )
    };
}

/// Name, how it is cut, query.
pub const QUERIES: &[(&str, &str, &str)] = &[
    (
        "funnel",
        "day:ts",
        "select v.event_id, v.ts, (select min(b.ts) from raw_events b where b.user_id = v.user_id and b.kind = 'buy' and b.ts >= v.ts) as bought_at, \
         exists (select 1 from raw_events b where b.user_id = v.user_id and b.kind = 'buy' and b.ts > v.ts and b.ts <= v.ts + interval '2 days' limit 1) as soon \
         from raw_events v where v.kind = 'view'",
    ),
    (
        "retention",
        "month:cohort",
        "with f as (select user_id, date_trunc('month', min(ts)) as cohort from raw_events group by 1), \
         a as (select distinct user_id, date_trunc('month', ts) as month from raw_events) \
         select f.cohort, a.month, count(distinct a.user_id) as users from f join a on a.user_id = f.user_id group by 1, 2",
    ),
    ("sessions_by_gap", "day:started", sessions!("select * from s")),
    (
        "plan_within_session",
        "day:ts",
        sessions!(
            "select p.plan, p.valid_from as ts, s.session from raw_plans p left join s on s.user_id = p.user_id and p.valid_from between s.started and s.ended"
        ),
    ),
    (
        "terms_by_next",
        "day:ts",
        "with h as (select user_id, plan, valid_from, lead(valid_from) over (partition by user_id order by valid_from, plan, mrr) as next_from from raw_plans) \
         select e.event_id, e.ts, h.plan from raw_events e left join h on h.user_id = e.user_id and e.ts >= h.valid_from and (h.next_from is null or e.ts < h.next_from)",
    ),
    (
        "rates_until_next",
        "day:issued_on",
        "with r as (select currency, day as since, max(rate) as rate from raw_fx group by 1, 2), \
         v as (select currency, since, rate, coalesce(lead(since) over (partition by currency order by since), date '9999-12-31') as until from r) \
         select i.invoice_id, i.issued_on, round(i.amount * v.rate, 2) as due from raw_invoices i \
         left join v on v.currency = i.currency and i.issued_on >= v.since and i.issued_on < v.until",
    ),
    (
        "above_own_mean",
        "day:ts",
        "select e.event_id, e.ts, m.mean from raw_events e \
         left join (select user_id, avg(value) as mean from raw_events group by 1) m on m.user_id = e.user_id and e.value > m.mean",
    ),
    (
        "nth_plan",
        "day:ts",
        "with n as (select user_id, plan, row_number() over (partition by user_id order by valid_from, plan, mrr) as place from raw_plans), \
         k as (select event_id, user_id, ts, row_number() over (partition by user_id order by ts, event_id) as place from raw_events) \
         select k.event_id, k.ts, n.plan from k left join n on n.user_id = k.user_id and n.place = k.place",
    ),
    (
        "last_touch",
        "day:ts",
        "select * from (select e.event_id, e.ts, s.campaign, s.ts as touched_at, \
         row_number() over (partition by e.event_id order by s.ts desc nulls last, s.send_id, s.campaign) as place from raw_events e \
         left join raw_sends s on s.user_id = cast(e.user_id as varchar) and s.ts <= e.ts where e.kind = 'buy') x where place = 1",
    ),
    (
        "shared_touches",
        "day:ts",
        "with t as (select e.event_id, e.ts, e.value, s.campaign, count(*) over (partition by e.event_id) as touches from raw_events e \
         join raw_sends s on s.user_id = cast(e.user_id as varchar) and s.ts between e.ts - interval '3 days' and e.ts where e.kind = 'buy') \
         select event_id, ts, campaign, sum(value / touches) as credit from t group by event_id, ts, campaign",
    ),
    (
        "movements",
        "month:month",
        "with m as (select user_id, date_trunc('month', valid_from) as month, sum(mrr) as mrr from raw_plans group by 1, 2), \
         c as (select user_id, month, mrr, lag(mrr) over (partition by user_id order by month) as before from m) \
         select month, sum(case when before is null then mrr end) as fresh, sum(case when mrr > before then mrr - before end) as more from c group by month",
    ),
    (
        "islands",
        "day:since",
        "with d as (select distinct user_id, cast(ts as date) as day from raw_events where ts is not null), \
         n as (select user_id, day, day - cast(row_number() over (partition by user_id order by day) as integer) as island from d) \
         select user_id, min(day) as since, max(day) as until, count(*) as days from n group by user_id, island",
    ),
    (
        "day_over_day",
        "day:day",
        "select cast(ts as date) as day, sum(value) as v, sum(value) - lag(sum(value)) over (order by cast(ts as date)) as more, \
         sum(count(*)) over (order by cast(ts as date)) as events from raw_events group by 1",
    ),
    (
        "two_lately",
        "day:ts",
        "with a as (select *, lag(value) over (partition by user_id order by ts, event_id) as before from raw_events) \
         select event_id, ts, before, sum(before) over (partition by page order by ts, event_id rows between 1 preceding and current row) as two from a",
    ),
    (
        "plan_in_force",
        "day:ts",
        "select e.event_id, e.ts, p.plan from raw_events e left join raw_plans p on p.user_id = e.user_id \
         and p.valid_from = (select max(q.valid_from) from raw_plans q where q.user_id = e.user_id and q.valid_from <= e.ts)",
    ),
    (
        "users_of_payers",
        "day:ts",
        "select e.event_id, e.ts, u.country from raw_events e left join raw_users u on u.user_id = e.user_id \
         and u.referrer in (select user_id from raw_plans where plan = 'p')",
    ),
    (
        "of_paying_referrers",
        "key:user_id",
        "select e.user_id, sum(e.value) as v from raw_events e join raw_users u on u.user_id = e.user_id \
         and exists (select 1 from raw_plans p where p.user_id = u.referrer) group by 1",
    ),
    (
        "median_day",
        "day:mid",
        "select user_id, percentile_disc(0.5) within group (order by ts) as mid, count(*) as n from raw_events group by user_id",
    ),
    (
        "dearer_invoices",
        "day:ts",
        "select e.event_id, e.ts, count(i.invoice_id) as n from raw_events e left join raw_invoices i on i.amount > e.value and i.user_id = e.user_id group by 1, 2",
    ),
    (
        "within_invoices",
        "day:ts",
        "select e.event_id, e.ts, u.country, p.plan from raw_events e join raw_users u on u.user_id = e.user_id \
         cross join (select min(issued_on) as least, max(issued_on) as most from raw_invoices) b left join raw_plans p on p.user_id = e.user_id \
         where cast(e.ts as date) between b.least and b.most",
    ),
    (
        "budget_of_working_days",
        "day:day",
        "with w as (select date_trunc('month', day) as month, count(*) as n from raw_fiscal where working group by 1) \
         select f.day, b.dept, b.amount / w.n as daily from raw_fiscal f join w on w.month = date_trunc('month', f.day) \
         join raw_budgets b on b.month = date_trunc('month', f.day) where f.working",
    ),
    (
        "days_until_today_of_each",
        "day:day",
        "select p.user_id, p.plan, s.day from raw_plans p cross join lateral \
         generate_series(date_trunc('day', p.valid_from), cast(getvariable('today') as timestamp), interval '1 day') as s(day)",
    ),
    (
        "days_in_force",
        "day:day",
        "select s.day, p.user_id, p.plan, count(e.event_id) as n from raw_plans p left join lateral \
         generate_series(date_trunc('day', p.valid_from), least(p.valid_to, cast(getvariable('today') as timestamp)), interval '1 day') as s(day) on true \
         left join raw_events e on e.user_id = p.user_id and date_trunc('day', e.ts) = s.day group by 1, 2, 3",
    ),
    (
        "days_unnested_until_today",
        "day:day",
        "select user_id, plan, unnest(generate_series(date_trunc('day', valid_from), cast(getvariable('today') as timestamp), interval 1 day)) as day from raw_plans",
    ),
];

/// What PostgreSQL says otherwise, or not at all: rows that a function makes in a select list have no rule there.
fn queries(on: On, names: &[&str]) -> Vec<Known> {
    let wanted = QUERIES.iter().filter(|(name, ..)| names.is_empty() || names.contains(name));
    let own = wanted.filter(|(name, ..)| on == On::DuckDb || *name != "days_unnested_until_today");
    own.filter_map(|(name, cut, sql)| Some(Known::of(name, cut, &written(on, sql)?))).collect()
}

fn world(on: On) -> World {
    let mut world = World::new(on);
    world.sql(TABLES);
    world.today("date '2026-03-01'");
    for _ in 0..20 {
        let event = world.rows("select count(*) from raw_events");
        world.sql(&format!(
            "insert into raw_events values ({event}, {event} % 4, case {event} % 3 when 0 then 'view' when 1 then 'buy' else 'cart' end, \
             timestamp '2026-02-26' + {event} * 5 * interval '1 hour', 'a', {event} % 6)"
        ));
    }
    world
}

/// A random change of one table: small domains, so that keys meet; duplicates and NULLs.
fn change(random: &mut SmallRng) -> String {
    let or_null =
        |random: &mut SmallRng, value: String| if random.random_bool(0.1) { "null".to_owned() } else { value };
    let ts = |random: &mut SmallRng| {
        let moment = format!("timestamp '2026-02-26' + interval '{} hours'", random.random_range(0..40) * 4);
        or_null(random, moment)
    };
    let day = |random: &mut SmallRng| {
        let day = format!("date '2026-02-2{}'", random.random_range(5..9));
        or_null(random, day)
    };
    let number = |random: &mut SmallRng, below: u32| {
        let number = random.random_range(0..below).to_string();
        or_null(random, number)
    };
    let word = |random: &mut SmallRng, of: &[&str]| {
        let word = format!("'{}'", of[random.random_range(0..of.len())]);
        or_null(random, word)
    };
    let (event, user) = (random.random_range(0..20), random.random_range(0..5));
    match random.random_range(0..20) {
        0..=4 => {
            let (who, kind, ts) = (number(random, 5), word(random, &["view", "cart", "buy"]), ts(random));
            let (page, value) = (word(random, &["a", "b"]), number(random, 7));
            format!(
                "delete from raw_events where event_id = {event}; insert into raw_events values ({event}, {who}, {kind}, {ts}, {page}, {value})"
            )
        }
        5 => format!("delete from raw_events where event_id = {event}"),
        6 => format!("update raw_events set ts = {} where event_id = {event}", ts(random)),
        7 => format!("update raw_events set user_id = {} where event_id = {event}", number(random, 5)),
        8 => {
            let (who, country, since, by) =
                (number(random, 5), word(random, &["r0", "r1"]), ts(random), number(random, 5));
            format!("insert into raw_users values ({who}, {country}, {since}, {by})")
        }
        9 => format!("delete from raw_users where user_id = {user}"),
        10 | 11 => {
            let (who, plan, mrr, from, to) =
                (number(random, 5), word(random, &["p", "q"]), number(random, 7), ts(random), ts(random));
            format!("insert into raw_plans values ({who}, {plan}, {mrr}, {from}, {to})")
        }
        12 => format!("delete from raw_plans where user_id = {user}"),
        13 => format!("update raw_plans set valid_to = {} where user_id = {user}", ts(random)),
        14 | 15 => {
            let invoice = random.random_range(0..8);
            let (who, currency) = (number(random, 5), word(random, &["EUR", "USD"]));
            let (amount, day) = (number(random, 7), day(random));
            format!(
                "delete from raw_invoices where invoice_id = {invoice}; insert into raw_invoices values ({invoice}, {who}, {currency}, {amount}, {day})"
            )
        }
        16 => {
            let (currency, day, rate) = (word(random, &["EUR", "USD"]), day(random), number(random, 7));
            format!("delete from raw_fx where day = {day}; insert into raw_fx values ({currency}, {day}, {rate})")
        }
        17 => {
            let (send, who) = (random.random_range(0..9), number(random, 5));
            let (campaign, ts) = (word(random, &["a", "b"]), ts(random));
            format!("insert into raw_sends values ({send}, cast({who} as varchar), {campaign}, {ts})")
        }
        18 => format!("update raw_fiscal set working = not working where day = {}", day(random)),
        _ => format!("set variable today = date '2026-02-2{}'", random.random_range(5..9)),
    }
}

fn every_query_is_always_what_a_rebuild_holds(on: On) {
    let models = queries(on, &[]);
    for seed in seeds() {
        assert_eq!(walk_in(&mut world(on), change, seed, on.steps(10), &models), None);
    }
}

fn they_are_rebuilt_in_part(on: On) {
    let mut world = world(on);
    for known in queries(on, &[]) {
        let explanation = world.explain(&known).expect("explanation");
        let expected = if known.model.unique_key.is_empty() { Class::ExactInterval } else { Class::ExactKey };
        assert_eq!(explanation.class, expected, "{}: {:?}", known.model.unique_id, explanation.findings);
    }
}

fn rules_got_wrong_are_noticed(on: On) {
    let wrong = [
        (Mutant::JoinAnchorOnly, "terms_by_next"),
        (Mutant::JoinAnchorOnly, "plan_within_session"),
        (Mutant::WindowNewRowsOnly, "two_lately"),
        (Mutant::SubqueryIgnored, "users_of_payers"),
        (Mutant::CarriedNewRowsOnly, "median_day"),
        (Mutant::RunningTurned, "day_over_day"),
        (Mutant::BandByEnd, "dearer_invoices"),
        (Mutant::SeriesByItsStart, "days_until_today_of_each"),
        (Mutant::ClockStandsStill, "days_until_today_of_each"),
    ];
    let unnoticed = wrong.into_iter().filter(|(mutant, name)| {
        let known = queries(on, &[name]).into_iter().map(|known| Known { read: Some(Some(*mutant)), ..known });
        let known: Vec<Known> = known.collect();
        !(0..8).any(|seed| walk_in(&mut world(on), change, seed, 25, &known).is_some())
    });
    assert_eq!(unnoticed.collect::<Vec<_>>(), []);
}
