//! `table`: rows, built beside the old ones and swapped in.

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::kind;
use crate::engine::{Cell, Relation, RelationKind, quote_identifier};

/// Builds the model's table.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let rows = replace(task, &task.node.relation, &format!("as (\n{}\n)", task.compiled.sql))?;
    Ok(Outcome::built(RelationKind::Table, Some(rows)))
}

/// Puts a new table in the place of whatever has the name; `definition` is what follows `create table <name>`. The old
/// one can be read until the new one is complete. To be called in a transaction. Returns the rows of the new table.
pub(crate) fn replace(task: &Task<'_>, relation: &Relation, definition: &str) -> Result<u64, Failure> {
    let draft = draft_of(relation);
    let built = task.query(&format!("create or replace table {draft} {definition}"))?;
    swap(task, relation, &draft)?;
    // The engine answers the statement with the number of rows, as a table of one cell.
    Ok(built.scalar().and_then(Cell::as_integer).and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
}

/// The name under which a table is built.
pub(crate) fn draft_of(relation: &Relation) -> Relation {
    relation.with_identifier(format!("{}__dbt_tmp", relation.identifier))
}

/// Gives a finished draft the name it is for.
pub(crate) fn swap(task: &Task<'_>, relation: &Relation, draft: &Relation) -> Result<(), Failure> {
    match kind(task, relation)? {
        Some(RelationKind::Table) => task.execute(&format!("drop table {relation}"))?,
        Some(RelationKind::View) => task.execute(&format!("drop view {relation}"))?,
        None => 0,
    };
    task.execute(&format!("alter table {draft} rename to {}", quote_identifier(&relation.identifier)))?;
    Ok(())
}
