//! `view`: a stored query.

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::kind;
use crate::engine::{Relation, RelationKind};

/// Builds the model's view.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    replace(task, &task.node.relation, &task.compiled.sql)?;
    Ok(Outcome::built(RelationKind::View, None))
}

/// Puts a view in the place of whatever has the name. To be called in a transaction.
pub(crate) fn replace(task: &Task<'_>, relation: &Relation, sql: &str) -> Result<(), Failure> {
    if kind(task, relation)? == Some(RelationKind::Table) {
        task.execute(&format!("drop table {relation}"))?;
    }
    task.execute(&format!("create or replace view {relation} as (\n{sql}\n)"))?;
    Ok(())
}
