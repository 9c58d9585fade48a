//! A run of one model, from looking to committing.
//!
//! Everything happens in one transaction on one snapshot. Looking writes nothing; the fence is raised only when there is something to write, and
//! it fails if another run of the model has committed since the snapshot. So a run that finds nothing new leaves no trace at all.

use std::time::Instant;

use highwater_sql::{Finding, Partitioning};

use crate::engine::{Column, RelationKind, quote_literal};
use crate::manifest::Policy;

use super::detect::{Observation, observe, record};
use super::dirty::{Dirty, dirty, listed};
use super::error::ExactError;
use super::job::Job;
use super::ledger::{self, ModelRow, RunRow};
use super::model::RunIdentity;
use super::prepare::{
    Analyse, Prepared, column_change, columns_of, embedded, located, logic_change, pairs, prepare,
};
use super::report::{DirtyPartition, LISTED, Mode, SwapReport};
use super::slice::{Filter, slice};
use super::swap::{self, Swapped, changed_by_hand, partitions, stage};

/// Tables of at most so many partitions are never rebuilt whole for cost's sake: there is nothing to gain.
pub(crate) const FEW_PARTITIONS: u64 = 8;

/// What stands where the model's table should be.
pub(crate) struct Target {
    /// A table, a view, or nothing.
    pub kind: Option<RelationKind>,
    /// Its columns.
    pub columns: Vec<Column>,
}

/// Everything the look at a model found, before anything is built.
pub(crate) struct Look {
    /// What stands there.
    pub target: Target,
    /// What the ledger knows.
    pub known: Option<ModelRow>,
    /// Salt of the fingerprints.
    pub salt: u64,
    /// Fingerprints of the table, when it has the right columns.
    pub here: Option<String>,
    /// What the inputs' detectors said; empty for a model that is built whole every time.
    pub observations: Vec<Observation>,
    /// What is dirty; none when everything is built for another reason.
    pub dirty: Option<Dirty>,
    /// What to do.
    pub choice: Choice,
}

/// What to do about a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choice {
    /// First build.
    New,
    /// Build everything; the reason, and whether the policy `strict` forbids it.
    Whole {
        /// Why.
        reason: String,
        /// Whether this is a widening that `strict` stops.
        widened: bool,
        /// The operators behind it.
        findings: Vec<Finding>,
    },
    /// Build the dirty partitions.
    Incremental,
    /// Take down what was seen: no partition is dirty, but an input changed.
    Note,
    /// Nothing.
    Nothing,
}

impl Choice {
    fn whole(reason: impl Into<String>) -> Self {
        Self::Whole { reason: reason.into(), widened: false, findings: Vec::new() }
    }

    fn widened(reason: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self::Whole { reason: reason.into(), widened: true, findings }
    }
}

/// A report, and whether what it tells of is to be committed.
struct Done {
    report: SwapReport,
    commit: bool,
}

/// Runs a model; see [`super::run`].
pub(crate) fn build(job: &mut Job, run: &RunIdentity, analyse: Analyse) -> Result<SwapReport, ExactError> {
    job.connection.begin().map_err(|error| job.error(error))?;
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
        job.connection.begin().map_err(|error| job.error(error))?;
        prepared = prepare(job, &run.engine_version, analyse)?;
    }
    let look = look(job, &prepared)?;
    refuse(job, &prepared, &look)?;
    let detect_seconds = started.elapsed().as_secs_f64();
    let mut done = act(job, &prepared, &look, run)?;
    done.report.detect_seconds = detect_seconds;
    done.report.seconds = started.elapsed().as_secs_f64();
    Ok(done)
}

