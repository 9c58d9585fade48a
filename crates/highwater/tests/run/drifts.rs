//! Drifts, seeded into tables that real runs have filled, and what `verify` makes of them: it finds each in the partitions where it is and in
//! no others, names its cause, and is quiet where nothing is wrong.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use highwater::exact::RunIdentity;
use highwater::run::{Command, RunOptions, verify_inputs};
use highwater::verify::{Cause, Outcome, Verdict, VerifyOptions, differing, verify_and_record};
use highwater_testbed::Database;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::project::Project;

/// The newest day that has been built when a drift is seeded.
const TODAY: u32 = 12;

const ORDERS: &str = "select o.id, o.customer_id, o.ordered_at, o.amount, c.region from {{ source('shop', 'raw_orders') }} as o \
                      left join {{ source('shop', 'raw_customers') }} as c on o.customer_id = c.customer_id";

fn files() -> Vec<(&'static str, String)> {
    let incremental = |strategy: &str, more: &str| {
        format!("{{{{ config(materialized='incremental', incremental_strategy='{strategy}', {more}) }}}}\n")
    };
    let by_day = "event_time='ordered_at', batch_size='day', unique_key='id'";
    vec![
        (
            "models/sources.yml",
            "sources:\n- name: shop\n  schema: main\n  tables:\n  - {name: raw_orders, loaded_at_field: loaded_at, config: {event_time: ordered_at}}\n  - {name: raw_customers}\n".to_owned(),
        ),
        ("models/exact_orders.sql", incremental("exact", by_day) + ORDERS),
        (
            "models/exact_days.sql",
            incremental("exact", "event_time='day', batch_size='day'")
                + "select cast(ordered_at as date) as day, count(*) as orders, sum(amount) as revenue, avg(cast(amount as double precision)) as mean from {{ source('shop', 'raw_orders') }} group by 1",
        ),
        (
            "models/batched.sql",
            incremental("microbatch", "event_time='ordered_at', batch_size='day', begin='2026-03-01', lookback=1, unique_key=('id' if target.type == 'postgres' else none)") + ORDERS,
        ),
        (
            "models/merged.sql",
            incremental("delete+insert", "event_time='ordered_at', unique_key='id'")
                + ORDERS
                + "{% if is_incremental() %} where o.ordered_at >= (select max(ordered_at) - interval '1 day' from {{ this }}){% endif %}",
        ),
        (
            // The day in a zone whose clocks go forward on 8 March 2026, and a filter that knows only the winter's offset.
            "models/local_days.sql",
            incremental("delete+insert", "event_time='local_day', unique_key='local_day'")
                + "select cast(date_trunc('day', ordered_at - case when ordered_at >= timestamp '2026-03-08 07:00:00' then interval '4 hours' else interval '5 hours' end) as date) as local_day, \
                   count(*) as orders, sum(amount) as revenue from {{ source('shop', 'raw_orders') }}\
                   {% if is_incremental() %} where ordered_at >= (select cast(max(local_day) as timestamp) + interval '5 hours' from {{ this }}){% endif %} group by 1",
        ),
    ]
}

/// A database to go back to.
enum Base {
    File(Vec<u8>),
    Server(Database),
}

/// The engines that drifts are seeded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    DuckDb,
    Postgres,
}

/// A shop whose tables have been built day by day, in the evening, up to and with today.
struct Shop {
    project: Project,
    base: Option<Base>,
    random: SmallRng,
    next: u32,
}

impl Shop {
    fn new(on: On, seed: u64) -> Self {
        let files = files();
        let borrowed: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let project = if on == On::DuckDb { Project::new(&borrowed) } else { Project::postgres(&borrowed) };
        project.execute("create schema if not exists main");
        project.execute(
            "create table raw_orders (id integer, customer_id integer, ordered_at timestamp, amount decimal(9,2), loaded_at timestamp); \
             create table raw_customers as select n as customer_id, 'region ' || n as region from generate_series(1, 5) as series(n)",
        );
        let mut shop = Self { project, base: None, random: SmallRng::seed_from_u64(seed), next: 0 };
        for day in 1..=TODAY {
            shop.orders_of(day);
            if day >= 10 {
                shop.evening(day);
            }
        }
        shop.base = Some(match on {
            On::DuckDb => Base::File(std::fs::read(shop.project.path("shop.duckdb")).expect("the database")),
            On::Postgres => Base::Server(shop.project.server().copied()),
        });
        shop
    }

