//! `hw clean`: deletes what commands wrote beside the project's own files.

use std::path::{Component, Path, PathBuf};

use clap::Args;
use highwater::diagnostics::Diagnostic;
use serde_json::json;

use crate::arguments::{GlobalArguments, LogLevel, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;

/// Deletes the folders under clean-targets in dbt_project.yml, and nothing outside the project
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Deletes.
///
/// # Errors
/// When the project cannot be read, a folder lies outside it or holds its sources, or cannot be deleted.
pub fn execute(_arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let project = highwater::project::load(&project::load_options(global)?)?;
    let mut targets = project.paths.clean_targets.clone();
    if targets.is_empty() {
        targets.push(project.paths.target.clone());
    }
    let sources = [
        &project.paths.model,
        &project.paths.seed,
        &project.paths.r#macro,
        &project.paths.test,
        &project.paths.snapshot,
    ];
    let mut deleted = Vec::new();
    for target in targets {
        let folder = inside(&project.root, &target)?;
        if sources.iter().any(|paths| paths.iter().any(|path| project.root.join(path).starts_with(&folder))) {
            return Err(Diagnostic::error(
                "HW0008",
                format!("clean-targets names `{target}`, which holds files of the project"),
            )
            .help("nothing was deleted there; take it out of clean-targets in dbt_project.yml")
            .into());
        }
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| {
                Diagnostic::error("HW0009", format!("cannot delete {}", folder.display())).note(error.to_string())
            })?;
            ui.say(LogLevel::Info, "CheckCleanPath", &format!("deleted {}", folder.display()));
            deleted.push(folder);
        }
    }
    if deleted.is_empty() {
        ui.say(LogLevel::Info, "FinishedCleanPaths", "nothing to delete");
    }
    if ui.answers_json() {
        ui.answer_json(&json!({ "deleted": deleted }))?;
    }
    Ok(Exit::Ok)
}

/// A folder of the project, however it is written; an error when it is the project itself or lies elsewhere.
fn inside(root: &Path, target: &str) -> Result<PathBuf, Diagnostic> {
    let mut folder = root.to_path_buf();
    for part in Path::new(target).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => folder.push(name),
            Component::ParentDir => {
                folder.pop();
            }
            Component::RootDir | Component::Prefix(_) => folder = PathBuf::from(part.as_os_str()),
        }
    }
    if folder.starts_with(root) && folder != root {
        return Ok(folder);
    }
    Err(Diagnostic::error(
        "HW0007",
        format!("clean-targets names `{target}`, which is not a folder inside the project"),
    )
    .help("nothing was deleted there; delete it by hand if you mean it"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::inside;

    #[test]
    fn only_folders_inside_the_project_are_deleted() {
        let root = Path::new("/shop");
        assert_eq!(inside(root, "target").expect("inside"), Path::new("/shop/target"));
        assert_eq!(inside(root, "./a/../b").expect("inside"), Path::new("/shop/b"));
        for outside in [".", "", "..", "../other", "/", "/etc", "a/../.."] {
            assert!(inside(root, outside).is_err(), "{outside}");
        }
    }
}
