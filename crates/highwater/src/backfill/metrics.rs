//! Metrics before and after: what the semantic layer makes of the partitions of a backfill, by the rows that stand there and by those staged.
//!
//! A metric is compared when all its measures lie on models of the backfill, and it is simple, a ratio, or derived from such. One that is not
//! compared is named, with the reason. Where a metric states a tolerance, more movement than that fails the audit.

use serde::Serialize;

use crate::engine::{Cell, quote_literal};
use crate::exact::job::Job;
use crate::exact::ledger;

use super::error::BackfillError;
use super::scope::rows_in;
use super::site::Site;
use super::stage::Task;
use super::store::{self, tables};

/// A metric that the models of a backfill reach.
#[derive(Debug, Clone, PartialEq)]
pub struct BackfillMetric {
    /// Its name.
    pub name: String,
    /// By how much it may move: a fraction of what it was; none when it may move at will.
    pub tolerance: Option<f64>,
    /// How it is computed, or why it is not.
    pub formula: Result<(Formula, Vec<Measure>), String>,
}

/// An aggregate over a model's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// `model.package.name`.
    pub model: String,
    /// The aggregate, in SQL.
    pub sql: String,
}

/// What a metric makes of its measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formula {
    /// One of them, by its place.
    Measure(usize),
    /// A quotient.
    Ratio(Box<Formula>, Box<Formula>),
    /// An expression over others, by their names in it.
    Expression(String, Vec<(String, Formula)>),
}

impl Formula {
    /// As a query's expression, given what the measures came to.
    fn sql(&self, values: &[Option<String>]) -> String {
        match self {
            Self::Measure(place) => match values.get(*place).and_then(Option::as_ref) {
                Some(value) => format!("cast({} as double precision)", quote_literal(value)),
                None => "cast(null as double precision)".to_owned(),
            },
            Self::Ratio(over, under) => format!("({} / nullif({}, 0))", over.sql(values), under.sql(values)),
            Self::Expression(sql, inputs) => {
                let inputs: Vec<String> =
                    inputs.iter().map(|(name, formula)| format!("{} as {name}", formula.sql(values))).collect();
                format!("(select {sql} from (select {}) as hw_inputs)", inputs.join(", "))
            }
        }
    }
}

/// How a metric moves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricDelta {
    /// Its name.
    pub name: String,
    /// Over the rows that stand in the partitions of the backfill; none without any.
    pub before: Option<String>,
    /// Over those that will.
    pub after: Option<String>,
    /// The fraction by which it may move.
    pub tolerance: Option<f64>,
    /// What is wrong with that, if anything is.
    pub failure: Option<String>,
    /// Why it was not compared, if it was not.
    pub not_compared: Option<String>,
}

/// Compares every metric.
///
/// # Errors
/// When staged rows cannot be read. A metric whose own SQL fails was not compared.
pub(crate) fn deltas(site: &mut Site, work: &Task) -> Result<Vec<MetricDelta>, BackfillError> {
    let metrics = site.metrics.clone();
    let mut found = Vec::new();
    for metric in &metrics {
        let mut delta = MetricDelta {
            name: metric.name.clone(),
            before: None,
            after: None,
            tolerance: metric.tolerance,
            failure: None,
            not_compared: None,
        };
        match sides(site, work, metric) {
            Ok((before, after)) => {
                delta.failure = beyond(metric, before.as_deref(), after.as_deref());
                (delta.before, delta.after) = (before, after);
            }
            Err(reason) => delta.not_compared = Some(reason),
        }
        found.push(delta);
    }
    Ok(found)
}

/// What is wrong with a movement, if it is larger than it may be.
fn beyond(metric: &BackfillMetric, before: Option<&str>, after: Option<&str>) -> Option<String> {
    let allowed = metric.tolerance?;
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    let (was, is) = (before.unwrap_or("nothing"), after.unwrap_or("nothing"));
    let within = match (number(before), number(after)) {
        (Some(before), Some(after)) => (after - before).abs() <= allowed * before.abs(),
        (before, after) => before.is_none() && after.is_none(),
    };
    (!within).then(|| format!("metric {}: moves from {was} to {is}, and {allowed} of it is allowed", metric.name))
}

/// A metric before and after; or the reason why that is not known.
fn sides(site: &mut Site, work: &Task, metric: &BackfillMetric) -> Result<(Option<String>, Option<String>), String> {
    let (formula, measures) = metric.formula.as_ref().map_err(Clone::clone)?;
    site.begin().map_err(|error| error.to_string())?;
    let found = values(site, work, measures).and_then(|(before, after)| {
        let mut job = site.job(0);
        Ok((evaluated(&mut job, formula, before)?, evaluated(&mut job, formula, after)?))
    });
    ledger::rollback(&mut site.job(0));
    found
}

/// What measures come to on both sides.
type Values = (Vec<Option<String>>, Vec<Option<String>>);

/// The measures over the rows of the partitions, those that stand there and those staged.
fn values(site: &mut Site, work: &Task, measures: &[Measure]) -> Result<Values, String> {
    let failed = |error: BackfillError| error.to_string();
    let schema = site.ledger().map_err(failed)?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for measure in measures {
        let place = site.models.iter().position(|model| model.model.unique_id == measure.model);
        let place = place.ok_or_else(|| {
            let name = measure.model.rsplit('.').next().unwrap_or_default();
            format!("it is measured on {name}, which is no part of the backfill")
        })?;
        let prepared = &work.prepared[place];
        let stage = tables(&schema, work.id, place).stage;
        let set = store::set(site, work.id, place, prepared.axis.ledger_column(), None).map_err(failed)?;
        let mut job = site.job(place);
        let rows = if work.parts[place].whole.is_some() {
            "true".to_owned()
        } else {
            let scope = job.store("measured", &format!("select p from {set}")).map_err(|error| error.to_string())?;
            rows_in(&mut job, &prepared.axis, &scope).map_err(failed)?
        };
        let live = job.model.relation.sql();
        for (side, table) in [(&mut before, &live), (&mut after, &stage)] {
            side.push(answer(&mut job, &format!("select {} from {table} where {rows}", measure.sql))?);
        }
    }
    Ok((before, after))
}

/// What the formula makes of what the measures came to. A measure alone is told as the engine tells it.
fn evaluated(job: &mut Job, formula: &Formula, values: Vec<Option<String>>) -> Result<Option<String>, String> {
    match formula {
        Formula::Measure(place) => Ok(values.into_iter().nth(*place).flatten()),
        formula => answer(job, &format!("select {}", formula.sql(&values))),
    }
}

/// The one value of a query.
fn answer(job: &mut Job, sql: &str) -> Result<Option<String>, String> {
    let failed = |error: crate::engine::EngineError| {
        error.to_string().lines().next().map_or_else(|| "its SQL failed".to_owned(), str::to_owned)
    };
    job.connection.describe(sql).map_err(failed)?;
    let table = job.connection.query(sql).map_err(failed)?;
    Ok(table.scalar().filter(|cell| !matches!(cell, Cell::Null)).map(ToString::to_string))
}
