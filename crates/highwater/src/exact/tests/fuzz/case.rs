//! A case: tables, models, what happens to the tables; how it is run, and how it is written down for people and for `found/`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use highwater_sql::{Mutant, Request, analyse_with};

use super::node::Node;
use crate::engine::{Connection, DuckDb, Engine, Postgres, PostgresSettings, Relation};
use crate::exact::build::build;
use crate::exact::detect::fingerprint::Naive;
use crate::exact::explain::explain;
use crate::exact::job::Job;
use crate::exact::partials;
use crate::exact::{
    Class, ExactError, ExactModel, ExactParent, Functions, Mode, RunIdentity, Surroundings, SwapReport, ViewText,
};
use crate::manifest::{BatchSize, Policy};

/// Rows a query of a case may have; what multiplies beyond this shows nothing that fewer rows do not.
pub const MOST_ROWS: u64 = 4_000;

/// How a model is cut: `view`, `whole`, `day:ts`, `month:ts`, `hour:ts`, or `key:id+k`; with `/r.ts` behind it, partials are kept per day of that.
pub type Cut = String;

/// A model of a case.
#[derive(Debug, Clone)]
pub struct Model {
    pub name: String,
    pub cut: Cut,
    pub query: Node,
}

/// A project and its history.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// `create table`, with the table's name.
    pub tables: Vec<(String, String)>,
    /// Rows there at first: table, and an element of VALUES.
    pub rows: Vec<(String, String)>,
    pub models: Vec<Model>,
    pub batches: Vec<Vec<String>>,
}

/// The engine a case lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    DuckDb,
    Postgres,
}

/// Ways to live through a case.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    pub place: Place,
    /// A rule or detector got wrong on purpose.
    pub wrong: Option<Wrong>,
    /// Threads of the engine.
    pub threads: u32,
    /// Every run once more, which must write nothing.
    pub again: bool,
}

/// As the exact strategy does it.
pub const RIGHT: Manner = Manner { place: Place::DuckDb, wrong: None, threads: 1, again: false };

/// Something got wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Rule(Mutant),
    Detector(Naive),
}

/// What running a case came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Every table was always what a rebuild holds.
    Exact(Tally),
    /// A table was not.
    Differs(String),
    /// A run failed: the error's name, and its message.
    Failed(String, String),
    /// A query was refused: the rule that refuses it.
    Refused(String),
    /// The case itself is no good: a query that does not bind, or too many rows.
    Invalid(String),
}

/// What happened in runs that went well.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Runs after a batch of changes.
    pub trials: u64,
    /// Runs by how they ended: `unchanged`, `partitions`, `whole`.
    pub runs: BTreeMap<&'static str, u64>,
    /// Productions in the queries.
    pub productions: BTreeMap<&'static str, u64>,
    /// Models by class.
    pub classes: BTreeMap<&'static str, u64>,
    /// Rules that forced models into a class other than EXACT-INTERVAL and EXACT-KEY.
    pub forced: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.trials += other.trials;
        for (mine, theirs) in [
            (&mut self.runs, &other.runs),
            (&mut self.productions, &other.productions),
            (&mut self.classes, &other.classes),
            (&mut self.forced, &other.forced),
        ] {
            for (key, count) in theirs {
                *mine.entry(key).or_default() += count;
            }
        }
    }

    /// The share of models that do better than rebuilding everything, in percent.
    pub fn better(&self) -> u64 {
        let all: u64 = self.classes.values().sum();
        let better = [Class::ExactInterval, Class::ExactKey]
            .map(|class| self.classes.get(class.word()).copied().unwrap_or(0))
            .iter()
            .sum::<u64>();
        better * 100 / all.max(1)
    }
}

/// An empty database that a case lives in.
pub struct World {
    pub session: Box<dyn Connection>,
    pub engine: Box<dyn Engine>,
    /// Goes away last.
    _database: Option<highwater_testbed::Database>,
    pub around: Surroundings,
    /// Database and schema.
    pub home: (String, &'static str),
    runs: u32,
}

impl World {
    pub fn new(manner: Manner) -> Self {
        // Every database of an engine has the same functions: one answer does for all of them.
        static FUNCTIONS: [LazyLock<Functions>; 2] = [const { LazyLock::new(Functions::default) }; 2];
        let around = Surroundings { functions: FUNCTIONS[manner.place as usize].clone(), ..Surroundings::default() };
        let (engine, database, home): (Box<dyn Engine>, _, _) = match manner.place {
            Place::DuckDb => {
                let settings = format!("set threads = {}", manner.threads);
                let engine = DuckDb::open(Path::new(":memory:"), &settings).expect("a database in memory");
                (Box::new(engine), None, ("memory".to_owned(), "main"))
            }
            Place::Postgres => {
                let database = highwater_testbed::postgres();
                let engine = Postgres::open(settings(&database)).expect("the test server takes connections");
                let home = (database.name.clone(), "public");
                (Box::new(engine), Some(database), home)
            }
        };
        let session = engine.connect().expect("a session");
        Self { session, engine, _database: database, around, home, runs: 0 }
    }

