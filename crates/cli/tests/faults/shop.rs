//! A project of two exact models, one over the other, with its data; and what must hold after whatever happened to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use highwater::engine::{Connection, DuckDb, Engine};
use rand::Rng;
use rand::rngs::SmallRng;

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
pub const REBUILDS: [(&str, &str); 2] = [
    (
        "fact",
        "select o.order_id, o.placed_at, o.amount, c.region from orders o left join customers c on c.customer_id = o.customer_id",
    ),
    (
        "daily",
        "select cast(placed_at as date) as day, region, sum(amount) as revenue, count(*) as orders from fact group by all",
    ),
];

/// The project in a folder that goes away with it.
pub struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    /// The files, and 20,000 orders of 50 customers on 56 days; nothing built.
    pub fn new() -> Self {
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
        let shop = Self { folder };
        shop.open()
            .execute(
                "create table orders as select i as order_id, i % 50 as customer_id, timestamp '2024-01-01' + to_minutes((i * 4)::integer) as placed_at, \
                 i % 97 as amount from range(20000) as made(i); \
                 create table customers as select i as customer_id, 'region ' || i % 5 as region from range(50) as made(i)",
            )
            .expect("sources");
        shop
    }

    /// A path in the project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// `hw run`, not yet started, with nothing of the caller's environment that it reads.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hw"));
        command.args(["run", "--project-dir"]).arg(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DBT_") || name.starts_with("HW_")) {
            command.env_remove(name);
        }
        command.env("NO_COLOR", "1");
        command
    }

    /// Starts a run.
    pub fn start(&self) -> Child {
        self.command().stdout(Stdio::null()).spawn().expect("hw starts")
    }

    /// Runs to the end.
    pub fn run(&self) {
        let output = self.command().output().expect("hw ends");
        assert!(output.status.success(), "{}", told(&output));
    }

    /// A session on the database; no run may have it open.
    pub fn open(&self) -> Box<dyn Connection> {
        let path: &Path = &self.path("shop.duckdb");
        DuckDb::open(path, "").expect("the file opens").connect().expect("a session")
    }

    /// Keeps a copy of every model's table, to compare with.
    pub fn remember(&self) {
        let mut session = self.open();
        for (model, _) in REBUILDS {
            session.execute(&format!("create or replace table before_{model} as from {model}")).expect("a copy");
        }
    }

    /// Checks the invariants after a fault. Says for every model whether its table is new.
    pub fn check(&self, when: &str) -> [bool; 2] {
        let mut session = self.open();
        let session = session.as_mut();
        let new = REBUILDS.map(|(model, query)| {
            // A child that was swapped was swapped on its parent's new rows; one that was not is what it was before.
            let new = differs(session, model, &format!("select * from before_{model}"));
            assert!(!new || !differs(session, model, query), "{when}: {model} is neither old nor new");
            new
        });
        check_ledger(session, when);
        new
    }

    /// Checks that every table is what a rebuild holds, and the ledger with it.
    pub fn check_new(&self, when: &str) {
        let mut session = self.open();
        for (model, query) in REBUILDS {
            assert!(!differs(session.as_mut(), model, query), "{when}: {model} is not what a rebuild holds");
        }
        check_ledger(session.as_mut(), when);
    }
}

/// What a run said.
pub fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The ledger counts the rows that are there, day by day; no run stands in it twice, and every commit raised the fence.
fn check_ledger(session: &mut dyn Connection, when: &str) {
    for (model, column) in [("fact", "placed_at"), ("daily", "day")] {
        let id = format!("'model.shop.{model}'");
        let counted =
            format!("select date_trunc('day', {column}::timestamp) as p, count(*) as n from {model} group by 1");
        let noted =
            format!("select interval_start, row_count from highwater.partitions where model = {id} and row_count > 0");
        assert!(!differs_from(session, &counted, &noted), "{when}: the ledger does not describe {model}");
        let twice = format!("select run_id from highwater.runs where model = {id} group by 1 having count(*) > 1");
        assert_eq!(rows(session, &twice), 0, "{when}: a run committed {model} twice");
        let unfenced = format!(
            "select 1 from highwater.fence where model = {id} and epoch < (select count(*) from highwater.runs where model = {id})"
        );
        assert_eq!(rows(session, &unfenced), 0, "{when}: a run committed {model} without raising the fence");
    }
}

/// The number of rows of a query.
pub fn rows(session: &mut dyn Connection, sql: &str) -> usize {
    session.query(sql).unwrap_or_else(|error| panic!("{error}\n{sql}")).rows.len()
}

fn differs(session: &mut dyn Connection, table: &str, query: &str) -> bool {
    differs_from(session, &format!("from {table}"), query)
}

fn differs_from(session: &mut dyn Connection, one: &str, other: &str) -> bool {
    rows(session, &format!("(({one}) except all ({other})) union all (({other}) except all ({one}))")) > 0
}

/// New, deleted and moved orders on a few days, and with `everywhere` a customer who ordered on all of them.
pub fn change(session: &mut dyn Connection, random: &mut SmallRng, batch: usize, everywhere: bool) {
    let (day, order, customer) =
        (random.random_range(0..60), random.random_range(0..20_000), random.random_range(0..50));
    session
        .execute(&format!(
            "insert into orders select 100000 + {batch} * 100 + i, i % 50, timestamp '2024-01-01' + to_days({day}), i \
             from range(100) as new(i); \
             delete from orders where order_id = {order}; \
             update orders set placed_at = placed_at + interval 3 days where order_id = {order} + 1"
        ))
        .expect("changes");
    if everywhere {
        session
            .execute(&format!("update customers set region = 'region {batch}' where customer_id = {customer}"))
            .expect("a customer");
    }
}
