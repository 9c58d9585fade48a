//! `hw backfill apply`, `resume`, `rollback` and `abandon`: what changes tables, and what changes them back.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use highwater::backfill::{
    self, Applied, ApplyOptions, BackfillError, ColumnChange, Event, File, RolledBack, Room, Site, State, size,
};
use highwater::diagnostics::Diagnostic;
use highwater::exact::Writers;
use highwater::run;
use highwater::session::Session;
use serde_json::json;

use super::{One, files};
use crate::arguments::GlobalArguments;
use crate::commands::{exact, nodes};
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt;
use crate::pace::PaceFile;
use crate::ui::Ui;
use crate::ui::backfill::Progress;
use crate::ui::words::{bad, count, faint, good, seconds, strong, thousands, warn};

/// How to stage.
#[derive(Debug, Args)]
pub struct Staging {
    /// Rows of a batch, about; each batch is kept when the next one fails
    #[arg(long, value_name = "N", default_value_t = ApplyOptions::default().most_rows,
          value_parser = clap::value_parser!(u64).range(1..))]
    max_rows_per_batch: u64,

    /// Stage and audit, and publish nothing: hw backfill resume goes on
    #[arg(long)]
    stage_only: bool,

    /// Do not compare the tables with a rebuild afterwards
    #[arg(long)]
    no_verify: bool,
}

/// Stages the rows of a plan, audits them, swaps them into all its models at once, and verifies
#[derive(Debug, Args)]
pub struct ApplyArguments {
    #[command(flatten)]
    pub(super) one: One,
    #[command(flatten)]
    staging: Staging,
}

/// Goes on from the last finished batch; what has moved since is staged anew
#[derive(Debug, Args)]
pub struct ResumeArguments {
    #[command(flatten)]
    pub(super) one: One,
    #[command(flatten)]
    staging: Staging,
}

/// Puts back the rows that a backfill replaced, in all its models at once
#[derive(Debug, Args)]
pub struct RollbackArguments {
    #[command(flatten)]
    pub(super) one: One,
}

/// Gives up a backfill that is not published: its staged rows go, its partitions are left to the next run
#[derive(Debug, Args)]
pub struct AbandonArguments {
    #[command(flatten)]
    pub(super) one: One,
}

/// Applies.
///
/// # Errors
/// When the step cannot be taken; the tables are as they were then.
pub fn apply(arguments: &ApplyArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    applied(&arguments.one, &arguments.staging, false, global, ui)
}

/// Goes on.
///
/// # Errors
/// As [`apply`].
pub fn resume(arguments: &ResumeArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    applied(&arguments.one, &arguments.staging, true, global, ui)
}

fn applied(one: &One, staging: &Staging, resume: bool, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let file = files::open(&session, &one.id)?;
    let options = ApplyOptions {
        resume,
        most_rows: staging.max_rows_per_batch,
        threads: global.threads.map_or(session.project.target.threads, usize::from),
        stage_only: staging.stage_only,
        verify: !staging.no_verify,
    };
    match steps(&session, &file, options, ui)? {
        Ok(applied) => {
            if ui.answers_json() {
                ui.answer_json(&applied)?;
            } else {
                ui.answer(&screen(&applied))?;
            }
            let differs = applied.verified.iter().any(|model| model.outcome == "differs");
            Ok(if differs || applied.paused { Exit::Failed } else { Exit::Ok })
        }
        // What was found wrong with the rows is an answer; what keeps the command from working is not.
        Err(error @ (BackfillError::Audit { .. } | BackfillError::Moved { .. })) => {
            if ui.answers_json() {
                let problem = highwater::diagnostics::json::value(&error.diagnostic());
                ui.answer_json(&json!({ "id": file.backfill, "state": state(&error), "diagnostic": problem }))?;
            } else {
                ui.problem(&error.diagnostic());
            }
            Ok(Exit::Failed)
        }
        Err(error) => Err(error.diagnostic().into()),
    }
}

/// Applies a plan, telling how far it is. Ctrl-C pauses it.
///
/// # Errors
/// When the database cannot be opened; what the steps came to is in the answer.
pub fn steps(
    session: &Session,
    file: &File,
    options: ApplyOptions,
    ui: &Ui,
) -> Result<Result<Applied, BackfillError>, Failure> {
    let free = session.engine()?.free_bytes();
    if file.plan.room(free) == Room::TooLittle {
        let title = format!("backfill {} may need more room than there is", file.backfill);
        let (needed, free) = (size(file.plan.bytes_needed()), size(free.unwrap_or_default()));
        ui.warnings(&[Diagnostic::warning("HW0815", title)
            .note(format!("its side tables take about {needed}, and {free} are free"))
            .help("make room, or backfill fewer partitions at a time; when room runs out, nothing is published")]);
    }
    let progress = Progress::new(ui, PaceFile::new(session, &file.backfill));
    let pause = interrupt::request(progress.stopping());
    let events = |event: Event| progress.tell(&event);
    let result = on_site(session, file, &events, |site, at| {
        site.pause = pause;
        backfill::apply(site, file, options, at)
    });
    progress.close();
    result
}

fn state(error: &BackfillError) -> &'static str {
    if matches!(error, BackfillError::Audit { .. }) { "failed" } else { "moved" }
}

