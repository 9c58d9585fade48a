//! Digest: are there any changed groups at all, and in which corner of the table?
//!
//! To compare half a million keys one by one costs far more than to read them. But a fingerprint is a number of rows and a sum over them, so the
//! fingerprints of many groups add up to that of all their rows together: groups are thrown into a few buckets by their ids, the buckets are compared
//! first, and groups only within buckets that differ. Nothing more than the groups' own fingerprints is stored for it.
//!
//! **Why that is enough.** A bucket of the table and the same bucket of the ledger have equal counts and sums only if they hold the same rows, as far
//! as columns are hashed, but for the chance of 2⁻⁶³ that any two fingerprints have: the argument is the same for a bucket as for a group. The sums
//! are exact integers, so adding them loses nothing. Equal rows lie in equal groups as long as a row's group is told by its hashed columns alone,
//! which [`tells_the_group`] checks; where it cannot be sure, groups are compared one by one.

use highwater_sql::Group;

use crate::engine::quote_literal;
use crate::exact::axis::within;
use crate::exact::error::ExactError;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::prepare::{Input, Prepared, column_names, hashed};
use crate::exact::scans::Kept;

use super::fingerprint::{self, group_id, ledger_column};
use super::tuples;

/// Groups from which on buckets pay.
const MANY: u64 = if cfg!(test) { 3 } else { 20_000 };

/// Buckets; a single changed key has this part of the table compared key by key.
const BUCKETS: u64 = if cfg!(test) { 2 } else { 1024 };

/// The bucket of a group, as an expression over its id, a hash.
fn bucket(id: &str) -> String {
    format!("(({id}) % {BUCKETS})")
}

/// What a look at the buckets found out.
pub(super) enum Digest {
    /// Nothing: groups must be compared.
    Unknown,
    /// No group changed.
    Same,
    /// Groups may have changed: the temporary tables of their fingerprints now, `(p, n, f, v)`, in the buckets that differ, and the query for those
    /// that did change.
    Differs { now: String, changed: String },
}

/// Compares an input with what the ledger has, by bucket: its rows, or what another model's scan told of them.
///
/// # Errors
/// When the input or the ledger cannot be read.
pub(super) fn compare(
    job: &mut Job,
    input: &Input,
    index: usize,
    salt: u64,
    kept: Option<&Kept>,
) -> Result<Digest, ExactError> {
    let group = &input.probe.group;
    if !matches!(group, Group::Key { .. } | Group::Values { .. }) || !tells_the_group(job, input)? {
        return Ok(Digest::Unknown);
    }
    let ledger = ledger::schema(&job.model.relation);
    let stored = format!("{ledger}.fingerprints where model = {} and probe = {}", job.id(), quote_literal(&input.id));
    if job.count(&format!("select count(*) from {stored}"))? < MANY {
        return Ok(Digest::Unknown);
    }
    let id = group_id(job.dialect, group);
    let filter = input.probe.filter.as_ref().map_or_else(String::new, |filter| format!(" where ({filter}\n)"));
    let column = ledger_column(group);
    let differs = differs(job);
    let summed =
        |stored: &str| format!("select {}, sum(row_count), sum(fingerprint) from {stored} group by 1", bucket(column));
    let now = match kept {
        Some(kept) => summed(&kept.groups),
        None => {
            let fingerprint = job.dialect.fingerprint(&input.hashed, salt);
            format!("select {}, {fingerprint} from {}{filter} group by 1", bucket(&id), input.rows())
        }
    };
    let (buckets, differing) = job.store_and_count(
        &format!("buckets_{index}"),
        &format!("select p from ({now} union all {}) as sides(p, n, f) group by p having {differs}", summed(&stored)),
    )?;
    if differing == 0 {
        return Ok(Digest::Same);
    }
    let rows = within(&bucket(&id), &buckets);
    let known = within(&bucket(column), &buckets);
    let now = match kept {
        Some(kept) => fingerprint::recall(job, input, index, kept, &known)?,
        None => {
            job.around.scans.scan();
            fingerprint::take_where(job, input, &format!("now_{index}"), salt, Some(&rows))?
        }
    };
    let changed = fingerprint::changed_among(job, input, &input.id, &now, Some(&known));
    Ok(Digest::Differs { now, changed })
}

/// Whether the group of a row is told by what is hashed of it: no column that is not hashed has a name that occurs in the group's expressions.
fn tells_the_group(job: &mut Job, input: &Input) -> Result<bool, ExactError> {
    let (Group::Key { expressions } | Group::Values { expressions }) = &input.probe.group else { return Ok(false) };
    if input.probe.rows.is_some() {
        return Ok(false);
    }
    let text = expressions.join(" ").to_lowercase();
    let is_hashed = |name: &str| input.probe.columns.iter().any(|column| column.eq_ignore_ascii_case(name));
    let columns = job.columns(&input.relation)?;
    Ok(columns.iter().all(|column| is_hashed(&column.name) || !text.contains(&column.name.to_lowercase())))
}

/// Whether the model's table as a whole is what the last swaps wrote, without a look at its partitions. They are told by its columns, all of which are
/// hashed; the rest of the argument is that of the buckets, with one bucket. Where it holds the tuples that it held then, nobody need look at its rows.
///
/// # Errors
/// When the table or the ledger cannot be read.
pub(crate) fn is_untouched(
    job: &mut Job,
    prepared: &Prepared,
    salt: u64,
    known: Option<&str>,
) -> Result<bool, ExactError> {
    if let Some(known) = known {
        let relation = job.model.relation.clone();
        if tuples::standing(job, &relation, salt)?.is_some_and(|now| tuples::same(job, &now, known)) {
            return Ok(true);
        }
    }
    let names = column_names(&prepared.output);
    let fingerprint = job.dialect.fingerprint(&hashed(job.dialect, &names, &prepared.output), salt);
    let differs = differs(job);
    let different = job.count(&format!(
        "select count(*) from (select 0 from (select {fingerprint} from {} union all \
         select coalesce(sum(row_count), 0), coalesce(sum(fingerprint), 0) from {}.partitions where model = {} and row_count > 0) as sides(n, f) \
         having {differs}) as different",
        job.model.relation.sql(),
        ledger::schema(&job.model.relation),
        job.id()
    ))?;
    Ok(different == 0)
}

/// Whether two sides, one row each, are not equal.
fn differs(job: &Job) -> &'static str {
    if job.counts_only() {
        return "count(*) <> 2 or min(n) <> max(n)";
    }
    "count(*) <> 2 or min(n) <> max(n) or min(f) <> max(f)"
}
