//! Hooks: SQL that a project or a model wants run before and after.
//!
//! A model's hook is a text or `{sql, transaction}`. Those with `transaction: true` (the default) belong to the model's
//! own transaction, the others run outside of it, each on its own.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::failure::{self, Failure};
use super::result::{NodeResult, Status};
use super::transaction::{in_transaction, lock};
use super::worker::{Shared, Task};
use super::{Event, node, timing};
use crate::artifacts;
use crate::context::{self, Purpose, SharedConnection};
use crate::manifest::Config;
use crate::project::Package;

/// A hook of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    /// A template.
    pub(crate) sql: String,
    /// Whether it belongs to the model's transaction.
    pub(crate) transaction: bool,
}

/// When a model's hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// `pre_hook`
    Before,
    /// `post_hook`
    After,
}

impl Moment {
    fn keys(self) -> [&'static str; 2] {
        match self {
            Self::Before => ["pre-hook", "pre_hook"],
            Self::After => ["post-hook", "post_hook"],
        }
    }
}

/// The hooks of a model.
pub(crate) fn hooks_of(config: &Config, moment: Moment) -> Vec<Hook> {
    moment.keys().into_iter().filter_map(|key| config.get(key)).flat_map(hooks).collect()
}

fn hooks(value: &Value) -> Vec<Hook> {
    match value {
        Value::Array(items) => items.iter().flat_map(hooks).collect(),
        Value::Object(map) => map
            .get("sql")
            .and_then(Value::as_str)
            .map(|sql| Hook {
                sql: sql.to_owned(),
                transaction: map.get("transaction").and_then(Value::as_bool).unwrap_or(true),
            })
            .into_iter()
            .collect(),
        Value::String(text) if text.trim().is_empty() => Vec::new(),
        // dbt's helpers `before_begin` and `after_commit` write a hook as JSON into a text.
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(object @ Value::Object(_)) => hooks(&object),
            _ => vec![Hook { sql: text.clone(), transaction: true }],
        },
        _ => Vec::new(),
    }
}

/// Runs a model's hooks of one moment, those inside or those outside of the transaction. Returns how many there were.
///
/// # Errors
/// When a template raises or a statement fails.
pub(crate) fn run_hooks(task: &Task<'_>, moment: Moment, transaction: bool) -> Result<usize, Failure> {
    let others = task.part.is_some_and(|part| match moment {
        Moment::Before => !part.first,
        Moment::After => !part.last,
    });
    if others {
        return Ok(0);
    }
    let hooks: Vec<Hook> =
        hooks_of(&task.node.config, moment).into_iter().filter(|hook| hook.transaction == transaction).collect();
    for hook in &hooks {
        let node = task.node;
        let sql = task.shared.compiler.render(
            Some(node),
            task.connection,
            &node.package_name,
            &node.original_file_path,
            &hook.sql,
        )?;
        if !is_empty(&sql) {
            task.tell(&sql);
            task.connection().execute(&sql).map_err(|error| hook_failed(moment, &sql, &error))?;
        }
    }
    Ok(hooks.len())
}

fn hook_failed(moment: Moment, sql: &str, error: &crate::engine::EngineError) -> Failure {
    if matches!(error, crate::engine::EngineError::Conflict { .. }) {
        return Failure::Engine(error.clone());
    }
    let diagnostic = failure::engine_diagnostic(error);
    Failure::Told(diagnostic.note(format!("in its {}: {}", moment.keys()[1], sql.trim())))
}

/// Whether a statement is only white space.
fn is_empty(sql: &str) -> bool {
    sql.trim().trim_end_matches(';').trim().is_empty()
}

/// Runs the hooks of the project and its packages: packages by name, the project last.
///
/// With `done`, what became of the nodes, these are the hooks of the run's end; without, of its start.
pub(crate) fn run_project_hooks(
    shared: &Shared<'_>,
    connection: &SharedConnection,
    done: Option<&[NodeResult]>,
) -> Vec<NodeResult> {
    let project = &shared.session.project;
    let end = done.is_some();
    let word = if end { "on-run-end" } else { "on-run-start" };
    let mut packages: Vec<&Package> = project.packages.iter().collect();
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    packages.push(&project.main);
    let hooks: Vec<(&Package, usize, &String)> = packages
        .into_iter()
        .flat_map(|package| {
            let texts = if end { &package.on_run_end } else { &package.on_run_start };
            texts.iter().enumerate().map(move |(number, text)| (package, number, text))
        })
        .collect();
    let total = hooks.len();
    if total == 0 {
        return Vec::new();
    }
    let names = done.map(|done| names_of_the_end(shared, done)).unwrap_or_default();
    let mut results = Vec::new();
    for (index, (package, number, text)) in hooks.into_iter().enumerate() {
        let (index, name) = (index + 1, format!("{}.{word}.{number}", package.name));
        (shared.events)(Event::HookStarted { index, total, name: name.clone() });
        let mut result = run_project_hook(shared, connection, package, text, &names);
        let (status, execution_time) = (result.status, result.execution_time);
        result.unique_id = format!("operation.{0}.{0}-{word}-{number}", package.name);
        result.message = Some(match &result.diagnostic {
            None => format!("{name} passed"),
            Some(diagnostic) => format!("{name} failed, error: {}", diagnostic.title),
        });
        shared.pass_on_messages();
        (shared.events)(Event::HookFinished { index, total, name, status, execution_time });
        let raised = !result.compiled;
        results.push(result);
        if raised && !end {
            break;
        }
    }
    results
}

