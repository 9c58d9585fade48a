//! `hw deps`: the packages of a project.

use clap::Args;
use serde_json::json;

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
    let project = highwater::project::load(&project::load_options(global)?)?;
    let names: Vec<&String> = project.packages.iter().map(|package| &package.name).collect();
    ui.say(LogLevel::Info, "DepsFinished", &format!("{} packages", names.len()));
    if ui.answers_json() {
        ui.answer_json(&json!({ "packages": names }))?;
    }
    Ok(Exit::Ok)
}