    /// Back to the state that all drifts start from.
    fn again(&mut self) {
        match self.base.as_ref().expect("a base") {
            Base::File(bytes) => {
                let _ = std::fs::remove_file(self.project.path("shop.duckdb.wal"));
                std::fs::write(self.project.path("shop.duckdb"), bytes).expect("the database");
            }
            Base::Server(copy) => self.project.server().restore(copy),
        }
        for (path, text) in files() {
            self.project.write(path, &text);
        }
    }

    fn sql(&self, sql: &str) {
        self.project.execute(sql);
    }

    /// Some orders of a day, loaded the same day; one in the first hour of summer time's day.
    fn orders_of(&mut self, day: u32) {
        for hour in [4, 9, 15] {
            self.order(day, hour, day);
        }
    }

    fn order(&mut self, day: u32, hour: u32, loaded: u32) -> u32 {
        self.next += 1;
        let (id, customer, amount) = (self.next, self.random.random_range(1..=5), self.random.random_range(100..9999));
        self.sql(&format!(
            "insert into raw_orders values ({id}, {customer}, '2026-03-{day:02} {hour:02}:30:00', {}.{:02}, '2026-03-{loaded:02} 20:00:00')",
            amount / 100,
            amount % 100
        ));
        id
    }

    /// The run of an evening.
    fn evening(&self, day: u32) {
        self.run(day, &[]);
    }

    fn run(&self, day: u32, exclude: &[&str]) {
        let invoked_at = highwater::clock::parse(&format!("2026-03-{day:02} 22:00:00"));
        let mut options = RunOptions { invoked_at, ..RunOptions::new(Command::Run) };
        options.selection.exclude = exclude.iter().map(|name| (*name).to_owned()).collect();
        let results = self.project.results(&options);
        assert!(results.succeeded(false), "{}", crate::project::lines(&results));
    }

    /// A day that is no longer looked back at.
    fn old_day(&mut self) -> u32 {
        self.random.random_range(2..TODAY - 3)
    }

    fn verify(&self) -> Vec<Verdict> {
        let session = self.project.session();
        let (models, around) = verify_inputs(&session, &RunOptions::new(Command::Run)).expect("inputs");
        let engine = session.engine().expect("engine");
        let mut connection = engine.connect().expect("session");
        let identity = RunIdentity {
            run_id: session.project.invocation_id.clone(),
            invocation_id: session.project.invocation_id.clone(),
            started_at: jiff::Timestamp::now(),
            engine_version: engine.version().to_owned(),
        };
        let verdicts = models.into_iter().map(|model| {
            let options = VerifyOptions { strategy: model.strategy, ..VerifyOptions::default() };
            let verdict =
                verify_and_record(connection.as_mut(), &model.model, &around, &options, &identity).expect("a verdict");
            let known = differing(connection.as_mut(), &model.model.relation).expect("the ledger");
            assert_eq!(known.len() as u64, verdict.mismatch_count, "the ledger knows what differs");
            verdict
        });
        verdicts.collect()
    }
}

/// What a drift is to be found as: model, partitions, cause.
struct Expected {
    kind: &'static str,
    found: Vec<(&'static str, BTreeSet<String>, Option<Cause>)>,
}

fn days(days: &[u32]) -> BTreeSet<String> {
    days.iter().map(|day| format!("2026-03-{day:02}")).collect()
}

fn expect(kind: &'static str, found: Vec<(&'static str, &[u32], Cause)>) -> Expected {
    let found = found.into_iter().map(|(model, at, cause)| (model, days(at), Some(cause))).collect();
    Expected { kind, found }
}

type Drift = fn(&mut Shop) -> Expected;

fn late_row(shop: &mut Shop) -> Expected {
    let day = shop.old_day();
    shop.order(day, 12, TODAY + 1);
    let exact = shop.verify().into_iter().filter(|verdict| verdict.label.starts_with("exact"));
    for verdict in exact {
        assert_eq!(
            verdict.mismatches.iter().map(|mismatch| mismatch.cause).collect::<Vec<_>>(),
            [Cause::Late],
            "{verdict:#?}"
        );
    }
    shop.orders_of(TODAY + 1);
    shop.evening(TODAY + 1);
    let mut expected = expect("late row", vec![("batched", &[day], Cause::Late), ("merged", &[day], Cause::Late)]);
    expected.found.push(("local_days", days(&[day]), None));
    expected
}

