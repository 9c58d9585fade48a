//! What configures a node, in the order in which it counts: the defaults, the package's own `dbt_project.yml` from its
//! root to the node's folder, the properties file, the node's own `config()`, and for nodes of a package the project's
//! file on top.
//!
//! Most keys replace what was there. `tags`, `pre-hook`, `post-hook` and `packages` add up; `meta`, `docs`, `quoting`,
//! `column_types` and `contract` are merged key by key, and so is `meta.highwater`; of `grants` a key with `+` adds to the list, one without replaces it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{Config, ResourceType};
use crate::project::{ConfigTrees, Package, Project};

/// A layer of configuration.
pub(super) type Layer = IndexMap<String, Value>;

/// Configures nodes. What the folders say is merged once for all nodes that stand in the same ones: of ten thousand tests
/// most are configured alike.
pub(super) struct Configurer<'a> {
    project: &'a Project,
    folders: RwLock<HashMap<FolderKey<'a>, Arc<Folder>>>,
}

/// Package, kind of node, and the steps of its fully qualified name that lead down a tree of `dbt_project.yml`.
type FolderKey<'a> = (&'a str, ResourceType, Vec<String>);

/// What `dbt_project.yml` says about a folder.
struct Folder {
    /// Below properties and `config()`: defaults, and the tree of the node's own package.
    under: Layer,
    /// Above them: the tree of the project for nodes of a package.
    over: Vec<Layer>,
    /// Everything, for nodes that say nothing themselves.
    settled: Configured,
    /// What is written in the tree of the node's own package.
    written: Layer,
    /// And in that of the project.
    written_over: Layer,
    /// What nodes came to that say something themselves, by what they say: many say the same.
    alike: RwLock<HashMap<String, Configured>>,
}

/// What a node says is remembered up to this length, as JSON; longer words are its own.
const ALIKE: usize = 400;

/// What configuration comes to.
#[derive(Debug, Clone)]
pub(super) struct Configured {
    /// Everything merged, defaults included.
    pub config: Config,
    /// What was written, layer over layer, the upper one's word for every key; of `dbt_project.yml` the text before rendering, as in dbt.
    pub written: Config,
}

impl<'a> Configurer<'a> {
    pub fn new(project: &'a Project) -> Self {
        Self { project, folders: RwLock::default() }
    }

    /// The whole configuration of a node of `package`.
    pub fn configure(
        &self,
        package: &'a Package,
        kind: ResourceType,
        fqn: &[String],
        properties: Option<&Layer>,
        own: &Layer,
    ) -> Configured {
        let folder = self.folder(package, kind, fqn);
        if properties.is_none_or(IndexMap::is_empty) && own.is_empty() {
            return folder.settled.clone();
        }
        let said = serde_json::to_string(&(properties, own)).ok().filter(|said| said.len() <= ALIKE);
        let known = said
            .as_ref()
            .and_then(|said| folder.alike.read().unwrap_or_else(PoisonError::into_inner).get(said).cloned());
        known.unwrap_or_else(|| {
            let configured = merged(&folder, kind, properties, own);
            if let Some(said) = said {
                folder.alike.write().unwrap_or_else(PoisonError::into_inner).insert(said, configured.clone());
            }
            configured
        })
    }

    fn folder(&self, package: &'a Package, kind: ResourceType, fqn: &[String]) -> Arc<Folder> {
        let foreign = package.name != self.project.main.name;
        let own = tree(&package.configs, kind);
        let top = if foreign { tree(&self.project.main.configs, kind) } else { &Value::Null };
        let steps = depth(own, fqn).max(depth(top, fqn));
        let key = (package.name.as_str(), kind, fqn[..steps].to_vec());
        let known = self.folders.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.unwrap_or_else(|| {
            let mut under = defaults(kind);
            for layer in folder_layers(own, fqn) {
                merge(&mut under, &layer);
            }
            let over = folder_layers(top, fqn);
            let as_written = |configs: &ConfigTrees| {
                let mut written = Layer::new();
                folder_layers(tree(configs, kind), fqn).iter().for_each(|layer| put_over(&mut written, layer));
                written
            };
            let written = as_written(&package.configs_as_written);
            let main = &self.project.main.configs_as_written;
            let written_over = if foreign { as_written(main) } else { Layer::new() };
            let mut both = written.clone();
            put_over(&mut both, &written_over);
            let settled = settle(under.clone(), both, &over, kind);
            let folder = Arc::new(Folder { under, over, settled, written, written_over, alike: RwLock::default() });
            self.folders.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&folder));
            folder
        })
    }
}

/// What a node's own words come to between those of its folder and those of the project.
fn merged(folder: &Folder, kind: ResourceType, properties: Option<&Layer>, own: &Layer) -> Configured {
    let (mut config, mut written) = (folder.under.clone(), folder.written.clone());
    for layer in properties.into_iter().chain([own]) {
        merge(&mut config, layer);
        put_over(&mut written, layer);
    }
    put_over(&mut written, &folder.written_over);
    settle(config, written, &folder.over, kind)
}

/// Puts the project's word on top and takes out what says nothing.
fn settle(mut config: Layer, written: Layer, over: &[Layer], kind: ResourceType) -> Configured {
    for layer in over {
        merge(&mut config, layer);
    }
    config.retain(|_, value| !value.is_null());
    if kind == ResourceType::Test {
        settle_failures(&mut config);
    }
    Configured { config: config.into(), written: written.into() }
}

/// How many steps of a name lead down a tree.
fn depth(tree: &Value, fqn: &[String]) -> usize {
    let mut level = tree.as_object();
    fqn.iter()
        .take_while(|step| {
            level = level.and_then(|entries| entries.get(step.as_str())).and_then(Value::as_object);
            level.is_some()
        })
        .count()
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
        ResourceType::SemanticModel => &configs.semantic_models,
        ResourceType::SavedQuery => &configs.saved_queries,
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

/// dbt's name of a key.
fn spelled(key: &str) -> &str {
    match key {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        other => other,
    }
}

/// Puts a layer on top, every key replaced.
fn put_over(written: &mut Layer, layer: &Layer) {
    written.extend(layer.iter().map(|(key, value)| (spelled(key).to_owned(), value.clone())));
}

/// Puts a layer on top.
pub(super) fn merge(config: &mut Layer, layer: &Layer) {
    for (key, value) in layer {
        let key = spelled(key);
        let merged = match key {
            "tags" | "packages" => append(config.get(key), value),
            "pre-hook" | "post-hook" => append(config.get(key), &hooks(value)),
            "meta" => meta(config.get(key), value),
            "docs" | "quoting" | "column_types" | "contract" => update(config.get(key), value),
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

/// `meta`, key by key; what is ours in it, too, so that a folder's settings and a model's own add up.
fn meta(before: Option<&Value>, after: &Value) -> Value {
    let mut merged = update(before, after);
    let ours = |value: &Value| value.get("highwater").filter(|ours| ours.is_object()).cloned();
    if let (Some(before), Some(after)) = (before.and_then(ours), ours(after)) {
        merged["highwater"] = update(Some(&before), &after);
    }
    merged
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
