//! Seeds: the rows of a CSV file.
//!
//! | file | what |
//! | --- | --- |
//! | `staged.rs`, `staged_types.rs` | for an engine that reads files itself: text in a temporary table, cast on its way |
//! | `copied.rs`, `copied_types.rs` | for an engine behind a connection: read here, sent as a copy |
//!
//! A first run and a full refresh build a new table and swap it in; every other run replaces the rows of the table there
//! is, in one transaction. DuckDB's unique indexes still know the rows that the transaction has deleted: with one, the
//! table is built anew.

mod copied;
mod copied_types;
mod staged;
mod staged_types;

use indexmap::IndexMap;
use serde_json::Value;

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::{full_refresh, kind};
use crate::diagnostics::Diagnostic;
use crate::engine::{Relation, RelationKind};

/// A file that has been read, and how its rows get into a table.
trait Rows {
    /// The columns as the table has them.
    fn names(&self) -> Vec<String>;

    /// Puts a table with these rows in the place of whatever has the name. Returns their number.
    fn build(&self, task: &Task<'_>, relation: &Relation) -> Result<u64, Failure>;

    /// Adds the rows to a table. Returns their number.
    fn insert(&self, task: &Task<'_>, relation: &Relation) -> Result<u64, Failure>;

    /// Removes what reading has left behind.
    fn clean_up(&self, task: &Task<'_>) -> Result<(), Failure>;
}

/// Loads the file into the seed's table.
pub(super) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let relation = &task.node.relation;
    if task.node.config.text("delimiter") == Some("") {
        return Err(Diagnostic::error("HW0424", format!("the delimiter of the seed `{}` is empty", task.node.name))
            .help("set `delimiter` to the character between the values, such as \";\"")
            .into());
    }
    let rows: Box<dyn Rows> = match task.shared.engine.adapter() {
        "duckdb" => Box::new(staged::read(task)?),
        _ => Box::new(copied::read(task)?),
    };
    let existing = kind(task, relation)?;
    let unique = task.shared.engine.adapter() == "duckdb" && has_unique_index(task);
    let fresh = existing != Some(RelationKind::Table) || full_refresh(task) || unique;
    let written = if fresh {
        rows.build(task, relation)?
    } else {
        fits(task, relation, &rows.names())?;
        // Not `truncate`: to a transaction that is older the table would be empty.
        task.execute(&format!("delete from {relation}"))?;
        rows.insert(task, relation)?
    };
    rows.clean_up(task)?;
    super::dress(task, RelationKind::Table, existing.is_some(), fresh)?;
    let code = if full_refresh(task) { "CREATE" } else { "INSERT" };
    Ok(Outcome {
        message: Some(format!("{code} {written}")),
        code: Some(code),
        ..Outcome::built(RelationKind::Table, Some(written))
    })
}

/// Whether `indexes` has a unique one.
fn has_unique_index(task: &Task<'_>) -> bool {
    let indexes = task.node.config.get("indexes").and_then(Value::as_array);
    indexes.into_iter().flatten().any(|index| index.get("unique").and_then(Value::as_bool) == Some(true))
}

/// `column_types`, by the name as the header has it: in another case it means nothing, as in dbt.
fn configured_types(task: &Task<'_>) -> IndexMap<String, String> {
    let map = task.node.config.get("column_types").and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(name, data_type)| Some((name.clone(), data_type.as_str()?.to_owned())))
        .collect()
}

/// The name itself of one that is written in double quotes, as headers do for words of SQL where `quote_columns` is off.
fn unquoted(written: &str) -> Option<String> {
    let inner = written.strip_prefix('"')?.strip_suffix('"')?;
    Some(inner.replace("\"\"", "\""))
}

/// Refuses to load a file into a table with other columns.
fn fits(task: &Task<'_>, relation: &Relation, names: &[String]) -> Result<(), Failure> {
    let in_table = task.connection().columns(relation)?;
    let missing = names.iter().find(|name| !in_table.iter().any(|other| other.name.eq_ignore_ascii_case(name)));
    let Some(missing) = missing else { return Ok(()) };
    Err(Diagnostic::error(
        "HW0421",
        format!("{} has a column that its table lacks: {missing}", task.node.original_file_path),
    )
    .note("a seed's table keeps its columns from run to run")
    .help(format!("hw seed --select {} --full-refresh", task.node.name))
    .into())
}

fn unreadable(task: &Task<'_>, reason: &str) -> Diagnostic {
    Diagnostic::error("HW0420", format!("cannot read {} as CSV", task.node.original_file_path))
        .note(reason)
        .help("every line needs as many values as the header; set `delimiter` when it is not a comma")
}
