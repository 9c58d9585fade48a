//! Microbatch models: one after another, each batch of event time is a run of its own, with its own transaction.
//!
//! The first batch runs alone, because it may have to make the table; the last one too, because what comes after the model
//! belongs to it. Those between run side by side where the model allows it. When the first one fails, the rest is not tried.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use regex::Regex;

use super::batches::{self, BatchResults, Question, Window};
use super::failure::Failure;
use super::result::{NodeResult, Status};
use super::worker::{Part, Shared, Task};
use super::{Command, Event, Level, materialize, node};
use crate::context::{Purpose, SharedConnection, window_condition};
use crate::diagnostics::Diagnostic;
use crate::engine::RelationKind;
use crate::manifest::{BatchSize, Node, ResourceType};

/// Whether a model is built in batches. A project with a strategy macro of its own gets the whole query at once, as in dbt,
/// unless its flag `require_batched_execution_for_custom_microbatch_strategy` says otherwise.
pub(crate) fn applies(shared: &Shared<'_>, node: &Node) -> bool {
    if node.resource_type != ResourceType::Model || !node.config.is_microbatch() {
        return false;
    }
    let project = &shared.session.project;
    let flag = "require_batched_execution_for_custom_microbatch_strategy";
    let required = project.flags.get(flag).and_then(serde_json::Value::as_bool).unwrap_or(false);
    let custom = format!("macro.{}.get_incremental_microbatch_sql", project.name);
    required || !shared.session.manifest.macros.contains_key(&custom)
}

/// Refuses to rebuild a model from a part of its history: the rest would be lost. Where the table holds no more than that
/// part there is none to lose. An exact model has no use for a range, but whoever gives one with a full refresh wants something that cannot be
/// had.
pub(crate) fn check_range(shared: &Shared<'_>, node: &Node) -> Result<(), Diagnostic> {
    let in_time = node.config.is_microbatch() || node.config.is_exact();
    if !in_time || !node.config.flag("full_refresh").unwrap_or(shared.options.full_refresh) {
        return Ok(());
    }
    if node.config.is_microbatch() && holds_no_more(shared, node).map_err(Failure::told)? {
        return Ok(());
    }
    Err(Diagnostic::error("HW0419", format!("a full refresh of {} within a range of event time", node.name))
        .note("the table would hold the rows of that range and no others")
        .help("leave out --full-refresh to replace the range, or --event-time-start and --event-time-end to rebuild everything"))
}

/// Whether every row that the table of a model has lies within the range of the command.
fn holds_no_more(shared: &Shared<'_>, node: &Node) -> Result<bool, Failure> {
    let connection = shared.connect()?;
    let mut session = super::transaction::lock(&connection);
    match session.kind(&node.relation)? {
        None => return Ok(true),
        Some(RelationKind::Table) => {}
        Some(_) => return Ok(false),
    }
    let (Some(column), Some(range)) = (node.config.text("event_time"), shared.options.event_time) else {
        return Ok(false);
    };
    let within = window_condition(column, range.start, range.end);
    let outside = format!("select 1 from {} where not coalesce({within}, false) limit 1", node.relation);
    // A table that cannot be asked is not to be lost either.
    Ok(session.query(&outside).is_ok_and(|rows| rows.rows.is_empty()))
}

/// Builds a microbatch model, and says in its result what became of each batch.
pub(crate) fn run(shared: &Shared<'_>, connection: &SharedConnection, node: &Node, result: &mut NodeResult) {
    match Run::new(shared, connection, node) {
        Ok(run) => run.carry_out(connection, result),
        Err(diagnostic) => node::fail(result, node, diagnostic),
    }
}

/// What became of one batch: rows written.
type Attempt = Result<u64, Diagnostic>;

struct Run<'a> {
    shared: &'a Shared<'a>,
    node: &'a Node,
    size: BatchSize,
    windows: Vec<Window>,
    incremental: bool,
    attempts: Mutex<Vec<(usize, Attempt)>>,
}

impl<'a> Run<'a> {
    fn new(shared: &'a Shared<'a>, connection: &SharedConnection, node: &'a Node) -> Result<Self, Diagnostic> {
        let (size, begin) = (node.config.batch_size(), node.config.text("begin").and_then(crate::clock::parse));
        let (Some(size), Some(begin)) = (size, begin) else {
            return Err(Diagnostic::error(
                "HW0208",
                format!("the microbatch model `{}` is configured wrongly", node.name),
            )
            .help("batch_size is hour, day, month or year; begin is a day such as 2026-02-01"));
        };
        let kind = shared.catalog.kind(super::transaction::lock(connection).as_mut(), &node.relation);
        let kind = kind.map_err(|error| super::failure::engine_diagnostic(&error))?;
        let full_refresh = node.config.flag("full_refresh").unwrap_or(shared.options.full_refresh);
        let incremental = kind == Some(RelationKind::Table) && !full_refresh;
        let windows = match shared.options.previous_batches.get(&node.unique_id) {
            Some(previous) => previous.failed.clone(),
            None => batches::windows(&Question {
                size,
                begin,
                lookback: node.config.get("lookback").and_then(serde_json::Value::as_i64).unwrap_or(1),
                incremental,
                now: shared.options.invoked_at.unwrap_or(shared.started_at),
                asked: shared.options.sample.or(shared.options.event_time),
            }),
        };
        Ok(Self { shared, node, size, windows, incremental, attempts: Mutex::default() })
    }

