//! dbt's incremental strategies as dbt runs them: each turns a staged table of new rows into the statements that put
//! them into the target. Text in, text out; nothing here touches a database.
//!
//! | file | strategy | without `unique_key` |
//! | --- | --- | --- |
//! | `append.rs` | insert everything | the same |
//! | `delete_insert.rs` | delete the rows with the new rows' keys, then insert | append |
//! | `merge.rs` | update what matches, insert the rest | append |
//! | `schema_change.rs` | what to do when the columns differ | |
//!
//! A NULL in a key never matches, so such rows are inserted again and again: dbt's behaviour, kept.

pub mod append;
pub mod delete_insert;
pub mod merge;
pub mod schema_change;

use crate::engine::{Relation, quote_identifier};
use crate::manifest::Config;

/// What a strategy works with.
#[derive(Debug)]
pub struct Change<'a> {
    /// The table to change.
    pub target: &'a Relation,
    /// The new rows.
    pub staged: &'a Relation,
    /// Columns to write, as the engine names them.
    pub columns: &'a [String],
    /// `unique_key`, one column or expression each.
    pub unique_key: &'a [String],
    /// `incremental_predicates`, raw SQL.
    pub predicates: &'a [String],
    /// The rest of the configuration.
    pub config: &'a Config,
}

impl Change<'_> {
    /// `"a", "b"`.
    fn column_list(&self) -> String {
        self.columns.iter().map(|column| quote_identifier(column)).collect::<Vec<_>>().join(", ")
    }
}

/// A strategy by dbt's word, when it is one of those built in. `default` and nothing mean delete+insert, as on DuckDB.
///
/// # Errors
/// A configuration that contradicts itself, in words for the user.
pub fn statements(strategy: &str, change: &Change<'_>) -> Option<Result<String, String>> {
    match strategy {
        "append" => Some(Ok(append::statements(change))),
        "delete+insert" | "delete_insert" | "default" => Some(Ok(delete_insert::statements(change))),
        "merge" => Some(merge::statements(change)),
        _ => None,
    }
}
