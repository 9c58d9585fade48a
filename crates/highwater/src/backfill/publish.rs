//! Publishing: the staged rows of all models take their places in one transaction, and the old rows are kept.
//!
//! Everything is looked at once more in the snapshot of that transaction; it fails rather than publish what no longer is a rebuild. The fence of
//! every exact model is raised, so that a run which looked before and commits after fails, and looks anew. Its ledger is left as a run would leave
//! it: what was seen of the inputs is taken down if everything that it dirtied has been built, and otherwise left to the next run.

use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use crate::engine::{RelationKind, quote_literal};
use crate::exact::axis::within;
use crate::exact::detect::{Observation, keeps_to_its_partition, observe, record, record_within, tuples};
use crate::exact::dirty::dirty;
use crate::exact::job::{Job, Remembered};
use crate::exact::ledger::{self, ModelRow, RunRow};
use crate::exact::marks::{self, Mark};
use crate::exact::model::RunIdentity;
use crate::exact::prepare::Prepared;
use crate::exact::reserved::Reserved;
use crate::exact::swap;

use super::document::ModelPart;
use super::error::BackfillError;
use super::plan::shadow;
use super::scope::rows_in;
use super::shape::{self, Impossible, Reshape};
use super::site::Site;
use super::stage::Task;
use super::store::{self, State, advance, tables};
use super::token;

/// What publishing came to for one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedModel {
    /// The model's label.
    pub label: String,
    /// Partitions that were replaced.
    pub replaced: u64,
    /// Partitions that came out as they were.
    pub unchanged: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows inserted.
    pub inserted: u64,
    /// Partitions outside the backfill that are dirty for the next run.
    pub left: u64,
}

/// Swaps all models.
///
/// # Errors
/// [`BackfillError::Moved`] when something is no longer what the plan saw.
pub(crate) fn publish(
    site: &mut Site,
    work: &Task,
    at: &str,
    kept_until: &str,
    started: Instant,
) -> Result<Vec<PublishedModel>, BackfillError> {
    site.transaction(|site| {
        let (lines, standing) = token::since(site, work)?;
        if !lines.is_empty() {
            return Err(BackfillError::Moved { id: work.id.to_owned(), what: lines, staged: true });
        }
        let mut published = Vec::new();
        for (place, here) in standing.into_iter().enumerate() {
            reads_the_same(site, work, place)?;
            published.push(swap_one(site, work, place, here)?);
        }
        held_still(site, work)?;
        let seconds = started.elapsed().as_secs_f64();
        let note =
            json!({ "step": "published", "at": at, "models": published, "kept_until": kept_until, "seconds": seconds });
        advance(site, work.id, &[State::Staged], State::Published, "published", note)?;
        for place in 0..work.parts.len() {
            site.job(place).reach("publishing");
        }
        Ok(published)
    })
}

/// Whether a model reads the same out of the tables before it now that some have got other columns.
fn reads_the_same(site: &mut Site, work: &Task, place: usize) -> Result<(), BackfillError> {
    if work.parts[..place].iter().all(|part| part.columns.is_none()) {
        return Ok(());
    }
    let now = site.prepared(place)?;
    if now.logic_version == work.prepared[place].logic_version || site.takes_children_unread() {
        return Ok(());
    }
    let what = format!("{}: its query reads something else out of tables with other columns", work.parts[place].label);
    Err(BackfillError::Moved { id: work.id.to_owned(), what: vec![what], staged: false })
}

/// Files may have changed since they were looked at: no snapshot holds them still.
fn held_still(site: &mut Site, work: &Task) -> Result<(), BackfillError> {
    for (place, prepared) in work.prepared.iter().enumerate() {
        if prepared.inputs.iter().any(|input| input.files.is_some())
            && let Some(moved) = token::inputs(site, work.id, place, prepared, None)?
        {
            return Err(BackfillError::Moved { id: work.id.to_owned(), what: moved.lines, staged: true });
        }
    }
    Ok(())
}

