//! Tests before publishing, within a run: which there are, what was held back for them, and what becomes of those who read the table.

use super::failure::Failure;
use super::result::NodeResult;
use super::transaction::lock;
use super::worker::{Shared, Task};
use crate::audit::{self, AuditError, AuditTest, Staged};
use crate::context::SharedConnection;
use crate::diagnostics::Diagnostic;
use crate::engine::{EngineError, Relation};
use crate::exact::SwapReport;
use crate::manifest::Node;

/// The code of what is said when something was held back.
const HELD: &str = "HW0515";

/// The tests that guard the task's node, compiled.
///
/// # Errors
/// When a test's template raises.
pub(crate) fn tests(task: &Task<'_>) -> Result<Vec<AuditTest>, Diagnostic> {
    let shared = task.shared;
    let guards = audit::guards(&shared.session.manifest, &task.node.unique_id);
    let compiled = guards.into_iter().map(|test| Ok(audit::guard(test, &shared.compile(test, task.connection)?.sql)));
    compiled.collect()
}

/// Asks the tests of a whole table about its draft, in the transaction that made it. Nothing happens for models that do not ask for it.
///
/// # Errors
/// When a test fails, or cannot be asked: the draft must not be published.
pub(crate) fn whole_table(task: &Task<'_>, draft: &Relation) -> Result<(), Failure> {
    if !task.node.config.is_audited() {
        return Ok(());
    }
    let tests = tests(task)?;
    let rows = format!("select * from {draft}");
    let staged =
        Staged { relation: &task.node.relation, whole: rows.clone(), rows, partition: None, columns: Vec::new() };
    let audited = audit::audit(lock(task.connection).as_mut(), &tests, &staged).map_err(|error| match error {
        AuditError::Engine { source: source @ (EngineError::Conflict { .. } | EngineError::Lost { .. }), .. } => {
            Failure::Engine(source)
        }
        error => Failure::Told(error.diagnostic(&task.node.name)),
    })?;
    let failed: Vec<_> = audited.iter().filter(|audited| audited.failed()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let name = &task.node.name;
    let mut diagnostic =
        Diagnostic::error(HELD, format!("{name} is held back: its new rows fail {}", tests_word(failed.len())));
    for test in failed {
        diagnostic = diagnostic.note(format!("{}: {}", test.name, test.message.as_deref().unwrap_or("failed")));
    }
    Err(Failure::Told(
        diagnostic
            .note("the table is as it was before the run")
            .help("correct the model, its sources or the test, then run again"),
    ))
}

/// What the user is told when partitions of an exact model were held back.
pub(crate) fn held(name: &str, report: &SwapReport) -> Option<Diagnostic> {
    if report.held_count == 0 {
        return None;
    }
    let failed: Vec<_> = report.audits.iter().filter(|audited| audited.failed()).collect();
    let what = report.cut.count(report.held_count);
    let are = if what == "the table" || report.held_count == 1 { "is" } else { "are" };
    let mut diagnostic = Diagnostic::error(
        HELD,
        format!("{what} of {name} {are} held back: the new rows fail {}", tests_word(failed.len())),
    );
    for test in failed {
        let held = report.held.iter().filter(|partition| partition.tests.contains(&test.name));
        let mut labels: Vec<&str> = held.map(|partition| partition.label.as_str()).collect();
        let more = labels.len().saturating_sub(SHOWN);
        labels.truncate(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        diagnostic = diagnostic.note(format!(
            "{}: {} ({}{more})",
            test.name,
            test.message.as_deref().unwrap_or("failed"),
            labels.join(", ")
        ));
    }
    let published = match report.replaced_count {
        0 => "nothing was published".to_owned(),
        count => format!("{} passed and were published", report.cut.count(count)),
    };
    Some(
        diagnostic
            .note(format!("{published}; what is held back keeps its old rows, and the next run tries again"))
            .help("correct the model, its sources or the test, then run again"),
    )
}

/// How many partitions a line names.
const SHOWN: usize = 5;

fn tests_word(count: usize) -> String {
    if count == 1 { "1 test".to_owned() } else { format!("{count} tests") }
}

/// Whether those who read a node go on with its old rows after new ones were held back.
pub(crate) fn old_rows_do(
    shared: &Shared<'_>,
    connection: &SharedConnection,
    node: &Node,
    result: &NodeResult,
) -> bool {
    let is_held = result.diagnostic.as_ref().is_some_and(|diagnostic| diagnostic.code == HELD);
    let there = || shared.catalog.kind(lock(connection).as_mut(), &node.relation).is_ok_and(|kind| kind.is_some());
    is_held && node.config.uses_old() && there()
}
