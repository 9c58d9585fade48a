//! `manifest.json`, version 12: the graph as dbt writes it.
//!
//! Fields that Highwater has no use for are there with dbt's own defaults, because readers of the schema expect them.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::metadata;
use crate::context::Compiled;
use crate::manifest::{
    ColumnProperties, Config, Exposure, MacroNode, Manifest, Metric, Node, ResourceType, SourceNode,
};
use crate::run::output_path;
use crate::session::Session;

/// The graph, as far as it is known before anything is compiled.
pub fn manifest_json(session: &Session) -> Value {
    manifest_with_code(session, &HashMap::new())
}

/// The graph with the compiled code of the nodes that were compiled, by unique id.
pub fn manifest_with_code(session: &Session, compiled: &HashMap<String, Arc<Compiled>>) -> Value {
    let manifest = &session.manifest;
    let writer = Writer { session, compiled, created_at: metadata::seconds() };
    let groups: IndexMap<&str, Vec<&str>> = group_map(manifest);
    json!({
        "metadata": metadata::manifest(session),
        "nodes": nodes(&manifest.nodes, &writer),
        "sources": by_id(&manifest.sources, |source| writer.source(source)),
        "macros": by_id(&manifest.macros, |found| writer.macro_node(found)),
        "docs": docs(manifest),
        "exposures": by_id(&manifest.exposures, |exposure| writer.exposure(exposure)),
        "metrics": by_id(&manifest.metrics, |metric| writer.metric(metric)),
        "groups": {},
        "selectors": {},
        "disabled": by_id(&manifest.disabled, |node| Value::Array(vec![writer.node(node)])),
        "parent_map": manifest.parents,
        "child_map": manifest.children,
        "group_map": groups,
        "saved_queries": {},
        "semantic_models": {},
        "unit_tests": unit_tests(&manifest.nodes),
        "functions": {},
    })
}

fn by_id<T>(items: &IndexMap<String, T>, write: impl Fn(&T) -> Value) -> Value {
    Value::Object(items.iter().map(|(id, item)| (id.clone(), write(item))).collect())
}

fn nodes(nodes: &IndexMap<String, Node>, writer: &Writer<'_>) -> Value {
    let nodes = nodes.iter().filter(|(_, node)| node.unit_test.is_none());
    Value::Object(nodes.map(|(id, node)| (id.clone(), writer.node(node))).collect())
}

/// Unit tests have a section, and a shape, of their own.
fn unit_tests(nodes: &IndexMap<String, Node>) -> Value {
    let tests = nodes.iter().filter_map(|(id, node)| Some((id, node, node.unit_test.as_ref()?)));
    let written = tests.map(|(id, node, test)| {
        let overrides = test.overrides.as_object().cloned().unwrap_or_default();
        let part = |name: &str| overrides.get(name).cloned().unwrap_or_else(|| json!({}));
        let entry = json!({
            "model": test.model, "given": test.given, "expect": {
                "rows": test.expect.rows, "format": test.expect.format, "fixture": test.expect.fixture,
            },
            "name": node.name, "resource_type": "unit_test", "package_name": node.package_name, "path": node.path,
            "original_file_path": node.original_file_path, "unique_id": id, "fqn": node.fqn,
            "description": node.description,
            "overrides": {"macros": part("macros"), "vars": part("vars"), "env_vars": part("env_vars")},
            "depends_on": node.depends_on,
            "config": {"tags": node.tags, "meta": node.config.get("meta"), "enabled": node.config.enabled()},
            "checksum": null, "schema": node.relation.schema, "created_at": 0.0, "versions": null,
            "version": node.version,
        });
        (id.clone(), entry)
    });
    Value::Object(written.collect())
}

fn group_map(manifest: &Manifest) -> IndexMap<&str, Vec<&str>> {
    let mut groups: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for node in manifest.nodes.values() {
        if let Some(group) = &node.group {
            groups.entry(group).or_default().push(&node.unique_id);
        }
    }
    groups
}

fn docs(manifest: &Manifest) -> Value {
    let doc = |(id, text): (&String, &String)| {
        let mut parts = id.splitn(3, '.').skip(1);
        let (package, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let path = format!("{name}.md");
        let value = json!({
            "name": name, "resource_type": "doc", "package_name": package, "path": path,
            "original_file_path": path, "unique_id": id, "block_contents": text,
        });
        (id.clone(), value)
    };
    Value::Object(manifest.docs.iter().map(doc).collect())
}

/// What every entry needs.
struct Writer<'a> {
    session: &'a Session,
    compiled: &'a HashMap<String, Arc<Compiled>>,
    created_at: f64,
}

