//! Tuples: whether a PostgreSQL table holds the same versions of its rows as when the ledger last saw it, and in which intervals it does not.
//!
//! A fingerprint adds up what rows hold, which costs PostgreSQL half a microsecond a row. It never changes a row in place, though: whoever writes one writes
//! a new tuple, which bears the id of the transaction. To add those ids up costs little more than to count the rows; only intervals in which they differ are
//! fingerprinted. Nobody promises anything for it: a row that was written and is what it was (a table that is loaded anew every night) is found to be so by
//! its fingerprint, as ever.
//!
//! **Why that is enough.** A snapshot sees all of a transaction or nothing of it. So what one snapshot sees of a table and an earlier one did not bears
//! ids that the earlier one saw nowhere; and what both see has not changed, nor has its group. If a group has the same ids now, as often as before, it has
//! no tuple that the earlier snapshot did not see; and as it has no fewer, it has lost none. What makes two sums of hashes equal otherwise is the
//! chance of 2⁻⁶³ that any two fingerprints have. That one id means one transaction, and a tuple always the same values, is what the engine answers for
//! ([`Connection::tuples_of`]).
//!
//! This is not a watermark. "Rows with an id beyond the last one seen" misses transactions that began before and ended after, and those within others
//! (savepoints), which snapshots do not list; here ids are only ever held against those stored, of all rows.
//!
//! [`Connection::tuples_of`]: crate::engine::Connection::tuples_of

use highwater_sql::Group;

use crate::engine::{Relation, quote_literal};
use crate::exact::error::ExactError;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::prepare::Input;
use crate::exact::scans::Kept;

/// The tuples of a table's rows that a probe looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tuples {
    /// Which table, how many rows, and the sum of their ids.
    pub standing: String,
    /// The same by interval, as a table or a query in parentheses: `(p, n, x)`. None of groups that are not intervals: to find a key costs as much as to hash the row.
    groups: Option<String>,
}

/// The tuples that an input holds now; those that another model's scan found, if it is to be relied on. None where tuples do not tell rows.
///
/// # Errors
/// When the input cannot be read.
pub(super) fn look(
    job: &mut Job,
    input: &Input,
    index: usize,
    salt: u64,
    kept: Option<&Kept>,
) -> Result<Option<Tuples>, ExactError> {
    let probe = &input.probe;
    let by_interval = matches!(probe.group, Group::Interval { .. });
    if let Some(kept) = kept {
        let groups = format!("(select interval_start as p, row_count as n, tuples as x from {})", kept.groups);
        let tuples = kept.tuples.clone().map(|standing| Tuples { standing, groups: by_interval.then_some(groups) });
        return Ok(tuples);
    }
    if !has_tuples(input) {
        return Ok(None);
    }
    let filter = probe.filter.as_ref().map_or_else(String::new, |filter| format!(" where ({filter}\n)"));
    let Some((table, sum)) = told_by_tuples(job, &input.relation, salt)? else { return Ok(None) };
    let rows = format!("{}{filter}", input.relation.sql());
    let Group::Interval { expression, unit, .. } = &probe.group else {
        let standing = added_up(job, &table, &format!("select count(*), {sum} from {rows}"))?;
        return Ok(Some(Tuples { standing, groups: None }));
    };
    let (group, id) = job.dialect.interval_group(expression, *unit);
    let groups = job.store(
        &format!("tuples_{index}"),
        &format!(
            "select {id} as p, n, x from (select {group}, count(*), {sum} from {rows} group by 1) as taken(p, n, x)"
        ),
    )?;
    let standing = added_up(job, &table, &format!("select sum(n), sum(x) from {groups}"))?;
    Ok(Some(Tuples { standing, groups: Some(groups) }))
}

/// Whether tuples are among what a probe looks at: what it computes has none, and what moves with the clock is other rows at another time.
fn has_tuples(input: &Input) -> bool {
    input.probe.rows.is_none() && !input.probe.moving && input.files.is_none() && input.declared.is_none()
}