    fn relation(&self, name: &str) -> Relation {
        Relation::new(&self.home.0, self.home.1, name)
    }

    pub fn run(&mut self, model: &ExactModel, wrong: Option<Wrong>) -> Result<SwapReport, ExactError> {
        self.runs += 1;
        let run = RunIdentity {
            run_id: format!("run-{}", self.runs),
            invocation_id: "trial".into(),
            started_at: "2024-03-10T00:00:00Z".parse().expect("a moment"),
            engine_version: "trial".into(),
        };
        let (mutant, naive) = match wrong {
            Some(Wrong::Rule(mutant)) => (Some(mutant), None),
            Some(Wrong::Detector(naive)) => (None, Some(naive)),
            None => (None, None),
        };
        let pair = model.partials.map(|_| partials::pair(self.session.as_mut(), model, &self.around));
        // Not every aggregate can be kept in parts.
        let plain = matches!(pair, Some(Err(ExactError::Partials { .. })));
        let plain = plain.then(|| ExactModel { partials: None, ..model.clone() });
        let model = plain.as_ref().unwrap_or(model);
        partials::build(self.session.as_mut(), model, &self.around, &mut |session, half, around| {
            let mut job = Job::new(session, half, around, "hw");
            job.naive = naive.and_then(|naive| naive.in_half(half.relation != model.relation));
            build(&mut job, &run, &|request: &Request<'_>| analyse_with(request, mutant))
        })
    }

    /// Makes a rebuild to compare with. Returns its rows.
    pub fn rebuild(&mut self, model: &ExactModel) -> Result<u64, String> {
        let rebuild = format!("drop table if exists rebuilt; create temp table rebuilt as {}", model.sql);
        self.session.execute(&rebuild).map_err(|error| error.to_string())?;
        let table = self.session.query("select count(*) from rebuilt").map_err(|error| error.to_string())?;
        Ok(table.rows[0][0].to_string().parse().unwrap_or(u64::MAX))
    }

    /// Lines that only the table, or only the rebuild has.
    pub fn difference(&mut self, model: &ExactModel) -> Result<String, String> {
        let table = model.relation.sql();
        let both = format!(
            "select 'only in the table' as side, * from (select * from {table} except all select * from rebuilt) as a \
             union all select 'only in a rebuild', * from (select * from rebuilt except all select * from {table}) as b"
        );
        let found = self.session.query(&both).map_err(|error| error.to_string())?;
        let line = |row: &Vec<crate::engine::Cell>| {
            row.iter()
                .map(|cell| if cell.is_null() { "NULL".to_owned() } else { cell.to_string() })
                .collect::<Vec<_>>()
                .join(" | ")
        };
        Ok(found.rows.iter().take(12).map(line).collect::<Vec<_>>().join("\n"))
    }

    /// Rows as lines of text, in order.
    pub fn lines(&mut self, sql: &str) -> Result<String, String> {
        let table = self.session.query(sql).map_err(|error| format!("{error}\n{sql}"))?;
        let mut lines: Vec<String> = table.rows.iter().map(|row| format!("{row:?}")).collect();
        lines.sort();
        Ok(lines.join("\n"))
    }

    /// A model's table and everything in the ledger.
    fn written(&mut self, model: &ExactModel) -> Result<String, String> {
        let tables = self
            .session
            .query("select table_name from information_schema.tables where table_schema = 'highwater' order by 1")
            .map_err(|error| error.to_string())?;
        let mut all = self.lines(&format!("select * from {}", model.relation.sql()))?;
        for row in &tables.rows {
            all += &self.lines(&format!("select '{0}', * from highwater.\"{0}\"", row[0]))?;
        }
        Ok(all)
    }
}

fn settings(database: &highwater_testbed::Database) -> PostgresSettings {
    let settings = PostgresSettings::new(database.host, database.port, database.user, &database.name);
    PostgresSettings { password: Some(database.password.to_owned()), ..settings }
}

impl Model {
    pub fn is_view(&self) -> bool {
        self.cut == "view"
    }

