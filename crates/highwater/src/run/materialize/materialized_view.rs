//! `materialized_view`: a stored query with its rows. A run refreshes them; a full refresh makes the view anew, and so does a run
//! that finds something else under its name. As with dbt, only a full refresh takes notice of another query.

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::{full_refresh, kind, table};
use crate::diagnostics::Diagnostic;
use crate::engine::RelationKind;

/// Builds or refreshes the model's view.
pub(super) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let (relation, engine) = (&task.node.relation, &task.shared.engine);
    if !engine.ddl().has_materialized_views() {
        return Err(Diagnostic::error("HW0416", format!("{} has no materialized views", engine.title()))
            .help(format!("set `materialized` of {} to table or view", task.node.name))
            .into());
    }
    let existing = kind(task, relation)?;
    if existing == Some(RelationKind::MaterializedView) && !full_refresh(task) {
        task.execute(&format!("refresh materialized view {relation}"))?;
        super::dress(task, RelationKind::MaterializedView, true, false)?;
        let refreshed = Outcome::built(RelationKind::MaterializedView, None);
        return Ok(refreshed.by("REFRESH MATERIALIZED VIEW", engine.ddl()));
    }
    let draft = table::draft_of(task, relation);
    table::drop_existing(task, &draft)?;
    task.execute(&format!("create materialized view {draft} as (\n{}\n)", task.compiled.sql))?;
    table::swap(task, relation, &draft, RelationKind::MaterializedView)?;
    super::dress(task, RelationKind::MaterializedView, existing.is_some(), true)?;
    Ok(Outcome::built(RelationKind::MaterializedView, None).by("CREATE MATERIALIZED VIEW", engine.ddl()))
}
