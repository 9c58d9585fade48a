//! Fingerprints of an input, by group: taken, compared with those stored, stored.
//!
//! A fingerprint is (row count, sum of salted row hashes) over the columns that the query uses and the rows that pass its filter. Inserts,
//! updates, deletes and moves between groups all show; nothing is asked of those who write the input. Of a group by values the values are kept, too:
//! those of a row that is gone are still held against a join's condition.

use highwater_sql::{Dialect, Group};

use crate::engine::quote_literal;
use crate::exact::axis::{Axis, whole, within};
use crate::exact::error::ExactError;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::prepare::Input;
use crate::exact::scans::Kept;
use crate::exact::slice::Filter;

/// Ways to look for changes that people take for enough, for a test that must notice that they are not.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naive {
    /// Rules 1, 3, 18: only groups that have rows now; what a row left behind, or a deleted row's key, is not looked at.
    PostImagesOnly,
    /// Rules 1, 17: only groups beyond the newest one seen, as a filter on `max()` does.
    BeyondTheNewest,
    /// Versions: only rows beyond the newest version seen, without those that share it.
    BeyondTheVersion,
    /// Versions: promises are taken for kept.
    NoAudit,
    /// Digests: only rows are counted, and what they hold is not added up.
    CountsOnly,
    /// Scans: what another model's scan told counts although the table has been written since.
    SharesWhatWasWritten,
    /// Files: only names are looked at.
    NamesOnly,
    /// Tests: they are asked when everybody sees the rows.
    PublishesFirst,
    /// Tests: what fails is held back, and nobody asks whether the rest still passes beside the old rows.
    AsksOnce,
    /// Tests: what is held back counts as built.
    ForgetsHeld,
    /// Backfills: what they ask of an input is asked in their own partitions only, wherever else its changes come from.
    NarrowFocus,
    /// Partials: those of late and deleted rows stay as they were, as where the aggregates of new rows are added to the old ones.
    PartialsOnlyAdded,
    /// Partials: only keys that have some are put together again, not those that have lost their last row of an interval.
    PartialsLeftBehind,
    /// Not wrong, only wasteful: groups that did not change are called changed as well. Nothing may come of it.
    MoreThanChanged,
}

#[cfg(test)]
impl Naive {
    /// The wrong ways to compare fingerprints, with what they stand for. Those of versions have walks of their own.
    pub(crate) const WRONG: &'static [(Self, &'static str)] = &[
        (Self::PostImagesOnly, "only what is there now is looked at, not what was deleted or moved away"),
        (Self::BeyondTheNewest, "only what lies beyond the newest row, as a filter on max() does"),
        (Self::CountsOnly, "where digests are compared first, only rows are counted"),
        (Self::PartialsOnlyAdded, "partials of new intervals are added, those of late and deleted rows stay"),
        (Self::PartialsLeftBehind, "only keys with partials are put together again, not those that have lost theirs"),
    ];

    /// What it comes to in one half of a model with partials: the partials themselves, or the model over them.
    pub(crate) fn in_half(self, stored: bool) -> Option<Self> {
        match (self, stored) {
            (Self::PartialsOnlyAdded, true) => Some(Self::BeyondTheNewest),
            (Self::PartialsLeftBehind, false) => Some(Self::PostImagesOnly),
            (Self::PartialsOnlyAdded | Self::PartialsLeftBehind, _) => None,
            (other, _) => Some(other),
        }
    }
}

/// The group of a row, as an expression over the input's columns.
pub(crate) fn group_id(dialect: Dialect, group: &Group) -> String {
    match group {
        Group::Interval { expression, unit, .. } => dialect.interval(expression, *unit),
        Group::Key { expressions } => dialect.key_hash(expressions),
        // Equal values need not look alike (1.0 and 1.00, 0.0 and -0.0), and a condition can tell: one of them cannot stand for the other.
        Group::Values { expressions } => {
            let texts: Vec<String> =
                expressions.iter().map(|expression| format!("cast({expression} as varchar)")).collect();
            dialect.key_hash(&texts)
        }
        Group::Whole => whole(dialect),
    }
}

