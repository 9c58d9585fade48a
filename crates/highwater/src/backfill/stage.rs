//! Staging: the new rows in tables of their own, batch by batch, each batch and its record in one transaction.
//!
//! A model whose parent is in the same backfill reads the parent's staged rows in place of those they are going to replace, though nobody else
//! can see them yet.

use std::time::Instant;

use crate::engine::{Relation, quote_literal};
use crate::exact::axis::quoted;
use crate::exact::detect::{Observation, observe, record};
use crate::exact::dirty::dirty;
use crate::exact::foresee::{Work, foresee};
use crate::exact::job::{Job, number};
use crate::exact::overlay::{Overlay, escapes};
use crate::exact::prepare::{Prepared, column_names, embedded, text_over};
use crate::exact::reserved::{self, Reserved};
use crate::exact::slice::{Filter, slice};

use super::document::ModelPart;
use super::error::BackfillError;
use super::plan::shadow;
use super::scope::{FORESEEN, rows_in, stand};
use super::shape;
use super::site::Site;
use super::store::{self, State, tables};
use super::token::{self, Side, Still};

/// The batch of the canary: the partition that goes first.
pub(crate) const CANARY: u64 = 0;

/// What the steps of one backfill share.
pub(crate) struct Task<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its models.
    pub parts: &'a [ModelPart],
    /// The same, looked at.
    pub prepared: &'a [Prepared],
    /// What need not be looked at again.
    pub still: &'a Still,
}

/// Makes the side tables, cuts the partitions into batches, and holds them.
///
/// # Errors
/// When another backfill has begun on one of the models.
pub(crate) fn begin(site: &mut Site, work: &Task, most_rows: u64) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    let id = quote_literal(work.id);
    let mut canary = true;
    for (place, (part, prepared)) in work.parts.iter().zip(work.prepared).enumerate() {
        open_elsewhere(site, work.id, place)?;
        let is_exact = site.models[place].is_exact;
        let sides = tables(&schema, work.id, place);
        let column = prepared.axis.ledger_column();
        let set = store::set(site, work.id, place, column, None)?;
        let mut job = site.job(place);
        let model = job.id();
        job.execute(&format!("drop table if exists {}", sides.stage))?;
        let like = match shape::change(&mut job, prepared)? {
            Some(_) => format!("(\n{}\n) as hw_like", embedded(&prepared.text)),
            None => job.model.relation.sql(),
        };
        job.execute(&format!("create table {} as select * from {like} limit 0", sides.stage))?;
        let mine = format!("backfill = {id} and model = {model}");
        job.execute(&format!(
            "update {schema}.backfill_partitions set staged = false, batch = 1, rows_after = null, fingerprint_after = null where {mine}"
        ))?;
        if part.whole.is_none() {
            job.execute(&format!(
                "update {schema}.backfill_partitions as cut set batch = made.batch from (select {column} as p, \
                 1 + cast(floor((sum(rows_before) over (order by {column} nulls last rows between unbounded preceding and current row) - rows_before) / {most_rows}) as bigint) as batch \
                 from {schema}.backfill_partitions where {mine}) as made where {mine} and cut.{column} is not distinct from made.p"
            ))?;
            if std::mem::take(&mut canary) {
                job.execute(&format!(
                    "update {schema}.backfill_partitions set batch = {CANARY} where {mine} and {column} is not distinct from \
                     (select {column} from {schema}.backfill_partitions where {mine} order by rows_before = 0, {column} nulls last limit 1)"
                ))?;
            }
        }
        if is_exact {
            let scope = job.store("scope", &format!("select p from {set}"))?;
            job.execute(&format!("delete from {schema}.reserved where model = {model} and backfill = {id}"))?;
            reserved::reserve(&mut job, &prepared.axis, &scope, work.id)?;
        }
    }
    Ok(())
}

/// Refuses when another backfill holds partitions of a model, or stages them.
fn open_elsewhere(site: &mut Site, id: &str, place: usize) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    let mut job = site.job(place);
    let model = job.id();
    let holding: Vec<String> = [State::Staging, State::Staged, State::Failed, State::RolledBack]
        .iter()
        .map(|state| quote_literal(state.word()))
        .collect();
    let table = job.query(&format!(
        "select min(b.backfill) from {schema}.backfills as b join {schema}.backfill_models as m on m.backfill = b.backfill \
         where m.model = {model} and b.backfill <> {} and b.state in ({})",
        quote_literal(id),
        holding.join(", ")
    ))?;
    match table.scalar().and_then(|cell| cell.as_text()) {
        Some(other) => Err(BackfillError::Open { other: other.to_owned(), model: job.label.clone() }),
        None => Ok(()),
    }
}

