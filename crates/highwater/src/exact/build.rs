//! A run of one model, from looking to committing.
//!
//! Everything happens in one transaction on one snapshot, behind a lock that is taken before it (`turn.rs`). Looking writes nothing; the lease is taken only when there is something to build, and the
//! fence raised only when there is something to write. It fails if another run of the model has committed since the snapshot. So a run that finds
//! nothing new leaves no trace at all.

use std::time::{Duration, Instant};

use highwater_sql::Finding;

use crate::engine::EngineError;

use super::cost::{self, FEW_ROWS, Timed, spoken};
use super::detect::{Observation, files, record, tuples};
use super::dirty::listed;
use super::error::ExactError;
use super::foresee::Shown;
use super::hold::{Held, hold};
use super::job::Job;
use super::lease::{self, Holder, Lease, Taken};
use super::ledger::{self, ModelRow, RunRow};
use super::look::{Choice, Look, broken_promises, here, kept, left_alone, look, refuse, schema_change};
use super::marks::{self, Mark};
use super::model::RunIdentity;
use super::prepare::{Analyse, Prepared, prepare};
use super::report::{Mode, SwapReport};
use super::reserved;
use super::scans;
use super::slice::{Filter, slice};
use super::swap::{self, Swapped, stage};
use super::turn;

/// How often a run looks anew because another one committed first.
const CONFLICTS: u32 = 5;

/// Before it does so for the first time; longer each further time.
const PAUSE: Duration = Duration::from_millis(20);

/// A report, and whether what it tells of is to be committed.
struct Done {
    report: SwapReport,
    commit: bool,
}

/// What a build is part of.
#[derive(Clone, Copy)]
struct Work<'a> {
    run: &'a RunIdentity,
    /// The model's epoch in this transaction's snapshot.
    epoch: u64,
    /// Seconds that finding the changes took.
    detect_seconds: f64,
    /// When building began.
    began: Instant,
}

/// How an attempt ended.
enum Attempt {
    /// With a report.
    Done(Box<SwapReport>),
    /// A lease was taken that someone had left behind: everything has to be looked at anew, under that lease.
    Again(Lease),
    /// Another run builds the model.
    Held(Holder),
}

/// Runs a model; see [`super::run`].
pub(crate) fn build(job: &mut Job, run: &RunIdentity, analyse: Analyse) -> Result<SwapReport, ExactError> {
    job.moment = run.started_at;
    let patience = job.writers.as_ref().map_or(Duration::ZERO, |writers| writers.wait);
    let until = Instant::now() + patience;
    let mut lease = None;
    let mut conflicts = 0;
    loop {
        // Whoever has a lease already need not wait for one that sleeps.
        turn::take(job, if lease.is_some() { Instant::now() } else { until })?;
        let outcome = job.begin().and_then(|()| attempt(job, run, analyse, lease.take()));
        if !matches!(outcome, Ok(Attempt::Done(_))) {
            ledger::rollback(job);
        }
        turn::give_back(job);
        let outcome = match outcome {
            // Another run committed after this one had looked: what it left to do is looked at anew.
            Err(ExactError::Conflict { .. }) if job.writers.is_some() && conflicts < CONFLICTS => {
                conflicts += 1;
                std::thread::sleep(PAUSE * conflicts);
                continue;
            }
            outcome => outcome,
        };
        match outcome? {
            Attempt::Done(report) => return Ok(*report),
            Attempt::Again(taken) => lease = Some(taken),
            Attempt::Held(holder) => {
                if !lease::wait(job, until)? {
                    return Err(ExactError::Held { model: job.label.clone(), holder: Box::new(holder) });
                }
            }
        }
    }
}

/// One transaction: looks, takes the lease if there is something to do, does it, and ends the transaction.
fn attempt(job: &mut Job, run: &RunIdentity, analyse: Analyse, lease: Option<Lease>) -> Result<Attempt, ExactError> {
    let started = Instant::now();
    let mut prepared = prepare(job, &run.engine_version, analyse)?;
    let mut epoch = ledger::epoch(job)?;
    if epoch.is_none() {
        // The fence must stand before the snapshot it guards is taken.
        job.connection.rollback().map_err(|error| job.error(error))?;
        ledger::create(job, run)?;
        job.begin()?;
        prepared = prepare(job, &run.engine_version, analyse)?;
        epoch = ledger::epoch(job)?;
    }
    let epoch = epoch.ok_or_else(|| job.broken("it has no row in the fence"))?;
    let look = look(job, &prepared, &[])?;
    refuse(job, &prepared, &look)?;
    let detect_seconds = started.elapsed().as_secs_f64();
    job.reach("looked");
    let lease = match lease {
        _ if look.choice == Choice::Nothing => None,
        Some(lease) => Some(lease),
        None => match lease::take(job, run)? {
            Taken::Mine(lease) => Some(lease),
            Taken::LeftBehind(lease) => return Ok(Attempt::Again(lease)),
            Taken::Held(holder) => return Ok(Attempt::Held(holder)),
        },
    };
    if lease.is_some() {
        job.reach("leased");
    }
    let mut done = act(job, &prepared, &look, Work { run, epoch, detect_seconds, began: Instant::now() })?;
    done.report.detect_seconds = detect_seconds;
    if done.commit {
        job.drop_temporary()?;
        job.reach("committing");
        commit(job, run)?;
        job.reach("committed");
    } else {
        job.connection.rollback().map_err(|error| job.error(error))?;
    }
    let news = look.observations.iter().any(Observation::news);
    if done.commit || (look.choice == Choice::Nothing && !news) {
        scans::keep(job, &prepared, &look.observations, look.salt);
    }
    done.report.seconds = started.elapsed().as_secs_f64();
    Ok(Attempt::Done(Box::new(done.report)))
}

