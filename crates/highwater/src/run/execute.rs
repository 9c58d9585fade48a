//! A whole run: choose, prepare, hand out to threads, collect, record.
//!
//! One thread coordinates: it owns the [`Schedule`], tells the front what happens and hands a node out only when a
//! worker is free. Workers know nothing of order; each has a session of the database of its own.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use indexmap::IndexSet;

use super::catalog::create_schemas;
use super::hooks::run_project_hooks;
use super::result::{NodeResult, RunResults, Status};
use super::schedule::{Order, Schedule};
use super::transaction::{again_on_conflict, lock};
use super::worker::Shared;
use super::{Command, Event, Level, RunOptions, inline, microbatch, node};
use crate::artifacts;
use crate::context::SharedConnection;
use crate::diagnostics::Diagnostic;
use crate::manifest::{Manifest, Node, ResourceType, select};
use crate::session::Session;

/// See [`super::execute`].
pub(super) fn execute(
    session: &Session,
    options: &RunOptions,
    events: &(dyn Fn(Event) + Sync),
) -> Result<RunResults, Vec<Diagnostic>> {
    let clock = Instant::now();
    let selected = match options.inline {
        Some(_) => IndexSet::new(),
        None => selected_nodes(session, options).map_err(|diagnostic| vec![diagnostic])?,
    };
    let shared = Shared::new(session, options, events, &selected).map_err(|diagnostic| vec![diagnostic])?;
    if options.event_time.is_some() && microbatch::builds(options.command) {
        let nodes = selected.iter().filter_map(|id| shared.node(id));
        let refused: Vec<Diagnostic> = nodes.filter_map(|node| microbatch::check_range(&shared, node).err()).collect();
        if !refused.is_empty() {
            return Err(refused);
        }
    }
    shared.warn_of_own_state();
    let threads = shared.threads();
    events(Event::Started {
        found: found(&session.manifest),
        selected: selected.len() + usize::from(options.inline.is_some()),
        threads,
        target: session.project.target.name.clone(),
    });
    let connection = shared.connect().map_err(|failure| vec![failure.told()])?;
    let mut results = RunResults::default();
    if options.inline.is_some() {
        results.results.push(inline::run(&shared, &connection));
    } else if selected.is_empty() {
        let text = "Nothing to do. Try checking your model configs and model specification args";
        events(Event::Message { level: Level::Warn, text: text.to_owned() });
        results.diagnostics.push(
            Diagnostic::warning("HW0417", "the selection names nothing that this command runs")
                .help("hw ls with the same selection shows what it names"),
        );
    } else {
        run_selected(&shared, connection, &selected, threads, &mut results).map_err(|diagnostic| vec![diagnostic])?;
    }
    shared.pass_on_messages();
    results.elapsed = clock.elapsed().as_secs_f64();
    if options.write_json {
        write_artifacts(&shared, &results);
    }
    results.diagnostics.extend(shared.take_problems());
    events(Event::Finished { elapsed: results.elapsed });
    Ok(results)
}

/// The nodes of a selection that the command runs.
pub(super) fn selected_nodes(session: &Session, options: &RunOptions) -> Result<IndexSet<String>, Diagnostic> {
    let runs = |node: &Node| {
        let built = node.config.materialized() != "ephemeral";
        match (options.command, node.resource_type) {
            (Command::Build, ResourceType::Model) | (Command::Run, ResourceType::Model) => built,
            (Command::Build, kind) => matches!(
                kind,
                ResourceType::Seed | ResourceType::Snapshot | ResourceType::Test | ResourceType::UnitTest
            ),
            (Command::Seed, kind) => kind == ResourceType::Seed,
            (Command::Test, kind) => matches!(kind, ResourceType::Test | ResourceType::UnitTest),
            (Command::Snapshot, kind) => kind == ResourceType::Snapshot,
            (Command::Compile, kind) => {
                matches!(
                    kind,
                    ResourceType::Model | ResourceType::Snapshot | ResourceType::Test | ResourceType::Analysis
                )
            }
            (Command::Show, kind) => {
                matches!(
                    kind,
                    ResourceType::Model
                        | ResourceType::Seed
                        | ResourceType::Snapshot
                        | ResourceType::Test
                        | ResourceType::Analysis
                )
            }
            (Command::Clone, _) => node.is_relational(),
            (Command::Run | Command::RunOperation | Command::Freshness, _) => false,
        }
    };
    let mut selected = select::select(&session.manifest, &options.selection)?;
    // A file with nothing in it is a model that somebody has yet to write, as in dbt.
    let written = |node: &Node| node.resource_type != ResourceType::Model || !node.raw_code.trim().is_empty();
    // Nothing is done for an exposure or a saved query, but `build` says so.
    let is_shown =
        |id: &String| session.manifest.exposures.contains_key(id) || session.manifest.saved_queries.contains_key(id);
    let shown = |id: &String| options.command == Command::Build && is_shown(id);
    selected.retain(|id| session.manifest.nodes.get(id).is_some_and(|node| runs(node) && written(node)) || shown(id));
    Ok(selected)
}