    fn exact(&self, relation: Relation) -> ExactModel {
        let (mut event_time, mut batch_size, mut unique_key) = (None, None, Vec::new());
        let (cut, moment) =
            self.cut.split_once('/').map_or((self.cut.as_str(), None), |(cut, moment)| (cut, Some(moment)));
        if let Some((by, columns)) = cut.split_once(':') {
            let size = match by {
                "hour" => Some(BatchSize::Hour),
                "day" => Some(BatchSize::Day),
                "month" => Some(BatchSize::Month),
                _ => None,
            };
            match size {
                Some(size) => (event_time, batch_size) = (Some(columns.to_owned()), Some(size)),
                None => unique_key = columns.split('+').map(str::to_owned).collect(),
            }
        }
        ExactModel {
            unique_id: format!("model.trial.{}", self.name),
            relation,
            sql: self.query.sql(),
            event_time,
            batch_size,
            begin: None,
            unique_key,
            audit_days: None,
            audits: Vec::new(),
            policy: Policy::Incremental,
            on_schema_change: "ignore".into(),
            partials: moment.map(|_| BatchSize::Day),
            moment: moment.map(str::to_owned),
            full_refresh: false,
        }
    }
}

impl Case {
    /// Lives through it, and compares every table with a rebuild after every run.
    pub fn run(&self, manner: Manner) -> Outcome {
        match self.live(&mut World::new(manner), manner) {
            Ok(tally) => Outcome::Exact(tally),
            Err(outcome) => outcome,
        }
    }

    /// What the models' tables hold in the end, one text per model.
    ///
    /// # Errors
    /// When it is no case, or a table was not always what a rebuild holds.
    pub fn contents(&self, manner: Manner) -> Result<Vec<String>, Outcome> {
        let mut world = World::new(manner);
        self.live(&mut world, manner)?;
        let models = self.models.iter().filter(|model| !model.is_view());
        models
            .map(|model| {
                world.lines(&format!("select * from {}", super::node::quote(&model.name))).map_err(Outcome::Invalid)
            })
            .collect()
    }

    /// Makes the tables and views, and announces the models. Returns them, none built.
    ///
    /// # Errors
    /// When it is no case.
    pub fn settle(&self, world: &mut World) -> Result<Vec<ExactModel>, Outcome> {
        let invalid = |error: crate::engine::EngineError| Outcome::Invalid(error.to_string());
        world.session.execute(&self.beginning()).map_err(invalid)?;
        let mut models = Vec::new();
        for model in &self.models {
            if model.is_view() {
                let text = ViewText { unique_id: format!("model.trial.{}", model.name), sql: model.query.sql() };
                world.session.execute(&format!("create view {} as {}", model.name, text.sql)).map_err(invalid)?;
                world.around.views.insert(world.relation(&model.name), text);
            } else {
                let ExactModel { unique_id, relation, event_time, batch_size, unique_key, .. } =
                    model.exact(world.relation(&model.name));
                world.around.exact.insert(relation, ExactParent { unique_id, event_time, batch_size, unique_key });
                models.push(model.exact(world.relation(&model.name)));
            }
        }
        Ok(models)
    }

    fn live(&self, world: &mut World, manner: Manner) -> Result<Tally, Outcome> {
        let invalid = |error: crate::engine::EngineError| Outcome::Invalid(error.to_string());
        let models = self.settle(world)?;
        let mut tally = Tally::default();
        for operator in self.models.iter().flat_map(|model| model.query.operators()) {
            *tally.productions.entry(operator).or_default() += 1;
        }
        for (step, changes) in std::iter::once(&Vec::new()).chain(&self.batches).enumerate() {
            for change in changes {
                world.session.execute(change).map_err(invalid)?;
            }
            for model in &models {
                self.step(world, model, step, manner, &mut tally)?;
            }
        }
        Ok(tally)
    }

    fn step(
        &self,
        world: &mut World,
        model: &ExactModel,
        step: usize,
        manner: Manner,
        tally: &mut Tally,
    ) -> Result<(), Outcome> {
        if world.rebuild(model).map_err(Outcome::Invalid)? > MOST_ROWS {
            return Err(Outcome::Invalid("too many rows".into()));
        }
        let report = world.run(model, manner.wrong).map_err(|error| failed(&error))?;
        let difference = world.difference(model).map_err(Outcome::Invalid)?;
        if !difference.is_empty() {
            return Err(Outcome::Differs(format!(
                "{} differs from a rebuild after batch {step}:\n{difference}\n{report:#?}",
                model.relation.identifier
            )));
        }
        if manner.again {
            again(world, model, manner)?;
        }
        if step == 0 {
            if manner.wrong.is_none() {
                classify(world, model, tally);
            }
            return Ok(());
        }
        tally.trials += 1;
        let how = match report.mode {
            Mode::Unchanged => "unchanged",
            Mode::Incremental => "partitions",
            Mode::New | Mode::Whole => "whole",
        };
        *tally.runs.entry(how).or_default() += 1;
        Ok(())
    }

