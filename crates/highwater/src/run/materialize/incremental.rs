//! `incremental`, with dbt's own strategies: the first run builds a table, later runs stage new rows and apply them.
//!
//! A strategy is a macro, `get_incremental_<strategy>_sql`: the project's, a package's, or ours.

use highwater_jinja::{Value, dict, list};

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::schema_change::{Difference, OnSchemaChange, longer_text};
use super::{full_refresh, kind, table};
use crate::context;
use crate::diagnostics::Diagnostic;
use crate::engine::{Column, RelationKind, quote_identifier};

/// Strategies that adapters of dbt have for other databases.
const OF_OTHER_ADAPTERS: [&str; 6] = [
    "insert_overwrite",
    "dynamic_insert_overwrite",
    "replace_where",
    "insert+replace",
    "replace_partitions",
    "delete_insert",
];

/// Builds the model's table, or brings it forward.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let relation = &task.node.relation;
    let existing = kind(task, relation)?;
    if existing != Some(RelationKind::Table) || full_refresh(task) {
        if let Err(unknown) = strategy(task) {
            // A word that no adapter knows is a mistake; one of another adapter only counts when there is a table.
            if !OF_OTHER_ADAPTERS.contains(&task.node.config.text("incremental_strategy").unwrap_or_default()) {
                return Err(unknown.into());
            }
            let name = &task.node.name;
            task.shared.note_problem(
                Diagnostic::warning("HW0412", format!("the next run of {name} will fail: {}", unknown.title))
                    .note("a run that builds the whole table needs no strategy"),
            );
        }
        let rows = table::rebuild(task)?;
        super::dress(task, RelationKind::Table, existing.is_some(), true)?;
        return Ok(Outcome::built(RelationKind::Table, Some(rows)).by("SELECT", task.shared.engine.ddl()));
    }
    let strategy = strategy(task)?;
    let staged = task.shared.engine.ddl().suffixed(&relation.identifier, "__dbt_tmp");
    let staged_value = context::temporary_relation_value(&staged);
    let arguments = [Value::from(true), staged_value.clone(), Value::from(task.compiled.sql.as_str())];
    task.aside(&task.macro_text("create_table_as", &arguments)?)?;
    let staged = quote_identifier(&staged);
    let columns = reconcile(task, &staged)?;
    let rows = task.execute(&task.macro_text(&strategy, &[change(task, staged_value, &columns)])?)?;
    task.aside(&format!("drop table if exists {staged}"))?;
    super::dress(task, RelationKind::Table, true, false)?;
    let verb = if strategy.contains("merge") { "MERGE" } else { "INSERT" };
    Ok(Outcome::built(RelationKind::Table, Some(rows)).by(verb, task.shared.engine.ddl()))
}

/// The macro of the strategy that the model names. A run that builds the whole table needs none: there a warning says that the next one will.
fn strategy(task: &Task<'_>) -> Result<String, Diagnostic> {
    let word = task.node.config.text("incremental_strategy").unwrap_or("default");
    let name = format!("get_incremental_{}_sql", word.replace('+', "_"));
    let macros = &task.shared.session.macros;
    if macros.resolve(&task.node.package_name, &name).is_some() {
        return Ok(name);
    }
    Err(Diagnostic::error(
        "HW0412",
        format!(
            "dbt could not find an incremental strategy macro with the name \"{name}\" in {}",
            task.shared.session.project.name
        ),
    )
    .note("built in are append, delete+insert, merge, microbatch and exact")
    .help("correct incremental_strategy, or write that macro"))
}

/// Settles how query and table differ in their columns, and says which columns to write.
fn reconcile(task: &Task<'_>, staged: &str) -> Result<Vec<Column>, Failure> {
    let relation = &task.node.relation;
    let how = OnSchemaChange::from_word(task.node.config.text("on_schema_change"));
    let ddl = task.shared.engine.ddl();
    let in_query = task.connection().describe(&format!("select * from {staged}"))?;
    let mut in_table = task.connection().columns(relation)?;
    let wider = longer_text(&in_query, &in_table, relation, ddl);
    if !wider.is_empty() {
        for statement in &wider {
            task.aside(statement)?;
        }
        in_table = task.connection().columns(relation)?;
    }
    if how == OnSchemaChange::Ignore {
        return Ok(in_table);
    }
    let difference = Difference::between(&in_query, &in_table);
    if how == OnSchemaChange::Fail && !difference.is_empty() {
        let mut diagnostic =
            Diagnostic::error("HW0410", format!("the columns of {} are not those of its query", task.node.name));
        for line in difference.lines() {
            diagnostic = diagnostic.note(line);
        }
        return Err(diagnostic
            .note("on_schema_change is fail: nothing was written")
            .help("run it with --full-refresh, or set on_schema_change to append_new_columns or sync_all_columns")
            .into());
    }
    for statement in difference.statements(relation, how, ddl) {
        task.aside(&statement)?;
    }
    Ok(in_query)
}

/// What a strategy's macro is given.
fn change(task: &Task<'_>, staged: Value, columns: &[Column]) -> Value {
    let config = &task.node.config;
    let texts = |key: &str| list(config.texts(key).into_iter().map(Value::from).collect());
    let key = match (config.text("unique_key"), config.texts("unique_key")) {
        (_, keys) if keys.is_empty() => Value::from(()),
        (Some(key), _) => Value::from(key),
        (None, _) => texts("unique_key"),
    };
    let predicates = ["predicates", "incremental_predicates"].into_iter().find(|key| config.get(key).is_some());
    dict(vec![
        (Value::from("target_relation"), context::relation_value(&task.node.relation, Some(RelationKind::Table))),
        (Value::from("temp_relation"), staged),
        (Value::from("unique_key"), key),
        (Value::from("dest_columns"), context::columns_value(columns)),
        (Value::from("incremental_predicates"), predicates.map_or_else(|| Value::from(()), texts)),
    ])
}
