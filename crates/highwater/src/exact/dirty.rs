//! Dirty: which partitions of the result may differ from a rebuild, and why.
//!
//! Every term of the analysis carries the changed groups of one input through its steps. What arrives is dirty, with the term as its reason.

use highwater_sql::{Effect, Finding, Group, Term};

use super::axis::{Axis, within};
use super::detect::Observation;
use super::error::ExactError;
use super::foresee::Shown;
use super::job::{Job, number};
use super::marks::{self, Mark, marked};
use super::prepare::{Input, Prepared};
use super::report::{Cut, DirtyPartition, LISTED};
use super::reserved::Reserved;

/// The number that stands for "changed by hand" among the reasons.
const BY_HAND: usize = usize::MAX >> 1;

/// The dirty partitions of a model.
#[derive(Debug, Clone)]
pub(crate) struct Dirty {
    /// Temporary table `(p, term, rows_before, rows_now)`: every reason of every partition.
    pub why: String,
    /// Temporary table `(p)`.
    pub set: String,
    /// Dirty partitions.
    pub count: u64,
    /// Whether the partition NULL is dirty.
    pub null: bool,
    /// Why every partition is dirty, each with the label of the table that changed.
    pub all: Vec<(String, Finding)>,
}

/// Applies every term to what was observed, adds the partitions that are not what the last swap wrote and those that are marked, and leaves out
/// those that are reserved.
///
/// # Errors
/// When a step cannot be run.
pub(crate) fn dirty(
    job: &mut Job,
    prepared: &Prepared,
    observations: &[Observation],
    by_hand: Option<&str>,
    reserved: &Reserved,
) -> Result<Dirty, ExactError> {
    let mut all = Vec::new();
    let id_type = prepared.axis.id_type();
    let why = job.store(
        "why",
        &format!("select cast(null as {id_type}) as p, 0::bigint as term, 0::bigint as rows_before, 0::bigint as rows_now where false"),
    )?;
    let unchanged = by_hand.is_none() && observations.iter().all(|observation| observation.set.is_none());
    if unchanged && !marks::any(job)? {
        // Empty, it serves for both.
        return Ok(Dirty { set: why.clone(), why, count: 0, null: false, all });
    }
    let kept = empty_sets(job, &prepared.analysis.terms)?;
    for (index, term) in prepared.analysis.terms.iter().enumerate() {
        let input = &prepared.inputs[prepared.term_inputs[index]];
        let observation = &observations[prepared.term_inputs[index]];
        let (Some(set), Some(delta)) = (&observation.set, &observation.delta) else { continue };
        let arrived = walk(job, index, term, set, &kept)?;
        match &term.effect {
            Effect::All(finding) => {
                if job.count(&format!("select count(*) from (select 1 from {arrived} limit 1) as arrived"))? > 0 {
                    all.push((input.label.clone(), finding.clone()));
                }
            }
            Effect::Kept(number) => {
                let Some(table) = kept.get(*number) else { return Err(job.broken("a set has no table")) };
                job.execute(&format!("insert into {table} select p, v from {arrived}"))?;
            }
            Effect::Partitions if term.steps.is_empty() => {
                job.execute(&format!("insert into {why} select p, {index}, rows_before, rows_now from {delta}"))?;
            }
            Effect::Partitions => {
                job.execute(&format!("insert into {why} select p, {index}, null, null from {arrived}"))?;
            }
        }
    }
    if let Some(changed) = by_hand {
        job.execute(&format!("insert into {why} select p, {BY_HAND}, rows_before, rows_now from {changed}"))?;
    }
    let marks = marked(job, prepared);
    job.execute(&format!("insert into {why} select p, term, null, null from ({marks}) as marks(p, term)"))?;
    if let Some(kept) = &reserved.set {
        job.execute(&format!("delete from {why} where {}", within("p", kept)))?;
    }
    let (set, count) = job.store_and_count("dirty", &format!("select distinct p from {why}"))?;
    let null = count > 0 && job.count(&format!("select count(*) from {set} where p is null"))? > 0;
    Ok(Dirty { why, set, count, null, all })
}

/// A table `(p, v)` for every set that terms fill for others to read.
fn empty_sets(job: &mut Job, terms: &[Term]) -> Result<Vec<String>, ExactError> {
    let filled = terms.iter().filter_map(|term| match term.effect {
        Effect::Kept(number) => Some(number + 1),
        _ => None,
    });
    // A set may be read that nothing fills: where any change of its side dirties everything.
    let steps = terms.iter().flat_map(|term| &term.steps);
    let read = steps.flat_map(|step| step.sql.split("{kept_").skip(1)).filter_map(|rest| {
        let number: usize = rest.split('}').next()?.parse().ok()?;
        Some(number + 1)
    });
    let numbers = filled.chain(read);
    let empty =
        format!("select cast(null as {}) as p, cast(null as varchar[]) as v where false", job.dialect.key_type());
    (0..numbers.max().unwrap_or(0)).map(|number| job.store(&format!("kept_{number}"), &empty)).collect()
}

