//! What the tests of the other crates need beside them. Nothing here knows Highwater.
//!
//! | file | what |
//! | --- | --- |
//! | `server.rs` | a PostgreSQL server for one test binary, gone when the binary is |
//! | `database.rs` | a database for one test, gone when the test is |

mod database;
mod server;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub use database::Database;
pub use server::Server;

/// The version every test of Postgres runs on.
const FETCHED: &str = "scripts/fetch-postgres.sh";
/// An older one, where Debian has installed it.
const DEBIAN_15: &str = "/usr/lib/postgresql/15";

/// A fresh, empty database on PostgreSQL 18.
///
/// # Panics
/// When there is no server to start: the message says how to get one.
pub fn postgres() -> Database {
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(&fetched()));
    SERVER.database()
}

/// A server that nobody else writes, for a test that minds other transactions.
///
/// # Panics
/// As [`postgres`].
pub fn postgres_alone() -> Server {
    Server::start(&fetched())
}

/// A fresh, empty database on PostgreSQL 15, where Debian's package is installed.
///
/// # Panics
/// When it is installed and does not start.
pub fn postgres_15() -> Option<Database> {
    static SERVER: LazyLock<Option<Server>> = LazyLock::new(|| {
        Path::new(DEBIAN_15).join("bin/postgres").exists().then(|| Server::start(Path::new(DEBIAN_15)))
    });
    SERVER.as_ref().map(Server::database)
}

/// Every version that can be had here, the first being the one that always can.
///
/// # Panics
/// As [`postgres`].
pub fn every_postgres() -> Vec<Database> {
    std::iter::once(postgres()).chain(postgres_15()).collect()
}

/// The folder that `scripts/fetch-postgres.sh` fills, or `$POSTGRES_DIR`.
fn fetched() -> PathBuf {
    let folder = match std::env::var_os("POSTGRES_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.postgres"),
    };
    assert!(
        folder.join("bin/postgres").exists(),
        "tests of Postgres need a server, and there is none in {}: run {FETCHED}, or set POSTGRES_DIR to the folder of \
         a PostgreSQL 18 (the one that has bin/postgres)",
        folder.display()
    );
    folder
}

#[cfg(test)]
mod tests {
    #[test]
    fn databases_are_apart_and_go_away() {
        let (first, second) = (super::postgres(), super::postgres());
        assert_ne!(first.name, second.name);
        first.client().batch_execute("create table only_here (a integer)").expect("a table");
        assert!(second.client().batch_execute("select * from only_here").is_err());
        let (name, mut other) = (first.name.clone(), second.client());
        drop(first);
        let left = other.query("select 1 from pg_database where datname = $1", &[&name]).expect("databases");
        assert!(left.is_empty(), "{name} is still there");
    }

    #[test]
    fn an_old_version_runs_beside_the_new_one() {
        for database in super::every_postgres() {
            let row = database.client().query_one("show server_version_num", &[]).expect("a version");
            let version: i32 = row.get::<_, String>(0).parse().expect("a number");
            assert!([15, 18].contains(&(version / 10_000)), "{version}");
        }
    }
}
