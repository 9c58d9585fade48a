//! Applying: stage, audit, publish, verify, in this order; from the beginning, or from where it stopped.
//!
//! Every step ends in a transaction that says it was done, so that going on is reading where the backfill is and doing what follows.

use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use crate::exact::ledger;
use crate::exact::prepare::Prepared;
use crate::verify::{self, Outcome, Strategy, VerifyOptions};

use super::approval;
use super::audit::{self, AuditReport, ModelAudit};
use super::document::File;
use super::error::BackfillError;
use super::metrics;
use super::publish::{PublishedModel, publish};
use super::rollback::{drop_staged, sweep};
use super::site::{Event, Site};
use super::stage::{self, CANARY, Task, accept, batches, widen};
use super::store::{self, Entry, PAUSED, State, advance, entry};
use super::threads;
use super::token;

/// How to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplyOptions {
    /// Go on with one that has begun.
    pub resume: bool,
    /// Rows of a batch, about.
    pub most_rows: u64,
    /// Batches that are staged at the same time.
    pub threads: usize,
    /// Stop before publishing.
    pub stage_only: bool,
    /// Compare the tables with a rebuild at the end.
    pub verify: bool,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self { resume: false, most_rows: 5_000_000, threads: 1, stage_only: false, verify: true }
    }
}

/// What applying came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Applied {
    /// The backfill.
    pub id: String,
    /// Where it is now.
    pub state: State,
    /// Whether it stopped because somebody asked for it.
    pub paused: bool,
    /// Batches staged, and batches there are.
    pub batches: (u64, u64),
    /// What had moved and was staged anew.
    pub restaged: Vec<String>,
    /// The audit of the staged rows; none when they had been published before.
    pub audit: Option<AuditReport>,
    /// The swap; empty when it was not done now.
    pub published: Vec<PublishedModel>,
    /// Models that were compared with a rebuild, and what that found, in words.
    pub verified: Vec<Verification>,
    /// Seconds in all.
    pub seconds: f64,
}

/// What comparing a model with a rebuild found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The model's label.
    pub label: String,
    /// `equal`, `differs`, `not compared`.
    pub outcome: &'static str,
    /// Partitions compared.
    pub compared: u64,
    /// Partitions of the backfill that differ.
    pub differing: u64,
    /// Why nothing was compared.
    pub reason: Option<String>,
}

/// Applies a plan. `at` is the moment, for the record.
///
/// # Errors
/// See [`BackfillError`]; what is published is published whole or not at all.
pub fn apply(site: &mut Site, file: &File, options: ApplyOptions, at: &str) -> Result<Applied, BackfillError> {
    let started = Instant::now();
    let id = file.backfill.clone();
    approval::check(file)?;
    lock(site, &id)?;
    sweep(site)?;
    let outcome = match steps(site, file, options, at, started) {
        Err(BackfillError::Paused) => paused(site, &id, at),
        outcome => outcome,
    };
    // The session may go on; whoever waits for the backfill need not wait for its end.
    let _ = site.connection.unlock(&lock_name(&id));
    let mut applied = outcome?;
    applied.seconds = started.elapsed().as_secs_f64();
    Ok(applied)
}

/// Takes down that it was paused.
fn paused(site: &mut Site, id: &str, at: &str) -> Result<Applied, BackfillError> {
    let known = known(site, id)?;
    let note = json!({ "step": PAUSED, "at": at, "by": site.by, "run": site.run.run_id });
    site.transaction(|site| advance(site, id, &[known.state], known.state, "paused", note))?;
    Ok(Applied { paused: true, batches: known.batches, ..Applied::begun(id, known.state) })
}

impl Applied {
    /// Nothing was done yet.
    fn begun(id: &str, state: State) -> Self {
        Self {
            id: id.to_owned(),
            state,
            paused: false,
            batches: (0, 0),
            restaged: Vec::new(),
            audit: None,
            published: Vec::new(),
            verified: Vec::new(),
            seconds: 0.0,
        }
    }
}

fn lock_name(id: &str) -> String {
    format!("highwater backfill {id}")
}

/// Keeps a second process from working on the same backfill. The lock goes when its session does, however that ends.
fn lock(site: &mut Site, id: &str) -> Result<(), BackfillError> {
    let name = lock_name(id);
    let granted = site.connection.try_lock(&name).map_err(|error| site.job(0).error(error))?;
    if granted {
        return Ok(());
    }
    let holder = site.connection.lock_holder(&name).ok().flatten();
    Err(BackfillError::Busy { id: id.to_owned(), holder })
}

