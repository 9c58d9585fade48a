//! Nodes as templates see them: `model`, `graph`. The shape is that of dbt's manifest.

use highwater_jinja::{Value, dict, from_json};
use serde_json::{Value as Json, json};

use super::scene::{Frame, LazyModel};
use super::{Batch, moment};
use crate::manifest::{Manifest, Node, SourceNode};

/// A node in the shape of dbt's manifest.
fn node_json(node: &Node) -> Json {
    let mut json = node.template_value();
    if let Some(fields) = json.as_object_mut() {
        if !node.is_relational() {
            fields.insert("relation_name".to_owned(), Json::Null);
        }
        fields.insert("raw_sql".to_owned(), node.raw_code.clone().into());
        fields.insert("root_path".to_owned(), node.root.to_string_lossy().into());
    }
    json
}

/// A node as a template value, with the batch it is compiled for, and with its SQL where that is rendered.
fn node_value(node: &Node, batch: Option<&Batch>, compiled: Option<&str>) -> Value {
    let mut json = node_json(node);
    if let (Some(sql), Some(entries)) = (compiled, json.as_object_mut()) {
        entries.insert("compiled".to_owned(), true.into());
        entries.insert("compiled_code".to_owned(), sql.into());
        entries.insert("compiled_sql".to_owned(), sql.into());
    }
    let value = from_json(&json);
    match batch {
        None => value,
        Some(batch) => {
            let described = dict(vec![
                (Value::from("id"), Value::from(batch.id.as_str())),
                (Value::from("event_time_start"), moment::instant(batch.start)),
                (Value::from("event_time_end"), moment::instant(batch.end)),
            ]);
            let keys: Vec<Value> = value.try_iter().into_iter().flatten().collect();
            let mut entries: Vec<(Value, Value)> =
                keys.into_iter().map(|key| (key.clone(), value.get_item(&key).unwrap_or_default())).collect();
            entries.push((Value::from("batch"), described));
            dict(entries)
        }
    }
}

/// `model` of a rendering for this node.
pub(crate) fn lazy_model(node: &Node, batch: Option<&Batch>, compiled: Option<&str>) -> LazyModel {
    let (node, batch, compiled) = (node.clone(), batch.cloned(), compiled.map(str::to_owned));
    LazyModel::new(Box::new(move || node_value(&node, batch.as_ref(), compiled.as_deref())))
}

fn source_json(source: &SourceNode) -> Json {
    json!({
        "unique_id": source.unique_id,
        "resource_type": "source",
        "package_name": source.package_name,
        "source_name": source.source_name,
        "name": source.name,
        "database": source.relation.database,
        "schema": source.relation.schema,
        "identifier": source.relation.identifier,
        "relation_name": source.relation.sql(),
        "config": source.config,
        "loaded_at_field": source.loaded_at_field,
        "freshness": source.freshness,
        "description": source.description,
        "source_description": source.source_description,
        "loader": source.loader,
        "columns": source.columns,
        "tags": source.tags,
        "meta": source.config.get("meta").cloned().unwrap_or_else(|| json!({})),
        "original_file_path": source.original_file_path,
        "fqn": source.fqn,
    })
}

/// `graph`: everything, by unique id; empty while parsing.
pub(crate) fn graph(frame: &Frame) -> Value {
    match frame.scene.running() {
        Some(running) => running.graph.get_or_init(|| whole(&running.manifest)).clone(),
        None => whole(&Manifest::default()),
    }
}

fn whole(manifest: &Manifest) -> Value {
    let plain = |json: Result<Json, serde_json::Error>| json.unwrap_or(Json::Null);
    let nodes = manifest
        .nodes
        .iter()
        .filter(|(_, node)| node.unit_test.is_none())
        .map(|(id, node)| (id.clone(), node_json(node)));
    let sources = manifest.sources.iter().map(|(id, source)| (id.clone(), source_json(source)));
    let exposures = manifest.exposures.iter().map(|(id, it)| (id.clone(), plain(serde_json::to_value(it))));
    let metrics = manifest.metrics.iter().map(|(id, it)| (id.clone(), plain(serde_json::to_value(it))));
    let section = |name: &str, entries: Vec<(String, Json)>| {
        let entries = entries.into_iter().map(|(id, json)| (Value::from(id), from_json(&json))).collect();
        (Value::from(name), dict(entries))
    };
    dict(vec![
        section("nodes", nodes.collect()),
        section("sources", sources.collect()),
        section("exposures", exposures.collect()),
        section("metrics", metrics.collect()),
        section("groups", Vec::new()),
    ])
}
