//! Materializations written in Jinja: those of the project and its packages, and our own of snapshots.
//!
//! They run hooks and statements by themselves and say where their transaction begins; what they leave open is committed
//! or rolled back by the compiler.

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::refresh;
use crate::manifest::{MacroNode, ResourceType};

/// The macro for the node's materialization, when there is one.
pub(crate) fn find<'a>(task: &Task<'a>) -> Option<&'a MacroNode> {
    let word = match task.node.resource_type {
        ResourceType::Seed => "seed",
        ResourceType::Snapshot => "snapshot",
        _ => task.node.config.materialized(),
    };
    task.shared.session.macros.materialization(word)
}

/// Calls it.
pub(crate) fn build(task: &Task<'_>, found: &MacroNode) -> Result<Outcome, Failure> {
    let compiler = &task.shared.compiler;
    let done = compiler.call_materialization(task.node, &task.compiled, task.connection, &found.unique_id)?;
    for sql in &done.written {
        task.record(sql);
    }
    refresh(task, &task.node.relation)?;
    let kind = super::kind(task, &task.node.relation)?;
    Ok(Outcome { message: Some("OK".to_owned()), kind, ..Outcome::default() })
}
