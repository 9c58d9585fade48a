//! A run of one model, from looking to committing.
//!
//! Everything happens in one transaction on one snapshot. Looking writes nothing; the fence is raised only when there is something to write, and
//! it fails if another run of the model has committed since the snapshot. So a run that finds nothing new leaves no trace at all.

use std::time::Instant;

use super::detect::{Observation, record};
use super::dirty::listed;
use super::error::ExactError;
use super::foresee::Shown;
use super::job::Job;
use super::ledger::{self, ModelRow, RunRow};
use super::look::{Choice, Look, kept, look, refuse, schema_change};
use super::model::RunIdentity;
use super::prepare::{Analyse, Prepared, prepare};
use super::report::{Mode, SwapReport};
use super::slice::{Filter, slice};
use super::swap::{self, Swapped, stage};

/// A report, and whether what it tells of is to be committed.
struct Done {
    report: SwapReport,
    commit: bool,
}

/// Runs a model; see [`super::run`].
pub(crate) fn build(job: &mut Job, run: &RunIdentity, analyse: Analyse) -> Result<SwapReport, ExactError> {
    job.begin()?;
    let outcome = attempt(job, run, analyse).and_then(|done| {
        if done.commit {
            job.drop_temporary()?;
            job.connection.commit().map_err(|error| job.error(error))?;
        } else {
            job.connection.rollback().map_err(|error| job.error(error))?;
        }
        Ok(done.report)
    });
    if outcome.is_err() {
        ledger::rollback(job);
    }
    outcome
}

fn attempt(job: &mut Job, run: &RunIdentity, analyse: Analyse) -> Result<Done, ExactError> {
    let started = Instant::now();
    let mut prepared = prepare(job, &run.engine_version, analyse)?;
    if !ledger::fenced(job)? {
        // The fence must stand before the snapshot it guards is taken.
        job.connection.rollback().map_err(|error| job.error(error))?;
        ledger::create(job, run)?;
        job.begin()?;
        prepared = prepare(job, &run.engine_version, analyse)?;
    }
    let look = look(job, &prepared, &[])?;
    refuse(job, &prepared, &look)?;
    let detect_seconds = started.elapsed().as_secs_f64();
    let mut done = act(job, &prepared, &look, run)?;
    done.report.detect_seconds = detect_seconds;
    done.report.seconds = started.elapsed().as_secs_f64();
    Ok(done)
}

/// Builds, compares, swaps and records what the look called for.
fn act(job: &mut Job, prepared: &Prepared, look: &Look, run: &RunIdentity) -> Result<Done, ExactError> {
    match &look.choice {
        Choice::Nothing => Ok(Done { report: report(job, prepared, look, Mode::Unchanged)?, commit: false }),
        Choice::Note => {
            ledger::fence(job)?;
            record(job, prepared, &look.observations, false, run)?;
            ledger::write_run(job, &RunRow { what: "unchanged", ..RunRow::default() }, run)?;
            Ok(Done { report: report(job, prepared, look, Mode::Unchanged)?, commit: true })
        }
        Choice::Incremental => {
            let (Some(dirty), Some(parts)) = (&look.dirty, &prepared.analysis.slice) else {
                return Err(job.broken("there is no slice to build"));
            };
            ledger::fence(job)?;
            let filter = Filter::new(job, &prepared.axis, &dirty.set, dirty.null)?;
            let query = slice(job, &prepared.axis, parts, &filter)?;
            finish(job, prepared, look, run, &query, Mode::Incremental)
        }
        Choice::New | Choice::Whole { .. } => {
            ledger::fence(job)?;
            let query = format!("select * from (\n{}\n) as q", prepared.text);
            let mode = if look.choice == Choice::New { Mode::New } else { Mode::Whole };
            finish(job, prepared, look, run, &query, mode)
        }
    }
}