/// Opens the database for the models of a plan.
fn on_site<T>(
    session: &Session,
    file: &File,
    events: &dyn Fn(Event),
    work: impl FnOnce(&mut Site, &str) -> T,
) -> Result<T, Failure> {
    let ids: Vec<(String, bool)> =
        file.plan.models.iter().map(|model| (model.unique_id.clone(), model.selected)).collect();
    let inputs = run::backfill_models(session, &ids)?;
    let engine = session.engine()?;
    let mut connection = engine.connect().map_err(|error| exact::refused(&error))?;
    let identity = exact::identity(session, engine.version())?;
    let at = identity.started_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let mut site = Site::new(connection.as_mut(), &inputs.models, &inputs.around, &identity, events);
    site.by = ["HW_NAME", "USER"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    site.writers = Some(Writers::new(Arc::clone(&engine), session.project.wait));
    // No other session of this process writes anything but side tables.
    site.alone = engine.exclusive();
    site.metrics = inputs.metrics;
    Ok(work(&mut site, &at))
}

fn screen(applied: &Applied) -> String {
    let mut out = String::new();
    if !applied.restaged.is_empty() {
        let _ = writeln!(out, "staged anew, because it moved:");
        for line in &applied.restaged {
            let _ = writeln!(out, "  {line}");
        }
    }
    for audit in applied.audit.iter().flat_map(|audit| &audit.models) {
        let _ = writeln!(
            out,
            "{}  {} rows stood there, {} come out",
            strong(&audit.label),
            thousands(audit.rows_before),
            thousands(audit.rows_after)
        );
        for column in &audit.columns {
            let sum = column.sum.as_ref().map_or_else(String::new, |(was, is)| format!("  sum {was} to {is}"));
            let (was, is) = column.nulls;
            let nulls = if was == is { String::new() } else { format!("  without a value {was} to {is}") };
            let words = match column.change {
                Some(ColumnChange::New) => "  new column".to_owned(),
                Some(ColumnChange::Gone) => "  column goes".to_owned(),
                None => format!("{sum}{nulls}"),
            };
            let _ = writeln!(out, "    {}{words}", column.name);
        }
    }
    for metric in applied.audit.iter().flat_map(|audit| &audit.metrics) {
        let moves = match (&metric.not_compared, &metric.before, &metric.after) {
            (Some(reason), ..) => faint(&format!("not compared: {reason}")),
            (None, before, after) if before == after => faint("as it was"),
            (None, before, after) => {
                let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
                let share = match (number(before), number(after)) {
                    (Some(was), Some(is)) if was != 0.0 => format!(" ({:+.2} %)", (is - was) / was.abs() * 100.0),
                    _ => String::new(),
                };
                let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
                format!("{} to {}{share}", word(before), word(after))
            }
        };
        let _ = writeln!(out, "metric {}  {moves}", strong(&metric.name));
    }
    for model in &applied.published {
        let _ = writeln!(
            out,
            "{}  {} replaced, {} came out unchanged; {} rows out, {} in",
            strong(&model.label),
            count(model.replaced, "partition"),
            thousands(model.unchanged),
            thousands(model.deleted),
            thousands(model.inserted)
        );
        if model.left > 0 {
            let left = warn(&format!("{} outside the backfill still dirty: hw run", count(model.left, "partition")));
            let _ = writeln!(out, "    {left}");
        }
    }
    for model in &applied.verified {
        let verdict = match model.outcome {
            "equal" => good("equal"),
            "differs" => bad(&format!("{} differ: hw verify {}", thousands(model.differing), model.label)),
            _ => warn(&format!("not compared: {}", model.reason.as_deref().unwrap_or_default())),
        };
        let _ = writeln!(out, "{}  compared with a rebuild: {verdict}", strong(&model.label));
    }
    let id = &applied.id;
    if applied.paused {
        let (done, of) = applied.batches;
        let _ = writeln!(
            out,
            "backfill {id} paused: {done} of {} staged, nothing published; go on with: hw backfill resume {id}",
            count(of, "batch")
        );
        return out;
    }
    let next = match applied.state {
        State::Published => format!("undo it with: hw backfill rollback {id}"),
        _ => format!("publish it with: hw backfill resume {id}"),
    };
    let _ = writeln!(out, "backfill {id} {} in {}; {next}", applied.state.word(), seconds(applied.seconds));
    out
}

/// Rolls back.
///
/// # Errors
/// When it was not published, or its partitions were written since.
pub fn rollback(arguments: &RollbackArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let file = files::open(&session, &arguments.one.id)?;
    let undone: Vec<RolledBack> = on_site(&session, &file, &|_| {}, |site, at| backfill::rollback(site, &file, at))?
        .map_err(|error| error.diagnostic())?;
    let id = &file.backfill;
    if ui.answers_json() {
        ui.answer_json(&json!({ "id": id, "state": State::RolledBack, "models": undone }))?;
        return Ok(Exit::Ok);
    }
    let mut out = String::new();
    for model in &undone {
        let _ = writeln!(
            out,
            "{}  {} put back: {} rows out, {} in",
            strong(&model.label),
            count(model.partitions, "partition"),
            thousands(model.deleted),
            thousands(model.inserted)
        );
    }
    let _ = writeln!(
        out,
        "backfill {id} rolled back; runs leave these partitions alone until hw backfill apply {id} or hw backfill abandon {id}"
    );
    ui.answer(&out)?;
    Ok(Exit::Ok)
}

/// Gives up.
///
/// # Errors
/// When it is published.
pub fn abandon(arguments: &AbandonArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let file = files::open(&session, &arguments.one.id)?;
    on_site(&session, &file, &|_| {}, |site, at| backfill::abandon(site, &file, at))?
        .map_err(|error| error.diagnostic())?;
    let id = &file.backfill;
    if ui.answers_json() {
        ui.answer_json(&json!({ "id": id, "state": State::Abandoned }))?;
    } else {
        ui.answer(&format!("backfill {id} abandoned; the next run builds what it had reserved\n"))?;
    }
    Ok(Exit::Ok)
}
