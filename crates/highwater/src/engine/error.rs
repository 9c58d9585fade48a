//! What an engine answers when it cannot do what it was asked.

/// Why something was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The database could not be opened, or no session on it could.
    #[error("cannot open {path}: {message}")]
    Open {
        /// Where it lies: a file, or `host:port/database`.
        path: String,
        /// The engine's own words.
        message: String,
        /// What is in the way.
        obstacle: Obstacle,
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
        /// The byte of the statement that the engine points at.
        offset: Option<u32>,
        /// What it failed of.
        cause: Cause,
    },
    /// Two transactions wrote the same rows.
    #[error("another run committed first: {message}")]
    Conflict {
        /// The engine's own words.
        message: String,
    },
    /// The connection broke. The server forgets what was not committed; after a lost `commit` nobody here knows whether it was.
    #[error("the connection to the database was lost: {message}")]
    Lost {
        /// The engine's own words.
        message: String,
    },
}

/// What keeps a database from being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Its file cannot be read or made.
    File,
    /// Nobody answers at that address.
    Unreachable,
    /// The user or the password is refused.
    Credentials,
    /// The two sides do not agree on encryption, or on who the other one is.
    Encryption,
    /// The server has no such database.
    NoDatabase,
    /// The server takes no more sessions, or not yet.
    Busy,
    /// Settings of the target that do not hold together, or that the server refuses.
    Settings,
}

/// What a statement failed of, as far as anybody can do something about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cause {
    /// There is no such table or view.
    MissingTable(String),
    /// There is no such column.
    MissingColumn(Box<MissingColumn>),
    /// A value cannot be read as the type it should have.
    Conversion,
    /// The disk is full, or does not work.
    Storage,
    /// The engine gave up on an error of its own.
    Internal,
    /// Anything else.
    #[default]
    Other,
}

/// A column that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumn {
    /// As the statement has it.
    pub name: String,
    /// Those there are, where the engine names them.
    pub candidates: Vec<String>,
}

impl EngineError {
    /// A failed statement of which no more is known than what the engine said.
    pub fn statement(message: impl Into<String>, sql: impl Into<String>) -> Self {
        Self::Statement { message: message.into(), sql: sql.into(), offset: None, cause: Cause::Other }
    }
}
