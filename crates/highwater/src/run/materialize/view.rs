//! `view`: a stored query.

use highwater_jinja::Value;

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::{kind, table};
use crate::context;
use crate::engine::{Relation, RelationKind};

/// Builds the model's view.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let relation = &task.node.relation;
    let replaced = kind(task, relation)?.is_some();
    let draft = table::draft_of(task, relation);
    table::drop_existing(task, &draft)?;
    let name = context::relation_value(&draft, Some(RelationKind::View));
    let sql = task.macro_text("get_create_view_as_sql", &[name, Value::from(task.compiled.sql.as_str())])?;
    task.execute(&sql)?;
    table::swap(task, relation, &draft, RelationKind::View)?;
    super::dress(task, RelationKind::View, replaced, true)?;
    Ok(Outcome::built(RelationKind::View, None).by("CREATE VIEW", task.shared.engine.ddl()))
}

/// Puts a view in the place of whatever has the name. To be called in a transaction.
pub(crate) fn replace(task: &Task<'_>, relation: &Relation, sql: &str) -> Result<(), Failure> {
    table::drop_existing(task, relation)?;
    task.execute(&format!("create view {relation} as (\n{sql}\n)"))?;
    Ok(())
}
