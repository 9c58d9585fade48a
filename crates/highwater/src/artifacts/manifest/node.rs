//! Models, seeds, snapshots, tests, analyses and hooks.

use indexmap::IndexMap;

use super::Object;
use super::config::{DOCS, contract, docs, write as write_config};
use crate::manifest::{ColumnProperties, Node, RefCall, ResourceType};
use crate::run::{keeps_rows, output_path};

/// Writes the fields of a node; `compiled` is its SQL, when it was compiled.
pub(super) fn node(node: &Node, compiled: Option<&str>, created_at: f64, entry: &mut Object<'_>) {
    entry.put("database", &node.relation.database);
    entry.put("schema", &node.relation.schema);
    entry.put("name", &node.name);
    entry.put("resource_type", node.resource_type.word());
    entry.put("package_name", &node.package_name);
    entry.put("path", &node.path);
    entry.put("original_file_path", &node.original_file_path);
    entry.put("unique_id", &node.unique_id);
    entry.put("fqn", &node.fqn);
    entry.put("alias", &node.relation.identifier);
    entry.put("checksum", &node.checksum);
    entry.put_object("config", |object| write_config(node, object));
    entry.put("tags", &node.tags);
    entry.put("description", &node.description);
    entry.put_object("columns", |object| columns(&node.columns, object));
    match node.config.get("meta") {
        Some(meta) => entry.put("meta", meta),
        None => entry.put_json("meta", "{}"),
    }
    entry.put("group", &node.group);
    match node.config.get("docs") {
        Some(_) => entry.put("docs", &docs(&node.config)),
        None => entry.put_json("docs", DOCS),
    }
    entry.put("patch_path", &node.patch_path);
    let built = compiled.is_some() && node.config.materialized() != "ephemeral";
    entry.put("build_path", &built.then(|| target("run", node)));
    entry.put("unrendered_config", &node.unrendered_config);
    entry.put("created_at", &created_at);
    entry.put("relation_name", &relation_name(node));
    // As in dbt, without what is blank around it, unless it is a block of its file.
    let is_block = node.resource_type == ResourceType::Snapshot;
    entry.put("raw_code", if is_block { node.raw_code.as_str() } else { node.raw_code.trim() });
    entry.put("doc_blocks", &node.doc_blocks);
    if node.resource_type == ResourceType::Seed {
        entry.put("root_path", &node.root);
        entry.put_object("depends_on", |object| object.put("macros", &node.depends_on.macros));
        return;
    }
    template_fields(node, compiled, entry);
    match node.resource_type {
        ResourceType::Model => model_fields(node, entry),
        ResourceType::Test => test_fields(node, entry),
        ResourceType::Operation => entry.put("index", &hook_index(node)),
        _ => {}
    }
}

/// What every node with a template has.
fn template_fields(node: &Node, compiled: Option<&str>, entry: &mut Object<'_>) {
    let sources: Vec<[&str; 2]> = node.sources.iter().map(|(source, table)| [source.as_str(), table]).collect();
    entry.put("language", &node.language);
    entry.put("refs", &node.refs.iter().map(reference).collect::<Vec<_>>());
    entry.put("sources", &sources);
    entry.put_json("metrics", "[]");
    entry.put_json("functions", "[]");
    entry.put("depends_on", &node.depends_on);
    entry.put("compiled_path", &compiled.map(|_| target("compiled", node)));
    if let Some(compiled) = compiled {
        entry.put("compiled", &true);
        entry.put("compiled_code", compiled);
        entry.put("extra_ctes_injected", &true);
        entry.put_json("extra_ctes", "[]");
    }
    entry.put_object("contract", |object| {
        if let serde_json::Value::Object(contract) = contract(&node.config) {
            contract.iter().for_each(|(key, value)| object.put(key, value));
        }
        object.put("checksum", &node.contract_checksum());
    });
}

pub(super) fn reference(call: &RefCall) -> serde_json::Value {
    serde_json::json!({"name": call.name, "package": call.package, "version": number(call.version.as_deref())})
}

fn target(folder: &str, node: &Node) -> String {
    format!("target/{}", output_path(folder, node).display())
}

fn relation_name(node: &Node) -> Option<String> {
    match node.resource_type {
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot => {
            (node.config.materialized() != "ephemeral").then(|| node.relation.written(node.bare))
        }
        ResourceType::Test => keeps_rows(node, false).then(|| node.relation.written(node.bare)),
        _ => None,
    }
}