/// What hooks at the end of a run know besides: `results`, `schemas` and `database_schemas`.
fn names_of_the_end(shared: &Shared<'_>, done: &[NodeResult]) -> Vec<(&'static str, highwater_jinja::Value)> {
    let built: Vec<&crate::manifest::Node> = done
        .iter()
        .filter(|result| result.status == Status::Success)
        .filter_map(|result| shared.node(&result.unique_id))
        .filter(|node| node::leaves_relation(node, false))
        .collect();
    let mut pairs: Vec<[&str; 2]> =
        built.iter().map(|node| [node.relation.database.as_str(), node.relation.schema.as_str()]).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut schemas: Vec<&str> = pairs.iter().map(|pair| pair[1]).collect();
    schemas.dedup();
    // As in dbt: hooks are no results here, unless they failed.
    let shown = done.iter().filter(|result| result.status.is_failure() || !result.unique_id.starts_with("operation."));
    let results = shown.filter_map(|result| result_value(shared, result)).collect();
    let value = |json: Value| highwater_jinja::from_json(&json);
    vec![
        ("results", highwater_jinja::list(results)),
        ("schemas", value(json!(schemas))),
        ("database_schemas", value(json!(pairs))),
    ]
}

/// A result as hooks have it: `res.node.unique_id`, `res.status`, `res.to_dict()`, ...
fn result_value(shared: &Shared<'_>, result: &NodeResult) -> Option<highwater_jinja::Value> {
    let manifest = &shared.session.manifest;
    let node = match shared.node(&result.unique_id) {
        Some(node) => context::node_json(node, result.compiled_code.as_deref()),
        None => artifacts::manifest_entry(manifest, &result.unique_id)?,
    };
    let fields = json!({
        "status": result.status, "timing": result.timing, "thread_id": result.thread_id,
        "execution_time": result.execution_time, "adapter_response": result.adapter_response,
        "message": result.message, "failures": result.failures, "agate_table": null,
        "batch_results": result.batch_results, "unique_id": result.unique_id,
    });
    Some(context::result_value(&node, &fields))
}

fn run_project_hook(
    shared: &Shared<'_>,
    connection: &SharedConnection,
    package: &Package,
    text: &str,
    names: &[(&str, highwater_jinja::Value)],
) -> NodeResult {
    let (clock, started) = (Instant::now(), timing::moment());
    let file = "dbt_project.yml";
    let rendered = shared.compiler.render_with(None, connection, &package.name, file, text, names);
    let (compiled_at, compiled) = (timing::moment(), rendered.is_ok());
    let outcome = rendered.and_then(|sql| {
        shared.comment_on(connection, Purpose::Connection("master"))?;
        if !is_empty(&sql) {
            in_transaction(connection, || Ok(lock(connection).execute(&sql)?)).map_err(Failure::told)?;
        }
        Ok(sql)
    });
    let (status, compiled_code, diagnostic) = match outcome {
        Ok(sql) => (Status::Success, Some(sql), None),
        Err(diagnostic) => (Status::Error, None, Some(diagnostic)),
    };
    NodeResult {
        unique_id: String::new(),
        status,
        message: None,
        failures: Some(u64::from(status.is_failure())),
        execution_time: clock.elapsed().as_secs_f64(),
        thread_id: "main".to_owned(),
        timing: timing::phases(&started, &compiled_at),
        adapter_response: Map::new(),
        compiled,
        compiled_code,
        relation_name: None,
        rows: None,
        batch_results: None,
        exact: None,
        old_rows_do: false,
        table: None,
        diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_write_a_hook() {
        let config = Config::from(
            serde_json::from_value::<indexmap::IndexMap<_, _>>(json!({
                "pre-hook": [{"sql": "one", "transaction": false}, "two"],
                "pre_hook": "{\"sql\": \"three\", \"transaction\": false}",
                "post_hook": ["", {"sql": "four"}],
            }))
            .expect("a map"),
        );
        let words = |moment| {
            hooks_of(&config, moment)
                .iter()
                .map(|hook| format!("{} {}", hook.sql, hook.transaction))
                .collect::<Vec<_>>()
        };
        assert_eq!(words(Moment::Before), ["one false", "two true", "three false"]);
        assert_eq!(words(Moment::After), ["four true"]);
    }
}