/// Carries a set through a term's steps; returns the table of what arrives.
fn walk(job: &mut Job, index: usize, term: &Term, set: &str, kept: &[String]) -> Result<String, ExactError> {
    let mut current = set.to_owned();
    for (number, step) in term.steps.iter().enumerate() {
        let mut query = step.sql.replace("{changed}", &current);
        for (at, table) in kept.iter().enumerate() {
            query = query.replace(&format!("{{kept_{at}}}"), table);
        }
        current =
            job.store(&format!("step_{index}_{number}"), &format!("select distinct * from (\n{query}\n) as arrived"))?;
    }
    Ok(current)
}

/// The words for a reason that no input gives.
pub(crate) fn own_reason(term: usize) -> &'static str {
    Mark::of_number(term).map_or("changed by hand", Mark::reason)
}

/// The words for an intermediate reason: which table, how many, and how that reaches the result.
pub(crate) fn reason(term: &Term, input: &Input, observation: &Observation, counts: Option<(u64, u64)>) -> String {
    let table = &input.label;
    let source = match counts {
        Some((0, now)) => format!("{} in {table}", rows(now)),
        Some((before, now)) if now > before => format!("{} in {table}", plural(now - before, "more row")),
        Some((before, now)) if now < before => format!("{} gone from {table}", rows(before - now)),
        Some(_) => format!("rows changed in {table}"),
        None if observation.fed || observation.foreseen => format!("from {table}"),
        None => match &term.probe.group {
            Group::Whole => format!("{table} changed"),
            Group::Key { .. } | Group::Values { .. } => {
                format!("{} changed in {table}", plural(observation.changed, "key"))
            }
            Group::Interval { unit, .. } => format!("{} changed in {table}", plural(observation.changed, unit.word())),
        },
    };
    match term.steps.last() {
        Some(step)
            if !step.reason.is_empty() && !matches!(&term.probe.group, Group::Key { .. } | Group::Values { .. }) =>
        {
            format!("{source}, by {}", step.reason)
        }
        _ => source,
    }
}

/// `1 row`, `3 rows`.
fn rows(count: u64) -> String {
    plural(count, "row")
}

/// `1 day`, `4 days`.
pub(crate) fn plural(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// The first dirty partitions with their reasons. `shown` are tables with the output's columns in which keys can be looked up.
///
/// # Errors
/// When a table cannot be read.
pub(crate) fn listed(
    job: &mut Job,
    prepared: &Prepared,
    observations: &[Observation],
    dirty: &Dirty,
    shown: &[Shown],
) -> Result<Vec<DirtyPartition>, ExactError> {
    let first = job.store("listed", &format!("select p from {} order by p nulls last limit {LISTED}", dirty.set))?;
    let labels = labelled(job, &prepared.axis, &first, shown)?;
    let rows = job.query(&format!(
        "select distinct listed.label, why.term, why.rows_before, why.rows_now, listed.place \
         from {labels} as listed join {} as why on listed.p is not distinct from why.p order by listed.place, why.term",
        dirty.why
    ))?;
    let mut partitions: Vec<DirtyPartition> = Vec::new();
    for row in &rows.rows {
        let label = row[0].to_string();
        let counts = (!row[2].is_null()).then(|| (number(&row[2]), number(&row[3])));
        let term = usize::try_from(number(&row[1])).unwrap_or(BY_HAND);
        let text = match prepared.analysis.terms.get(term) {
            Some(known) => {
                let at = prepared.term_inputs[term];
                reason(known, &prepared.inputs[at], &observations[at], counts)
            }
            None => own_reason(term).to_owned(),
        };
        match partitions.last_mut() {
            Some(last) if last.label == label => {
                if !last.reasons.contains(&text) {
                    last.reasons.push(text);
                }
            }
            _ => partitions.push(DirtyPartition { label, reasons: vec![text] }),
        }
    }
    Ok(partitions)
}

/// A temporary table `(p, label, place)` for a few partitions: the keys of hashes are looked up where rows with them may be.
pub(crate) fn labelled(job: &mut Job, axis: &Axis, ids: &str, shown: &[Shown]) -> Result<String, ExactError> {
    let order = "row_number() over (order by p nulls last)";
    let query = match axis.cut() {
        Cut::Interval { .. } => format!("select p, {} as label, {order} as place from {ids}", axis.label("p")),
        Cut::Whole => format!("select p, 'the table' as label, {order} as place from {ids}"),
        Cut::Key { .. } => {
            let looked_up: Vec<String> = shown.iter().map(|shown| key_labels(axis, shown, ids)).collect();
            let found = if looked_up.is_empty() {
                format!("select cast(null as {}) as p, null::varchar as label where false", axis.dialect.key_type())
            } else {
                looked_up.join(" union all ")
            };
            // The values of a key that has no row anywhere any more cannot be known.
            format!(
                "select ids.p, coalesce(min(found.label), 'a key without rows') as label, \
                 row_number() over (order by min(found.label) nulls last, ids.p) as place \
                 from {ids} as ids left join ({found}) as found on ids.p = found.p group by ids.p"
            )
        }
    };
    job.store("labels", &query)
}

fn key_labels(axis: &Axis, shown: &Shown, ids: &str) -> String {
    let hash = axis.dialect.key_hash(&shown.expressions);
    let text: Vec<String> =
        shown.expressions.iter().map(|expression| format!("coalesce(cast({expression} as varchar), 'NULL')")).collect();
    format!(
        "select {hash} as p, {} as label from {} where {hash} in (select p from {ids})",
        text.join(" || ', ' || "),
        shown.table
    )
}
