//! `table`: rows, built beside the old ones and swapped in.

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::kind;
use crate::engine::{Relation, RelationKind};

/// Builds the model's table.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let rows = replace(task, &task.node.relation, &format!("as (\n{}\n)", task.compiled.sql))?;
    Ok(Outcome::built(RelationKind::Table, Some(rows)))
}

/// Puts a new table in the place of whatever has the name; `definition` is what follows `create table <name>`. The old
/// one can be read until the new one is complete. To be called in a transaction. Returns the rows of the new table.
pub(crate) fn replace(task: &Task<'_>, relation: &Relation, definition: &str) -> Result<u64, Failure> {
    let draft = draft_of(task, relation);
    let unlogged = task.node.config.flag("unlogged").unwrap_or(false);
    let rows = task.create_as(&task.shared.engine.ddl().create_table(&draft, definition, unlogged))?;
    swap(task, relation, &draft)?;
    Ok(rows)
}

/// The name under which a table is built.
pub(crate) fn draft_of(task: &Task<'_>, relation: &Relation) -> Relation {
    relation.with_identifier(task.shared.engine.ddl().suffixed(&relation.identifier, "__dbt_tmp"))
}

/// Gives a finished draft the name it is for.
pub(crate) fn swap(task: &Task<'_>, relation: &Relation, draft: &Relation) -> Result<(), Failure> {
    let ddl = task.shared.engine.ddl();
    if let Some(kind) = kind(task, relation)? {
        task.execute(&ddl.drop(relation, kind))?;
    }
    task.execute(&ddl.rename(draft, RelationKind::Table, &relation.identifier))?;
    Ok(())
}