fn found(manifest: &Manifest) -> Vec<(&'static str, usize)> {
    let mut found: Vec<(&'static str, usize)> = Vec::new();
    for kind in [
        ResourceType::Model,
        ResourceType::Seed,
        ResourceType::Snapshot,
        ResourceType::Analysis,
        ResourceType::Test,
        ResourceType::UnitTest,
    ] {
        let number = manifest.nodes.values().filter(|node| node.resource_type == kind).count();
        found.push((if kind == ResourceType::UnitTest { "unit test" } else { kind.word() }, number));
    }
    found.push(("source", manifest.sources.len()));
    found.push(("exposure", manifest.exposures.len()));
    found.push(("metric", manifest.metrics.len()));
    found.push(("semantic model", manifest.semantic_models.len()));
    found.push(("saved query", manifest.saved_queries.len()));
    found.push(("macro", manifest.macros.len()));
    found.retain(|(_, number)| *number > 0);
    found
}

/// Schemas, hooks, catalog, nodes, hooks.
fn run_selected(
    shared: &Shared<'_>,
    connection: SharedConnection,
    selected: &IndexSet<String>,
    threads: usize,
    results: &mut RunResults,
) -> Result<(), Diagnostic> {
    let command = shared.options.command;
    let writes = !matches!(command, Command::Compile | Command::Show);
    if !writes {
        run_nodes(shared, connection, selected, threads, results);
        return Ok(());
    }
    let schemas: BTreeSet<(String, String)> = selected
        .iter()
        .filter_map(|id| shared.node(id))
        .filter(|node| node::leaves_relation(node, shared.options.store_failures))
        .map(|node| (node.relation.database.clone(), node.relation.schema.clone()))
        .collect();
    again_on_conflict(|| Ok(create_schemas(lock(&connection).as_mut(), shared.engine.ddl(), &schemas)?))
        .map_err(super::failure::Failure::told)?;
    let mut hooks = run_project_hooks(shared, &connection, None);
    // A template that raises is no statement that failed: as in dbt, nothing runs after it.
    if let Some(problem) = hooks.iter_mut().filter(|hook| !hook.compiled).find_map(|hook| hook.diagnostic.take()) {
        return Err(problem);
    }
    results.results.extend(hooks);
    let hook_failed = results.results.iter().any(|result| result.status.is_failure());
    shared
        .catalog
        .load(lock(&connection).as_mut(), &schemas)
        .map_err(|error| super::failure::engine_diagnostic(&error))?;
    let stop =
        shared.session.project.flags.get("skip_nodes_if_on_run_start_fails").and_then(serde_json::Value::as_bool);
    if hook_failed && stop == Some(true) {
        let skipped = selected.iter().cloned().collect();
        Progress::new(shared, selected.len()).skip(skipped, "an on-run-start hook failed", &mut results.results);
    } else {
        run_nodes(shared, connection.clone(), selected, threads, results);
    }
    let hooks = run_project_hooks(shared, &connection, Some(&results.results));
    results.results.extend(hooks);
    Ok(())
}

/// Hands the nodes out to threads until none is left.
fn run_nodes(
    shared: &Shared<'_>,
    connection: SharedConnection,
    selected: &IndexSet<String>,
    threads: usize,
    results: &mut RunResults,
) {
    let tests_block = shared.options.command == Command::Build;
    let mut schedule = Schedule::new(&shared.session.manifest, selected, tests_block, Order::of_threads(threads));
    let threads = threads.min(selected.len());
    let (jobs, jobs_of_workers) = channel::<String>();
    let jobs_of_workers = Mutex::new(jobs_of_workers);
    let (done_by_workers, done) = channel::<NodeResult>();
    std::thread::scope(|scope| {
        for number in 1..=threads {
            let (jobs, done) = (&jobs_of_workers, done_by_workers.clone());
            // The first worker takes over the session that is open already.
            let connection = (number == 1).then(|| connection.clone());
            let name = format!("Thread-{number} (worker)");
            let worker = std::thread::Builder::new().name(name.clone());
            let started = worker.spawn_scoped(scope, move || work(shared, connection, &name, jobs, &done));
            started.expect("a thread can be had, as for every spawn");
        }
        drop(done_by_workers);
        coordinate(shared, &mut schedule, selected.len(), threads, &jobs, &done, &mut results.results);
        drop(jobs);
    });
}

/// One worker: takes nodes until there are no more.
fn work(
    shared: &Shared<'_>,
    connection: Option<SharedConnection>,
    thread_id: &str,
    jobs: &Mutex<Receiver<String>>,
    done: &Sender<NodeResult>,
) {
    let mut connection = connection;
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Some(node) = job.ok().and_then(|id| shared.node(&id)) else { return };
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let session = match &connection {
                Some(session) => session.clone(),
                None => shared.connect()?,
            };
            connection = Some(session.clone());
            Ok(node::run(shared, &session, node, thread_id))
        }));
        let result = match attempt {
            Ok(Ok(result)) => result,
            Ok(Err(failure)) => failed(node, thread_id, super::failure::Failure::told(failure), Status::Error),
            Err(_) => {
                // The session may be in the middle of anything: the next node gets a new one.
                connection = None;
                let diagnostic =
                    Diagnostic::error("HW0499", format!("{} met a fault in Highwater itself", node.unique_id))
                        .note("its transaction was not committed")
                        .help("please report this, with the model");
                failed(node, thread_id, diagnostic, Status::RuntimeError)
            }
        };
        if done.send(result).is_err() {
            return;
        }
    }
}

