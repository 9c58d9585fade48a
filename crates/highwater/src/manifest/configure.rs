//! What configures a node, in the order in which it counts: the defaults, the package's own `dbt_project.yml` from its
//! root to the node's folder, the properties file, the node's own `config()`, and for nodes of a package the project's
//! file on top.
//!
//! Most keys replace what was there. `tags`, `pre-hook`, `post-hook` and `packages` add up; `meta`, `docs`, `quoting`,
//! `column_types` and `contract` are merged key by key; of `grants` a key with `+` adds to the list, one without replaces it.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{Config, ResourceType};
use crate::project::{ConfigTrees, Package, Project};

/// A layer of configuration.
pub(super) type Layer = IndexMap<String, Value>;

/// The whole configuration of a node of `package`.
pub(super) fn configure(
    project: &Project,
    package: &Package,
    kind: ResourceType,
    fqn: &[String],
    properties: Option<&Layer>,
    own: &Layer,
) -> Config {
    let mut config = defaults(kind);
    for layer in folder_layers(tree(&package.configs, kind), fqn) {
        merge(&mut config, &layer);
    }
    for layer in properties.into_iter().chain([own]) {
        merge(&mut config, layer);
    }
    if package.name != project.main.name {
        for layer in folder_layers(tree(&project.main.configs, kind), fqn) {
            merge(&mut config, &layer);
        }
    }
    config.retain(|_, value| !value.is_null());
    if kind == ResourceType::Test {
        settle_failures(&mut config);
    }
    Config(config)
}

/// The tree of `dbt_project.yml` for a kind of node. Analyses and hooks go by the models' tree, as in dbt.
fn tree(configs: &ConfigTrees, kind: ResourceType) -> &Value {
    match kind {
        ResourceType::Seed => &configs.seeds,
        ResourceType::Snapshot => &configs.snapshots,
        ResourceType::Test | ResourceType::UnitTest => &configs.data_tests,
        ResourceType::Source => &configs.sources,
        ResourceType::Exposure => &configs.exposures,
        ResourceType::Metric => &configs.metrics,
        _ => &configs.models,
    }
}

/// One layer for the root of a tree and for each step towards the node.
fn folder_layers(tree: &Value, fqn: &[String]) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut level = tree.as_object();
    let mut steps = fqn.iter();
    while let Some(entries) = level {
        layers.push(layer_of(entries));
        level = steps.next().and_then(|step| entries.get(step)).and_then(Value::as_object);
    }
    layers
}

/// The keys of one level that configure: those with `+`, and without it those that lead to no mapping (which would be a folder).
fn layer_of(entries: &Map<String, Value>) -> Layer {
    entries
        .iter()
        .filter_map(|(key, value)| match key.strip_prefix('+') {
            Some(key) => Some((key.trim().to_owned(), value.clone())),
            None => (!value.is_object()).then(|| (key.clone(), value.clone())),
        })
        .collect()
}

/// Puts a layer on top.
pub(super) fn merge(config: &mut Layer, layer: &Layer) {
    for (key, value) in layer {
        let key = match key.as_str() {
            "pre_hook" => "pre-hook",
            "post_hook" => "post-hook",
            other => other,
        };
        let merged = match key {
            "tags" | "packages" => append(config.get(key), value),
            "pre-hook" | "post-hook" => append(config.get(key), &hooks(value)),
            "meta" | "docs" | "quoting" | "column_types" | "contract" => update(config.get(key), value),
            "grants" => grants(config.get(key), value),
            _ => value.clone(),
        };
        config.insert(key.to_owned(), merged);
    }
}

fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    }
}

fn append(before: Option<&Value>, after: &Value) -> Value {
    let mut items = before.map(listed).unwrap_or_default();
    items.extend(listed(after));
    Value::Array(items)
}

fn update(before: Option<&Value>, after: &Value) -> Value {
    match (before.and_then(Value::as_object), after.as_object()) {
        (Some(before), Some(after)) => {
            let mut merged = before.clone();
            merged.extend(after.clone());
            Value::Object(merged)
        }
        (Some(before), None) if after.is_null() => Value::Object(before.clone()),
        _ => after.clone(),
    }
}

fn grants(before: Option<&Value>, after: &Value) -> Value {
    let Some(after) = after.as_object() else { return after.clone() };
    let mut merged = before.and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in after {
        match key.strip_prefix('+') {
            Some(key) => {
                let both = append(merged.get(key), value);
                merged.insert(key.to_owned(), both);
            }
            None => {
                merged.insert(key.clone(), Value::Array(listed(value)));
            }
        }
    }
    Value::Object(merged)
}

