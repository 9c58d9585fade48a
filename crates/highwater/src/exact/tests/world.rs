//! A small shop in a database file: orders, customers, and exact models over them.

use std::path::PathBuf;
use std::sync::Arc;

use highwater_sql::{
    Analysis, Effect, Finding, Group, IntervalUnit, Mutant, Occurrence, Piece, Probe, Reach, Request, Slice, Step, Term,
};
use jiff::Timestamp;

use super::shapes::{ORDERS, TABLES};
use crate::engine::{Connection, DuckDb, Engine, Relation};
use crate::exact::build::build;
use crate::exact::detect::fingerprint::Naive;
use crate::exact::job::Job;
use crate::exact::partials;
use crate::exact::{ExactError, ExactModel, ExactParent, RunIdentity, Scans, Surroundings, SwapReport};
use crate::manifest::{BatchSize, Policy};

/// A database file that goes away with the test.
pub struct World {
    _folder: tempfile::TempDir,
    pub engine: Arc<DuckDb>,
    pub session: Box<dyn Connection>,
    pub around: Surroundings,
    pub path: PathBuf,
    /// A way to look for changes that is not enough, for tests that must notice.
    pub naive: Option<Naive>,
    /// Days since the first run.
    pub day: i64,
    runs: u32,
}

impl World {
    /// An empty database.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("shop.duckdb");
        let engine = Arc::new(DuckDb::open(&path, "set threads = 1").expect("database"));
        let mut session = engine.connect().expect("session");
        session.execute(TABLES).expect("tables");
        Self { _folder: folder, engine, session, around: Surroundings::default(), path, naive: None, day: 0, runs: 0 }
    }

    /// Three days of orders, two of them without a day, and two customers.
    pub fn with_orders() -> Self {
        let mut world = Self::new();
        world.sql(ORDERS);
        world
    }

    pub fn sql(&mut self, sql: &str) {
        self.session.execute(sql).expect(sql);
    }

    /// Rows as lines of text, in order.
    pub fn rows(&mut self, sql: &str) -> String {
        let table = self.session.query(sql).expect(sql);
        let mut lines: Vec<String> = table
            .rows
            .iter()
            .map(|row| {
                let cells: Vec<String> =
                    row.iter().map(|cell| if cell.is_null() { "NULL".to_owned() } else { cell.to_string() }).collect();
                cells.join(" | ")
            })
            .collect();
        lines.sort();
        lines.join("\n")
    }

    pub fn identity(&mut self) -> RunIdentity {
        self.runs += 1;
        RunIdentity {
            run_id: format!("run-{}", self.runs),
            invocation_id: "invocation".into(),
            started_at: "2026-02-10T00:00:00Z".parse::<Timestamp>().expect("moment")
                + jiff::SignedDuration::from_hours(24 * self.day),
            engine_version: "duckdb-test".into(),
        }
    }

    pub fn run(&mut self, known: &Known) -> Result<SwapReport, ExactError> {
        let identity = self.identity();
        let naive = self.naive;
        let report =
            partials::build(self.session.as_mut(), &known.model, &self.around, &mut |session, model, around| {
                let mut job = Job::new(session, model, around, "hw");
                let combines = model.relation == known.model.relation;
                job.naive = naive.and_then(|naive| naive.in_half(!combines));
                build(&mut job, &identity, &|request: &Request| known.analyse(request))
            });
        if self.naive.is_some() {
            // What was found in a way that is not enough is nothing to go by.
            self.around.scans = Scans::default();
        }
        report
    }

    /// Runs, and holds the table against a rebuild.
    pub fn run_and_compare(&mut self, known: &Known) -> SwapReport {
        let report = self.run(known).unwrap_or_else(|error| panic!("{}: {error}", known.model.unique_id));
        self.compare(known);
        report
    }

    pub fn compare(&mut self, known: &Known) {
        assert_eq!(self.difference(known), "", "{} is not what a rebuild holds", known.model.unique_id);
    }

    /// What only one side has, `-` for the table and `+` for the rebuild.
    pub fn difference(&mut self, known: &Known) -> String {
        let (table, query) = (known.model.relation.sql(), &known.model.sql);
        self.rows(&format!(
            "select '-', * from ((from {table}) except all ({query})) union all select '+', * from (({query}) except all (from {table}))"
        ))
    }

    /// Everything in the ledger, as text.
    pub fn ledger(&mut self) -> String {
        ["fence", "models", "partitions", "inputs", "fingerprints", "runs"]
            .map(|table| self.rows(&format!("select '{table}', * from highwater.{table}")))
            .join("\n")
    }

    /// Makes a model known to others as an exact parent.
    pub fn announce(&mut self, known: &Known) {
        let model = &known.model;
        self.around.exact.insert(
            model.relation.clone(),
            ExactParent {
                unique_id: model.unique_id.clone(),
                event_time: model.event_time.clone(),
                batch_size: model.batch_size,
                unique_key: model.unique_key.clone(),
            },
        );
    }
}

