//! Nodes as templates see them: `model`, `graph`. The shape is that of dbt's manifest.

use std::sync::Arc;

use highwater_jinja::value::{Enumerator, Object};
use highwater_jinja::{Value, dict, from_json, list};
use minijinja::State;
use serde_json::Value as Json;

use super::scene::{Frame, LazyModel};
use super::{Batch, moment};
use crate::artifacts;
use crate::manifest::{Manifest, Node};

/// A node in the shape of dbt's manifest, with the names it had in earlier versions.
pub(crate) fn node_json(node: &Node, compiled: Option<&str>) -> Json {
    let mut json = artifacts::node_value(node, compiled);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("raw_sql".to_owned(), node.raw_code.trim().into());
        fields.insert("root_path".to_owned(), node.root.to_string_lossy().into());
        if let Some(sql) = compiled {
            fields.insert("compiled_sql".to_owned(), sql.into());
        }
    }
    json
}

/// A node as a template value, with the batch it is compiled for, and with its SQL where that is rendered.
fn node_value(node: &Node, batch: Option<&Batch>, compiled: Option<&str>) -> Value {
    let value = from_json(&node_json(node, compiled));
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

/// A result with its node: both, and the phases of its work, have a `to_dict()`.
pub(super) fn result_value(node: &Json, fields: &Json) -> Value {
    let (node, fields) = (from_json(node), from_json(fields));
    let mut plain = vec![(Value::from("node"), node.clone())];
    let mut shown = vec![(Value::from("node"), node_of_result(node))];
    for key in fields.try_iter().into_iter().flatten() {
        let value = fields.get_item(&key).unwrap_or_default();
        let described = match key.as_str() {
            Some("timing") => list(value.try_iter().into_iter().flatten().map(record).collect()),
            _ => value.clone(),
        };
        plain.push((key.clone(), value));
        shown.push((key, described));
    }
    Value::from_object(Record { shown: dict(shown), plain: dict(plain), absent: None })
}

/// A node whose configuration answers none for what it does not have, as dbt's does.
fn node_of_result(node: Value) -> Value {
    let mut shown = Vec::new();
    for key in node.try_iter().into_iter().flatten() {
        let value = node.get_item(&key).unwrap_or_default();
        let is_config = key.as_str() == Some("config");
        let value = if is_config {
            Value::from_object(Record { shown: value.clone(), plain: value, absent: Some(Value::from(())) })
        } else {
            value
        };
        shown.push((key, value));
    }
    Value::from_object(Record { shown: dict(shown), plain: node, absent: None })
}

/// A dictionary that is an object in dbt: its items are attributes, and `to_dict()` gives the dictionary.
#[derive(Debug)]
struct Record {
    shown: Value,
    plain: Value,
    /// The answer for a key that is not there.
    absent: Option<Value>,
}

pub(super) fn record(plain: Value) -> Value {
    Value::from_object(Record { shown: plain.clone(), plain, absent: None })
}

impl Object for Record {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.shown.get_item(key).ok().filter(|value| !value.is_undefined()).or_else(|| self.absent.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.shown.try_iter().into_iter().flatten().collect())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        match method {
            "to_dict" => Ok(self.plain.clone()),
            _ => self.shown.call_method(state, method, arguments),
        }
    }
}

/// `graph`: everything, by unique id; empty while parsing.
pub(crate) fn graph(frame: &Frame) -> Value {
    match frame.scene.running() {
        Some(running) => running.graph.get_or_init(|| whole(&running.manifest)).clone(),
        None => whole(&Manifest::default()),
    }
}

fn whole(manifest: &Manifest) -> Value {
    let nodes = manifest.nodes.iter().filter(|(_, node)| node.unit_test.is_none());
    let nodes = nodes.map(|(id, node)| (id.clone(), node_json(node, None)));
    let section = |name: &str, entries: Vec<(String, Json)>| {
        let entries = entries.into_iter().map(|(id, json)| (Value::from(id), from_json(&json))).collect();
        (Value::from(name), dict(entries))
    };
    let mut sections = vec![section("nodes", nodes.collect())];
    sections.extend(artifacts::sections(manifest).into_iter().map(|(name, entries)| section(name, entries)));
    sections.push(section("functions", Vec::new()));
    dict(sections)
}
