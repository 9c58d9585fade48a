//! Where in large partitions the rows differ: both sides summed up by buckets of keys, so that only the rows of a few buckets are compared
//! one by one.
//!
//! A row and its partner on the other side are in one bucket, whatever their partitions: by the key where one was declared, else by all
//! columns that are compared exactly.

use crate::exact::ExactError;
use crate::exact::axis::{Axis, quoted};
use crate::exact::job::Job;
use crate::exact::prepare::hashed;

use super::compare::fingerprint;
use super::rebuild::Sides;
use super::report::VerifyOptions;
use super::rows::fraction;

/// Rows that a bucket should hold.
const BUCKET: u64 = 1000;

/// At most so many buckets.
const MOST: u64 = 1 << 16;

/// Whether a row is worth comparing, as an expression over the columns: it is in one of the suspect partitions and, where these hold many rows,
/// in a bucket that differs. `rebuild` holds the rows of the suspects.
///
/// # Errors
/// When a side cannot be read.
pub(super) fn bisect(
    job: &mut Job,
    axis: &Axis,
    sides: &Sides,
    suspects: &str,
    rebuild: &str,
    options: &VerifyOptions,
) -> Result<String, ExactError> {
    let suspect = axis.within(suspects);
    let rows = job.count(&format!("select sum(n_here + n_there)::bigint from {suspects}"))?;
    if rows <= options.bisect_above {
        return Ok(suspect);
    }
    let has = |name: &String| sides.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let key = &job.model.unique_key;
    let expressions = if !key.is_empty() && key.iter().all(has) {
        quoted(job.dialect, key)
    } else {
        let exact = sides.columns.iter().filter(|column| !fraction(job, column)).map(|column| column.name.clone());
        hashed(job.dialect, &exact.collect::<Vec<_>>(), &sides.columns)
    };
    if expressions.is_empty() {
        return Ok(suspect);
    }
    let of = (rows / BUCKET).clamp(2, MOST);
    // Hashes may be below zero.
    let bucket = format!("(({} % {of}) + {of}) % {of}", job.dialect.key_hash(&expressions));
    let sums =
        |table: &str| format!("select {bucket}, {} from {table} where {suspect} group by 1", fingerprint(job, sides));
    let query = format!(
        "select b from (select * from ({}) as here(b, n, f) union all select * from ({}) as there(b, n, f)) as sides \
         group by b having count(*) <> 2 or min(n) <> max(n) or min(f) <> max(f)",
        sums(&sides.table),
        sums(rebuild)
    );
    let buckets = job.store("buckets", &query)?;
    Ok(format!("({suspect} and {bucket} in (select b from {buckets}))"))
}
