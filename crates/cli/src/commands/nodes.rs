//! What `run`, `build`, `test` and `seed` share: from flags to a run, and from its results to words and an exit code.

use std::sync::Arc;

use clap::Args;
use clap::builder::FalseyValueParser;
use highwater::diagnostics::{Diagnostic, Severity, json};
use highwater::project::LoadOptions;
use highwater::run::{self, Command, NodeResult, RunOptions, RunResults};
use highwater::session::Session;
use serde_json::{Map, Value, json};

use super::warnings::{Fate, Warnings};
use crate::arguments::{GlobalArguments, OutputArguments, SelectionArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::run::{Reporter, Summary};
use crate::ui::words::strong;
use crate::ui::{Ui, table};

/// Flags of every command that works on nodes.
#[derive(Debug, Args)]
pub struct NodeArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,

    /// Stop at the first failure
    #[arg(short = 'x', long, env = "DBT_FAIL_FAST", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub fail_fast: bool,

    #[arg(long, hide = true)]
    no_fail_fast: bool,

    #[command(flatten)]
    pub output: OutputArguments,
}

/// `--full-refresh`, for the commands that build.
#[derive(Debug, Args)]
pub struct RefreshArguments {
    /// Rebuild incremental models, exact ones too, and seeds from nothing
    #[arg(short, long, env = "DBT_FULL_REFRESH", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub full_refresh: bool,
}

/// `--store-failures`, for the commands that test.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Keep the rows that tests find, in tables
    #[arg(long, env = "DBT_STORE_FAILURES", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub store_failures: bool,
}

/// `--empty`, for the commands that run models.
#[derive(Debug, Args)]
pub struct EmptyArguments {
    /// Read every input as an empty table: checks that the SQL runs, builds no rows
    #[arg(long, env = "DBT_EMPTY", hide_env_values = true, value_parser = FalseyValueParser::new())]
    empty: bool,

    #[arg(long, hide = true)]
    no_empty: bool,
}

impl EmptyArguments {
    /// Whether every input is read as an empty table.
    pub fn is_wanted(&self) -> bool {
        self.empty && !self.no_empty
    }
}

/// `--event-time-start`, `--event-time-end` and `--sample`, for the commands that build.
#[derive(Debug, Args)]
pub struct EventTimeArguments {
    /// First moment of the event time that microbatch models build, such as 2026-02-01 or 2026-02-01T10:00:00; in UTC
    #[arg(
        long,
        value_name = "MOMENT",
        requires = "event_time_end",
        env = "DBT_EVENT_TIME_START",
        hide_env_values = true
    )]
    pub event_time_start: Option<String>,

    /// The moment behind the last one
    #[arg(
        long,
        value_name = "MOMENT",
        requires = "event_time_start",
        env = "DBT_EVENT_TIME_END",
        hide_env_values = true
    )]
    pub event_time_end: Option<String>,

    /// Read only a stretch of every input that has an event_time: '3 days', or '{start: 2026-02-01, end: 2026-02-03}'
    #[arg(long, value_name = "WINDOW", env = "DBT_SAMPLE", hide_env_values = true)]
    pub sample: Option<String>,
}

impl EventTimeArguments {
    /// Puts the windows into the options of a run.
    ///
    /// # Errors
    /// When one is not readable, or ends before it begins.
    pub fn apply(&self, options: &mut RunOptions) -> Result<(), Vec<Diagnostic>> {
        let wrong =
            |title: String| vec![Diagnostic::error("HW0014", title).help("hw help run shows how it is written")];
        if let (Some(start), Some(end)) = (&self.event_time_start, &self.event_time_end) {
            let moment = |flag: &str, text: &String| {
                highwater::clock::parse(text).ok_or_else(|| wrong(format!("--event-time-{flag} {text} is no moment")))
            };
            let (start, end) = (moment("start", start)?, moment("end", end)?);
            if start >= end {
                return Err(wrong("--event-time-start must lie before --event-time-end".to_owned()));
            }
            options.event_time = Some(run::Window { start, end });
        }
        if let Some(text) = &self.sample {
            let now = highwater::clock::now().map_err(wrong)?;
            let window = run::parse_sample(text, now)
                .map_err(|reason| wrong(format!("--sample '{text}' is no window: {reason}")))?;
            options.sample = Some(window);
        }
        Ok(())
    }
}

/// Opens the project of the flags and says what was strange in it.
///
/// # Errors
/// Everything wrong in the files; with `--warn-error`, everything strange too.
pub fn open(global: &GlobalArguments, ui: &Ui) -> Result<Session, Vec<Diagnostic>> {
    announced(Session::open, global, ui)
}

/// As [`open`], for commands that look at few nodes.
///
/// # Errors
/// As there.
pub fn glance(global: &GlobalArguments, ui: &Ui) -> Result<Session, Vec<Diagnostic>> {
    announced(Session::glance, global, ui)
}

fn announced(
    open: fn(&LoadOptions) -> Result<Session, Vec<Diagnostic>>,
    global: &GlobalArguments,
    ui: &Ui,
) -> Result<Session, Vec<Diagnostic>> {
    let session = open(&project::load_options(global).map_err(|problem| vec![problem])?)?;
    let policy = Warnings::of(global, &session).map_err(|problem| vec![problem])?;
    let (mut warnings, notes): (Vec<_>, Vec<_>) =
        session.warnings.iter().partition(|warning| warning.severity == Severity::Warning);
    warnings.retain(|warning| policy.fate(warning) != Fate::Silent);
    let refused = warnings.iter().filter(|warning| policy.fate(warning) == Fate::Error);
    let refused: Vec<Diagnostic> =
        refused.map(|warning| Diagnostic { severity: Severity::Error, ..(*warning).clone() }).collect();
    if !refused.is_empty() {
        return Err(refused);
    }
    ui.for_session(&session).warnings(warnings.into_iter().chain(notes));
    // The process ends with the command: giving back ten thousand nodes one by one would only delay it.
    std::mem::forget((Arc::clone(&session.project), Arc::clone(&session.manifest), Arc::clone(&session.macros)));
    Ok(session)
}