/// Whether the rows of an input are told by their tuples.
///
/// # Errors
/// When the database cannot be asked.
pub(crate) fn tells(job: &mut Job, input: &Input) -> Result<bool, ExactError> {
    let relation = &input.relation;
    Ok(has_tuples(input) && job.connection.tuples_of(relation).map_err(|error| job.error(error))?.is_some())
}

/// What all the tuples of a table come to. None where tuples do not tell rows.
///
/// # Errors
/// When the table cannot be read.
pub(crate) fn standing(job: &mut Job, relation: &Relation, salt: u64) -> Result<Option<String>, ExactError> {
    let Some((table, sum)) = told_by_tuples(job, relation, salt)? else { return Ok(None) };
    added_up(job, &table, &format!("select count(*), {sum} from {}", relation.sql())).map(Some)
}

/// Which table it is, and the expression for the sum of its tuples' ids.
fn told_by_tuples(job: &mut Job, relation: &Relation, salt: u64) -> Result<Option<(String, String)>, ExactError> {
    let Some(sum) = job.dialect.tuples(salt) else { return Ok(None) };
    let table = job.connection.tuples_of(relation).map_err(|error| job.error(error))?;
    Ok(table.map(|table| (table, sum)))
}

fn added_up(job: &mut Job, table: &str, query: &str) -> Result<String, ExactError> {
    let sums = job.query(query)?;
    let sums: Vec<String> = sums.rows.iter().flatten().map(ToString::to_string).collect();
    Ok(format!("{table} {}", sums.join(" ")))
}

/// Whether two standings are of the same tuples.
pub(crate) fn same(job: &Job, now: &str, before: &str) -> bool {
    let told = |standing: &str| match standing.rsplit_once(' ') {
        Some((rows, _)) if job.counts_only() => rows.to_owned(),
        _ => standing.to_owned(),
    };
    told(now) == told(before)
}

/// Whether two sides of an interval, `(n, x)`, are not equal. An earlier release has written no sums.
const TUPLES_DIFFER: &str = "count(x) <> 2 or min(n) <> max(n) or min(x) <> max(x)";

/// The same for a test that must notice that it is not enough.
const COUNTS_DIFFER: &str = "count(n) <> 2 or min(n) <> max(n)";

/// The intervals whose tuples are others than those stored: a temporary table with a column `p`. None when that cannot be said: of another table than the one
/// that was seen, and of groups that are not intervals.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) fn others(
    job: &mut Job,
    input: &Input,
    index: usize,
    now: &Tuples,
    seen: &str,
) -> Result<Option<String>, ExactError> {
    let Some(groups) = now.groups.as_ref().filter(|_| table_of(seen) == table_of(&now.standing)) else {
        return Ok(None);
    };
    let ledger = ledger::schema(&job.model.relation);
    let set = job.store(
        &format!("others_{index}"),
        &format!(
            "select p from (select p, n, x from {groups} as now union all \
             select interval_start, row_count, tuples from {ledger}.fingerprints where model = {} and probe = {}) as sides(p, n, x) \
             group by p having {}",
            job.id(),
            quote_literal(&input.id),
            if job.counts_only() { COUNTS_DIFFER } else { TUPLES_DIFFER }
        ),
    )?;
    Ok(Some(set))
}

/// All of a standing but the two sums at its end.
fn table_of(standing: &str) -> Option<&str> {
    standing.rsplitn(3, ' ').nth(2)
}

/// Writes the tuples of every interval beside its fingerprint.
///
/// # Errors
/// When the ledger cannot be written.
pub(super) fn record(job: &mut Job, input: &Input, tuples: &Tuples) -> Result<(), ExactError> {
    let Some(groups) = &tuples.groups else { return Ok(()) };
    let table = format!("{}.fingerprints", ledger::schema(&job.model.relation));
    let own = format!("seen.model = {} and seen.probe = {}", job.id(), quote_literal(&input.id));
    // Two statements, because neither a hash nor an index serves `is not distinct from`.
    for same in ["seen.interval_start = now.p", "seen.interval_start is null and now.p is null"] {
        job.execute(&format!(
            "update {table} as seen set tuples = now.x from {groups} as now \
             where {own} and {same} and seen.tuples is distinct from now.x"
        ))?;
    }
    Ok(())
}
