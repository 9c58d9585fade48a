//! A small shop in a database: orders, customers, and exact models over them.

use std::sync::Arc;

use highwater_sql::{
    Analysis, Effect, Finding, Group, IntervalUnit, Mutant, Occurrence, Piece, Probe, Reach, Request, Slice, Step, Term,
};
use jiff::Timestamp;

use super::engines::{On, Place, Storage};
use super::shapes::{ORDERS, TABLES};
use super::written::written;
use crate::engine::{Connection, Engine, Relation};
use crate::exact::build::build;
use crate::exact::detect::fingerprint::Naive;
use crate::exact::explain::explain;
use crate::exact::job::Job;
use crate::exact::partials;
use crate::exact::{ExactError, ExactModel, ExactParent, Explanation, RunIdentity, Scans, Surroundings, SwapReport};
use crate::manifest::{BatchSize, Policy};

/// The tables of the ledger that a run writes.
pub const LEDGER: [&str; 6] = ["fence", "models", "partitions", "inputs", "fingerprints", "runs"];

/// A database that goes away with the test.
pub struct World {
    pub session: Box<dyn Connection>,
    pub engine: Arc<dyn Engine>,
    pub around: Surroundings,
    /// A way to look for changes that is not enough, for tests that must notice.
    pub naive: Option<Naive>,
    /// Days since the first run.
    pub day: i64,
    pub on: On,
    database: String,
    storage: Storage,
    runs: u32,
}

impl World {
    /// The tables of the shop, empty.
    pub fn new(on: On) -> Self {
        let Place { engine, database, storage } = on.place();
        let mut session = engine.connect().expect("session");
        session.execute(TABLES).expect("tables");
        Self { session, engine, around: Surroundings::default(), naive: None, day: 0, on, database, storage, runs: 0 }
    }

    /// Three days of orders, two of them without a day, and two customers.
    pub fn with_orders(on: On) -> Self {
        let mut world = Self::new(on);
        world.sql(ORDERS);
        world
    }

    /// A table or view of this world.
    pub fn relation(&self, name: &str) -> Relation {
        Relation::new(&self.database, "main", name)
    }

    /// A model where this world has it.
    pub fn own(&self, known: &Known) -> Known {
        let mut own = known.clone();
        own.model.relation.database.clone_from(&self.database);
        own
    }

    pub fn sql(&mut self, sql: &str) {
        self.session.execute(sql).expect(sql);
    }

    /// Moves the setting that stands in for the clock.
    pub fn today(&mut self, date: &str) {
        let set = written(self.on, &format!("set variable today = {date}")).expect("every engine has settings");
        self.sql(&set);
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
            engine_version: "test".into(),
        }
    }

    pub fn run(&mut self, known: &Known) -> Result<SwapReport, ExactError> {
        let known = self.own(known);
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

    pub fn explain(&mut self, known: &Known) -> Result<Explanation, ExactError> {
        let known = self.own(known);
        let mut job = Job::new(self.session.as_mut(), &known.model, &self.around, "hw");
        explain(&mut job, &|request| known.analyse(request))
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

    /// What only one side has, `-` for the table and `+` for the rebuild. In PostgreSQL rows are compared as texts: not every type has an equality.
    pub fn difference(&mut self, known: &Known) -> String {
        let (table, query) = (self.own(known).model.relation.sql(), &known.model.sql);
        let row = match self.on {
            On::DuckDb => "*",
            On::Postgres => "hw_row::text",
        };
        let (here, there) =
            (format!("select {row} from {table} as hw_row"), format!("select {row} from (\n{query}\n) as hw_row"));
        self.rows(&format!(
            "select '-', * from (({here}) except all ({there})) as more union all select '+', * from (({there}) except all ({here})) as less"
        ))
    }

    /// What changes as soon as a model's table or the ledger is written: the database's file, or which transactions wrote their rows.
    pub fn written(&mut self, known: &Known) -> Vec<u8> {
        match &self.storage {
            Storage::File(path, _) => {
                self.session.execute("checkpoint").expect("a checkpoint");
                std::fs::read(path).expect("the file")
            }
            Storage::Server(_) => {
                let tables = LEDGER.map(|table| format!("highwater.{table}")).into_iter();
                tables
                    .chain([known.model.relation.identifier.clone()])
                    .map(|table| self.rows(&format!("select ctid::text, xmin::text, xmax::text from {table}")))
                    .collect::<Vec<_>>()
                    .join("\n\n")
                    .into_bytes()
            }
        }
    }

    /// Everything in the ledger, as text.
    pub fn ledger(&mut self) -> String {
        LEDGER.map(|table| self.rows(&format!("select '{table}', * from highwater.{table}"))).join("\n")
    }

    /// Makes a model known to others as an exact parent.
    pub fn announce(&mut self, known: &Known) {
        let ExactModel { relation, unique_id, event_time, batch_size, unique_key, .. } = self.own(known).model;
        self.around.exact.insert(relation, ExactParent { unique_id, event_time, batch_size, unique_key });
    }
}

/// A model with the analysis that goes with it. It is of no world: the one that runs it says in which database its table is.
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

fn model(name: &str, sql: &str) -> ExactModel {
    ExactModel {
        unique_id: format!("model.shop.{name}"),
        relation: Relation::new("shop", "main", name),
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
pub fn facts(on: On) -> Known {
    let customer = on.dialect().key_hash(&texts(&["o.customer_id"]));
    let sql = "select o.order_id, o.customer_id, o.created_at, o.amount, c.region \
               from raw_orders as o left join raw_customers as c on o.customer_id = c.customer_id";
    let slice = Slice {
        drivers: vec![vec![
            text(&format!("select {customer} as p from ")),
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
        sql: format!(
            "select date_trunc('day', cast(o.created_at as timestamp)) as p from raw_orders as o \
             where {customer} in (select p from {{changed}})"
        ),
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
