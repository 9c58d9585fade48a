//! `clone`: a view, here, on every selected table of an earlier run, so that work may begin where it stands.

use std::collections::BTreeSet;
use std::time::Instant;

use super::catalog::create_schemas;
use super::failure::Failure;
use super::transaction::lock;
use super::worker::Shared;
use super::{Event, Level, RunOptions, RunResults, Status, execute, node, timing};
use crate::context::{Purpose, SharedConnection};
use crate::diagnostics::Diagnostic;
use crate::engine::Relation;
use crate::manifest::Node;
use crate::session::Session;

/// See [`super::clone`].
pub(super) fn clone(
    session: &Session,
    options: &RunOptions,
    events: &(dyn Fn(Event) + Sync),
) -> Result<RunResults, Vec<Diagnostic>> {
    let clock = Instant::now();
    let one = |diagnostic: Diagnostic| vec![diagnostic];
    let selected = execute::selected_nodes(session, options).map_err(one)?;
    let shared = Shared::new(session, options, events, &selected).map_err(one)?;
    shared.warn_of_own_state();
    let connection = shared.connect().map_err(Failure::told).map_err(one)?;
    let nodes: Vec<&Node> = selected.iter().filter_map(|id| shared.node(id)).collect();
    let schemas: BTreeSet<(String, String)> =
        nodes.iter().map(|node| (node.relation.database.clone(), node.relation.schema.clone())).collect();
    create_schemas(lock(&connection).as_mut(), shared.engine.ddl(), &schemas)
        .map_err(|error| one(super::failure::engine_diagnostic(&error)))?;
    let mut results = RunResults::default();
    let total = nodes.len();
    for (index, node) in (1..).zip(nodes) {
        let description =
            format!("{} {}.{}", node.resource_type.word(), node.relation.schema, node.relation.identifier);
        events(Event::NodeStarted {
            index,
            total,
            unique_id: node.unique_id.clone(),
            description: description.clone(),
        });
        let result = one_node(&shared, &connection, node);
        events(Event::NodeFinished { index, total, description, result: Box::new(result.clone()) });
        results.results.push(result);
    }
    if results.results.is_empty() {
        let text = "Nothing to do. Try checking your model configs and model specification args";
        events(Event::Message { level: Level::Warn, text: text.to_owned() });
    }
    results.elapsed = clock.elapsed().as_secs_f64();
    if options.write_json {
        execute::write_artifacts(&shared, &results);
    }
    results.diagnostics.extend(shared.take_problems());
    Ok(results)
}

fn one_node(shared: &Shared<'_>, connection: &SharedConnection, node: &Node) -> super::NodeResult {
    let clock = Instant::now();
    let started = timing::moment();
    let mut result = node::blank(node, Status::Success, "Thread-1 (worker)");
    let made = shared.comment_on(connection, Purpose::Node(node)).map_err(Failure::from);
    match made.and_then(|()| view_on_earlier(shared, connection, node)) {
        Ok(message) => result.message = Some(message.to_owned()),
        Err(failure) => node::fail(&mut result, node, failure.told()),
    }
    result.timing = timing::phases(&started, &started);
    result.execution_time = clock.elapsed().as_secs_f64();
    result
}

/// Makes the view, unless the earlier run has no such table or something stands here already.
fn view_on_earlier(shared: &Shared<'_>, connection: &SharedConnection, node: &Node) -> Result<&'static str, Failure> {
    let skip = |text: String| {
        (shared.events)(Event::Message { level: Level::Info, text });
        Ok("No-op")
    };
    let deferral = shared.options.deferral.as_ref();
    let Some(earlier) = deferral.and_then(|deferral| deferral.relation(&node.unique_id)) else {
        return skip(format!("No relation found in state manifest for {}", node.unique_id));
    };
    let kind = lock(connection).kind(&node.relation)?;
    if kind.is_some() && !shared.options.full_refresh {
        return skip(format!("Relation {} already exists", node.relation));
    }
    // Only what stands here can be spared: where nothing does, the view on itself is refused by the engine, as in dbt.
    if kind.is_some() && *earlier == node.relation {
        let same = "Target relation and defer relation are the same, skipping clone for relation";
        return skip(format!("{same}: {}", node.relation));
    }
    let statement = |relation: &Relation| format!("create view {relation} as select * from {earlier}");
    let mut session = lock(connection);
    session.begin()?;
    let mut work = || {
        if let Some(kind) = kind {
            session.execute(&format!("drop {} if exists {}", kind.sql(), node.relation))?;
        }
        session.execute(&statement(&node.relation))?;
        session.commit()
    };
    if let Err(error) = work() {
        let _ = session.rollback();
        return Err(error.into());
    }
    Ok("CREATE VIEW")
}
