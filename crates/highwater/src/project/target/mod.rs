//! The database a target names, and opening it.
//!
//! | file | `type` |
//! | --- | --- |
//! | `duckdb.rs` | `duckdb` |
//! | `postgres.rs` | `postgres` |

mod duckdb;
mod postgres;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::yaml::{self, Yaml};
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::{Engine, PostgresSettings};

pub(crate) use postgres::refused as postgres_refused;

/// One target of a profile: where tables are built.
#[derive(Debug, Clone)]
pub struct Target {
    /// Profile it belongs to.
    pub profile_name: String,
    /// `dev`, `prod`, ...
    pub name: String,
    /// `duckdb` or `postgres`.
    pub adapter: String,
    /// Database: as the profile says, or what DuckDB calls the file.
    pub database: String,
    /// Schema of nodes that configure none.
    pub schema: String,
    /// Nodes built at the same time.
    pub threads: usize,
    /// Where the database is, and how to get there.
    pub place: Place,
    /// The target as written, Jinja rendered.
    pub raw: IndexMap<String, Value>,
}

/// Where a database is, and what is particular to its engine.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file.
    DuckDb {
        /// The file, absolute, or `:memory:`.
        path: PathBuf,
        /// Statements that every session starts with: extensions, settings, attached databases.
        prologue: String,
    },
    /// A server.
    Postgres(Box<PostgresSettings>),
}

impl Target {
    /// Opens the database.
    ///
    /// # Errors
    /// `HW013x`: what is in the way, and what to do about it.
    pub fn open(&self) -> Result<Arc<dyn Engine>, Diagnostic> {
        match &self.place {
            Place::DuckDb { path, prologue } => duckdb::open(self, path, prologue),
            Place::Postgres(settings) => postgres::open(settings),
        }
    }

    /// Where the database is, for people: a file, or `host:port/database`.
    pub fn location(&self) -> String {
        match &self.place {
            Place::DuckDb { path, .. } => path.display().to_string(),
            Place::Postgres(settings) => settings.place(),
        }
    }

    /// Whether a database is a DuckLake: one attached with `ducklake:` in its path, or said to be with `is_ducklake`.
    pub fn is_ducklake(&self, database: &str) -> bool {
        matches!(self.place, Place::DuckDb { .. }) && duckdb::is_lake(self, database)
    }

    /// The database file, where there is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::DuckDb { path, .. } => Some(path),
            Place::Postgres(_) => None,
        }
    }
}

/// Reads a rendered target. Relative paths start at the folder of the project.
pub(super) fn read(
    file: &Arc<SourceFile>,
    yaml: &Yaml,
    profile_name: &str,
    name: &str,
    root: &Path,
    threads: Option<usize>,
) -> Result<Target, Diagnostic> {
    let adapter = yaml.text_of("type").unwrap_or_default();
    let (place, database) = match adapter.as_str() {
        "duckdb" => duckdb::read(file, yaml, root)?,
        "postgres" => postgres::read(file, yaml)?,
        _ => return Err(unsupported(file, yaml, &adapter)),
    };
    let schema = match (&place, yaml.text_of("schema")) {
        (_, Some(schema)) => schema,
        (Place::DuckDb { .. }, None) => "main".to_owned(),
        (Place::Postgres(_), None) => return Err(missing(file, yaml, "schema", "the schema to build in")),
    };
    let threads = match threads {
        Some(threads) => threads,
        None => number(file, yaml, "threads", 1, "a whole number, for instance 4")?,
    };
    let threads = threads.max(1);
    let (profile_name, name) = (profile_name.to_owned(), name.to_owned());
    Ok(Target { profile_name, name, adapter, database, schema, threads, place, raw: yaml.json_map() })
}

fn unsupported(file: &Arc<SourceFile>, yaml: &Yaml, adapter: &str) -> Diagnostic {
    let place = yaml.get("type").unwrap_or(yaml);
    let title = if adapter.is_empty() {
        "the target does not say its `type`".to_owned()
    } else {
        format!("`type: {adapter}` is not supported")
    };
    yaml::error_at("HW0112", file, place, title)
        .note("supported: duckdb, postgres")
        .help("write a target like\n  type: duckdb\n  path: warehouse.duckdb\n  threads: 4")
}

fn wrong(file: &Arc<SourceFile>, value: &Yaml, key: &str, expected: &str) -> Diagnostic {
    yaml::error_at("HW0113", file, value, format!("`{key}` must be {expected}"))
        .help(format!("correct `{key}` in {}", file.path))
}

fn missing(file: &Arc<SourceFile>, yaml: &Yaml, key: &str, what: &str) -> Diagnostic {
    yaml::error_at("HW0113", file, yaml, format!("the target does not say `{key}`: {what}"))
        .help(format!("add `{key}:` to the target in {}", file.path))
}

/// A number, which may be written as text; `default` when the key is not there.
fn number<T: std::str::FromStr>(
    file: &Arc<SourceFile>,
    yaml: &Yaml,
    key: &str,
    default: T,
    expected: &str,
) -> Result<T, Diagnostic> {
    let Some(value) = yaml.get(key).filter(|value| !value.json().is_null()) else { return Ok(default) };
    let read = value.scalar_text().and_then(|text| text.trim().parse().ok());
    read.ok_or_else(|| wrong(file, value, key, expected))
}
