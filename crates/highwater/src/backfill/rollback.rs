//! Rolling back: the old rows take their places again, in one transaction; and giving a backfill up.
//!
//! A partition that was rolled back does not hold what a rebuild would. So it stays reserved, and is never called right: runs leave it alone until
//! the backfill is applied again, or given up, and then the next run builds it.

use serde::Serialize;
use serde_json::json;

use crate::engine::{EngineError, quote_literal};
use crate::exact::axis::{quoted, within};
use crate::exact::job::Job;
use crate::exact::ledger::{self, ModelRow, RunRow};
use crate::exact::prepare::{Prepared, column_names};
use crate::exact::reserved;

use super::apply::known;
use super::document::File;
use super::error::BackfillError;
use super::plan::forget_seen;
use super::scope::rows_in;
use super::shape;
use super::site::Site;
use super::store::{State, Tables, advance, entries, tables};
use super::token::{self, Side};

/// What rolling back came to for one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    /// The model's label.
    pub label: String,
    /// Partitions put back.
    pub partitions: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows inserted.
    pub inserted: u64,
}

/// Puts the old rows of all models back.
///
/// # Errors
/// [`BackfillError::Overtaken`] when partitions were written since they were published, [`BackfillError::TooLate`] when the old rows are kept no
/// longer.
pub fn rollback(site: &mut Site, file: &File, at: &str) -> Result<Vec<RolledBack>, BackfillError> {
    let id = &file.backfill;
    let known = known(site, id)?;
    let too_late = known.kept_until().filter(|until| known.state == State::Published && today(site).as_str() > *until);
    if let Some(until) = too_late.filter(|_| !site.undoes_at_any_time()) {
        return Err(BackfillError::TooLate { id: id.clone(), until: until.to_owned() });
    }
    let mut prepared = Vec::new();
    for place in 0..site.models.len() {
        prepared.push(site.prepared(place)?);
    }
    let undone = site.transaction(|site| {
        let mut undone = Vec::new();
        // Checked first: a backfill that is elsewhere has no tables to look at.
        let note = json!({ "step": "rolled back", "at": at, "by": site.by, "run": site.run.run_id });
        advance(site, id, &[State::Published], State::RolledBack, "rolled back", note)?;
        let mut unmoved = Vec::new();
        for (place, prepared) in prepared.iter().enumerate() {
            unmoved.push(token::inputs(site, id, place, prepared, None)?.is_none());
        }
        for (place, prepared) in prepared.iter().enumerate() {
            let whole = file.plan.models.get(place).is_some_and(|part| part.whole.is_some());
            undone.push(undo_one(site, id, place, prepared, whole)?);
        }
        // What moved before stays moved; what moves now is our own doing.
        for place in (0..site.models.len()).filter(|place| unmoved[*place]) {
            token::follow(site, id, place)?;
        }
        for place in 0..site.models.len() {
            site.job(place).reach("undoing");
        }
        Ok(undone)
    })?;
    for place in 0..site.models.len() {
        site.job(place).reach("undone");
    }
    Ok(undone)
}

fn undo_one(
    site: &mut Site,
    id: &str,
    place: usize,
    prepared: &Prepared,
    whole: bool,
) -> Result<RolledBack, BackfillError> {
    let schema = site.ledger()?;
    let sides = tables(&schema, id, place);
    let is_exact = site.models[place].is_exact;
    let (rows_only, keeps_columns) = (site.puts_rows_back_only(), site.keeps_new_columns());
    let overtaken = |what: String| BackfillError::Overtaken { id: id.to_owned(), what };
    let (_, moved) = token::table(site, id, place, prepared, Side::After)?;
    if let Some(moved) = moved {
        return Err(overtaken(moved.lines.join("; ")));
    }
    let column = prepared.axis.ledger_column();
    let run = site.run.clone();
    let mut job = site.job(place);
    let Ok(old) = job.connection.describe(&format!("select * from {}", sides.kept)) else {
        return Err(overtaken(format!("the old rows of {} are gone", job.label)));
    };
    let (mine, live) = (format!("backfill = {} and model = {}", quote_literal(id), job.id()), job.model.relation.sql());
    let back = job.store(
        "back",
        &format!(
            "select {column} as p from {schema}.backfill_partitions where {mine} \
             and (rows_before <> rows_after or fingerprint_before is distinct from fingerprint_after)"
        ),
    )?;
    let rows = rows_in(&mut job, &prepared.axis, &back)?;
    let made_anew = !keeps_columns && {
        let rest = format!("not {}", prepared.axis.within(&back));
        shape::restore(&mut job, &sides.kept, &old, &rest).map_err(|error| match error.engine_error() {
            // A view that reads a column which is to go, for example.
            Some(reason) if !matches!(reason, EngineError::Conflict { .. }) => {
                overtaken(format!("the columns of {} stay: {reason}", job.label))
            }
            _ => error.into(),
        })?
    };
    let (deleted, inserted) = if made_anew {
        let [before, after] = job.numbers(&format!(
            "select sum(rows_before)::bigint, sum(rows_after)::bigint from {schema}.backfill_partitions where {mine} and {}",
            within(column, &back)
        ))?;
        (after, before)
    } else {
        let columns = quoted(job.dialect, &column_names(&old)).join(", ");
        let deleted = job.execute(&format!("delete from {live} where {rows}"))?;
        let from = format!("select {columns} from {} where {rows}", sides.kept);
        (deleted, job.execute(&format!("insert into {live} ({columns}) {from}"))?)
    };
    let partitions = job.count(&format!("select count(*) from {back}"))?;
    if is_exact {
        if !rows_only {
            put_back(&mut job, prepared, &schema, id, &back)?;
        }
        let kept = if whole {
            let all = format!("select {column} as p from {schema}.backfill_partitions where {mine}");
            job.store("kept", &all)?
        } else {
            back
        };
        reserved::reserve(&mut job, &prepared.axis, &kept, id)?;
        let row = RunRow {
            what: "rollback",
            reason: Some(format!("backfill {id}")),
            dirty: partitions,
            replaced: partitions,
            deleted,
            inserted,
            ..RunRow::default()
        };
        ledger::write_run(&mut job, &row, &run)?;
    }
    drop_sides(&mut job, &sides)?;
    Ok(RolledBack { label: job.label.clone(), partitions, deleted, inserted })
}

