//! The seam to the exact strategy: what it is asked, in terms of the manifest, and what its answer means for a run.

use std::sync::Arc;

use indexmap::IndexMap;

use super::audits;
use super::execute::selected_nodes;
use super::failure::Failure;
use super::transaction::{again_on_conflict, lock};
use super::worker::{Outcome, Shared, Task};
use super::{Command, RunOptions};
use crate::context::SharedConnection;
use crate::diagnostics::Diagnostic;
use crate::engine::{Relation, RelationKind};
use crate::exact::{
    self, ExactError, ExactModel, ExactParent, Mode, PlannedModel, RunIdentity, Surroundings, SwapReport, ViewText,
    Writers,
};
use crate::manifest::{Config, Manifest, Node, ResourceType, declared_keys, declared_never_null, graph};
use crate::session::Session;

/// Brings an exact model's table to what a rebuild would hold.
///
/// # Errors
/// When it refuses, or the engine does; the table and its ledger are as they were then.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let (shared, node) = (task.shared, task.node);
    let mut model = exact_model(&shared.session.manifest, node, &task.compiled.sql, shared.options.full_refresh);
    if node.config.is_audited() {
        model.audits = audits::tests(task)?;
    }
    let around = surroundings(shared, task.connection, &[node])?;
    let run = identity(shared);
    let writers = Writers::new(Arc::clone(&shared.engine), shared.session.project.wait);
    task.record(&task.compiled.sql);
    let report = again_on_conflict(|| {
        let built = exact::run(lock(task.connection).as_mut(), &model, &around, &run, Some(&writers));
        built.map_err(|error| match error.engine_error() {
            Some(engine) if Failure::is_nobodys(engine) || matches!(error, ExactError::Unbound { .. }) => {
                Failure::Engine(engine.clone())
            }
            _ => Failure::Told(error.diagnostic()),
        })
    })?;
    let rows = report.rows_inserted;
    Ok(Outcome {
        message: Some(summary(&report)),
        code: Some("EXACT"),
        held: audits::held(&node.name, &report),
        // Held back at the first build, it has no table.
        kind: (report.held_count == 0 || report.mode != Mode::New || report.changed).then_some(RelationKind::Table),
        exact: Some(report),
        ..Outcome::built(RelationKind::Table, Some(rows))
    })
}

/// One line on what a run did with a table.
fn summary(report: &SwapReport) -> String {
    let unchanged = match report.unchanged_count {
        0 => String::new(),
        number => format!(", {} came out unchanged", report.cut.count(number)),
    };
    let reserved = report.findings.iter().find(|finding| finding.rule == "reserved");
    let unchanged = reserved.map_or(unchanged.clone(), |finding| format!("{unchanged}, {}", finding.message));
    let replaced = report.cut.count(report.replaced_count);
    let partials = report.partials.as_ref().filter(|partials| partials.replaced_count > 0);
    let unchanged = partials.map_or(unchanged.clone(), |partials| {
        format!("{unchanged}, partials of {}", partials.cut.count(partials.replaced_count))
    });
    let rows = report.rows_inserted;
    match (report.mode, &report.whole) {
        (Mode::Unchanged, _) => format!("no input changed{unchanged}"),
        (Mode::New, _) => format!("built {}, {rows} rows", report.cut.count(report.dirty_count)),
        (Mode::Whole, Some(reason)) => format!("rebuilt whole: {reason}"),
        (Mode::Whole, None) => format!("rebuilt whole, {rows} rows"),
        (Mode::Incremental, _) if report.replaced_count == 0 => {
            format!("{} came out unchanged", report.cut.count(report.unchanged_count))
        }
        (Mode::Incremental, _) => format!("swapped {replaced}, {rows} rows{unchanged}"),
    }
}

