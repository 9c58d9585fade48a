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
use crate::exact::detect::{observe, record};
use crate::exact::dirty::dirty;
use crate::exact::ledger::{self, ModelRow, RunRow};
use crate::exact::prepare::Prepared;
use crate::exact::reserved::Reserved;
use crate::exact::swap;

use super::document::ModelPart;
use super::error::BackfillError;
use super::scope::rows_in;
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
        let lines = token::everything(site, work.id, work.parts, work.prepared)?;
        if !lines.is_empty() {
            return Err(BackfillError::Moved { id: work.id.to_owned(), what: lines, staged: true });
        }
        let mut published = Vec::new();
        for place in 0..work.parts.len() {
            published.push(swap_one(site, work, place)?);
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

fn swap_one(site: &mut Site, work: &Task, place: usize) -> Result<PublishedModel, BackfillError> {
    let (part, prepared): (&ModelPart, &Prepared) = (&work.parts[place], &work.prepared[place]);
    let schema = site.ledger()?;
    let salt = token::salt(site, work.id, place)?;
    let is_exact = site.models[place].is_exact;
    let (sides, run, whole) = (tables(&schema, work.id, place), site.run.clone(), part.whole.is_some());
    let column = prepared.axis.ledger_column();
    let set = store::set(site, work.id, place, column, None)?;
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
    let here = swap::partitions(&mut job, prepared, "here", &live, &rows, salt)?;
    let staged = swap::compare(&mut job, prepared, sides.stage, (!whole).then_some(scope.as_str()), Some(&here), salt)?;
    let (swapped, left) = if is_exact {
        let epoch = ledger::epoch(&mut job)?.ok_or_else(|| job.broken("it has no row in the fence"))?;
        let relation = job.model.relation.clone();
        let known = ledger::model(&mut job, &relation)?.ok_or_else(|| job.broken("the ledger does not know it"))?;
        // After the swaps of its parents, which stand in the ledger by now.
        let observations = observe(&mut job, prepared, salt, whole)?;
        let left = if whole {
            0
        } else {
            let unseen = observations.iter().any(|observation| !observation.seen);
            let found = dirty(&mut job, prepared, &observations, None, &Reserved::default())?;
            let left = job.count(&format!("select count(*) from {} where not {}", found.set, within("p", &scope)))?;
            if unseen || !found.all.is_empty() { left.max(1) } else { left }
        };
        ledger::fence(&mut job, epoch)?;
        let swapped = swap::swap(&mut job, prepared, &staged, Some(RelationKind::Table), &known, &run)?;
        job.execute(&format!(
            "update {schema}.backfill_models set logic_version = {}, logic = {} where backfill = {} and model = {}",
            quote_literal(&known.logic_version),
            quote_literal(&known.logic.to_string()),
            quote_literal(work.id),
            job.id()
        ))?;
        if left == 0 {
            record(&mut job, prepared, &observations, whole, &run)?;
        }
        let row = ModelRow {
            logic_version: prepared.logic_version.clone(),
            logic: prepared.logic.clone(),
            change_seq: known.change_seq + u64::from(swapped.recorded > 0),
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
        let scope = if whole { "true".to_owned() } else { within(column, &scope) };
        job.execute(&format!("delete from {schema}.dirty where model = {model} and {scope}"))?;
        (swapped, left)
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