/// The batches of a model that are to be staged yet, in order.
pub(crate) fn batches(site: &mut Site, id: &str, place: usize) -> Result<Vec<u64>, BackfillError> {
    let schema = site.ledger()?;
    let mut job = site.job(place);
    let model = job.id();
    let table = job.query(&format!(
        "select distinct batch from {schema}.backfill_partitions where backfill = {} and model = {model} and not staged order by batch",
        quote_literal(id)
    ))?;
    Ok(table.rows.iter().map(|row| number(&row[0])).collect())
}

/// Stages one batch in a transaction of its own. Returns its rows.
///
/// # Errors
/// [`BackfillError::Moved`] when the snapshot is no longer what the plan saw, and what the engine says.
pub(crate) fn batch(site: &mut Site, work: &Task, place: usize, batch: u64) -> Result<u64, BackfillError> {
    let prepared = &work.prepared[place];
    let whole = work.parts[place].whole.is_some();
    let started = Instant::now();
    site.transaction(|site| {
        still_staging(site, work.id)?;
        unmoved(site, work, place, batch)?;
        let schema = site.ledger()?;
        let overlays = overlays(site, work, place)?;
        let set = store::set(site, work.id, place, prepared.axis.ledger_column(), Some(batch))?;
        let stage = tables(&schema, work.id, place).stage;
        let mut job = site.job(place);
        let scope = job.store("batch", &format!("select p from {set}"))?;
        let (query, rows) = query(&mut job, prepared, &overlays, &scope, whole)?;
        job.execute(&format!("delete from {stage} where {rows}"))?;
        let columns = quoted(job.dialect, &column_names(&prepared.output)).join(", ");
        let inserted = job.execute(&format!("insert into {stage} ({columns}) select {columns} from (\n{query}\n) as hw_new"))?;
        job.reach("batch");
        if prepared.inputs.iter().any(|input| input.files.is_some()) {
            // No snapshot holds files still.
            unmoved(site, work, place, batch)?;
        }
        let mut job = site.job(place);
        let model = job.id();
        let partitions = job.count(&format!("select count(*) from {scope}"))?.max(1);
        let seconds = started.elapsed().as_secs_f64() / partitions as f64;
        job.execute(&format!(
            "update {schema}.backfill_partitions set staged = true, seconds = {seconds} where backfill = {} and model = {model} and batch = {batch}",
            quote_literal(work.id)
        ))?;
        if whole {
            add_new(&mut job, prepared, &schema, work.id, &stage)?;
        }
        job.drop_temporary()?;
        job.reach("batched");
        Ok(inserted)
    })
}

/// The query for the rows of a set of partitions, over the overlays, and the condition for such rows.
fn query(
    job: &mut Job,
    prepared: &Prepared,
    overlays: &[Overlay],
    set: &str,
    whole: bool,
) -> Result<(String, String), BackfillError> {
    if whole {
        return Ok((text_over(job, overlays)?, "true".to_owned()));
    }
    let null = job.count(&format!("select count(*) from {set} where p is null"))? > 0;
    let filter = Filter::new(job, &prepared.axis, set, null)?.over(job, overlays)?;
    let rows = filter.result(&prepared.axis);
    match &prepared.analysis.slice {
        Some(parts)
            if !escapes(overlays, &parts.pieces) && !parts.drivers.iter().any(|driver| escapes(overlays, driver)) =>
        {
            Ok((slice(job, &prepared.axis, parts, &filter)?, rows))
        }
        _ => Ok((format!("select * from (\n{}\n) as q where {rows}", text_over(job, overlays)?), rows)),
    }
}

/// A whole build may have partitions that the table did not have.
fn add_new(job: &mut Job, prepared: &Prepared, schema: &str, id: &str, stage: &str) -> Result<(), BackfillError> {
    let column = prepared.axis.ledger_column();
    let model = job.id();
    let id = quote_literal(id);
    job.execute(&format!(
        "insert into {schema}.backfill_partitions (backfill, model, {column}, batch, staged, rows_before, fingerprint_before) \
         select distinct {id}, {model}, {0}, 1, true, 0, 0 from {stage} where not exists (select 1 from {schema}.backfill_partitions as known \
         where known.backfill = {id} and known.model = {model} and known.{column} is not distinct from {0})",
        prepared.axis.partition()
    ))?;
    Ok(())
}

