//! The seam to backfills: which models one can reach, in terms of the manifest, and what else hangs on them.

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::exact::{exact_model, surroundings};
use super::execute::selected_nodes;
use super::metrics::metrics;
use super::worker::Shared;
use super::{Command, RunOptions};
use crate::audit::{self, AuditTest};
use crate::backfill::{BackfillMetric, BackfillModel, Reached};
use crate::context::SharedConnection;
use crate::diagnostics::Diagnostic;
use crate::exact::{ExactModel, Surroundings};
use crate::manifest::{BatchSize, Config, Manifest, Node, Owner, ResourceType, graph};
use crate::runbook::owner;
use crate::session::Session;

/// Days for which old rows are kept, when nothing is said.
const KEEP_DAYS: u32 = 14;

/// Days after which a plan is too old, when nothing is said.
const EXPIRES_DAYS: u32 = 30;

/// What a backfill works on.
pub struct BackfillInputs {
    /// The models, parents first.
    pub models: Vec<BackfillModel>,
    /// What stands around them.
    pub around: Surroundings,
    /// What else they reach.
    pub reached: Reached,
    /// The metrics that rest on them.
    pub metrics: Vec<BackfillMetric>,
}

/// The models that a selection asks for, and everything downstream of them that can be rebuilt by partitions.
///
/// # Errors
/// When a model does not compile.
pub fn backfill_selection(session: &Session, options: &RunOptions) -> Result<BackfillInputs, Vec<Diagnostic>> {
    let selected = selected_nodes(session, options).map_err(|problem| vec![problem])?;
    let manifest = &session.manifest;
    let asked: Vec<String> = selected.iter().filter(|id| node(manifest, id).is_some_and(can)).cloned().collect();
    let below = graph::descendants(manifest, &asked, None);
    let mut ids: IndexMap<String, bool> = IndexMap::new();
    for id in graph::order(manifest) {
        let is_asked = asked.contains(&id);
        if is_asked || (below.contains_key(&id) && node(manifest, &id).is_some_and(follows)) {
            ids.insert(id, is_asked);
        }
    }
    inputs(session, options, &ids)
}

/// The models of a plan, by their unique ids, in its order.
///
/// # Errors
/// When a model is gone, or does not compile.
pub fn backfill_models(session: &Session, ids: &[(String, bool)]) -> Result<BackfillInputs, Vec<Diagnostic>> {
    if let Some((gone, _)) = ids.iter().find(|(id, _)| !node(&session.manifest, id).is_some_and(can)) {
        return Err(vec![
            Diagnostic::error("HW0801", format!("{gone} is no longer a model that can be backfilled"))
                .note("it was when the backfill was planned")
                .help("bring it back, or plan again: hw backfill plan"),
        ]);
    }
    inputs(session, &RunOptions::new(Command::Run), &ids.iter().cloned().collect())
}

fn node<'a>(manifest: &'a Manifest, id: &str) -> Option<&'a Node> {
    manifest.nodes.get(id).map(AsRef::as_ref)
}

/// Whether a node's table can be rebuilt by partitions: exact models, and others that are incremental by an event time.
fn can(node: &Node) -> bool {
    node.resource_type == ResourceType::Model
        && node.config.materialized() == "incremental"
        && (node.config.is_exact() || node.config.text("event_time").is_some())
}

/// Whether a backfill of what a node reads takes it along. What keeps partials is brought up to date by the next run.
fn follows(node: &Node) -> bool {
    can(node) && node.config.partials().is_none()
}

fn inputs(
    session: &Session,
    options: &RunOptions,
    ids: &IndexMap<String, bool>,
) -> Result<BackfillInputs, Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let silent = |_| {};
    let options = RunOptions { full_refresh: true, ..options.clone() };
    let chosen: IndexSet<String> = ids.keys().cloned().collect();
    let shared = Shared::new(session, &options, &silent, &chosen).map_err(one)?;
    let connection = shared.connect().map_err(|failure| vec![failure.told()])?;
    let manifest = &session.manifest;
    let (mut models, mut nodes) = (Vec::new(), Vec::new());
    for (id, selected) in ids {
        let Some(node) = shared.node(id) else { continue };
        models.push(model(&shared, &connection, node, *selected).map_err(one)?);
        nodes.push(node);
    }
    let around = surroundings(&shared, &connection, &nodes).map_err(one)?;
    let metrics = metrics(manifest, &chosen);
    Ok(BackfillInputs { models, around, reached: reached(manifest, &chosen, &metrics), metrics })
}

