//! What the exact strategy is asked about: a model, and what stands around it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use highwater_sql::{FunctionKind, IntervalUnit, Partitioning};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use crate::audit::AuditTest;
use crate::engine::Relation;
use crate::manifest::{BatchSize, Policy};

use super::declare::Declared;
use super::scans::Scans;

/// A model on the exact strategy, compiled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExactModel {
    /// `model.<package>.<name>`.
    pub unique_id: String,
    /// The table it fills.
    pub relation: Relation,
    /// Its compiled query, as a full rebuild would run it.
    pub sql: String,
    /// `event_time`, an output column.
    pub event_time: Option<String>,
    /// `batch_size`; with `event_time` it makes the model one of intervals.
    pub batch_size: Option<BatchSize>,
    /// `begin`: rows before it are kept as a rebuild keeps them, but counted.
    pub begin: Option<String>,
    /// `unique_key`: the grain, and without event time the partitioning.
    pub unique_key: Vec<String>,
    /// `meta.highwater.policy`.
    pub policy: Policy,
    /// `meta.highwater.audit` of the model: days within which every partition of its table is compared with the ledger once; without it,
    /// all are at every run.
    pub audit_days: Option<u32>,
    /// `on_schema_change`, as written (`fail` is the only word that stops a run; any other lets the table take the new columns).
    pub on_schema_change: String,
    /// `meta.highwater.partials`: the step of time by which partial aggregates are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partials: Option<BatchSize>,
    /// The moment of the rows it reads: what partials are kept by.
    #[serde(skip)]
    pub moment: Option<String>,
    /// Rebuild whole, whatever the ledger says.
    pub full_refresh: bool,
    /// Tests that staged rows have to pass before anybody sees them (`meta.highwater.audits: before`).
    #[serde(skip)]
    pub audits: Vec<AuditTest>,
}

/// The text of a view of this project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViewText {
    /// `model.<package>.<name>`.
    pub unique_id: String,
    /// Its compiled query.
    pub sql: String,
}

/// Another exact model that queries may read: its swaps tell what changed in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExactParent {
    /// `model.<package>.<name>`.
    pub unique_id: String,
    /// `event_time`.
    pub event_time: Option<String>,
    /// `batch_size`.
    pub batch_size: Option<BatchSize>,
    /// `unique_key`.
    pub unique_key: Vec<String>,
}

/// The database's functions, asked for when the first query is read; those who share it ask once.
#[derive(Debug, Clone, Default)]
pub struct Functions(pub(crate) Arc<OnceLock<HashMap<String, FunctionKind>>>);

impl PartialEq for Functions {
    /// What has been asked so far is no part of a project.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What a project knows about the tables that exact models read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// Views to look through.
    pub views: IndexMap<Relation, ViewText>,
    /// Exact models.
    pub exact: IndexMap<Relation, ExactParent>,
    /// What is declared of tables, about how their changes may be found.
    pub detectors: IndexMap<Relation, Declared>,
    /// The words for tables in messages (`raw_orders`); without one a table goes by its identifier.
    pub labels: IndexMap<Relation, String>,
    /// Columns that were declared to tell the rows of a table or a view apart.
    pub unique: IndexMap<Relation, Vec<Vec<String>>>,
    /// Columns of a table or a view that were declared never to be NULL.
    pub never_null: IndexMap<Relation, Vec<String>>,
    /// The columns that tell when the rows of a table were loaded (`loaded_at_field`).
    pub loaded_at: IndexMap<Relation, String>,
    /// The database's functions.
    pub functions: Functions,
    /// What the scans of a run have told.
    pub scans: Scans,
}

/// Which run this is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunIdentity {
    /// One id per invocation and model, or per invocation: it is recorded, not compared.
    pub run_id: String,
    /// dbt's invocation id.
    pub invocation_id: String,
    /// When the command started.
    pub started_at: Timestamp,
    /// [`crate::engine::Engine::version`].
    pub engine_version: String,
}

