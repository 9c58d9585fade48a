//! `table`: rows, built beside the old ones and swapped in.

use highwater_jinja::Value;

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::kind;
use crate::context;
use crate::engine::{Cell, Relation, RelationKind, Table, quote_identifier};
use crate::manifest::Node;

/// Builds the model's table.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let replaced = kind(task, &task.node.relation)?.is_some();
    let rows = rebuild(task)?;
    super::dress(task, RelationKind::Table, replaced, true)?;
    Ok(Outcome::built(RelationKind::Table, Some(rows)))
}

/// Puts the rows of the model's query in the place of whatever has its name. To be called in a transaction.
pub(crate) fn rebuild(task: &Task<'_>) -> Result<u64, Failure> {
    let relation = &task.node.relation;
    if has_foreign_key(task.node) {
        // DuckDB remembers a table with foreign keys by the name it was made with.
        drop_existing(task, relation)?;
        return create(task, relation);
    }
    let draft = draft_of(relation);
    drop_existing(task, &draft)?;
    let rows = create(task, &draft)?;
    swap(task, relation, &draft, RelationKind::Table)?;
    Ok(rows)
}

/// Runs the statements that make a table of the model's query.
fn create(task: &Task<'_>, relation: &Relation) -> Result<u64, Failure> {
    let name = context::relation_value(relation, Some(RelationKind::Table));
    let arguments = [Value::from(false), name, Value::from(task.compiled.sql.as_str())];
    let sql = task.macro_text("get_create_table_as_sql", &arguments)?;
    Ok(rows_of(&task.query(&sql)?))
}

/// Puts a new table in the place of whatever has the name; `definition` is what follows `create table <name>`. The old
/// one can be read until the new one is complete. To be called in a transaction. Returns the rows of the new table.
pub(crate) fn replace(task: &Task<'_>, relation: &Relation, definition: &str) -> Result<u64, Failure> {
    let draft = draft_of(relation);
    drop_existing(task, &draft)?;
    let built = task.query(&format!("create table {draft} {definition}"))?;
    swap(task, relation, &draft, RelationKind::Table)?;
    Ok(rows_of(&built))
}

/// The engine answers such a statement with the number of rows, as a table of one cell.
fn rows_of(answer: &Table) -> u64 {
    answer.scalar().and_then(Cell::as_integer).and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0)
}

fn has_foreign_key(node: &Node) -> bool {
    let enforced = node.config.get("contract").and_then(|contract| contract.get("enforced")?.as_bool());
    let columns = node.columns.values().flat_map(|column| &column.constraints);
    enforced == Some(true)
        && node.constraints.iter().chain(columns).any(|constraint| constraint["type"] == "foreign_key")
}

/// The name under which a table or view is built.
pub(crate) fn draft_of(relation: &Relation) -> Relation {
    relation.with_identifier(format!("{}__dbt_tmp", relation.identifier))
}

/// Gives a finished draft the name it is for.
pub(crate) fn swap(task: &Task<'_>, relation: &Relation, draft: &Relation, is: RelationKind) -> Result<(), Failure> {
    drop_existing(task, relation)?;
    let name = quote_identifier(&relation.identifier);
    task.aside(&format!("alter {} {draft} rename to {name}", context::kind_word(is)))?;
    Ok(())
}

/// Drops whatever has the name.
pub(crate) fn drop_existing(task: &Task<'_>, relation: &Relation) -> Result<(), Failure> {
    if let Some(kind) = kind(task, relation)? {
        task.aside(&format!("drop {} {relation} cascade", context::kind_word(kind)))?;
    }
    Ok(())
}
