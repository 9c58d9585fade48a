//! `run_results.json`, version 6.

use serde_json::Value;

use crate::run::{RunOptions, RunResults};
use crate::session::Session;

/// What became of every node, in dbt's schema.
pub fn run_results_json(session: &Session, options: &RunOptions, results: &RunResults) -> Value {
    serde_json::json!({ "invocation_id": session.project.invocation_id, "which": options.command.word(), "elapsed_time": results.elapsed })
}
