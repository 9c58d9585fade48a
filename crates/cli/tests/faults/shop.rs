//! A project of two exact models, one over the other, with its data; and what must hold after whatever happened to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use highwater::engine::{Connection, DuckDb, Engine, Postgres, PostgresSettings};
use highwater::exact::failpoint;
use highwater_testbed::Database;
use rand::Rng;
use rand::rngs::SmallRng;

const PROJECT: &str = "name: shop\nversion: '1.0'\nprofile: shop\n";
const FACT: &str =
    "{{ config(materialized='incremental', incremental_strategy='exact', event_time='placed_at', batch_size='day') }}
select o.order_id, o.placed_at, o.amount, c.region from {{ source('raw', 'orders') }} o
left join {{ source('raw', 'customers') }} c on c.customer_id = o.customer_id
";
const DAILY: &str = "{{ config(materialized='incremental', incremental_strategy='exact', event_time='day', batch_size='day') }}
select cast(placed_at as date) as day, region, sum(amount) as revenue, count(*) as orders from {{ ref('fact') }} group by 1, 2
";

/// The models with their queries written out, parents first.
pub const REBUILDS: [(&str, &str); 2] = [
    (
        "fact",
        "select o.order_id, o.placed_at, o.amount, c.region from orders o left join customers c on c.customer_id = o.customer_id",
    ),
    (
        "daily",
        "select cast(placed_at as date) as day, region, sum(amount) as revenue, count(*) as orders from fact group by 1, 2",
    ),
];

/// The project in a folder that goes away with it.
pub struct Shop {
    folder: tempfile::TempDir,
    /// The database, when it is not a file in the folder.
    pub server: Option<Database>,
}

impl Shop {
    /// The files, and 20,000 orders of 50 customers on 56 days in a DuckDB file; nothing built.
    pub fn new() -> Self {
        Self::made(None, "type: duckdb, path: shop.duckdb, schema: main, threads: 2")
    }

    /// The same on PostgreSQL.
    pub fn on_postgres() -> Self {
        let server = highwater_testbed::postgres();
        let target = server.target("public", 2).trim_end().replace('\n', ", ");
        Self::made(Some(server), &target)
    }

    fn made(server: Option<Database>, target: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        fs::create_dir(folder.path().join("models")).expect("models");
        let shop = Self { folder, server };
        let schema = shop.schema();
        let sources =
            format!("sources: [{{name: raw, schema: {schema}, tables: [{{name: orders}}, {{name: customers}}]}}]\n");
        shop.aim(target);
        for (path, text) in [
            ("dbt_project.yml", PROJECT),
            ("models/sources.yml", &sources),
            ("models/fact.sql", FACT),
            ("models/daily.sql", DAILY),
        ] {
            fs::write(shop.path(path), text).expect(path);
        }
        shop.open()
            .execute(
                "create table orders as select i as order_id, i % 50 as customer_id, timestamp '2024-01-01' + interval '4 minutes' * i as placed_at, \
                 i % 97 as amount from generate_series(0, 19999) as made(i); \
                 create table customers as select i as customer_id, 'region ' || cast(i % 5 as varchar) as region from generate_series(0, 49) as made(i)",
            )
            .expect("sources");
        shop
    }