/// A flag under `flags:` of dbt_project.yml.
pub fn project_flag(session: &Session, name: &str) -> bool {
    session.project.flags.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The options that a command's shared flags come to.
///
/// # Errors
/// When the artifacts of `--state` cannot be read.
pub fn options(
    command: Command,
    arguments: &NodeArguments,
    global: &GlobalArguments,
    session: &Session,
) -> Result<RunOptions, Diagnostic> {
    let mut options = RunOptions::new(command);
    options.selection = project::selection(&arguments.selection, session)?;
    options.deferral = project::deferral(&arguments.selection, &options.selection, session)?;
    options.fail_fast = !arguments.no_fail_fast && (arguments.fail_fast || project_flag(session, "fail_fast"));
    options.threads = global.threads.map(usize::from);
    options.write_json = !global.no_write_json;
    options.arguments = recorded_arguments(command, Some(arguments), global);
    options.warned = Warnings::of(global, session)?.of_templates();
    Ok(options)
}

/// The options of a command that has no flags of its own for running.
///
/// # Errors
/// When the options on warnings are not readable.
pub fn plain_options(command: Command, global: &GlobalArguments, session: &Session) -> Result<RunOptions, Diagnostic> {
    let mut options = RunOptions::new(command);
    options.threads = global.threads.map(usize::from);
    options.write_json = !global.no_write_json;
    options.arguments = recorded_arguments(command, None, global);
    options.warned = Warnings::of(global, session)?.of_templates();
    Ok(options)
}

/// The exit of a command that asks, and builds nothing: an error ends it, as in dbt.
pub fn exit_of_asking(results: &RunResults) -> Exit {
    if results.succeeded(false) { Exit::Ok } else { Exit::CouldNotRun }
}

/// The command line as artifacts record it.
pub fn recorded_arguments(
    command: Command,
    arguments: Option<&NodeArguments>,
    global: &GlobalArguments,
) -> Map<String, Value> {
    let mut recorded = Map::new();
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let command_line = words.join(" ");
    recorded.insert("which".to_owned(), json!(command.word()));
    recorded.insert("invocation_command".to_owned(), json!(command_line));
    let texts = [("profile", &global.profile), ("target", &global.target), ("vars", &global.vars)];
    for (name, value) in texts {
        if let Some(value) = value {
            recorded.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(arguments) = arguments {
        recorded.insert("select".to_owned(), json!(arguments.selection.select));
        recorded.insert("exclude".to_owned(), json!(arguments.selection.exclude));
        recorded.insert("fail_fast".to_owned(), json!(arguments.fail_fast));
    }
    recorded.insert("warn_error".to_owned(), json!(global.fails_on_warnings()));
    recorded
}

/// Runs, tells what happens, and sums up.
///
/// # Errors
/// When nothing could be started, or nobody reads the answer.
pub fn execute(session: &Session, options: &RunOptions, warnings: &Warnings, ui: &Ui) -> Outcome {
    let ui = ui.for_session(session);
    let reporter = Reporter::new(&ui, &session.manifest);
    let results = run::execute(session, options, &|event| reporter.tell(&event));
    reporter.close();
    let mut results = results?;
    results.diagnostics.retain(|problem| warnings.fate(problem) != Fate::Silent);
    let summary = Summary::new(&session.manifest, &results);
    reporter.conclude(&summary, &results);
    if ui.answers_json() {
        ui.answer_json(&answer(session, &summary, &results))?;
    } else {
        for (id, rows) in results.results.iter().filter_map(|result| Some((&result.unique_id, result.table.as_ref()?)))
        {
            let name = session.manifest.nodes.get(id).map_or(id, |node| &node.name);
            ui.answer(&format!("\n{}\n{}", strong(name), table::draw(rows)))?;
        }
    }
    let refused = results.diagnostics.iter().any(|problem| warnings.fate(problem) == Fate::Error);
    Ok(match refused {
        true if results.results.is_empty() => Exit::CouldNotRun,
        false if results.succeeded(warnings.fail_tests()) => Exit::Ok,
        _ => Exit::Failed,
    })
}

fn answer(session: &Session, summary: &Summary, results: &RunResults) -> Value {
    json!({
        "invocation_id": session.project.invocation_id,
        "summary": summary.line,
        "counts": summary.counts,
        "elapsed": results.elapsed,
        "results": results.results.iter().map(result).collect::<Vec<_>>(),
        "diagnostics": json::values(&results.diagnostics),
    })
}

/// The results of a command that has no summary.
pub fn results_json(results: &RunResults) -> Value {
    json!({
        "elapsed": results.elapsed,
        "results": results.results.iter().map(result).collect::<Vec<_>>(),
        "diagnostics": json::values(&results.diagnostics),
    })
}

/// A node's result, its diagnostic with places as lines and columns.
fn result(result: &NodeResult) -> Value {
    let mut value = serde_json::to_value(result).unwrap_or_default();
    if let (Some(object), Some(diagnostic)) = (value.as_object_mut(), &result.diagnostic) {
        object.insert("diagnostic".to_owned(), json::value(diagnostic));
    }
    value
}
