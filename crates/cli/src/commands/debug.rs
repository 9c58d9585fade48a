//! `hw debug`: versions, the files that count, and whether the database answers.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use highwater::diagnostics::{Diagnostic, json};
use highwater::engine::Engine;
use highwater::project::Project;
use serde_json::json;

use super::exact;
use crate::arguments::{GlobalArguments, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::words::{bad, good};

/// Says which files and which database count here, and tries the connection
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only what counts for the connection, and whether it can be made
    #[arg(long)]
    connection: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Looks.
///
/// # Errors
/// When nobody reads the answer.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let options = project::load_options(global)?;
    let loaded = highwater::project::load(&options);
    if let Err(problems) = &loaded
        && !options.project_dir.is_dir()
    {
        return Err(problems.clone().into());
    }
    let connection = loaded.as_ref().ok().map(try_connection);
    let problems: Vec<&Diagnostic> = match (&loaded, &connection) {
        (Err(problems), _) => problems.iter().collect(),
        (Ok(_), Some(Err(problem))) => vec![problem],
        _ => Vec::new(),
    };
    let project = loaded.as_ref().ok();
    let engine = connection.as_ref().and_then(|connection| connection.as_deref().ok());
    if ui.answers_json() {
        ui.answer_json(&json!({
            "ok": problems.is_empty(),
            "version": env!("CARGO_PKG_VERSION"),
            "project_dir": options.project_dir,
            "project": project.map(|project| &project.name),
            "profile": project.map(|project| &project.target.profile_name),
            "target": project.map(|project| &project.target.name),
            "adapter": project.map(|project| &project.target.adapter),
            "database_file": project.and_then(|project| project.target.file()),
            "engine_version": engine.map(Engine::version),
            "diagnostics": json::values(problems.iter().copied()),
        }))?;
    } else {
        let folder = options.project_dir.display().to_string();
        ui.answer(&screen(&folder, project, engine, &problems, arguments.connection))?;
    }
    for problem in &problems {
        ui.problem(problem);
    }
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// What can be wrong with `profiles.yml`.
const OF_THE_PROFILE: [&str; 4] = ["HW0110", "HW0111", "HW0112", "HW0113"];

/// The engine, after a session has answered.
fn try_connection(project: &Project) -> Result<Arc<dyn Engine>, Diagnostic> {
    let engine = project.target.open()?;
    let mut session = engine.connect().map_err(|error| exact::refused(&error))?;
    session.query("select 1").map_err(|error| exact::refused(&error))?;
    Ok(engine)
}

fn screen(
    folder: &str,
    project: Option<&Project>,
    engine: Option<&dyn Engine>,
    problems: &[&Diagnostic],
    only_connection: bool,
) -> String {
    let verdict = if problems.is_empty() { good("All checks passed!") } else { bad("1 check failed:") };
    let mut out = format!("{verdict}\n\n");
    if problems.iter().any(|problem| OF_THE_PROFILE.contains(&problem.code)) {
        out += "  Profile loading failed for the following reason, told below\n";
    }
    if only_connection {
        out += "  Skipping steps before connection verification\n";
    }
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:11}  {value}");
    };
    line("hw", env!("CARGO_PKG_VERSION"));
    line("project", &project.map_or_else(|| folder.to_owned(), |project| format!("{} ({folder})", project.name)));
    if let Some(project) = project {
        let target = &project.target;
        line("profile", &format!("{}, target {}", target.profile_name, target.name));
        line("database", &format!("{} ({})", target.location(), target.adapter));
        line("schema", &target.schema);
        line("threads", &target.threads.to_string());
        line("artifacts", &project.target_path.display().to_string());
    }
    let said = engine.map_or("not made".to_owned(), |engine| format!("ok, {} {}", engine.title(), engine.version()));
    line("connection", &said);
    out
}
