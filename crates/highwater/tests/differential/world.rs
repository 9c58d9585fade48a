//! Two facts and two dimensions with small domains, so that keys meet, days are shared and NULLs are common.

use highwater::engine::Connection;
use highwater::exact::{self, ExactError, ExactModel, ExactParent, RunIdentity, Surroundings, SwapReport, ViewText};
use highwater::manifest::{BatchSize, Policy};
use rand::Rng;
use rand::rngs::SmallRng;

use crate::engines::{On, Place, difference};
use crate::generate::{Cut, Kind, Model};

const TABLES: &str = "
create table fact_a (id integer, k integer, g varchar, amount integer, ts timestamp, loaded timestamp);
create table fact_b (id integer, k integer, g varchar, amount integer, ts timestamp, loaded timestamp);
create table dim_k (k integer, region varchar, rate integer);
create table dim_g (g varchar, label varchar, boss integer);
create table terms (k integer, since timestamp, until timestamp, rate integer);
";

/// A database with the tables of the trial and what has been built from them.
pub struct World {
    on: On,
    place: Place,
    session: Box<dyn Connection>,
    around: Surroundings,
    runs: usize,
}

fn or_null(random: &mut SmallRng, value: String) -> String {
    if random.random_bool(0.12) { "null".to_owned() } else { value }
}

fn integer(random: &mut SmallRng, below: i32) -> String {
    random.random_range(0..below).to_string()
}

fn letter(random: &mut SmallRng) -> String {
    format!("'{}'", ["a", "b", "c"][random.random_range(0..3)])
}

/// A moment of seven days around the end of a month; the hours are few, so that ties happen.
fn moment(random: &mut SmallRng) -> String {
    let hours = random.random_range(0..28) * 6;
    format!("timestamp '2024-02-26' + interval '{hours} hours'")
}

fn fact_row(random: &mut SmallRng) -> String {
    let id = integer(random, 14);
    let (id, k) = (or_null(random, id), integer(random, 6));
    let (k, g) = (or_null(random, k), letter(random));
    let (g, amount) = (or_null(random, g), integer(random, 9));
    let (amount, ts) = (or_null(random, amount), moment(random));
    let (ts, loaded) = (or_null(random, ts), moment(random));
    format!("({id}, {k}, {g}, {amount}, {ts}, {loaded})")
}

fn dimension_row(random: &mut SmallRng, table: &str) -> String {
    let (k, g, label, number) = (integer(random, 6), letter(random), letter(random), integer(random, 5));
    let (k, g) = (or_null(random, k), or_null(random, g));
    if table == "terms" {
        let (since, until) = (moment(random), moment(random));
        let (since, until) = (or_null(random, since), or_null(random, until));
        return format!("({k}, {since}, {until}, {number})");
    }
    if table == "dim_k" { format!("({k}, {g}, {number})") } else { format!("({g}, {label}, {number})") }
}

impl World {
    pub fn new(random: &mut SmallRng, on: On) -> Self {
        let place = on.place();
        let mut session = place.engine.connect().expect("session");
        session.execute(TABLES).expect("tables");
        // Many small partitions: a database of so few rows would otherwise be rebuilt whole for being cheap.
        let mut world = Self { on, place, session, around: Surroundings::default(), runs: 0 };
        for (table, rows) in [("fact_a", 24), ("fact_b", 16), ("dim_k", 6), ("dim_g", 4), ("terms", 7)] {
            for _ in 0..rows {
                let row = if table.starts_with("fact") { fact_row(random) } else { dimension_row(random, table) };
                world.sql(&format!("insert into {table} values {row}"));
            }
        }
        world
    }

