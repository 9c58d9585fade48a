//! The audit: what is checked of staged rows before anyone can see them.
//!
//! The grain must hold among the staged rows and against the rest of the table. Row counts and columns are held against the rows they replace;
//! where the model's configuration states a tolerance, more movement than that fails. `metrics.rs` does the same for metrics.

use serde::Serialize;

use crate::audit::{AuditTest, Staged, over};
use crate::engine::{Cell, Column};
use crate::exact::ExactError;
use crate::exact::axis::quoted;
use crate::exact::dirty::plural;
use crate::exact::job::{Job, number};
use crate::exact::prepare::column_names;

use super::error::BackfillError;
use super::metrics::MetricDelta;
use super::scope::rows_in;
use super::shape;
use super::site::Site;
use super::stage::{Task, overlay, overlays};
use super::store::{self, tables};

/// What an audit of all models came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditReport {
    /// One a model.
    pub models: Vec<ModelAudit>,
    /// The metrics that rest on them.
    pub metrics: Vec<MetricDelta>,
}

/// What the audit of one model came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelAudit {
    /// The model's label.
    pub label: String,
    /// Rows that stand in its partitions.
    pub rows_before: u64,
    /// Rows that will.
    pub rows_after: u64,
    /// Columns that come out otherwise.
    pub columns: Vec<ColumnDelta>,
    /// What is wrong.
    pub failures: Vec<String>,
}

/// How a column moves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnDelta {
    /// The column.
    pub name: String,
    /// Its sum before and after, of numbers.
    pub sum: Option<(String, String)>,
    /// Rows without a value before and after.
    pub nulls: (u64, u64),
    /// Whether it comes with this backfill, or goes: then it had, or will have, no value in any row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<ColumnChange>,
}

/// A column that stands on one side only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnChange {
    /// The table gets it.
    New,
    /// The table loses it.
    Gone,
}

/// Audits the staged rows of a model: of all batches, or of one.
///
/// # Errors
/// When a query fails; what is wrong with the rows is in the answer.
pub(crate) fn audit(
    site: &mut Site,
    work: &Task,
    place: usize,
    batch: Option<u64>,
) -> Result<ModelAudit, BackfillError> {
    let schema = site.ledger()?;
    let prepared = &work.prepared[place];
    let stage = tables(&schema, work.id, place).stage;
    let set = store::set(site, work.id, place, prepared.axis.ledger_column(), batch)?;
    let models = site.models;
    let model = &models[place];
    let mut job = site.job(place);
    let live = job.model.relation.sql();
    let whole = work.parts[place].whole.is_some();
    let rows = if whole {
        "true".to_owned()
    } else {
        let scope = job.store("audited", &format!("select p from {set}"))?;
        rows_in(&mut job, &prepared.axis, &scope)?
    };
    let standing = shape::standing(&mut job, prepared)?;
    let before = sums(&mut job, &standing, &live, &rows)?;
    let after = sums(&mut job, &prepared.output, &stage, &rows)?;
    let mut failures = grain(&mut job, (!whole).then_some(live.as_str()), &stage, &rows)?;
    drop(job);
    let unique = !model.model.unique_key.is_empty() && failures.is_empty();
    failures.extend(tests(site, work, place, batch, &rows, unique)?);
    let job = site.job(place);
    let columns = deltas(&before, &after);
    for (name, allowed) in &model.tolerance {
        let moved = if name == "rows" {
            Some((before.rows as f64, after.rows as f64))
        } else {
            let sum = columns
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(name))
                .and_then(|column| column.sum.as_ref());
            sum.and_then(|(before, after)| Some((before.parse::<f64>().ok()?, after.parse::<f64>().ok()?)))
        };
        if let Some((was, is)) = moved
            && (is - was).abs() > allowed * was.abs()
        {
            failures.push(format!("{}: {name} moves from {was} to {is}, and {allowed} of it is allowed", job.label));
        }
    }
    Ok(ModelAudit { label: job.label.clone(), rows_before: before.rows, rows_after: after.rows, columns, failures })
}

/// What the model's tests say of its staged rows, beside the staged rows of the models before. With `unique` it is known that these share no key,
/// among them or with others.
fn tests(
    site: &mut Site,
    work: &Task,
    place: usize,
    batch: Option<u64>,
    rows: &str,
    unique: bool,
) -> Result<Vec<String>, BackfillError> {
    let models = site.models;
    let prepared = &work.prepared[place];
    let stage = tables(&site.ledger()?, work.id, place).stage;
    let whole = overlay(site, work, place, batch)?;
    let parents = overlays(site, work, place)?;
    let job = site.job(place);
    let label = job.label.clone();
    let failed = |error| BackfillError::from(ExactError::Audit { model: label.clone(), error: Box::new(error) });
    let mut asked: Vec<AuditTest> = models[place].tests.clone();
    asked.retain(|test| !(unique && test.follows_from(&models[place].model.unique_key)));
    for test in &mut asked {
        for parent in &parents {
            *test = over(test, &parent.relation, &parent.sql, job.dialect).map_err(&failed)?;
        }
    }
    let columns = quoted(job.dialect, &column_names(&prepared.output)).join(", ");
    let fresh = format!("select {columns} from {stage} where {rows}");
    let mut audited = Vec::new();
    for test in &asked {
        // Values that no staged row has are none of the backfill's doing.
        let beside = match &test.column {
            Some(column) if test.unique => format!(
                "select * from ({}) as hw_all where {column} in (select {column} from ({fresh}) as hw_fresh)",
                whole.sql
            ),
            _ => whole.sql.clone(),
        };
        let staged = Staged {
            relation: &job.model.relation,
            rows: fresh.clone(),
            whole: beside,
            partition: None,
            columns: Vec::new(),
        };
        let found = crate::audit::audit(job.connection, std::slice::from_ref(test), &staged).map_err(&failed)?;
        audited.extend(found);
    }
    let failures = audited.iter().filter(|audited| audited.failed());
    Ok(failures
        .map(|test| format!("{}: {}: {}", job.label, test.name, test.message.as_deref().unwrap_or("failed")))
        .collect())
}

