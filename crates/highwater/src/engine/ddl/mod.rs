//! What engines write differently when they make, change and remove tables. What a project may want to write otherwise is a macro
//! (`macros/`), not here.
//!
//! | file | engine |
//! | --- | --- |
//! | `duckdb.rs` | DuckDB |
//! | `postgres.rs` | PostgreSQL |

mod duckdb;
mod postgres;

use super::{Column, Relation};

/// An engine's statements. Text in, text out.
pub trait Ddl: Sync {
    /// The longest name in bytes, where there is a limit: longer ones are cut without a word.
    fn longest_name(&self) -> Option<usize> {
        None
    }

    /// What a name is known by: names for which it is the same mean the same thing.
    fn known_by(&self, name: &str) -> String {
        name.to_lowercase()
    }

    /// What a name becomes that is written without quotes.
    fn folded(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Whether a statement is answered by its verb and a number of rows (`SELECT 5`), which results then repeat.
    fn answers_verbs(&self) -> bool {
        false
    }

    /// Whether there are views that keep their rows.
    fn has_materialized_views(&self) -> bool {
        false
    }

    /// Makes a schema, unless there is one.
    fn create_schema(&self, database: &str, schema: &str) -> String;

    /// Removes a schema with all that is in it.
    fn drop_schema(&self, database: &str, schema: &str) -> String;

    /// Gives a column of a table another type.
    fn change_type(&self, table: &Relation, column: &Column) -> Vec<String>;

    /// A name with something behind it, cut so that the engine takes it whole.
    fn suffixed(&self, name: &str, suffix: &str) -> String {
        let room = self.longest_name().map_or(name.len(), |longest| longest.saturating_sub(suffix.len()));
        let mut end = room.min(name.len());
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{suffix}", &name[..end])
    }
}

/// Where a relation lies whose `bare` parts are written without quotes.
pub fn folded(adapter: &str, mut relation: Relation, bare: super::Bare) -> Relation {
    let parts = [&mut relation.database, &mut relation.schema, &mut relation.identifier];
    for (part, _) in parts.into_iter().zip(bare.0).filter(|(_, bare)| *bare) {
        *part = ddl(adapter).folded(part);
    }
    relation
}

/// The statements of an engine, by its adapter's name.
pub fn ddl(adapter: &str) -> &'static dyn Ddl {
    match adapter {
        "postgres" => &postgres::Postgres,
        _ => &duckdb::DuckDb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_where_the_engine_would() {
        let long = "é".repeat(40);
        assert_eq!(ddl("duckdb").suffixed("orders", "__dbt_tmp"), "orders__dbt_tmp");
        assert_eq!(ddl("duckdb").suffixed(&long, "__dbt_tmp").chars().count(), 49);
        let cut = ddl("postgres").suffixed(&long, "__dbt_tmp");
        assert_eq!((cut.len(), cut.ends_with("é__dbt_tmp")), (63, true));
    }

    #[test]
    fn each_engine_has_its_words() {
        let table = Relation::new("db", "main", "t");
        let column = Column { name: "id".into(), data_type: "bigint".into() };
        let words = |ddl: &dyn Ddl| {
            let mut lines = vec![ddl.create_schema("db", "main"), ddl.drop_schema("db", "main")];
            lines.extend(ddl.change_type(&table, &column));
            lines.join("\n")
        };
        insta::assert_snapshot!(words(ddl("duckdb")), @r#"
create schema if not exists "db"."main"
drop schema if exists "db"."main" cascade
alter table "db"."main"."t" alter column "id" set data type bigint
"#);
        insta::assert_snapshot!(words(ddl("postgres")), @r#"
create schema if not exists "main"
drop schema if exists "main" cascade
alter table "db"."main"."t" add column "id__dbt_alter" bigint
update "db"."main"."t" set "id__dbt_alter" = "id"::bigint
alter table "db"."main"."t" drop column "id" cascade
alter table "db"."main"."t" rename column "id__dbt_alter" to "id"
"#);
    }
}
