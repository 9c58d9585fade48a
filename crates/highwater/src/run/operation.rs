//! `run-operation`: one macro, called for what it does.

use std::time::Instant;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::worker::Shared;
use super::{Event, NodeResult, RunOptions, RunResults, Status, execute, timing};
use crate::context::Purpose;
use crate::diagnostics::Diagnostic;
use crate::session::Session;

/// See [`super::run_operation`].
pub(super) fn run_operation(
    session: &Session,
    options: &RunOptions,
    name: &str,
    arguments: &IndexMap<String, Value>,
    events: &(dyn Fn(Event) + Sync),
) -> Result<RunResults, Vec<Diagnostic>> {
    let clock = Instant::now();
    let started = timing::moment();
    let one = |diagnostic: Diagnostic| vec![diagnostic];
    let shared = Shared::new(session, options, events, &IndexSet::new()).map_err(one)?;
    let connection = shared.connect().map_err(Failure::told).map_err(one)?;
    shared.comment_on(&connection, Purpose::Connection(&format!("macro_{name}"))).map_err(one)?;
    let outcome = shared.compiler.run_operation(&connection, name, arguments);
    shared.pass_on_messages();
    if let Err(problem) = &outcome
        && problem.code == "HW0310"
    {
        return Err(vec![problem.clone()]);
    }
    let unique_id = match name.split_once('.') {
        Some(_) => format!("macro.{name}"),
        None => format!("macro.{}.{name}", session.project.name),
    };
    let elapsed = clock.elapsed().as_secs_f64();
    let diagnostic = outcome.err();
    let result = NodeResult {
        unique_id,
        status: if diagnostic.is_some() { Status::Error } else { Status::Success },
        message: diagnostic.as_ref().map(|problem| problem.title.clone()),
        failures: Some(u64::from(diagnostic.is_some())),
        execution_time: elapsed,
        thread_id: "MainThread".to_owned(),
        timing: timing::phases(&started, &started),
        adapter_response: Map::new(),
        compiled: false,
        compiled_code: None,
        relation_name: None,
        rows: None,
        batch_results: None,
        exact: None,
        old_rows_do: false,
        table: None,
        diagnostic,
    };
    let mut results = RunResults { results: vec![result], elapsed, diagnostics: Vec::new() };
    if options.write_json {
        execute::write_artifacts(&shared, &results);
    }
    results.diagnostics.extend(shared.take_problems());
    Ok(results)
}
