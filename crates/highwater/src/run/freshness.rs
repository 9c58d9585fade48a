//! `source freshness`: when the newest row of every source was loaded, and whether that is too long ago.

use std::time::Instant;

use indexmap::IndexSet;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use serde_json::Value;

use super::failure::{self, Failure};
use super::transaction::lock;
use super::worker::Shared;
use super::{Event, RunOptions, Timing, timing};
use crate::artifacts;
use crate::context::{Purpose, SharedConnection};
use crate::diagnostics::Diagnostic;
use crate::engine::Cell;
use crate::manifest::{SourceNode, select};
use crate::session::Session;

/// Whether a source is fresh, in dbt's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FreshnessStatus {
    /// Fresh enough.
    #[serde(rename = "pass")]
    Pass,
    /// Older than `warn_after`.
    #[serde(rename = "warn")]
    Warn,
    /// Older than `error_after`.
    #[serde(rename = "error")]
    Error,
    /// Asking failed.
    #[serde(rename = "runtime error")]
    RuntimeError,
}

/// What was found of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct FreshnessResult {
    /// The source.
    pub unique_id: String,
    /// `source.table`.
    pub name: String,
    /// Fresh or not.
    pub status: FreshnessStatus,
    /// When the newest row was loaded.
    pub max_loaded_at: Option<Timestamp>,
    /// When that was asked.
    pub snapshotted_at: Timestamp,
    /// `warn_after`, `error_after`, `filter` as configured.
    pub criteria: Value,
    /// Seconds.
    pub execution_time: f64,
    /// Phases.
    pub timing: Vec<Timing>,
    /// Why asking failed.
    pub diagnostic: Option<Diagnostic>,
}

impl FreshnessResult {
    /// Seconds since the newest row was loaded.
    pub fn age(&self) -> f64 {
        self.max_loaded_at.map_or(0.0, |loaded| self.snapshotted_at.duration_since(loaded).as_secs_f64())
    }
}

/// What is told while it goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum FreshnessEvent {
    /// A source is being asked: its place, how many there are, its name.
    Started(usize, usize, String),
    /// It answered.
    Finished(usize, usize, Box<FreshnessResult>),
}

/// See [`super::source_freshness`].
pub(super) fn source_freshness(
    session: &Session,
    options: &RunOptions,
    events: &(dyn Fn(FreshnessEvent) + Sync),
) -> Result<Vec<FreshnessResult>, Vec<Diagnostic>> {
    let one = |diagnostic: Diagnostic| vec![diagnostic];
    let silent = |_: Event| {};
    let shared = Shared::new(session, options, &silent, &IndexSet::new()).map_err(one)?;
    let connection = shared.connect().map_err(Failure::told).map_err(one)?;
    let selected = select::select(&session.manifest, &options.selection).map_err(one)?;
    let sources: Vec<&SourceNode> = selected
        .iter()
        .filter_map(|id| session.manifest.sources.get(id))
        .filter(|source| limit(source, "warn_after").or_else(|| limit(source, "error_after")).is_some())
        .collect();
    let total = sources.len();
    let mut results = Vec::new();
    for (index, source) in (1..).zip(sources) {
        events(FreshnessEvent::Started(index, total, format!("{}.{}", source.source_name, source.name)));
        let result = one_source(&shared, &connection, source);
        events(FreshnessEvent::Finished(index, total, Box::new(result.clone())));
        results.push(result);
    }
    Ok(results)
}

fn one_source(shared: &Shared<'_>, connection: &SharedConnection, source: &SourceNode) -> FreshnessResult {
    let clock = Instant::now();
    let started = timing::moment();
    let asked = newest(shared, connection, source);
    let snapshotted_at = shared.started_at;
    let (max_loaded_at, diagnostic) = match asked {
        Ok(newest) => (Some(newest), None),
        Err(diagnostic) => (None, Some(diagnostic)),
    };
    let older = |key: &str| {
        let (Some(loaded), Some((count, period))) = (max_loaded_at, limit(source, key)) else { return false };
        let seconds = match period.as_str() {
            "minute" => 60,
            "hour" => 3600,
            _ => 86400,
        };
        snapshotted_at.duration_since(loaded).as_secs() > count.saturating_mul(seconds)
    };
    let status = match () {
        () if diagnostic.is_some() => FreshnessStatus::RuntimeError,
        () if older("error_after") => FreshnessStatus::Error,
        () if older("warn_after") => FreshnessStatus::Warn,
        () => FreshnessStatus::Pass,
    };
    FreshnessResult {
        unique_id: source.unique_id.clone(),
        name: format!("{}.{}", source.source_name, source.name),
        status,
        max_loaded_at,
        snapshotted_at,
        criteria: source.freshness.clone(),
        execution_time: clock.elapsed().as_secs_f64(),
        timing: timing::phases(&started, &started),
        diagnostic,
    }
}

/// A threshold: so many minutes, hours or days.
fn limit(source: &SourceNode, key: &str) -> Option<(i64, String)> {
    let limit = source.freshness.get(key)?;
    Some((limit.get("count")?.as_i64()?, limit.get("period")?.as_str()?.to_owned()))
}

/// When the newest row was loaded; of an empty table that is infinitely long ago.
fn newest(shared: &Shared<'_>, connection: &SharedConnection, source: &SourceNode) -> Result<Timestamp, Diagnostic> {
    let described = artifacts::manifest_entry(&shared.session.manifest, &source.unique_id).unwrap_or_default();
    shared.comment_on(connection, Purpose::Other(&source.unique_id, &highwater_jinja::from_json(&described)))?;
    let filter = source.freshness.get("filter").and_then(Value::as_str).filter(|filter| !filter.trim().is_empty());
    let relation = &source.relation;
    let query = match (&source.loaded_at_query, &source.loaded_at_field) {
        (Some(query), _) => {
            shared.compiler.render(None, connection, &source.package_name, &source.original_file_path, query)?
        }
        (None, Some(field)) => match filter {
            Some(filter) => format!("select max({field}) from {relation} where {filter}"),
            None => format!("select max({field}) from {relation}"),
        },
        (None, None) => {
            let title = format!("`{}.{}` does not say when its rows were loaded", source.source_name, source.name);
            return Err(Diagnostic::error("HW0440", title)
                .help(format!("add `loaded_at_field` or `loaded_at_query` in {}", source.original_file_path)));
        }
    };
    let table = lock(connection).query(&query).map_err(|error| failure::engine_diagnostic(&error))?;
    let zoned = |moment: jiff::civil::DateTime| moment.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let moment = match table.scalar() {
        None | Some(Cell::Null) => Some(Timestamp::UNIX_EPOCH - 17_000_000.hours()),
        Some(Cell::Instant(instant)) => Some(*instant),
        Some(Cell::Timestamp(moment)) => zoned(*moment).ok(),
        Some(Cell::Date(day)) => zoned(day.at(0, 0, 0, 0)).ok(),
        Some(_) => None,
    };
    moment.ok_or_else(|| {
        let title = format!("the load time of `{}.{}` is no moment", source.source_name, source.name);
        Diagnostic::error("HW0440", title)
            .note(format!("the query: {query}"))
            .help("cast it: loaded_at_field: \"cast(loaded_at as timestamp)\"")
    })
}
