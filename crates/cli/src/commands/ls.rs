//! `hw ls`: which nodes a selection means.

use clap::{Args, ValueEnum};
use highwater::artifacts;
use highwater::manifest::{Manifest, ResourceType, select};
use serde_json::{Map, Value};

use super::nodes;
use crate::arguments::{GlobalArguments, LogLevel, ResourceTypeArgument, SelectionArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;

/// Lists the nodes that a selection means, one per line
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// What a line holds
    #[arg(long, value_name = "FORM", default_value = "selector")]
    output: Form,
    /// With --output json: only these keys
    #[arg(long, value_name = "KEY", num_args = 1..)]
    output_keys: Vec<String>,
}

/// What a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// What would select the node again
    Selector,
    /// Its name
    Name,
    /// Its file
    Path,
    /// One JSON object
    Json,
}

/// Lists.
///
/// # Errors
/// When the project cannot be read, or the selection makes no sense.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut selection = project::selection(&arguments.selection, &session)?;
    let asked =
        |kind: &ResourceTypeArgument| matches!(kind, ResourceTypeArgument::All | ResourceTypeArgument::Analysis);
    if !arguments.selection.resource_type.iter().any(asked) {
        selection.exclude_resource_types.push(ResourceType::Analysis);
    }
    let mut selected: Vec<String> = select::select(&session.manifest, &selection)?.into_iter().collect();
    selected.sort();
    let lines: Vec<String> = selected
        .iter()
        .filter_map(|id| line(&session.manifest, id, arguments.output, &arguments.output_keys))
        .collect();
    if lines.is_empty() {
        ui.say(LogLevel::Warn, "NoNodesSelected", "no node matches this selection");
    } else {
        ui.answer(&lines.join("\n"))?;
    }
    Ok(Exit::Ok)
}

fn line(manifest: &Manifest, id: &str, form: Form, keys: &[String]) -> Option<String> {
    let entry = artifacts::manifest_entry(manifest, id)?;
    Some(match form {
        Form::Selector => selector(manifest, id, &entry),
        Form::Name => name(manifest, id, &entry),
        Form::Path => text(&entry, "original_file_path").to_owned(),
        Form::Json => picked(&entry, keys).to_string(),
    })
}

fn text<'e>(entry: &'e Value, key: &str) -> &'e str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A name as it is looked for: with its source, or its version.
fn name(manifest: &Manifest, id: &str, entry: &Value) -> String {
    let name = text(entry, "name");
    if id.starts_with("source.") {
        return format!("{}.{name}", text(entry, "source_name"));
    }
    // The name of a unit test has the version in it.
    let version = manifest.nodes.get(id).filter(|node| node.unit_test.is_none()).and_then(|node| node.version.as_ref());
    version.map_or_else(|| name.to_owned(), |version| format!("{name}.v{version}"))
}

/// What would select it again.
fn selector(manifest: &Manifest, id: &str, entry: &Value) -> String {
    match manifest.nodes.get(id).filter(|node| node.unit_test.is_none()) {
        Some(node) => node.fqn.join("."),
        None => {
            let kind = id.split('.').next().unwrap_or_default();
            format!("{kind}:{}.{}", text(entry, "package_name"), name(manifest, id, entry))
        }
    }
}

/// The keys dbt prints when none are named.
const KEYS: [&str; 10] = [
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// Those of the keys that there are; a key with dots leads into what it holds.
fn picked(entry: &Value, keys: &[String]) -> Value {
    let Some(fields) = entry.as_object().filter(|_| keys.is_empty()) else {
        let wanted = keys.iter().flat_map(|key| key.split([' ', ','])).filter(|key| !key.is_empty());
        let within = |key: &str| key.split('.').try_fold(entry, |value, step| value.get(step)).cloned();
        let found = |key: &str| within(key).filter(|value| !key.contains('.') || !value.is_null());
        return wanted.filter_map(|key| Some((key.to_owned(), found(key)?))).collect::<Map<String, Value>>().into();
    };
    let wanted = fields.iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
    wanted.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<String, Value>>().into()
}
