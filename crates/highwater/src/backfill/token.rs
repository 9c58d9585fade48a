//! The token: what a plan rests on, held against how things are now. What has moved is told with the reasons that runs tell.

use crate::engine::{RelationKind, quote_literal};
use crate::exact::axis::within;
use crate::exact::detect::observe;
use crate::exact::dirty::{Dirty, dirty, labelled, listed};
use crate::exact::foresee::Shown;
use crate::exact::job::Job;
use crate::exact::prepare::Prepared;
use crate::exact::reserved::Reserved;

use super::error::BackfillError;
use super::plan::shadow;
use super::scope::rows_in;
use super::shape;
use super::site::Site;
use super::stage::Task;
use super::store;

/// Partitions of a model that are told one by one.
const TOLD: usize = 10;

/// What has moved under one model.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// What, line by line.
    pub lines: Vec<String>,
    /// Temporary table `(p)` of the partitions it reaches; none for all of them.
    pub set: Option<String>,
}

/// Whether inputs of a model have changed since the plan in a way that reaches its partitions, or those of one batch. None when not.
///
/// # Errors
/// When an input cannot be read.
pub(crate) fn inputs(
    site: &mut Site,
    id: &str,
    place: usize,
    prepared: &Prepared,
    batch: Option<u64>,
) -> Result<Option<Moved>, BackfillError> {
    let salt = salt(site, id, place)?;
    let set = store::set(site, id, place, prepared.axis.ledger_column(), batch)?;
    let mut job = site.job(place);
    let scope = job.store("asked", &format!("select p from {set}"))?;
    job.shadow = Some(shadow(id));
    job.focus = Some(scope.clone());
    let observations = observe(&mut job, prepared, salt, false)?;
    job.focus = None;
    let everything = |line: String| Ok(Some(Moved { lines: vec![line], set: None }));
    if let Some((input, _)) = prepared.inputs.iter().zip(&observations).find(|(_, observation)| !observation.seen) {
        return everything(format!("{}: the plan has not seen {} as it is now", job.label, input.label));
    }
    let found = dirty(&mut job, prepared, &observations, None, &Reserved::default())?;
    if let Some((table, finding)) = found.all.first() {
        return everything(format!("{}: {table} changed: {}", job.label, finding.message));
    }
    if found.count == 0 {
        return Ok(None);
    }
    let moved = job.store("moved", &format!("select p from {} where {}", found.set, within("p", &scope)))?;
    let count = job.count(&format!("select count(*) from {moved}"))?;
    if count == 0 {
        return Ok(None);
    }
    let reached = Dirty { set: moved.clone(), count, ..found };
    let shown = [Shown::output(job.model.relation.sql(), &prepared.axis)];
    let mut lines: Vec<String> = listed(&mut job, prepared, &observations, &reached, &shown)?
        .into_iter()
        .take(TOLD)
        .map(|partition| format!("{} {}: {}", job.label, partition.label, partition.reasons.join("; ")))
        .collect();
    more(&mut lines, &job, count);
    Ok(Some(Moved { lines, set: Some(moved) }))
}

fn more(lines: &mut Vec<String>, job: &Job, count: u64) {
    let more = count.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("{}: and {more} more", job.label));
    }
}

/// What nobody else can change while this process works, so that it need be looked at only once: at its beginning, or when it goes on.
///
/// Of a file that is locked no other process writes a row, and this one writes side tables until it publishes. So between the first look and the
/// swap, tables of that file are what they were. Not so what lies elsewhere, views on whatever that may be, and filters by the clock.
#[derive(Debug, Default)]
pub(crate) struct Still {
    /// The models' own tables.
    pub tables: bool,
    /// Of every model, whether its inputs are such tables.
    pub inputs: Vec<bool>,
}

/// Finds out what holds still.
///
/// # Errors
/// When the catalog cannot be read.
pub(crate) fn still(site: &mut Site, prepared: &[Prepared]) -> Result<Still, BackfillError> {
    let Some(alone) = site.alone.clone() else {
        return Ok(Still { tables: false, inputs: vec![false; prepared.len()] });
    };
    let tables = site.models.iter().all(|model| model.model.relation.database.eq_ignore_ascii_case(&alone));
    let mut inputs = Vec::new();
    for (place, prepared) in prepared.iter().enumerate() {
        let job = site.job(place);
        let mut still = tables;
        for input in &prepared.inputs {
            still &= !input.probe.moving && input.files.is_none();
            for table in &input.reads {
                still = still
                    && table.database.eq_ignore_ascii_case(&alone)
                    && job.connection.kind(table).map_err(|error| job.error(error))? == Some(RelationKind::Table);
            }
        }
        inputs.push(still);
    }
    Ok(Still { tables, inputs })
}

/// The salt of a model's fingerprints in a backfill.
pub(crate) fn salt(site: &mut Site, id: &str, place: usize) -> Result<u64, BackfillError> {
    let schema = site.ledger()?;
    let mut job = site.job(place);
    let model = job.id();
    Ok(job.count(&format!(
        "select salt from {schema}.backfill_models where backfill = {} and model = {model}",
        quote_literal(id)
    ))?)
}