impl ExactModel {
    /// How the table is cut: by interval with event time and batch size, by key with a unique key, else not at all.
    pub fn partitioning(&self) -> Partitioning {
        partitioning(self.event_time.as_deref(), self.batch_size, &self.unique_key)
    }
}

impl ExactParent {
    /// How the parent's table is cut.
    pub fn partitioning(&self) -> Partitioning {
        partitioning(self.event_time.as_deref(), self.batch_size, &self.unique_key)
    }
}

impl From<BatchSize> for IntervalUnit {
    fn from(size: BatchSize) -> Self {
        match size {
            BatchSize::Hour => Self::Hour,
            BatchSize::Day => Self::Day,
            BatchSize::Month => Self::Month,
            BatchSize::Year => Self::Year,
        }
    }
}

fn partitioning(event_time: Option<&str>, batch_size: Option<BatchSize>, unique_key: &[String]) -> Partitioning {
    match (event_time, batch_size) {
        (Some(column), Some(size)) => Partitioning::Interval { column: column.to_owned(), unit: size.into() },
        _ if !unique_key.is_empty() => Partitioning::Key { columns: unique_key.to_vec() },
        _ => Partitioning::Whole,
    }
}

impl Surroundings {
    /// The word for a table in messages.
    pub fn label(&self, relation: &Relation) -> String {
        find(&self.labels, relation).cloned().unwrap_or_else(|| relation.identifier.clone())
    }

    /// The view of this name, if it is one of the project's.
    pub fn view(&self, relation: &Relation) -> Option<&ViewText> {
        find(&self.views, relation)
    }

    /// What was declared unique in a table or a view. The key of an exact model is checked at every swap.
    pub fn unique_keys(&self, relation: &Relation) -> Vec<Vec<String>> {
        let own = self.parent(relation).map(|parent| parent.unique_key.clone()).filter(|key| !key.is_empty());
        let declared = find(&self.unique, relation).cloned().unwrap_or_default();
        own.into_iter().chain(declared).collect()
    }

    /// The columns that were declared never to be NULL in a table or a view.
    pub fn never_null(&self, relation: &Relation) -> &[String] {
        find(&self.never_null, relation).map(Vec::as_slice).unwrap_or_default()
    }

    /// The column that tells when the rows of a table were loaded.
    pub fn loaded_at(&self, relation: &Relation) -> Option<&str> {
        find(&self.loaded_at, relation).map(String::as_str)
    }

    /// What is declared of a table; nothing of one that swaps fill, for they tell what changed.
    pub(crate) fn declared(&self, relation: &Relation) -> Option<&Declared> {
        find(&self.detectors, relation).filter(|_| self.parent(relation).is_none())
    }

    /// The exact model of this name, with its table as the project writes it.
    pub(crate) fn parent_table(&self, relation: &Relation) -> Option<(&Relation, &ExactParent)> {
        let exact = &self.exact;
        exact.get_key_value(relation).or_else(|| exact.iter().find(|(other, _)| same(other, relation)))
    }

    /// The exact model of this name, if it is one.
    pub fn parent(&self, relation: &Relation) -> Option<&ExactParent> {
        find(&self.exact, relation)
    }
}

/// Identifiers are the same whatever their case, as in the engine.
fn find<'a, T>(map: &'a IndexMap<Relation, T>, relation: &Relation) -> Option<&'a T> {
    map.get(relation).or_else(|| map.iter().find(|(other, _)| same(other, relation)).map(|(_, found)| found))
}

/// Whether two names mean one table.
pub(crate) fn same(one: &Relation, other: &Relation) -> bool {
    one.identifier.eq_ignore_ascii_case(&other.identifier)
        && one.schema.eq_ignore_ascii_case(&other.schema)
        && one.database.eq_ignore_ascii_case(&other.database)
}
