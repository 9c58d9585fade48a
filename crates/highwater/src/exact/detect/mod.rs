//! Detect: which groups of an input's rows changed since the ledger last saw it.
//!
//! | file | detector | reads |
//! | --- | --- | --- |
//! | `feed.rs` | swap feed: what the swaps of another exact model recorded | the ledger |
//! | `rows.rs` | the next three, from cheap to dear | |
//! | `tuples.rs` | which versions of rows a PostgreSQL table holds, and in which intervals others than before | the ids of its tuples |
//! | `digest.rs` | fingerprints added up: whether anything changed at all, and in which part of many groups | the input |
//! | `fingerprint.rs` | row count and sum of row hashes per group, compared with those stored | the input |
//! | `versions.rs` | rows at or beyond the newest version seen, where that is declared | those rows |
//! | `transactions.rs` | the same, where the version is the id of PostgreSQL's transaction: rows that the last snapshot did not see | those rows |
//! | `files.rs` | files by their list: names, sizes, times of writing | the list |
//! | `audit.rs` | whose turn it is to be looked at whatever the versions say | |

pub(crate) mod audit;
pub(crate) mod digest;
pub(crate) mod feed;
pub(crate) mod files;
pub(crate) mod fingerprint;
mod rows;
mod transactions;
pub(crate) mod tuples;
mod versions;

use highwater_sql::{Effect, Group};
use serde::{Deserialize, Serialize};

use crate::engine::{Cell, quote_literal};

use super::axis::within;
use super::error::ExactError;
use super::job::{Job, number};
use super::ledger;
use super::logic::sha256;
use super::model::RunIdentity;
use super::prepare::{Input, Prepared};
use feed::Parent;
pub(crate) use fingerprint::{carried, group_id, ledger_column, stored};
use tuples::Tuples;
use versions::Token;
pub(crate) use versions::part;

/// What a detector found out about one input.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    /// Whether the ledger had seen the input at all; if not, everything counts as changed.
    pub seen: bool,
    /// Temporary table `(p, rows_before, rows_now, v)` of the changed groups; counts are NULL where nobody knows them. None: not compared.
    pub delta: Option<String>,
    /// Temporary table `(p, v)` of the changed groups, for steps to read.
    pub set: Option<String>,
    /// Changed groups.
    pub changed: u64,
    /// Whether a swap feed answered.
    pub fed: bool,
    /// Whether a parent's planned work is in it, that nobody has done yet.
    pub foreseen: bool,
    /// The exact model behind the table.
    parent: Option<Parent>,
    /// Temporary table `(p, n, f, v)` of groups as they are now, when the input was scanned.
    now: Option<String>,
    /// Whether only those of some groups are in it.
    partial: bool,
    /// Temporary table `(p)` of the groups whose fingerprints are to be written, where they are more than those that changed.
    taken: Option<String>,
    /// The tuples it holds, and what the ledger says of them.
    tuples: Option<Tuples>,
    seen_tuples: Option<String>,
    /// What the ledger says it has seen of the parent.
    seen_seq: Option<u64>,
    /// How the promise that its detector relies on turned out to be broken.
    pub broken: Option<String>,
    /// How far its versions have been seen now, with the table of the rows to remember; and what the ledger says of that.
    versions: Option<(Token, String)>,
    seen_token: Option<Token>,
    /// The list of its files before they were read.
    list: Option<files::List>,
    /// What the ledger is to say of that, and what it says.
    files: Option<String>,
    seen_files: Option<String>,
}

impl Observation {
    /// Nothing has been looked at: for what is only foreseen.
    pub fn unlooked() -> Self {
        Self {
            seen: true,
            delta: None,
            set: None,
            changed: 0,
            fed: false,
            foreseen: false,
            parent: None,
            now: None,
            partial: false,
            taken: None,
            tuples: None,
            seen_tuples: None,
            seen_seq: None,
            broken: None,
            versions: None,
            seen_token: None,
            list: None,
            files: None,
            seen_files: None,
        }
    }

    /// A hash of what the input held when it was looked at, for one who looked at all of it.
    ///
    /// # Errors
    /// When it cannot be summed up.
    pub fn state(&self, job: &mut Job) -> Result<String, ExactError> {
        let mut parts = Vec::new();
        if let Some(now) = &self.now {
            let summed = job.query(&format!(
                "select cast(count(*) as varchar), cast(sum(n) as varchar), cast(sum(f) as varchar) from {now}"
            ))?;
            parts.extend(summed.rows.iter().flatten().map(ToString::to_string));
        }
        parts.extend(self.parent.as_ref().map(|parent| format!("{} {}", parent.id, parent.change_seq)));
        Ok(sha256(&parts.join(","))[..12].to_owned())
    }

    /// The groups as they are now, all of them: temporary table `(p, n, f)`, if the input was scanned.
    pub fn counted(&self) -> Option<&str> {
        self.now.as_deref().filter(|_| self.seen_token.is_none() && !self.partial)
    }

    /// The exact model behind the table.
    pub fn parent(&self) -> Option<&Parent> {
        self.parent.as_ref()
    }