fn model_fields(node: &Node, entry: &mut Object<'_>) {
    entry.put("access", node.access.as_deref().unwrap_or("protected"));
    entry.put("constraints", &constraints(&node.constraints, true));
    entry.put("version", &number(node.version.as_deref()));
    entry.put("latest_version", &number(node.latest_version.as_deref()));
    entry.put("deprecation_date", &node.deprecation_date.as_deref().map(moment));
    entry.put("primary_key", &node.primary_key);
    match node.time_spine.as_ref().and_then(|spine| spine.as_object()) {
        Some(spine) => entry.put_object("time_spine", |object| {
            object.put("standard_granularity_column", &spine.get("standard_granularity_column"));
            match spine.get("custom_granularities") {
                Some(custom) => object.put("custom_granularities", custom),
                None => object.put_json("custom_granularities", "[]"),
            }
        }),
        None => entry.put_json("time_spine", "null"),
    }
}

/// A version as dbt has it: a number where it is one.
pub(super) fn number(version: Option<&str>) -> serde_json::Value {
    let Some(version) = version else { return serde_json::Value::Null };
    let number = version.parse::<i64>().map(serde_json::Value::from);
    number.unwrap_or_else(|_| version.parse::<f64>().map_or_else(|_| version.into(), serde_json::Value::from))
}

/// A date as the moment at which it begins.
fn moment(written: &str) -> String {
    match written.parse::<jiff::civil::Date>() {
        Ok(date) if !written.contains([':', 'T']) => format!("{date}T00:00:00+00:00"),
        _ => written.to_owned(),
    }
}

fn test_fields(node: &Node, entry: &mut Object<'_>) {
    if let Some(metadata) = &node.test_metadata {
        entry.put("column_name", &node.column_name);
        entry.put("file_key_name", &file_key(node));
        // dbt looks for it in the package of the test's own file only.
        let own = node.attached_node.as_ref().filter(|id| id.split('.').nth(1) == Some(node.package_name.as_str()));
        entry.put("attached_node", &own);
        entry.put("test_metadata", metadata);
    }
}

/// `models.orders` for a test of `model.shop.orders`, of whatever version, `sources.shop` for one of any of its tables: the section
/// and the entry of the properties file that the test stands in.
fn file_key(test: &Node) -> String {
    let Some(id) = test.attached_node.as_deref() else {
        return test.sources.last().map(|(source, _)| format!("sources.{source}")).unwrap_or_default();
    };
    let kind = id.split('.').next().unwrap_or_default();
    let name = id.splitn(3, '.').nth(2).unwrap_or_default();
    let name = name.rsplit_once(".v").filter(|_| kind == "model").map_or(name, |(name, _)| name);
    format!("{kind}s.{name}")
}

/// The place of a hook among the hooks of its kind; hooks are named by it.
fn hook_index(node: &Node) -> Option<u64> {
    node.name.rsplit('-').next()?.parse().ok()
}

/// Constraints with what they leave out; those of a model also name columns.
fn constraints(written: &[serde_json::Value], of_model: bool) -> Vec<serde_json::Value> {
    let whole = |written: &serde_json::Value| {
        let mut whole = serde_json::json!({
            "type": null, "name": null, "expression": null, "warn_unenforced": true, "warn_unsupported": true, "to": null,
            "to_columns": [],
        });
        if of_model {
            whole["columns"] = serde_json::json!([]);
        }
        if let (Some(whole), Some(written)) = (whole.as_object_mut(), written.as_object()) {
            whole.extend(written.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        whole
    };
    written.iter().map(whole).collect()
}

pub(super) fn columns(columns: &IndexMap<String, ColumnProperties>, object: &mut Object<'_>) {
    for (name, column) in columns {
        object.put_object(name, |entry| {
            entry.put("name", &column.name);
            entry.put("description", &column.description);
            entry.put("meta", &column.meta);
            entry.put("data_type", &column.data_type);
            entry.put("constraints", &constraints(&column.constraints, false));
            entry.put("quote", &column.quote);
            entry.put_object("config", |config| {
                config.put("meta", &column.meta);
                config.put("tags", &column.tags);
            });
            entry.put("tags", &column.tags);
            entry.put("granularity", &column.granularity);
            entry.put("doc_blocks", &column.doc_blocks);
            for (key, value) in &column.others {
                entry.put(key, value);
            }
        });
    }
}
