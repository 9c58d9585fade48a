//! `semantic_manifest.json`: the semantic layer for those who query metrics.

use serde_json::{Map, Value, json};

use crate::manifest::{Manifest, Metric, Node, SavedQuery, SemanticModel};

/// The version of the interface that dbt 1.11 writes the file for.
const INTERFACE: [&str; 3] = ["0", "9", "0"];
/// The model that is the spine of time where no model says it is one.
const SPINE: &str = "metricflow_time_spine";

/// The contents of the file.
pub fn semantic_manifest_json(manifest: &Manifest) -> Value {
    json!({
        "semantic_models": manifest.semantic_models.values().map(semantic_model).collect::<Vec<_>>(),
        "metrics": manifest.metrics.values().map(metric).collect::<Vec<_>>(),
        "project_configuration": configuration(manifest),
        "saved_queries": manifest.saved_queries.values().map(saved_query).collect::<Vec<_>>(),
    })
}

fn semantic_model(model: &SemanticModel) -> Value {
    let of = |key: &str| model.body.get(key).cloned().unwrap_or_default();
    // Here every part has metadata.
    let parts = |key: &str| -> Value {
        let items = model.body.get(key).and_then(Value::as_array).into_iter().flatten();
        items
            .map(|item| {
                let mut item = item.as_object().cloned().unwrap_or_default();
                item.entry("metadata").or_insert(Value::Null);
                Value::Object(item)
            })
            .collect()
    };
    json!({
        "name": model.name, "defaults": of("defaults"), "description": model.description,
        "node_relation": of("node_relation"), "primary_entity": of("primary_entity"), "entities": parts("entities"),
        "measures": parts("measures"), "dimensions": parts("dimensions"), "label": of("label"), "metadata": null,
        "config": {"meta": meta(&model.config)},
    })
}

fn metric(metric: &Metric) -> Value {
    let mut params = metric.type_params.as_object().cloned().unwrap_or_else(Map::new);
    params.shift_remove("metric_aggregation_params");
    if let Some(Value::Object(cumulative)) = params.get_mut("cumulative_type_params") {
        cumulative.shift_remove("metric");
    }
    json!({
        "name": metric.name, "description": metric.description, "type": metric.metric_type, "type_params": params,
        "filter": metric.filter, "metadata": null, "label": metric.label, "config": {"meta": meta(&metric.config)},
        "time_granularity": metric.time_granularity,
    })
}

fn saved_query(query: &SavedQuery) -> Value {
    let of = |key: &str| query.body.get(key).cloned().unwrap_or_default();
    let exports = query.body.get("exports").and_then(Value::as_array).into_iter().flatten().map(|export| {
        let part = |key: &str| export.get("config").and_then(|config| config.get(key)).cloned();
        json!({
            "name": export.get("name"),
            "config": {"export_as": part("export_as"), "schema_name": part("schema_name"), "alias": part("alias")},
        })
    });
    json!({
        "name": query.name, "query_params": of("query_params"), "description": query.description, "metadata": null,
        "label": of("label"), "exports": exports.collect::<Vec<_>>(), "tags": query.tags,
    })
}

fn meta(config: &crate::manifest::Config) -> Value {
    config.get("meta").cloned().unwrap_or_else(|| json!({}))
}

fn configuration(manifest: &Manifest) -> Value {
    let legacy = manifest.nodes.values().find(|node| node.can_be_read() && node.plain_name() == SPINE);
    let legacy = legacy
        .map(|node| json!({"location": node.relation.written(node.bare), "column_name": "date_day", "grain": "day"}));
    let spines = manifest.nodes.values().filter(|node| node.is_spine()).filter_map(|node| spine(node));
    let [major, minor, patch] = INTERFACE;
    json!({
        "time_spine_table_configurations": legacy.into_iter().collect::<Vec<_>>(),
        "metadata": null,
        "dsi_package_version": {"major_version": major, "minor_version": minor, "patch_version": patch},
        "time_spines": spines.collect::<Vec<_>>(),
    })
}

fn spine(node: &Node) -> Option<Value> {
    let spine = node.time_spine.as_ref()?;
    let name = spine.get("standard_granularity_column").cloned().unwrap_or_default();
    let column = name.as_str().and_then(|name| node.columns.get(name));
    let custom = spine.get("custom_granularities").cloned().unwrap_or_else(|| json!([]));
    Some(json!({
        "node_relation": {
            "alias": node.relation.identifier, "schema_name": node.relation.schema, "database": node.relation.database,
            "relation_name": node.relation.written(node.bare),
        },
        "primary_column": {"name": name, "time_granularity": column.and_then(|column| column.granularity.clone())},
        "custom_granularities": custom,
    }))
}