fn identity(shared: &Shared<'_>) -> RunIdentity {
    let invocation_id = shared.session.project.invocation_id.clone();
    RunIdentity {
        run_id: invocation_id.clone(),
        invocation_id,
        started_at: shared.started_at,
        engine_version: shared.engine.version().to_owned(),
    }
}

/// A node as the exact strategy sees it.
pub(super) fn exact_model(manifest: &Manifest, node: &Node, sql: &str, full_refresh: bool) -> ExactModel {
    let config = &node.config;
    let (partials, named) = config.partials().unzip();
    ExactModel {
        unique_id: node.unique_id.clone(),
        relation: node.relation.clone(),
        sql: sql.to_owned(),
        event_time: config.text("event_time").map(str::to_owned),
        batch_size: config.batch_size(),
        audit_days: config
            .highwater("audit")
            .and_then(serde_json::Value::as_u64)
            .and_then(|days| u32::try_from(days).ok())
            .filter(|days| *days > 0),
        begin: config.text("begin").map(str::to_owned),
        unique_key: config.texts("unique_key"),
        policy: config.policy(),
        on_schema_change: config.text("on_schema_change").unwrap_or("ignore").to_owned(),
        partials,
        moment: named.flatten().map(str::to_owned).or_else(|| moment(manifest, node)),
        full_refresh: config.flag("full_refresh").unwrap_or(full_refresh),
        audits: Vec::new(),
    }
}

/// The event time of the tables that a model reads, if it is one column's name.
fn moment(manifest: &Manifest, node: &Node) -> Option<String> {
    let mut found = node.depends_on.nodes.iter().filter_map(|id| {
        let config = manifest.sources.get(id).map(|source| &source.config);
        config.or_else(|| manifest.nodes.get(id).map(|node| &node.config))?.text("event_time")
    });
    let first = found.next()?;
    found.all(|other| other.eq_ignore_ascii_case(first)).then(|| first.to_owned())
}

/// Everything above these models that the strategy has a word or a text for. Only views above them are compiled.
///
/// # Errors
/// When a view's template raises.
pub(super) fn surroundings(
    shared: &Shared<'_>,
    connection: &SharedConnection,
    models: &[&Node],
) -> Result<Surroundings, Diagnostic> {
    let manifest = &shared.session.manifest;
    let ids: Vec<String> = models.iter().map(|node| node.unique_id.clone()).collect();
    let above = graph::ancestors(manifest, &ids, None);
    let mut around =
        Surroundings { functions: shared.functions.clone(), scans: shared.scans.clone(), ..Surroundings::default() };
    let (keys, never_null) = (declared_keys(manifest), declared_never_null(manifest));
    for id in above.keys().chain(&ids) {
        let relation = manifest.sources.get(id).map(|source| &source.relation);
        let relation = relation.or_else(|| manifest.nodes.get(id).map(|node| &node.relation));
        if let (Some(relation), Some(keys)) = (relation, keys.get(id)) {
            around.unique.insert(relation.clone(), keys.clone());
        }
        if let (Some(relation), Some(columns)) = (relation, never_null.get(id)) {
            around.never_null.insert(relation.clone(), columns.clone());
        }
        if let Some(source) = manifest.sources.get(id) {
            around.labels.insert(source.relation.clone(), source.name.clone());
            if let Some(column) = source.loaded_at_field.clone().filter(|field| is_column(field)) {
                around.loaded_at.insert(source.relation.clone(), column);
            }
            declare(&mut around, &source.relation, &source.name, &source.config, source.loaded_at_field.as_deref())?;
        }
        let Some(node) = manifest.nodes.get(id) else { continue };
        around.labels.insert(node.relation.clone(), node.name.clone());
        declare(&mut around, &node.relation, &node.name, &node.config, None)?;
        if node.resource_type != ResourceType::Model {
            continue;
        }
        if node.config.is_exact() {
            around.exact.insert(node.relation.clone(), exact_parent(node));
        } else if node.config.materialized() == "view" {
            let sql = shared.compile(node, connection)?.sql.clone();
            around.views.insert(node.relation.clone(), ViewText { unique_id: id.clone(), sql });
        }
    }
    Ok(around)
}

