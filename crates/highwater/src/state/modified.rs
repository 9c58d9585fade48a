//! What is new and what is modified since an earlier run: dbt's rules, part by part.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::manifest::{PreviousManifest, PreviousNode};
use crate::diagnostics::Diagnostic;
use crate::manifest::{Config, Exposure, Manifest, Metric, Node, ResourceType, SourceNode};

/// A part of a node that may be modified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Any of them.
    Any,
    /// The template, or a seed's file.
    Body,
    /// Configuration as written.
    Configs,
    /// Descriptions, where they are persisted in the database.
    Descriptions,
    /// Where it is built, as configured.
    Relation,
    /// Macros it calls, and those that they call.
    Macros,
    /// An enforced contract.
    Contract,
}

/// Keys that say where a node is built or how it is found; they are no part of `.configs`.
const NOT_COMPARED: [&str; 5] = ["alias", "schema", "database", "tags", "group"];
/// The keys of a test that change what it finds.
const OF_TESTS: [&str; 8] =
    ["severity", "where", "limit", "fail_calc", "warn_if", "error_if", "store_failures", "store_failures_as"];

/// A project beside an earlier state of it.
pub(crate) struct Comparison<'a> {
    manifest: &'a Manifest,
    before: &'a PreviousManifest,
    modified_macros: HashSet<&'a str>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(manifest: &'a Manifest, before: &'a PreviousManifest) -> Self {
        // Our own macros are no part of the project: a new version of Highwater modifies nothing.
        let own = |package: &str| package == "dbt" || package.starts_with("dbt_") && is_internal(manifest, package);
        let changed = manifest.macros.iter().filter(|(_, found)| !own(&found.package_name)).filter(|(id, found)| {
            before.macros.get(*id).is_none_or(|earlier| earlier.macro_sql.trim() != found.macro_sql.trim())
        });
        let mut modified_macros: HashSet<&str> = changed.map(|(id, _)| id.as_str()).collect();
        let gone = before
            .macros
            .iter()
            .filter(|(id, earlier)| !own(&earlier.package_name) && !manifest.macros.contains_key(id.as_str()));
        modified_macros.extend(gone.map(|(id, _)| id.as_str()));
        Self { manifest, before, modified_macros }
    }

    /// Whether the earlier state has it too.
    pub(crate) fn is_known(&self, id: &str) -> bool {
        let before = self.before;
        before.nodes.contains_key(id)
            || before.sources.contains_key(id)
            || before.exposures.contains_key(id)
            || before.metrics.contains_key(id)
            || before.unit_tests.contains_key(id)
    }

    /// Whether this part of it is modified; what is new is modified in every part it has.
    ///
    /// # Errors
    /// `HW0236` when a versioned model breaks its contract.
    pub(crate) fn is_modified(&self, id: &str, part: Part) -> Result<bool, Diagnostic> {
        if let Some(node) = self.manifest.nodes.get(id) {
            let Some(before) = self.before.nodes.get(id) else {
                return Ok(match part {
                    Part::Macros => self.calls_modified(&node.depends_on.macros),
                    _ => true,
                });
            };
            return self.node(node, before, part);
        }
        Ok(match part {
            Part::Any => self.entry(id),
            Part::Configs | Part::Relation => match (self.manifest.sources.get(id), self.before.sources.get(id)) {
                (Some(source), Some(before)) if part == Part::Relation => !same_source_relation(source, before),
                (Some(_), Some(_)) => false,
                (Some(_), None) => true,
                _ => false,
            },
            _ => false,
        })
    }

    fn node(&self, node: &Node, before: &PreviousNode, part: Part) -> Result<bool, Diagnostic> {
        Ok(match part {
            Part::Body => !same_body(node, before),
            Part::Configs => !same_config(node, before),
            Part::Descriptions => !same_descriptions(node, before),
            Part::Relation => !same_relation(&node.unrendered_config, before),
            Part::Macros => self.calls_modified(&node.depends_on.macros),
            Part::Contract => !same_contract(node, before)?,
            // Of a generic test only what it finds counts: its text follows from its name.
            Part::Any if node.test_metadata.is_some() => {
                !same_config(node, before) || node.fqn != before.fqn || self.calls_modified(&node.depends_on.macros)
            }
            Part::Any => {
                let contract = same_contract(node, before)?;
                !(contract
                    && same_body(node, before)
                    && same_config(node, before)
                    && same_descriptions(node, before)
                    && node.fqn == before.fqn
                    && same_relation(&node.unrendered_config, before))
                    || self.calls_modified(&node.depends_on.macros)
            }
        })
    }

    /// Sources, exposures, metrics, unit tests.
    fn entry(&self, id: &str) -> bool {
        let before = self.before;
        if let Some(source) = self.manifest.sources.get(id) {
            // A source that is new changes nothing by itself, as in dbt.
            return before.sources.get(id).is_some_and(|before| !same_source(source, before));
        }
        if let Some(exposure) = self.manifest.exposures.get(id) {
            return before.exposures.get(id).is_some_and(|before| !same_exposure(exposure, before));
        }
        if let Some(metric) = self.manifest.metrics.get(id) {
            return before.metrics.get(id).is_some_and(|before| !same_metric(metric, before));
        }
        false
    }

    fn calls_modified(&self, macros: &[String]) -> bool {
        if self.modified_macros.is_empty() {
            return false;
        }
        let mut open: Vec<&str> = macros.iter().map(String::as_str).collect();
        let mut seen: HashSet<&str> = HashSet::new();
        while let Some(id) = open.pop() {
            if self.modified_macros.contains(id) {
                return true;
            }
            if seen.insert(id)
                && let Some(found) = self.manifest.macros.get(id)
            {
                open.extend(found.calls.iter().map(String::as_str));
            }
        }
        false
    }
}

