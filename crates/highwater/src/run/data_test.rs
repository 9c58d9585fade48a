//! Data tests: a query that should find nothing, and what to say when it finds something.

use super::failure::Failure;
use super::materialize::{replace_table, replace_view};
use super::result::Status;
use super::transaction::in_transaction;
use super::worker::{Outcome, Task};
use crate::engine::{Relation, RelationKind};
use crate::manifest::{Config, Node};

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
    let mut rows = task.compiled.sql.trim().trim_end_matches(';').to_owned();
    if let Some(limit) = config.get("limit") {
        rows = format!("{rows}\nlimit {limit}");
    }
    if let Some(kept) = kept(task.node, task.shared.options.store_failures) {
        let relation = &task.node.relation;
        keep(task, relation, kept, &rows)?;
        rows = format!("select * from {relation}");
    }
    let count = config.text("fail_calc").unwrap_or("count(*)");
    let table = task.query(&format!(
        "select\n  {count} as failures,\n  {count} {} as should_warn,\n  {count} {} as should_error\nfrom (\n{rows}\n) dbt_internal_test",
        threshold(config, "warn_if"),
        threshold(config, "error_if"),
    ))?;
    let cell = |index: usize| table.rows.first().and_then(|row| row.get(index));
    let failures = cell(0).and_then(|cell| match cell {
        crate::engine::Cell::Float(value) => Some(*value as i128),
        other => other.as_integer(),
    });
    let failures = failures.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    let is_true = |index: usize| cell(index).is_some_and(|cell| *cell == crate::engine::Cell::Boolean(true));
    Ok(judge(config, failures, is_true(1), is_true(2)))
}

fn threshold<'a>(config: &'a Config, key: &str) -> &'a str {
    config.text(key).unwrap_or("!= 0")
}

/// dbt's verdict: an error counts only with severity error, and a warning is what remains.
fn judge(config: &Config, failures: u64, should_warn: bool, should_error: bool) -> Verdict {
    let severe = !config.text("severity").is_some_and(|severity| severity.eq_ignore_ascii_case("warn"));
    let results = if failures == 1 { "1 result".to_owned() } else { format!("{failures} results") };
    let verdict =
        |status, failures, message| Verdict { status, failures, outcome: Outcome { message, ..Outcome::default() } };
    if severe && should_error {
        let text = format!("Got {results}, configured to fail if {}", threshold(config, "error_if"));
        verdict(Status::Fail, failures, Some(text))
    } else if should_warn {
        let text = format!("Got {results}, configured to warn if {}", threshold(config, "warn_if"));
        verdict(Status::Warn, failures, Some(text))
    } else {
        verdict(Status::Pass, 0, None)
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(config: serde_json::Value, failures: u64, should_warn: bool, should_error: bool) -> String {
        let config = Config::from(serde_json::from_value::<indexmap::IndexMap<_, _>>(config).expect("a map"));
        let verdict = judge(&config, failures, should_warn, should_error);
        format!("{} {} {}", verdict.status.word(), verdict.failures, verdict.outcome.message.unwrap_or_default())
    }

    #[test]
    fn severity_and_thresholds() {
        let plain = json!({});
        assert_eq!(verdict(plain.clone(), 2, true, true), "fail 2 Got 2 results, configured to fail if != 0");
        assert_eq!(verdict(plain, 0, false, false), "pass 0 ");
        assert_eq!(
            verdict(json!({"severity": "WARN"}), 1, true, true),
            "warn 1 Got 1 result, configured to warn if != 0"
        );
        let thresholds = json!({"error_if": ">10", "warn_if": ">1"});
        assert_eq!(verdict(thresholds, 5, true, false), "warn 5 Got 5 results, configured to warn if >1");
    }
}