/// A node as a backfill sees it: compiled as for a full refresh, whatever it is on.
fn model(
    shared: &Shared<'_>,
    connection: &SharedConnection,
    node: &Node,
    selected: bool,
) -> Result<BackfillModel, Diagnostic> {
    let config = &node.config;
    let is_exact = config.is_exact();
    let compiled = if is_exact {
        shared.compile(node, connection)?.sql.clone()
    } else {
        let mut anew = node.clone();
        anew.config.set("full_refresh", Value::Bool(true));
        shared.compiler.compile(&anew, connection)?.sql
    };
    if config.partials().is_some() {
        return Err(Diagnostic::error(
            "HW0517",
            format!("{} keeps partials, and a backfill cannot build those", node.name),
        )
        .note("nothing was planned")
        .help(format!("rebuild both: hw run --full-refresh --select {}", node.name))
        .help("or remove meta.highwater.partials of it first"));
    }
    let exact = exact_model(&shared.session.manifest, node, &compiled, false);
    let batch_size = exact.batch_size.or_else(|| (!is_exact).then_some(BatchSize::Day));
    let model = ExactModel { full_refresh: false, batch_size, ..exact };
    let days = |key: &str, otherwise: u32| number(config, key).unwrap_or(otherwise);
    Ok(BackfillModel {
        model,
        is_exact,
        strategy: config.text("incremental_strategy").unwrap_or("incremental").to_owned(),
        selected,
        protected: config.flag("full_refresh") == Some(false),
        tests: tests(shared, connection, &node.unique_id)?,
        tolerance: tolerance(config),
        approvals: number(config, "approvals").unwrap_or(0),
        expires_days: days("expires", EXPIRES_DAYS),
        keep_days: days("keep", KEEP_DAYS),
    })
}

/// A number under `meta.highwater.backfill`.
fn number(config: &Config, key: &str) -> Option<u32> {
    config.highwater("backfill")?.get(key)?.as_u64().and_then(|number| u32::try_from(number).ok())
}

/// `meta.highwater.backfill.tolerance`: columns and fractions.
fn tolerance(config: &Config) -> Vec<(String, f64)> {
    let map = config.highwater("backfill").and_then(|backfill| backfill.get("tolerance")).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

/// The tests that guard a model, compiled, by name.
fn tests(shared: &Shared<'_>, connection: &SharedConnection, id: &str) -> Result<Vec<AuditTest>, Diagnostic> {
    let mut guards = audit::guards(&shared.session.manifest, id);
    guards.sort_by(|one, other| one.name.cmp(&other.name));
    guards.into_iter().map(|test| Ok(audit::guard(test, &shared.compile(test, connection)?.sql))).collect()
}

/// What hangs on models: exposures, metrics, owners, and tables that only a run brings up to date.
fn reached(manifest: &Manifest, ids: &IndexSet<String>, metrics: &[BackfillMetric]) -> Reached {
    let own: Vec<String> = ids.iter().cloned().collect();
    let below = graph::descendants(manifest, &own, None);
    let mut reached = Reached::default();
    let mut owners: Vec<String> = Vec::new();
    for id in below.keys() {
        if let Some(exposure) = manifest.exposures.get(id) {
            let Owner { name: owner, email } = &exposure.owner;
            let name = format!("{} {}", exposure.exposure_type, exposure.label.as_deref().unwrap_or(&exposure.name));
            let words = [owner.as_deref(), email.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(", ");
            reached.exposures.push(if words.is_empty() { name } else { format!("{name} ({words})") });
            owners.extend(owner.clone().or(email.clone()));
        }
        if let Some(node) = manifest.nodes.get(id)
            && node.resource_type == ResourceType::Model
            && !follows(node)
            && !matches!(node.config.materialized(), "view" | "ephemeral")
        {
            reached.owed.push(node.name.clone());
        }
    }
    owners.extend(ids.iter().filter_map(|id| owner(manifest, manifest.nodes.get(id)?)));
    reached.metrics = metrics
        .iter()
        .map(|metric| match metric.tolerance {
            Some(tolerance) => format!("{} (may move by {} %)", metric.name, tolerance * 100.0),
            None => metric.name.clone(),
        })
        .collect();
    owners.retain(|owner| !owner.is_empty());
    for list in [&mut reached.exposures, &mut reached.metrics, &mut owners] {
        list.sort();
        list.dedup();
    }
    reached.owners = owners;
    reached
}
