//! Materializations written in Jinja, in the project or one of its packages.
//!
//! They run hooks and statements by themselves. What they leave open is committed here; what fails is rolled back.

use super::super::failure::Failure;
use super::super::transaction::lock;
use super::super::worker::{Outcome, Task};
use super::refresh;
use crate::manifest::{MacroNode, ResourceType};

/// The macro for the node's materialization, when the project brings one.
pub(crate) fn find(task: &Task<'_>) -> Option<MacroNode> {
    let word = match task.node.resource_type {
        ResourceType::Seed => "seed",
        _ => task.node.config.materialized(),
    };
    let found = task.shared.session.macros.materialization(word)?;
    // Our own package may carry macros of these names for projects that call them: the built-in kinds are not Jinja.
    task.shared.session.project.package(&found.package_name).map(|_| found.clone())
}

/// Calls it.
pub(crate) fn build(task: &Task<'_>, macro_node: &MacroNode) -> Result<Outcome, Failure> {
    lock(task.connection).begin()?;
    let called = task.shared.compiler.call_macro(task.node, task.connection, &macro_node.name, &[], &[]);
    if let Err(diagnostic) = called {
        // The macro may have ended the transaction itself; then there is nothing to roll back.
        let _ = lock(task.connection).rollback();
        return Err(diagnostic.into());
    }
    if let Err(error) = lock(task.connection).commit()
        && !error.to_string().contains("no transaction is active")
    {
        let _ = lock(task.connection).rollback();
        return Err(error.into());
    }
    task.record(&task.compiled.sql);
    refresh(task, &task.node.relation)?;
    let kind = super::kind(task, &task.node.relation)?;
    Ok(Outcome { message: Some("OK".to_owned()), kind, ..Outcome::default() })
}
