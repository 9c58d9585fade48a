//! Versions: rows at or beyond the newest version seen, for tables whose writers promise to give every row they write a new one.
//!
//! Looking only beyond the newest version would lose rows that share it and were committed later. So the rows that have exactly that version
//! are remembered by their fingerprint (the tail), and compared again. What has changed is then decided by the full fingerprints of the groups
//! in question: of those in which a new version turned up, and of those whose audit is due.
//!
//! Where the version is the id of a transaction, `transactions.rs` says which rows are new; the tail is then what the run's own transaction wrote.

use highwater_sql::Group;
use serde::{Deserialize, Serialize};

use crate::engine::{Cell, quote_literal};
use crate::exact::axis::within;
use crate::exact::declare::{Declared, Detect};
use crate::exact::dirty::plural;
use crate::exact::error::ExactError;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::prepare::Input;
use crate::exact::slice::Filter;

use super::audit::{Due, due};
use super::fingerprint::{self, group_id};
use super::transactions;

/// How far a table's versions have been seen; kept in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    /// The column of versions; empty where an earlier release wrote the token.
    #[serde(default)]
    column: String,
    /// The newest version, as text; none when there was no row. Of transactions, what had been seen of them.
    version: Option<String>,
    /// Rows of the table, where their number is part of the promise.
    rows: Option<u64>,
    /// Rows of the table that had that version, or none at all.
    tail: u64,
    /// The day up to which the audit went, in days since 1970.
    audited: i64,
}

/// What was found.
pub(super) struct Seen {
    /// Temporary table `(p, n, f)` of the groups that were looked at; none when no group was.
    pub now: Option<String>,
    /// The query for groups that differ from those stored: `(p, rows_before, rows_now)`.
    pub changed: Option<String>,
    /// How far versions have been seen now.
    pub token: Token,
    /// Temporary table `(p, n, f)` of the rows to remember by their fingerprint.
    pub tail: String,
    /// How the promise turned out to be broken, if it did.
    pub broken: Option<String>,
}

/// The name of the tail among the probes of the ledger.
pub(super) fn tail_id(input: &Input) -> String {
    format!("{}/tail", input.id)
}

/// The newest version, and the number of rows where it is part of the promise.
struct Newest {
    version: Option<String>,
    rows: Option<u64>,
}

/// Rows at or beyond a version, and those without one.
fn beyond(job: &mut Job, input: &Input, declared: &Declared, version: Option<&str>) -> Result<String, ExactError> {
    let column = job.dialect.quote(&declared.version);
    let Some(version) = version else { return Ok("true".to_owned()) };
    if declared.by_transaction {
        return Ok(transactions::unseen(&column, version));
    }
    let operator = if job.strictly_beyond() { ">" } else { ">=" };
    let newer = format!("{column} {operator} {}", quote_literal(version));
    // Mostly there are none, and a range alone lets the engine skip blocks.
    let without = job.count(&format!("select count(*) from {} where {column} is null", input.relation.sql()))?;
    Ok(if without == 0 { newer } else { format!("({newer} or {column} is null)") })
}

/// The fingerprints of rows, whether they pass the query's filter or not: one that does not may have passed it before it was written anew.
fn take_all(job: &mut Job, input: &Input, name: &str, salt: u64, rows: &str) -> Result<String, ExactError> {
    let mut unfiltered = input.clone();
    unfiltered.probe.filter = None;
    fingerprint::take_where(job, &unfiltered, name, salt, Some(rows))
}

/// How many rows a table of fingerprints `(p, n, f)` is of.
fn counted(job: &mut Job, taken: &str) -> Result<u64, ExactError> {
    job.count(&format!("select sum(n)::bigint from {taken}"))
}

