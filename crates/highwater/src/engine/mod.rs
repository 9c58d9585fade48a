//! The engines that hold the data: a small blocking interface, one file per engine.
//!
//! | file | engine |
//! | --- | --- |
//! | `duckdb/` | DuckDB, embedded |
//! | `postgres/` | PostgreSQL, over its own protocol |
//! | `comment.rs` | the comment that a session puts on what it sends |
//! | `ddl/` | how each engine makes, renames and removes tables and views |
//! | `error.rs` | what an engine answers when it cannot |
//! | `quiet.rs` | whether anybody may have written a database since |
//! | `occupant.rs` | the process that has a database file open |
//! | `relation.rs` | names of tables and views, quoted |
//! | `table.rs` | query results small enough to show |

mod comment;
mod ddl;
mod duckdb;
mod error;
mod occupant;
mod postgres;
mod quiet;
mod relation;
mod table;

use highwater_sql::Dialect;

pub use self::comment::Comment;
pub use self::ddl::{Ddl, ddl, folded};
pub use self::duckdb::DuckDb;
pub use self::postgres::{Mode as PostgresEncryption, Postgres, Settings as PostgresSettings, Tls as PostgresTls};
pub use error::{Cause, EngineError, MissingColumn, Obstacle};
pub(crate) use occupant::occupant;
pub use quiet::Quiet;
pub use relation::{Bare, Relation, RelationKind, Remarks, quote_identifier, quote_literal};
pub use table::{Cell, Column, Table};

/// A place where data lives. Connections are independent sessions on it.
pub trait Engine: Send + Sync {
    /// Opens a session: its own transaction, its own temporary tables, time zone UTC.
    ///
    /// # Errors
    /// When the engine refuses a further session.
    fn connect(&self) -> Result<Box<dyn Connection>, EngineError>;

    /// The adapter's name as dbt has it (`duckdb`, `postgres`).
    fn adapter(&self) -> &'static str;

    /// The engine's name for people.
    fn title(&self) -> &'static str;

    /// How the engine writes what makes and removes tables.
    fn ddl(&self) -> &'static dyn Ddl {
        ddl(self.adapter())
    }

    /// The database that no other process can write while this one has it open; none where others can.
    fn exclusive(&self) -> Option<String> {
        None
    }

    /// Bytes that are free where its tables lie; none where a client cannot know.
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    /// The engine's version, part of the logic version of every partition.
    fn version(&self) -> &str;
}

/// One session. Statements run in the caller's thread.
pub trait Connection: Send {
    /// Puts a comment on every statement from now on but those that begin and end transactions.
    fn set_comment(&mut self, comment: Option<Comment>);

    /// The comment it puts on statements.
    fn comment(&self) -> Option<&Comment>;

    /// Runs statements whose rows nobody wants (several may be separated by semicolons) and returns the rows the last one changed.
    ///
    /// # Errors
    /// The engine's own message.
    fn execute(&mut self, sql: &str) -> Result<u64, EngineError>;

    /// Makes a table from a query and returns its number of rows.
    ///
    /// # Errors
    /// The engine's own message.
    fn create_as(&mut self, sql: &str) -> Result<u64, EngineError> {
        self.execute(sql)
    }

    /// Adds rows to a table: comma-separated values, in quotes where they are not NULL, without a header. Returns their number.
    ///
    /// # Errors
    /// The engine's own message; always, when the engine reads files by itself and has no need of it.
    fn copy_in(&mut self, table: &Relation, _columns: &[&str], _csv: &str) -> Result<u64, EngineError> {
        Err(EngineError::statement("the engine takes no rows from its clients", format!("copy {table}")))
    }

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

    /// Column names and types of a query, without running it. When it does not bind, a transaction goes on as if nothing had been
    /// asked.
    ///
    /// # Errors
    /// The engine's own message: the query does not bind.
    fn describe(&mut self, sql: &str) -> Result<Vec<Column>, EngineError>;

    /// The name of a table that only this session sees.
    fn temporary(&self, identifier: &str) -> Relation;

    /// The schemas of a database, by name.
    ///
    /// # Errors
    /// The engine's own message.
    fn schemas(&mut self, database: &str) -> Result<Vec<String>, EngineError>;