/// A model with the analysis that goes with it.
#[derive(Clone)]
pub struct Known {
    pub model: ExactModel,
    pub analysis: Analysis,
    /// Not the analysis above, but what is read from the query, with a rule got wrong on purpose if one is named.
    pub read: Option<Option<Mutant>>,
}

impl Known {
    /// The answer to a question about this model.
    pub fn analyse(&self, request: &Request) -> Analysis {
        match self.read {
            Some(mutant) => highwater_sql::analyse_with(request, mutant),
            None => self.analysis.clone(),
        }
    }

    /// The same model with partials per day of a moment.
    pub fn by_day_of(mut self, moment: &str) -> Self {
        self.model.partials = Some(BatchSize::Day);
        self.model.moment = Some(moment.to_owned());
        self
    }

    /// The same model, its query read.
    pub fn read(mut self) -> Self {
        self.read = Some(None);
        self
    }

    /// A model whose query is read: `day:created_at`, `month:day`, `key:customer_id` or `whole` says how it is cut.
    pub fn of(name: &str, cut: &str, sql: &str) -> Self {
        let mut model = model(name, sql);
        match cut.split_once(':') {
            Some(("key", columns)) => model.unique_key = columns.split('+').map(str::to_owned).collect(),
            Some((unit, column)) => {
                model.event_time = Some(column.to_owned());
                model.batch_size = Some(if unit == "month" { BatchSize::Month } else { BatchSize::Day });
            }
            None => {}
        }
        Self { model, analysis: analysis(sql, Vec::new(), None), read: Some(None) }
    }
}

pub fn relation(name: &str) -> Relation {
    Relation::new("shop", "main", name)
}

fn model(name: &str, sql: &str) -> ExactModel {
    ExactModel {
        unique_id: format!("model.shop.{name}"),
        relation: relation(name),
        sql: sql.to_owned(),
        event_time: None,
        batch_size: None,
        begin: None,
        audit_days: None,
        unique_key: Vec::new(),
        policy: Policy::Incremental,
        on_schema_change: "append_new_columns".into(),
        partials: None,
        moment: None,
        full_refresh: false,
        audits: Vec::new(),
    }
}

fn analysis(sql: &str, terms: Vec<Term>, slice: Option<Slice>) -> Analysis {
    let occurrences = terms
        .iter()
        .map(|term| Occurrence {
            table: term.probe.table.clone(),
            alias: "x".into(),
            through: Vec::new(),
            role: "drives the day".into(),
            place: None,
        })
        .collect();
    Analysis {
        occurrences,
        terms,
        slice,
        refusals: Vec::new(),
        unstable: Vec::new(),
        notes: Vec::new(),
        canonical: sql.to_owned(),
    }
}

pub fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

pub fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn scan(table: &str, reach: Option<Vec<Reach>>, alias: &str) -> Piece {
    Piece::Scan { table: table.to_owned(), reach, alias: Some(alias.to_owned()) }
}

pub fn by_day(column: &str) -> Group {
    Group::Interval { expression: column.to_owned(), column: Some(column.to_owned()), unit: IntervalUnit::Day }
}

fn in_day(expression: &str) -> Option<Vec<Reach>> {
    Some(vec![Reach::Interval { expression: expression.to_owned(), back: 0, ahead: 0 }])
}

fn probe(table: &str, columns: &[&str], group: Group) -> Probe {
    Probe { table: vec![table.to_owned()], rows: None, columns: texts(columns), filter: None, moving: false, group }
}

fn term(occurrence: usize, probe: Probe, steps: Vec<Step>) -> Term {
    Term { occurrence, probe, steps, effect: Effect::Partitions }
}

/// Orders and revenue per day.
pub fn daily() -> Known {
    let sql = "select date_trunc('day', created_at) as day, count(*) as orders, sum(amount) as revenue from raw_orders group by 1";
    let slice = Slice {
        drivers: Vec::new(),
        pieces: vec![
            text("select date_trunc('day', created_at) as day, count(*) as orders, sum(amount) as revenue from "),
            scan("raw_orders", in_day("created_at"), "raw_orders"),
            text(" group by 1"),
        ],
    };
    let terms = vec![term(0, probe("raw_orders", &["created_at", "amount"], by_day("created_at")), Vec::new())];
    let mut model = model("daily", sql);
    model.event_time = Some("day".into());
    model.batch_size = Some(BatchSize::Day);
    Known { model, analysis: analysis(sql, terms, Some(slice)), read: None }
}