/// Finds out what changed and what that calls for. Writes only temporary tables. The ledger must exist.
///
/// # Errors
/// When an input or the ledger cannot be read.
pub(crate) fn look(job: &mut Job, prepared: &Prepared) -> Result<Look, ExactError> {
    let relation = job.model.relation.clone();
    let known = ledger::model(job, &relation, &job.model.unique_id)?;
    let target = target(job)?;
    let salt = known.as_ref().map_or_else(new_salt, |known| known.salt);
    let same_columns = target.kind == Some(RelationKind::Table) && same_columns(&target.columns, &prepared.output);
    let here = if same_columns { Some(partitions(job, prepared, "here", &relation.sql(), salt)?) } else { None };
    let forced = forced(job, prepared, known.as_ref(), &target, same_columns);
    let observations = if prepared.analysis.unstable.is_empty() {
        observe(job, prepared, salt, forced.is_some())?
    } else {
        Vec::new()
    };
    let mut look = Look { target, known, salt, here, observations, dirty: None, choice: Choice::Nothing };
    if let Some(choice) = forced {
        look.choice = choice;
        return Ok(look);
    }
    let by_hand = match &look.here {
        Some(here) => Some(changed_by_hand(job, prepared, here)?),
        None => None,
    };
    let by_hand = by_hand.filter(|(_, count)| *count > 0).map(|(table, _)| table);
    let dirty = dirty(job, prepared, &look.observations, by_hand.as_deref())?;
    look.choice = choose(job, prepared, &look.observations, &dirty)?;
    look.dirty = Some(dirty);
    Ok(look)
}

fn target(job: &mut Job) -> Result<Target, ExactError> {
    let relation = job.model.relation.clone();
    let kind = job.connection.kind(&relation).map_err(|error| job.error(error))?;
    let columns = if kind.is_some() { job.columns(&relation)? } else { Vec::new() };
    Ok(Target { kind, columns })
}

fn same_columns(one: &[Column], other: &[Column]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.name.eq_ignore_ascii_case(&other.name) && one.data_type.eq_ignore_ascii_case(&other.data_type)
        })
}

fn new_salt() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low.rotate_left(32)
}

/// Why everything has to be built before any input is compared, if so.
fn forced(
    job: &Job,
    prepared: &Prepared,
    known: Option<&ModelRow>,
    target: &Target,
    same_columns: bool,
) -> Option<Choice> {
    let known = match (target.kind, known) {
        (None, _) => return Some(Choice::New),
        (Some(RelationKind::View), _) => return Some(Choice::whole("a view stands where its table should be")),
        (Some(RelationKind::Table), None) => {
            return Some(Choice::whole("its table was not built by the exact strategy"));
        }
        (Some(RelationKind::Table), Some(known)) => known,
    };
    if job.model.full_refresh {
        return Some(Choice::whole("a full refresh was asked for"));
    }
    if known.logic_version != prepared.logic_version {
        return Some(Choice::whole(logic_change(&known.logic, &prepared.logic)));
    }
    if !same_columns {
        return Some(Choice::whole("the columns of its table were changed by hand"));
    }
    let unstable = &prepared.analysis.unstable;
    unstable.first().map(|first| Choice::widened(first.message.clone(), unstable.clone()))
}

/// What the dirty set calls for.
fn choose(
    job: &mut Job,
    prepared: &Prepared,
    observations: &[Observation],
    dirty: &Dirty,
) -> Result<Choice, ExactError> {
    let unseen = prepared.inputs.iter().zip(observations).find(|(_, observation)| !observation.seen);
    if let Some((input, _)) = unseen {
        return Ok(Choice::whole(format!("{} has not been looked at before", input.label)));
    }
    if !dirty.all.is_empty() {
        let (table, first) = &dirty.all[0];
        let findings = dirty.all.iter().map(|(_, finding)| finding.clone()).collect();
        return Ok(Choice::widened(format!("{table} changed: {}", first.message), findings));
    }
    if dirty.count == 0 {
        let news = observations.iter().any(Observation::news);
        return Ok(if news { Choice::Note } else { Choice::Nothing });
    }
    if prepared.axis.partitioning == Partitioning::Whole {
        return Ok(Choice::widened("it has neither event_time with batch_size nor unique_key, so it is one partition", Vec::new()));
    }
    if prepared.analysis.slice.is_none() {
        return Ok(Choice::widened("its query cannot be cut into partitions", prepared.analysis.notes.clone()));
    }
    match job.model.policy {
        Policy::Full => Ok(Choice::whole("its policy is full")),
        Policy::Incremental | Policy::Strict => Ok(Choice::Incremental),
        Policy::Auto => {
            let all = job.count(&format!(
                "select count(*) from (select {0} from {1}.partitions where model = {2} and row_count > 0 union select p from {3})",
                prepared.axis.ledger_column(),
                ledger::schema(&job.model.relation),
                quote_literal(&job.model.unique_id),
                dirty.set
            ))?;
            let cut = prepared.axis.cut();
            Ok(if all > FEW_PARTITIONS && dirty.count * 2 > all {
                Choice::whole(format!("{} of {all} are dirty, more than half", cut.count(dirty.count)))
            } else {
                Choice::Incremental
            })
        }
    }
}

