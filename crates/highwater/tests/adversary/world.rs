//! One case: tables, perhaps views, a model, and changes; after each, a run and a comparison with a rebuild.

use highwater::engine::Connection;
use highwater::exact::{self, ExactError, ExactModel, RunIdentity, Surroundings, ViewText};
use highwater::manifest::{BatchSize, Policy};

use crate::engines::{On, Place, difference};

/// The tables every case has: facts, a dimension, and a dimension of that.
const TABLES: &str = "
create table o (id integer, k integer, g varchar, amount integer, x integer, ts timestamp, tags varchar[], s struct(a integer, b varchar));
create table d (k integer, region varchar, rate integer);
create table e (region varchar, label varchar, boss integer);
insert into o values
  (1, 1, 'a', 10, 1, '2024-01-01 10:00', ['p', 'q'], {'a': 1, 'b': 'u'}),
  (2, 2, 'b', 20, 2, '2024-01-01 11:00', ['q'], {'a': 2, 'b': 'v'}),
  (3, 1, 'a', 30, 3, '2024-01-02 10:00', [], {'a': 3, 'b': 'u'}),
  (4, 3, 'c', 40, 4, '2024-01-03 10:00', ['r'], null),
  (5, 2, 'b', 50, 5, '2024-01-04 10:00', null, {'a': 5, 'b': 'w'}),
  (5, 2, 'b', 50, 5, '2024-02-04 10:00', ['p'], {'a': 5, 'b': 'w'}),
  (6, null, null, null, null, null, null, null),
  (7, 4, 'c', 70, 7, '2024-02-05 10:00', ['p'], {'a': 7, 'b': 'x'});
insert into d values (1, 'n', 1), (2, 's', 2), (3, null, 3), (null, 'z', 9);
insert into e values ('n', 'north', 1), ('s', 'south', 2), (null, 'none', 3), ('m', 'middle', 4);
";

/// As far as PostgreSQL has such types.
const TABLES_OF_POSTGRES: &str = "
create table o (id integer, k integer, g varchar, amount integer, x integer, ts timestamp, tags varchar[], s jsonb);
create table d (k integer, region varchar, rate integer);
create table e (region varchar, label varchar, boss integer);
insert into o values
  (1, 1, 'a', 10, 1, '2024-01-01 10:00', array['p', 'q'], '{\"a\": 1, \"b\": \"u\"}'),
  (2, 2, 'b', 20, 2, '2024-01-01 11:00', array['q'], '{\"a\": 2, \"b\": \"v\"}'),
  (3, 1, 'a', 30, 3, '2024-01-02 10:00', '{}', '{\"a\": 3, \"b\": \"u\"}'),
  (4, 3, 'c', 40, 4, '2024-01-03 10:00', array['r'], null),
  (5, 2, 'b', 50, 5, '2024-01-04 10:00', null, '{\"a\": 5, \"b\": \"w\"}'),
  (5, 2, 'b', 50, 5, '2024-02-04 10:00', array['p'], '{\"a\": 5, \"b\": \"w\"}'),
  (6, null, null, null, null, null, null, null),
  (7, 4, 'c', 70, 7, '2024-02-05 10:00', array['p'], '{\"a\": 7, \"b\": \"x\"}');
insert into d values (1, 'n', 1), (2, 's', 2), (3, null, 3), (null, 'z', 9);
insert into e values ('n', 'north', 1), ('s', 'south', 2), (null, 'none', 3), ('m', 'middle', 4);
";

/// Something that could go wrong.
#[derive(Clone, Copy)]
pub struct Case {
    /// In a few words.
    pub name: &'static str,
    /// `day:ts`, `month:ts`, `hour:ts`, `year:ts`, `key:a+b`.
    pub cut: &'static str,
    /// Statements on top of the common tables.
    pub setup: &'static str,
    /// Views of the project, parents first.
    pub views: &'static [(&'static str, &'static str)],
    /// The model.
    pub sql: &'static str,
    /// Batches of statements; a run follows each.
    pub changes: &'static [&'static str],
}

