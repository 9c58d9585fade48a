//! `run_results.json`, version 6: what became of every node.

use serde_json::{Map, Value, json};

use super::metadata;
use crate::run::{NodeResult, RunOptions, RunResults};
use crate::session::Session;

/// What became of every node, in dbt's schema.
pub fn run_results_json(session: &Session, options: &RunOptions, results: &RunResults) -> Value {
    let mut arguments: Map<String, Value> = options.arguments.clone();
    let mut otherwise = |key: &str, value: Value| {
        arguments.entry(key).or_insert(value);
    };
    otherwise("which", json!(options.command.word()));
    otherwise("full_refresh", json!(options.full_refresh));
    otherwise("fail_fast", json!(options.fail_fast));
    otherwise("select", json!(options.selection.select));
    otherwise("exclude", json!(options.selection.exclude));
    otherwise("vars", json!(session.project.cli_vars));
    otherwise("project_dir", json!(session.project.root));
    json!({
        "metadata": metadata::run_results(session),
        "results": results.results.iter().map(result).collect::<Vec<_>>(),
        "elapsed_time": results.elapsed,
        "args": arguments,
    })
}

fn result(result: &NodeResult) -> Value {
    let mut entry = json!({
        "status": result.status,
        "timing": result.timing,
        "thread_id": result.thread_id,
        "execution_time": result.execution_time,
        "adapter_response": result.adapter_response,
        "message": result.message,
        "failures": result.failures,
        "unique_id": result.unique_id,
        "compiled": result.compiled.then_some(true),
        "compiled_code": result.compiled_code,
        "relation_name": result.relation_name,
        "batch_results": result.batch_results,
    });
    // What an exact model's run did, for readers who know Highwater; others pass over it inside the adapter's answer.
    if let (Some(report), Some(response)) = (&result.exact, entry["adapter_response"].as_object_mut()) {
        response.insert("highwater".into(), json!(report));
    }
    entry
}