/// Hooks as a list of `{sql, transaction, index}`, however they are written.
fn hooks(value: &Value) -> Value {
    let hook = |value: Value| {
        let written = match &value {
            Value::String(text) => serde_json::from_str::<Value>(text).ok().filter(Value::is_object),
            Value::Object(_) => Some(value.clone()),
            _ => None,
        };
        let field = |key: &str| written.as_ref().and_then(|written| written.get(key)).cloned();
        json!({
            "sql": if written.is_some() { field("sql").unwrap_or_default() } else { value },
            "transaction": field("transaction").unwrap_or(Value::Bool(true)),
            "index": field("index"),
        })
    };
    Value::Array(listed(value).into_iter().filter(|value| !value.is_null()).map(hook).collect())
}

/// `store_failures_as` decides; without it `store_failures` says which kind it would be.
fn settle_failures(config: &mut Layer) {
    match config.get("store_failures_as").and_then(Value::as_str) {
        Some(kind) => {
            let stored = kind != "ephemeral";
            config.insert("store_failures".to_owned(), stored.into());
        }
        None => {
            if let Some(stored) = config.get("store_failures").and_then(Value::as_bool) {
                config.insert("store_failures_as".to_owned(), if stored { "table" } else { "ephemeral" }.into());
            }
        }
    }
}

/// What dbt assumes when nothing is said.
fn defaults(kind: ResourceType) -> Layer {
    let value = match kind {
        ResourceType::Test => json!({
            "enabled": true, "schema": "dbt_test__audit", "tags": [], "meta": {}, "materialized": "test",
            "severity": "ERROR", "fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0",
        }),
        ResourceType::Source => json!({"enabled": true, "event_time": null, "meta": {}, "tags": []}),
        ResourceType::UnitTest => json!({"enabled": true, "tags": [], "meta": {}, "materialized": "unit"}),
        ResourceType::Exposure => json!({"enabled": true, "tags": [], "meta": {}}),
        ResourceType::Metric => json!({"enabled": true, "group": null, "meta": {}, "tags": []}),
        _ => json!({
            "enabled": true, "tags": [], "meta": {}, "materialized": materialized(kind), "lookback": 1,
            "persist_docs": {}, "post-hook": [], "pre-hook": [], "quoting": {}, "column_types": {},
            "on_schema_change": "ignore", "on_configuration_change": "apply", "grants": {}, "packages": [],
            "docs": {"show": true}, "contract": {"enforced": false, "alias_types": true},
        }),
    };
    let mut layer: Layer = value.as_object().cloned().unwrap_or_default().into_iter().collect();
    match kind {
        ResourceType::Model => {
            layer.insert("access".to_owned(), "protected".into());
        }
        ResourceType::Seed => {
            layer.insert("delimiter".to_owned(), ",".into());
        }
        _ => {}
    }
    layer
}

fn materialized(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Seed => "seed",
        ResourceType::Snapshot => "snapshot",
        _ => "view",
    }
}

/// The texts of `tags`, each once.
pub(super) fn tags(config: &Config) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in config.texts("tags") {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(value: Value) -> Layer {
        value.as_object().cloned().unwrap_or_default().into_iter().collect()
    }

    #[test]
    fn some_keys_add_up_and_the_others_replace() {
        let mut config = layer(json!({"tags": "nightly", "meta": {"owner": "ada", "tier": 1}, "materialized": "view"}));
        merge(&mut config, &layer(json!({"pre-hook": "set x = 1", "grants": {"select": "bi"}, "tags": ["core"]})));
        merge(
            &mut config,
            &layer(
                json!({"meta": {"tier": 2}, "materialized": "table", "pre_hook": {"sql": "b", "transaction": false}}),
            ),
        );
        merge(&mut config, &layer(json!({"grants": {"+select": ["ml"], "insert": ["etl"]}})));
        insta::assert_snapshot!(serde_json::to_string_pretty(&config).expect("JSON"), @r#"
        {
          "tags": [
            "nightly",
            "core"
          ],
          "meta": {
            "owner": "ada",
            "tier": 2
          },
          "materialized": "table",
          "pre-hook": [
            {
              "sql": "set x = 1",
              "transaction": true,
              "index": null
            },
            {
              "sql": "b",
              "transaction": false,
              "index": null
            }
          ],
          "grants": {
            "select": [
              "bi",
              "ml"
            ],
            "insert": [
              "etl"
            ]
          }
        }
        "#);
    }

    #[test]
    fn folders_lead_down_and_only_plus_keys_may_hold_mappings() {
        let tree = json!({
            "+materialized": "view",
            "shop": {"+tags": ["shop"], "staging": {"materialized": "ephemeral", "+meta": {"layer": "staging"}}, "marts": {"+schema": "marts"}},
        });
        let fqn = ["shop", "staging", "stg_orders"].map(str::to_owned);
        let layers: Vec<String> =
            folder_layers(&tree, &fqn).iter().map(|layer| serde_json::to_string(layer).expect("JSON")).collect();
        insta::assert_snapshot!(layers.join("\n"), @r#"
        {"materialized":"view"}
        {"tags":["shop"]}
        {"materialized":"ephemeral","meta":{"layer":"staging"}}
        "#);
    }
}
