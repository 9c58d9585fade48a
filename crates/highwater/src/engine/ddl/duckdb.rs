//! DuckDB's statements.

use super::Ddl;
use crate::engine::{Column, Relation, quote_identifier};

/// DuckDB.
pub(super) struct DuckDb;

impl Ddl for DuckDb {
    fn create_schema(&self, database: &str, schema: &str) -> String {
        format!("create schema if not exists {}.{}", quote_identifier(database), quote_identifier(schema))
    }

    fn drop_schema(&self, database: &str, schema: &str) -> String {
        format!("drop schema if exists {}.{} cascade", quote_identifier(database), quote_identifier(schema))
    }

    fn change_type(&self, table: &Relation, column: &Column) -> Vec<String> {
        let name = quote_identifier(&column.name);
        vec![format!("alter table {table} alter column {name} set data type {}", column.data_type)]
    }
}