/// Whether nobody gave the backfill up meanwhile.
fn still_staging(site: &mut Site, id: &str) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    let entry = store::entry(site.connection, &schema, id).map_err(|error| site.job(0).error(error))?;
    match entry.map(|entry| entry.state) {
        Some(State::Staging) => Ok(()),
        Some(state) => Err(store::out_of_turn(id, state, "staged")),
        None => Err(BackfillError::Unknown { id: id.to_owned(), reason: "its record is gone".to_owned() }),
    }
}

/// Whether the snapshot still is what the plan saw, as far as a batch goes.
fn unmoved(site: &mut Site, work: &Task, place: usize, batch: u64) -> Result<(), BackfillError> {
    #[cfg(test)]
    if site.naive.contains(&super::tests::Naive::NoToken) {
        return Ok(());
    }
    if work.still.inputs[place] {
        return Ok(());
    }
    match token::inputs(site, work.id, place, &work.prepared[place], Some(batch))? {
        Some(moved) => Err(BackfillError::Moved { id: work.id.to_owned(), what: moved.lines, staged: true }),
        None => Ok(()),
    }
}

/// The staged rows of the models before, in place of those they will replace.
pub(crate) fn overlays(site: &mut Site, work: &Task, place: usize) -> Result<Vec<Overlay>, BackfillError> {
    #[cfg(test)]
    if site.naive.contains(&super::tests::Naive::LiveParent) {
        return Ok(Vec::new());
    }
    (0..place).map(|parent| overlay(site, work, parent, None)).collect()
}

/// What a model's table will hold: its own rows outside the backfill, or outside one batch of it, and those staged.
pub(crate) fn overlay(
    site: &mut Site,
    work: &Task,
    place: usize,
    batch: Option<u64>,
) -> Result<Overlay, BackfillError> {
    let schema = site.ledger()?;
    let prepared = &work.prepared[place];
    let stage = tables(&schema, work.id, place).stage;
    let set = store::set(site, work.id, place, prepared.axis.ledger_column(), batch)?;
    let mut job = site.job(place);
    let relation = job.model.relation.clone();
    let columns = quoted(job.dialect, &column_names(&prepared.output)).join(", ");
    let sql = if work.parts[place].whole.is_some() {
        format!("select {columns} from {stage}")
    } else {
        let scope = job.store("overlaid", &format!("select p from {set}"))?;
        let rows = rows_in(&mut job, &prepared.axis, &scope)?;
        format!(
            "select {columns} from {} where ({rows}) is not true union all select {columns} from {stage}",
            relation.sql()
        )
    };
    Ok(Overlay { relation, sql })
}

/// Adds the partitions of a model that only the staged rows of its parents reach: keys that were not there when it was planned.
///
/// # Errors
/// When they cannot be found out.
pub(crate) fn widen(site: &mut Site, work: &Task, place: usize) -> Result<(), BackfillError> {
    if place == 0 || work.parts[place].whole.is_some() {
        return Ok(());
    }
    let salt = token::salt(site, work.id, place)?;
    site.transaction(|site| {
        let schema = site.ledger()?;
        let prepared = &work.prepared[place];
        let mut ahead: Vec<(Relation, Work)> = Vec::new();
        for parent in 0..place {
            let axis = work.prepared[parent].axis.clone();
            let set = store::set(site, work.id, parent, axis.ledger_column(), None)?;
            let mut job = site.job(parent);
            let set = job.store("reached", &format!("select p from {set}"))?;
            let staged = Some(tables(&schema, work.id, parent).stage);
            ahead.push((job.model.relation.clone(), Work::Partitions { set, axis, staged }));
        }
        let column = prepared.axis.ledger_column();
        let set = store::set(site, work.id, place, column, None)?;
        let is_exact = site.models[place].is_exact;
        let mut job = site.job(place);
        let mut observations: Vec<Observation> = prepared.inputs.iter().map(|_| Observation::unlooked()).collect();
        job.shadow = Some(FORESEEN.to_owned());
        if foresee(&mut job, prepared, &mut observations, &ahead)?.is_some() {
            return Ok(());
        }
        let found = dirty(&mut job, prepared, &observations, None, &Reserved::default())?;
        job.shadow = None;
        let known = job.store("known", &format!("select p from {set}"))?;
        let query = format!("select p from {} where not {}", found.set, crate::exact::axis::within("p", &known));
        let (more, before) = stand(&mut job, prepared, Some(&query), salt)?;
        if job.count(&format!("select count(*) from {more}"))? == 0 {
            return Ok(());
        }
        let (id, model) = (quote_literal(work.id), job.id());
        job.execute(&format!(
            "insert into {schema}.backfill_partitions (backfill, model, {column}, batch, staged, rows_before, fingerprint_before) \
             select {id}, {model}, more.p, 1 + (select max(batch) from {schema}.backfill_partitions where backfill = {id} and model = {model}), false, \
             coalesce(before.n, 0), coalesce(before.f, 0) from {more} as more left join {before} as before on more.p is not distinct from before.p"
        ))?;
        if is_exact {
            reserved::reserve(&mut job, &prepared.axis, &more, work.id)?;
        }
        // Whoever looked at the beginning did not look at these.
        match token::inputs(site, work.id, place, prepared, None)? {
            Some(moved) => Err(BackfillError::Moved { id: work.id.to_owned(), what: moved.lines, staged: true }),
            None => Ok(()),
        }
    })
}

