//! `profiles.yml`: where it is looked for, which profile and which target count.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::render::Renderer;
use super::target::{self, Target};
use super::yaml::{self, Yaml};
use super::{LoadOptions, suggest};
use crate::diagnostics::{Diagnostic, SourceFile};

/// The name of the file.
pub const PROFILES_FILE: &str = "profiles.yml";

/// Finds and reads the target that counts; `name` is the profile's name, `root` the folder of the project.
pub(super) fn load(options: &LoadOptions, name: &str, root: &Path) -> Result<(Target, Vec<Diagnostic>), Diagnostic> {
    let places = places(options, root);
    let Some(path) = places.iter().map(|folder| folder.join(PROFILES_FILE)).find(|path| path.is_file()) else {
        return Err(nowhere(name, &places, options));
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Diagnostic::error("HW0107", format!("cannot read {}: {error}", path.display())))?;
    let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
    let file = Arc::new(SourceFile { path: shown, text });
    let (yaml, warnings) = yaml::parse(&file)?;
    let Some(profile) = yaml.get(name) else { return Err(no_profile(&file, &yaml, name)) };

    let renderer = Renderer::with_vars(&options.vars, None);
    let output = chosen(&file, profile, name, options, &renderer)?;
    let (target_name, raw) = output;
    let rendered = renderer.tree(&file, raw, &|_| false)?;
    let target = target::read(&file, &rendered, name, &target_name, root, options.threads)?;
    Ok((target, warnings))
}

/// Folders in the order in which they are looked through.
fn places(options: &LoadOptions, root: &Path) -> Vec<PathBuf> {
    if let Some(folder) = &options.profiles_dir {
        return vec![absolute(folder)];
    }
    if let Some(folder) = std::env::var_os("DBT_PROFILES_DIR").filter(|folder| !folder.is_empty()) {
        return vec![absolute(Path::new(&folder))];
    }
    let here = std::env::current_dir().ok().filter(|here| here != root);
    let home = std::env::home_dir().map(|home| home.join(".dbt"));
    here.into_iter().chain([root.to_path_buf()]).chain(home).collect()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// A profile that works as it stands.
fn snippet(name: &str) -> String {
    format!(
        "put this into {PROFILES_FILE} beside {}:\n\n{name}:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: {name}.duckdb\n      threads: 4\n",
        super::package::PROJECT_FILE
    )
}

/// Its notes, and those of the two below, have dbt's words: scripts look for them.
fn nowhere(name: &str, places: &[PathBuf], options: &LoadOptions) -> Diagnostic {
    let named = options.profiles_dir.as_ref().or(places.first()).map(|folder| folder.display().to_string());
    let looked: Vec<String> = places.iter().map(|place| place.join(PROFILES_FILE).display().to_string()).collect();
    Diagnostic::error("HW0110", format!("no {PROFILES_FILE} found for the profile `{name}`"))
        .note(format!("dbt looked for a {PROFILES_FILE} file in {}, and so did hw", named.unwrap_or_default()))
        .note(format!("looked for {}", looked.join(" and ")))
        .help(snippet(name))
}

fn no_profile(file: &Arc<SourceFile>, yaml: &Yaml, name: &str) -> Diagnostic {
    let names: Vec<&str> = yaml.entries().map(|(key, _)| key.as_str()).filter(|key| *key != "config").collect();
    let error = Diagnostic::error("HW0110", format!("{} has no profile `{name}`", file.path))
        .note(format!("Could not find profile named '{name}'"));
    let error = if names.is_empty() { error } else { error.note(format!("it has {}", listed(&names))) };
    match suggest::nearest(name, names.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`? (`profile:` in dbt_project.yml, or --profile)")),
        None => error.help(snippet(name)),
    }
}

/// The name of the target that counts, and its settings as written.
fn chosen<'a>(
    file: &Arc<SourceFile>,
    profile: &'a Yaml,
    name: &str,
    options: &LoadOptions,
    renderer: &Renderer,
) -> Result<(String, &'a Yaml), Diagnostic> {
    let wanted = match (&options.target, profile.get("target")) {
        (Some(target), _) => target.clone(),
        (None, Some(target)) => {
            renderer.tree(file, target, &|_| false)?.scalar_text().unwrap_or_else(|| "default".to_owned())
        }
        (None, None) => "default".to_owned(),
    };
    let Some(outputs) = profile.get("outputs").filter(|outputs| outputs.is_map()) else {
        return Err(yaml::error_at("HW0113", file, profile, format!("the profile `{name}` has no `outputs:`"))
            .help(snippet(name)));
    };
    if let Some(output) = outputs.get(&wanted) {
        return Ok((wanted, output));
    }
    let names: Vec<&str> = outputs.entries().map(|(key, _)| key.as_str()).collect();
    let error = Diagnostic::error("HW0111", format!("the profile `{name}` has no target `{wanted}`"))
        .note(format!("The profile '{name}' does not have a target named '{wanted}'."));
    let error = match profile.get("target").filter(|_| options.target.is_none()) {
        Some(place) => error.at(file, place.start, place.end, ""),
        None => error.at(file, outputs.start, outputs.start, "the targets are here"),
    };
    Err(match suggest::nearest(&wanted, names.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("choose one of {} with --target or `target:`", listed(&names))),
    })
}

pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
