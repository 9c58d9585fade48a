//! Data tests: a query that should find nothing, and what to say when it finds something.

use super::failure::Failure;
use super::materialize::{replace_table, replace_view};
use super::result::Status;
use super::transaction::in_transaction;
use super::worker::{Outcome, Task};
use crate::audit::{Judgement, Opinion, Thresholds};
use crate::engine::{Relation, RelationKind};
use crate::manifest::Node;

/// Where the rows that a test finds are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Table,
    View,
}

/// What a test found.
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) failures: u64,
    pub(crate) outcome: Outcome,
}

/// Runs a test.
///
/// # Errors
/// When its query fails.
pub(crate) fn run(task: &Task<'_>) -> Result<Verdict, Failure> {
    let config = &task.node.config;
    let thresholds = Thresholds::of(config);
    let mut rows = thresholds.limited(&task.compiled.sql);
    if let Some(kept) = kept(task.node, task.shared.options.store_failures) {
        let relation = &task.node.relation;
        keep(task, relation, kept, &rows)?;
        rows = format!("select * from {relation}");
    }
    let Judgement { opinion, failures, message } = thresholds.judge(&task.query(&thresholds.question(&rows))?);
    let status = match opinion {
        Opinion::Pass => Status::Pass,
        Opinion::Warn => Status::Warn,
        Opinion::Fail => Status::Fail,
    };
    Ok(Verdict { status, failures, outcome: Outcome { message, ..Outcome::default() } })
}

fn kept(node: &Node, by_command: bool) -> Option<Kept> {
    match node.config.text("store_failures_as") {
        Some("view") => Some(Kept::View),
        Some("table") => Some(Kept::Table),
        Some(_) => None,
        None => node.config.flag("store_failures").unwrap_or(by_command).then_some(Kept::Table),
    }
}

/// Whether a test writes to the database, and so needs its schema.
pub(crate) fn keeps_rows(node: &Node, by_command: bool) -> bool {
    kept(node, by_command).is_some()
}

fn keep(task: &Task<'_>, relation: &Relation, kept: Kept, rows: &str) -> Result<(), Failure> {
    let kind = in_transaction(task.connection, || {
        task.forget_script();
        match kept {
            Kept::View => replace_view(task, relation, rows).map(|()| RelationKind::View),
            Kept::Table => replace_table(task, relation, &format!("as (\n{rows}\n)")).map(|_| RelationKind::Table),
        }
    })?;
    task.shared.catalog.note(relation, Some(kind));
    Ok(())
}
