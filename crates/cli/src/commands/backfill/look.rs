//! `hw backfill list`, `show` and `status`: where backfills are.

use std::fmt::Write as _;

use clap::Args;
use highwater::backfill::{Entry, State, entries, written};
use highwater::diagnostics::Diagnostic;
use highwater::engine::quote_identifier;
use highwater::session::Session;
use serde_json::{Value, json};

use super::{One, files};
use crate::arguments::{GlobalArguments, OutputArguments};
use crate::commands::{exact, nodes};
use crate::exit::{Exit, Failure, Outcome};
use crate::pace::{Pace, PaceFile};
use crate::ui::Ui;
use crate::ui::words::{count, faint, roughly, strong};

/// Another process has the database.
const LOCKED: &str = "HW0131";

/// Lists the project's backfills, the latest first
#[derive(Debug, Args)]
pub struct ListArguments {
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Shows a backfill's plan and what was done of it
#[derive(Debug, Args)]
pub struct ShowArguments {
    #[command(flatten)]
    pub(super) one: One,
}

/// Says how far a backfill is, also one that runs elsewhere
#[derive(Debug, Args)]
pub struct StatusArguments {
    #[command(flatten)]
    pub(super) one: One,
}

/// What the database knows.
fn known(session: &Session) -> Result<Vec<Entry>, Failure> {
    let engine = session.engine()?;
    let mut connection = engine.connect().map_err(|error| exact::refused(&error))?;
    let ledger = format!("{}.highwater", quote_identifier(&session.project.target.database));
    let found = entries(connection.as_mut(), &ledger);
    found.map_err(|error| Diagnostic::error("HW0511", error.to_string()).help("hw debug").into())
}

/// Lists.
///
/// # Errors
/// When the database cannot be read.
pub fn list(_: &ListArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let entries = known(&session)?;
    let files = files::ids(&files::folder(&session));
    if ui.answers_json() {
        ui.answer_json(&json!({ "backfills": entries, "files": files }))?;
        return Ok(Exit::Ok);
    }
    if entries.is_empty() && files.is_empty() {
        ui.answer("no backfills: hw backfill plan --select MODEL --from DAY --to DAY --reason WHY\n")?;
        return Ok(Exit::Ok);
    }
    let mut out = String::new();
    for entry in &entries {
        let reason = files::open(&session, &entry.id).map(|file| file.plan.request.reason);
        let reason = reason.ok().or_else(|| entry.reason().map(str::to_owned)).unwrap_or_else(|| "no file".to_owned());
        let _ = writeln!(
            out,
            "{}  {:11}  {}  {}  {reason}",
            strong(&entry.id),
            if entry.is_paused() { "paused" } else { entry.state.word() },
            faint(&entry.changed_at),
            count(entry.partitions, "partition")
        );
    }
    for id in files.iter().filter(|id| !entries.iter().any(|entry| entry.id == **id)) {
        let _ = writeln!(out, "{}  planned on another database", strong(id));
    }
    ui.answer(&out)?;
    Ok(Exit::Ok)
}

/// Shows.
///
/// # Errors
/// When there is no such backfill.
pub fn show(arguments: &ShowArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let file = files::open(&session, &arguments.one.id)?;
    let entry = known(&session)?.into_iter().find(|entry| entry.id == file.backfill);
    if ui.answers_json() {
        ui.answer_json(&json!({ "file": file, "entry": entry }))?;
        return Ok(Exit::Ok);
    }
    let (_, mut out) = written(&file);
    if let Some(entry) = entry {
        let _ = write!(out, "\n## What was done\n\nnow: {}\n\n", entry.state.word());
        for step in entry.record.as_array().into_iter().flatten() {
            let _ = writeln!(out, "- {}", step_words(step));
        }
    }
    ui.answer(&out)?;
    Ok(Exit::Ok)
}

/// One step of the record on a line.
fn step_words(step: &Value) -> String {
    let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut words = format!("{} {}", text("at"), text("step")).trim().to_owned();
    if !text("by").is_empty() {
        let _ = write!(words, " by {}", text("by"));
    }
    let approvals: Vec<&str> =
        step.get("approvals").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if !approvals.is_empty() {
        let _ = write!(words, ", approved by {}", approvals.join(", "));
    }
    for moved in step.get("moved").and_then(Value::as_array).into_iter().flatten() {
        let _ = write!(words, "; {}", moved.as_str().unwrap_or_default());
    }
    if let Some(seconds) = step.get("seconds").and_then(Value::as_f64) {
        let _ = write!(words, " after {seconds:.1} s");
    }
    for failure in step.get("failures").and_then(Value::as_array).into_iter().flatten() {
        let _ = write!(words, "; {}", failure.as_str().unwrap_or_default());
    }
    for metric in step.get("metrics").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| metric.get(key).and_then(Value::as_str);
        if let (Some(name), Some(before), Some(after)) = (text("name"), text("before"), text("after"))
            && before != after
        {
            let _ = write!(words, "; metric {name}: {before} before, {after} after");
        }
    }
    for model in step.get("models").and_then(Value::as_array).into_iter().flatten() {
        let label = model.get("label").and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| model.get(key).and_then(Value::as_u64);
        if let (Some(before), Some(after)) = (number("rows_before"), number("rows_after")) {
            let _ = write!(words, "; {label}: {before} rows before, {after} after");
        } else if let (Some(deleted), Some(inserted)) = (number("deleted"), number("inserted")) {
            let _ = write!(words, "; {label}: {deleted} rows out, {inserted} in");
        } else if let Some(outcome) = model.get("outcome").and_then(Value::as_str) {
            let _ = write!(words, "; {label}: {outcome}");
        }
    }
    words
}

