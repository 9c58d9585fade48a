//! The part of `manifest.json` that comparing and deferring need. What else it holds is passed over.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::Relation;

/// A manifest of an earlier run.
#[derive(Debug, Default, Deserialize)]
pub struct PreviousManifest {
    /// Models, seeds, snapshots, tests, analyses, hooks.
    pub nodes: HashMap<String, PreviousNode>,
    /// Tables of sources.
    #[serde(default)]
    pub sources: HashMap<String, PreviousNode>,
    /// Exposures, as written.
    #[serde(default)]
    pub exposures: HashMap<String, Value>,
    /// Metrics, as written.
    #[serde(default)]
    pub metrics: HashMap<String, Value>,
    /// Unit tests, as written.
    #[serde(default)]
    pub unit_tests: HashMap<String, Value>,
    /// Macros.
    #[serde(default)]
    pub macros: HashMap<String, PreviousMacro>,
}

/// A node or source of an earlier run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousNode {
    /// `model`, `seed`, ...
    pub resource_type: String,
    /// Database.
    pub database: Option<String>,
    /// Schema.
    pub schema: String,
    /// Name of the table or view.
    pub alias: Option<String>,
    /// Name of the table, of sources.
    pub identifier: Option<String>,
    /// Quoted name of what it leaves behind; none for ephemeral models and tests.
    pub relation_name: Option<String>,
    /// Package, folders, name.
    pub fqn: Vec<String>,
    /// Digest of the file.
    pub checksum: PreviousChecksum,
    /// The template.
    pub raw_code: String,
    /// Description.
    pub description: String,
    /// Columns by name.
    pub columns: IndexMap<String, PreviousColumn>,
    /// What was written, without defaults.
    pub unrendered_config: IndexMap<String, Value>,
    /// Everything merged.
    pub config: Value,
    /// `contract`.
    pub contract: PreviousContract,
    /// Of sources.
    pub freshness: Value,
    /// Of sources.
    pub loaded_at_field: Option<String>,
    /// Of sources.
    pub external: Value,
}

impl PreviousNode {
    /// Where it was built, when it left something behind.
    pub fn relation(&self) -> Option<Relation> {
        self.relation_name.as_ref()?;
        Some(Relation::new(self.database.clone()?, &self.schema, self.alias.clone()?))
    }
}

/// Digest of a file.
#[derive(Debug, Default, Deserialize)]
pub struct PreviousChecksum {
    /// Kind of digest.
    pub name: String,
    /// Digits.
    pub checksum: String,
}

/// A column.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousColumn {
    /// Description.
    pub description: String,
    /// Declared type.
    pub data_type: Option<String>,
}

/// A contract.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousContract {
    /// Whether it was enforced.
    pub enforced: bool,
    /// Digest of the declared columns.
    pub checksum: Option<String>,
}

/// A macro.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousMacro {
    /// Package.
    pub package_name: String,
    /// Its text.
    pub macro_sql: String,
}
