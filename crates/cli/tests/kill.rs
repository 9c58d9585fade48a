//! `kill -9` during a run, at random moments: afterwards every table is wholly old or wholly new, and the next run is right.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use highwater::engine::{Connection, DuckDb, Engine};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Runs that are killed before their end.
const KILLS: usize = 50;

/// Runs started to get there: some end before the random moment comes.
const ATTEMPTS: usize = 250;

const PROJECT: &str = "name: shop\nversion: '1.0'\nprofile: shop\n";
const PROFILE: &str = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2}}}\n";
const SOURCES: &str = "sources: [{name: raw, schema: main, tables: [{name: orders}, {name: customers}]}]\n";
const FACT: &str =
    "{{ config(materialized='incremental', incremental_strategy='exact', event_time='placed_at', batch_size='day') }}
select o.order_id, o.placed_at, o.amount, c.region from {{ source('raw', 'orders') }} o
left join {{ source('raw', 'customers') }} c on c.customer_id = o.customer_id
";
const DAILY: &str = "{{ config(materialized='incremental', incremental_strategy='exact', event_time='day', batch_size='day') }}
select cast(placed_at as date) as day, region, sum(amount) as revenue, count(*) as orders from {{ ref('fact') }} group by all
";

/// The models with their queries written out, parents first.
const REBUILDS: [(&str, &str); 2] = [
    (
        "fact",
        "select o.order_id, o.placed_at, o.amount, c.region from orders o left join customers c on c.customer_id = o.customer_id",
    ),
    (
        "daily",
        "select cast(placed_at as date) as day, region, sum(amount) as revenue, count(*) as orders from fact group by all",
    ),
];

struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        fs::create_dir(folder.path().join("models")).expect("models");
        for (path, text) in [
            ("dbt_project.yml", PROJECT),
            ("profiles.yml", PROFILE),
            ("models/sources.yml", SOURCES),
            ("models/fact.sql", FACT),
            ("models/daily.sql", DAILY),
        ] {
            fs::write(folder.path().join(path), text).expect(path);
        }
        Self { folder }
    }

    fn hw(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_hw"))
            .args(["run", "--project-dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hw starts")
    }

    /// Runs to the end.
    fn run(&self) {
        let output = self.hw().wait_with_output().expect("hw ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn open(&self) -> Box<dyn Connection> {
        let path: &Path = &self.folder.path().join("shop.duckdb");
        DuckDb::open(path, "").expect("the file opens").connect().expect("a session")
    }
}

fn rows(session: &mut dyn Connection, sql: &str) -> usize {
    session.query(sql).unwrap_or_else(|error| panic!("{error}\n{sql}")).rows.len()
}

fn differs(session: &mut dyn Connection, one: &str, other: &str) -> bool {
    rows(session, &format!("((from {one}) except all ({other})) union all (({other}) except all (from {one}))")) > 0
}

fn change(session: &mut dyn Connection, random: &mut SmallRng, batch: usize) {
    let (day, order, customer) =
        (random.random_range(0..60), random.random_range(0..20_000), random.random_range(0..50));
    session
        .execute(&format!(
            "insert into orders select 100000 + {batch} * 100 + i, i % 50, timestamp '2024-01-01' + to_days({day}), i \
             from range(100) as new(i); \
             delete from orders where order_id = {order}; \
             update orders set placed_at = placed_at + interval 3 days where order_id = {order} + 1; \
             update customers set region = 'region {batch}' where customer_id = {customer}"
        ))
        .expect("changes");
    for (model, _) in REBUILDS {
        session.execute(&format!("create or replace table before_{model} as from {model}")).expect("a copy");
    }
}

#[test]
fn a_killed_run_leaves_every_table_old_or_new_and_the_next_run_is_right() {
    let shop = Shop::new();
    shop.open()
        .execute(
            "create table orders as select i as order_id, i % 50 as customer_id, timestamp '2024-01-01' + to_minutes((i * 4)::integer) as placed_at, \
             i % 97 as amount from range(20000) as made(i); \
             create table customers as select i as customer_id, 'region ' || i % 5 as region from range(50) as made(i)",
        )
        .expect("sources");
    shop.run();
    let mut random = SmallRng::seed_from_u64(7);
    let mut usual = Duration::from_millis(200);
    let (mut cut_short, mut old, mut new) = (0, 0, 0);
    for batch in 0..ATTEMPTS {
        if cut_short == KILLS {
            break;
        }
        change(shop.open().as_mut(), &mut random, batch);
        let mut child = shop.hw();
        // The moments spread over a whole run, as long as the last one took.
        std::thread::sleep(usual.mul_f64(random.random_range(0.0..1.0)));
        if child.try_wait().expect("status").is_none() {
            cut_short += 1;
        }
        child.kill().ok();
        child.wait().expect("gone");
        let mut session = shop.open();
        for (model, query) in REBUILDS {
            // A child that was swapped was swapped on its parent's new rows; one that was not is what it was before.
            if !differs(session.as_mut(), model, &format!("select * from before_{model}")) {
                old += 1;
            } else {
                new += 1;
                assert!(!differs(session.as_mut(), model, query), "batch {batch}: {model} is neither old nor new");
            }
        }
        drop(session);
        let started = Instant::now();
        shop.run();
        usual = started.elapsed();
        let mut session = shop.open();
        for (model, query) in REBUILDS {
            assert!(!differs(session.as_mut(), model, query), "batch {batch}: {model} after the next run");
        }
    }
    println!(
        "{cut_short} runs were killed before their end; afterwards tables were old {old} times and new {new} times"
    );
    // A test whose kills all came before the first write, or all after the last, would show nothing.
    assert!(cut_short == KILLS && old > 5 && new > 5, "{cut_short} killed, {old} old, {new} new");
}