fn gap(shop: &mut Shop) -> Expected {
    for day in TODAY + 1..=TODAY + 4 {
        shop.orders_of(day);
        if day != TODAY + 1 && day != TODAY + 2 {
            shop.run(day, &["merged", "local_days"]);
        }
    }
    // The lookback mends the second of the two days without a run.
    let mut expected = expect("gap", vec![("batched", &[TODAY + 1], Cause::Gap)]);
    expected.found.push(("merged", days(&[TODAY + 1, TODAY + 2, TODAY + 3, TODAY + 4]), Some(Cause::New)));
    expected.found.push(("local_days", days(&[TODAY + 1, TODAY + 2, TODAY + 3, TODAY + 4]), Some(Cause::New)));
    expected
}

fn lookback_off_by_one(shop: &mut Shop) -> Expected {
    shop.order(TODAY - 1, 12, TODAY + 1);
    shop.orders_of(TODAY + 1);
    shop.evening(TODAY + 1);
    let mut expected = expect("lookback off by one", vec![("batched", &[TODAY - 1], Cause::LookbackTooShort)]);
    expected.found.push(("merged", days(&[TODAY - 1]), None));
    expected.found.push(("local_days", days(&[TODAY - 1]), None));
    expected
}

fn an_order(shop: &mut Shop, day: u32) -> String {
    let at = shop.random.random_range(0..2) + 1;
    shop.project.query(&format!(
        "select id from raw_orders where cast(ordered_at as date) = '2026-03-{day:02}' order by ordered_at limit 1 offset {at}"
    ))
}

fn deleted(shop: &mut Shop) -> Expected {
    let day = shop.old_day();
    let id = an_order(shop, day);
    shop.sql(&format!("delete from raw_orders where id = {id}"));
    let mut expected = expect(
        "deleted",
        vec![
            ("batched", &[day], Cause::Deleted),
            ("merged", &[day], Cause::Deleted),
            ("exact_orders", &[day], Cause::Deleted),
            ("exact_days", &[day], Cause::Deleted),
        ],
    );
    expected.found.push(("local_days", days(&[day]), None));
    expected
}

fn moved(shop: &mut Shop) -> Expected {
    let (from, to) = (shop.random.random_range(2..5), shop.random.random_range(5..8));
    let id = an_order(shop, from);
    shop.sql(&format!("update raw_orders set ordered_at = '2026-03-{to:02} 12:00:00' where id = {id}"));
    let mut expected = expect(
        "moved",
        vec![
            ("batched", &[from, to], Cause::Moved),
            ("merged", &[from, to], Cause::Moved),
            ("exact_orders", &[from, to], Cause::Moved),
        ],
    );
    expected.found.push(("exact_days", days(&[from, to]), None));
    expected.found.push(("local_days", days(&[from, to]), None));
    expected
}

fn edited_by_hand(shop: &mut Shop) -> Expected {
    let day = shop.old_day();
    for model in ["exact_orders", "batched", "merged"] {
        shop.sql(&format!(
            "update {model} set amount = amount + 1 where cast(ordered_at as date) = '2026-03-{day:02}'"
        ));
    }
    shop.sql(&format!("update exact_days set revenue = 0 where day = '2026-03-{day:02}'"));
    let models = ["exact_orders", "batched", "merged", "exact_days"];
    let found = models.map(|model| (model, days(&[day]), Some(Cause::ChangedByHand)));
    Expected { kind: "edited by hand", found: found.to_vec() }
}

fn dimension_change(shop: &mut Shop) -> Expected {
    let customer = shop.random.random_range(1..=5);
    shop.sql(&format!("update raw_customers set region = 'elsewhere' where customer_id = {customer}"));
    let touched = shop.project.query(&format!(
        "select distinct cast(ordered_at as date) from raw_orders where customer_id = {customer} order by 1"
    ));
    let touched: BTreeSet<String> = touched.lines().map(str::to_owned).collect();
    let found = ["batched", "merged", "exact_orders"].map(|model| (model, touched.clone(), Some(Cause::Dimension)));
    Expected { kind: "dimension change", found: found.to_vec() }
}