fn steps(
    site: &mut Site,
    file: &File,
    options: ApplyOptions,
    at: &str,
    started: Instant,
) -> Result<Applied, BackfillError> {
    let id = file.backfill.as_str();
    let parts = file.plan.models.as_slice();
    let mut prepared: Vec<Prepared> = Vec::new();
    for place in 0..site.models.len() {
        prepared.push(site.prepared(place)?);
    }
    let still = token::still(site, &prepared)?;
    let work = Task { id, parts, prepared: &prepared, still: &still };
    let known = known(site, id)?;
    let mut applied = Applied::begun(id, known.state);
    match (known.state, options.resume) {
        (State::Planned | State::RolledBack, _) => begin(site, file, &work, &known, options, at)?,
        (State::Staging | State::Staged | State::Failed, true) => applied.restaged = go_on(site, &work, at)?,
        (State::Published, true) => {}
        (state, resume) => return Err(store::out_of_turn(id, state, if resume { "resumed" } else { "applied" })),
    }
    if known.state != State::Published {
        stage_all(site, &work, options.threads)?;
        applied.audit = Some(audit_all(site, &work, at, started)?);
        applied.state = State::Staged;
        applied.batches = self::known(site, id)?.batches;
        if options.stage_only {
            return Ok(applied);
        }
        site.go_on()?;
        applied.published = publish(site, &work, at, &kept_until(file, site.run.started_at), started)?;
        reach(site, "published");
        (site.events)(Event::Published);
    }
    applied.state = State::Published;
    drop_staged(site, id)?;
    if options.verify {
        applied.verified = verify_all(site, &work, at)?;
        reach(site, "verified");
    }
    Ok(applied)
}

/// The last day on which the old rows are kept.
fn kept_until(file: &File, now: jiff::Timestamp) -> String {
    let kept = jiff::SignedDuration::from_hours(24 * i64::from(file.plan.keep_days));
    now.checked_add(kept).unwrap_or(now).strftime("%Y-%m-%d").to_string()
}

fn reach(site: &mut Site, step: &str) {
    for place in 0..site.models.len() {
        site.job(place).reach(step);
    }
}

/// What the ledger has of a backfill.
///
/// # Errors
/// [`BackfillError::Unknown`] when it was planned elsewhere.
pub(super) fn known(site: &mut Site, id: &str) -> Result<Entry, BackfillError> {
    let schema = site.ledger()?;
    let unknown = || BackfillError::Unknown {
        id: id.to_owned(),
        reason: "this database has no record of what it was planned on: plan it here".to_owned(),
    };
    if ledger::epoch(&mut site.job(0))?.is_none() {
        return Err(unknown());
    }
    let known = entry(site.connection, &schema, id).map_err(|error| site.job(0).error(error))?;
    known.ok_or_else(unknown)
}

/// The first step: everything still is what the plan saw; from here on the partitions are reserved.
fn begin(
    site: &mut Site,
    file: &File,
    work: &Task,
    known: &Entry,
    options: ApplyOptions,
    at: &str,
) -> Result<(), BackfillError> {
    if let Some(days) = age(&known.planned_at, site.run.started_at)
        && known.state == State::Planned
        && days > i64::from(file.plan.expires_days)
    {
        return Err(BackfillError::Expired { id: work.id.to_owned(), days, allowed: file.plan.expires_days });
    }
    site.transaction(|site| {
        let lines = token::everything(site, work)?;
        if !lines.is_empty() {
            return Err(BackfillError::Moved { id: work.id.to_owned(), what: lines, staged: false });
        }
        stage::begin(site, work, options.most_rows)?;
        let approvals: Vec<&str> = file.approvals.iter().map(|approval| approval.name.as_str()).collect();
        let note = json!({
            "step": "begun", "at": at, "by": site.by, "run": site.run.run_id, "hash": file.hash, "approvals": approvals,
            "reason": file.plan.request.reason, "ticket": file.plan.request.ticket,
        });
        advance(site, work.id, &[State::Planned, State::RolledBack], State::Staging, "applied", note)
    })?;
    reach(site, "begun");
    Ok(())
}

/// Days between a moment of the ledger and now.
fn age(planned_at: &str, now: jiff::Timestamp) -> Option<i64> {
    let planned = crate::clock::parse(planned_at)?;
    Some((now.as_second() - planned.as_second()).div_euclid(24 * 60 * 60))
}

/// Goes on with one that has begun: what moved is staged anew.
fn go_on(site: &mut Site, work: &Task, at: &str) -> Result<Vec<String>, BackfillError> {
    site.transaction(|site| {
        let lines = accept(site, work)?;
        let note = json!({ "step": "resumed", "at": at, "by": site.by, "run": site.run.run_id, "moved": lines });
        advance(site, work.id, &[State::Staging, State::Staged, State::Failed], State::Staging, "resumed", note)?;
        Ok(lines)
    })
}

