//! `hw deps`: the packages of a project.

use clap::Args;
use highwater::project::packages;
use serde_json::{Value, json};

use crate::arguments::{GlobalArguments, LogLevel, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;

/// Installs the packages that packages.yml or dependencies.yml name
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Installs.
///
/// # Errors
/// When the project cannot be read, or a package cannot be had.
pub fn execute(_arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let installed = packages::install(&project::load_options(global)?)?;
    for package in &installed {
        let text = format!("{} from {}", package.name, package.from.display());
        ui.say(LogLevel::Info, "DepsInstallInfo", &text);
    }
    if installed.is_empty() {
        ui.say(LogLevel::Info, "DepsNoPackagesFound", "no packages to install");
    }
    if ui.answers_json() {
        let packages: Vec<Value> = installed
            .iter()
            .map(|package| json!({ "name": package.name, "from": package.from, "to": package.to }))
            .collect();
        ui.answer_json(&json!({ "installed": packages }))?;
    }
    Ok(Exit::Ok)
}
