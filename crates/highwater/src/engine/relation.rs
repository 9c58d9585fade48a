//! Names of tables and views, and how they are quoted.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A table or a view: `"database"."schema"."identifier"`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Relation {
    /// Database (of DuckDB: the attached file's name).
    pub database: String,
    /// Schema.
    pub schema: String,
    /// Table or view name.
    pub identifier: String,
}

/// Which parts of a name are written without quotes (`quoting` of dbt): database, schema, identifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bare(pub [bool; 3]);

impl Bare {
    /// With what a mapping such as `{identifier: false}` says besides.
    #[must_use]
    pub fn with(mut self, quoting: &serde_json::Value) -> Self {
        for (bare, part) in self.0.iter_mut().zip(["database", "schema", "identifier"]) {
            if let Some(quoted) = quoting.get(part).and_then(serde_json::Value::as_bool) {
                *bare = !quoted;
            }
        }
        self
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationKind {
    /// Rows of its own.
    Table,
    /// A stored query.
    View,
    /// A stored query with the rows it gave when it was last refreshed.
    #[serde(rename = "materialized_view")]
    MaterializedView,
}

/// What people have said about a relation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Whose it is.
    pub owner: Option<String>,
    /// The comment on it.
    pub comment: Option<String>,
    /// Comments on its columns, by name.
    pub columns: HashMap<String, String>,
}

impl RelationKind {
    /// The word for it in SQL, as in `drop materialized view`.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
        }
    }
}

impl Relation {
    /// A relation from its three parts.
    pub fn new(database: impl Into<String>, schema: impl Into<String>, identifier: impl Into<String>) -> Self {
        Self { database: database.into(), schema: schema.into(), identifier: identifier.into() }
    }

    /// The same place, another name.
    #[must_use]
    pub fn with_identifier(&self, identifier: impl Into<String>) -> Self {
        Self { identifier: identifier.into(), ..self.clone() }
    }

    /// For SQL, parts that are `bare` without quotes.
    pub fn written(&self, bare: Bare) -> String {
        let parts = [&self.database, &self.schema, &self.identifier].into_iter().zip(bare.0);
        parts.map(|(part, bare)| if bare { part.clone() } else { quote_identifier(part) }).collect::<Vec<_>>().join(".")
    }

    /// Quoted for SQL, all three parts.
    pub fn sql(&self) -> String {
        format!(
            "{}.{}.{}",
            quote_identifier(&self.database),
            quote_identifier(&self.schema),
            quote_identifier(&self.identifier)
        )
    }
}

impl std::fmt::Display for Relation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.sql())
    }
}

/// An identifier in double quotes.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal in single quotes.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