/// Whether a package of this name is ours for an engine, not one that the project installed.
fn is_internal(manifest: &Manifest, package: &str) -> bool {
    package == format!("dbt_{}", manifest.adapter_type)
}

fn same_body(node: &Node, before: &PreviousNode) -> bool {
    if node.resource_type == ResourceType::Seed {
        return node.checksum.name == before.checksum.name && node.checksum.checksum == before.checksum.checksum;
    }
    node.raw_code.trim() == before.raw_code.trim()
}

fn same_config(node: &Node, before: &PreviousNode) -> bool {
    let (now, before) = (node.unrendered_config.settings(), &before.unrendered_config);
    if node.resource_type == ResourceType::Test {
        return OF_TESTS.iter().all(|key| now.get(*key) == before.get(*key));
    }
    let compared = now.keys().chain(before.keys()).filter(|key| !NOT_COMPARED.contains(&key.as_str()));
    compared.into_iter().all(|key| now.get(key) == before.get(key))
}

fn same_descriptions(node: &Node, before: &PreviousNode) -> bool {
    let persisted = |what: &str| {
        node.config.get("persist_docs").and_then(|docs| docs.get(what)).and_then(Value::as_bool) == Some(true)
    };
    if persisted("relation") && node.description != before.description {
        return false;
    }
    let same = || {
        node.columns.len() == before.columns.len()
            && node.columns.iter().all(|(name, column)| {
                before.columns.get(name).is_some_and(|before| before.description == column.description)
            })
    };
    !persisted("columns") || same()
}

fn same_relation(written: &Config, before: &PreviousNode) -> bool {
    ["database", "schema", "alias"].iter().all(|key| {
        let before = before.unrendered_config.get(*key).filter(|value| !value.is_null());
        written.get(key) == before
    })
}

/// # Errors
/// When a versioned model no longer keeps what it promised.
fn same_contract(node: &Node, before: &PreviousNode) -> Result<bool, Diagnostic> {
    if node.resource_type != ResourceType::Model {
        return Ok(true);
    }
    let checksum = node.contract_checksum();
    let enforced = checksum.is_some();
    if !before.contract.enforced {
        return Ok(!enforced);
    }
    if enforced && checksum == before.contract.checksum {
        return Ok(true);
    }
    let mut broken: Vec<String> = Vec::new();
    if !enforced {
        broken.push("the contract is no longer enforced".to_owned());
    }
    for (name, column) in &before.columns {
        match node.columns.get(name) {
            None => broken.push(format!("the column `{name}` is gone")),
            Some(now) if base_type(now.data_type.as_deref()) != base_type(column.data_type.as_deref()) => {
                let shown = |data_type: &Option<String>| data_type.clone().unwrap_or_else(|| "no type".to_owned());
                broken.push(format!("`{name}` was {}, and is {}", shown(&column.data_type), shown(&now.data_type)));
            }
            Some(_) => {}
        }
    }
    if broken.is_empty() || node.version.is_none() {
        return Ok(false);
    }
    let title = format!("`{}` breaks the contract it had", node.name);
    let error = broken.into_iter().fold(Diagnostic::error("HW0236", title), Diagnostic::note);
    Err(error.help("make a new version of the model, and leave this one as it was until nobody reads it"))
}

/// A type without its length.
fn base_type(data_type: Option<&str>) -> Option<String> {
    data_type.map(|name| name.split('(').next().unwrap_or(name).trim().to_lowercase())
}

fn same_source_relation(source: &SourceNode, before: &PreviousNode) -> bool {
    let relation = &source.relation;
    Some(&relation.database) == before.database.as_ref()
        && relation.schema == before.schema
        && Some(&relation.identifier) == before.identifier.as_ref()
}

fn same_source(source: &SourceNode, before: &PreviousNode) -> bool {
    same_source_relation(source, before)
        && source.fqn == before.fqn
        && source.loaded_at_field == before.loaded_at_field
        && thresholds(&source.freshness) == thresholds(&before.freshness)
        && source.external == before.external
}

/// Freshness without what it leaves open.
fn thresholds(freshness: &Value) -> Value {
    match freshness {
        Value::Object(fields) => {
            let fields: serde_json::Map<String, Value> = fields
                .iter()
                .map(|(key, value)| (key.clone(), thresholds(value)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            if fields.is_empty() { Value::Null } else { Value::Object(fields) }
        }
        other => other.clone(),
    }
}

fn same_exposure(exposure: &Exposure, before: &Value) -> bool {
    let now = json!({
        "fqn": exposure.fqn, "type": exposure.exposure_type, "owner": exposure.owner, "maturity": exposure.maturity,
        "url": exposure.url, "description": exposure.description, "label": exposure.label,
    });
    let set = |ids: Option<&Value>| -> HashSet<String> {
        ids.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let nodes: HashSet<String> = exposure.depends_on.nodes.iter().cloned().collect();
    same_fields(&now, before) && nodes == set(before.pointer("/depends_on/nodes"))
}

fn same_metric(metric: &Metric, before: &Value) -> bool {
    let now = json!({
        "fqn": metric.fqn, "type": metric.metric_type, "description": metric.description, "label": metric.label,
    });
    same_fields(&now, before)
}

/// Whether every field is there alike; null is the same as absent.
fn same_fields(now: &Value, before: &Value) -> bool {
    let fields = now.as_object().into_iter().flatten();
    fields.into_iter().all(|(key, value)| {
        let before = before.get(key).unwrap_or(&Value::Null);
        match (value, before) {
            (Value::Object(_), Value::Object(_)) => same_fields(value, before),
            _ => value == before,
        }
    })
}