    /// What a name stands for, if anything.
    ///
    /// # Errors
    /// The engine's own message.
    fn kind(&mut self, relation: &Relation) -> Result<Option<RelationKind>, EngineError>;

    /// Whether all tables of these names are in a schema.
    ///
    /// # Errors
    /// The engine's own message.
    fn has_tables(&mut self, database: &str, schema: &str, names: &[&str]) -> Result<bool, EngineError>;

    /// Everything in a schema, by name.
    ///
    /// # Errors
    /// The engine's own message.
    fn relations(&mut self, database: &str, schema: &str) -> Result<Vec<(Relation, RelationKind)>, EngineError>;

    /// What the engine keeps about a relation besides its columns; nothing where it keeps nothing, or there is no such relation.
    ///
    /// # Errors
    /// The engine's own message.
    fn remarks(&mut self, _relation: &Relation) -> Result<Remarks, EngineError> {
        Ok(Remarks::default())
    }

    /// Whose SQL it reads.
    fn dialect(&self) -> Dialect;

    /// Starts a transaction as the engine does it when nothing else is said.
    ///
    /// # Errors
    /// The engine's own message.
    fn begin(&mut self) -> Result<(), EngineError> {
        self.execute("begin transaction").map(drop)
    }

    /// Starts a transaction whose statements all see the database as it was at the first of them, and that fails with
    /// [`EngineError::Conflict`] when it writes what another one has written meanwhile.
    ///
    /// # Errors
    /// The engine's own message.
    fn begin_snapshot(&mut self) -> Result<(), EngineError> {
        self.begin()
    }

    /// Makes the transaction's writes visible, all at once.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when another transaction wrote the same rows, [`EngineError::Lost`] when the connection broke:
    /// then only the database knows whether it was committed.
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

    /// The moment as of which the session sees its database, for [`Connection::still_quiet`]; none where nobody can tell, and while a statement of
    /// this process that may write is under way.
    fn quiet(&mut self) -> Option<Quiet> {
        None
    }

    /// Whether nobody can have written, between an earlier moment and what the session sees, but this process in transactions of
    /// [`Connection::begin_snapshot`] and when it keeps books.
    fn still_quiet(&mut self, since: &Quiet) -> bool {
        self.quiet().as_ref() == Some(since)
    }

    /// Whether a relation's rows are its own, which can change only by statements that write it: not a view's, nor those of another server.
    ///
    /// # Errors
    /// The engine's own message.
    fn has_own_rows(&mut self, relation: &Relation) -> Result<bool, EngineError> {
        Ok(self.kind(relation)? == Some(RelationKind::Table))
    }

    /// A text that says which table it is whose rows are told by their tuples, the versions of rows that an engine keeps apart by who wrote them: as long as
    /// it is the same, equal tuples are equal rows. None where rows are changed in place, or the same tuple may come to mean something else.
    ///
    /// # Errors
    /// The engine's own message.
    fn tuples_of(&mut self, _relation: &Relation) -> Result<Option<String>, EngineError> {
        Ok(None)
    }

    /// Says that what this session writes from now on is nobody's input.
    fn keep_books(&mut self, _only: bool) {}

    /// Takes a lock that sessions of all processes respect; false when another session has it. It is held until
    /// [`Connection::unlock`], or until the session ends in whatever way. To be called before [`Connection::begin_snapshot`]: an
    /// older snapshot may lack what the last holder wrote. An engine that one process has to itself grants every lock.
    ///
    /// # Errors
    /// The engine's own message.
    fn try_lock(&mut self, _name: &str) -> Result<bool, EngineError> {
        Ok(true)
    }

    /// Gives up a lock. Nothing happens when this session does not hold it.
    ///
    /// # Errors
    /// The engine's own message.
    fn unlock(&mut self, _name: &str) -> Result<(), EngineError> {
        Ok(())
    }

    /// Who holds a lock, for people: program, user, process, since when. Nobody where the engine has no such locks.
    ///
    /// # Errors
    /// The engine's own message.
    fn lock_holder(&mut self, _name: &str) -> Result<Option<String>, EngineError> {
        Ok(None)
    }
}