/// A side summed up: rows, and of every column the rows without a value and the sum of numbers.
struct Sums {
    rows: u64,
    columns: Vec<(String, u64, Option<String>)>,
}

/// The columns that come out otherwise, and those that stand on one side only.
fn deltas(before: &Sums, after: &Sums) -> Vec<ColumnDelta> {
    let find =
        |sums: &'_ Sums, name: &str| sums.columns.iter().find(|(other, ..)| other.eq_ignore_ascii_case(name)).cloned();
    let mut deltas = Vec::new();
    for (name, nulls, sum) in &after.columns {
        let (was, change) = match find(before, name) {
            Some((_, nulls_before, sum_before)) => ((nulls_before, sum_before), None),
            None => ((before.rows, None), Some(ColumnChange::New)),
        };
        if change.is_some() || was != (*nulls, sum.clone()) {
            let (nulls_before, sum_before) = was;
            let sum = sum_before.zip(sum.clone());
            deltas.push(ColumnDelta { name: name.clone(), sum, nulls: (nulls_before, *nulls), change });
        }
    }
    for (name, nulls, _) in before.columns.iter().filter(|(name, ..)| find(after, name).is_none()) {
        let change = Some(ColumnChange::Gone);
        deltas.push(ColumnDelta { name: name.clone(), sum: None, nulls: (*nulls, after.rows), change });
    }
    deltas
}

fn sums(job: &mut Job, columns: &[Column], table: &str, rows: &str) -> Result<Sums, BackfillError> {
    let names = column_names(columns);
    let asked: Vec<String> = quoted(job.dialect, &names)
        .iter()
        .zip(columns)
        .map(|(name, column)| {
            let sum = if is_number(&column.data_type) {
                format!("cast(sum({name}) as varchar)")
            } else {
                "cast(null as varchar)".to_owned()
            };
            format!("count(*) - count({name}), {sum}")
        })
        .collect();
    let table = job.query(&format!("select count(*), {} from {table} where {rows}", asked.join(", ")))?;
    let Some(row) = table.rows.first() else { return Err(job.broken("a count has no answer").into()) };
    let pairs = row[1..].chunks(2).map(|pair| (number(&pair[0]), text(&pair[1])));
    let columns = names.into_iter().zip(pairs).map(|(name, (nulls, sum))| (name, nulls, sum)).collect();
    Ok(Sums { rows: number(&row[0]), columns })
}

fn text(cell: &Cell) -> Option<String> {
    (!cell.is_null()).then(|| cell.to_string())
}

fn is_number(data_type: &str) -> bool {
    let name = data_type.to_uppercase();
    let whole = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"];
    whole.contains(&name.as_str())
        || ["DECIMAL", "NUMERIC", "DOUBLE", "REAL", "FLOAT"].iter().any(|start| name.starts_with(start))
}

/// Keys that more than one row would have; `live` is the table, of which other rows stay.
fn grain(job: &mut Job, live: Option<&str>, stage: &str, rows: &str) -> Result<Vec<String>, BackfillError> {
    if job.model.unique_key.is_empty() {
        return Ok(Vec::new());
    }
    let keys = quoted(job.dialect, &job.model.unique_key);
    let (list, hash) = (keys.join(", "), job.dialect.key_hash(&keys));
    let words: Vec<String> = keys.iter().map(|key| format!("coalesce(cast({key} as varchar), 'NULL')")).collect();
    let others = live.map_or_else(String::new, |live| {
        let staged = format!("select {hash} from {stage} where {rows}");
        format!("union all select {list} from {live} where ({rows}) is not true and {hash} in ({staged})")
    });
    let table = job.query(&format!(
        "select {}, count(*), count(*) over () from (select {list} from {stage} where {rows} {others}) as both_of \
         group by {list} having count(*) > 1 order by 1 limit 3",
        words.join(" || ', ' || ")
    ))?;
    let Some(first) = table.rows.first() else { return Ok(Vec::new()) };
    let examples: Vec<String> = table.rows.iter().map(|row| format!("{} ({} rows)", row[0], row[1])).collect();
    Ok(vec![format!(
        "{}: {} of {} would have more than one row: {}",
        job.label,
        plural(number(&first[2]), "value"),
        job.model.unique_key.join(", "),
        examples.join(", ")
    )])
}
