//! One scan of a source serves every model of a run that reads it.
//!
//! When a model's transaction is over, the ledger holds what its inputs were in that transaction's snapshot. Another model that asks the same of the
//! same table (columns, group, filter and salt) reads it from there, as long as nobody can have written the table between the two snapshots; else it
//! scans the table itself. "Nobody" is what the engine says ([`Connection::still_quiet`]): DuckDB of its own process, which has the file to itself,
//! PostgreSQL of the transactions that ended in between. The tables that swaps write are told here before they commit.
//!
//! Why not a scan that is a little old, and let the next run find the rest? A row that came and went between two runs' scans would have been built
//! into a partition, and no scan would ever have seen it.
//!
//! [`Connection::still_quiet`]: crate::engine::Connection::still_quiet

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::{Cell, Connection, Quiet, Relation};

use super::detect::{Observation, ledger_column, stored};
use super::error::ExactError;
use super::job::Job;
use super::ledger;
use super::logic::sha256;
use super::prepare::{Input, Prepared};

/// What the scans of a run have told; those who share it scan once.
#[derive(Debug, Clone, Default)]
pub struct Scans(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By what was asked.
    kept: HashMap<String, Kept>,
    /// Tables that were swapped into, or are about to be.
    written: HashSet<String>,
    /// For models whose database has none yet.
    salt: Option<u64>,
    /// What the catalogue says of collations, as of when.
    blurred: Option<(Quiet, Arc<Blurred>)>,
    counts: Counts,
}

/// Tables and views that may have a collation: database, schema, name.
pub(crate) type Blurred = Vec<(String, String, String)>;

/// Fingerprints that are those of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Where they are, with the columns of the ledger's `fingerprints`: what stands after `from`, and a condition that can be added to.
    pub groups: String,
    /// As of when; none where it is this transaction's own snapshot.
    pub quiet: Option<Quiet>,
    /// What the table's tuples came to.
    pub tuples: Option<String>,
}

/// How often inputs were scanned for their fingerprints, and how often another model's scan did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Scans.
    pub taken: u64,
    /// Scans that were not needed.
    pub spared: u64,
}

/// What was known when a transaction began: what came later may not be in its snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    kept: HashMap<String, Kept>,
    /// When that was.
    pub quiet: Option<Quiet>,
    for_several: bool,
}

impl Known {
    /// For a transaction in which several models are looked at, as a plan does.
    pub fn for_several(self) -> Self {
        Self { for_several: true, ..self }
    }
}

impl PartialEq for Scans {
    /// What has been scanned so far is no part of a project.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Scans {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now; for a transaction that is about to begin.
    pub(crate) fn known(&self, quiet: Option<Quiet>) -> Known {
        Known { kept: self.state().kept.clone(), quiet, for_several: false }
    }

    /// Says that a table is about to be swapped into.
    pub(crate) fn write(&self, relation: &Relation) {
        self.state().written.insert(name_of(relation));
    }

    /// What the catalogue said of collations when it was asked before, as long as nobody can have made a table since: no swap of this run, either.
    pub(crate) fn blurred(&self, connection: &mut dyn Connection) -> Option<Arc<Blurred>> {
        let (since, known) = self.state().blurred.clone()?;
        let is_quiet = connection.still_quiet(&since);
        (is_quiet && self.state().written.is_empty()).then_some(known)
    }

    /// Keeps what the catalogue says of collations, seen by a session that sees the database as it was at some moment or later.
    pub(crate) fn keep_blurred(&self, known: &Arc<Blurred>, since: Option<&Quiet>) {
        self.state().blurred = since.map(|since| (since.clone(), Arc::clone(known)));
    }

    /// Counts a scan.
    pub(crate) fn scan(&self) {
        self.state().counts.taken += 1;
    }

    /// How often tables were scanned.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }
}

fn name_of(relation: &Relation) -> String {
    relation.sql().to_lowercase()
}

/// What is asked of a table; none where the rows are not a table's, or found in other ways.
fn question(job: &Job, input: &Input, salt: u64) -> Option<String> {
    let probe = &input.probe;
    let is_odd = probe.moving || probe.rows.is_some() || input.declared.is_some() || input.files.is_some();
    if is_odd || job.focus.is_some() || job.shadow.is_some() || job.remembered.is_some() {
        return None;
    }
    let known = job.around.parent_table(&input.relation).is_some();
    (!known)
        .then(|| format!("{salt} {} {:?} {:?} {:?}", name_of(&input.relation), probe.group, input.hashed, probe.filter))
}

/// The fingerprints of an input that another model of the run took, if they still hold.
pub(crate) fn find(job: &mut Job, input: &Input, salt: u64) -> Option<Kept> {
    let kept = job.scans.kept.get(&question(job, input, salt)?)?.clone();
    let is_quiet = kept.quiet.as_ref().is_none_or(|since| job.connection.still_quiet(since));
    let mut state = job.around.scans.state();
    let holds = is_quiet && !state.written.contains(&name_of(&input.relation));
    if !holds && !job.shares_what_was_written() {
        return None;
    }
    state.counts.spared += 1;
    Some(kept)
}

/// Lets other models know what the ledger holds of the inputs, once the transaction that looked at them is over.
pub(crate) fn keep(job: &mut Job, prepared: &Prepared, observations: &[Observation], salt: u64) {
    let Some(quiet) = job.scans.quiet.clone() else { return };
    for (input, observation) in prepared.inputs.iter().zip(observations) {
        let is_other = observation.fed || observation.parent().is_some();
        let is_here = input.relation.database.eq_ignore_ascii_case(&quiet.database);
        let Some(question) = question(job, input, salt).filter(|_| is_here && !is_other) else { continue };
        if job.around.scans.state().kept.get(&question).is_some_and(|kept| kept.quiet.as_ref() == Some(&quiet)) {
            continue;
        }
        // A view's rows may come from anywhere.
        if job.connection.has_own_rows(&input.relation).is_ok_and(|own| own) {
            let kept = Kept {
                groups: stored(job, &job.id(), input),
                quiet: Some(quiet.clone()),
                tuples: observation.standing().map(str::to_owned),
            };
            job.around.scans.state().kept.insert(question, kept);
        }
    }
}

/// The name of the temporary table `(p, n, f, v)` for a scan of all groups. Where other models are looked at in the same transaction it is one of its own,
/// and they are let know of it.
pub(crate) fn table_for(job: &mut Job, input: &Input, index: usize, salt: u64) -> String {
    let Some(question) = question(job, input, salt).filter(|_| job.scans.for_several) else {
        return format!("now_{index}");
    };
    let name = format!("scan_{}", &sha256(&question)[..16]);
    let column = ledger_column(&input.probe.group);
    let groups = format!(
        "(select p as {column}, n as row_count, f as fingerprint, v as carried from {}) as scanned where true",
        job.temp(&name)
    );
    job.scans.kept.insert(question, Kept { groups, quiet: None, tuples: None });
    name
}

/// The salt of a model that has none yet: that of the others in its database, so that they can share.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn salt(job: &mut Job) -> Result<u64, ExactError> {
    let table = job.query(&format!("select max(salt) from {}.models", ledger::schema(&job.model.relation)))?;
    let theirs = table.scalar().and_then(Cell::as_integer).and_then(|salt| u64::try_from(salt).ok());
    Ok(theirs.unwrap_or_else(|| *job.around.scans.state().salt.get_or_insert_with(new_salt)))
}

/// Below 2^63: not every engine has unsigned numbers.
fn new_salt() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    (high ^ low.rotate_left(32)) >> 1
}
