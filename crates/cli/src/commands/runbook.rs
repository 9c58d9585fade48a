//! `hw runbook`: how to rebuild and repair the models of this project, as a page that is kept current.

use std::collections::BTreeMap;

use clap::Args;
use highwater::artifacts;
use highwater::diagnostics::Diagnostic;
use highwater::manifest::ResourceType;
use highwater::runbook::{self, Timings};
use highwater::session::Session;
use serde_json::json;

use super::nodes;
use crate::arguments::{GlobalArguments, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::ui::Ui;
use crate::ui::words::good;

/// Writes RUNBOOK.md: how to backfill, repair and undo, for every model of this project
///
/// Owners, readers, tests and protection come from the project, timings from the ledger where there is one. With --check nothing is written and no
/// database is opened: exit code 1 says that the file is not what the project says now, timings aside.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Write nothing; fail when the file is not current
    #[arg(long)]
    check: bool,

    /// Leave out the timings, and do not open the database
    #[arg(long)]
    no_timings: bool,

    #[command(flatten)]
    pub output: OutputArguments,
}

/// Writes or checks the page.
///
/// # Errors
/// When the project cannot be read, or the file cannot be written.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let path = session.project.root.join(runbook::FILE);
    if arguments.check {
        let written = std::fs::read_to_string(&path).ok();
        let page = runbook::render(&session, &BTreeMap::new());
        let line = match &written {
            Some(written) => runbook::outdated(written, &page),
            None => Some(1),
        };
        if ui.answers_json() {
            ui.answer_json(&json!({ "current": line.is_none(), "exists": written.is_some(), "line": line }))?;
        } else if line.is_none() {
            ui.answer(&format!("{} is {}\n", runbook::FILE, good("current")))?;
        }
        let Some(line) = line else { return Ok(Exit::Ok) };
        if !ui.answers_json() {
            ui.problem(&outdated(written.is_some(), line));
        }
        return Ok(Exit::Failed);
    }
    let timings = if arguments.no_timings { BTreeMap::new() } else { timings(&session, ui) };
    artifacts::write_text(&path, &runbook::render(&session, &timings))?;
    if ui.answers_json() {
        ui.answer_json(&json!({ "path": path, "timed": timings.len() }))?;
    } else {
        ui.answer(&format!("wrote {}\n", runbook::FILE))?;
    }
    Ok(Exit::Ok)
}

fn outdated(exists: bool, line: usize) -> Diagnostic {
    let title = if exists {
        format!("{} is not what the project says now, from line {line} on", runbook::FILE)
    } else {
        format!("there is no {} beside dbt_project.yml", runbook::FILE)
    };
    Diagnostic::error("HW0602", title).help("write it anew, and commit it: hw runbook")
}

/// What the ledger knows of past runs; a database that cannot be opened is no reason to write no page.
fn timings(session: &Session, ui: &Ui) -> BTreeMap<String, Timings> {
    let mut found = BTreeMap::new();
    let connection =
        session.engine().and_then(|engine| engine.connect().map_err(|error| super::exact::refused(&error)));
    let mut connection = match connection {
        Ok(connection) => connection,
        Err(problem) => {
            ui.problem(
                &Diagnostic { severity: highwater::diagnostics::Severity::Warning, ..problem }
                    .note("the page is written without timings"),
            );
            return found;
        }
    };
    for node in session.manifest.nodes.values().filter(|node| node.resource_type == ResourceType::Model) {
        match runbook::timings(connection.as_mut(), &node.relation) {
            Ok(timings) if timings != Timings::default() => drop(found.insert(node.unique_id.clone(), timings)),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "timings"),
        }
    }
    found
}