/// What is kept of a group besides its id, as an expression over its rows; of most groups nothing is.
fn values(dialect: Dialect, group: &Group) -> Option<String> {
    match group {
        Group::Values { expressions } => Some(dialect.carry(expressions)),
        _ => None,
    }
}

/// The same, for a select list.
pub(crate) fn carried(dialect: Dialect, group: &Group) -> String {
    values(dialect, group).unwrap_or_else(|| NOTHING.to_owned())
}

/// Nothing is kept. It stands outside of aggregates: to fold nulls costs as much as to hash rows.
const NOTHING: &str = "cast(null as varchar[])";

/// The column of the ledger that holds group ids.
pub(crate) fn ledger_column(group: &Group) -> &'static str {
    if matches!(group, Group::Interval { .. }) { "interval_start" } else { "key_hash" }
}

/// Takes the input's fingerprints as they are now: a temporary table `(p, n, f, v)` of the given name.
pub(crate) fn take(job: &mut Job, input: &Input, name: &str, salt: u64) -> Result<String, ExactError> {
    take_where(job, input, name, salt, None)
}

/// Takes those of the groups in a set of partitions, for groups that are partitions.
pub(super) fn take_in(
    job: &mut Job,
    input: &Input,
    index: usize,
    salt: u64,
    axis: &Axis,
    set: &str,
) -> Result<String, ExactError> {
    let null = job.count(&format!("select count(*) from {set} where p is null"))? > 0;
    let rows = match &input.probe.group {
        Group::Interval { expression, unit, .. } => Filter::new(job, axis, set, null)?.interval(expression, *unit),
        _ => "true".to_owned(),
    };
    take_where(job, input, &format!("now_{index}"), salt, Some(&rows))
}

/// Where the ledger keeps the fingerprints of an input under a name (see [`Job::id`]), as what stands after `from`.
pub(crate) fn stored(job: &Job, under: &str, input: &Input) -> String {
    let ledger = ledger::schema(&job.model.relation);
    format!("{ledger}.fingerprints where model = {under} and probe = {}", quote_literal(&input.id))
}

/// Those that the ledger keeps under another name and that pass a condition, in the form of [`take`].
pub(super) fn recall(
    job: &mut Job,
    input: &Input,
    index: usize,
    kept: &Kept,
    condition: &str,
) -> Result<String, ExactError> {
    let query = format!(
        "select {} as p, row_count as n, fingerprint as f, carried as v from {} and {condition}",
        ledger_column(&input.probe.group),
        kept.groups
    );
    job.store(&format!("now_{index}"), &query)
}

/// The query for groups in a set of partitions that differ from those stored.
pub(super) fn changed_in(job: &Job, input: &Input, now: &str, set: &str) -> String {
    changed_among(job, input, &input.id, now, Some(&within(ledger_column(&input.probe.group), set)))
}

/// Takes the fingerprints of those rows of an input that pass a condition: a temporary table `(p, n, f)` of the given name.
pub(super) fn take_where(
    job: &mut Job,
    input: &Input,
    name: &str,
    salt: u64,
    rows: Option<&str>,
) -> Result<String, ExactError> {
    let conditions: Vec<String> =
        [input.probe.filter.as_deref(), rows].into_iter().flatten().map(|text| format!("({text}\n)")).collect();
    let filter = if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
    let (group, id) = match &input.probe.group {
        Group::Interval { expression, unit, .. } => job.dialect.interval_group(expression, *unit),
        group => (group_id(job.dialect, group), "p"),
    };
    let fingerprint = job.dialect.fingerprint(&input.hashed, salt);
    let rows = input.rows();
    let query = match values(job.dialect, &input.probe.group) {
        Some(values) => format!(
            "select {id} as p, n, f, v from (select {group}, {fingerprint}, min({values}) from {rows}{filter} group by 1) as taken(p, n, f, v)"
        ),
        None => format!(
            "select {id} as p, n, f, {NOTHING} as v from (select {group}, {fingerprint} from {rows}{filter} group by 1) as taken(p, n, f)"
        ),
    };
    job.store(name, &query)
}

