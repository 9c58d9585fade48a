//! From the flags of the command line to what the library loads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater::diagnostics::{Diagnostic, SourceFile};
use highwater::manifest::ResourceType;
use highwater::manifest::select::{Indirect, Selection};
use highwater::project::{LoadOptions, yaml};
use highwater::session::Session;
use highwater::state::{Deferral, PreviousState};
use indexmap::IndexMap;
use serde_json::Value;

use crate::arguments::{GlobalArguments, IndirectArgument, ResourceTypeArgument, SelectionArguments};

/// What the flags say about which project to load.
///
/// # Errors
/// When `--vars` is no mapping.
pub fn load_options(global: &GlobalArguments) -> Result<LoadOptions, Diagnostic> {
    Ok(LoadOptions {
        project_dir: global.project_dir.clone().unwrap_or_else(nearest_project),
        profiles_dir: global.profiles_dir.clone(),
        profile: global.profile.clone(),
        target: global.target.clone(),
        vars: mapping("--vars", global.vars.as_deref().unwrap_or_default())?,
        target_path: global.target_path.clone(),
        threads: global.threads.map(usize::from),
        wait: global.wait,
        partial_parse: if global.no_partial_parse { Some(false) } else { global.partial_parse.then_some(true) },
    })
}

/// This folder, or the nearest one above it that has a dbt_project.yml; this folder when none has.
pub fn nearest_project() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    here.ancestors()
        .find(|folder| folder.join("dbt_project.yml").is_file())
        .map_or_else(|| here.clone(), Path::to_path_buf)
}

/// Reads the value of a flag: a YAML mapping, or nothing.
///
/// # Errors
/// When it is something else.
pub fn mapping(flag: &str, text: &str) -> Result<IndexMap<String, Value>, Diagnostic> {
    if text.trim().is_empty() {
        return Ok(IndexMap::new());
    }
    let hint = format!("write it as in: {flag} '{{country: de, days: 3}}'");
    match yaml::parse_text(flag, text).map_err(|problem| problem.help(&hint))? {
        Value::Object(map) => Ok(map.into_iter().collect()),
        Value::Null => Ok(IndexMap::new()),
        other => {
            let file = Arc::new(SourceFile { path: flag.to_owned(), text: text.to_owned() });
            Err(Diagnostic::error("HW0002", format!("`{flag}` is no YAML mapping"))
                .at(&file, 0, text.len(), format!("this is {}", kind_of(&other)))
                .help(hint))
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// What the flags say about which nodes. `all` and `default` leave the types to the command.
///
/// # Errors
/// When the artifacts of `--state` cannot be read.
pub fn selection(arguments: &SelectionArguments, session: &Session) -> Result<Selection, Diagnostic> {
    let target = &session.project.target_path;
    let state = arguments.state.as_deref().map(|folder| PreviousState::read(folder, target)).transpose()?;
    Ok(Selection {
        select: arguments.select.clone(),
        exclude: arguments.exclude.clone(),
        selector: arguments.selector.clone(),
        resource_types: resource_types(&arguments.resource_type),
        exclude_resource_types: resource_types(&arguments.exclude_resource_type),
        indirect: arguments.indirect_selection.map_or(Indirect::Eager, |mode| match mode {
            IndirectArgument::Eager => Indirect::Eager,
            IndirectArgument::Cautious => Indirect::Cautious,
            IndirectArgument::Buildable => Indirect::Buildable,
            IndirectArgument::Empty => Indirect::Empty,
        }),
        only: None,
        state: state.map(Arc::new),
    })
}

/// Where references to what is not built lead, with `--defer`.
///
/// # Errors
/// When no earlier state is named, or it cannot be read.
pub fn deferral(
    arguments: &SelectionArguments,
    selection: &Selection,
    session: &Session,
) -> Result<Option<Deferral>, Diagnostic> {
    if !arguments.is_deferring() {
        return Ok(None);
    }
    match earlier(arguments, selection, session)? {
        Some(deferral) => Ok(Some(deferral)),
        None => Err(Diagnostic::error("HW0235", "--defer leads nowhere: no earlier state is named")
            .help("name the folder with the manifest.json to defer to: --state path/to/artifacts")),
    }
}

/// The tables of the earlier run that `--defer-state` names, else `--state`.
///
/// # Errors
/// When it cannot be read.
pub fn earlier(
    arguments: &SelectionArguments,
    selection: &Selection,
    session: &Session,
) -> Result<Option<Deferral>, Diagnostic> {
    let deferral = |state: &PreviousState| Ok(Some(Deferral::new(state.manifest()?, arguments.is_favoring_state())));
    match (&arguments.defer_state, &selection.state) {
        (Some(folder), _) => deferral(&PreviousState::read(folder, &session.project.target_path)?),
        (None, Some(state)) => deferral(state),
        (None, None) => Ok(None),
    }
}

fn resource_types(arguments: &[ResourceTypeArgument]) -> Vec<ResourceType> {
    arguments
        .iter()
        .filter_map(|argument| match argument {
            ResourceTypeArgument::Model => Some(ResourceType::Model),
            ResourceTypeArgument::Seed => Some(ResourceType::Seed),
            ResourceTypeArgument::Snapshot => Some(ResourceType::Snapshot),
            ResourceTypeArgument::Test => Some(ResourceType::Test),
            ResourceTypeArgument::UnitTest => Some(ResourceType::UnitTest),
            ResourceTypeArgument::Analysis => Some(ResourceType::Analysis),
            ResourceTypeArgument::Source => Some(ResourceType::Source),
            ResourceTypeArgument::Exposure => Some(ResourceType::Exposure),
            ResourceTypeArgument::Metric => Some(ResourceType::Metric),
            ResourceTypeArgument::SemanticModel => Some(ResourceType::SemanticModel),
            ResourceTypeArgument::SavedQuery => Some(ResourceType::SavedQuery),
            ResourceTypeArgument::Default | ResourceTypeArgument::All => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::mapping;

    #[test]
    fn variables_are_a_yaml_mapping() {
        let read = mapping("--vars", "{country: de, days: 3, codes: [a, b]}").expect("a mapping");
        assert_eq!(serde_json::to_string(&read).expect("json"), r#"{"country":"de","days":3,"codes":["a","b"]}"#);
        assert!(mapping("--vars", "").expect("nothing").is_empty());
        assert!(mapping("--vars", "[1, 2]").is_err());
        assert!(mapping("--vars", "{a: ").is_err());
    }
}
