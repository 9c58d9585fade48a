//! Comparing two tables by partition: one sum of row hashes per partition and side. The query runs once, into its sums; only the partitions
//! whose sums differ are built again, to look at their rows.
//!
//! Sums of binary fractions depend on the order of their rows, which a rebuild may choose anew. Such columns go into the hashes with nine
//! significant digits; where the sums differ, rows are paired by their other columns and their fractions compared by relative tolerance.

use crate::engine::Column;
use crate::exact::ExactError;
use crate::exact::axis::{Axis, within};
use crate::exact::job::Job;
use crate::exact::prepare::{Prepared, column_names, hashed};
use crate::exact::slice::Filter;

use super::bisect::bisect;
use super::rebuild::Sides;
use super::report::{Outcome, Verdict, VerifyOptions};
use super::rows::{Left, fraction, left};
use super::scope::Scope;

/// Any salt does: both sides are hashed now.
const SALT: u64 = 0x5eed;

/// The partitions that differ, and the rows that make them differ. All are temporary tables.
pub(crate) struct Differences {
    /// Every partition compared: `(p, n_here, n_there, f_there, differs)`.
    pub compared: String,
    /// Those that differ: `(p, n_here, n_there)`.
    pub guilty: String,
    /// Rows on one side only.
    pub left: Left,
    /// The rows of those partitions in a rebuild.
    pub rebuild: String,
}

/// Compares, and writes what was counted into the verdict. Returns what differs, if anything does; the partitions compared are in the
/// temporary table `compared` then, too.
///
/// # Errors
/// When a side cannot be read.
pub(crate) fn compare(
    job: &mut Job,
    prepared: &Prepared,
    sides: &Sides,
    scope: &Scope,
    options: &VerifyOptions,
    verdict: &mut Verdict,
) -> Result<Option<Differences>, ExactError> {
    verdict.columns = column_names(&sides.columns);
    if sides.other_columns {
        verdict.outcome = Outcome::Differs;
    }
    if sides.columns.is_empty() || !sides.partitioned {
        return Ok(None);
    }
    let axis = &prepared.axis;
    let here = sums(job, axis, "sums_here", &sides.table, sides, scope)?;
    let there = sums(job, axis, "sums_there", &sides.rebuild, sides, scope)?;
    let compared = job.store(
        "compared",
        &format!(
            "select p, coalesce(sum(n) filter (where here), 0)::bigint as n_here, coalesce(sum(n) filter (where not here), 0)::bigint as n_there, \
             max(f) filter (where not here) as f_there, count(*) <> 2 or min(n) <> max(n) or min(f) <> max(f) as differs \
             from (select p, n, f, true as here from {here} union all select p, n, f, false from {there}) as sides group by p"
        ),
    )?;
    if let Some(turns) = &scope.turns {
        // Without rows on either side, a partition is compared, too.
        job.execute(&format!(
            "insert into {compared} select p, 0, 0, null, false from {turns} where not {}",
            within("p", &compared)
        ))?;
    }
    [verdict.compared, verdict.rows] =
        job.numbers(&format!("select count(*), sum(n_there)::bigint from {compared}"))?;
    let suspects = job.store("suspects", &format!("select p, n_here, n_there from {compared} where differs"))?;
    if job.count(&format!("select count(*) from {suspects}"))? == 0 {
        return Ok(None);
    }
    let rebuild = rebuild_of(job, axis, "rebuild", sides, &suspects)?;
    let among = bisect(job, axis, sides, &suspects, &rebuild, options)?;
    let left = left(job, &among, axis, sides, (&sides.table, &rebuild), options, "")?;
    // A partition whose rows all found a partner within tolerance was only summed in another order.
    let guilty = job.store(
        "guilty",
        &format!(
            "select p, n_here, n_there from {suspects} where {} or {}",
            within("p", &left.here),
            within("p", &left.there)
        ),
    )?;
    verdict.mismatch_count = job.count(&format!("select count(*) from {guilty}"))?;
    if left.tolerant {
        verdict.notes.push(format!("binary fractions compared with a relative tolerance of {:e}", options.tolerance));
    }
    if verdict.mismatch_count == 0 {
        return Ok(None);
    }
    verdict.outcome = Outcome::Differs;
    Ok(Some(Differences { compared, guilty, left, rebuild }))
}

/// The rows of some partitions in a rebuild: a temporary table.
pub(crate) fn rebuild_of(
    job: &mut Job,
    axis: &Axis,
    name: &str,
    sides: &Sides,
    set: &str,
) -> Result<String, ExactError> {
    let null = job.count(&format!("select count(*) from {set} where p is null"))? > 0;
    let filter = Filter::new(job, axis, set, null)?.result(axis);
    job.store(name, &format!("select * from {} where {filter}", sides.rebuild))
}

/// Row count and sum of row hashes per partition: a temporary table `(p, n, f)`.
pub(crate) fn sums(
    job: &mut Job,
    axis: &Axis,
    name: &str,
    table: &str,
    sides: &Sides,
    scope: &Scope,
) -> Result<String, ExactError> {
    job.store(
        name,
        &format!(
            "select * from (select {}, {} from {table} where {} group by 1) as taken(p, n, f)",
            axis.partition(),
            fingerprint(job, sides),
            scope.rows
        ),
    )
}

/// Row count and sum of row hashes, binary fractions to nine digits: `count(*), ...`.
pub(crate) fn fingerprint(job: &Job, sides: &Sides) -> String {
    let (columns, dialect) = (&sides.columns, job.dialect);
    let (fractions, exact): (Vec<&Column>, Vec<&Column>) = columns.iter().partition(|column| fraction(job, column));
    let names: Vec<String> = exact.iter().map(|column| column.name.clone()).collect();
    let mut expressions = hashed(dialect, &names, columns);
    expressions.extend(fractions.iter().map(|column| dialect.rounded(&dialect.quote(&column.name))));
    dialect.fingerprint(&expressions, SALT)
}