/// A case without tables of its own and without views.
pub const fn case(name: &'static str, cut: &'static str, sql: &'static str, changes: &'static [&'static str]) -> Case {
    Case { name, cut, setup: "", views: &[], sql, changes }
}

impl Case {
    /// With statements on top of the common tables.
    pub const fn with(mut self, setup: &'static str) -> Self {
        self.setup = setup;
        self
    }

    /// With views of the project.
    pub const fn seeing(mut self, views: &'static [(&'static str, &'static str)]) -> Self {
        self.views = views;
        self
    }

    fn model(&self, place: &Place) -> ExactModel {
        let (unit, column) = self.cut.split_once(':').expect("a cut");
        let size = match unit {
            "hour" => Some(BatchSize::Hour),
            "day" => Some(BatchSize::Day),
            "month" => Some(BatchSize::Month),
            "year" => Some(BatchSize::Year),
            _ => None,
        };
        ExactModel {
            unique_id: "model.case.m".into(),
            relation: place.relation("m"),
            sql: self.sql.to_owned(),
            event_time: size.map(|_| column.to_owned()),
            batch_size: size,
            unique_key: if size.is_none() { column.split('+').map(str::to_owned).collect() } else { Vec::new() },
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

    /// What every run is told: each is a command of its own, that asks the database anew.
    fn around(&self, place: &Place) -> Surroundings {
        let mut around = Surroundings::default();
        for (name, sql) in self.views {
            let text = ViewText { unique_id: format!("model.case.{name}"), sql: (*sql).to_owned() };
            around.views.insert(place.relation(name), text);
        }
        around
    }

    /// Whether an engine takes its statements and its query.
    pub fn fits(&self, on: On) -> bool {
        let place = on.place();
        let mut session = place.engine.connect().expect("session");
        self.set_up(on, session.as_mut()).is_ok()
            && session.describe(self.sql).is_ok()
            && self.changes.iter().all(|change| execute(session.as_mut(), change).is_ok())
    }

    fn set_up(&self, on: On, session: &mut dyn Connection) -> Result<(), String> {
        execute(session, if on == On::DuckDb { TABLES } else { TABLES_OF_POSTGRES })?;
        execute(session, self.setup)?;
        self.views.iter().try_for_each(|(name, sql)| execute(session, &format!("create view \"{name}\" as {sql}")))
    }

    /// Runs it. Returns the modes of the runs after the first, or what went wrong.
    pub fn run(&self, on: On) -> Result<Vec<String>, String> {
        let place = on.place();
        let mut session = place.engine.connect().map_err(|error| error.to_string())?;
        self.set_up(on, session.as_mut())?;
        let model = self.model(&place);
        let mut modes = Vec::new();
        for (index, change) in std::iter::once(&"").chain(self.changes).enumerate() {
            execute(session.as_mut(), change)?;
            let identity = RunIdentity {
                run_id: format!("run-{index}"),
                invocation_id: "case".into(),
                started_at: "2024-03-10T00:00:00Z".parse().expect("moment"),
                engine_version: "case".into(),
            };
            let report = match exact::run(session.as_mut(), &model, &self.around(&place), &identity, None) {
                Ok(report) => report,
                Err(ExactError::Refused { findings, .. }) => {
                    return Ok(findings.iter().map(|found| format!("refused: {}", found.finding.rule)).collect());
                }
                Err(error) => return Err(format!("after {change:?}: {error}")),
            };
            let difference = difference(on, session.as_mut(), "m", self.sql)?;
            if !difference.is_empty() {
                return Err(format!("after {change:?}\n{difference}mode {:?}", report.mode));
            }
            if index > 0 {
                modes.push(report.whole.map_or_else(|| format!("{:?}", report.mode), |why| format!("whole: {why}")));
            }
        }
        Ok(modes)
    }
}

fn execute(session: &mut dyn Connection, sql: &str) -> Result<(), String> {
    if sql.is_empty() {
        return Ok(());
    }
    session.execute(sql).map(|_| ()).map_err(|error| format!("{error}\n{sql}"))
}