/// Puts the partitions of the ledger back to what the table holds again, under a new number so that models below hear of it.
fn put_back(job: &mut Job, prepared: &Prepared, schema: &str, id: &str, back: &str) -> Result<(), BackfillError> {
    let epoch = ledger::epoch(job)?.ok_or_else(|| job.broken("it has no row in the fence"))?;
    let relation = job.model.relation.clone();
    let known = ledger::model(job, &relation)?.ok_or_else(|| job.broken("the ledger does not know it"))?;
    ledger::fence(job, epoch)?;
    let (column, model) = (prepared.axis.ledger_column(), job.id());
    let mine = format!("backfill = {} and model = {model}", quote_literal(id));
    let before = job.query(&format!("select logic_version, logic from {schema}.backfill_models where {mine}"))?;
    let (version, logic) = match before.rows.first() {
        Some(row) if !row[0].is_null() => {
            (row[0].to_string(), serde_json::from_str(&row[1].to_string()).unwrap_or_default())
        }
        _ => (known.logic_version.clone(), known.logic.clone()),
    };
    job.execute(&format!("delete from {schema}.partitions where model = {model} and {}", within(column, back)))?;
    job.execute(&format!(
        "insert into {schema}.partitions (model, {column}, row_count, fingerprint, logic_version, run_id, changed_seq) \
         select {model}, {column}, rows_before, fingerprint_before, {}, {}, {} from {schema}.backfill_partitions where {mine} and {}",
        quote_literal(&version),
        quote_literal(id),
        known.change_seq + 1,
        within(column, back)
    ))?;
    let sql = format!(
        "update {schema}.models set change_seq = {}, logic_version = {}, logic = {}, tuples = null where model = {model}",
        known.change_seq + 1,
        quote_literal(&version),
        quote_literal(&ModelRow { logic, ..known }.logic.to_string())
    );
    job.execute(&sql)?;
    Ok(())
}

/// Gives a backfill up: its side tables go, and what it reserved is left to the next run.
///
/// # Errors
/// When it was published, and not rolled back.
pub fn abandon(site: &mut Site, file: &File, at: &str) -> Result<(), BackfillError> {
    let id = &file.backfill;
    let schema = site.ledger()?;
    site.transaction(|site| {
        let from = [State::Planned, State::Staging, State::Staged, State::Failed, State::RolledBack];
        advance(
            site,
            id,
            &from,
            State::Abandoned,
            "abandoned",
            json!({ "step": "abandoned", "at": at, "by": site.by, "run": site.run.run_id }),
        )?;
        let run_id = site.run.run_id.clone();
        reserved::release(&mut site.job(0), id, &run_id)?;
        for place in 0..site.models.len() {
            let sides = tables(&schema, id, place);
            drop_sides(&mut site.job(place), &sides)?;
        }
        forget_seen(site, &schema, id)
    })
}

fn today(site: &Site) -> String {
    site.run.started_at.strftime("%Y-%m-%d").to_string()
}

/// Drops the old rows of backfills that are kept no longer.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(crate) fn sweep(site: &mut Site) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    let today = today(site);
    let found = entries(site.connection, &schema).map_err(|error| site.job(0).error(error))?;
    for entry in found.iter().filter(|entry| entry.state == State::Published) {
        if entry.kept_until().is_none_or(|until| today.as_str() <= until) {
            continue;
        }
        let mut job = site.job(0);
        let table = job.query(&format!(
            "select kept from {schema}.backfill_models where backfill = {}",
            quote_literal(&entry.id)
        ))?;
        for row in &table.rows {
            job.execute(&format!("drop table if exists {}", row[0]))?;
        }
    }
    Ok(())
}

/// Drops the side tables of a model.
pub(crate) fn drop_sides(job: &mut Job, sides: &Tables) -> Result<(), BackfillError> {
    for table in [&sides.stage, &sides.kept] {
        job.execute(&format!("drop table if exists {table}"))?;
    }
    Ok(())
}

/// Drops the staged rows of all models: they stand in the tables by now.
pub(crate) fn drop_staged(site: &mut Site, id: &str) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    for place in 0..site.models.len() {
        let stage = tables(&schema, id, place).stage;
        site.job(place).execute(&format!("drop table if exists {stage}"))?;
    }
    Ok(())
}
