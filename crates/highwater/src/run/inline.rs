//! SQL given on the command line, for `compile --inline` and `show --inline`.

use super::node;
use super::result::NodeResult;
use super::worker::Shared;
use crate::context::SharedConnection;
use crate::engine::Relation;
use crate::manifest::{Checksum, Node, ResourceType};

/// Treats the text as an operation of the project: such may refer to anything there is.
pub(crate) fn run(shared: &Shared<'_>, connection: &SharedConnection) -> NodeResult {
    let text = shared.options.inline.as_deref().unwrap_or_default();
    node::run(shared, connection, &operation(shared, text), "main")
}

fn operation(shared: &Shared<'_>, text: &str) -> Node {
    let project = &shared.session.project;
    let name = "inline_query";
    Node {
        unique_id: format!("operation.{}.{name}", project.name),
        resource_type: ResourceType::Operation,
        name: name.to_owned(),
        package_name: project.name.clone(),
        path: format!("{name}.sql"),
        original_file_path: format!("analyses/{name}.sql"),
        fqn: vec![project.name.clone(), name.to_owned()],
        relation: Relation::new(&project.target.database, &project.target.schema, name),
        raw_code: text.to_owned(),
        language: "sql".to_owned(),
        checksum: Checksum { name: "sha256".to_owned(), checksum: String::new() },
        root: project.root.clone(),
        ..Node::default()
    }
}