impl Writer<'_> {
    fn node(&self, node: &Node) -> Value {
        let mut entry = Map::new();
        let mut put = |key: &str, value: Value| drop(entry.insert(key.to_owned(), value));
        let meta = node.config.get("meta").cloned().unwrap_or_else(|| json!({}));
        put("database", json!(node.relation.database));
        put("schema", json!(node.relation.schema));
        put("name", json!(node.name));
        put("resource_type", json!(node.resource_type.word()));
        put("package_name", json!(node.package_name));
        put("path", json!(node.path));
        put("original_file_path", json!(node.original_file_path));
        put("unique_id", json!(node.unique_id));
        put("fqn", json!(node.fqn));
        put("alias", json!(node.relation.identifier));
        put("checksum", json!(node.checksum));
        put("config", config(node));
        put("tags", json!(node.tags));
        put("description", json!(node.description));
        put("columns", columns(&node.columns));
        put("meta", meta);
        put("group", json!(node.group));
        put("docs", json!({"show": true, "node_color": null}));
        put("patch_path", json!(node.patch_path));
        put("build_path", json!(self.built(node).then(|| format!("target/{}", output_path("run", node).display()))));
        put("unrendered_config", json!({}));
        put("created_at", json!(self.created_at));
        put("relation_name", json!(self.relation_name(node)));
        put("raw_code", json!(node.raw_code));
        put("doc_blocks", json!([]));
        match node.resource_type {
            ResourceType::Seed => {
                put("root_path", json!(node.root));
                put("depends_on", json!({"macros": node.depends_on.macros}));
            }
            kind => {
                entry.extend(self.sql_fields(node));
                if kind == ResourceType::Model {
                    entry.extend(model_fields(node));
                }
                if kind == ResourceType::Test {
                    entry.extend(test_fields(node));
                }
            }
        }
        Value::Object(entry)
    }

    fn built(&self, node: &Node) -> bool {
        self.compiled.contains_key(&node.unique_id) && node.config.materialized() != "ephemeral"
    }

    fn relation_name(&self, node: &Node) -> Option<String> {
        match node.resource_type {
            ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot => {
                (node.config.materialized() != "ephemeral").then(|| node.relation.sql())
            }
            _ => None,
        }
    }

    /// What every node with a template has.
    fn sql_fields(&self, node: &Node) -> Map<String, Value> {
        let compiled = self.compiled.get(&node.unique_id);
        let path = compiled.map(|_| format!("target/{}", output_path("compiled", node).display()));
        let sources: Vec<[&str; 2]> = node.sources.iter().map(|(source, table)| [source.as_str(), table]).collect();
        object(json!({
            "language": node.language,
            "refs": node.refs,
            "sources": sources,
            "metrics": [],
            "functions": [],
            "depends_on": node.depends_on,
            "compiled_path": path,
            "compiled": compiled.is_some(),
            "compiled_code": compiled.map(|compiled| compiled.sql.as_str()),
            "extra_ctes_injected": compiled.is_some(),
            "extra_ctes": [],
            "contract": contract(&node.config),
        }))
    }

    fn source(&self, source: &SourceNode) -> Value {
        let freshness = if source.freshness.is_null() { no_freshness() } else { source.freshness.clone() };
        let meta = source.config.get("meta").cloned().unwrap_or_else(|| json!({}));
        json!({
            "database": source.relation.database,
            "schema": source.relation.schema,
            "name": source.name,
            "resource_type": "source",
            "package_name": source.package_name,
            "path": source.original_file_path,
            "original_file_path": source.original_file_path,
            "unique_id": source.unique_id,
            "fqn": source.fqn,
            "source_name": source.source_name,
            "source_description": source.source_description,
            "loader": source.loader,
            "identifier": source.relation.identifier,
            "quoting": {"database": null, "schema": null, "identifier": null, "column": null},
            "loaded_at_field": source.loaded_at_field,
            "loaded_at_query": null,
            "freshness": freshness,
            "external": null,
            "description": source.description,
            "columns": columns(&source.columns),
            "meta": meta,
            "source_meta": {},
            "tags": source.tags,
            "config": {
                "enabled": source.config.enabled(),
                "event_time": source.config.get("event_time"),
                "freshness": freshness,
                "loaded_at_field": source.loaded_at_field,
                "loaded_at_query": null,
                "meta": meta,
                "tags": source.tags,
            },
            "patch_path": null,
            "unrendered_config": {},
            "relation_name": source.relation.sql(),
            "created_at": self.created_at,
            "unrendered_database": null,
            "unrendered_schema": null,
            "doc_blocks": [],
        })
    }

    fn macro_node(&self, found: &MacroNode) -> Value {
        let arguments: Vec<Value> =
            found.arguments.iter().map(|name| json!({"name": name, "type": null, "description": ""})).collect();
        json!({
            "name": found.name,
            "resource_type": "macro",
            "package_name": found.package_name,
            "path": found.original_file_path,
            "original_file_path": found.original_file_path,
            "unique_id": found.unique_id,
            "macro_sql": found.macro_sql,
            "depends_on": {"macros": []},
            "description": found.description,
            "meta": {},
            "docs": {"show": true, "node_color": null},
            "config": {"meta": {}, "docs": {"show": true, "node_color": null}},
            "patch_path": null,
            "arguments": arguments,
            "created_at": self.created_at,
            "supported_languages": null,
        })
    }

    fn exposure(&self, exposure: &Exposure) -> Value {
        let meta = exposure.config.get("meta").cloned().unwrap_or_else(|| json!({}));
        json!({
            "name": exposure.name,
            "resource_type": "exposure",
            "package_name": exposure.package_name,
            "path": file_name(&exposure.original_file_path),
            "original_file_path": exposure.original_file_path,
            "unique_id": exposure.unique_id,
            "fqn": exposure.fqn,
            "type": exposure.exposure_type,
            "owner": exposure.owner,
            "description": exposure.description,
            "label": exposure.label,
            "maturity": exposure.maturity,
            "meta": meta,
            "tags": exposure.tags,
            "config": {"enabled": exposure.config.enabled(), "tags": exposure.tags, "meta": meta},
            "unrendered_config": {},
            "url": exposure.url,
            "depends_on": exposure.depends_on,
            "refs": self.refs(&exposure.depends_on.nodes),
            "sources": self.sources(&exposure.depends_on.nodes),
            "metrics": [],
            "created_at": self.created_at,
        })
    }

    fn metric(&self, metric: &Metric) -> Value {
        let meta = metric.config.get("meta").cloned().unwrap_or_else(|| json!({}));
        json!({
            "name": metric.name,
            "resource_type": "metric",
            "package_name": metric.package_name,
            "path": file_name(&metric.original_file_path),
            "original_file_path": metric.original_file_path,
            "unique_id": metric.unique_id,
            "fqn": metric.fqn,
            "description": metric.description,
            "label": metric.label,
            "type": metric.metric_type,
            "type_params": type_params(&metric.type_params),
            "filter": null,
            "metadata": null,
            "time_granularity": null,
            "meta": meta,
            "tags": metric.tags,
            "config": {"enabled": metric.config.enabled(), "group": null, "meta": meta},
            "unrendered_config": {},
            "sources": [],
            "depends_on": metric.depends_on,
            "refs": self.refs(&metric.depends_on.nodes),
            "metrics": [],
            "created_at": self.created_at,
            "group": null,
        })
    }

    /// The refs behind unique ids.
    fn refs(&self, ids: &[String]) -> Vec<Value> {
        let nodes = ids.iter().filter_map(|id| self.session.manifest.nodes.get(id));
        nodes.map(|node| json!({"name": node.name, "package": null, "version": node.version})).collect()
    }

    fn sources(&self, ids: &[String]) -> Vec<[&str; 2]> {
        let sources = ids.iter().filter_map(|id| self.session.manifest.sources.get(id));
        sources.map(|source| [source.source_name.as_str(), source.name.as_str()]).collect()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn model_fields(node: &Node) -> Map<String, Value> {
    object(json!({
        "access": node.access.as_deref().unwrap_or("protected"),
        "constraints": node.constraints,
        "version": node.version,
        "latest_version": node.latest_version,
        "deprecation_date": null,
        "primary_key": [],
        "time_spine": null,
    }))
}

fn test_fields(node: &Node) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(metadata) = &node.test_metadata {
        fields.insert("column_name".into(), json!(node.column_name));
        fields.insert("file_key_name".into(), json!(node.attached_node.as_deref().map(file_key).unwrap_or_default()));
        fields.insert("attached_node".into(), json!(node.attached_node));
        fields.insert("test_metadata".into(), json!(metadata));
    }
    fields
}