/// How far the process is that keeps everybody else out of the database, if it is at work on the backfill.
fn at_work(problems: &[Diagnostic], file: &PaceFile) -> Option<Pace> {
    let pace = file.read()?;
    let holder = format!("process {} has it", pace.process);
    let locked = problems.iter().filter(|problem| problem.code == LOCKED);
    locked.flat_map(|problem| &problem.notes).any(|note| note.starts_with(&holder)).then_some(pace)
}

/// Says how far one is.
///
/// # Errors
/// When there is no such backfill.
pub fn status(arguments: &StatusArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let file = files::open(&session, &arguments.one.id)?;
    let (entry, pace) = match known(&session) {
        Ok(entries) => (entries.into_iter().find(|entry| entry.id == file.backfill), None),
        Err(Failure::Problems(problems)) => match at_work(&problems, &PaceFile::new(&session, &file.backfill)) {
            Some(pace) => (None, Some(pace)),
            None => return Err(Failure::Problems(problems)),
        },
        Err(failure) => return Err(failure),
    };
    if ui.answers_json() {
        ui.answer_json(&json!({ "id": file.backfill, "entry": entry, "pace": pace }))?;
        return Ok(Exit::Ok);
    }
    let id = &file.backfill;
    if let Some(pace) = pace {
        let batches =
            if pace.of == 0 { String::new() } else { format!(": {} of {} staged", pace.done, count(pace.of, "batch")) };
        let left = pace.seconds_left.map(|left| format!(", about {} left", roughly(left))).unwrap_or_default();
        let Pace { process, step, at, .. } = pace;
        ui.answer(&format!("backfill {id} at work in process {process}{batches}{left}; {step} at {at} UTC\n"))?;
        return Ok(Exit::Ok);
    }
    let words = match entry {
        None => "planned on another database".to_owned(),
        Some(entry) => {
            let (done, of) = entry.batches;
            match entry.state {
                _ if entry.is_paused() => {
                    format!(
                        "paused: {done} of {} staged, since {} UTC; go on with: hw backfill resume {id}",
                        count(of, "batch"),
                        entry.changed_at
                    )
                }
                State::Staging => {
                    format!("staging: {done} of {} staged, at {} UTC", count(of, "batch"), entry.changed_at)
                }
                state => format!("{}, since {} UTC; {}", state.word(), entry.changed_at, entry.next()),
            }
        }
    };
    ui.answer(&format!("backfill {id} {words}\n"))?;
    Ok(Exit::Ok)
}