    fn sql(&mut self, sql: &str) {
        self.session.execute(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// Makes a model known: a view is created and may be looked through, an exact model may be a parent.
    pub fn add(&mut self, model: &Model) {
        match &model.kind {
            Kind::View => {
                self.sql(&format!("create view {} as {}", model.name, model.sql));
                let text = ViewText { unique_id: format!("model.trial.{}", model.name), sql: model.sql.clone() };
                self.around.views.insert(self.place.relation(&model.name), text);
            }
            Kind::Exact(_) => {
                let ExactModel { unique_id, relation, event_time, batch_size, unique_key, .. } =
                    exact_model(&self.place, model);
                self.around.exact.insert(relation, ExactParent { unique_id, event_time, batch_size, unique_key });
            }
        }
    }

    pub fn run(&mut self, model: &Model) -> Result<SwapReport, ExactError> {
        self.runs += 1;
        let run = RunIdentity {
            run_id: format!("run-{}", self.runs),
            invocation_id: "trial".into(),
            started_at: "2024-03-10T00:00:00Z".parse().expect("moment"),
            engine_version: "trial".into(),
        };
        exact::run(self.session.as_mut(), &exact_model(&self.place, model), &self.around, &run, None)
    }

    /// Rows that only the table or only the query has, as text.
    pub fn difference(&mut self, model: &Model) -> String {
        difference(self.on, self.session.as_mut(), &model.name, &model.sql).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A batch of changes to any of the tables, made at once.
    pub fn change(&mut self, random: &mut SmallRng) -> Vec<String> {
        let count = if random.random_bool(0.15) { 0 } else { random.random_range(1..5) };
        let changes: Vec<String> = (0..count).map(|_| change(random)).collect();
        for change in &changes {
            self.sql(change);
        }
        changes
    }
}

fn change(random: &mut SmallRng) -> String {
    let fact = if random.random_bool(0.65) { "fact_a" } else { "fact_b" };
    let dimension = if random.random_bool(0.6) { "dim_k" } else { "dim_g" };
    let id = integer(random, 14);
    match random.random_range(0..17) {
        0..=2 => format!("insert into {fact} values {}", fact_row(random)),
        3 => format!("insert into {fact} select * from {fact} where id = {id}"),
        4 => format!("delete from {fact} where id = {id}"),
        5 => format!("delete from {fact} where ts is null or k is null"),
        6 => format!("update {fact} set ts = {} where id = {id}", moment(random)),
        7 => format!("update {fact} set ts = null where id = {id}"),
        8 => format!("update {fact} set k = {}, g = {} where id = {id}", integer(random, 6), letter(random)),
        9 => format!("update {fact} set amount = {}, loaded = {} where id = {id}", integer(random, 9), moment(random)),
        10 | 11 => format!("insert into {dimension} values {}", dimension_row(random, dimension)),
        14 => format!("insert into terms values {}", dimension_row(random, "terms")),
        15 => format!(
            "update terms set since = {}, until = {} where k = {}",
            moment(random),
            moment(random),
            integer(random, 6)
        ),
        16 => format!("delete from terms where rate = {}", integer(random, 5)),
        12 if dimension == "dim_k" => {
            format!("update dim_k set region = {} where k = {}", letter(random), integer(random, 6))
        }
        12 => format!(
            "update dim_g set label = {}, boss = {} where g = {}",
            letter(random),
            integer(random, 5),
            letter(random)
        ),
        _ if dimension == "dim_k" => format!("delete from dim_k where k = {}", integer(random, 6)),
        _ => format!("delete from dim_g where g = {}", letter(random)),
    }
}

fn exact_model(place: &Place, model: &Model) -> ExactModel {
    let (event_time, batch_size, unique_key) = match &model.kind {
        Kind::Exact(Cut::Day(column)) => (Some((*column).to_owned()), Some(BatchSize::Day), Vec::new()),
        Kind::Exact(Cut::Month(column)) => (Some((*column).to_owned()), Some(BatchSize::Month), Vec::new()),
        Kind::Exact(Cut::Key(columns)) => (None, None, columns.iter().map(|column| (*column).to_owned()).collect()),
        Kind::View => (None, None, Vec::new()),
    };
    ExactModel {
        unique_id: format!("model.trial.{}", model.name),
        relation: place.relation(&model.name),
        sql: model.sql.clone(),
        event_time,
        batch_size,
        unique_key,
        begin: None,
        audit_days: None,
        policy: Policy::Incremental,
        on_schema_change: "ignore".into(),
        partials: None,
        moment: None,
        full_refresh: false,
        audits: Vec::new(),
    }
}
