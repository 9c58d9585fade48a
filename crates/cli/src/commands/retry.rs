//! `hw retry`: the last command once more, for what failed or was skipped in it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use highwater::clock;
use highwater::diagnostics::Diagnostic;
use highwater::run::{BatchResults, Command, RunOptions, Window};
use highwater::state::PreviousState;
use serde_json::Value;

use super::nodes;
use super::warnings::Warnings;
use crate::arguments::{GlobalArguments, LogLevel, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::ui::Ui;

/// Runs the last command again for the nodes that failed or were skipped
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder with the run_results.json of the command to retry [default: the target folder]
    #[arg(long, value_name = "DIR", env = "DBT_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Retries.
///
/// # Errors
/// When there is nothing to retry, or nothing could be run.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let first = nodes::open(global, ui)?;
    let folder = arguments.state.clone().unwrap_or_else(|| first.project.target_path.clone());
    let earlier = Earlier::read(&folder)?;
    let command = earlier.command()?;
    // The variables of the first time count, unless others are given now.
    let global = earlier.global(global);
    let session = nodes::open(&global, ui)?;
    let mut options: RunOptions = nodes::plain_options(command, &global, &session)?;
    let warnings = Warnings::of(&global, &session)?;
    options.selection.only = Some(earlier.unfinished(warnings.fail_tests()));
    options.selection.state = Some(std::sync::Arc::new(PreviousState::default()));
    options.full_refresh = earlier.flag("full_refresh");
    options.fail_fast = earlier.flag("fail_fast");
    options.empty = earlier.flag("empty");
    options.store_failures = earlier.flag("store_failures");
    options.previous_batches = earlier.batches();
    options.invoked_at = earlier.moment();
    for (key, value) in &earlier.arguments {
        options.arguments.entry(key).or_insert_with(|| value.clone());
    }
    if options.selection.only.as_ref().is_some_and(Vec::is_empty) {
        let text = "Nothing to do: everything that the last command ran succeeded";
        ui.say(LogLevel::Info, "NothingToDo", text);
        return Ok(Exit::Ok);
    }
    nodes::execute(&session, &options, &warnings, ui)
}

/// The results of the command to retry.
struct Earlier {
    arguments: serde_json::Map<String, Value>,
    results: Vec<Value>,
    invoked: Option<String>,
}

impl Earlier {
    fn read(folder: &Path) -> Result<Self, Diagnostic> {
        let path = folder.join("run_results.json");
        let refused = |why: String| {
            Diagnostic::error("HW0441", format!("there is no run to retry: {why}"))
                .help("run a command first, or name the folder of its artifacts with --state")
        };
        let text = std::fs::read(&path).map_err(|error| refused(format!("{}: {error}", path.display())))?;
        let document: Value =
            serde_json::from_slice(&text).map_err(|error| refused(format!("{}: {error}", path.display())))?;
        let moment = document.pointer("/metadata/invocation_started_at").or(document.pointer("/metadata/generated_at"));
        Ok(Self {
            arguments: document.get("args").and_then(Value::as_object).cloned().unwrap_or_default(),
            results: document.get("results").and_then(Value::as_array).cloned().unwrap_or_default(),
            invoked: moment.and_then(Value::as_str).map(str::to_owned),
        })
    }

    fn command(&self) -> Result<Command, Diagnostic> {
        let word = self.arguments.get("which").and_then(Value::as_str).unwrap_or_default();
        let retried = [Command::Build, Command::Run, Command::Test, Command::Seed, Command::Snapshot, Command::Compile];
        retried.into_iter().find(|command| command.word() == word).ok_or_else(|| {
            Diagnostic::error("HW0441", format!("the last command, `{word}`, is none that can be retried"))
                .help("these can: build, run, test, seed, snapshot, compile")
        })
    }

    fn global(&self, global: &GlobalArguments) -> GlobalArguments {
        let recorded = match self.arguments.get("vars") {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
            Some(Value::Object(vars)) if !vars.is_empty() => Some(Value::Object(vars.clone()).to_string()),
            _ => None,
        };
        GlobalArguments { vars: global.vars.clone().or(recorded), ..global.clone() }
    }

    fn flag(&self, name: &str) -> bool {
        self.arguments.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Unique ids of what did not come to its end.
    fn unfinished(&self, warn_error: bool) -> Vec<String> {
        let open = |status: &str| {
            matches!(status, "error" | "fail" | "skipped" | "runtime error" | "partial success")
                || (warn_error && status == "warn")
        };
        let text = |result: &Value, key: &str| result.get(key).and_then(Value::as_str).map(str::to_owned);
        let unfinished =
            self.results.iter().filter(|result| text(result, "status").is_some_and(|status| open(&status)));
        unfinished.filter_map(|result| text(result, "unique_id")).collect()
    }

    /// Batches of microbatch models of which some were built: the others are left to do.
    fn batches(&self) -> HashMap<String, BatchResults> {
        let windows = |result: &Value, key: &str| -> Vec<Window> {
            let list = result.pointer(&format!("/batch_results/{key}")).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(window).collect()
        };
        let batches = self.results.iter().filter_map(|result| {
            let id = result.get("unique_id")?.as_str()?.to_owned();
            let found = BatchResults { successful: windows(result, "successful"), failed: windows(result, "failed") };
            (!found.successful.is_empty() && !found.failed.is_empty()).then_some((id, found))
        });
        batches.collect()
    }

    fn moment(&self) -> Option<jiff::Timestamp> {
        clock::parse(self.invoked.as_deref()?)
    }
}

fn window(pair: &Value) -> Option<Window> {
    let at = |index: usize| clock::parse(pair.get(index)?.as_str()?);
    Some(Window { start: at(0)?, end: at(1)? })
}
