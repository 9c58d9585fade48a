//! Small projects written out in the test: `==> path` begins a file.

use std::path::Path;

use highwater::context::load_macros;
use highwater::diagnostics::{Diagnostic, SourceFile};
use highwater::manifest::{self, Manifest};
use highwater::project::{self, LoadOptions, Project};
use tempfile::TempDir;

const PROJECT_FILE: &str = "name: shop\nprofile: shop\n";
const PROFILES_FILE: &str =
    "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n";

/// A folder with the files of `text`; `dbt_project.yml` and `profiles.yml` come of themselves when they are not among them.
pub fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "dbt_project.yml", PROJECT_FILE);
    write(folder.path(), "profiles.yml", PROFILES_FILE);
    for file in text.split("==> ").skip(1) {
        let (path, content) = file.split_once('\n').expect("a path, then the content");
        write(folder.path(), path.trim(), content);
    }
    folder
}

fn write(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder can be made");
    std::fs::write(path, content).expect("the file can be written");
}

/// The options for a project in a folder; `profiles.yml` lies beside it.
pub fn options(folder: &TempDir) -> LoadOptions {
    let path = folder.path().to_path_buf();
    LoadOptions { profiles_dir: Some(path.clone()), project_dir: path, ..LoadOptions::default() }
}

/// Loads a project that must load.
pub fn load(folder: &TempDir) -> Project {
    project::load(&options(folder)).unwrap_or_else(|errors| panic!("{}", shown(&errors)))
}

/// Builds a manifest that must build; the warnings are written out.
pub fn build(text: &str) -> (Manifest, String) {
    let folder = folder(text);
    try_build(&folder, &options(&folder)).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What is wrong with a project.
pub fn errors(text: &str) -> String {
    let folder = folder(text);
    match try_build(&folder, &options(&folder)) {
        Ok(_) => "nothing".to_owned(),
        Err(errors) => errors,
    }
}

/// Loads and builds; what is wrong is written out, the folder's own path as `[folder]`.
pub fn try_build(folder: &TempDir, options: &LoadOptions) -> Result<(Manifest, String), String> {
    let written = |diagnostics: &[Diagnostic]| {
        let root = std::fs::canonicalize(folder.path()).expect("the folder exists");
        shown(diagnostics)
            .replace(&root.display().to_string(), "[folder]")
            .replace(&folder.path().display().to_string(), "[folder]")
    };
    let project = project::load(options).map_err(|errors| written(&errors))?;
    let macros = load_macros(&project).map_err(|errors| written(&errors))?;
    let built = manifest::build(&project, &macros).map_err(|errors| written(&errors))?;
    let warnings: Vec<Diagnostic> = project.warnings.iter().chain(&built.warnings).cloned().collect();
    Ok((built.manifest, written(&warnings)))
}

/// Diagnostics, one after the other: title, places with the marked text, notes, help.
pub fn shown(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(diagnostic: &Diagnostic) -> String {
    let severity = format!("{:?}", diagnostic.severity).to_lowercase();
    let mut lines = vec![format!("{severity} {}: {}", diagnostic.code, diagnostic.title)];
    for label in &diagnostic.labels {
        let (line, column) = position(&label.file, label.start);
        let marked: String = label.file.text[label.start..label.end].lines().next().unwrap_or_default().to_owned();
        let message = if label.message.is_empty() { String::new() } else { format!(" ({})", label.message) };
        let marked = if marked.is_empty() { String::new() } else { format!(" `{marked}`") };
        lines.push(format!("  at {}:{line}:{column}{marked}{message}", label.file.path));
    }
    lines.extend(diagnostic.notes.iter().map(|note| format!("  note: {note}")));
    lines.extend(diagnostic.help.iter().map(|help| format!("  help: {help}")));
    lines.join("\n")
}

fn position(file: &SourceFile, offset: usize) -> (usize, usize) {
    let before = &file.text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