fn finish(
    job: &mut Job,
    prepared: &Prepared,
    look: &Look,
    run: &RunIdentity,
    query: &str,
    mode: Mode,
) -> Result<Done, ExactError> {
    let scope = look.dirty.as_ref().filter(|_| mode == Mode::Incremental);
    let staged = stage(job, prepared, query, scope, look.here.as_deref(), look.salt)?;
    // Keys of partitions that are about to lose their rows can be named only now.
    let shown = match scope {
        Some(dirty) => {
            let tables =
                [job.model.relation.sql(), job.temp("stage")].map(|table| Shown::output(table, &prepared.axis));
            listed(job, prepared, &look.observations, dirty, &tables)?
        }
        None => Vec::new(),
    };
    let known = look.known.clone().unwrap_or(ModelRow {
        logic_version: String::new(),
        logic: serde_json::Value::Null,
        salt: look.salt,
        change_seq: 0,
    });
    let swapped = swap::swap(job, prepared, &staged, look.target.kind, &known, run)?;
    let fresh = look.dirty.is_none() || look.observations.iter().any(|observation| !observation.seen);
    let news = look.observations.iter().any(Observation::news);
    let commit = swapped.recorded > 0 || swapped.recreated || news || known.logic_version != prepared.logic_version;
    let mut report = SwapReport { dirty: shown, ..report_of(prepared, look, mode, swapped) };
    if commit {
        record(job, prepared, &look.observations, fresh, run)?;
        let row = ModelRow {
            logic_version: prepared.logic_version.clone(),
            logic: prepared.logic.clone(),
            salt: look.salt,
            change_seq: known.change_seq + u64::from(swapped.recorded > 0),
        };
        let word = if mode == Mode::New {
            "new"
        } else if mode == Mode::Whole {
            "whole"
        } else {
            "incremental"
        };
        ledger::write_model(job, &row, word, run)?;
        ledger::write_run(job, &run_row(&report, word), run)?;
    }
    totals(job, prepared, &mut report)?;
    Ok(Done { report, commit })
}

fn run_row(report: &SwapReport, what: &'static str) -> RunRow {
    RunRow {
        what,
        reason: report.whole.clone(),
        dirty: report.dirty_count,
        replaced: report.replaced_count,
        unchanged: report.unchanged_count,
        deleted: report.rows_deleted,
        inserted: report.rows_inserted,
    }
}

fn report(job: &mut Job, prepared: &Prepared, look: &Look, mode: Mode) -> Result<SwapReport, ExactError> {
    let mut report = report_of(prepared, look, mode, Swapped::default());
    totals(job, prepared, &mut report)?;
    Ok(report)
}

fn report_of(prepared: &Prepared, look: &Look, mode: Mode, swapped: Swapped) -> SwapReport {
    let (whole, mut findings) = match &look.choice {
        Choice::Whole { reason, findings, .. } => (Some(reason.clone()), findings.clone()),
        _ => (None, Vec::new()),
    };
    findings.extend(prepared.analysis.notes.iter().cloned());
    let dirty_count = match (mode, &look.dirty) {
        (Mode::Incremental, Some(dirty)) => dirty.count,
        _ => swapped.considered,
    };
    SwapReport {
        unique_id: String::new(),
        cut: prepared.axis.cut(),
        mode,
        changed: swapped.replaced > 0 || swapped.recreated,
        dirty: Vec::new(),
        dirty_count,
        replaced_count: swapped.replaced,
        unchanged_count: dirty_count.saturating_sub(swapped.replaced),
        partition_count: 0,
        rows_deleted: swapped.deleted,
        rows_inserted: swapped.inserted,
        rows_total: 0,
        whole,
        schema_change: if mode == Mode::Whole { schema_change(prepared, look) } else { None },
        recreated: swapped.recreated,
        excluded_null_rows: 0,
        latest: None,
        findings,
        detect_seconds: 0.0,
        seconds: 0.0,
    }
}

/// What the table holds now, as the ledger has it.
fn totals(job: &mut Job, prepared: &Prepared, report: &mut SwapReport) -> Result<(), ExactError> {
    report.unique_id.clone_from(&job.model.unique_id);
    let kept = kept(job, prepared)?;
    report.partition_count = kept.partitions;
    report.rows_total = kept.rows;
    report.excluded_null_rows = kept.null_rows;
    report.latest = kept.latest;
    Ok(())
}
