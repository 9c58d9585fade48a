//! The ledger: what every partition of every exact model was built from, in schema `highwater` of the target database.
//!
//! | table | one row per | holds |
//! | --- | --- | --- |
//! | `ledger` | ledger | its version |
//! | `fence` | model | an epoch that every writing run raises: two runs at once cannot both commit |
//! | `leases` | model | who is building it, and how long that counts |
//! | `models` | model | logic, salt, number of its last change |
//! | `partitions` | partition | rows, fingerprint, number of its last change; a partition that lost all rows stays, with none |
//! | `inputs` | model and probe | how far an input has been seen |
//! | `fingerprints` | model, probe and group | what the input held then |
//! | `runs` | run that found something | what it did |
//! | `dirty` | partition that stays dirty whatever its inputs say | why, and since when |
//! | `verdicts` | comparison with a rebuild | what it came to |
//! | `compared` | partition that was compared | when last, and what was found |
//! | `reserved` | partition that a backfill works on | which backfill |
//! | `backfills` | backfill | its state, and the record of what was done |
//! | `backfill_models` | backfill and model | where its staged and its old rows are |
//! | `backfill_partitions` | backfill, model and partition | its batch, and what the table held before and after |
//!
//! Data and ledger change in one transaction. There are no primary keys: DuckDB checks them against rows deleted in the same transaction. On
//! PostgreSQL the largest tables have an index by model.

use std::time::Duration;

use highwater_sql::Dialect;
use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{Cell, Connection, EngineError, Relation, quote_identifier, quote_literal};

use super::cost::Forecast;
use super::error::ExactError;
use super::job::{Job, number};
use super::lost;
use super::model::RunIdentity;

/// The version this code writes. The first had no leases, no tokens of detectors and no times of runs, the second kept no values of
/// groups, the third neither marks nor verdicts nor backfills, the fourth no times of backfills, the fifth no indexes on PostgreSQL, the sixth no tuples.
const VERSION: i128 = 7;

const TABLES: &str = "
create table if not exists {ledger}.ledger (version integer, created_at timestamp);
create table if not exists {ledger}.fence (model varchar, epoch bigint);
create table if not exists {ledger}.leases (
    model varchar, run_id varchar, host varchar, process bigint, token varchar, since timestamp, expires_at timestamp);
create table if not exists {ledger}.models (
    model varchar, relation varchar, logic_version varchar, logic varchar, salt bigint, change_seq bigint,
    mode varchar, run_id varchar, invocation_id varchar, built_at timestamp, audited bigint, tuples varchar);
create table if not exists {ledger}.partitions (
    model varchar, interval_start timestamp, key_hash {key}, row_count bigint, fingerprint {sum},
    logic_version varchar, run_id varchar, changed_seq bigint);
create table if not exists {ledger}.inputs (
    model varchar, probe varchar, relation varchar, detector varchar, parent varchar, seen_seq bigint, run_id varchar,
    token varchar);
create table if not exists {ledger}.fingerprints (
    model varchar, probe varchar, interval_start timestamp, key_hash {key}, row_count bigint, fingerprint {sum}, carried varchar[],
    tuples {sum});
create table if not exists {ledger}.runs (
    run_id varchar, invocation_id varchar, model varchar, started_at timestamp, finished_at timestamp, what varchar, reason varchar,
    dirty bigint, replaced bigint, unchanged bigint, rows_deleted bigint, rows_inserted bigint,
    detect_seconds double precision, build_seconds double precision, foreseen_seconds double precision, rebuild_seconds double precision);
create table if not exists {ledger}.reserved (model varchar, interval_start timestamp, key_hash {key}, backfill varchar);
create table if not exists {ledger}.backfills (
    backfill varchar, hash varchar, state varchar, record varchar, planned_at timestamp, changed_at timestamp);
create table if not exists {ledger}.backfill_models (
    backfill varchar, model varchar, place bigint, salt bigint, stage varchar, kept varchar, logic_version varchar, logic varchar);
create table if not exists {ledger}.backfill_partitions (
    backfill varchar, model varchar, interval_start timestamp, key_hash {key}, batch bigint, staged boolean,
    rows_before bigint, fingerprint_before {sum}, rows_after bigint, fingerprint_after {sum}, seconds double precision);
create table if not exists {ledger}.dirty (
    model varchar, interval_start timestamp, key_hash {key}, kind varchar, detail varchar, since timestamp, run_id varchar);
create table if not exists {ledger}.verdicts (
    model varchar, verified_at timestamp, run_id varchar, outcome varchar, reason varchar, scope varchar,
    partitions bigint, compared bigint, differing bigint, seconds double precision, logic varchar);
