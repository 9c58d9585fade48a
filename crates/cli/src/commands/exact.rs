//! What `plan`, `explain` and `verify` share: the exact models of a selection, and a session on their database.

use highwater::clock;
use highwater::diagnostics::Diagnostic;
use highwater::engine::{Connection, EngineError};
use highwater::exact::{self, ExactModel, Plan, PlannedModel, RunIdentity, Surroundings};
use highwater::manifest::select::{Selection, select};
use highwater::manifest::{Node, ResourceType, graph};
use highwater::run::{self, Command, RunOptions};
use highwater::session::Session;

use crate::arguments::SelectionArguments;

/// Exact models, in the order of the graph, with what stands around them.
pub struct Inputs {
    /// The models.
    pub models: Vec<ExactModel>,
    /// Views, other exact models, labels.
    pub around: Surroundings,
    /// A session on the database.
    pub connection: Box<dyn Connection>,
    /// The engine's version.
    pub engine_version: String,
}

/// Compiles the exact models of a selection and opens the database.
///
/// # Errors
/// When a model does not compile, or the database cannot be opened.
pub fn inputs(session: &Session, selection: &Selection) -> Result<Inputs, Vec<Diagnostic>> {
    let mut options = RunOptions::new(Command::Run);
    options.selection = selection.clone();
    let (models, around) = run::exact_inputs(session, &options)?;
    let engine = session.engine().map_err(|problem| vec![problem])?;
    let connection = engine.connect().map_err(|error| vec![refused(&error)])?;
    Ok(Inputs { models, around, connection, engine_version: engine.version().to_owned() })
}

/// What a run of the selection would do.
///
/// # Errors
/// When a model does not compile, or the database cannot be read.
pub fn plan(session: &Session, selection: &Selection) -> Result<Plan, Vec<Diagnostic>> {
    let mut inputs = inputs(session, selection)?;
    let identity = identity(session, &inputs.engine_version).map_err(|problem| vec![problem])?;
    let models =
        planned_models(session, selection, std::mem::take(&mut inputs.models)).map_err(|problem| vec![problem])?;
    exact::plan(inputs.connection.as_mut(), &models, &inputs.around, &identity)
        .map_err(|error| vec![error.diagnostic()])
}

/// The models of a run in its order: the exact ones, and the tables that it rebuilds anyway.
fn planned_models(
    session: &Session,
    selection: &Selection,
    exact: Vec<ExactModel>,
) -> Result<Vec<PlannedModel>, Diagnostic> {
    let manifest = &session.manifest;
    let selected = select(manifest, selection)?;
    let mut exact: Vec<Option<ExactModel>> = exact.into_iter().map(Some).collect();
    let mut models = Vec::new();
    for unique_id in graph::order(manifest) {
        let Some(node) = manifest.nodes.get(&unique_id) else { continue };
        let found = exact.iter_mut().find(|slot| slot.as_ref().is_some_and(|model| model.unique_id == unique_id));
        if let Some(model) = found.and_then(Option::take) {
            models.push(PlannedModel::Exact(Box::new(model)));
        } else if selected.contains(&unique_id) && is_rebuilt(node) {
            models.push(PlannedModel::Rebuilt { unique_id, relation: node.relation.clone() });
        }
    }
    Ok(models)
}

fn is_rebuilt(node: &Node) -> bool {
    node.resource_type == ResourceType::Model
        && !node.config.is_exact()
        && !matches!(node.config.materialized(), "view" | "ephemeral")
}

/// Which run this is.
///
/// # Errors
/// When `HW_NOW` is no moment.
pub fn identity(session: &Session, engine_version: &str) -> Result<RunIdentity, Diagnostic> {
    let started_at = clock::now().map_err(|text| {
        Diagnostic::error("HW0414", format!("the variable {} is no moment: `{text}`", clock::VARIABLE))
            .help("write it as in 2026-11-22T05:12:00Z, or unset it")
    })?;
    Ok(RunIdentity {
        run_id: session.project.invocation_id.clone(),
        invocation_id: session.project.invocation_id.clone(),
        started_at,
        engine_version: engine_version.to_owned(),
    })
}

/// A database that gives no session.
pub fn refused(error: &EngineError) -> Diagnostic {
    Diagnostic::error("HW0703", "the database gives no session").note(error.to_string()).help("hw debug")
}

/// As much of a plan's hash as people type.
pub fn short(hash: &str) -> &str {
    hash.get(..7).unwrap_or(hash)
}

/// The selection as words to put behind a command, with a blank in front; nothing when nothing was selected.
pub fn selection_words(arguments: &SelectionArguments) -> String {
    let mut words = String::new();
    for (flag, values) in [("--select", &arguments.select), ("--exclude", &arguments.exclude)] {
        if !values.is_empty() {
            words.push_str(&format!(
                " {flag} {}",
                values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(" ")
            ));
        }
    }
    if let Some(selector) = &arguments.selector {
        words.push_str(&format!(" --selector {}", quoted(selector)));
    }
    words
}

/// A word as a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-+.,:/@=".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The exact models among the project's, whatever is selected.
pub fn exact_nodes(session: &Session) -> impl Iterator<Item = &Node> {
    let nodes = session.manifest.nodes.values().map(AsRef::as_ref);
    nodes.filter(|node| node.resource_type == ResourceType::Model && node.config.is_exact())
}
