//! `hw docs`: the artifacts from which documentation sites are made.

use std::path::Path;

use clap::{Args, ValueEnum};
use highwater::artifacts;
use highwater::diagnostics::Diagnostic;
use highwater::run::{self, Command, RunOptions};
use highwater::session::Session;
use serde_json::{Value, json};

use super::{exact, nodes};
use crate::arguments::{GlobalArguments, LogLevel, OutputArguments, SelectionArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;

/// Writes manifest.json and catalog.json, from which documentation sites are made
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do
    action: Action,
    #[command(flatten)]
    selection: SelectionArguments,
    /// Do not compile the nodes and write manifest.json first
    #[arg(long)]
    no_compile: bool,
    /// Write a catalog without asking the database
    #[arg(long)]
    empty_catalog: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Write the artifacts
    Generate,
    /// Not in this version
    Serve,
}

/// Writes.
///
/// # Errors
/// When the project, the database or the target folder do not allow it.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    if arguments.action == Action::Serve {
        return Err(Diagnostic::error("HW0004", "`hw docs serve` does not exist yet")
            .help("until then: `hw docs generate` writes manifest.json and catalog.json for the site of your choice")
            .into());
    }
    let session = nodes::open(global, ui)?;
    if !arguments.no_compile {
        let mut options: RunOptions = nodes::plain_options(Command::Compile, global, &session)?;
        options.selection = project::selection(&arguments.selection, &session)?;
        options.deferral = project::deferral(&arguments.selection, &options.selection, &session)?;
        let results = run::execute(&session, &options, &|_| {})?;
        for problem in results.results.iter().filter_map(|result| result.diagnostic.as_ref()) {
            ui.problem(problem);
        }
        if !results.succeeded(false) {
            return Ok(nodes::exit_of_asking(&results));
        }
    }
    let folder = &session.project.target_path;
    let catalog = catalog(&session, arguments.empty_catalog)?;
    let path = folder.join("catalog.json");
    artifacts::write_json(&path, &catalog)?;
    copy_assets(&session)?;
    ui.say(LogLevel::Info, "CatalogWritten", &format!("Catalog written to {}", path.display()));
    if ui.answers_json() {
        ui.answer_json(&json!({ "catalog": path }))?;
    }
    Ok(Exit::Ok)
}

fn catalog(session: &Session, empty: bool) -> Result<Value, Diagnostic> {
    if empty {
        return Ok(artifacts::empty_catalog_json(session));
    }
    let engine = session.engine()?;
    let mut connection = engine.connect().map_err(|error| exact::refused(&error))?;
    artifacts::catalog_json(session, connection.as_mut()).map_err(|error| exact::refused(&error))
}

/// Folders under `asset-paths` belong to the documentation.
fn copy_assets(session: &Session) -> Result<(), Diagnostic> {
    let project = &session.project;
    for folder in &project.paths.asset {
        let from = project.root.join(folder);
        let to = project.target_path.join(folder);
        copy_folder(&from, &to).map_err(|error| {
            Diagnostic::error("HW0451", format!("cannot copy {} to {}", from.display(), to.display()))
                .note(error.to_string())
                .help("free space or permit writing there, or choose another folder with --target-path")
        })?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