    fn beginning(&self) -> String {
        let mut sql: String = self.tables.iter().map(|(_, create)| format!("{create};\n")).collect();
        for (table, row) in &self.rows {
            let _ = writeln!(sql, "insert into {} values {row};", super::node::quote(table));
        }
        sql
    }
}

/// Runs a model for which nothing is new: nothing may be written anywhere.
fn again(world: &mut World, model: &ExactModel, manner: Manner) -> Result<(), Outcome> {
    let before = world.written(model).map_err(Outcome::Invalid)?;
    world.run(model, manner.wrong).map_err(|error| failed(&error))?;
    let after = world.written(model).map_err(Outcome::Invalid)?;
    if before == after {
        return Ok(());
    }
    let news: Vec<&str> = after.lines().filter(|line| !before.contains(line)).take(5).collect();
    Err(Outcome::Differs(format!(
        "{} was written although nothing was new:\n{}",
        model.relation.identifier,
        news.join("\n")
    )))
}

fn failed(error: &ExactError) -> Outcome {
    if let ExactError::Refused { findings, .. } = error {
        let why =
            |found: &crate::exact::error::LocatedFinding| format!("{}: {}", found.finding.rule, found.finding.message);
        return Outcome::Refused(findings.first().map_or_else(String::new, why));
    }
    let debug = format!("{error:?}");
    let name = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
    Outcome::Failed(name, format!("{error}\n{debug}"))
}

fn classify(world: &mut World, model: &ExactModel, tally: &mut Tally) {
    let mut job = Job::new(world.session.as_mut(), model, &world.around, "hw");
    let Ok(explanation) = explain(&mut job, &highwater_sql::analyse) else { return };
    *tally.classes.entry(explanation.class.word()).or_default() += 1;
    if !matches!(explanation.class, Class::ExactInterval | Class::ExactKey) {
        let mut rules: Vec<&str> = explanation.findings.iter().map(|finding| finding.rule).collect();
        rules.dedup();
        if super::number("HW_COUNT").is_some() {
            let messages: Vec<&str> = explanation.findings.iter().map(|finding| finding.message.as_str()).collect();
            println!("{} for {}: {}\n{}", explanation.class.word(), rules.join(", "), messages.join("; "), model.sql);
        }
        for rule in rules {
            *tally.forced.entry(rule).or_default() += 1;
        }
    }
}

/// For people: lines that [`parse`] leaves out.
impl std::fmt::Display for Outcome {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::Exact(_) => "every table was always what a rebuild holds".to_owned(),
            Self::Differs(difference) => difference.clone(),
            Self::Failed(_, message) => format!("a run failed: {message}"),
            Self::Refused(rule) => format!("refused: {rule}"),
            Self::Invalid(why) => format!("no case: {why}"),
        };
        text.lines().try_for_each(|line| writeln!(out, "--- {line}"))
    }
}

/// The case as text: what `found/` holds.
impl std::fmt::Display for Case {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(out, "-- tables\n{}", self.beginning().trim_end())?;
        for model in &self.models {
            writeln!(out, "-- model {} {}\n{}", model.name, model.cut, model.query.sql())?;
        }
        for batch in &self.batches {
            writeln!(
                out,
                "-- batch\n{}",
                batch.iter().map(|change| format!("{change};\n")).collect::<String>().trim_end()
            )?;
        }
        Ok(())
    }
}

/// Reads what [`Case`] writes. Lines that begin with `---` are for people.
pub fn parse(text: &str) -> Case {
    let mut case = Case::default();
    let text: String =
        text.lines().filter(|line| !line.starts_with("---")).fold(String::new(), |all, line| all + line + "\n");
    for part in text.split("\n-- ").flat_map(|part| part.strip_prefix("-- ").or(Some(part))) {
        let (title, body) = part.split_once('\n').unwrap_or((part, ""));
        let body = body.trim().to_owned();
        match title.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["tables"] => case.tables.push((String::new(), body.trim_end_matches(';').to_owned())),
            ["model", name, cut @ ..] => {
                let query = Node::text(&body);
                case.models.push(Model { name: (*name).to_owned(), cut: cut.join(" "), query });
            }
            ["batch"] => case.batches.push(vec![body]),
            _ => {}
        }
    }
    case
}
