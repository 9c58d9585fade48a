//! The ledger: what every partition of every exact model was built from, in schema `highwater` of the target database.
//!
//! | table | one row per | holds |
//! | --- | --- | --- |
//! | `ledger` | ledger | its version |
//! | `fence` | model | an epoch that every writing run raises: two runs at once cannot both commit |
//! | `models` | model | logic, salt, number of its last change |
//! | `partitions` | partition | rows, fingerprint, number of its last change; a partition that lost all rows stays, with none |
//! | `inputs` | model and probe | how far an input has been seen |
//! | `fingerprints` | model, probe and group | what the input held then |
//! | `runs` | run that found something | what it did |
//!
//! Data and ledger change in one transaction. There are no primary keys: DuckDB checks them against rows deleted in the same transaction.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{Cell, Relation, quote_identifier, quote_literal};

use super::error::ExactError;
use super::job::{Job, number};
use super::model::RunIdentity;

/// The version this code writes.
const VERSION: i128 = 1;

const TABLES: &str = "
create table if not exists {ledger}.ledger (version integer, created_at timestamp);
create table if not exists {ledger}.fence (model varchar, epoch bigint);
create table if not exists {ledger}.models (
    model varchar, relation varchar, logic_version varchar, logic varchar, salt bigint, change_seq bigint,
    mode varchar, run_id varchar, invocation_id varchar, built_at timestamp);
create table if not exists {ledger}.partitions (
    model varchar, interval_start timestamp, key_hash {key}, row_count bigint, fingerprint {sum},
    logic_version varchar, run_id varchar, changed_seq bigint);
create table if not exists {ledger}.inputs (
    model varchar, probe varchar, relation varchar, detector varchar, parent varchar, seen_seq bigint, run_id varchar);
create table if not exists {ledger}.fingerprints (
    model varchar, probe varchar, interval_start timestamp, key_hash {key}, row_count bigint, fingerprint {sum});
create table if not exists {ledger}.runs (
    run_id varchar, invocation_id varchar, model varchar, started_at timestamp, finished_at timestamp, what varchar, reason varchar,
    dirty bigint, replaced bigint, unchanged bigint, rows_deleted bigint, rows_inserted bigint);
insert into {ledger}.ledger select {version}, {now} where not exists (select 1 from {ledger}.ledger);
";

/// What the ledger knows of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelRow {
    /// Hash of `logic`.
    pub logic_version: String,
    /// What the partitions were built by, part by part.
    pub logic: Value,
    /// Salt of the model's fingerprints.
    pub salt: u64,
    /// Number of its last change.
    pub change_seq: u64,
}

/// What a run did, for the ledger's own record.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunRow {
    /// `new`, `incremental`, `whole`, `unchanged`.
    pub what: &'static str,
    /// Why whole.
    pub reason: Option<String>,
    /// Dirty partitions.
    pub dirty: u64,
    /// Replaced partitions.
    pub replaced: u64,
    /// Partitions that came out unchanged.
    pub unchanged: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows inserted.
    pub inserted: u64,
}

/// The ledger's schema in the database of a relation, in SQL.
pub(crate) fn schema(relation: &Relation) -> String {
    format!("{}.highwater", quote_identifier(&relation.database))
}

/// Whether the database of a relation holds a ledger. Fails on one from a later version.
pub(crate) fn exists(job: &mut Job, relation: &Relation) -> Result<bool, ExactError> {
    let found = job.count(&job.dialect.count_tables(
        &quote_literal(&relation.database),
        "'highwater'",
        "'ledger', 'fence', 'models', 'partitions', 'inputs', 'fingerprints', 'runs'",
    ))?;
    if found < 7 {
        return Ok(false);
    }
    let table = job.query(&format!("select max(version) from {}.ledger", schema(relation)))?;
    match table.scalar().and_then(Cell::as_integer) {
        Some(found) if found > VERSION => Err(ExactError::NewerLedger { found, known: VERSION }),
        version => Ok(version.is_some()),
    }
}

/// The row of a model, by its unique id; the ledger must exist.
pub(crate) fn model(job: &mut Job, relation: &Relation, unique_id: &str) -> Result<Option<ModelRow>, ExactError> {
    let table = job.query(&format!(
        "select logic_version, logic, salt, change_seq from {}.models where model = {}",
        schema(relation),
        quote_literal(unique_id)
    ))?;
    Ok(table.rows.first().map(|row| ModelRow {
        logic_version: row[0].to_string(),
        logic: serde_json::from_str(&row[1].to_string()).unwrap_or(Value::Null),
        salt: number(&row[2]),
        change_seq: number(&row[3]),
    }))
}

