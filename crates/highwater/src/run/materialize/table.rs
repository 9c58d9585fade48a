//! `table`: rows, built beside the old ones and swapped in.

use highwater_jinja::Value;

use super::super::audits;
use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::kind;
use crate::context;
use crate::engine::{Relation, RelationKind, quote_identifier};
use crate::manifest::Node;

/// Builds the model's table.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let replaced = kind(task, &task.node.relation)?.is_some();
    let rows = rebuild(task)?;
    super::dress(task, RelationKind::Table, replaced, true)?;
    Ok(Outcome::built(RelationKind::Table, Some(rows)).by("SELECT", task.shared.engine.ddl()))
}

/// Puts the rows of the model's query in the place of whatever has its name. To be called in a transaction.
pub(crate) fn rebuild(task: &Task<'_>) -> Result<u64, Failure> {
    let relation = &task.node.relation;
    if task.shared.engine.adapter() == "duckdb" && has_foreign_key(task.node) {
        // DuckDB remembers a table with foreign keys by the name it was made with.
        drop_existing(task, relation)?;
        let rows = create(task, relation)?;
        audits::whole_table(task, relation)?;
        return Ok(rows);
    }
    let draft = draft_of(task, relation);
    drop_existing(task, &draft)?;
    let rows = create(task, &draft)?;
    audits::whole_table(task, &draft)?;
    swap(task, relation, &draft, RelationKind::Table)?;
    Ok(rows)
}

/// Runs the statements that make a table of the model's query.
fn create(task: &Task<'_>, relation: &Relation) -> Result<u64, Failure> {
    let name = context::relation_value(relation, Some(RelationKind::Table));
    let arguments = [Value::from(false), name, Value::from(task.compiled.sql.as_str())];
    let sql = task.macro_text("get_create_table_as_sql", &arguments)?;
    task.create_as(&sql)
}

/// Puts a new table in the place of whatever has the name; `definition` is what follows `create table <name>`. The old
/// one can be read until the new one is complete. To be called in a transaction. Returns the rows of the new table.
pub(crate) fn replace(task: &Task<'_>, relation: &Relation, definition: &str) -> Result<u64, Failure> {
    let draft = draft_of(task, relation);
    drop_existing(task, &draft)?;
    let rows = task.create_as(&format!("create table {draft} {definition}"))?;
    swap(task, relation, &draft, RelationKind::Table)?;
    Ok(rows)
}

fn has_foreign_key(node: &Node) -> bool {
    let enforced = node.config.get("contract").and_then(|contract| contract.get("enforced")?.as_bool());
    let columns = node.columns.values().flat_map(|column| &column.constraints);
    enforced == Some(true)
        && node.constraints.iter().chain(columns).any(|constraint| constraint["type"] == "foreign_key")
}

/// The name under which a table or view is built.
pub(crate) fn draft_of(task: &Task<'_>, relation: &Relation) -> Relation {
    relation.with_identifier(task.shared.engine.ddl().suffixed(&relation.identifier, "__dbt_tmp"))
}

/// Gives a finished draft the name it is for.
pub(crate) fn swap(task: &Task<'_>, relation: &Relation, draft: &Relation, is: RelationKind) -> Result<(), Failure> {
    drop_existing(task, relation)?;
    let name = quote_identifier(&relation.identifier);
    task.aside(&format!("alter {} {draft} rename to {name}", is.sql()))?;
    Ok(())
}

/// Drops whatever has the name. On some engines that takes the views that read it along, so it may be gone already.
pub(crate) fn drop_existing(task: &Task<'_>, relation: &Relation) -> Result<(), Failure> {
    if let Some(kind) = kind(task, relation)? {
        // Nothing in a DuckLake hangs on anything else, and it refuses the word.
        let lake = task.shared.session.project.target.is_ducklake(&relation.database);
        let cascade = if lake { "" } else { " cascade" };
        task.aside(&format!("drop {} if exists {relation}{cascade}", kind.sql()))?;
    }
    Ok(())
}