    fn carry_out(&self, connection: &SharedConnection, result: &mut NodeResult) {
        let last = self.windows.len().saturating_sub(1);
        for index in 0..self.windows.len().min(1) {
            self.attempt(connection, index);
        }
        if self.failed() {
            (1..self.windows.len()).for_each(|index| self.tell(index, "SKIP", "SKIP"));
        } else if last > 0 {
            self.between(connection, last);
            self.attempt(connection, last);
        }
        self.conclude(result);
    }

    fn failed(&self) -> bool {
        self.attempts().iter().any(|(_, attempt)| attempt.is_err())
    }

    fn attempts(&self) -> std::sync::MutexGuard<'_, Vec<(usize, Attempt)>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The batches between the first and the last one, on as many threads as the run has.
    fn between(&self, connection: &SharedConnection, last: usize) {
        let threads = if self.side_by_side() { self.shared.threads().min(last - 1) } else { 1 };
        let next = AtomicUsize::new(1);
        let work = |connection: &SharedConnection| {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= last {
                    return;
                }
                self.attempt(connection, index);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // A session that the engine refuses leaves its share to the others.
                scope.spawn(|| {
                    let own = self.shared.connect()?;
                    self.shared.comment_on(&own, Purpose::Node(self.node))?;
                    work(&own);
                    Ok::<(), Failure>(())
                });
            }
            work(connection);
        });
    }

    /// Whether batches may run at the same time: as configured, else unless the model reads its own table.
    fn side_by_side(&self) -> bool {
        static THIS: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\{[{%][^}]*\bthis\b").expect("a constant pattern"));
        self.shared.engine.adapter() == "duckdb"
            && self.node.config.flag("concurrent_batches").unwrap_or_else(|| !THIS.is_match(&self.node.raw_code))
    }

    fn attempt(&self, connection: &SharedConnection, index: usize) {
        let clock = Instant::now();
        let attempt = self.build(connection, index);
        let seconds = clock.elapsed().as_secs_f64();
        match &attempt {
            Ok(_) => self.tell(index, "OK created", &format!("OK in {seconds:.2}s")),
            Err(_) => self.tell(index, "ERROR creating", &format!("ERROR in {seconds:.2}s")),
        }
        self.attempts().push((index, attempt));
    }

    fn build(&self, connection: &SharedConnection, index: usize) -> Attempt {
        let (shared, node, window) = (self.shared, self.node, self.windows[index]);
        let compiled = shared.compiler.compile_batch(node, connection, &batches::batch(window, self.size))?;
        let compiled = Arc::new(compiled);
        let label = batches::label(window.start, self.size);
        shared.write_batch_sql("compiled", node, &label, &compiled.sql);
        let part = Part {
            first: index == 0,
            last: index + 1 == self.windows.len(),
            incremental: index > 0 || self.incremental,
        };
        let task = Task::new(shared, connection, node, Arc::clone(&compiled)).of_batch(part);
        let outcome =
            materialize::build(&task).map_err(|failure| failure.diagnostic(&shared.compiler, node, Some(&compiled)))?;
        shared.write_batch_sql("run", node, &label, &task.script());
        Ok(outcome.rows.unwrap_or(0))
    }

    fn tell(&self, index: usize, verb: &str, end: &str) {
        let (number, total) = (index + 1, self.windows.len());
        let label = batches::label(self.windows[index].start, self.size);
        let place = format!("{}.{}", self.node.relation.schema, self.node.relation.identifier);
        let text = format!("Batch {number} of {total} {verb} batch {label} of {place} [{end}]");
        (self.shared.events)(Event::Message { level: Level::Info, text });
    }

    /// Sums the batches up, in dbt's words.
    fn conclude(&self, result: &mut NodeResult) {
        let mut done = BatchResults::default();
        let mut rows = 0;
        let mut problem = None;
        let mut attempts = std::mem::take(&mut *self.attempts());
        attempts.sort_by_key(|(index, _)| *index);
        let mut attempts = attempts.into_iter().peekable();
        for (index, window) in self.windows.iter().enumerate() {
            match attempts.next_if(|(number, _)| *number == index) {
                Some((_, Ok(written))) => {
                    rows += written;
                    done.successful.push(*window);
                }
                Some((_, Err(diagnostic))) => {
                    problem.get_or_insert(diagnostic);
                    done.failed.push(*window);
                }
                None => done.failed.push(*window),
            }
        }
        let (good, all) = (done.successful.len(), self.windows.len());
        let (status, message) = match done.failed.len() {
            0 => (Status::Success, "SUCCESS".to_owned()),
            _ if good == 0 => (Status::Error, "ERROR".to_owned()),
            _ => (Status::PartialSuccess, format!("PARTIAL SUCCESS ({good}/{all})")),
        };
        if let Some(diagnostic) = problem {
            node::fail(result, self.node, diagnostic);
        }
        // When everything failed, the reason says more than dbt's word for it.
        if status != Status::Error {
            result.message = Some(message);
        }
        result.status = status;
        result.failures = Some(0);
        result.rows = Some(rows);
        if let Some(previous) = self.shared.options.previous_batches.get(&self.node.unique_id) {
            done.successful.extend(&previous.successful);
        }
        result.batch_results = Some(done);
    }
}

/// Whether a command builds models.
pub(crate) fn builds(command: Command) -> bool {
    matches!(command, Command::Build | Command::Run)
}