create table if not exists {ledger}.compared (
    model varchar, interval_start timestamp, key_hash {key}, label varchar, verified_at timestamp, differs boolean,
    missing bigint, extra bigint, changed bigint, columns varchar, cause varchar, row_count bigint, fingerprint {sum});
";

/// The names of all of them.
const NAMES: &[&str] = &[
    "ledger",
    "fence",
    "leases",
    "models",
    "partitions",
    "inputs",
    "fingerprints",
    "runs",
    "dirty",
    "verdicts",
    "compared",
    "reserved",
    "backfills",
    "backfill_models",
    "backfill_partitions",
];

/// What finds the rows of one model among those of many, where the engine does not skip blocks by itself.
const INDEXES: &str = "
create index if not exists partitions_model on {ledger}.partitions (model);
create index if not exists fingerprints_probe on {ledger}.fingerprints (model, probe);
create index if not exists runs_model on {ledger}.runs (model);
";

/// What a ledger of the first version lacks. It had the project's names of models where there are tables now.
const UPGRADE: &str = "
alter table {ledger}.models add column if not exists audited bigint;
alter table {ledger}.inputs add column if not exists token varchar;
alter table {ledger}.runs add column if not exists detect_seconds double precision;
alter table {ledger}.runs add column if not exists build_seconds double precision;
alter table {ledger}.runs add column if not exists foreseen_seconds double precision;
alter table {ledger}.runs add column if not exists rebuild_seconds double precision;
alter table {ledger}.fingerprints add column if not exists carried varchar[];
alter table {ledger}.backfill_partitions add column if not exists seconds double precision;
alter table {ledger}.models add column if not exists tuples varchar;
alter table {ledger}.fingerprints add column if not exists tuples {sum};
update {ledger}.inputs set parent = (select {table} from {ledger}.models as m where m.model = inputs.parent)
    where parent in (select model from {ledger}.models);
update {ledger}.fence set model = (select {table} from {ledger}.models as m where m.model = fence.model)
    where model in (select model from {ledger}.models);
update {ledger}.partitions set model = (select {table} from {ledger}.models as m where m.model = partitions.model)
    where model in (select model from {ledger}.models);
update {ledger}.inputs set model = (select {table} from {ledger}.models as m where m.model = inputs.model)
    where model in (select model from {ledger}.models);
update {ledger}.fingerprints set model = (select {table} from {ledger}.models as m where m.model = fingerprints.model)
    where model in (select model from {ledger}.models);
update {ledger}.runs set model = (select {table} from {ledger}.models as m where m.model = runs.model)
    where model in (select model from {ledger}.models);
update {ledger}.models as m set model = {table};
update {ledger}.ledger set version = {version};
";

/// A model's table without its database, from the column `relation`: schema and name in quotes.
const TABLE: &str = "replace(substr(m.relation, strpos(m.relation, '.') + 1), '\"', '')";

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
    /// The day up to which its table was compared with the ledger, in days since 1970.
    pub audited: i64,
    /// The tuples that its table held when the partitions were written down; none where tuples do not tell rows.
    pub tuples: Option<String>,
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
    /// Seconds that finding the changes took.
    pub detect_seconds: f64,
    /// Seconds that building and swapping took.
    pub build_seconds: f64,
    /// What they were foreseen to be, and what a build of everything would take.
    pub forecast: Forecast,
}

/// The ledger's schema in the database of a relation, in SQL.
pub(crate) fn schema(relation: &Relation) -> String {
    format!("{}.highwater", quote_identifier(&relation.database))
}

/// What a model goes by in the ledger of its database: its table, so that targets in several schemas keep out of each other's way.
pub(crate) fn id(relation: &Relation) -> String {
    format!("{}.{}", relation.schema, relation.identifier)
}

/// Whether all of some tables of the ledger are in the database of a relation.
///
/// # Errors
/// The engine's own message.
pub(crate) fn is_there(
    connection: &mut dyn Connection,
    relation: &Relation,
    names: &[&str],
) -> Result<bool, EngineError> {
    connection.has_tables(&relation.database, "highwater", names)
}

/// Whether the database of a relation holds a ledger, in the form this code writes: an earlier one is brought to it by [`create`]. Fails on one
/// from a later version.
pub(crate) fn exists(job: &mut Job, relation: &Relation) -> Result<bool, ExactError> {
    if !is_there(job.connection, relation, NAMES).map_err(|error| job.error(error))? {
        return Ok(false);
    }
    let table = job.query(&format!("select max(version) from {}.ledger", schema(relation)))?;
    match table.scalar().and_then(Cell::as_integer) {
        Some(found) if found > VERSION => Err(ExactError::NewerLedger { found, known: VERSION }),
        // An earlier one is brought up to ours before anything else is done with it.
        version => Ok(version == Some(VERSION)),
    }
}