/// Stops what the configuration forbids, before anything is built.
fn refuse(job: &Job, prepared: &Prepared, look: &Look) -> Result<(), ExactError> {
    if let (Choice::Whole { reason, widened: true, findings }, Policy::Strict) = (&look.choice, job.model.policy) {
        return Err(ExactError::Strict {
            model: job.label.clone(),
            reason: reason.clone(),
            findings: located(job, findings),
        });
    }
    if let Some(change) = schema_change(prepared, look)
        && job.model.on_schema_change == "fail"
        && !job.model.full_refresh
    {
        return Err(ExactError::SchemaChange { model: job.label.clone(), change });
    }
    Ok(())
}

/// How the columns of the table will change, if they will.
fn schema_change(prepared: &Prepared, look: &Look) -> Option<String> {
    let now = pairs(&prepared.output);
    let before = match (&look.target.kind, &look.known) {
        (Some(RelationKind::Table), Some(known)) if same_columns(&look.target.columns, &prepared.output) => {
            columns_of(&known.logic)
        }
        (Some(RelationKind::Table), _) => pairs(&look.target.columns),
        _ => return None,
    };
    (before != now).then(|| column_change(&before, &now))
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
            let query = format!("select * from (\n{}\n) as q", embedded(job.model));
            let mode = if look.choice == Choice::New { Mode::New } else { Mode::Whole };
            finish(job, prepared, look, run, &query, mode)
        }
    }
}

fn finish(job: &mut Job, prepared: &Prepared, look: &Look, run: &RunIdentity, query: &str, mode: Mode) -> Result<Done, ExactError> {
    let scope = look.dirty.as_ref().filter(|_| mode == Mode::Incremental);
    let staged = stage(job, prepared, query, scope, look.here.as_deref(), look.salt)?;
    // Keys of partitions that are about to lose their rows can be named only now.
    let shown = match scope {
        Some(dirty) => {
            let tables = vec![job.model.relation.sql(), job.temp("stage")];
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
        let word = if mode == Mode::New { "new" } else if mode == Mode::Whole { "whole" } else { "incremental" };
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

/// What the ledger says the table holds.
pub(crate) struct Kept {
    /// Partitions with rows.
    pub partitions: u64,
    /// Rows.
    pub rows: u64,
    /// Rows without event time.
    pub null_rows: u64,
    /// Label of the latest interval with rows.
    pub latest: Option<String>,
}

/// Reads what the ledger says the table holds.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn kept(job: &mut Job, prepared: &Prepared) -> Result<Kept, ExactError> {
    let by_time = prepared.axis.unit().is_some();
    let (null, latest) = if by_time {
        ("interval_start is null", format!("(select {} from (select max(interval_start) as p from mine) where p is not null)", prepared.axis.label("p")))
    } else {
        ("false", "null".to_owned())
    };
    let table = job.query(&format!(
        "with mine as (select * from {}.partitions where model = {} and row_count > 0) \
         select count(*), sum(row_count)::bigint, (sum(row_count) filter ({null}))::bigint, {latest} from mine",
        ledger::schema(&job.model.relation),
        quote_literal(&job.model.unique_id)
    ))?;
    let Some(row) = table.rows.first() else { return Err(job.broken("the ledger did not answer")) };
    Ok(Kept {
        partitions: super::job::number(&row[0]),
        rows: super::job::number(&row[1]),
        null_rows: super::job::number(&row[2]),
        latest: row[3].as_text().map(str::to_owned),
    })
}

/// The first dirty partitions of a look, for those who only look.
///
/// # Errors
/// When a table cannot be read.
pub(crate) fn listing(job: &mut Job, prepared: &Prepared, look: &Look) -> Result<Vec<DirtyPartition>, ExactError> {
    let Some(dirty) = &look.dirty else { return Ok(Vec::new()) };
    let tables = if look.here.is_some() { vec![job.model.relation.sql()] } else { Vec::new() };
    let mut partitions = listed(job, prepared, &look.observations, dirty, &tables)?;
    partitions.truncate(LISTED);
    Ok(partitions)
}
