//! The engines that these tests run on.
//!
//! A module names at its top the tests that run on both. Each is a function of the engine, and `on_both_engines![keys_come_and_go]` makes two tests of it,
//! `keys_come_and_go::duckdb` and `keys_come_and_go::postgres`. A test that runs on one engine says why in its comment.

use std::path::PathBuf;
use std::sync::Arc;

use highwater_sql::Dialect;
use highwater_testbed::Database;

use crate::engine::{DuckDb, Engine, Postgres, PostgresSettings};

/// Makes two tests of every function that is named: one on DuckDB, one on PostgreSQL. Both must write the same snapshots.
macro_rules! on_both_engines {
    ($($test:ident),+ $(,)?) => {
        $(mod $test {
            use crate::exact::tests::engines::On;

            #[test]
            fn duckdb() {
                insta::allow_duplicates! { super::$test(On::DuckDb) }
            }

            #[test]
            fn postgres() {
                insta::allow_duplicates! { super::$test(On::Postgres) }
            }
        })+
    };
}
pub(crate) use on_both_engines;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    DuckDb,
    Postgres,
}

/// An empty database with the schema `main`, gone when this value is.
pub struct Place {
    pub engine: Arc<dyn Engine>,
    /// What the engine calls it.
    pub database: String,
    pub storage: Storage,
}

/// Where the rows of a database lie.
pub enum Storage {
    /// In a file in a folder.
    File(PathBuf, #[expect(dead_code, reason = "the folder goes away with it")] tempfile::TempDir),
    /// On the server of the test binary.
    Server(#[expect(dead_code, reason = "the database goes away with it")] Database),
}

impl On {
    /// Whose SQL it reads.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::DuckDb => Dialect::DuckDb,
            Self::Postgres => Dialect::Postgres,
        }
    }

    /// The steps of a random walk that are so many on DuckDB: in PostgreSQL, where each costs more, two thirds. `HIGHWATER_WALKS` makes more walks on
    /// both.
    pub fn steps(self, steps: u32) -> u32 {
        match self {
            Self::DuckDb => steps,
            Self::Postgres => steps * 2 / 3,
        }
    }

    /// An empty database that nobody else uses.
    pub fn place(self) -> Place {
        match self {
            Self::DuckDb => {
                let folder = tempfile::tempdir().expect("folder");
                let path = folder.path().join("shop.duckdb");
                let engine = DuckDb::open(&path, "set threads = 1").expect("database");
                Place { engine: Arc::new(engine), database: "shop".to_owned(), storage: Storage::File(path, folder) }
            }
            Self::Postgres => {
                let database = highwater_testbed::postgres();
                let settings = PostgresSettings { search_path: Some("main".to_owned()), ..settings(&database) };
                let engine = Postgres::open(settings).expect("the test server takes connections");
                engine.connect().and_then(|mut session| session.execute("create schema main")).expect("a schema");
                let name = database.name.clone();
                Place { engine: Arc::new(engine), database: name, storage: Storage::Server(database) }
            }
        }
    }
}

/// How to reach a database of the test server.
pub fn settings(database: &Database) -> PostgresSettings {
    let settings = PostgresSettings::new(database.host, database.port, database.user, &database.name);
    PostgresSettings { password: Some(database.password.to_owned()), ..settings }
}