/// Orders with their customer's region: a changed customer dirties the days of that customer's orders.
pub fn facts() -> Known {
    let sql = "select o.order_id, o.customer_id, o.created_at, o.amount, c.region \
               from raw_orders as o left join raw_customers as c on o.customer_id = c.customer_id";
    let slice = Slice {
        drivers: vec![vec![
            text("select hash(o.customer_id) as p from "),
            scan("raw_orders", in_day("created_at"), "o"),
        ]],
        pieces: vec![
            text("select o.order_id, o.customer_id, o.created_at, o.amount, c.region from "),
            scan("raw_orders", in_day("created_at"), "o"),
            text(" left join "),
            scan("raw_customers", Some(vec![Reach::Driven { expressions: texts(&["customer_id"]), driver: 0 }]), "c"),
            text(" on o.customer_id = c.customer_id"),
        ],
    };
    let step = Step {
        sql: "select date_trunc('day', cast(o.created_at as timestamp)) as p from raw_orders as o \
              where hash(o.customer_id) in (select p from {changed})"
            .into(),
        reason: "the days on which that customer ordered".into(),
    };
    let orders = probe("raw_orders", &["order_id", "customer_id", "created_at", "amount"], by_day("created_at"));
    let customers =
        probe("raw_customers", &["customer_id", "region"], Group::Key { expressions: texts(&["customer_id"]) });
    let terms = vec![term(0, orders, Vec::new()), term(1, customers, vec![step])];
    let mut model = model("facts", sql);
    model.event_time = Some("created_at".into());
    model.batch_size = Some(BatchSize::Day);
    model.unique_key = texts(&["order_id"]);
    Known { model, analysis: analysis(sql, terms, Some(slice)), read: None }
}

/// Revenue per customer, by key.
pub fn lifetime() -> Known {
    let sql = "select customer_id, sum(amount) as total from raw_orders group by customer_id";
    let key = texts(&["customer_id"]);
    let slice = Slice {
        drivers: Vec::new(),
        pieces: vec![
            text("select customer_id, sum(amount) as total from "),
            scan("raw_orders", Some(vec![Reach::Key { expressions: key.clone() }]), "raw_orders"),
            text(" group by customer_id"),
        ],
    };
    let terms = vec![term(
        0,
        probe("raw_orders", &["customer_id", "amount"], Group::Key { expressions: key.clone() }),
        Vec::new(),
    )];
    let mut model = model("lifetime", sql);
    model.unique_key = key;
    Known { model, analysis: analysis(sql, terms, Some(slice)), read: None }
}

/// Revenue per region and day, over the facts: fed by their swaps.
pub fn regional() -> Known {
    let select = "select date_trunc('day', created_at) as day, region, sum(amount) as revenue from ";
    let sql = format!("{select}facts group by 1, 2");
    let slice = Slice {
        drivers: Vec::new(),
        pieces: vec![text(select), scan("facts", in_day("created_at"), "facts"), text(" group by 1, 2")],
    };
    let terms = vec![term(0, probe("facts", &["created_at", "amount", "region"], by_day("created_at")), Vec::new())];
    let mut model = model("regional", &sql);
    model.event_time = Some("day".into());
    model.batch_size = Some(BatchSize::Day);
    Known { model, analysis: analysis(&sql, terms, Some(slice)), read: None }
}

/// Revenue per customer, over the facts: their swaps say only whether to look.
pub fn best() -> Known {
    let sql = "select customer_id, max(amount) as best from facts group by customer_id";
    let key = texts(&["customer_id"]);
    let slice = Slice {
        drivers: Vec::new(),
        pieces: vec![
            text("select customer_id, max(amount) as best from "),
            scan("facts", Some(vec![Reach::Key { expressions: key.clone() }]), "facts"),
            text(" group by customer_id"),
        ],
    };
    let terms =
        vec![term(0, probe("facts", &["customer_id", "amount"], Group::Key { expressions: key.clone() }), Vec::new())];
    let mut model = model("best", sql);
    model.unique_key = key;
    Known { model, analysis: analysis(sql, terms, Some(slice)), read: None }
}

/// The largest order of all: every change dirties everything.
pub fn largest() -> Known {
    let sql = "select max(amount) as largest, count(*) as orders from raw_orders";
    let finding = Finding {
        rule: "scalar-aggregate",
        message: "max() over all rows".into(),
        help: "group by day".into(),
        place: None,
    };
    let mut term = term(0, probe("raw_orders", &["amount"], Group::Whole), Vec::new());
    term.effect = Effect::All(finding);
    let slice = Slice { drivers: Vec::new(), pieces: vec![text(sql)] };
    Known { model: model("largest", sql), analysis: analysis(sql, vec![term], Some(slice)), read: None }
}
