//! What JSON log lines say about a node, under dbt's keys: `node_info`, and what stands beside it in each event.

use highwater::manifest::{Manifest, Node, ResourceType};
use highwater::run::NodeResult;
use serde_json::{Map, Value, json};

/// `node_info` of a node that starts now.
pub fn started(manifest: &Manifest, unique_id: &str) -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string();
    node_info(manifest, unique_id, "started", &now, "")
}

/// `node_info` of a node that is done.
pub fn finished(manifest: &Manifest, result: &NodeResult) -> Value {
    let moment = |text: Option<&String>| text.map_or_else(String::new, |text| text.trim_end_matches('Z').to_owned());
    let start = moment(result.timing.first().map(|timing| &timing.started_at));
    let end = moment(result.timing.last().map(|timing| &timing.completed_at));
    node_info(manifest, &result.unique_id, result.status.word(), &start, &end)
}

fn node_info(manifest: &Manifest, unique_id: &str, status: &str, start: &str, end: &str) -> Value {
    let mut info = json!({
        "unique_id": unique_id, "node_status": status, "node_started_at": start, "node_finished_at": end,
    });
    if let (Some(node), Some(fields)) = (manifest.nodes.get(unique_id), info.as_object_mut()) {
        describe(node, fields);
    }
    info
}

fn describe(node: &Node, fields: &mut Map<String, Value>) {
    let relation = &node.relation;
    let name = if node.is_relational() { relation.sql() } else { String::new() };
    let known = json!({
        "node_name": node.name,
        "node_path": node.path,
        "resource_type": node.resource_type.word(),
        "materialized": node.config.materialized(),
        "meta": node.config.get("meta").cloned().unwrap_or_else(|| json!({})),
        "node_checksum": node.checksum.checksum,
        "node_relation": {
            "database": relation.database, "schema": relation.schema, "alias": relation.identifier, "relation_name": name,
        },
    });
    if let Value::Object(known) = known {
        fields.extend(known);
    }
}

/// What stands beside `node_info` in the line of a node that is done.
pub fn of_result(manifest: &Manifest, result: &NodeResult, description: &str, index: usize, total: usize) -> Value {
    let mut data = json!({
        "index": index, "total": total, "description": description, "status": result.status,
        "execution_time": result.execution_time, "result_message": result.message, "node_info": finished(manifest, result),
    });
    let Some(node) = manifest.nodes.get(&result.unique_id) else { return data };
    if matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest) {
        data["name"] = json!(node.name);
        data["num_models"] = json!(total);
        data["num_failures"] = json!(result.failures.unwrap_or(0));
        data["attached_node"] = json!(node.attached_node);
    } else {
        data["node_name"] = json!(node.name);
        data["resource_type"] = json!(node.resource_type.word());
        data["schema"] = json!(node.relation.schema);
        data["relation"] = json!(node.relation.identifier);
    }
    data
}

/// What stands in a line about a node that went wrong.
pub fn of_problem(manifest: &Manifest, result: &NodeResult) -> Value {
    let mut data = json!({ "msg": result.message, "node_info": finished(manifest, result) });
    if let Some(node) = manifest.nodes.get(&result.unique_id) {
        data["node_name"] = json!(node.name);
        data["path"] = json!(node.original_file_path);
        data["resource_type"] = json!(node.resource_type.word());
    }
    data
}
