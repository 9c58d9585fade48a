//! `manifest.json`, version 12.

use serde_json::Value;

use crate::session::Session;

/// The graph in dbt's schema.
pub fn manifest_json(session: &Session) -> Value {
    serde_json::json!({ "project_name": session.project.name })
}
