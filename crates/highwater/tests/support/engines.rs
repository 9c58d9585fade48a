//! The engines that tests of the exact strategy run on, each with a database that nobody else uses.

use std::path::Path;
use std::rc::Rc;

use highwater::engine::{Connection, DuckDb, Engine, Postgres, PostgresSettings, Relation};
use highwater_testbed::Database;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    DuckDb,
    Postgres,
}

/// An empty database with the schema `main`.
pub struct Place {
    pub engine: Rc<dyn Engine>,
    /// What the engine calls it.
    pub database: String,
}

/// A database on the test server, for all places that a thread asks for one after the other.
struct Ground {
    engine: Rc<Postgres>,
    database: Database,
}

impl Ground {
    fn new() -> Self {
        let database = highwater_testbed::postgres();
        let settings = PostgresSettings {
            password: Some(database.password.to_owned()),
            retries: 0,
            search_path: Some("main".to_owned()),
            ..PostgresSettings::new(database.host, database.port, database.user, &database.name)
        };
        let engine = Postgres::open(settings).expect("the test server takes connections");
        Self { engine: Rc::new(engine), database }
    }
}

thread_local! {
    static GROUND: Ground = Ground::new();
}

impl On {
    /// A database of its own. In PostgreSQL, where making one takes long, it takes the place of the one the thread had before.
    pub fn place(self) -> Place {
        match self {
            Self::DuckDb => {
                let engine = DuckDb::open(Path::new(":memory:"), "set threads = 1").expect("memory");
                Place { engine: Rc::new(engine), database: "memory".into() }
            }
            Self::Postgres => GROUND.with(|ground| {
                let mut session = ground.engine.connect().expect("session");
                let fresh =
                    "drop schema if exists main cascade; drop schema if exists highwater cascade; create schema main";
                session.execute(fresh).expect("schema");
                let engine: Rc<dyn Engine> = ground.engine.clone();
                Place { engine, database: ground.database.name.clone() }
            }),
        }
    }
}

impl Place {
    /// A table or a view of it.
    pub fn relation(&self, name: &str) -> Relation {
        Relation::new(&self.database, "main", name)
    }
}

/// Rows that only the table or only the query has, as lines of text. In PostgreSQL rows are compared as texts: not every type has an
/// equality, and what is equal may look different.
pub fn difference(on: On, session: &mut dyn Connection, table: &str, query: &str) -> Result<String, String> {
    let sides = match on {
        On::DuckDb => [format!("select * from {table}"), query.to_owned()],
        On::Postgres => [
            format!("select hw_row::text from {table} as hw_row"),
            format!("select hw_row::text from (\n{query}\n) as hw_row"),
        ],
    };
    let [here, there] = sides;
    let sql = format!(
        "select 'only in the table', * from ((\n{here}\n) except all (\n{there}\n)) as more \
         union all select 'missing', * from ((\n{there}\n) except all (\n{here}\n)) as less"
    );
    let table = session.query(&sql).map_err(|error| format!("{error}\n{sql}"))?;
    let line = |row: &Vec<highwater::engine::Cell>| {
        let cells: Vec<String> =
            row.iter().map(|cell| if cell.is_null() { "NULL".into() } else { cell.to_string() }).collect();
        format!("{}\n", cells.join(" | "))
    };
    Ok(table.rows.iter().map(line).collect())
}
