//! How each engine writes the statements that make, rename and remove what a node leaves behind.
//!
//! | file | engine |
//! | --- | --- |
//! | `duckdb.rs` | DuckDB |
//! | `postgres.rs` | PostgreSQL |

mod duckdb;
mod postgres;

use super::{Column, Relation, RelationKind, quote_identifier};

/// An engine's statements. Text in, text out.
pub trait Ddl: Sync {
    /// The longest name in bytes, where there is a limit: longer ones are cut without a word.
    fn longest_name(&self) -> Option<usize> {
        None
    }

    /// Whether two names mean the same thing.
    fn same_name(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    /// Whether views that read a relation go when it is dropped; then whatever is dropped takes them with it.
    fn drops_readers(&self) -> bool;

    /// Makes a schema, unless there is one.
    fn create_schema(&self, database: &str, schema: &str) -> String;

    /// Removes a schema with all that is in it.
    fn drop_schema(&self, database: &str, schema: &str) -> String;

    /// Makes a table; `definition` is what follows its name. An unlogged one does not survive a crash of the server.
    fn create_table(&self, table: &Relation, definition: &str, unlogged: bool) -> String;

    /// Makes a table of the session from a query, in the place of one of that name.
    fn create_temporary(&self, table: &Relation, query: &str) -> String;

    /// Removes a relation, if it is there.
    fn drop(&self, relation: &Relation, kind: RelationKind) -> String {
        let readers = if self.drops_readers() { " cascade" } else { "" };
        format!("drop {} if exists {relation}{readers}", kind.sql())
    }

    /// Gives a relation another name in its schema.
    fn rename(&self, relation: &Relation, kind: RelationKind, to: &str) -> String {
        format!("alter {} {relation} rename to {}", kind.sql(), quote_identifier(to))
    }

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
            let mut lines = vec![
                ddl.create_schema("db", "main"),
                ddl.drop_schema("db", "main"),
                ddl.create_table(&table, "as (select 1)", false),
                ddl.create_temporary(&Relation::new("db", "temporary", "s"), "select 1"),
                ddl.drop(&table, RelationKind::View),
                ddl.rename(&table, RelationKind::Table, "u"),
            ];
            lines.extend(ddl.change_type(&table, &column));
            lines.join("\n")
        };
        insta::assert_snapshot!(words(ddl("duckdb")), @r#"
create schema if not exists "db"."main"
drop schema if exists "db"."main" cascade
create or replace table "db"."main"."t" as (select 1)
create or replace temp table "db"."temporary"."s" as (
select 1
)
drop view if exists "db"."main"."t"
alter table "db"."main"."t" rename to "u"
alter table "db"."main"."t" alter column "id" set data type bigint
"#);
        insta::assert_snapshot!(words(ddl("postgres")), @r#"
create schema if not exists "main"
drop schema if exists "main" cascade
drop table if exists "db"."main"."t" cascade;
create table "db"."main"."t" as (select 1)
drop table if exists "db"."temporary"."s";
create temporary table "db"."temporary"."s" as (
select 1
)
drop view if exists "db"."main"."t" cascade
alter table "db"."main"."t" rename to "u"
alter table "db"."main"."t" add column "id__dbt_alter" bigint
update "db"."main"."t" set "id__dbt_alter" = "id"::bigint
alter table "db"."main"."t" drop column "id" cascade
alter table "db"."main"."t" rename column "id__dbt_alter" to "id"
"#);
    }
}
