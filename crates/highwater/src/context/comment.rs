//! `query-comment`: what statements say of where they come from.

use highwater_jinja::Value;
use serde_json::json;

use super::compile::{Compiler, SharedConnection};
use super::describe;
use super::names::DBT_VERSION;
use crate::diagnostics::Diagnostic;
use crate::engine::Comment;
use crate::manifest::Node;
use crate::project::python_json;

/// What a statement is for.
#[derive(Clone, Copy)]
pub enum Purpose<'a> {
    /// A node.
    Node(&'a Node),
    /// Something else of the manifest: its unique id, and the value that templates see.
    Other(&'a str, &'a Value),
    /// No node: dbt's name of the connection.
    Connection(&'a str),
}

impl Compiler {
    /// The comment for statements of this purpose, when the project wants one. Its template stands in the body of a macro for dbt: `return()`
    /// may end it, and it knows `connection_name` and `node`.
    ///
    /// # Errors
    /// The template does not parse, or raises, or ends the comment itself.
    pub fn comment(&self, connection: &SharedConnection, purpose: Purpose<'_>) -> Result<Option<Comment>, Diagnostic> {
        let setting = &self.project().query_comment;
        let name = match purpose {
            Purpose::Node(node) => node.unique_id.as_str(),
            Purpose::Other(id, _) => id,
            Purpose::Connection(name) => name,
        };
        let text = match &setting.template {
            None => self.usual_comment(name, !matches!(purpose, Purpose::Connection(_))),
            Some(template) if template.trim().is_empty() => return Ok(None),
            Some(template) => {
                let node = match purpose {
                    Purpose::Node(node) => Value::clone(&describe::lazy_model(node, None, None)),
                    Purpose::Other(_, value) => value.clone(),
                    Purpose::Connection(_) => Value::from(()),
                };
                self.render_returned(connection, template, &[("connection_name", Value::from(name)), ("node", node)])?
            }
        };
        if text.contains("*/") {
            let title = "query-comment must not contain the end of a comment (`*/`)";
            return Err(Diagnostic::error("HW0415", title).help("take it out of query-comment in dbt_project.yml"));
        }
        Ok(Comment::new(&text, setting.append))
    }

    /// dbt's own words, by which people find its statements in the history of a database.
    fn usual_comment(&self, name: &str, is_node: bool) -> String {
        let target = &self.project().target;
        python_json(&json!({
            "app": "dbt",
            "dbt_version": DBT_VERSION,
            "profile_name": target.profile_name,
            "target_name": target.name,
            (if is_node { "node_id" } else { "connection_name" }): name,
        }))
    }
}
