//! What differs between the engines whose SQL is read and written here. A dialect is a folder that implements [`Language`] and
//! [`Reading`], and a line in [`Dialect::room`].
//!
//! | file | what |
//! | --- | --- |
//! | `language.rs` | what a dialect must be able to say |
//! | `reading.rs` | what a dialect must know of the queries of others |
//! | `duckdb/` | DuckDB |
//! | `postgres/` | PostgreSQL, 14 and later |

mod duckdb;
mod language;
mod postgres;
mod reading;

use serde::Serialize;

pub use language::{Blurred, Language};
pub(crate) use reading::{Reading, carries_plainly, cast_to, last_name, type_of};

/// Whose SQL it is. What can be asked of it is in [`Language`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// DuckDB.
    #[default]
    DuckDb,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    fn room(self) -> &'static dyn Reading {
        match self {
            Self::DuckDb => &duckdb::DuckDb,
            Self::Postgres => &postgres::Postgres,
        }
    }

    /// What it knows of the queries of others.
    pub(crate) fn reading(self) -> &'static dyn Reading {
        self.room()
    }
}

impl std::ops::Deref for Dialect {
    type Target = dyn Language;

    fn deref(&self) -> &Self::Target {
        self.room()
    }
}
