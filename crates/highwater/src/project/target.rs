//! The database a target names, and opening it.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::Value;

use crate::diagnostics::Diagnostic;
use crate::engine::DuckDb;

/// One target of a profile: where tables are built.
#[derive(Debug, Clone)]
pub struct Target {
    /// Profile it belongs to.
    pub profile_name: String,
    /// `dev`, `prod`, ...
    pub name: String,
    /// `duckdb`.
    pub adapter: String,
    /// Database: as the profile says, or the file's stem.
    pub database: String,
    /// Schema of nodes that configure none.
    pub schema: String,
    /// Nodes built at the same time.
    pub threads: usize,
    /// The database file, absolute, or `:memory:`.
    pub path: PathBuf,
    /// Statements that every session starts with: extensions, settings, attached databases.
    pub prologue: String,
    /// The target as written, Jinja rendered.
    pub raw: IndexMap<String, Value>,
}

impl Target {
    /// Opens the database.
    ///
    /// # Errors
    /// When another process holds the file, or it is no database.
    pub fn open(&self) -> Result<DuckDb, Diagnostic> {
        use crate::engine::EngineError;
        DuckDb::open(&self.path, &self.prologue).map_err(|error| match error {
            EngineError::Locked { path, message } => {
                Diagnostic::error("HW0131", format!("another process is using {path}"))
                    .note(message)
                    .help("close it (a DuckDB shell, a notebook, another run) and try again; DuckDB lets one process write a file at a time")
            }
            other => Diagnostic::error("HW0130", format!("cannot open the database of target '{}'", self.name))
                .note(other.to_string())
                .help("check `path` of this target in profiles.yml: a folder that exists, and a DuckDB file or none yet"),
        })
    }
}