/// The row of a model, by its table; the ledger must exist.
pub(crate) fn model(job: &mut Job, relation: &Relation) -> Result<Option<ModelRow>, ExactError> {
    let table = job.query(&format!(
        "select logic_version, logic, salt, change_seq, coalesce(audited, 0), tuples from {}.models where model = {}",
        schema(relation),
        quote_literal(&id(relation))
    ))?;
    Ok(table.rows.first().map(|row| ModelRow {
        logic_version: row[0].to_string(),
        logic: serde_json::from_str(&row[1].to_string()).unwrap_or(Value::Null),
        salt: number(&row[2]),
        change_seq: number(&row[3]),
        audited: row[4].as_integer().and_then(|day| i64::try_from(day).ok()).unwrap_or(0),
        tuples: row[5].as_text().map(str::to_owned),
    }))
}

/// The model's epoch, if it has its rows in the fence and among the leases.
pub(crate) fn epoch(job: &mut Job) -> Result<Option<u64>, ExactError> {
    let relation = job.model.relation.clone();
    if !exists(job, &relation)? {
        return Ok(None);
    }
    let [rows, epoch] = job.numbers(&format!(
        "select count(*), max(fence.epoch) from {0}.fence as fence join {0}.leases as leases on fence.model = leases.model \
         where fence.model = {1}",
        schema(&relation),
        job.id()
    ))?;
    Ok((rows > 0).then_some(epoch))
}

/// Creates the ledger, or brings it up to date, in a transaction of its own; for those who have no use for a fence.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn ensure(job: &mut Job, run: &RunIdentity) -> Result<(), ExactError> {
    job.connection.begin().map_err(|error| job.error(error))?;
    let made = make_tables(job, run).and_then(|()| job.connection.commit().map_err(|error| job.error(error)));
    if made.is_err() {
        rollback(job);
    }
    made
}

