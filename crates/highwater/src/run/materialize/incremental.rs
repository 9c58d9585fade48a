//! `incremental`, with dbt's own strategies: the first run builds a table, later runs stage new rows and apply them.

use highwater_jinja::Value;

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::{full_refresh, kind, table};
use crate::context;
use crate::diagnostics::Diagnostic;
use crate::engine::{Column, Relation, RelationKind};
use crate::strategies::schema_change::{Difference, OnSchemaChange};
use crate::strategies::{self, Change};

/// Builds the model's table, or brings it forward.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let strategy = strategy(task)?;
    let relation = &task.node.relation;
    if kind(task, relation)? != Some(RelationKind::Table) || full_refresh(task) {
        return table::build(task);
    }
    let staged = Relation::new("temp", "main", format!("{}__dbt_tmp", relation.identifier));
    task.execute(&format!("create or replace temp table {staged} as (\n{}\n)", task.compiled.sql))?;
    let columns = reconcile(task, &staged)?;
    let config = &task.node.config;
    let predicates = match config.get("incremental_predicates") {
        Some(_) => config.texts("incremental_predicates"),
        None => config.texts("predicates"),
    };
    let change = Change {
        target: relation,
        staged: &staged,
        columns: &columns,
        unique_key: &config.texts("unique_key"),
        predicates: &predicates,
        config,
    };
    let sql = match strategy {
        Strategy::BuiltIn(word) => strategies::statements(word, &change)
            .expect("the strategy was found before anything ran")
            .map_err(|message| Diagnostic::error("HW0411", message))?,
        Strategy::Macro(name) => call(task, &name, &change)?,
    };
    let rows = task.execute(&sql)?;
    task.connection().execute(&format!("drop table if exists {staged}"))?;
    Ok(Outcome::built(RelationKind::Table, Some(rows)))
}

enum Strategy<'a> {
    BuiltIn(&'a str),
    Macro(String),
}

/// The strategy the model names; looked for at every run, the first one included.
fn strategy<'a>(task: &Task<'a>) -> Result<Strategy<'a>, Diagnostic> {
    let word = task.node.config.text("incremental_strategy").unwrap_or("default");
    if word == "microbatch" {
        return Err(Diagnostic::error("HW0413", "the strategy microbatch is not yet supported")
            .note("its event_time, batch_size and begin are what the strategy exact works with, too")
            .help("set incremental_strategy: exact: it rebuilds the intervals that changed, late rows included"));
    }
    let name = format!("get_incremental_{}_sql", word.replace('+', "_"));
    // A macro of the project or one of its packages wins over what is built in.
    let project = &task.shared.session.project;
    let written = |macro_node: &crate::manifest::MacroNode| {
        macro_node.name == name && project.package(&macro_node.package_name).is_some()
    };
    if task.shared.session.manifest.macros.values().any(written) {
        return Ok(Strategy::Macro(name));
    }
    if ["append", "delete+insert", "delete_insert", "default", "merge"].contains(&word) {
        return Ok(Strategy::BuiltIn(word));
    }
    Err(Diagnostic::error(
        "HW0412",
        format!("dbt could not find an incremental strategy macro with the name \"{name}\" in {}", project.name),
    )
    .note("built in are append, delete+insert, merge and exact")
    .help("correct incremental_strategy, or write that macro"))
}

/// Settles how query and table differ in their columns, and says which columns to write.
fn reconcile(task: &Task<'_>, staged: &Relation) -> Result<Vec<String>, Failure> {
    let relation = &task.node.relation;
    let how = OnSchemaChange::from_word(task.node.config.text("on_schema_change"));
    let names = |columns: Vec<Column>| columns.into_iter().map(|column| column.name).collect();
    let in_table = task.connection().columns(relation)?;
    if how == OnSchemaChange::Ignore {
        return Ok(names(in_table));
    }
    let in_query = task.connection().columns(staged)?;
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
    for statement in difference.statements(relation, how) {
        task.execute(&statement)?;
    }
    Ok(names(in_query))
}

/// The SQL of a strategy written as a macro.
fn call(task: &Task<'_>, name: &str, change: &Change<'_>) -> Result<String, Failure> {
    let texts = |texts: &[String]| highwater_jinja::list(texts.iter().map(|text| Value::from(text.as_str())).collect());
    let in_target = task.connection().columns(change.target)?;
    let written = |column: &&Column| change.columns.iter().any(|name| name.eq_ignore_ascii_case(&column.name));
    let columns: Vec<Column> = in_target.iter().filter(written).cloned().collect();
    let key = match change.unique_key {
        [] => Value::from(()),
        [key] if task.node.config.text("unique_key").is_some() => Value::from(key.as_str()),
        keys => texts(keys),
    };
    let predicates = if change.predicates.is_empty() { Value::from(()) } else { texts(change.predicates) };
    let arguments = highwater_jinja::dict(vec![
        (Value::from("target_relation"), context::relation_value(change.target, Some(RelationKind::Table))),
        (Value::from("temp_relation"), context::temporary_relation_value(&change.staged.identifier)),
        (Value::from("unique_key"), key),
        (Value::from("dest_columns"), context::columns_value(&columns)),
        (Value::from("incremental_predicates"), predicates),
    ]);
    let sql = task.shared.compiler.call_macro(task.node, &task.compiled, task.connection, name, &[arguments], &[])?;
    Ok(sql.as_str().map_or_else(|| sql.to_string(), str::to_owned))
}
