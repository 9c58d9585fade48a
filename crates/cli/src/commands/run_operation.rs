//! `hw run-operation`: one macro, called for what it does.

use clap::Args;
use highwater::run::{self, Command};

use super::nodes;
use crate::arguments::{GlobalArguments, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::run::Reporter;

/// Calls a macro of the project or of a package
#[derive(Debug, Args)]
pub struct Arguments {
    /// The macro: name, or package.name
    #[arg(value_name = "MACRO")]
    name: String,
    /// Its arguments, as a YAML mapping: '{schema: staging, days: 3}'
    #[arg(long, value_name = "YAML", default_value = "{}")]
    args: String,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Calls.
///
/// # Errors
/// When there is no such macro, or nothing could be run.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let given = project::mapping("--args", &arguments.args)?;
    let session = nodes::open(global, ui)?;
    let ui = ui.for_session(&session);
    let mut options = nodes::plain_options(Command::RunOperation, global, &session)?;
    options.arguments.insert("macro".to_owned(), arguments.name.as_str().into());
    options.arguments.insert("args".to_owned(), given.clone().into_iter().collect());
    let reporter = Reporter::new(&ui, &session.manifest);
    let results = run::run_operation(&session, &options, &arguments.name, &given, &|event| reporter.tell(&event));
    reporter.close();
    let results = results?;
    for problem in results.results.iter().filter_map(|result| result.diagnostic.as_ref()) {
        ui.problem(problem);
    }
    ui.warnings(&results.diagnostics);
    if ui.answers_json() {
        ui.answer_json(&nodes::results_json(&results))?;
    }
    Ok(if results.succeeded(false) { Exit::Ok } else { Exit::Failed })
}
