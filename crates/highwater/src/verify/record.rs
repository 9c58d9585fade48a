//! Verdicts in the ledger: what was compared, when, and what was found; so that samples get around, and others can ask what differs.

use serde::Serialize;

use crate::engine::{Connection, EngineError, Relation, quote_literal};
use crate::exact::axis::within;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::prepare::Prepared;
use crate::exact::{ExactError, RunIdentity};

use super::compare::Differences;
use super::report::{Outcome, Verdict};
use super::scope::Scope;

/// What the verdict is written from: the partitions compared, if any were, and those that differ.
pub(crate) struct Found<'a> {
    /// Temporary table `(p, n_here, n_there, f_there, differs)`.
    pub compared: Option<&'a str>,
    /// What differs.
    pub differences: Option<&'a Differences>,
    /// Temporary table `(p, label, place)` of the partitions that the verdict lists.
    pub labels: Option<&'a str>,
}

/// The query as the verdict was about it: verdicts on another are not to be compared with it.
pub(crate) fn logic(prepared: &Prepared) -> String {
    let part = |key: &str| prepared.logic.get(key).map(ToString::to_string).unwrap_or_default();
    crate::exact::logic::sha256(&format!("{}{}{}", part("query"), part("columns"), part("partitioning")))
}

/// Writes the verdict down, in the caller's transaction. The ledger must exist.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn record(
    job: &mut Job,
    prepared: &Prepared,
    verdict: &Verdict,
    scope: &Scope,
    found: &Found<'_>,
    run: &RunIdentity,
) -> Result<(), ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let now = ledger::moment(run.started_at);
    let reason = match &verdict.outcome {
        Outcome::NotCompared { reason } => quote_literal(reason),
        _ => "null".to_owned(),
    };
    job.execute(&format!(
        "insert into {schema}.verdicts (model, verified_at, run_id, outcome, reason, scope, partitions, compared, differing, seconds, logic) \
         values ({model}, {now}, {}, '{}', {reason}, {}, {}, {}, {}, {}, {})",
        quote_literal(&run.run_id),
        verdict.outcome.word(),
        quote_literal(&scope.word),
        verdict.sampled.as_ref().map_or(verdict.compared, |sampled| sampled.of),
        verdict.compared,
        verdict.mismatch_count,
        verdict.seconds,
        quote_literal(&logic(prepared))
    ))?;
    let Some(compared) = found.compared else { return Ok(()) };
    let column = prepared.axis.ledger_column();
    let which = if scope.partial {
        format!("{} is null and {}", prepared.axis.unused_column(), within(column, compared))
    } else {
        "true".to_owned()
    };
    job.execute(&format!("delete from {schema}.compared where model = {model} and {which}"))?;
    let listed = listed(job, verdict, found)?;
    let differs = match found.differences {
        Some(differences) => within("compared.p", &differences.guilty),
        None => "false".to_owned(),
    };
    let label = if prepared.axis.unit().is_some() { prepared.axis.label("compared.p") } else { "null".to_owned() };
    // Keys are many, and their turn is told by their hashes: only those that differ are kept.
    let kept = if prepared.axis.unit().is_some() { "true" } else { &differs };
    job.execute(&format!(
        "insert into {schema}.compared (model, {column}, label, verified_at, differs, missing, extra, changed, columns, cause, row_count, fingerprint) \
         select {model}, compared.p, coalesce(listed.label, {label}), {now}, {differs}, listed.missing, listed.extra, listed.changed, listed.columns, listed.cause, \
         compared.n_there, compared.f_there from {compared} as compared left join ({listed}) as listed on compared.p is not distinct from listed.p where {kept}"
    ))
    .map(drop)
}

/// The listed partitions with what was found, as a query.
fn listed(job: &Job, verdict: &Verdict, found: &Found<'_>) -> Result<String, ExactError> {
    let rows: Vec<String> = verdict
        .mismatches
        .iter()
        .enumerate()
        .map(|(at, mismatch)| {
            format!(
                "({}, {}, {}, {}, {}, {}, {})",
                at + 1,
                quote_literal(&mismatch.label),
                mismatch.missing,
                mismatch.extra,
                mismatch.changed,
                quote_literal(&mismatch.columns.join(", ")),
                quote_literal(mismatch.cause.word())
            )
        })
        .collect();
    let columns = "label, missing, extra, changed, columns, cause";
    Ok(match (found.labels, rows.is_empty()) {
        (Some(labels), false) => format!(
            "select labels.p, found.* from {labels} as labels join (values {}) as found(nth, {columns}) on labels.place = found.nth",
            rows.join(", ")
        ),
        _ => {
            let null = |name: &str, data_type: &str| format!("cast(null as {data_type}) as {name}");
            let texts = ["label", "columns", "cause"].map(|name| null(name, "varchar"));
            let counts = ["missing", "extra", "changed"].map(|name| null(name, "bigint"));
            let id = null("p", id_type(job));
            format!("select {id}, {}, {} where false", texts.join(", "), counts.join(", "))
        }
    })
}

fn id_type(job: &Job) -> &'static str {
    let axis = crate::exact::axis::Axis { partitioning: job.model.partitioning(), dialect: job.dialect };
    axis.id_type()
}

/// A partition that the last comparison found different, and that no run has built since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// As in [`super::Mismatch::label`]; none for a key that the verdict did not list.
    pub label: Option<String>,
    /// The interval's start, of a table cut by time; none for the partition of rows without event time.
    pub interval_start: Option<String>,
    /// The key's hash, of a table cut by key.
    pub key_hash: Option<String>,
    /// Why, probably: a word of [`super::Cause::word`].
    pub cause: Option<String>,
    /// When it was compared.
    pub verified_at: String,
}

/// What the last comparisons of a table with a rebuild found different, by partition, as far as no run has built it since. Empty where
/// nothing was ever compared.
///
/// # Errors
/// When the ledger cannot be read.
pub fn differing(connection: &mut dyn Connection, relation: &Relation) -> Result<Vec<Differing>, EngineError> {
    let schema = ledger::schema(relation);
    if !ledger::is_there(connection, relation, &["compared", "partitions", "runs"])? {
        return Ok(Vec::new());
    }
    let model = quote_literal(&ledger::id(relation));
    let table = connection.query(&format!(
        "select compared.label, cast(compared.interval_start as varchar), cast(compared.key_hash as varchar), compared.cause, cast(compared.verified_at as varchar) \
         from {schema}.compared as compared where compared.model = {model} and compared.differs and not exists (\
         select 1 from {schema}.partitions as built join {schema}.runs as runs on runs.run_id = built.run_id and runs.model = built.model \
         where built.model = {model} and built.interval_start is not distinct from compared.interval_start \
         and built.key_hash is not distinct from compared.key_hash and runs.started_at > compared.verified_at) \
         order by compared.interval_start nulls last, compared.key_hash"
    ))?;
    let text = |cell: &crate::engine::Cell| if cell.is_null() { None } else { Some(cell.to_string()) };
    Ok(table
        .rows
        .iter()
        .map(|row| Differing {
            label: text(&row[0]),
            interval_start: text(&row[1]),
            key_hash: text(&row[2]),
            cause: text(&row[3]),
            verified_at: row[4].to_string(),
        })
        .collect())
}
