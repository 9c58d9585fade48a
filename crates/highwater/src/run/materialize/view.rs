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
    let ddl = task.shared.engine.ddl();
    match kind(task, relation)? {
        None => {}
        Some(RelationKind::View) if !ddl.drops_readers() || keeps_columns(task, relation, sql)? => {}
        Some(kind) => drop(task.execute(&ddl.drop(relation, kind))?),
    }
    task.execute(&format!("create or replace view {relation} as (\n{sql}\n)"))?;
    Ok(())
}

/// Whether the new query only adds columns behind those of the view. Then it can be replaced where it stands, and the views
/// that read it stay.
fn keeps_columns(task: &Task<'_>, relation: &Relation, sql: &str) -> Result<bool, Failure> {
    let new = task.connection().describe(sql)?;
    Ok(new.starts_with(&task.connection().columns(relation)?))
}
