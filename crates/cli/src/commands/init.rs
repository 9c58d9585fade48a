//! `hw init`: a small project that works at once, or a look at the one that is here.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use highwater::diagnostics::Diagnostic;
use serde_json::json;

use super::{exact, nodes, parse};
use crate::arguments::{GlobalArguments, LogLevel, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::words::count;

/// Writes a small project that runs at once; inside a dbt project, says what was found
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the project, and of the folder to make for it
    name: Option<String>,
    /// Accepted: a profile is written inside the project
    #[arg(long, hide = true)]
    skip_profile_setup: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// The starter: path in the project, and text with `PROJECT` for its name.
const STARTER: &[(&str, &str)] = &[
    ("dbt_project.yml", include_str!("../starter/dbt_project.yml")),
    ("profiles.yml", include_str!("../starter/profiles.yml")),
    ("README.md", include_str!("../starter/README.md")),
    (".gitignore", include_str!("../starter/gitignore")),
    ("seeds/raw_orders.csv", include_str!("../starter/raw_orders.csv")),
    ("models/daily_revenue.sql", include_str!("../starter/daily_revenue.sql")),
    ("models/properties.yml", include_str!("../starter/properties.yml")),
];

/// Writes, or looks.
///
/// # Errors
/// When the name cannot be one, the folder is taken, or the project that is here cannot be read.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let Some(name) = &arguments.name else { return look(global, ui) };
    let folder = folder_for(name, global)?;
    for (path, text) in STARTER {
        write(&folder.join(path), &text.replace("PROJECT", name))?;
    }
    ui.say(
        LogLevel::Info,
        "StarterProjectPath",
        &format!(
            "{name} is ready: {} with one exact model, and a profile of its own\n\n  cd {}\n  hw build",
            count(STARTER.len() as u64, "file"),
            folder.display()
        ),
    );
    if ui.answers_json() {
        ui.answer_json(&json!({ "project": name, "folder": folder, "files": STARTER.iter().map(|(path, _)| path).collect::<Vec<_>>() }))?;
    }
    Ok(Exit::Ok)
}

/// The folder to write to: new, or empty.
fn folder_for(name: &str, global: &GlobalArguments) -> Result<PathBuf, Diagnostic> {
    let mut characters = name.chars();
    let begins_well = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !begins_well || !characters.all(|character| character.is_ascii_alphanumeric() || character == '_') {
        return Err(Diagnostic::error("HW0010", format!("`{name}` cannot be the name of a project"))
            .help("use letters, digits and underscores, beginning with a letter: hw init my_shop"));
    }
    let folder = global.project_dir.clone().unwrap_or_default().join(name);
    let taken = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file();
    if taken {
        return Err(Diagnostic::error("HW0011", format!("{} exists already and is not empty", folder.display()))
            .help("nothing was written; choose another name, or delete it"));
    }
    Ok(folder)
}

fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|error| {
        Diagnostic::error("HW0012", format!("cannot write {}", path.display()))
            .note(error.to_string())
            .help("check that the folder may be written to and has room")
    })
}

/// Says what the project that is here holds.
fn look(global: &GlobalArguments, ui: &Ui) -> Outcome {
    let folder = global.project_dir.clone().unwrap_or_else(project::nearest_project);
    if !folder.join("dbt_project.yml").is_file() {
        return Err(Diagnostic::error("HW0013", "no project is here, and no name for a new one was given")
            .help("a new project: hw init my_shop")
            .help("a project elsewhere: hw init --project-dir DIR")
            .into());
    }
    let session = nodes::open(global, ui)?;
    let found: Vec<String> = parse::found(&session).iter().map(|(word, number)| count(*number, word)).collect();
    let exact: Vec<&str> = exact::exact_nodes(&session).map(|node| node.name.as_str()).collect();
    let incremental: Vec<&str> = session
        .manifest
        .nodes
        .values()
        .filter(|node| node.config.materialized() == "incremental" && !node.config.is_exact())
        .map(|node| node.name.as_str())
        .collect();
    if ui.answers_json() {
        ui.answer_json(
            &json!({ "project": session.project.name, "folder": folder, "exact": exact, "incremental": incremental }),
        )?;
        return Ok(Exit::Ok);
    }
    let mut text =
        format!("{} is a dbt project that Highwater can run: {}\n\n", session.project.name, found.join(", "));
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    text.push_str(&format!("  exact models        {}\n", list(&exact)));
    text.push_str(&format!("  other incremental   {}\n", list(&incremental)));
    text.push_str(&format!(
        "  target              {} ({})\n\n",
        session.project.target.name,
        session.project.target.location()
    ));
    text.push_str("  next: hw debug, then hw build\n");
    if let Some(first) = incremental.first() {
        text.push_str(&format!(
            "  to keep {first} equal to a rebuild: incremental_strategy='exact' (hw explain {first})\n"
        ));
    }
    ui.answer(&text)?;
    Ok(Exit::Ok)
}
