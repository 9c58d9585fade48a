//! `hw clone`: views here on the tables of an earlier run.

use clap::Args;
use highwater::diagnostics::Diagnostic;
use highwater::run::{self, Command};

use super::nodes::{self, NodeArguments, RefreshArguments};
use crate::arguments::{GlobalArguments, OutputForm};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::run::{Reporter, Summary};

/// Makes views on the tables of an earlier run, where nothing stands yet
///
/// The earlier run is named by --state. With --full-refresh views also take the place of what stands here.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    nodes: NodeArguments,
    #[command(flatten)]
    refresh: RefreshArguments,
}

impl Arguments {
    /// The form of the answer.
    pub fn form(&self) -> OutputForm {
        self.nodes.output.output
    }
}

/// Clones.
///
/// # Errors
/// When no earlier run is named, or nothing could be started.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let ui = ui.for_session(&session);
    let mut options = nodes::options(Command::Clone, &arguments.nodes, global, &session)?;
    options.full_refresh = arguments.refresh.full_refresh;
    if options.deferral.is_none() {
        options.deferral = project::earlier(&arguments.nodes.selection, &options.selection, &session)?;
    }
    if options.deferral.is_none() {
        return Err(Diagnostic::error("HW0235", "there is nothing to clone: no earlier run is named")
            .note("--state or --defer-state are required for deferral, but neither was provided")
            .help("name the folder with its manifest.json: --state path/to/artifacts")
            .into());
    }
    let reporter = Reporter::new(&ui, &session.manifest);
    let results = run::clone(&session, &options, &|event| reporter.tell(&event));
    reporter.close();
    let results = results?;
    reporter.conclude(&Summary::new(&session.manifest, &results), &results);
    if ui.answers_json() {
        ui.answer_json(&nodes::results_json(&results))?;
    }
    Ok(if results.succeeded(global.fails_on_warnings()) { Exit::Ok } else { Exit::Failed })
}
