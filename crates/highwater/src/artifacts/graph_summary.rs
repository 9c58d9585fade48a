//! `graph_summary.json`: the graph with numbers for nodes, for those who only want its shape.

use serde_json::{Map, Value, json};

use crate::session::Session;

/// The contents of the file. dbt's second graph, with the edges by which tests block, is not written.
pub fn graph_summary_json(session: &Session) -> Value {
    let graph = session.manifest.children();
    let linked: Map<String, Value> = graph
        .iter()
        .enumerate()
        .map(|(index, (id, children))| {
            let kind = id.split('.').next().unwrap_or_default();
            let mut node = json!({"name": id, "type": kind});
            let successors: Vec<usize> = children.iter().filter_map(|child| graph.get_index_of(child)).collect();
            if !successors.is_empty() {
                node["succ"] = json!(successors);
            }
            (index.to_string(), node)
        })
        .collect();
    json!({"_invocation_id": session.project.invocation_id, "linked": linked})
}