/// `models.orders` for `model.shop.orders`: the section of the properties file that the test stands in.
fn file_key(id: &str) -> String {
    let kind = id.split('.').next().unwrap_or_default();
    let name = id.splitn(3, '.').nth(2).unwrap_or_default();
    format!("{kind}s.{name}")
}

fn contract(config: &Config) -> Value {
    let asked = config.get("contract");
    let flag = |key: &str, otherwise: bool| {
        asked.and_then(|contract| contract.get(key)).and_then(Value::as_bool).unwrap_or(otherwise)
    };
    json!({"enforced": flag("enforced", false), "alias_types": flag("alias_types", true), "checksum": null})
}

fn no_freshness() -> Value {
    let none = json!({"count": null, "period": null});
    json!({"warn_after": none, "error_after": none, "filter": null})
}

/// dbt's parameters of a metric, with what a metric of any kind must have.
fn type_params(written: &Value) -> Value {
    let mut params = json!({
        "measure": null, "input_measures": [], "numerator": null, "denominator": null, "expr": null, "window": null,
        "grain_to_date": null, "metrics": [], "conversion_type_params": null, "cumulative_type_params": null,
    });
    let (Some(params_map), Some(written)) = (params.as_object_mut(), written.as_object()) else { return params };
    for (key, value) in written {
        let value = match value.as_str() {
            Some(name) if matches!(key.as_str(), "measure" | "numerator" | "denominator") => {
                json!({"name": name, "filter": null, "alias": null})
            }
            _ => value.clone(),
        };
        params_map.insert(key.clone(), value);
    }
    params
}