/// Commits. When the answer is lost, the ledger says whether the commit was done.
fn commit(job: &mut Job, run: &RunIdentity) -> Result<(), ExactError> {
    let Err(source) = job.connection.commit() else { return Ok(()) };
    if !matches!(source, EngineError::Lost { .. }) || job.writers.is_none() {
        return Err(job.error(source));
    }
    match lease::committed(job, run) {
        Some(true) => Ok(()),
        Some(false) => Err(job.error(source)),
        None => Err(ExactError::Doubtful { model: job.label.clone(), source }),
    }
}

/// Builds, compares, swaps and records what the look called for.
fn act(job: &mut Job, prepared: &Prepared, look: &Look, work: Work) -> Result<Done, ExactError> {
    let Work { run, epoch, .. } = work;
    match &look.choice {
        Choice::Nothing => Ok(Done { report: report(job, prepared, look, Mode::Unchanged)?, commit: false }),
        Choice::Note => {
            ledger::fence(job, epoch)?;
            record(job, prepared, &look.observations, false, run)?;
            if let Some(day) = look.audited {
                ledger::write_audit(job, day)?;
            }
            ledger::write_run(job, &RunRow { what: "unchanged", ..RunRow::default() }, run)?;
            Ok(Done { report: report(job, prepared, look, Mode::Unchanged)?, commit: true })
        }
        Choice::Incremental => {
            let (Some(dirty), Some(parts)) = (&look.dirty, &prepared.analysis.slice) else {
                return Err(job.broken("there is no slice to build"));
            };
            let filter = Filter::new(job, &prepared.axis, &dirty.set, dirty.null)?;
            let query = slice(job, &prepared.axis, parts, &filter)?;
            finish(job, prepared, look, work, &query, Mode::Incremental)
        }
        Choice::New | Choice::Whole { .. } => {
            let query = format!("select * from (\n{}\n) as q", prepared.text);
            let mode = if look.choice == Choice::New { Mode::New } else { Mode::Whole };
            finish(job, prepared, look, work, &query, mode)
        }
    }
}

fn finish(
    job: &mut Job,
    prepared: &Prepared,
    look: &Look,
    work: Work,
    query: &str,
    mode: Mode,
) -> Result<Done, ExactError> {
    let Work { run, epoch, .. } = work;
    if look.known.is_none() {
        ledger::begin_anew(job)?;
    }
    let scope = look.dirty.as_ref().filter(|_| mode == Mode::Incremental);
    let over_something = look.target.kind.is_some();
    let here = here(job, prepared, look)?;
    let mut staged = stage(job, prepared, query, scope, here.as_deref(), look.salt, over_something)?;
    // Keys of partitions that are about to lose their rows can be named only now.
    let shown = match scope {
        Some(dirty) => {
            let tables =
                [job.model.relation.sql(), job.temp("stage")].map(|table| Shown::output(table, &prepared.axis));
            listed(job, prepared, &look.observations, dirty, &tables)?
        }
        None => Vec::new(),
    };
    files::held_still(job, &prepared.inputs, &look.observations)?;
    job.reach("staged");
    let held = hold(job, prepared, &mut staged)?;
    if held.count > 0 && staged.outcome.recreated && staged.outcome.replaced == 0 {
        // Nothing is left of what would make a new table.
        let mut report = SwapReport { dirty: shown, ..report_of(prepared, look, mode, Swapped::default(), held) };
        totals(job, prepared, &mut report)?;
        return Ok(Done { report, commit: false });
    }
    // Not before: a run that sleeps while it builds must not keep others out once its lease is over.
    ledger::fence(job, epoch)?;
    let known = look.known.clone().unwrap_or(ModelRow {
        logic_version: String::new(),
        logic: serde_json::Value::Null,
        salt: look.salt,
        change_seq: 0,
        audited: job.today(),
        tuples: None,
    });
    job.around.scans.write(&job.model.relation);
    let swapped = swap::swap(job, prepared, &staged, look.target.kind, &known, run)?;
    // Only a full refresh builds what is reserved.
    let cleared = if scope.is_none() { reserved::clear(job)? } else { 0 };
    let marked = marks::any(job)?;
    let fresh = look.dirty.is_none();
    let news = look.observations.iter().any(Observation::news);
    let commit = swapped.recorded > 0
        || cleared > 0
        || swapped.recreated
        || held.count > 0
        || marked
        || news
        || look.audited.is_some()
        || known.logic_version != prepared.logic_version;
    let marks = held.table.as_deref().map(|table| (table.to_owned(), Mark::Held));
    let mut report = SwapReport { dirty: shown, ..report_of(prepared, look, mode, swapped, held) };
    if commit {
        let marks = marks.filter(|_| !job.forgets_held());
        marks::replace(job, prepared, marks.as_ref().map(|(table, mark)| (table.as_str(), *mark)), run)?;
        record(job, prepared, &look.observations, fresh, run)?;
        let row = ModelRow {
            logic_version: prepared.logic_version.clone(),
            logic: prepared.logic.clone(),
            salt: look.salt,
            change_seq: known.change_seq + u64::from(swapped.recorded > 0),
            audited: look.audited.unwrap_or(if scope.is_none() { job.today() } else { known.audited }),
            tuples: tuples::standing(job, &job.model.relation.clone(), look.salt)?,
        };
        let word = if mode == Mode::New {
            "new"
        } else if mode == Mode::Whole {
            "whole"
        } else {
            "incremental"
        };
        ledger::write_model(job, &row, word, run)?;
        let build_seconds = work.began.elapsed().as_secs_f64();
        outdone(job, prepared, &mut report, work, build_seconds)?;
        let row = RunRow {
            detect_seconds: work.detect_seconds,
            build_seconds,
            forecast: look.forecast,
            ..run_row(&report, word)
        };
        ledger::write_run(job, &row, run)?;
    }
    totals(job, prepared, &mut report)?;
    Ok(Done { report, commit })
}

