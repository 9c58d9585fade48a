//! `hw ls`: which nodes a selection means.

use clap::{Args, ValueEnum};
use highwater::manifest::{Manifest, select};
use serde_json::{Map, Value, json};

use super::nodes;
use crate::arguments::{GlobalArguments, LogLevel, SelectionArguments};
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
    let mut selected: Vec<String> =
        select::select(&session.manifest, &project::selection(&arguments.selection, &session)?)?.into_iter().collect();
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

/// What is said of one thing, whichever kind it is.
struct Listed<'a> {
    name: String,
    path: &'a str,
    selector: String,
    value: Result<Value, serde_json::Error>,
}

fn line(manifest: &Manifest, id: &str, form: Form, keys: &[String]) -> Option<String> {
    let listed = listed(manifest, id)?;
    Some(match form {
        Form::Selector => listed.selector,
        Form::Name => listed.name,
        Form::Path => listed.path.to_owned(),
        Form::Json => object(id, listed.value.unwrap_or_default(), keys).to_string(),
    })
}

fn listed<'a>(manifest: &'a Manifest, id: &str) -> Option<Listed<'a>> {
    if let Some(node) = manifest.nodes.get(id) {
        return Some(Listed {
            name: node.name.clone(),
            path: &node.original_file_path,
            selector: node.fqn.join("."),
            value: serde_json::to_value(node),
        });
    }
    if let Some(source) = manifest.sources.get(id) {
        return Some(Listed {
            name: format!("{}.{}", source.source_name, source.name),
            path: &source.original_file_path,
            selector: format!("source:{}.{}.{}", source.package_name, source.source_name, source.name),
            value: serde_json::to_value(source),
        });
    }
    if let Some(exposure) = manifest.exposures.get(id) {
        return Some(Listed {
            name: exposure.name.clone(),
            path: &exposure.original_file_path,
            selector: format!("exposure:{}.{}", exposure.package_name, exposure.name),
            value: serde_json::to_value(exposure),
        });
    }
    if let Some(model) = manifest.semantic_models.get(id) {
        return Some(Listed {
            name: model.name.clone(),
            path: &model.original_file_path,
            selector: format!("semantic_model:{}.{}", model.package_name, model.name),
            value: serde_json::to_value(model),
        });
    }
    if let Some(query) = manifest.saved_queries.get(id) {
        return Some(Listed {
            name: query.name.clone(),
            path: &query.original_file_path,
            selector: format!("saved_query:{}.{}", query.package_name, query.name),
            value: serde_json::to_value(query),
        });
    }
    let metric = manifest.metrics.get(id)?;
    Some(Listed {
        name: metric.name.clone(),
        path: &metric.original_file_path,
        selector: format!("metric:{}.{}", metric.package_name, metric.name),
        value: serde_json::to_value(metric),
    })
}

/// The keys dbt prints when none are named.
const KEYS: [&str; 9] = [
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
];

fn object(id: &str, value: Value, keys: &[String]) -> Value {
    let Value::Object(mut fields) = value else { return Value::Null };
    if let Some(alias) = fields.get("relation").and_then(|relation| relation.get("identifier")).cloned() {
        fields.insert("alias".to_owned(), alias);
    }
    let kind = id.split('.').next().unwrap_or_default();
    fields.insert("resource_type".to_owned(), json!(kind));
    let wanted: Vec<&str> = if keys.is_empty() {
        KEYS.into_iter().chain(["unique_id"]).collect()
    } else {
        keys.iter().flat_map(|key| key.split([' ', ','])).filter(|key| !key.is_empty()).collect()
    };
    let picked: Map<String, Value> =
        wanted.into_iter().filter_map(|key| Some((key.to_owned(), fields.get(key)?.clone()))).collect();
    Value::Object(picked)
}