/// Whether the model has its row in the fence, so that [`fence`] will find it.
pub(crate) fn fenced(job: &mut Job) -> Result<bool, ExactError> {
    let relation = job.model.relation.clone();
    Ok(exists(job, &relation)?
        && job.count(&format!(
            "select count(*) from {}.fence where model = {}",
            schema(&relation),
            quote_literal(&job.model.unique_id)
        ))? > 0)
}

/// Creates the ledger and the model's row in the fence, in a transaction of its own. Several runs may do so at once: who comes second waits.
pub(crate) fn create(job: &mut Job, run: &RunIdentity) -> Result<(), ExactError> {
    let mut patience = 200;
    loop {
        let outcome = create_once(job, run);
        match outcome {
            Err(ExactError::Conflict { .. }) if patience > 0 => {
                patience -= 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

fn create_once(job: &mut Job, run: &RunIdentity) -> Result<(), ExactError> {
    job.begin()?;
    let ledger = schema(&job.model.relation);
    let tables = TABLES
        .replace("{ledger}", &ledger)
        .replace("{version}", &VERSION.to_string())
        .replace("{now}", &moment(run.started_at))
        .replace("{key}", job.dialect.key_type())
        .replace("{sum}", job.dialect.sum_type());
    let schema = job.dialect.create_schema(&job.model.relation.database, "highwater");
    let model = quote_literal(&job.model.unique_id);
    let result = job
        .execute(&schema)
        .and_then(|_| job.execute(&tables))
        .and_then(|_| {
            job.execute(&format!(
                "insert into {ledger}.fence select {model}, 0 where not exists (select 1 from {ledger}.fence where model = {model})"
            ))
        })
        .and_then(|_| job.connection.commit().map_err(|error| job.error(error)));
    if result.is_err() {
        rollback(job);
    }
    result
}

/// Gives up a transaction that failed. What failed is what matters; a failed commit has no transaction left to roll back.
pub(crate) fn rollback(job: &mut Job) {
    if let Err(error) = job.connection.rollback() {
        tracing::debug!(%error, "rollback");
    }
}

/// Raises the model's epoch. A run that has committed since this transaction's snapshot, or is about to, makes this fail.
pub(crate) fn fence(job: &mut Job) -> Result<(), ExactError> {
    let raised = job.execute(&format!(
        "update {}.fence set epoch = epoch + 1 where model = {}",
        schema(&job.model.relation),
        quote_literal(&job.model.unique_id)
    ))?;
    if raised == 0 { Err(job.broken("it has no row in the fence")) } else { Ok(()) }
}

/// Replaces the model's row.
pub(crate) fn write_model(job: &mut Job, row: &ModelRow, mode: &str, run: &RunIdentity) -> Result<(), ExactError> {
    let ledger = schema(&job.model.relation);
    let model = quote_literal(&job.model.unique_id);
    job.execute(&format!("delete from {ledger}.models where model = {model}"))?;
    job.execute(&format!(
        "insert into {ledger}.models values ({model}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
        quote_literal(&job.model.relation.sql()),
        quote_literal(&row.logic_version),
        quote_literal(&row.logic.to_string()),
        row.salt,
        row.change_seq,
        quote_literal(mode),
        quote_literal(&run.run_id),
        quote_literal(&run.invocation_id),
        moment(run.started_at)
    ))?;
    Ok(())
}

/// Records the run.
pub(crate) fn write_run(job: &mut Job, row: &RunRow, run: &RunIdentity) -> Result<(), ExactError> {
    let reason = row.reason.as_deref().map_or_else(|| "null".to_owned(), quote_literal);
    let finished = crate::clock::now().unwrap_or(run.started_at);
    job.execute(&format!(
        "insert into {}.runs values ({}, {}, {}, {}, {}, {}, {reason}, {}, {}, {}, {}, {})",
        schema(&job.model.relation),
        quote_literal(&run.run_id),
        quote_literal(&run.invocation_id),
        quote_literal(&job.model.unique_id),
        moment(run.started_at),
        moment(finished),
        quote_literal(row.what),
        row.dirty,
        row.replaced,
        row.unchanged,
        row.deleted,
        row.inserted
    ))?;
    Ok(())
}

/// A moment as a literal, in UTC.
fn moment(timestamp: Timestamp) -> String {
    let utc = timestamp.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    format!("timestamp '{} {}'", utc.date(), utc.time())
}
