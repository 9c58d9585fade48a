//! One node, from template to result.

use std::sync::Arc;
use std::time::Instant;

use highwater_jinja::Value;
use serde_json::{Map, json};

use super::failure::{self, Failure};
use super::result::{NodeResult, Status};
use super::worker::{Outcome, Shared, Task};
use super::{Command, audits, data_test, materialize, microbatch, timing, unit_test};
use crate::context::{Compiled, Purpose, SharedConnection};
use crate::diagnostics::Diagnostic;
use crate::engine::Table;
use crate::manifest::{Node, ResourceType};

/// Rows shown of a seed that was loaded.
const SAMPLE: u32 = 10;

/// Compiles and runs a node as the command wants it.
pub(crate) fn run(shared: &Shared<'_>, connection: &SharedConnection, node: &Node, thread_id: &str) -> NodeResult {
    let (clock, started) = (Instant::now(), timing::moment());
    let mut result = blank(node, Status::Success, thread_id);
    if let Err(diagnostic) = shared.comment_on(connection, Purpose::Node(node)) {
        fail(&mut result, node, diagnostic);
        return result;
    }
    if microbatch::builds(shared.options.command) && microbatch::applies(shared, node) {
        // Each batch has a rendering of its own.
        microbatch::run(shared, connection, node, &mut result);
        result.timing = timing::phases(&started, &started);
        result.execution_time = clock.elapsed().as_secs_f64();
        return result;
    }
    let compiled = match node.resource_type {
        ResourceType::Seed => Ok(Arc::default()),
        _ => shared.compile(node, connection),
    };
    let compiled_at = timing::moment();
    match compiled {
        Err(diagnostic) => match broken_parent(shared, connection, node) {
            Some(parent) => {
                fail(&mut result, parent, diagnostic);
                result.status = Status::Skipped;
            }
            None => fail(&mut result, node, diagnostic),
        },
        Ok(compiled) => {
            if node.resource_type != ResourceType::Seed {
                result.compiled = true;
                result.compiled_code = Some(compiled.sql.clone());
                shared.write_sql("compiled", node, &compiled.sql);
            }
            if let Err(failure) = carry_out(shared, connection, node, &compiled, &mut result) {
                let diagnostic = failure.diagnostic(&shared.compiler, node, Some(&compiled));
                fail(&mut result, node, diagnostic);
            }
            result.old_rows_do = audits::old_rows_do(shared, connection, node, &result);
        }
    }
    result.timing = timing::phases(&started, &compiled_at);
    result.execution_time = clock.elapsed().as_secs_f64();
    result
}

/// The ephemeral model that a node cannot be compiled for: it is to blame, and the node is skipped, as in dbt.
fn broken_parent<'a>(shared: &Shared<'a>, connection: &SharedConnection, node: &Node) -> Option<&'a Node> {
    let parents = node.depends_on.nodes.iter().filter_map(|id| shared.node(id));
    let mut ephemeral = parents.filter(|parent| parent.config.materialized() == "ephemeral");
    ephemeral.find_map(|parent| {
        broken_parent(shared, connection, parent).or_else(|| shared.compile(parent, connection).err().map(|_| parent))
    })
}

/// A result before anything is known.
pub(crate) fn blank(node: &Node, status: Status, thread_id: &str) -> NodeResult {
    let has_relation = match node.resource_type {
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot => node.config.materialized() != "ephemeral",
        _ => false,
    };
    let relation_name = has_relation.then(|| node.relation.written(node.bare));
    NodeResult { relation_name, ..blank_of(&node.unique_id, status, thread_id) }
}

/// A result without a relation, of whatever has this unique id.
pub(crate) fn blank_of(unique_id: &str, status: Status, thread_id: &str) -> NodeResult {
    NodeResult {
        unique_id: unique_id.to_owned(),
        status,
        message: None,
        failures: None,
        execution_time: 0.0,
        thread_id: thread_id.to_owned(),
        timing: Vec::new(),
        adapter_response: Map::new(),
        compiled: false,
        compiled_code: None,
        relation_name: None,
        rows: None,
        batch_results: None,
        exact: None,
        old_rows_do: false,
        table: None,
        diagnostic: None,
    }
}

/// Turns a result into one of a failure.
pub(crate) fn fail(result: &mut NodeResult, node: &Node, diagnostic: Diagnostic) {
    result.status = Status::Error;
    result.message = Some(failure::message(node, &diagnostic));
    result.diagnostic = Some(diagnostic);
}