fn newest(job: &mut Job, input: &Input, declared: &Declared) -> Result<Newest, ExactError> {
    let table = input.relation.sql();
    let version = if declared.by_transaction {
        transactions::seen_now(job)?
    } else {
        let column = job.dialect.quote(&declared.version);
        let found = job.query(&format!("select cast(max({column}) as varchar) from {table}"))?;
        found.scalar().and_then(Cell::as_text).map(str::to_owned)
    };
    // DuckDB knows it; PostgreSQL reads every row for it.
    let counts = declared.detect == Detect::AppendOnly;
    let rows = if counts { Some(job.count(&format!("select count(*) from {table}"))?) } else { None };
    Ok(Newest { version, rows })
}

/// What to remember of a table that is seen for the first time, or anew: the token and the table of the tail.
///
/// # Errors
/// When the table cannot be read.
pub(super) fn begin(
    job: &mut Job,
    input: &Input,
    declared: &Declared,
    index: usize,
    salt: u64,
) -> Result<(Token, String), ExactError> {
    let newest = newest(job, input, declared)?;
    remember(job, input, declared, index, salt, newest)
}

fn remember(
    job: &mut Job,
    input: &Input,
    declared: &Declared,
    index: usize,
    salt: u64,
    newest: Newest,
) -> Result<(Token, String), ExactError> {
    let rows = beyond(job, input, declared, newest.version.as_deref())?;
    let tail = take_all(job, input, &format!("tail_{index}"), salt, &rows)?;
    let count = counted(job, &tail)?;
    let Newest { version, rows } = newest;
    let token = Token { column: declared.version.clone(), version, rows, tail: count, audited: job.today() };
    Ok((token, tail))
}

/// Looks at a table that was seen before.
///
/// # Errors
/// When it cannot be read.
pub(super) fn observe(
    job: &mut Job,
    input: &Input,
    declared: &Declared,
    before: &Token,
    index: usize,
    salt: u64,
) -> Result<Seen, ExactError> {
    if !continues(job, declared, before)? {
        let (now, changed) = everything(job, input, index, salt)?;
        let (token, tail) = begin(job, input, declared, index, salt)?;
        return Ok(Seen { now: Some(now), changed: Some(changed), token, tail, broken: None });
    }
    let rows = beyond(job, input, declared, before.version.as_deref())?;
    let newer = take_all(job, input, &format!("newer_{index}"), salt, &rows)?;
    let query =
        format!("select p from ({}) as changed", fingerprint::changed_among(job, input, &tail_id(input), &newer, None));
    let touched = job.store(&format!("touched_{index}"), &query)?;
    let mut newest = newest(job, input, declared)?;
    if declared.by_transaction && job.count(&format!("select count(*) from {touched}"))? == 0 {
        // What was seen before tells as much, and a run that finds nothing new has nothing to write down.
        newest.version.clone_from(&before.version);
    }
    let count = counted(job, &newer)?;
    let mut broken = shrunk(job, before, &newest, count);
    let days = if job.audits() { declared.audit_days } else { None };
    let due = due(before.audited, job.today(), days);
    let (mut token, tail) = remember(job, input, declared, index, salt, newest)?;
    if due.is_none() {
        token.audited = before.audited;
    }
    let looked = if broken.is_some() {
        Some(everything(job, input, index, salt)?)
    } else {
        match some(job, input, index, salt, &touched, due.as_ref())? {
            Some((now, changed)) => match unversioned(job, input, declared, &changed, &touched)? {
                Some(words) => {
                    broken = Some(words);
                    Some(everything(job, input, index, salt)?)
                }
                None => Some((now, changed)),
            },
            None => None,
        }
    };
    let (now, changed) = looked.unzip();
    Ok(Seen { now, changed, token, tail, broken })
}

/// Whether what was remembered speaks of the same versions as those of now.
fn continues(job: &mut Job, declared: &Declared, before: &Token) -> Result<bool, ExactError> {
    if before.column != declared.version {
        return Ok(false);
    }
    if !declared.by_transaction {
        return Ok(true);
    }
    let now = transactions::seen_now(job)?;
    Ok(before.version.as_deref().zip(now.as_deref()).is_some_and(|(before, now)| transactions::continues(before, now)))
}