fn null_key(shop: &mut Shop) -> Expected {
    shop.orders_of(TODAY + 1);
    shop.sql(&format!("update raw_orders set id = null where ordered_at = '2026-03-{:02} 15:30:00'", TODAY + 1));
    shop.run(TODAY + 1, &["batched", "local_days"]);
    shop.run(TODAY + 1, &["batched", "local_days"]);
    let mut expected = expect("NULL key", vec![("merged", &[TODAY + 1], Cause::NullKey)]);
    expected.found.push(("batched", days(&[TODAY + 1]), Some(Cause::New)));
    expected.found.push(("local_days", days(&[TODAY + 1]), Some(Cause::New)));
    expected
}

fn logic_change(shop: &mut Shop) -> Expected {
    for (path, text) in
        files().into_iter().filter(|(path, _)| ["models/batched.sql", "models/exact_orders.sql"].contains(path))
    {
        shop.project.write(path, &text.replace("o.amount,", "cast(o.amount * 2 as decimal(9,2)) as amount,"));
    }
    shop.orders_of(TODAY + 1);
    shop.run(TODAY + 1, &["exact_orders", "exact_days", "merged", "local_days"]);
    let old: Vec<u32> = (1..TODAY).collect();
    let new = days(&[TODAY + 1]);
    let mut expected =
        Expected { kind: "logic change", found: vec![("batched", days(&old), Some(Cause::LogicChanged))] };
    let all: Vec<u32> = (1..=TODAY + 1).collect();
    expected.found.push(("exact_orders", days(&all), Some(Cause::LogicChanged)));
    for model in ["exact_days", "merged", "local_days"] {
        expected.found.push((model, new.clone(), Some(Cause::New)));
    }
    expected
}

fn daylight_saving(shop: &mut Shop) -> Expected {
    // A second run on the same local day begins at five, an hour after midnight in summer: what was ordered between is lost.
    shop.orders_of(TODAY + 1);
    shop.evening(TODAY + 1);
    shop.evening(TODAY + 1);
    Expected { kind: "DST day", found: vec![("local_days", days(&[TODAY + 1]), Some(Cause::ClockChange))] }
}

const DRIFTS: &[Drift] = &[
    late_row,
    gap,
    lookback_off_by_one,
    deleted,
    moved,
    edited_by_hand,
    dimension_change,
    null_key,
    logic_change,
    daylight_saving,
];

/// How often the project is built and drifts are seeded; more with `HW_TRIALS`.
fn trials() -> u64 {
    std::env::var("HW_TRIALS").ok().and_then(|trials| trials.parse().ok()).unwrap_or(1)
}

#[test]
fn every_seeded_drift_is_found_and_named() {
    drifts_are_found_and_named(On::DuckDb);
}

#[test]
fn every_seeded_drift_is_found_and_named_on_postgres() {
    drifts_are_found_and_named(On::Postgres);
}

fn drifts_are_found_and_named(on: On) {
    let mut named = BTreeSet::new();
    let mut misnamed: BTreeSet<String> = BTreeSet::new();
    for seed in 0..trials() {
        let mut shop = Shop::new(on, seed);
        for drift in DRIFTS {
            shop.again();
            for verdict in shop.verify() {
                // The one that loses an hour has lost it already on the days after the clocks went forward.
                let quiet = verdict.outcome == Outcome::Equal || verdict.label == "local_days";
                assert!(quiet, "a false alarm: {verdict:#?}");
            }
            let Expected { kind, found } = drift(&mut shop);
            let verdicts = shop.verify();
            let mut right = true;
            for verdict in &verdicts {
                let wanted = found.iter().find(|(model, ..)| *model == verdict.label);
                let labels: BTreeSet<String> =
                    verdict.mismatches.iter().map(|mismatch| mismatch.label.clone()).collect();
                let Some((_, partitions, cause)) = wanted else {
                    assert!(
                        labels.is_empty() || verdict.label == "local_days",
                        "{kind}, seed {seed}: a false alarm: {verdict:#?}"
                    );
                    continue;
                };
                if verdict.label == "local_days" {
                    assert!(partitions.is_subset(&labels), "{kind}, seed {seed}: {partitions:?} in {verdict:#?}");
                } else {
                    assert_eq!(labels, *partitions, "{kind}, seed {seed}: {verdict:#?}");
                }
                if let Some(cause) = cause {
                    let wrong = verdict
                        .mismatches
                        .iter()
                        .filter(|mismatch| partitions.contains(&mismatch.label) && mismatch.cause != *cause);
                    for mismatch in wrong {
                        right = false;
                        misnamed.insert(format!(
                            "{kind}: {} {} is called {}",
                            verdict.label,
                            mismatch.label,
                            mismatch.because()
                        ));
                    }
                }
            }
            if right {
                named.insert(kind);
            }
        }
    }
    assert!(misnamed.is_empty(), "{misnamed:#?}");
    assert_eq!(named.len(), DRIFTS.len(), "only these were named: {named:?}");
}

