//! The engines that hold the data: a small blocking interface, one file per engine.
//!
//! | file | engine |
//! | --- | --- |
//! | `duckdb.rs` | DuckDB, embedded |
//! | `relation.rs` | names of tables and views, quoted |
//! | `table.rs` | query results small enough to show |

use std::collections::HashMap;

mod duckdb;
mod relation;
mod table;

pub use self::duckdb::DuckDb;
pub use relation::{Relation, RelationKind, quote_identifier, quote_literal};
pub use table::{Cell, Column, Table};

/// What people have said about a table or view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comments {
    /// On the whole.
    pub relation: Option<String>,
    /// On its columns, by name.
    pub columns: HashMap<String, String>,
}

/// What an engine answered when it could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The database could not be opened.
    #[error("cannot open {path}: {message}")]
    Open {
        /// Where it lies.
        path: String,
        /// The engine's own words.
        message: String,
    },
    /// Another process holds the database file.
    #[error("{path} is in use by another process: {message}")]
    Locked {
        /// Where it lies.
        path: String,
        /// The engine's own words.
        message: String,
    },
    /// A statement failed.
    #[error("{message}")]
    Statement {
        /// The engine's own words.
        message: String,
        /// The statement.
        sql: String,
    },
    /// Two transactions wrote the same rows.
    #[error("another run committed first: {message}")]
    Conflict {
        /// The engine's own words.
        message: String,
    },
}

/// A place where data lives. Connections are independent sessions on it.
pub trait Engine: Send + Sync {
    /// Opens a session: its own transaction, its own temporary tables, time zone UTC.
    ///
    /// # Errors
    /// When the engine refuses a further session.
    fn connect(&self) -> Result<Box<dyn Connection>, EngineError>;

    /// The adapter's name as dbt has it (`duckdb`).
    fn adapter(&self) -> &'static str;

    /// The engine's version, part of the logic version of every partition.
    fn version(&self) -> &str;
}

/// One session. Statements run in the caller's thread.
pub trait Connection: Send {
    /// Runs statements whose rows nobody wants (several may be separated by semicolons) and returns the rows the last one changed.
    ///
    /// # Errors
    /// The engine's own message.
    fn execute(&mut self, sql: &str) -> Result<u64, EngineError>;

    /// Runs one query and returns its rows, in memory.
    ///
    /// # Errors
    /// The engine's own message.
    fn query(&mut self, sql: &str) -> Result<Table, EngineError>;

    /// Column names and types of a relation, in order; empty when there is no such relation.
    ///
    /// # Errors
    /// The engine's own message.
    fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, EngineError>;

    /// Column names and types of a query, without running it.
    ///
    /// # Errors
    /// The engine's own message: the query does not bind.
    fn describe(&mut self, sql: &str) -> Result<Vec<Column>, EngineError>;

    /// What a name stands for, if anything.
    ///
    /// # Errors
    /// The engine's own message.
    fn kind(&mut self, relation: &Relation) -> Result<Option<RelationKind>, EngineError>;

    /// Everything in a schema, by name.
    ///
    /// # Errors
    /// The engine's own message.
    fn relations(&mut self, database: &str, schema: &str) -> Result<Vec<(Relation, RelationKind)>, EngineError>;

    /// The comments on a table or view and on its columns, these by name.
    ///
    /// # Errors
    /// The engine's own message.
    fn comments(&mut self, _relation: &Relation) -> Result<Comments, EngineError> {
        Ok(Comments::default())
    }

    /// Starts a transaction.
    ///
    /// # Errors
    /// The engine's own message.
    fn begin(&mut self) -> Result<(), EngineError> {
        self.execute("begin transaction").map(drop)
    }

    /// Makes the transaction's writes visible, all at once.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when another transaction wrote the same rows.
    fn commit(&mut self) -> Result<(), EngineError> {
        self.execute("commit").map(drop)
    }

    /// Forgets the transaction's writes.
    ///
    /// # Errors
    /// The engine's own message.
    fn rollback(&mut self) -> Result<(), EngineError> {
        self.execute("rollback").map(drop)
    }
}
