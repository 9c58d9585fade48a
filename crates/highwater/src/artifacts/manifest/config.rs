//! A node's configuration as dbt writes it: its defaults for the kind of node, then everything that was set.

use serde_json::{Value, json};

use crate::artifacts::object::Object;
use crate::manifest::{Config, Node, ResourceType};

/// Keys with their defaults as JSON, in dbt's order.
type Defaults = &'static [(&'static str, &'static str)];

const SHARED: Defaults = &[
    ("enabled", "true"),
    ("alias", "null"),
    ("schema", "null"),
    ("database", "null"),
    ("tags", "[]"),
    ("meta", "{}"),
    ("group", "null"),
    ("static_analysis", "null"),
];
const TEST: Defaults = &[
    ("materialized", "\"test\""),
    ("severity", "\"ERROR\""),
    ("store_failures", "null"),
    ("store_failures_as", "null"),
    ("where", "null"),
    ("limit", "null"),
    ("fail_calc", "\"count(*)\""),
    ("warn_if", "\"!= 0\""),
    ("error_if", "\"!= 0\""),
];
const BUILT: Defaults = &[
    ("materialized", "\"view\""),
    ("incremental_strategy", "null"),
    ("batch_size", "null"),
    ("lookback", "1"),
    ("begin", "null"),
    ("persist_docs", "{}"),
    ("post-hook", "[]"),
    ("pre-hook", "[]"),
    ("quoting", "{}"),
    ("column_types", "{}"),
    ("full_refresh", "null"),
    ("unique_key", "null"),
    ("on_schema_change", "\"ignore\""),
    ("on_configuration_change", "\"apply\""),
    ("grants", "{}"),
    ("packages", "[]"),
    ("docs", DOCS),
    ("contract", r#"{"enforced":false,"alias_types":true}"#),
    ("event_time", "null"),
    ("concurrent_batches", "null"),
];
const MODEL: Defaults = &[("access", "\"protected\""), ("freshness", "null")];
const SEED: Defaults = &[("delimiter", "\",\""), ("quote_columns", "null")];
const SNAPSHOT: Defaults = &[
    ("strategy", "null"),
    ("target_schema", "null"),
    ("target_database", "null"),
    ("updated_at", "null"),
    ("check_cols", "null"),
    (
        "snapshot_meta_column_names",
        r#"{"dbt_valid_to":null,"dbt_valid_from":null,"dbt_scd_id":null,"dbt_updated_at":null,"dbt_is_deleted":null}"#,
    ),
    ("dbt_valid_to_current", "null"),
];

/// `docs` of a node that says nothing.
pub(super) const DOCS: &str = r#"{"show":true,"node_color":null}"#;

/// Writes the fields of `config`.
pub(super) fn write(node: &Node, object: &mut Object<'_>) {
    let kinds: [Defaults; 3] = match node.resource_type {
        ResourceType::Test => [SHARED, TEST, &[]],
        ResourceType::Model => [SHARED, BUILT, MODEL],
        ResourceType::Seed => [SHARED, BUILT, SEED],
        ResourceType::Snapshot => [SHARED, BUILT, SNAPSHOT],
        _ => [SHARED, BUILT, &[]],
    };
    let defaults = || kinds.into_iter().flatten();
    for (key, default) in defaults() {
        match node.config.get(key) {
            Some(value) => put(object, key, value, &node.config),
            None => object.put_json(key, default),
        }
    }
    for (key, value) in node.config.settings() {
        if !defaults().any(|(known, _)| known == key) {
            object.put(key, value);
        }
    }
    // Null counts as absent, and dbt writes it all the same.
    for (key, value) in node.unrendered_config.settings().iter().filter(|(_, value)| value.is_null()) {
        if !defaults().any(|(known, _)| known == key) && !node.config.settings().contains_key(key) {
            object.put(key, value);
        }
    }
}

fn put(object: &mut Object<'_>, key: &str, value: &Value, config: &Config) {
    match key {
        "contract" => object.put(key, &contract(config)),
        "docs" => object.put(key, &docs(config)),
        _ => match value.as_str().filter(|_| key == "begin") {
            Some(written) => object.put(key, &begin(written)),
            None => object.put(key, value),
        },
    }
}

/// A date as the moment at which it begins.
fn begin(written: &str) -> String {
    match written.parse::<jiff::civil::Date>() {
        Ok(date) if written.len() == date.to_string().len() => format!("{date}T00:00:00"),
        _ => written.to_owned(),
    }
}

/// `contract` with what it leaves out.
pub(super) fn contract(config: &Config) -> Value {
    let asked = config.get("contract");
    let flag = |key: &str, otherwise: bool| {
        asked.and_then(|contract| contract.get(key)).and_then(Value::as_bool).unwrap_or(otherwise)
    };
    json!({"enforced": flag("enforced", false), "alias_types": flag("alias_types", true)})
}

/// `docs` with what it leaves out.
pub(super) fn docs(config: &Config) -> Value {
    let asked = config.get("docs");
    let part = |key: &str| asked.and_then(|docs| docs.get(key)).cloned();
    json!({"show": part("show").unwrap_or(Value::Bool(true)), "node_color": part("node_color")})
}