fn columns(columns: &IndexMap<String, ColumnProperties>) -> Value {
    let column = |column: &ColumnProperties| {
        json!({
            "name": column.name,
            "description": column.description,
            "meta": column.meta,
            "data_type": column.data_type,
            "constraints": column.constraints,
            "quote": column.quote,
            "config": {"meta": column.meta, "tags": column.tags},
            "tags": column.tags,
            "granularity": null,
            "doc_blocks": [],
        })
    };
    by_id(columns, column)
}

/// A node's configuration: dbt's defaults for its kind, then everything that was set.
fn config(node: &Node) -> Value {
    let mut config = object(json!({
        "enabled": true, "alias": null, "schema": null, "database": null, "tags": [], "meta": {}, "group": null,
    }));
    config.extend(match node.resource_type {
        ResourceType::Test => object(json!({
            "materialized": "test", "severity": "ERROR", "store_failures": null, "store_failures_as": null,
            "where": null, "limit": null, "fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0",
        })),
        kind => node_defaults(kind),
    });
    for (key, value) in &node.config.0 {
        // dbt's artifacts know hooks by their names with a hyphen only.
        let key = match key.as_str() {
            "pre_hook" => "pre-hook",
            "post_hook" => "post-hook",
            key => key,
        };
        let value = match key {
            "pre-hook" | "post-hook" => hooks(value),
            "contract" => {
                let mut contract = object(contract(&node.config));
                contract.remove("checksum");
                Value::Object(contract)
            }
            _ => value.clone(),
        };
        match (config.get_mut(key), value) {
            (Some(Value::Array(before)), Value::Array(more)) if key.ends_with("-hook") => before.extend(more),
            (_, value) => drop(config.insert(key.to_owned(), value)),
        }
    }
    Value::Object(config)
}

fn node_defaults(kind: ResourceType) -> Map<String, Value> {
    let mut config = object(json!({
        "materialized": if kind == ResourceType::Seed { "seed" } else { "view" },
        "incremental_strategy": null, "batch_size": null, "lookback": 1, "begin": null, "persist_docs": {},
        "post-hook": [], "pre-hook": [], "quoting": {}, "column_types": {}, "full_refresh": null, "unique_key": null,
        "on_schema_change": "ignore", "on_configuration_change": "apply", "grants": {}, "packages": [],
        "docs": {"show": true, "node_color": null}, "contract": {"enforced": false, "alias_types": true},
        "event_time": null, "concurrent_batches": null,
    }));
    if kind == ResourceType::Seed {
        config.insert("delimiter".into(), json!(","));
        config.insert("quote_columns".into(), Value::Null);
    }
    if kind == ResourceType::Model {
        config.insert("access".into(), json!("protected"));
        config.insert("freshness".into(), Value::Null);
    }
    config
}

/// Hooks in dbt's long form.
fn hooks(value: &Value) -> Value {
    let hook = |sql: &str, transaction: bool| json!({"sql": sql, "transaction": transaction, "index": null});
    let items = match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let long = items.iter().filter_map(|item| match item {
        Value::String(text) => Some(hook(text, true)),
        Value::Object(map) => {
            let transaction = map.get("transaction").and_then(Value::as_bool).unwrap_or(true);
            map.get("sql").and_then(Value::as_str).map(|sql| hook(sql, transaction))
        }
        _ => None,
    });
    Value::Array(long.collect())
}
