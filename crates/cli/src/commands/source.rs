//! `hw source freshness`: whether sources are loaded as often as they should be.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use highwater::artifacts;
use highwater::run::{self, Command, FreshnessEvent, FreshnessResult, FreshnessStatus};
use serde_json::json;

use super::nodes;
use crate::arguments::{GlobalArguments, LogLevel, OutputForm, SelectionArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::run::dotted;

/// Compares the newest load time of every source with its thresholds; writes sources.json
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do
    action: Action,
    #[command(flatten)]
    selection: SelectionArguments,
    /// Where to write the results [default: sources.json in the target folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write one JSON document to standard output too
    #[arg(long)]
    json: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Ask how old the newest rows are
    #[value(alias = "snapshot-freshness")]
    Freshness,
}

impl Arguments {
    /// The form of the answer.
    pub fn form(&self) -> OutputForm {
        if self.json { OutputForm::Json } else { OutputForm::Text }
    }
}

/// Asks.
///
/// # Errors
/// When nothing could be asked, or the results cannot be written.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let Action::Freshness = arguments.action;
    let session = nodes::open(global, ui)?;
    let ui = ui.for_session(&session);
    let mut options = nodes::plain_options(Command::Freshness, global, &session)?;
    options.selection = project::selection(&arguments.selection, &session)?;
    let clock = Instant::now();
    let results = run::source_freshness(&session, &options, &|event| tell(&ui, &event))?;
    let elapsed = clock.elapsed().as_secs_f64();
    let path = arguments.output.clone().unwrap_or_else(|| session.project.target_path.join("sources.json"));
    let document = artifacts::sources_json(&session, &results, elapsed);
    if !global.no_write_json {
        artifacts::write_json(&path, &document)?;
    }
    if results.is_empty() {
        ui.say(LogLevel::Warn, "NothingToDo", "Nothing to do. No selected source has warn_after or error_after");
    } else {
        ui.say(LogLevel::Info, "FreshnessCheckComplete", "Done.");
    }
    for problem in results.iter().filter_map(|result| result.diagnostic.as_ref()) {
        ui.problem(problem);
    }
    if ui.answers_json() {
        ui.answer_json(&document)?;
    }
    let stale =
        |result: &FreshnessResult| matches!(result.status, FreshnessStatus::Error | FreshnessStatus::RuntimeError);
    Ok(if results.iter().any(stale) { Exit::Failed } else { Exit::Ok })
}

fn tell(ui: &Ui, event: &FreshnessEvent) {
    match event {
        FreshnessEvent::Started(index, total, name) => {
            let line = dotted(*index, *total, &format!("START freshness of {name}"), "RUN");
            ui.say(LogLevel::Info, "LogStartLine", &line);
        }
        FreshnessEvent::Finished(index, total, result) => {
            let (words, word, level) = match result.status {
                FreshnessStatus::Pass => ("PASS", "PASS", LogLevel::Info),
                FreshnessStatus::Warn => ("WARN", "WARN", LogLevel::Warn),
                FreshnessStatus::Error => ("ERROR STALE", "ERROR STALE", LogLevel::Error),
                FreshnessStatus::RuntimeError => ("ERROR", "ERROR", LogLevel::Error),
            };
            let status = format!("{word} in {:.2}s", result.execution_time);
            let line = dotted(*index, *total, &format!("{words} freshness of {}", result.name), &status);
            let data = json!({ "index": index, "total": total, "status": result.status, "node_info": { "unique_id": result.unique_id } });
            ui.say_with(level, "LogFreshnessResult", &line, &data);
        }
    }
}