/// Swaps one model; `here` is a temporary table `(p, n, f)` of what stands in its partitions, where that is known.
fn swap_one(site: &mut Site, work: &Task, place: usize, here: Option<String>) -> Result<PublishedModel, BackfillError> {
    let (part, prepared): (&ModelPart, &Prepared) = (&work.parts[place], &work.prepared[place]);
    let schema = site.ledger()?;
    let salt = token::salt(site, work.id, place)?;
    let is_exact = site.models[place].is_exact;
    let (sides, run, whole) = (tables(&schema, work.id, place), site.run.clone(), part.whole.is_some());
    let column = prepared.axis.ledger_column();
    let set = store::set(site, work.id, place, column, None)?;
    let remembered = remembered(site, work, place);
    let (forgets, unfenced) = (site.forgets_beside(), site.swaps_unfenced());
    // Its parents are swapped by now, which is no movement under it.
    token::follow(site, work.id, place)?;
    let mut job = site.job(place);
    let live = job.model.relation.sql();
    let scope = job.store("published", &format!("select p from {set}"))?;
    let rows = if whole { "true".to_owned() } else { rows_in(&mut job, &prepared.axis, &scope)? };
    job.execute(&format!(
        "drop table if exists {0}; create table {0} as select * from {live} where {rows}",
        sides.kept
    ))?;
    let here = here_now(&mut job, prepared, here, &rows, salt)?;
    let mut staged =
        swap::compare(&mut job, prepared, sides.stage, (!whole).then_some(scope.as_str()), here.as_deref(), salt)?;
    let (swapped, left) = if is_exact {
        let epoch = ledger::epoch(&mut job)?.ok_or_else(|| job.broken("it has no row in the fence"))?;
        let relation = job.model.relation.clone();
        let known = ledger::model(&mut job, &relation)?.ok_or_else(|| job.broken("the ledger does not know it"))?;
        // After the swaps of its parents, which stand in the ledger by now.
        let seen = look(&mut job, prepared, salt, (!whole).then_some(scope.as_str()), &remembered)?;
        // The audit has asked, of the same rows beside the same table.
        staged.grain_holds = work.still.tables;
        if !unfenced {
            ledger::fence(&mut job, epoch)?;
        }
        let swapped = swap::swap(&mut job, prepared, &staged, Some(RelationKind::Table), &known, &run)?;
        job.execute(&format!(
            "update {schema}.backfill_models set logic_version = {}, logic = {} where backfill = {} and model = {}",
            quote_literal(&known.logic_version),
            quote_literal(&known.logic.to_string()),
            quote_literal(work.id),
            job.id()
        ))?;
        let row = ModelRow {
            logic_version: prepared.logic_version.clone(),
            logic: prepared.logic.clone(),
            change_seq: known.change_seq + u64::from(swapped.recorded > 0),
            tuples: tuples::standing(&mut job, &relation, salt)?,
            ..known
        };
        ledger::write_model(&mut job, &row, "backfill", &run)?;
        let row = RunRow {
            what: "backfill",
            reason: Some(format!("backfill {}", work.id)),
            dirty: swapped.considered,
            replaced: swapped.replaced,
            unchanged: swapped.considered.saturating_sub(swapped.replaced),
            deleted: swapped.deleted,
            inserted: swapped.inserted,
            ..RunRow::default()
        };
        ledger::write_run(&mut job, &row, &run)?;
        let model = job.id();
        job.execute(&format!(
            "delete from {schema}.reserved where model = {model} and backfill = {}",
            quote_literal(work.id)
        ))?;
        let dirty_scope = if whole { "true".to_owned() } else { within(column, &scope) };
        job.execute(&format!("delete from {schema}.dirty where model = {model} and {dirty_scope}"))?;
        if !forgets || seen.left == 0 {
            take_down(&mut job, prepared, &seen, whole, &scope, &run)?;
        }
        (swapped, seen.left)
    } else {
        let swapped = swap::write(&mut job, prepared, &staged, Some(RelationKind::Table))?;
        swap::check_grain(&mut job, prepared, &staged, swapped)?;
        (swapped, 0)
    };
    let mine = format!("backfill = {} and model = {}", quote_literal(work.id), job.id());
    job.execute(&format!(
        "update {schema}.backfill_partitions set rows_after = 0, fingerprint_after = 0 where {mine}"
    ))?;
    job.execute(&format!(
        "update {schema}.backfill_partitions as known set rows_after = made.n_new, fingerprint_after = coalesce(made.f_new, 0) \
         from {} as made where {mine} and known.{column} is not distinct from made.p",
        staged.diff
    ))?;
    Ok(PublishedModel {
        label: job.label.clone(),
        replaced: swapped.replaced,
        unchanged: swapped.considered.saturating_sub(swapped.replaced),
        deleted: swapped.deleted,
        inserted: swapped.inserted,
        left,
    })
}