/// Takes down that a model has seen the swaps of its parents in the backfill, which are no movement of the plan's.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn follow(site: &mut Site, id: &str, place: usize) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    for parent in 0..place {
        if !site.models[parent].is_exact {
            continue;
        }
        let parent = site.job(parent).id();
        let mut job = site.job(place);
        job.shadow = Some(shadow(id));
        let model = job.id();
        job.execute(&format!(
            "update {schema}.inputs set seen_seq = (select max(change_seq) from {schema}.models where model = {parent}) \
             where model = {model} and parent = {parent}"
        ))?;
    }
    Ok(())
}

/// Which columns of the ledger hold what a table should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Before the swap.
    Before,
    /// After it.
    After,
}

impl Side {
    /// The columns of rows and fingerprints.
    pub fn columns(self) -> (&'static str, &'static str) {
        match self {
            Self::Before => ("rows_before", "fingerprint_before"),
            Self::After => ("rows_after", "fingerprint_after"),
        }
    }
}

/// Whether the partitions of a model's table hold something else than the backfill left or found there. None when not. Leaves the table's
/// fingerprints in the temporary table `here`.
///
/// # Errors
/// When the table cannot be read.
pub(crate) fn table(
    site: &mut Site,
    id: &str,
    place: usize,
    prepared: &Prepared,
    side: Side,
) -> Result<(String, Option<Moved>), BackfillError> {
    let salt = salt(site, id, place)?;
    let schema = site.ledger()?;
    let column = prepared.axis.ledger_column();
    let set = store::set(site, id, place, column, None)?;
    let mut job = site.job(place);
    let scope = job.store("scope", &format!("select p from {set}"))?;
    let rows = rows_in(&mut job, &prepared.axis, &scope)?;
    let live = job.model.relation.sql();
    let here = shape::partitions(&mut job, prepared, "here", &rows, salt)?;
    let (n, f) = side.columns();
    let model = job.id();
    let moved = job.store(
        "moved_here",
        &format!(
            "select p from (select p, n, f, 1 as side from {here} union all \
             select {column}, {n}, {f}, 2 from {schema}.backfill_partitions where backfill = {} and model = {model} and {n} > 0) as sides \
             group by p having count(*) <> 2 or min(n) <> max(n) or min(f) <> max(f)",
            quote_literal(id)
        ),
    )?;
    let count = job.count(&format!("select count(*) from {moved}"))?;
    if count == 0 {
        return Ok((here, None));
    }
    let first = job.store("told", &format!("select p from {moved} order by p nulls last limit {TOLD}"))?;
    let labels = labelled(&mut job, &prepared.axis, &first, &[Shown::output(live, &prepared.axis)])?;
    let table = job.query(&format!("select label from {labels} order by place"))?;
    let mut lines: Vec<String> =
        table.rows.iter().map(|row| format!("{} {}: its rows were changed", job.label, row[0])).collect();
    more(&mut lines, &job, count);
    Ok((here, Some(Moved { lines, set: Some(moved) })))
}

/// Everything that has moved under the models of a backfill, line by line: logic, inputs, tables.
///
/// # Errors
/// When something cannot be read.
pub(crate) fn everything(site: &mut Site, work: &Task) -> Result<Vec<String>, BackfillError> {
    Ok(moved(site, work, &Still { tables: false, inputs: vec![false; work.parts.len()] })?.0)
}

/// The same for one who has looked before, and need look again only at what does not hold still; and for every model the temporary table
/// `(p, n, f)` of what stands in its partitions.
///
/// # Errors
/// When something cannot be read.
pub(crate) fn since(site: &mut Site, work: &Task) -> Result<(Vec<String>, Vec<Option<String>>), BackfillError> {
    moved(site, work, work.still)
}

fn moved(site: &mut Site, work: &Task, still: &Still) -> Result<(Vec<String>, Vec<Option<String>>), BackfillError> {
    let (mut lines, mut standing) = (Vec::new(), Vec::new());
    #[cfg(test)]
    if site.naive.contains(&super::tests::Naive::NoToken) {
        return Ok((lines, vec![None; work.parts.len()]));
    }
    for (place, (part, prepared)) in work.parts.iter().zip(work.prepared).enumerate() {
        if prepared.logic_version != part.logic {
            lines.push(format!("{}: its query, or what it depends on, was changed", part.label));
            standing.push(None);
            continue;
        }
        if !still.inputs[place] {
            let moved = inputs(site, work.id, place, prepared, None)?;
            lines.extend(moved.into_iter().flat_map(|moved| moved.lines));
        }
        let here = if still.tables {
            before(site, work.id, place, prepared)?
        } else {
            let (here, changed) = table(site, work.id, place, prepared, Side::Before)?;
            lines.extend(changed.into_iter().flat_map(|moved| moved.lines));
            here
        };
        // Of a whole table there may be more than was planned.
        standing.push(part.whole.is_none().then_some(here));
    }
    Ok((lines, standing))
}

/// What stood in a model's partitions when it was looked at last: a temporary table `(p, n, f)`.
fn before(site: &mut Site, id: &str, place: usize, prepared: &Prepared) -> Result<String, BackfillError> {
    let schema = site.ledger()?;
    let mut job = site.job(place);
    let query = format!(
        "select {} as p, rows_before as n, fingerprint_before as f from {schema}.backfill_partitions \
         where backfill = {} and model = {} and rows_before > 0",
        prepared.axis.ledger_column(),
        quote_literal(id),
        job.id()
    );
    Ok(job.store("here", &query)?)
}
