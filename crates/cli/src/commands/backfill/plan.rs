//! `hw backfill plan` and `hw backfill approve`: before anything is touched.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use highwater::backfill::{self, Event, File, Request, Room, Site, What, size};
use highwater::diagnostics::Diagnostic;
use highwater::exact::Writers;
use highwater::manifest::select::Selection;
use highwater::run::{self, Command, RunOptions};
use highwater::session::Session;
use serde_json::json;

use super::{One, files};
use crate::arguments::{GlobalArguments, OutputArguments, SelectionArguments};
use crate::commands::{exact, nodes};
use crate::exit::{Exit, Failure, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::words::{about, bad, count, faint, good, strong, warn};

/// Works out what would be rebuilt, downstream included, and writes it down for review; touches no table
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["from", "partitions", "dirty", "logic", "different"]).multiple(true).required(true)))]
pub struct PlanArguments {
    #[command(flatten)]
    selection: SelectionArguments,

    /// First moment of the range, such as 2026-01-01; in UTC
    #[arg(long, value_name = "MOMENT", requires = "to", conflicts_with_all = ["dirty", "logic"])]
    from: Option<String>,

    /// The moment behind its last one
    #[arg(long, value_name = "MOMENT", requires = "from")]
    to: Option<String>,

    /// Partitions by name: 2026-01-03, 2026-01-03..2026-01-05, 2026-01, a key, NULL
    #[arg(long, num_args = 1.., value_name = "PARTITION", conflicts_with_all = ["dirty", "logic"])]
    partitions: Vec<String>,

    /// Everything that hw plan calls dirty
    #[arg(long, conflicts_with = "logic")]
    dirty: bool,

    /// Everything that an old version of the logic built
    #[arg(long)]
    logic: bool,

    /// Everything that hw verify found different, and no run has built since
    #[arg(long, conflicts_with_all = ["from", "partitions", "dirty", "logic"])]
    different: bool,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Where that is discussed
    #[arg(long, value_name = "TICKET")]
    ticket: Option<String>,

    #[command(flatten)]
    pub output: OutputArguments,
}

/// Records in the plan's file that someone has read it and agrees
#[derive(Debug, Args)]
pub struct ApproveArguments {
    #[command(flatten)]
    pub(super) one: One,

    /// Who agrees
    #[arg(long, value_name = "NAME", env = "HW_NAME", hide_env_values = true)]
    name: String,
}

/// Plans.
///
/// # Errors
/// When nothing is to be done, or cannot be.
pub fn plan(arguments: &PlanArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let selection = project::selection(&arguments.selection, &session)?;
    let request = Request {
        what: match (arguments.dirty, arguments.logic) {
            (true, _) => What::Dirty,
            (_, true) => What::Logic,
            _ if arguments.different => What::Different,
            _ => What::Named,
        },
        from: arguments.from.clone(),
        to: arguments.to.clone(),
        partitions: arguments.partitions.clone(),
        reason: arguments.reason.clone(),
        ticket: arguments.ticket.clone(),
    };
    let (file, path) = planned(&session, &selection, &request)?;
    if ui.answers_json() {
        ui.answer_json(&file)?;
    } else {
        ui.answer(&screen(&file, &files::shown(&path)))?;
    }
    Ok(Exit::Ok)
}

/// Plans for the models of a selection, and writes the plan's files. Returns the path of the one to read.
///
/// # Errors
/// When nothing is to be done, or cannot be.
pub fn planned(session: &Session, selection: &Selection, request: &Request) -> Result<(File, PathBuf), Failure> {
    let options = RunOptions { selection: selection.clone(), ..RunOptions::new(Command::Run) };
    let inputs = run::backfill_selection(session, &options)?;
    let engine = session.engine()?;
    let mut connection = engine.connect().map_err(|error| exact::refused(&error))?;
    let identity = exact::identity(session, engine.version())?;
    let silent = |_: Event| {};
    let mut site = Site::new(connection.as_mut(), &inputs.models, &inputs.around, &identity, &silent);
    site.writers = Some(Writers::new(std::sync::Arc::clone(&engine), session.project.wait));
    let target = &session.project.target;
    let database = format!("{} ({})", target.database, engine.title());
    let document = backfill::plan(&mut site, request, &session.project.main.name, &database, inputs.reached)
        .map_err(|error| error.diagnostic())?;
    let mut file = File::new(document, engine.free_bytes());
    if let Ok(known) = files::open(session, &file.backfill) {
        // The same plan: whoever agreed to it did.
        file.approvals = known.approvals;
    }
    let path = files::write(session, &file)?;
    Ok((file, path))
}