    /// Where its tables are.
    fn schema(&self) -> &'static str {
        if self.server.is_some() { "public" } else { "main" }
    }

    /// Writes the profile: the settings of its one target, as YAML on one line.
    pub fn aim(&self, target: &str) {
        let profile = format!("shop: {{target: dev, outputs: {{dev: {{{target}}}}}}}\n");
        fs::write(self.path("profiles.yml"), profile).expect("profiles.yml");
    }

    /// Gives the query of the facts a column more.
    pub fn widen_the_fact(&self) {
        let wider = FACT.replace("c.region from", "c.region, o.amount * 2 as twice from");
        fs::write(self.path("models/fact.sql"), wider).expect("the model");
    }

    /// A path in the project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// `hw run`, not yet started, with nothing of the caller's environment that it reads.
    pub fn command(&self) -> Command {
        self.hw(&["run"])
    }

    /// A command of `hw`, not yet started.
    pub fn hw(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hw"));
        command.args(words).arg("--project-dir").arg(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
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

    /// Starts a run that stops at a step of a model, and waits until it is there. It goes on with [`Shop::go_on`].
    pub fn start_until(&self, step: &str, model: &str) -> Child {
        self.start_this_until(self.command(), step, model)
    }

    /// The same with any command.
    pub fn start_this_until(&self, mut command: Command, step: &str, model: &str) -> Child {
        let arrived = self.path("arrived");
        let stop = format!("{step}:{model}={}", arrived.display());
        let mut child = command.env(failpoint::VARIABLE, stop).spawn().expect("hw starts");
        while !arrived.exists() {
            if child.try_wait().expect("status").is_some() {
                let output = child.wait_with_output().expect("an end");
                panic!("the run of {model} never got to {step}: {}", told(&output));
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        child
    }

    /// Lets a run that stopped go on.
    pub fn go_on(&self) {
        fs::remove_file(self.path("arrived")).expect("a run that stopped");
    }

    /// Runs to the end.
    pub fn run(&self) {
        let output = self.command().output().expect("hw ends");
        assert!(output.status.success(), "{}", told(&output));
    }

    /// A session on the database; no run may have it open when it is a file.
    pub fn open(&self) -> Box<dyn Connection> {
        let Some(server) = &self.server else {
            let path: &Path = &self.path("shop.duckdb");
            return DuckDb::open(path, "").expect("the file opens").connect().expect("a session");
        };
        let settings = PostgresSettings {
            password: Some(server.password.to_owned()),
            retries: 3,
            application_name: "the test".to_owned(),
            ..PostgresSettings::new(server.host, server.port, server.user, &server.name)
        };
        Postgres::open(settings).expect("the server answers").connect().expect("a session")
    }

    /// The rows of a query, as lines in order.
    pub fn lines(&self, sql: &str) -> Vec<String> {
        let table = self.open().query(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
        let mut lines: Vec<String> = table.rows.iter().map(|row| format!("{row:?}")).collect();
        lines.sort();
        lines
    }

    /// Keeps a copy of every model's table, to compare with.
    pub fn remember(&self) {
        let mut session = self.open();
        for (model, _) in REBUILDS {
            session
                .execute(&format!(
                    "drop table if exists before_{model}; create table before_{model} as select * from {model}"
                ))
                .expect("a copy");
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
        check_ledger(session, self.schema(), when);
        new
    }

    /// Checks that every table is what a rebuild holds, and the ledger with it.
    pub fn check_new(&self, when: &str) {
        let mut session = self.open();
        for (model, query) in REBUILDS {
            assert!(!differs(session.as_mut(), model, query), "{when}: {model} is not what a rebuild holds");
        }
        check_ledger(session.as_mut(), self.schema(), when);
    }
}

/// What a run said.
pub fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The ledger counts the rows that are there, day by day; no run stands in it twice, and every commit raised the fence.
fn check_ledger(session: &mut dyn Connection, schema: &str, when: &str) {
    for (model, column) in [("fact", "placed_at"), ("daily", "day")] {
        let id = format!("'{schema}.{model}'");
        let counted =
            format!("select date_trunc('day', {column}::timestamp) as p, count(*) as n from {model} group by 1");
        let noted =
            format!("select interval_start, row_count from highwater.partitions where model = {id} and row_count > 0");
        let (there, said) = (session.query(&counted), session.query(&noted));
        assert!(
            !differs_from(session, &counted, &noted),
            "{when}: the ledger does not describe {id}: {there:?}, {said:?}"
        );
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
    differs_from(session, &format!("select * from {table}"), query)
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
            "insert into orders select 100000 + {batch} * 100 + i, i % 50, timestamp '2024-01-01' + interval '1 day' * {day}, i \
             from generate_series(0, 99) as new(i); \
             delete from orders where order_id = {order}; \
             update orders set placed_at = placed_at + interval '3 days' where order_id = {order} + 1"
        ))
        .expect("changes");
    if everywhere {
        session
            .execute(&format!("update customers set region = 'region {batch}' where customer_id = {customer}"))
            .expect("a customer");
    }
}