/// Creates the ledger and the model's row in the fence, in a transaction of its own. Several runs may do so at once: who comes second waits.
pub(crate) fn create(job: &mut Job, run: &RunIdentity) -> Result<(), ExactError> {
    let mut patience = 200;
    loop {
        job.connection.keep_books(true);
        let outcome = create_once(job, run);
        job.connection.keep_books(false);
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
    job.connection.begin().map_err(|error| job.error(error))?;
    let ledger = schema(&job.model.relation);
    let model = job.id();
    let rows = format!(
        "insert into {ledger}.fence select {model}, 0 where not exists (select 1 from {ledger}.fence where model = {model}); \
         insert into {ledger}.leases (model) select {model} where not exists (select 1 from {ledger}.leases where model = {model})"
    );
    let result = make_tables(job, run)
        .and_then(|()| job.execute(&rows))
        .and_then(|_| lost::forget(job))
        .and_then(|()| job.connection.commit().map_err(|error| job.error(error)));
    if result.is_err() {
        rollback(job);
    }
    result
}

/// Makes the tables of the ledger, or brings those of an earlier version up to date. What is as it should be is not locked.
fn make_tables(job: &mut Job, run: &RunIdentity) -> Result<(), ExactError> {
    let relation = job.model.relation.clone();
    if exists(job, &relation)? {
        return Ok(());
    }
    let ledger = schema(&relation);
    let dialect = job.dialect;
    let written = |text: &str| {
        text.replace("{ledger}", &ledger)
            .replace("{version}", &VERSION.to_string())
            .replace("{now}", &moment(run.started_at))
            .replace("{table}", TABLE)
            .replace("{key}", dialect.key_type())
            .replace("{sum}", dialect.sum_type())
    };
    job.execute(&dialect.create_schema(&relation.database, "highwater"))?;
    job.execute(&written(TABLES))?;
    if dialect == Dialect::Postgres {
        job.execute(&written(INDEXES))?;
    }
    if job.count(&format!("select count(*) from {ledger}.ledger where version < {VERSION}"))? > 0 {
        job.execute(&written(UPGRADE))?;
    }
    job.execute(&written(
        "insert into {ledger}.ledger select {version}, {now} where not exists (select 1 from {ledger}.ledger)",
    ))?;
    Ok(())
}

/// Takes away what is known of a table that is no longer kept; what runs did stays.
pub(crate) fn forget(job: &mut Job, relation: &Relation) -> Result<(), ExactError> {
    let (ledger, model) = (schema(relation), quote_literal(&id(relation)));
    for table in ["fence", "leases", "models", "partitions", "inputs", "fingerprints", "dirty", "verdicts", "compared"]
    {
        job.execute(&format!("delete from {ledger}.{table} where model = {model}"))?;
    }
    Ok(())
}

/// Takes away what is left of one of the same name, for a model that is not known: its partitions, and how far others had seen it. The numbers of its
/// changes begin again, and would tell them nothing.
pub(crate) fn begin_anew(job: &mut Job) -> Result<(), ExactError> {
    let (ledger, model) = (schema(&job.model.relation), job.id());
    job.execute(&format!("delete from {ledger}.partitions where model = {model}"))?;
    job.execute(&format!("delete from {ledger}.inputs where parent = {model}")).map(drop)
}

/// Gives up a transaction that failed. What failed is what matters; a failed commit has no transaction left to roll back.
pub(crate) fn rollback(job: &mut Job) {
    if let Err(error) = job.connection.rollback() {
        tracing::debug!(%error, "rollback");
    }
}

/// Raises the model's epoch from what it was in this transaction's snapshot. A run that has committed since, or is about to, makes this fail.
pub(crate) fn fence(job: &mut Job, epoch: u64) -> Result<(), ExactError> {
    let raised = job.execute(&format!(
        "update {}.fence set epoch = epoch + 1 where model = {} and epoch = {epoch}",
        schema(&job.model.relation),
        job.id()
    ))?;
    if raised == 0 {
        let message = format!("its epoch is no longer {epoch}");
        return Err(job.error(EngineError::Conflict { message }));
    }
    job.reach("fenced");
    Ok(())
}

/// Replaces the model's row.
pub(crate) fn write_model(job: &mut Job, row: &ModelRow, mode: &str, run: &RunIdentity) -> Result<(), ExactError> {
    let ledger = schema(&job.model.relation);
    let model = job.id();
    job.execute(&format!("delete from {ledger}.models where model = {model}"))?;
    job.execute(&format!(
        "insert into {ledger}.models (model, relation, logic_version, logic, salt, change_seq, mode, run_id, invocation_id, built_at, audited, tuples) \
         values ({model}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
        quote_literal(&job.model.relation.sql()),
        quote_literal(&row.logic_version),
        quote_literal(&row.logic.to_string()),
        row.salt,
        row.change_seq,
        quote_literal(mode),
        quote_literal(&run.run_id),
        quote_literal(&run.invocation_id),
        moment(run.started_at),
        row.audited,
        row.tuples.as_deref().map_or_else(|| "null".to_owned(), quote_literal)
    ))?;
    Ok(())
}

/// Writes down that a model's table was compared with the ledger up to a day.
pub(crate) fn write_audit(job: &mut Job, day: i64) -> Result<(), ExactError> {
    let (ledger, model) = (schema(&job.model.relation), job.id());
    job.execute(&format!("update {ledger}.models set audited = {day} where model = {model}")).map(drop)
}

/// Records the run.
pub(crate) fn write_run(job: &mut Job, row: &RunRow, run: &RunIdentity) -> Result<(), ExactError> {
    let reason = row.reason.as_deref().map_or_else(|| "null".to_owned(), quote_literal);
    let finished = crate::clock::now().unwrap_or(run.started_at);
    job.execute(&format!(
        "insert into {}.runs (run_id, invocation_id, model, started_at, finished_at, what, reason, dirty, replaced, \
         unchanged, rows_deleted, rows_inserted, detect_seconds, build_seconds, foreseen_seconds, rebuild_seconds) \
         values ({}, {}, {}, {}, {}, {}, {reason}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
        schema(&job.model.relation),
        quote_literal(&run.run_id),
        quote_literal(&run.invocation_id),
        job.id(),
        moment(run.started_at),
        moment(finished),
        quote_literal(row.what),
        row.dirty,
        row.replaced,
        row.unchanged,
        row.deleted,
        row.inserted,
        row.detect_seconds,
        row.build_seconds,
        seconds(row.forecast.foreseen),
        seconds(row.forecast.rebuild)
    ))?;
    Ok(())
}

/// Seconds as a literal; NULL where nobody knows them.
fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "null".to_owned(), |seconds| seconds.to_string())
}

/// A moment as a literal, in UTC.
pub(crate) fn moment(timestamp: Timestamp) -> String {
    let utc = timestamp.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    format!("timestamp '{} {}'", utc.date(), utc.time())
}