/// What stands in the partitions, by the columns of the query: a temporary table `(p, n, f)`, for which `here` serves where it is known. None for a
/// table that is made anew because it has other columns; one that keeps what hangs on it gets the new columns here.
fn here_now(
    job: &mut Job,
    prepared: &Prepared,
    here: Option<String>,
    rows: &str,
    salt: u64,
) -> Result<Option<String>, BackfillError> {
    match shape::reshape(job, prepared)? {
        Ok(Reshape::None) if here.is_some() => return Ok(here),
        Ok(Reshape::None) => {}
        Ok(Reshape::Append(columns)) => shape::append(job, &columns)?,
        Ok(Reshape::Replace) => return Ok(None),
        Err(Impossible { reason, help }) => {
            return Err(BackfillError::Impossible { model: job.label.clone(), reason, help });
        }
    }
    let live = job.model.relation.sql();
    Ok(Some(swap::partitions(job, prepared, "here", &live, rows, salt)?))
}

/// What was seen of the inputs of a model that is being swapped.
struct Seen {
    observations: Vec<Observation>,
    /// Partitions outside the backfill that are dirty for the next run.
    left: u64,
    /// Inputs that hold what the plan saw, at least in the partitions of the backfill, and a change of which reaches its own partition only.
    own: Vec<usize>,
    /// Whether another input has changed since the last run.
    others: bool,
}

/// The inputs whose fingerprints need not be taken once more: in the partitions of the backfill they are those of the plan, which has just been
/// checked, or holds still since it was. Elsewhere they are those of the plan's moment, which is good enough to ask whether a run has something left
/// to do: what has moved since is not taken down, and the next run finds it. Not so tables that a swap of this transaction may have changed.
fn remembered(site: &mut Site, work: &Task, place: usize) -> Remembered {
    let prepared = &work.prepared[place];
    let models = site.models;
    let mut job = site.job(place);
    job.shadow = Some(shadow(work.id));
    let inputs = (0..prepared.inputs.len()).filter(|index| {
        let input = &prepared.inputs[*index];
        keeps_to_its_partition(prepared, *index)
            && input.declared.is_none()
            && input.files.is_none()
            && !input.probe.moving
            && !models.iter().any(|model| input.reads(&model.model.relation))
    });
    Remembered { inputs: inputs.collect(), under: job.id() }
}

/// Looks at the inputs, as they are beside what the last run took down; `scope` is a table of the partitions, none for all.
fn look(
    job: &mut Job,
    prepared: &Prepared,
    salt: u64,
    scope: Option<&str>,
    remembered: &Remembered,
) -> Result<Seen, BackfillError> {
    let own = &remembered.inputs;
    let Some(scope) = scope else {
        let observations = observe(job, prepared, salt, true)?;
        return Ok(Seen { observations, left: 0, own: own.clone(), others: false });
    };
    let mut first = !own.is_empty();
    loop {
        job.remembered = first.then(|| remembered.clone());
        let observations = observe(job, prepared, salt, false)?;
        job.remembered = None;
        let unseen = observations.iter().any(|observation| !observation.seen);
        let found = dirty(job, prepared, &observations, None, &Reserved::default())?;
        let left = job.count(&format!("select count(*) from {} where not {}", found.set, within("p", scope)))?;
        let left = if unseen || !found.all.is_empty() { left.max(1) } else { left };
        let told = |(index, observation): (usize, &Observation)| {
            !own.contains(&index) && observation.news() && !observation.fed
        };
        let others = observations.iter().enumerate().any(told);
        // Whether all of it may be taken down is asked of the inputs as they are: a partition elsewhere may have changed since the plan, and
        // change back, and nobody would look at what another input changed in it.
        if !first || (left == 0 && !others) {
            return Ok(Seen { observations, left, own: own.clone(), others });
        }
        first = false;
    }
}

/// Takes down what was seen: all of it, if everything that it dirtied has been built. Otherwise what changed within partitions of the backfill, by
/// inputs that reach no others; and where that is not all they were built of, they are marked, because the ledger describes other inputs than theirs:
/// should these become again what they were, nobody else would notice.
fn take_down(
    job: &mut Job,
    prepared: &Prepared,
    seen: &Seen,
    whole: bool,
    scope: &str,
    run: &RunIdentity,
) -> Result<(), BackfillError> {
    if seen.left == 0 {
        return Ok(record(job, prepared, &seen.observations, whole, run)?);
    }
    for index in &seen.own {
        record_within(job, prepared, &seen.observations, *index, scope)?;
    }
    if seen.others || seen.observations.iter().any(|observation| !observation.seen) {
        let marked = job.store("beside", &format!("select p, cast(null as varchar) as detail from {scope}"))?;
        marks::more(job, prepared, &marked, Mark::Beside, run)?;
    }
    Ok(())
}