fn screen(file: &File, path: &str) -> String {
    let plan = &file.plan;
    let rows: u64 = plan.models.iter().map(|model| model.rows).sum();
    let mut out = format!(
        "{}\n\n",
        strong(&format!(
            "backfill {}: {} of {}, {} rows as they stand now",
            file.backfill,
            count(plan.models.iter().map(|model| model.partition_count).sum(), "partition"),
            count(plan.models.len() as u64, "model"),
            about(rows)
        ))
    );
    let width = plan.models.iter().map(|model| model.label.chars().count()).max().unwrap_or(0);
    for model in &plan.models {
        let what = match &model.whole {
            Some(reason) => warn(&format!("all of it: {reason}")),
            None => model.partitions.join(", "),
        };
        let _ = writeln!(out, "  {}  {}  {what}", strong(&format!("{:width$}", model.label)), model.amount);
        if model.whole.iter().ne(&model.why) {
            let _ = writeln!(out, "  {:width$}  {}", "", faint(&model.why.join("; ")));
        }
        if let Some(change) = &model.columns {
            let _ = writeln!(out, "  {:width$}  {}", "", warn(&format!("its columns change: {change}")));
        }
    }
    let reached = &plan.reached;
    for (word, names) in [
        ("used by", &reached.exposures),
        ("metrics", &reached.metrics),
        ("owners", &reached.owners),
        ("rebuilt by the next run", &reached.owed),
    ] {
        if !names.is_empty() {
            let _ = writeln!(out, "  {word}: {}", names.join(", "));
        }
    }
    let bytes: u64 = plan.models.iter().map(|model| model.bytes).sum();
    let words = format!(
        "room: {} while it runs, {} afterwards; {}",
        size(plan.bytes_needed()),
        size(bytes),
        file.room.sentence()
    );
    let _ = writeln!(out, "  {}", if file.room == Room::TooLittle { bad(&words) } else { words });
    let _ = writeln!(out, "  time: {}", plan.time());
    let id = &file.backfill;
    let _ = writeln!(out, "\n  written to {path}, with its data beside it");
    let missing = (plan.approvals as usize).saturating_sub(file.approvals.len()) as u64;
    if missing > 0 {
        let _ = writeln!(out, "  next: {} of: hw backfill approve {id} --name NAME", count(missing, "approval"));
    }
    let _ = writeln!(out, "  {}: hw backfill apply {id}", if missing > 0 { "then" } else { "next" });
    out
}

/// Approves.
///
/// # Errors
/// When there is no such plan.
pub fn approve(arguments: &ApproveArguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut file = files::open(&session, &arguments.one.id)?;
    let now = highwater::clock::now().map_err(|text| {
        Diagnostic::error("HW0414", format!("the variable {} is no moment: `{text}`", highwater::clock::VARIABLE))
            .help("write it as in 2026-11-22T05:12:00Z, or unset it")
    })?;
    let is_new = backfill::approve(&mut file, &arguments.name, now).map_err(|error| error.diagnostic())?;
    let path = files::write(&session, &file)?;
    let (have, want) = (file.approvals.len(), file.plan.approvals);
    if ui.answers_json() {
        ui.answer_json(&json!({ "backfill": file.backfill, "approvals": file.approvals, "wanted": want }))?;
        return Ok(Exit::Ok);
    }
    let said = if is_new { good("approved") } else { faint("had been approved") };
    let counted = if want == 0 { "none was wanted".to_owned() } else { format!("{have} of {want}") };
    ui.answer(&format!(
        "backfill {} {said} by {}: {counted}; commit {}\n",
        file.backfill,
        arguments.name.trim(),
        files::shown(&path)
    ))?;
    Ok(Exit::Ok)
}
