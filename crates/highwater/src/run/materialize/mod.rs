//! Turning a model's SQL into something that lies in the database.
//!
//! | file | `materialized` | what lies there afterwards |
//! | --- | --- | --- |
//! | `view.rs` | `view` | a stored query |
//! | `table.rs` | `table` | rows, built beside the old ones and swapped in |
//! | `materialized_view.rs` | `materialized_view` | a stored query with its rows |
//! | `incremental.rs` | `incremental` | rows, of which a run adds or replaces some |
//! | `schema_change.rs` | | what an incremental model does when its columns change |
//! | `seed/` | seeds | the rows of a CSV file |
//! | `custom.rs` | snapshots, any other word | whatever a materialization written in Jinja does |
//!
//! Ephemeral models leave nothing: the compiler puts their text into the models that read them. The strategy `exact`
//! has its own transaction and is called from `run/exact.rs`.
//!
//! Everything of one node is one transaction: until it commits, readers see the old state, and after a failure they
//! still do.

mod custom;
mod incremental;
mod materialized_view;
mod schema_change;
mod seed;

mod table;
mod view;

pub(crate) use schema_change::longer_text;
pub(crate) use table::replace as replace_table;
pub(crate) use view::replace as replace_view;

use serde_json::Value;

use super::exact;
use super::failure::Failure;
use super::hooks::{Moment, run_hooks};
use super::transaction::in_transaction;
use super::worker::{Outcome, Task};
use crate::diagnostics::Diagnostic;
use crate::engine::{Relation, RelationKind};
use crate::manifest::ResourceType;

/// Builds a model, seed or snapshot, hooks included.
///
/// # Errors
/// When a hook, a macro or a statement fails; then the database is as it was, save for hooks outside the transaction.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let node = task.node;
    if node.resource_type == ResourceType::Model && node.config.is_exact() {
        return build_exact(task);
    }
    if let Some(found) = custom::find(task) {
        // Its own macros run the hooks and decide about transactions.
        return custom::build(task, found);
    }
    let build = builder(task)?;
    fits_name(task)?;
    run_hooks(task, Moment::Before, false)?;
    let outcome = in_transaction(task.connection, || {
        task.forget_script();
        if run_hooks(task, Moment::Before, true)? > 0 {
            refresh(task, &node.relation)?;
        }
        let outcome = build(task)?;
        run_hooks(task, Moment::After, true)?;
        Ok(outcome)
    })?;
    task.shared.catalog.note(&node.relation, outcome.kind);
    run_hooks(task, Moment::After, false)?;
    Ok(outcome)
}

/// The exact strategy fences, detects and swaps in a transaction of its own, so hooks stand around it.
fn build_exact(task: &Task<'_>) -> Result<Outcome, Failure> {
    for transaction in [false, true] {
        run_hooks(task, Moment::Before, transaction)?;
    }
    let outcome = exact::build(task)?;
    task.shared.catalog.note(&task.node.relation, outcome.kind);
    for transaction in [true, false] {
        run_hooks(task, Moment::After, transaction)?;
    }
    Ok(outcome)
}

type Builder = fn(&Task<'_>) -> Result<Outcome, Failure>;

fn builder(task: &Task<'_>) -> Result<Builder, Diagnostic> {
    let node = task.node;
    if node.resource_type == ResourceType::Seed {
        return Ok(seed::build);
    }
    match node.config.materialized() {
        "view" => Ok(view::build),
        "table" => Ok(table::build),
        "incremental" => Ok(incremental::build),
        "materialized_view" => Ok(materialized_view::build),
        other => Err(Diagnostic::error("HW0416", format!("no materialization '{other}' was found"))
            .note("built in are view, table, incremental, ephemeral and seed")
            .help(format!(
                "correct `materialized` of {}, or write a macro `materialization {other}, adapter='{}'`",
                node.name,
                task.shared.engine.adapter()
            ))),
    }
}

/// Refuses a name that the engine would cut without a word.
fn fits_name(task: &Task<'_>) -> Result<(), Diagnostic> {
    let name = &task.node.relation.identifier;
    match task.shared.engine.ddl().longest_name() {
        Some(longest) if name.len() > longest => {
            Err(Diagnostic::error("HW0423", format!("Relation name '{name}' is longer than {longest} characters"))
                .note(format!("{} cuts longer names, and two of them could become one", task.shared.engine.title()))
                .help("give the node a shorter `alias`"))
        }
        _ => Ok(()),
    }
}

/// What a name stands for now.
pub(crate) fn kind(task: &Task<'_>, relation: &Relation) -> Result<Option<RelationKind>, Failure> {
    Ok(task.shared.catalog.kind(task.connection().as_mut(), relation)?)
}

/// Asks the engine anew what a name stands for.
fn refresh(task: &Task<'_>, relation: &Relation) -> Result<(), Failure> {
    Ok(task.shared.catalog.refresh(task.connection().as_mut(), relation)?)
}

/// What is done to a table or view whose rows are right: indexes when it was built anew, grants, comments.
fn dress(task: &Task<'_>, is: RelationKind, replaced: bool, rebuilt: bool) -> Result<(), Failure> {
    let config = &task.node.config;
    let says = |key: &str| match config.get(key) {
        Some(Value::Object(entries)) => entries.values().any(|value| *value != Value::Bool(false)),
        Some(Value::Array(items)) => !items.is_empty(),
        _ => false,
    };
    if says("grants") || says("persist_docs") || says("indexes") {
        let relation = crate::context::relation_value(&task.node.relation, Some(is));
        task.macro_text("highwater_dress", &[relation, replaced.into(), rebuilt.into()])?;
    }
    Ok(())
}

/// Whether this run rebuilds the node from nothing: the node's own `full_refresh` wins over the command line.
pub(crate) fn full_refresh(task: &Task<'_>) -> bool {
    if task.part.is_some_and(|part| part.incremental) {
        return false;
    }
    task.node.config.flag("full_refresh").unwrap_or(task.shared.options.full_refresh)
}