/// Whether `loaded_at_field` is a column and no expression.
fn is_column(field: &str) -> bool {
    field.chars().all(|character| character.is_alphanumeric() || character == '_')
}

/// Takes down what is declared about finding the changes of a table.
fn declare(
    around: &mut Surroundings,
    relation: &Relation,
    name: &str,
    config: &Config,
    loaded_at: Option<&str>,
) -> Result<(), Diagnostic> {
    let declared = exact::declared(config, loaded_at).map_err(|problem| {
        Diagnostic::error("HW0514", format!("the detector declared for {name} cannot be used"))
            .note(problem)
            .help("correct meta.highwater of it: hw help HW0514 shows what can be written there")
    })?;
    if let Some(declared) = declared {
        around.detectors.insert(relation.clone(), declared);
    }
    Ok(())
}

fn exact_parent(node: &Node) -> ExactParent {
    ExactParent {
        unique_id: node.unique_id.clone(),
        event_time: node.config.text("event_time").map(str::to_owned),
        batch_size: node.config.batch_size(),
        unique_key: node.config.texts("unique_key"),
    }
}

/// See [`super::exact_inputs`].
pub(super) fn exact_inputs(
    session: &Session,
    options: &RunOptions,
) -> Result<(Vec<ExactModel>, Surroundings), Vec<Diagnostic>> {
    let (planned, around) = plan_inputs(session, options)?;
    let exact = planned.into_iter().filter_map(|model| match model {
        PlannedModel::Exact(model) => Some(*model),
        PlannedModel::Rebuilt { .. } => None,
    });
    Ok((exact.collect(), around))
}

/// See [`super::plan_inputs`].
pub(super) fn plan_inputs(
    session: &Session,
    options: &RunOptions,
) -> Result<(Vec<PlannedModel>, Surroundings), Vec<Diagnostic>> {
    let silent = |_| {};
    let selected = selected_nodes(session, options).map_err(|diagnostic| vec![diagnostic])?;
    let shared = Shared::new(session, options, &silent, &selected).map_err(|diagnostic| vec![diagnostic])?;
    let connection = shared.connect().map_err(|failure| vec![failure.told()])?;
    let mut problems: IndexMap<&str, Diagnostic> = IndexMap::new();
    let (mut planned, mut exact) = (Vec::new(), Vec::new());
    let in_order = graph::order(&session.manifest);
    for node in in_order.iter().filter(|id| selected.contains(*id)).filter_map(|id| shared.node(id)) {
        if node.resource_type == ResourceType::Model && node.config.is_exact() {
            match shared.compile(node, &connection) {
                Ok(compiled) => {
                    planned.push(PlannedModel::Exact(Box::new(exact_model(
                        &session.manifest,
                        node,
                        &compiled.sql,
                        options.full_refresh,
                    ))));
                    exact.push(node);
                }
                Err(diagnostic) => drop(problems.insert(&node.unique_id, diagnostic)),
            }
        } else if is_rebuilt(node, options.command) {
            planned.push(PlannedModel::Rebuilt { unique_id: node.unique_id.clone(), relation: node.relation.clone() });
        }
    }
    if !problems.is_empty() {
        return Err(problems.into_values().collect());
    }
    let around = surroundings(&shared, &connection, &exact).map_err(|diagnostic| vec![diagnostic])?;
    Ok((planned, around))
}

/// Whether a run fills a table by means of which nobody can foresee the result.
fn is_rebuilt(node: &Node, command: Command) -> bool {
    match node.resource_type {
        ResourceType::Model => !matches!(node.config.materialized(), "view" | "ephemeral"),
        ResourceType::Seed => matches!(command, Command::Build | Command::Seed),
        _ => false,
    }
}