#[test]
fn clean_runs_raise_no_alarm() {
    no_alarm_is_raised(On::DuckDb);
}

#[test]
fn clean_runs_raise_no_alarm_on_postgres() {
    no_alarm_is_raised(On::Postgres);
}

/// Five runs a trial.
fn no_alarm_is_raised(on: On) {
    let runs = trials() * 5;
    let mut shop = Shop::new(on, 4711);
    let mut day = TODAY;
    for _ in 0..runs {
        day += 1;
        if day > 28 {
            shop.again();
            day = TODAY + 1;
        }
        for hour in [6, 7, 9, 15] {
            shop.order(day, hour, day);
        }
        shop.evening(day);
        // Exact models take whatever comes; the others what is new.
        for change in 0..3 {
            let (old, id) = (shop.random.random_range(1..day), shop.random.random_range(1..shop.next));
            let sql = match (change + shop.random.random_range(0..3)) % 5 {
                0 => format!("update raw_orders set ordered_at = '2026-03-{old:02} 10:00:00' where id = {id}"),
                1 => format!("delete from raw_orders where id = {id}"),
                2 => format!("insert into raw_orders values (10000 + {id} * 100 + {day}, null, null, 1.5, null)"),
                3 => format!("update raw_orders set amount = amount * 1.1 where id = {id}"),
                _ => format!("update raw_customers set region = region || '!' where customer_id = 1 + {id} % 5"),
            };
            shop.sql(&sql);
        }
        let options = RunOptions::new(Command::Run);
        let mut options =
            RunOptions { invoked_at: highwater::clock::parse(&format!("2026-03-{day:02} 23:00:00")), ..options };
        options.selection.select = vec!["exact_orders".to_owned(), "exact_days".to_owned()];
        assert!(shop.project.results(&options).succeeded(false));
        for verdict in shop.verify().into_iter().filter(|verdict| verdict.label.starts_with("exact")) {
            assert_eq!(verdict.outcome, Outcome::Equal, "a false alarm: {verdict:#?}");
        }
        // The others are rebuilt, and are equal then, too.
        let mut options = RunOptions { full_refresh: true, ..options };
        options.selection.select = vec!["merged".to_owned(), "local_days".to_owned()];
        assert!(shop.project.results(&options).succeeded(false));
        for verdict in shop.verify().into_iter().filter(|verdict| verdict.label != "batched") {
            assert_eq!(verdict.outcome, Outcome::Equal, "a false alarm: {verdict:#?}");
        }
    }
}

