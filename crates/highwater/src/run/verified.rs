//! The models that `verify` compares: incremental ones of every strategy, each with the query that a full refresh would run.

use indexmap::IndexMap;
use serde_json::Value;

use super::exact::{exact_model, surroundings};
use super::execute::selected_nodes;
use super::worker::Shared;
use super::{RunOptions, VerifiedModel};
use crate::context::SharedConnection;
use crate::diagnostics::Diagnostic;
use crate::exact::Surroundings;
use crate::manifest::{BatchSize, Manifest, Node, ResourceType, graph};
use crate::session::Session;
use crate::verify::Strategy;

/// dbt's `lookback` of microbatch models that do not say another.
const LOOKBACK: u32 = 1;

/// See [`super::verify_inputs`].
pub(super) fn verify_inputs(
    session: &Session,
    options: &RunOptions,
) -> Result<(Vec<VerifiedModel>, Surroundings), Vec<Diagnostic>> {
    let silent = |_| {};
    let selected = selected_nodes(session, options).map_err(|diagnostic| vec![diagnostic])?;
    let options = RunOptions { full_refresh: true, ..options.clone() };
    let shared = Shared::new(session, &options, &silent, &selected).map_err(|diagnostic| vec![diagnostic])?;
    let connection = shared.connect().map_err(|failure| vec![failure.told()])?;
    let mut problems: IndexMap<&str, Diagnostic> = IndexMap::new();
    let (mut models, mut nodes) = (Vec::new(), Vec::new());
    let in_order = graph::order(&session.manifest);
    for node in in_order.iter().filter(|id| selected.contains(*id)).filter_map(|id| shared.node(id)) {
        if node.resource_type != ResourceType::Model || node.config.materialized() != "incremental" {
            continue;
        }
        match compile(&shared, &connection, node) {
            Ok(sql) => {
                models.push(model(&session.manifest, node, &sql));
                nodes.push(node);
            }
            Err(diagnostic) => drop(problems.insert(&node.unique_id, diagnostic)),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into_values().collect());
    }
    let around = surroundings(&shared, &connection, &nodes).map_err(|diagnostic| vec![diagnostic])?;
    Ok((models, around))
}

/// The query of a full refresh, also of a model that forbids one.
fn compile(shared: &Shared<'_>, connection: &SharedConnection, node: &Node) -> Result<String, Diagnostic> {
    if node.config.is_exact() {
        return Ok(shared.compile(node, connection)?.sql.clone());
    }
    let mut rebuilt = node.clone();
    rebuilt.config.set("full_refresh", Value::Bool(true));
    Ok(shared.compiler.compile(&rebuilt, connection)?.sql)
}

fn model(manifest: &Manifest, node: &Node, sql: &str) -> VerifiedModel {
    let mut model = exact_model(manifest, node, sql, false);
    if node.config.is_exact() {
        return VerifiedModel { model, strategy: None };
    }
    // dbt's other strategies know no steps of time.
    model.batch_size = model.batch_size.or(model.event_time.as_ref().map(|_| BatchSize::Day));
    let word = node.config.text("incremental_strategy").unwrap_or("default").to_owned();
    let lookback =
        node.config.get("lookback").and_then(Value::as_u64).and_then(|lookback| u32::try_from(lookback).ok());
    let lookback = if node.config.is_microbatch() { Some(lookback.unwrap_or(LOOKBACK)) } else { lookback };
    VerifiedModel { model, strategy: Some(Strategy { word, lookback }) }
}
