//! PostgreSQL's statements.

use super::Ddl;
use crate::engine::{Column, Relation, quote_identifier};

/// PostgreSQL.
pub(super) struct Postgres;

impl Ddl for Postgres {
    fn longest_name(&self) -> Option<usize> {
        Some(63)
    }

    // Names are quoted, so that their case counts.
    fn known_by(&self, name: &str) -> String {
        name.to_owned()
    }

    fn folded(&self, name: &str) -> String {
        name.to_lowercase()
    }

    fn answers_verbs(&self) -> bool {
        true
    }

    fn has_materialized_views(&self) -> bool {
        true
    }

    // A session sees one database, and schemas cannot be named with it.
    fn create_schema(&self, _database: &str, schema: &str) -> String {
        format!("create schema if not exists {}", quote_identifier(schema))
    }

    fn drop_schema(&self, _database: &str, schema: &str) -> String {
        format!("drop schema if exists {} cascade", quote_identifier(schema))
    }

    /// As dbt does it: views that read the column go, and the column moves to the end.
    fn change_type(&self, table: &Relation, column: &Column) -> Vec<String> {
        let (name, draft) =
            (quote_identifier(&column.name), quote_identifier(&self.suffixed(&column.name, "__dbt_alter")));
        vec![
            format!("alter table {table} add column {draft} {}", column.data_type),
            format!("update {table} set {draft} = {name}::{}", column.data_type),
            format!("alter table {table} drop column {name} cascade"),
            format!("alter table {table} rename column {draft} to {name}"),
        ]
    }
}
