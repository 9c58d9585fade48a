//! `hw compile`: templates to SQL.

use clap::Args;
use highwater::diagnostics::json;
use highwater::run::{self, Command, NodeResult};
use serde_json::{Value, json};

use super::nodes;
use crate::arguments::{GlobalArguments, LogLevel, OutputArguments, SelectionArguments};
use crate::exit::Outcome;
use crate::project;
use crate::ui::Ui;
use crate::ui::words::count;

/// Renders templates to SQL under target/compiled; touches no table
///
/// With one node selected, or --inline, the SQL goes to standard output too.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// Template given here instead of a node
    #[arg(long, value_name = "SQL", conflicts_with = "select")]
    inline: Option<String>,
    /// Rebuild incremental models: is_incremental() is false
    #[arg(short, long)]
    full_refresh: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Compiles.
///
/// # Errors
/// When nothing could be compiled.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut options = nodes::plain_options(Command::Compile, global, &session)?;
    options.selection = project::selection(&arguments.selection, &session)?;
    options.deferral = project::deferral(&arguments.selection, &options.selection, &session)?;
    options.inline.clone_from(&arguments.inline);
    options.full_refresh = arguments.full_refresh;
    let results = run::execute(&session, &options, &|_| {})?;
    for problem in results.results.iter().filter_map(|result| result.diagnostic.as_ref()) {
        ui.problem(problem);
    }
    ui.warnings(&results.diagnostics);
    if ui.answers_json() {
        let nodes: Vec<Value> = results
            .results
            .iter()
            .map(|result| {
                json!({
                    "unique_id": result.unique_id,
                    "status": result.status,
                    "compiled_code": result.compiled_code,
                    "diagnostic": result.diagnostic.as_ref().map(json::value),
                })
            })
            .collect();
        ui.answer_json(&nodes)?;
    } else if let [only] = named(&results.results).as_slice() {
        ui.answer(only.compiled_code.as_deref().unwrap_or_default())?;
    } else {
        let compiled = results.results.iter().filter(|result| result.compiled).count() as u64;
        let folder = session.project.target_path.join("compiled");
        ui.say(
            LogLevel::Info,
            "CompileComplete",
            &format!("compiled {} into {}", count(compiled, "node"), folder.display()),
        );
    }
    Ok(nodes::exit_of_asking(&results))
}

/// The nodes themselves, without the tests that came along.
fn named(results: &[NodeResult]) -> Vec<&NodeResult> {
    if results.len() == 1 {
        return results.iter().collect();
    }
    results.iter().filter(|result| !result.unique_id.starts_with("test.")).collect()
}
