//! `catalog.json`: what the database holds for the nodes and sources of a project, in dbt's schema (v1).

use serde_json::{Map, Value, json};

use super::metadata;
use crate::engine::{Connection, EngineError, Relation, RelationKind};
use crate::manifest::ResourceType;
use crate::session::Session;

/// The catalog of a project. Nodes and sources that the database does not hold are left out.
///
/// # Errors
/// When the database cannot be read.
pub fn catalog_json(session: &Session, connection: &mut dyn Connection) -> Result<Value, EngineError> {
    let built = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];
    let mut nodes = Map::new();
    for (unique_id, node) in &session.manifest.nodes {
        if built.contains(&node.resource_type)
            && let Some(entry) = entry(connection, unique_id, &node.relation)?
        {
            nodes.insert(unique_id.clone(), entry);
        }
    }
    let mut sources = Map::new();
    for (unique_id, source) in &session.manifest.sources {
        if let Some(entry) = entry(connection, unique_id, &source.relation)? {
            sources.insert(unique_id.clone(), entry);
        }
    }
    Ok(catalog(session, nodes, sources))
}

/// A catalog that says nothing of the database, for sites that only need the file to be there.
pub fn empty_catalog_json(session: &Session) -> Value {
    catalog(session, Map::new(), Map::new())
}

fn catalog(session: &Session, nodes: Map<String, Value>, sources: Map<String, Value>) -> Value {
    json!({ "metadata": metadata::catalog(session), "nodes": nodes, "sources": sources, "errors": null })
}

/// One table or view with its columns; none when it is not there.
fn entry(connection: &mut dyn Connection, unique_id: &str, relation: &Relation) -> Result<Option<Value>, EngineError> {
    let Some(kind) = connection.kind(relation)? else { return Ok(None) };
    let remarks = connection.remarks(relation)?;
    let columns: Map<String, Value> = connection
        .columns(relation)?
        .into_iter()
        .zip(1..)
        .map(|(column, index): (_, u64)| {
            let comment = remarks.columns.get(&column.name);
            let entry = json!({ "type": column.data_type, "index": index, "name": column.name, "comment": comment });
            (column.name, entry)
        })
        .collect();
    Ok(Some(json!({
        "metadata": {
            "type": match kind {
                RelationKind::Table => "BASE TABLE",
                RelationKind::View => "VIEW",
                RelationKind::MaterializedView => "MATERIALIZED VIEW",
            },
            "schema": relation.schema,
            "name": relation.identifier,
            "database": relation.database,
            "comment": remarks.comment,
            "owner": remarks.owner,
        },
        "columns": columns,
        "stats": {
            "has_stats": {
                "id": "has_stats",
                "label": "Has Stats?",
                "value": false,
                "include": false,
                "description": "Indicates whether there are statistics for this table",
            },
        },
        "unique_id": unique_id,
    })))
}