fn failed(node: &Node, thread_id: &str, diagnostic: Diagnostic, status: Status) -> NodeResult {
    let mut result = node::blank(node, status, thread_id);
    node::fail(&mut result, node, diagnostic);
    result.status = status;
    result
}

/// Keeps the workers busy and the front informed.
fn coordinate(
    shared: &Shared<'_>,
    schedule: &mut Schedule,
    total: usize,
    threads: usize,
    jobs: &Sender<String>,
    done: &Receiver<NodeResult>,
    results: &mut Vec<NodeResult>,
) {
    let mut progress = Progress::new(shared, total);
    let mut busy = 0;
    loop {
        while busy < threads
            && let Some(id) = schedule.next()
        {
            if shared.node(&id).is_none() {
                progress.pass_by(&id, results);
                schedule.finish(&id, false);
                continue;
            }
            progress.start(&id);
            busy += usize::from(jobs.send(id).is_ok());
        }
        if busy == 0 {
            return;
        }
        let Ok(result) = done.recv() else { return };
        busy -= 1;
        let (id, failed, old_rows_do) = (result.unique_id.clone(), result.failed(), result.old_rows_do);
        progress.finish(result, results);
        let skipped = schedule.finish(&id, failed && !old_rows_do);
        progress.skip(skipped, &format!("{id} failed"), results);
        if failed && shared.options.fail_fast {
            progress.skip(schedule.abandon(), &format!("{id} failed, and the run stops at the first failure"), results);
        }
    }
}

/// Numbers the nodes in the order of their start and tells the front.
struct Progress<'a> {
    shared: &'a Shared<'a>,
    total: usize,
    started: HashMap<String, usize>,
}

impl<'a> Progress<'a> {
    fn new(shared: &'a Shared<'a>, total: usize) -> Self {
        Self { shared, total, started: HashMap::new() }
    }

    fn description(&self, id: &str) -> String {
        let manifest = &self.shared.session.manifest;
        let exposure = || Some(format!("exposure {}", manifest.exposures.get(id)?.name));
        let query = || Some(format!("saved query {}", manifest.saved_queries.get(id)?.name));
        self.shared.node(id).map(node::description).or_else(exposure).or_else(query).unwrap_or_default()
    }

    fn start(&mut self, id: &str) {
        let index = self.started.len() + 1;
        self.started.insert(id.to_owned(), index);
        let description = self.description(id);
        (self.shared.events)(Event::NodeStarted { index, total: self.total, unique_id: id.to_owned(), description });
    }

    fn finish(&mut self, result: NodeResult, results: &mut Vec<NodeResult>) {
        self.shared.pass_on_messages();
        let id = &result.unique_id;
        let next = self.started.len() + 1;
        let index = *self.started.entry(id.clone()).or_insert(next);
        let description = self.description(id);
        let event = Event::NodeFinished { index, total: self.total, description, result: Box::new(result.clone()) };
        (self.shared.events)(event);
        results.push(result);
    }

    /// Says of an exposure or a saved query that nothing is done for it.
    fn pass_by(&mut self, id: &str, results: &mut Vec<NodeResult>) {
        let message = Some("NO-OP".to_owned());
        self.finish(NodeResult { message, failures: Some(0), ..node::blank_of(id, Status::NoOp, "main") }, results);
    }

    fn skip(&mut self, ids: Vec<String>, reason: &str, results: &mut Vec<NodeResult>) {
        for id in ids {
            let node = self.shared.node(&id).map(|node| node::blank(node, Status::Skipped, "main"));
            let mut result = node.unwrap_or_else(|| node::blank_of(&id, Status::Skipped, "main"));
            result.message = Some(format!("skipped: {reason}"));
            self.finish(result, results);
        }
    }
}

/// Writes `manifest.json`, `graph_summary.json` and `run_results.json`; a disk that refuses does not undo what was built.
pub(super) fn write_artifacts(shared: &Shared<'_>, results: &RunResults) {
    let folder = &shared.session.project.target_path;
    let manifest = artifacts::write_manifest(&folder.join("manifest.json"), shared.session, &shared.compiled_map());
    let run_results = artifacts::run_results_json(shared.session, shared.options, results);
    let run_results = artifacts::write_json(&folder.join("run_results.json"), &run_results);
    let summary =
        artifacts::write_json(&folder.join("graph_summary.json"), &artifacts::graph_summary_json(shared.session));
    for diagnostic in [manifest, summary, run_results].into_iter().filter_map(Result::err) {
        shared.note_problem(diagnostic);
    }
}
