//! `sources.json`, version 3: how fresh the sources are.

use serde_json::{Value, json};

use super::metadata;
use crate::run::{FreshnessResult, written_moment};
use crate::session::Session;

/// What was found, in dbt's schema.
pub fn sources_json(session: &Session, results: &[FreshnessResult], elapsed: f64) -> Value {
    json!({
        "metadata": metadata::sources(session),
        "results": results.iter().map(result).collect::<Vec<_>>(),
        "elapsed_time": elapsed,
    })
}

fn result(result: &FreshnessResult) -> Value {
    let Some(loaded) = result.max_loaded_at else {
        let error = result.diagnostic.as_ref().map(|problem| problem.title.clone());
        return json!({ "unique_id": result.unique_id, "error": error, "status": result.status });
    };
    let part = |key: &str| result.criteria.get(key).cloned().unwrap_or_default();
    let threshold = |key: &str| match part(key) {
        Value::Null => json!({ "count": null, "period": null }),
        given => given,
    };
    json!({
        "unique_id": result.unique_id,
        "max_loaded_at": written_moment(loaded),
        "snapshotted_at": written_moment(result.snapshotted_at),
        "max_loaded_at_time_ago_in_s": result.age(),
        "status": result.status,
        "criteria": {
            "warn_after": threshold("warn_after"),
            "error_after": threshold("error_after"),
            "filter": part("filter"),
        },
        "adapter_response": {},
        "timing": result.timing,
        "thread_id": "Thread-1 (worker)",
        "execution_time": result.execution_time,
    })
}