    /// What its tuples come to.
    pub(super) fn standing(&self) -> Option<&str> {
        self.tuples.as_ref().map(|tuples| tuples.standing.as_str())
    }

    /// Whether there is anything that the ledger does not know yet.
    pub fn news(&self) -> bool {
        !self.seen
            || self.changed > 0
            || self.parent.as_ref().map(|parent| parent.change_seq) != self.seen_seq
            || self.versions.as_ref().map(|(token, _)| token) != self.seen_token.as_ref()
            || self.files != self.seen_files
            || self.standing() != self.seen_tuples.as_deref()
    }
}

/// Looks at every input. With `fresh`, nothing is compared: everything will be built, and only what is there now is taken down.
///
/// # Errors
/// When an input cannot be read.
pub(crate) fn observe(
    job: &mut Job,
    prepared: &Prepared,
    salt: u64,
    fresh: bool,
) -> Result<Vec<Observation>, ExactError> {
    (0..prepared.inputs.len())
        .map(|index| {
            let focus = job.focus.clone();
            let focus = focus.filter(|_| !fresh && (keeps_to_its_partition(prepared, index) || job.narrows_focus()));
            observe_one(job, prepared, index, salt, fresh, focus.as_deref())
        })
        .collect()
}

/// Whether a change of an input reaches the partition of the row and no other, so that rows of others need not be looked at.
pub(crate) fn keeps_to_its_partition(prepared: &Prepared, index: usize) -> bool {
    let by_partition = match (&prepared.inputs[index].probe.group, prepared.axis.unit()) {
        (Group::Interval { unit, .. }, Some(own)) => *unit == own,
        _ => false,
    };
    let terms = prepared.analysis.terms.iter().zip(&prepared.term_inputs).filter(|(_, at)| **at == index);
    by_partition && terms.into_iter().all(|(term, _)| term.steps.is_empty() && term.effect == Effect::Partitions)
}

fn observe_one(
    job: &mut Job,
    prepared: &Prepared,
    index: usize,
    salt: u64,
    fresh: bool,
    focus: Option<&str>,
) -> Result<Observation, ExactError> {
    let input = &prepared.inputs[index];
    let parent = feed::parent(job, input)?;
    let seen = if fresh { None } else { last_seen(job, input)? };
    // A number of another model's changes, or one from the future, says nothing.
    let seen = seen.filter(|seen| match (&seen.parent, &parent) {
        (None, None) => true,
        (Some(before), Some(now)) => *before == now.id && seen.seq <= now.change_seq,
        _ => false,
    });
    let feedable = parent.as_ref().and_then(|parent| feed::fed(parent, &input.probe));
    let seen = seen.filter(|seen| seen.fed == feedable.is_some());
    let list = files::list(job, input);
    let mut observation = Observation {
        seen: seen.is_some(),
        delta: None,
        set: None,
        changed: 0,
        fed: feedable.is_some(),
        foreseen: false,
        seen_seq: seen.as_ref().and_then(|seen| seen.parent.as_ref().map(|_| seen.seq)),
        parent,
        now: None,
        partial: false,
        taken: None,
        tuples: None,
        seen_tuples: seen.as_ref().and_then(|seen| seen.told.tuples.clone()),
        broken: None,
        versions: None,
        seen_token: seen.as_ref().and_then(|seen| seen.token.clone()),
        files: list.as_ref().and_then(files::List::settled),
        seen_files: seen.as_ref().and_then(|seen| seen.told.files.clone()),
        list,
    };
    match (&observation.parent, feedable, seen) {
        // What was swapped in since: no need to look at the rows.
        (Some(parent), Some(groups), Some(seen)) => {
            let query = feed::changed(job, parent, &groups, seen.seq);
            compared(job, &mut observation, index, &query)?;
        }
        (Some(_), Some(_), None) => {}
        // Nothing was swapped in since: whatever the grouping, its rows are what they were.
        (Some(parent), None, Some(seen)) if parent.change_seq == seen.seq && !input.probe.moving => {}
        // The same files as before.
        (_, _, Some(Seen { told: Told { files: Some(before), .. }, .. }))
            if !input.probe.moving && observation.files.as_ref() == Some(&before) => {}
        (None, _, Some(Seen { token: Some(token), .. })) if input.declared.is_some() => {
            let declared = input.declared.clone().ok_or_else(|| job.broken("no detector is declared"))?;
            let found = versions::observe(job, input, &declared, &token, index, salt)?;
            if let Some(query) = found.changed {
                compared(job, &mut observation, index, &query)?;
            }
            observation.now = found.now;
            observation.broken = found.broken;
            observation.versions = Some((found.token, found.tail));
        }
        (_, _, seen) => {
            rows::look(job, prepared, (index, salt), seen.as_ref(), focus, &mut observation)?;
            if let (None, Some(declared)) = (&observation.parent, &input.declared) {
                observation.versions = Some(versions::begin(job, input, declared, index, salt)?);
            }
        }
    }
    Ok(observation)
}

