//! From a folder to a [`Project`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::discover::Listing;
use super::package::{self, PROJECT_FILE};
use super::render::Renderer;
use super::{LoadOptions, Package, Place, Project, Target, discover, packages, profile};
use crate::diagnostics::Diagnostic;

/// The folder of the project: the one named, or the nearest above it that holds a `dbt_project.yml`.
pub(super) fn absolute_root(options: &LoadOptions) -> Result<PathBuf, Diagnostic> {
    let named = if options.project_dir.as_os_str().is_empty() { Path::new(".") } else { &options.project_dir };
    let named = std::fs::canonicalize(named).map_err(|error| {
        Diagnostic::error("HW0101", format!("there is no folder {}: {error}", named.display()))
            .help("name the folder of the project with --project-dir")
    })?;
    let nearest = named.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file());
    Ok(nearest.map_or(named.clone(), Path::to_path_buf))
}

/// Reads the project of a folder, its profile, its packages and all their files.
///
/// # Errors
/// Everything found wrong, not only the first thing: missing files, broken YAML, unknown profile or target.
pub fn load(options: &LoadOptions) -> Result<Project, Vec<Diagnostic>> {
    let mut project = settings(options)?;
    let listing = Listing::of(&project);
    discover::read_into(&mut project, &listing.files)?;
    Ok(project)
}

/// Reads what a project says in its own files of settings, those of its packages, and its profile; no other file.
///
/// # Errors
/// As [`load`].
pub(crate) fn settings(options: &LoadOptions) -> Result<Project, Vec<Diagnostic>> {
    let one = |error: Diagnostic| vec![error];
    let root = absolute_root(options).map_err(one)?;
    let raw = package::read(&root, PROJECT_FILE).map_err(one)?;
    let mut warnings = raw.warnings.clone();

    let profile = profile_name(&raw, options).map_err(one)?;
    let (target, found) = profile::load(options, &profile, &root).map_err(one)?;
    warnings.extend(found);

    let renderer = Renderer::with_vars(&options.vars, Some(target_value(&target)));
    let (main, extras) = package::build(&raw, &root, &renderer)?;
    let packages = packages::installed(&main, options, &renderer, &mut warnings)?;
    warnings.extend(folders_that_are_missing(&main));
    Ok(Project {
        target_path: root.join(target_path(options, &main)),
        log_path: root.join(&main.paths.log),
        main,
        packages,
        profile,
        cli_vars: options.vars.clone(),
        query_comment: extras.query_comment,
        flags: extras.flags,
        target,
        wait: options.wait,
        invocation_id: uuid::Uuid::new_v4().to_string(),
        warnings,
    })
}

fn target_path(options: &LoadOptions, main: &Package) -> PathBuf {
    let variable = std::env::var_os("DBT_TARGET_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    options.target_path.clone().or(variable).unwrap_or_else(|| PathBuf::from(&main.paths.target))
}

fn profile_name(raw: &package::RawProject, options: &LoadOptions) -> Result<String, Diagnostic> {
    if let Some(name) = &options.profile {
        return Ok(name.clone());
    }
    let Some(value) = raw.yaml.get("profile") else {
        return Err(Diagnostic::error("HW0104", format!("{} does not say `profile:`", raw.file.path))
            .help("add `profile:` with the name of a profile in profiles.yml, or pass --profile"));
    };
    let rendered = Renderer::with_vars(&options.vars, None).tree(&raw.file, value, &|_| false)?;
    Ok(rendered.scalar_text().unwrap_or_default())
}

/// The value of `target` in templates: the settings of the target, its name and its profile's.
pub(crate) fn target_value(target: &Target) -> Value {
    let mut value: serde_json::Map<String, Value> = target.raw.clone().into_iter().collect();
    value.insert("profile_name".into(), json!(target.profile_name));
    value.insert("name".into(), json!(target.name));
    value.insert("target_name".into(), json!(target.name));
    value.insert("type".into(), json!(target.adapter));
    value.insert("database".into(), json!(target.database));
    value.insert("schema".into(), json!(target.schema));
    value.insert("threads".into(), json!(target.threads));
    match &target.place {
        Place::DuckDb { path, .. } => drop(value.insert("path".into(), json!(path.display().to_string()))),
        Place::Postgres(settings) => {
            // Templates see how to get there, but not the key to the door.
            value.retain(|key, _| key != "password" && key != "pass");
            value.insert("dbname".into(), json!(target.database));
            value.insert("port".into(), json!(settings.port));
        }
    }
    Value::Object(value)
}

/// Folders that the project names and that are not there: a slip, unless it is one of dbt's own defaults.
fn folders_that_are_missing(main: &Package) -> Vec<Diagnostic> {
    let defaults = ["models", "seeds", "tests", "macros", "snapshots", "analyses"];
    let missing = main
        .paths
        .all_sources()
        .into_iter()
        .filter(|folder| !defaults.contains(&folder.as_str()) && !main.root.join(folder).exists());
    missing
        .map(|folder| {
            let warning = Diagnostic::warning(
                "HW0109",
                format!("{PROJECT_FILE} names the folder `{folder}`, which does not exist"),
            );
            let warning = match main.project_file.text.find(&folder) {
                Some(start) => warning.at(&Arc::clone(&main.project_file), start, start + folder.len(), ""),
                None => warning,
            };
            warning.help("make the folder, or remove it from the paths")
        })
        .collect()
}