fn carry_out(
    shared: &Shared<'_>,
    connection: &SharedConnection,
    node: &Node,
    compiled: &Arc<Compiled>,
    result: &mut NodeResult,
) -> Result<(), Failure> {
    if shared.options.command == Command::Compile {
        return Ok(());
    }
    let task = Task::new(shared, connection, node, Arc::clone(compiled));
    let mut outcome = match (shared.options.command, node.resource_type) {
        (Command::Show, _) => {
            let sql = shown(&task)?;
            let table = Some(task.query(&sql)?);
            result.compiled_code = Some(sql);
            Outcome { table, ..Outcome::default() }
        }
        (_, ResourceType::Test) => {
            let verdict = data_test::run(&task)?;
            result.status = verdict.status;
            result.failures = Some(verdict.failures);
            if data_test::keeps_rows(node, shared.options.store_failures) {
                result.relation_name = Some(node.relation.written(node.bare));
            }
            verdict.outcome
        }
        (_, ResourceType::UnitTest) => {
            let Some(test) = &node.unit_test else { return Ok(()) };
            let verdict = unit_test::run(&task, test)?;
            result.status = verdict.status;
            result.failures = Some(verdict.failures);
            verdict.outcome
        }
        _ => {
            let built = materialize::build(&task)?;
            Outcome { table: loaded(&task)?, ..built }
        }
    };
    let script = task.script();
    if !script.is_empty() && shared.options.command != Command::Show {
        shared.write_sql("run", node, &script);
    }
    let held = outcome.held.take();
    record(result, outcome);
    if let Some(diagnostic) = held {
        let some = result.exact.as_ref().is_some_and(|report| report.changed);
        fail(result, node, diagnostic);
        result.status = if some { Status::PartialSuccess } else { Status::Error };
    }
    Ok(())
}

fn record(result: &mut NodeResult, outcome: Outcome) {
    let Outcome { message, code, rows, exact, table, .. } = outcome;
    let response = &mut result.adapter_response;
    response.insert("_message".into(), json!(message.as_deref().filter(|_| code.is_some()).unwrap_or("OK")));
    if let Some(code) = code {
        response.insert("code".into(), json!(code));
    }
    if let (Some(_), Some(rows)) = (code, rows) {
        response.insert("rows_affected".into(), json!(rows));
    }
    result.message = message;
    result.rows = rows;
    result.exact = exact;
    result.table = table;
}

/// The query of the first rows of a node. The limit stands behind the text, where the order of the rows is still theirs.
fn shown(task: &Task<'_>) -> Result<String, Failure> {
    let rows = match task.node.resource_type {
        ResourceType::Seed => format!("select * from {}", task.node.relation),
        _ => task.compiled.sql.trim().trim_end_matches(';').to_owned(),
    };
    let header = task.node.config.text("sql_header").map_or(Value::from(()), Value::from);
    let limit = task.shared.options.limit.map_or(Value::from(()), Value::from);
    task.macro_text("get_show_sql", &[Value::from(rows), header, limit])
}

/// The first rows of what was loaded, where they are asked for.
fn loaded(task: &Task<'_>) -> Result<Option<Table>, Failure> {
    if !task.shared.options.show_loaded || task.node.resource_type != ResourceType::Seed {
        return Ok(None);
    }
    task.query(&format!("select * from {}\nlimit {SAMPLE}", task.node.relation)).map(Some)
}

/// What a node is, for people: `sql view model main.orders`, `seed file main.countries`, `test unique_orders_id`.
pub(crate) fn description(node: &Node) -> String {
    let place = format!("{}.{}", node.relation.schema, node.relation.identifier);
    match node.resource_type {
        ResourceType::Seed => format!("seed file {place}"),
        ResourceType::Test => format!("test {}", node.name),
        ResourceType::Snapshot => format!("snapshot {place}"),
        ResourceType::UnitTest => {
            let model = node.unit_test.as_ref().map(|test| test.model.as_str()).unwrap_or_default();
            format!("unit_test {model}::{}", node.name)
        }
        ResourceType::Model => {
            let word = if node.config.is_exact() { "exact" } else { node.config.materialized() };
            format!("{} {word} model {place}", node.language)
        }
        other => format!("{} {}", other.word(), node.name),
    }
}

/// Whether a node leaves something in the database, and so needs its schema.
pub(crate) fn leaves_relation(node: &Node, store_failures: bool) -> bool {
    match node.resource_type {
        ResourceType::Model => node.config.materialized() != "ephemeral",
        ResourceType::Seed | ResourceType::Snapshot => true,
        ResourceType::Test => data_test::keeps_rows(node, store_failures),
        _ => false,
    }
}