#[test]
fn every_engine_gives_the_same_verdicts() {
    let model = |config: &str, from: &str| {
        format!("{{{{ config(materialized='incremental', {config}) }}}}\nselect id, ordered_at, amount from {from}")
    };
    let orders = "{{ source('shop', 'raw_orders') }}";
    let exact =
        model("incremental_strategy='exact', event_time='ordered_at', batch_size='day', unique_key='id'", orders);
    let keyed = model(
        "incremental_strategy='delete+insert', unique_key='id'",
        &format!("{orders} {{% if is_incremental() %}} where id > (select max(id) from {{{{ this }}}}){{% endif %}}"),
    );
    let files = [
        (
            "models/sources.yml",
            "sources:\n- name: shop\n  schema: main\n  tables: [{name: raw_orders, loaded_at_field: loaded_at}]\n",
        ),
        ("models/kept.sql", exact.as_str()),
        ("models/keyed.sql", keyed.as_str()),
    ];
    for project in Project::everywhere(&files) {
        project.execute(
            "create schema if not exists main; create table main.raw_orders (id integer, ordered_at timestamp, amount double precision, loaded_at timestamp); \
             insert into main.raw_orders values (1, '2026-03-01 10:00', 10.1, '2026-03-01 20:00'), (2, '2026-03-02 10:00', 20.2, '2026-03-02 20:00'), \
             (3, '2026-03-03 10:00', 30.3, '2026-03-03 20:00'), (4, null, 40.4, null)",
        );
        project.run(Command::Run);
        assert_eq!(said(&project, None), "kept: equal, 4 compared\nkeyed: equal, 4 compared");
        project.execute(
            "insert into main.raw_orders values (0, '2026-03-01 11:00', 1, '2026-03-05 20:00'); delete from main.raw_orders where id = 3; \
             update main.kept set amount = 0 where id = 2",
        );
        insta::allow_duplicates! {
            insta::assert_snapshot!(said(&project, None), @r#"
kept: 3 differ, 4 compared
  2026-03-01: 1 missing, 0 extra, 0 changed, rows arrived late, after it was built: a row of raw_orders was loaded 4 days after its own (hw run --select kept)
  2026-03-02: 0 missing, 0 extra, 1 changed, changed by hand: no run of ours wrote this (hw verify kept --repair)
  2026-03-03: 0 missing, 1 extra, 0 changed, rows were deleted from a source: 1 row gone from raw_orders (hw run --select kept)
keyed: 2 differ, 5 compared
  0: 1 missing, 0 extra, 0 changed, rows arrived late, after it was built: 1 row (hw run --select keyed --full-refresh)
  3: 0 missing, 1 extra, 0 changed, rows were deleted from a source: 1 row (hw run --select keyed --full-refresh)
"#);
        }
        // One of four keys has its turn, by its hash, which is the engine's own: within four samples all have had theirs.
        let samples: Vec<String> = (0..4).map(|_| said(&project, Some(1))).collect();
        let samples = samples.concat();
        assert!(samples.contains("kept: equal, 1 compared of 5"), "{samples}");
        assert_eq!(
            (samples.matches("\n  0: 1 missing").count(), samples.matches("\n  3: 0 missing, 1 extra").count()),
            (1, 1),
            "{samples}"
        );
        assert_eq!(project.query("select count(*) from highwater.compared where differs"), "5");
    }
}

/// Every verdict is a second later than the one before.
static TOLD: AtomicI64 = AtomicI64::new(0);

/// Verdicts in words; the order of the models is the engine's own.
fn said(project: &Project, sample: Option<u64>) -> String {
    let session = project.session();
    let (models, around) = verify_inputs(&session, &RunOptions::new(Command::Run)).expect("inputs");
    let engine = session.engine().expect("engine");
    let mut connection = engine.connect().expect("session");
    let identity = RunIdentity {
        run_id: session.project.invocation_id.clone(),
        invocation_id: session.project.invocation_id.clone(),
        started_at: "2026-03-04T00:00:00Z".parse::<jiff::Timestamp>().expect("a moment")
            + jiff::SignedDuration::from_secs(TOLD.fetch_add(1, Ordering::Relaxed)),
        engine_version: engine.version().to_owned(),
    };
    let mut lines = Vec::new();
    for model in models {
        let options = VerifyOptions { strategy: model.strategy, sample, ..VerifyOptions::default() };
        let verdict =
            verify_and_record(connection.as_mut(), &model.model, &around, &options, &identity).expect("a verdict");
        let of = verdict.sampled.as_ref().map_or(String::new(), |sampled| format!(" of {}", sampled.of));
        let mut line = match verdict.outcome {
            Outcome::Equal => format!("{}: equal, {} compared{of}", verdict.label, verdict.compared),
            Outcome::NotCompared { reason } => format!("{}: not compared: {reason}", verdict.label),
            _ => format!("{}: {} differ, {} compared{of}", verdict.label, verdict.mismatch_count, verdict.compared),
        };
        for mismatch in &verdict.mismatches {
            line.push_str(&format!(
                "\n  {}: {} missing, {} extra, {} changed, {} ({})",
                mismatch.label,
                mismatch.missing,
                mismatch.extra,
                mismatch.changed,
                mismatch.because(),
                mismatch.repair.as_deref().unwrap_or("-")
            ));
        }
        lines.push(line);
    }
    lines.sort();
    lines.join("\n")
}