/// Says so when building everything would have been cheaper three times in a row.
fn outdone(
    job: &mut Job,
    prepared: &Prepared,
    report: &mut SwapReport,
    work: Work,
    build_seconds: f64,
) -> Result<(), ExactError> {
    if report.mode != Mode::Incremental || kept(job, prepared)?.rows < FEW_ROWS {
        return Ok(());
    }
    let last = Timed { dirty: report.dirty_count as f64, build: build_seconds, detect: work.detect_seconds };
    if let Some((took, rebuild)) = cost::history(job)?.outdone(last) {
        report.findings.push(Finding {
            rule: "rebuild-cheaper",
            message: format!(
                "a rebuild would have been cheaper three times in a row: {} against {} to find and build what changed",
                spoken(rebuild),
                spoken(took)
            ),
            help: "declare a cheaper detector for its sources (hw help HW0514), or set meta.highwater.policy to full"
                .to_owned(),
            place: None,
        });
    }
    Ok(())
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
        ..RunRow::default()
    }
}

fn report(job: &mut Job, prepared: &Prepared, look: &Look, mode: Mode) -> Result<SwapReport, ExactError> {
    let mut report = report_of(prepared, look, mode, Swapped::default(), Held::default());
    totals(job, prepared, &mut report)?;
    Ok(report)
}

fn report_of(prepared: &Prepared, look: &Look, mode: Mode, swapped: Swapped, held: Held) -> SwapReport {
    let (whole, mut findings) = match &look.choice {
        Choice::Whole { reason, findings, .. } => (Some(reason.clone()), findings.clone()),
        _ => (None, Vec::new()),
    };
    findings.extend(broken_promises(prepared, look));
    findings.extend(left_alone(prepared, look));
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
        unchanged_count: dirty_count.saturating_sub(swapped.replaced + held.count),
        held_count: held.count,
        held: held.listed,
        audits: held.audits,
        partition_count: 0,
        rows_deleted: swapped.deleted,
        rows_inserted: swapped.inserted,
        rows_total: 0,
        whole,
        schema_change: if mode == Mode::Whole { schema_change(prepared, look) } else { None },
        recreated: swapped.recreated,
        excluded_null_rows: 0,
        early_rows: 0,
        future_rows: 0,
        latest: None,
        findings,
        detect_seconds: 0.0,
        foreseen_seconds: look.forecast.foreseen,
        rebuild_seconds: look.forecast.rebuild,
        seconds: 0.0,
        partials: None,
    }
}

/// What the table holds now, as the ledger has it.
fn totals(job: &mut Job, prepared: &Prepared, report: &mut SwapReport) -> Result<(), ExactError> {
    report.unique_id.clone_from(&job.model.unique_id);
    let kept = kept(job, prepared)?;
    report.partition_count = kept.partitions;
    report.rows_total = kept.rows;
    report.excluded_null_rows = kept.null_rows;
    (report.early_rows, report.future_rows) = (kept.early_rows, kept.future_rows);
    report.latest = kept.latest;
    Ok(())
}