/// Groups that changed although none of their rows has a new version, where that was promised not to happen.
fn unversioned(
    job: &mut Job,
    input: &Input,
    declared: &Declared,
    changed: &str,
    touched: &str,
) -> Result<Option<String>, ExactError> {
    if declared.detect == Detect::RowVersion && !declared.no_deletes {
        return Ok(None);
    }
    let count =
        job.count(&format!("select count(*) from ({changed}) as changed where not {}", within("p", touched)))?;
    let groups = plural(count, &part(&input.probe.group));
    Ok((count > 0).then(|| format!("{groups} changed without a new {}", declared.version)))
}

/// What a table is looked at by.
pub(crate) fn part(group: &Group) -> String {
    match group {
        Group::Interval { unit, .. } => unit.word().to_owned(),
        Group::Key { expressions } | Group::Values { expressions } => expressions.join(", ").replace('"', ""),
        Group::Whole => "table".to_owned(),
    }
}

/// Rows that are gone although none ever goes: the newest version fell, or rows were written once and are fewer now.
fn shrunk(job: &Job, before: &Token, newest: &Newest, beyond: u64) -> Option<String> {
    if !job.audits() {
        return None;
    }
    if before.version.is_some() && newest.version.is_none() {
        return Some("all rows are gone".to_owned());
    }
    let kept = before.rows?.saturating_sub(before.tail) + beyond;
    let now = newest.rows?;
    (now != kept).then(|| format!("{now} rows where {kept} should be"))
}

/// The fingerprints of all groups, and the query for those that differ.
fn everything(job: &mut Job, input: &Input, index: usize, salt: u64) -> Result<(String, String), ExactError> {
    let now = fingerprint::take_where(job, input, &format!("now_{index}"), salt, None)?;
    let changed = fingerprint::changed_among(job, input, &input.id, &now, None);
    Ok((now, changed))
}

/// The fingerprints of the groups that were touched or are due, and the query for those that differ.
fn some(
    job: &mut Job,
    input: &Input,
    index: usize,
    salt: u64,
    touched: &str,
    due: Option<&Due>,
) -> Result<Option<(String, String)>, ExactError> {
    if due.is_none() && job.count(&format!("select count(*) from {touched}"))? == 0 {
        return Ok(None);
    }
    let dialect = job.dialect;
    let among = |id: &str| {
        let touched = within(id, touched);
        due.map_or(touched.clone(), |due| format!("({touched} or {})", due.condition(dialect, id)))
    };
    let rows = match (&input.probe.group, due) {
        // By a range on the raw column the engine skips blocks, which membership does not let it.
        (Group::Interval { expression, unit, .. }, None) => {
            Filter::intervals(job, *unit, touched)?.interval(expression, *unit)
        }
        (group, _) => among(&group_id(dialect, group)),
    };
    let now = fingerprint::take_where(job, input, &format!("now_{index}"), salt, Some(&rows))?;
    let stored = among(fingerprint::ledger_column(&input.probe.group));
    let changed = fingerprint::changed_among(job, input, &input.id, &now, Some(&stored));
    Ok(Some((now, changed)))
}

/// Writes down how far versions have been seen: the rows to remember. The token goes with the input's own row.
///
/// # Errors
/// When the ledger cannot be written.
pub(super) fn record(job: &mut Job, input: &Input, tail: &str) -> Result<(), ExactError> {
    let schema = ledger::schema(&job.model.relation);
    let (model, probe) = (job.id(), quote_literal(&tail_id(input)));
    job.execute(&format!("delete from {schema}.fingerprints where model = {model} and probe = {probe}"))?;
    job.execute(&format!(
        "insert into {schema}.fingerprints (model, probe, {}, row_count, fingerprint) select {model}, {probe}, p, n, f from {tail}",
        fingerprint::ledger_column(&input.probe.group)
    ))?;
    Ok(())
}
