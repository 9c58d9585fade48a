//! Rows: what of an input's own rows is looked at, when nobody tells what was done to them. From cheap to dear, each as far as the one before left open
//! what changed: the tuples of a table, or what another model's scan found; of many keys the buckets; the fingerprints of groups.

use highwater_sql::Group;

use super::digest::{self, Digest};
use super::fingerprint::{self, ledger_column, stored};
use super::{Observation, Seen, compared, tuples};
use crate::exact::axis::within;
use crate::exact::error::ExactError;
use crate::exact::job::Job;
use crate::exact::prepare::{Input, Prepared};
use crate::exact::scans::{self, Kept};
use crate::exact::slice::Filter;

/// Looks at the rows of the input of a number, with a salt, and adds what was found to its observation. With a focus, a set of partitions, only theirs
/// are looked at.
pub(super) fn look(
    job: &mut Job,
    prepared: &Prepared,
    (index, salt): (usize, u64),
    seen: Option<&Seen>,
    focus: Option<&str>,
    observation: &mut Observation,
) -> Result<(), ExactError> {
    let input = &prepared.inputs[index];
    let remembered = job.remembered.clone().filter(|known| known.inputs.contains(&index));
    let recalled = remembered.map(|known| Kept { groups: stored(job, &known.under, input), quiet: None, tuples: None });
    let is_all = recalled.is_none() && focus.is_none();
    let kept = recalled.or_else(|| scans::find(job, input, salt));
    if kept.is_none() {
        job.around.scans.scan();
    }
    // Before the rows: were one written between the two, the next run would take its tuple for another than this one. Of an exact model its ledger says
    // more cheaply that nothing was written.
    if is_all && observation.parent.is_none() {
        observation.tuples = tuples::look(job, input, index, salt, kept.as_ref())?;
    }
    let standings = observation.tuples.clone().zip(observation.seen_tuples.clone());
    if let Some((now, before)) = &standings
        && tuples::same(job, &now.standing, before)
    {
        return Ok(());
    }
    // Where the ledger has lost fingerprints, nothing can be compared with it.
    let seen = match seen.and_then(|seen| seen.told.groups) {
        Some(groups) if is_all && fingerprint::groups(job, input)? != groups => None,
        _ => seen,
    };
    observation.seen = seen.is_some();
    if let (Some(_), Some((now, before))) = (seen, &standings)
        && let Some(others) = tuples::others(job, input, index, now, before)?
    {
        return look_into(job, input, (index, salt), kept.as_ref(), others, observation);
    }
    let digest = match seen {
        Some(_) if is_all => digest::compare(job, input, index, salt, kept.as_ref())?,
        _ => Digest::Unknown,
    };
    match digest {
        Digest::Same => {}
        Digest::Differs { now, changed } => {
            compared(job, observation, index, &changed)?;
            (observation.now, observation.partial) = (Some(now), true);
        }
        Digest::Unknown => {
            let now = match (kept, focus) {
                (Some(kept), _) => fingerprint::recall(job, input, index, &kept, "true")?,
                (None, Some(set)) => fingerprint::take_in(job, input, index, salt, &prepared.axis, set)?,
                (None, None) => {
                    // Where there are tuples, they tell others more cheaply that nothing changed.
                    let name = match observation.tuples {
                        None => scans::table_for(job, input, index, salt),
                        Some(_) => format!("now_{index}"),
                    };
                    fingerprint::take(job, input, &name, salt)?
                }
            };
            if seen.is_some() {
                let query = match focus {
                    Some(set) => fingerprint::changed_in(job, input, &now, set),
                    None => fingerprint::changed(job, input, &now),
                };
                compared(job, observation, index, &query)?;
            }
            observation.now = Some(now);
        }
    }
    Ok(())
}

/// Compares the fingerprints of the intervals whose tuples are others than those stored.
fn look_into(
    job: &mut Job,
    input: &Input,
    (index, salt): (usize, u64),
    kept: Option<&Kept>,
    others: String,
    observation: &mut Observation,
) -> Result<(), ExactError> {
    let Group::Interval { expression, unit, .. } = &input.probe.group else {
        return Err(job.broken("tuples are told apart by interval only"));
    };
    let stored = within(ledger_column(&input.probe.group), &others);
    let now = match kept {
        Some(kept) => fingerprint::recall(job, input, index, kept, &stored)?,
        None => {
            // By a range on the raw column the engine may use an index.
            let rows = Filter::intervals(job, *unit, &others)?.interval(expression, *unit);
            fingerprint::take_where(job, input, &format!("now_{index}"), salt, Some(&rows))?
        }
    };
    let changed = fingerprint::changed_among(job, input, &input.id, &now, Some(&stored));
    compared(job, observation, index, &changed)?;
    (observation.now, observation.partial, observation.taken) = (Some(now), true, Some(others));
    Ok(())
}