/// Stages every batch that is not staged yet; the canary is audited before any other.
fn stage_all(site: &mut Site, work: &Task, threads: usize) -> Result<(), BackfillError> {
    for place in 0..work.parts.len() {
        widen(site, work, place)?;
        let mut left = batches(site, work.id, place)?;
        if left.first() == Some(&CANARY) && work.parts[place].whole.is_none() {
            left.remove(0);
            staged(site, work, place, &[CANARY], 1, true)?;
            let found = audited(site, work, place, Some(CANARY))?;
            fail_if(site, work, found.failures)?;
        }
        staged(site, work, place, &left, threads, false)?;
    }
    Ok(())
}

/// Stages batches of one model, and tells of each.
fn staged(
    site: &mut Site,
    work: &Task,
    place: usize,
    numbers: &[u64],
    threads: usize,
    canary: bool,
) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    let known = entry(site.connection, &schema, work.id).map_err(|error| site.job(0).error(error))?;
    let (mut done, of) = known.map_or((0, 0), |entry| entry.batches);
    let events = site.events;
    threads::batches(site, work, place, numbers, threads, &mut |rows, seconds| {
        done += 1;
        let model = work.parts[place].label.clone();
        events(Event::Staged { model, done, of, rows, canary, seconds });
    })
}

fn audited(site: &mut Site, work: &Task, place: usize, batch: Option<u64>) -> Result<ModelAudit, BackfillError> {
    site.begin()?;
    let found = audit::audit(site, work, place, batch);
    site.job(place).reach("auditing");
    ledger::rollback(&mut site.job(place));
    let found = found?;
    (site.events)(Event::Audited {
        model: found.label.clone(),
        canary: batch.is_some(),
        failures: found.failures.clone(),
    });
    Ok(found)
}

/// Audits all models and metrics, and says so in the record.
fn audit_all(site: &mut Site, work: &Task, at: &str, started: Instant) -> Result<AuditReport, BackfillError> {
    let mut found = AuditReport::default();
    for place in 0..work.parts.len() {
        site.go_on()?;
        found.models.push(audited(site, work, place, None)?);
    }
    found.metrics = metrics::deltas(site, work)?;
    let failures = found.models.iter().flat_map(|audit| audit.failures.clone());
    fail_if(site, work, failures.chain(found.metrics.iter().filter_map(|metric| metric.failure.clone())).collect())?;
    let seconds = started.elapsed().as_secs_f64();
    let note =
        json!({ "step": "audited", "at": at, "models": found.models, "metrics": found.metrics, "seconds": seconds });
    site.transaction(|site| advance(site, work.id, &[State::Staging], State::Staged, "audited", note))?;
    reach(site, "audited");
    Ok(found)
}

/// Stops when an audit failed.
fn fail_if(site: &mut Site, work: &Task, failures: Vec<String>) -> Result<(), BackfillError> {
    if failures.is_empty() {
        return Ok(());
    }
    let at = site.run.started_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let note = json!({ "step": "failed its audit", "at": at, "failures": failures });
    site.transaction(|site| advance(site, work.id, &[State::Staging], State::Failed, "audited", note))?;
    Err(BackfillError::Audit { id: work.id.to_owned(), failures })
}

/// Compares every model with a rebuild, in the partitions of the backfill, and says so in the record. What stands in others was not its doing, and
/// is what `hw verify` is for.
fn verify_all(site: &mut Site, work: &Task, at: &str) -> Result<Vec<Verification>, BackfillError> {
    let mut found = Vec::new();
    let models = site.models;
    for (place, model) in models.iter().enumerate() {
        site.job(place).reach("verifying");
        let mut options = VerifyOptions { partitions: 1_000_000, examples: 0, ..VerifyOptions::default() };
        if work.parts[place].whole.is_none() {
            options.only = Some(store::set(site, work.id, place, work.prepared[place].axis.ledger_column(), None)?);
        }
        if !model.is_exact {
            options.strategy = Some(Strategy { word: model.strategy.clone(), lookback: None });
        }
        let verdict = verify::verify_and_record(site.connection, &model.model, site.around, &options, site.run)?;
        let (outcome, reason) = match verdict.outcome {
            Outcome::Equal => ("equal", None),
            Outcome::Differs => ("differs", None),
            Outcome::NotCompared { reason } => ("not compared", Some(reason)),
        };
        (site.events)(Event::Verified { model: verdict.label.clone(), equal: outcome == "equal" });
        found.push(Verification {
            label: verdict.label,
            outcome,
            compared: verdict.compared,
            differing: verdict.mismatch_count,
            reason,
        });
    }
    let note = json!({ "step": "verified", "at": at, "models": found });
    site.transaction(|site| advance(site, work.id, &[State::Published], State::Published, "verified", note))?;
    Ok(found)
}