/// Takes what has moved for the new state of things: the partitions it reaches are staged anew, and those of the models below with them. Returns
/// what moved, line by line.
///
/// # Errors
/// [`BackfillError::Moved`] when the logic changed: then it is another backfill.
pub(crate) fn accept(site: &mut Site, work: &Task) -> Result<Vec<String>, BackfillError> {
    let schema = site.ledger()?;
    let mut lines = Vec::new();
    #[cfg(test)]
    if site.naive.contains(&super::tests::Naive::BlindResume) {
        return Ok(lines);
    }
    for (place, (part, prepared)) in work.parts.iter().zip(work.prepared).enumerate() {
        if prepared.logic_version != part.logic {
            let what = vec![format!("{}: its query, or what it depends on, was changed: plan again", part.label)];
            return Err(BackfillError::Moved { id: work.id.to_owned(), what, staged: false });
        }
        let below_moved = !lines.is_empty();
        let moved = token::inputs(site, work.id, place, prepared, None)?;
        if moved.is_some() || below_moved {
            let set =
                moved.as_ref().and_then(|moved| moved.set.clone()).filter(|_| !below_moved && part.whole.is_none());
            unstage(site, work, place, set.as_deref())?;
            see(site, work, place)?;
        }
        lines.extend(moved.into_iter().flat_map(|moved| moved.lines));
        let (here, changed) = token::table(site, work.id, place, prepared, Side::Before)?;
        if let Some(changed) = changed {
            let column = prepared.axis.ledger_column();
            let mut job = site.job(place);
            let mine = format!("backfill = {} and model = {}", quote_literal(work.id), job.id());
            job.execute(&format!(
                "update {schema}.backfill_partitions set rows_before = 0, fingerprint_before = 0 where {mine}"
            ))?;
            job.execute(&format!(
                "update {schema}.backfill_partitions as known set rows_before = here.n, fingerprint_before = here.f from {here} as here \
                 where {mine} and known.{column} is not distinct from here.p"
            ))?;
            lines.extend(changed.lines);
        }
    }
    Ok(lines)
}

/// Takes staged rows back: of some partitions, or all.
fn unstage(site: &mut Site, work: &Task, place: usize, set: Option<&str>) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    let prepared = &work.prepared[place];
    let stage = tables(&schema, work.id, place).stage;
    let mut job = site.job(place);
    let rows = match set {
        Some(set) => rows_in(&mut job, &prepared.axis, set)?,
        None => "true".to_owned(),
    };
    job.execute(&format!("delete from {stage} where {rows}"))?;
    let scope =
        set.map_or_else(|| "true".to_owned(), |set| crate::exact::axis::within(prepared.axis.ledger_column(), set));
    let model = job.id();
    job.execute(&format!(
        "update {schema}.backfill_partitions set staged = false, batch = case when batch = {CANARY} then 1 else batch end \
         where backfill = {} and model = {model} and {scope}",
        quote_literal(work.id)
    ))?;
    Ok(())
}

/// Takes down the inputs as they are now.
fn see(site: &mut Site, work: &Task, place: usize) -> Result<(), BackfillError> {
    let (salt, run) = (token::salt(site, work.id, place)?, site.run.clone());
    let prepared = &work.prepared[place];
    let mut job = site.job(place);
    job.shadow = Some(shadow(work.id));
    let observations = observe(&mut job, prepared, salt, true)?;
    record(&mut job, prepared, &observations, true, &run)?;
    Ok(())
}