fn compared(job: &mut Job, observation: &mut Observation, index: usize, query: &str) -> Result<(), ExactError> {
    let (delta, changed) = job.store_and_count(&format!("delta_{index}"), query)?;
    observation.changed = changed;
    if observation.changed > 0 {
        observation.set = Some(job.store(&format!("changed_{index}"), &format!("select p, v from {delta}"))?);
    }
    observation.delta = Some(delta);
    Ok(())
}

/// How far the ledger has seen an input.
struct Seen {
    fed: bool,
    parent: Option<String>,
    seq: u64,
    token: Option<Token>,
    told: Told,
}

/// What the ledger keeps of an input besides versions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Told {
    /// The tuples of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    tuples: Option<String>,
    /// A list of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<String>,
    /// How many groups have a fingerprint. Were some lost, a group that is gone would be missed by nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<u64>,
}

fn last_seen(job: &mut Job, input: &Input) -> Result<Option<Seen>, ExactError> {
    let table = job.query(&format!(
        "select detector, parent, seen_seq, token from {}.inputs where model = {} and probe = {}",
        ledger::schema(&job.model.relation),
        job.id(),
        quote_literal(&input.id)
    ))?;
    let Some(row) = table.rows.first() else { return Ok(None) };
    Ok(Some(Seen {
        fed: row[0].as_text() == Some("feed"),
        parent: row[1].as_text().map(str::to_owned),
        seq: match &row[2] {
            Cell::Null => 0,
            cell => number(cell),
        },
        // One that another version wrote is one that was not written.
        token: row[3].as_text().and_then(|text| serde_json::from_str(text).ok()),
        told: row[3].as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
    }))
}

/// Writes into the ledger what was observed of some groups of one input: of those in a set, a table with a column `p`.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn record_within(
    job: &mut Job,
    prepared: &Prepared,
    observations: &[Observation],
    index: usize,
    set: &str,
) -> Result<(), ExactError> {
    let Some((now, delta)) = observations[index].now.as_ref().zip(observations[index].delta.as_ref()) else {
        return Ok(());
    };
    let some = job.store("recorded_some", &format!("select p from {delta} where {}", within("p", set)))?;
    let input = &prepared.inputs[index];
    fingerprint::record(job, input, now, Some(&some))?;
    // What the ledger holds of the other groups is older: no tuples and no files stand for all of it.
    job.execute(&format!(
        "update {}.inputs set token = null where model = {} and probe = {} and detector = 'fingerprint'",
        ledger::schema(&job.model.relation),
        job.id(),
        quote_literal(&input.id)
    ))?;
    Ok(())
}

/// Writes into the ledger what was observed: everything when `fresh`, else only what is news. Of an input that was not seen before everything is;
/// of the others, of which perhaps only some groups were looked at, what is known stays.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn record(
    job: &mut Job,
    prepared: &Prepared,
    observations: &[Observation],
    fresh: bool,
    run: &RunIdentity,
) -> Result<(), ExactError> {
    let schema = ledger::schema(&job.model.relation);
    let model = job.id();
    if fresh {
        for table in ["inputs", "fingerprints"] {
            job.execute(&format!("delete from {schema}.{table} where model = {model}"))?;
        }
    }
    for (input, observation) in prepared.inputs.iter().zip(observations) {
        let anew = fresh || !observation.seen;
        if !anew && !observation.news() {
            continue;
        }
        let probe = quote_literal(&input.id);
        if let Some(now) = &observation.now {
            let groups = observation.taken.as_deref().or(observation.delta.as_deref());
            fingerprint::record(job, input, now, groups.filter(|_| !anew))?;
        }
        if let Some(tuples) = &observation.tuples {
            tuples::record(job, input, tuples)?;
        }
        if let Some((_, tail)) = &observation.versions {
            versions::record(job, input, tail)?;
        }
        if !fresh {
            job.execute(&format!("delete from {schema}.inputs where model = {model} and probe = {probe}"))?;
        }
        let (parent, seq) = observation.parent.as_ref().map_or_else(
            || ("null".to_owned(), "null".to_owned()),
            |parent| (quote_literal(&parent.id), parent.change_seq.to_string()),
        );
        let token = match &observation.versions {
            Some((token, _)) => serde_json::to_string(token),
            None => serde_json::to_string(&Told {
                tuples: observation.standing().map(str::to_owned),
                files: observation.files.clone(),
                groups: if observation.fed { None } else { Some(fingerprint::groups(job, input)?) },
            }),
        };
        let token = quote_literal(&token.map_err(|error| job.broken(error.to_string()))?);
        let word = match &input.declared {
            _ if observation.fed => "feed",
            Some(declared) if observation.versions.is_some() => declared.detect.word(),
            _ => "fingerprint",
        };
        job.execute(&format!(
            "insert into {schema}.inputs (model, probe, relation, detector, parent, seen_seq, run_id, token) \
             values ({model}, {probe}, {}, '{}', {parent}, {seq}, {}, {token})",
            quote_literal(&input.relation.sql()),
            word,
            quote_literal(&run.run_id)
        ))?;
    }
    Ok(())
}