/// The query for groups that differ from those stored: `(p, rows_before, rows_now, v)`. Grouping, unlike joining, takes NULL for a value.
pub(crate) fn changed(job: &Job, input: &Input, now: &str) -> String {
    changed_among(job, input, &input.id, now, None)
}

/// The same, against what is stored under a name, and only where the stored group passes a condition.
pub(super) fn changed_among(job: &Job, input: &Input, probe: &str, now: &str, stored: Option<&str>) -> String {
    let keeps = values(job.dialect, &input.probe.group).is_some();
    let (v, now_v, stored_v) = if keeps { ("min(v)", ", v", ", carried") } else { (NOTHING, "", "") };
    format!(
        "select p, coalesce(sum(n) filter (where not now), 0)::bigint as rows_before, coalesce(sum(n) filter (where now), 0)::bigint as rows_now, \
         {v} as v from (select p, n, f, true as now{now_v} from {now} \
         union all select {}, row_count, fingerprint, false{stored_v} from {}.fingerprints where model = {} and probe = {} and {}) as sides \
         group by p having (count(*) <> 2 or min(n) <> max(n) or min(f) <> max(f)){}",
        ledger_column(&input.probe.group),
        ledger::schema(&job.model.relation),
        job.id(),
        quote_literal(probe),
        stored.unwrap_or("true"),
        looked_at(job, input)
    )
}

/// A filter on the groups looked at: none.
#[cfg(not(test))]
fn looked_at(_: &Job, _: &Input) -> &'static str {
    ""
}

#[cfg(test)]
fn looked_at(job: &Job, input: &Input) -> String {
    match job.naive {
        Some(Naive::PostImagesOnly) => " and bool_or(now)".to_owned(),
        Some(Naive::MoreThanChanged) => format!(" or {} % 3 = 0", job.dialect.key_hash(&["p".to_owned()])),
        Some(Naive::BeyondTheNewest) => format!(
            " and p > (select max({}) from {}.fingerprints where model = {} and probe = {})",
            ledger_column(&input.probe.group),
            ledger::schema(&job.model.relation),
            job.id(),
            quote_literal(&input.id)
        ),
        // The others are mistakes elsewhere.
        _ => String::new(),
    }
}

/// How many groups of an input the ledger has fingerprints of.
pub(super) fn groups(job: &mut Job, input: &Input) -> Result<u64, ExactError> {
    job.count(&format!(
        "select count(*) from {}.fingerprints where model = {} and probe = {}",
        ledger::schema(&job.model.relation),
        job.id(),
        quote_literal(&input.id)
    ))
}

/// Stores fingerprints: of the groups in `delta`, or of all.
pub(crate) fn record(job: &mut Job, input: &Input, now: &str, delta: Option<&str>) -> Result<(), ExactError> {
    let schema = ledger::schema(&job.model.relation);
    let (model, probe) = (job.id(), quote_literal(&input.id));
    let column = ledger_column(&input.probe.group);
    let restrict = |id: &str| delta.map_or_else(|| "true".to_owned(), |delta| within(id, delta));
    job.execute(&format!(
        "delete from {schema}.fingerprints where model = {model} and probe = {probe} and {}",
        restrict(column)
    ))?;
    job.execute(&format!(
        "insert into {schema}.fingerprints (model, probe, {column}, row_count, fingerprint, carried) \
         select {model}, {probe}, p, n, f, v from {now} where {}",
        restrict("p")
    ))?;
    Ok(())
}
