//! What happens while nodes run: progress on a terminal, lines in a log; and the summary of both.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use highwater::exact::{Mode, SwapReport};
use highwater::manifest::Manifest;
use highwater::run::{Event, Level, NodeResult, RunResults, Status};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::words::{bad, count, faint, good, partitions, seconds, strong, thousands, warn};
use super::{Ui, node_info};
use crate::arguments::LogLevel;

pub use super::summary::Summary;

/// Column at which the dots of a log line end.
const LOG_WIDTH: usize = 80;

/// Tells what happens, from any thread.
pub struct Reporter<'a> {
    ui: &'a Ui,
    manifest: &'a Manifest,
    /// On a terminal, below the lines of what is done.
    bar: Option<ProgressBar>,
    /// Names of what is being worked on.
    running: Mutex<Vec<String>>,
    /// Width of the column of names.
    width: usize,
}

impl<'a> Reporter<'a> {
    /// A reporter for one run.
    pub fn new(ui: &'a Ui, manifest: &'a Manifest) -> Self {
        let names = manifest.nodes.values().filter(|node| node.test_metadata.is_none());
        let width = names.map(|node| node.name.chars().count()).max().unwrap_or(0).clamp(8, 40);
        let bar = ui.interactive().then(|| {
            let style = ProgressStyle::with_template("{bar:20} {pos}/{len} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style.progress_chars("━╸─"))
        });
        Self { ui, manifest, bar, running: Mutex::default(), width }
    }

    /// Takes one event.
    pub fn tell(&self, event: &Event) {
        match event {
            Event::Started { found, selected, threads, target } => self.started(found, *selected, *threads, target),
            Event::NodeStarted { index, total, unique_id, description } => {
                self.with_running(|running| running.push(name_of(unique_id).to_owned()));
                let text = dotted(*index, *total, &format!("START {description}"), "RUN");
                let info = node_info::started(self.manifest, unique_id);
                let data = json!({ "index": index, "total": total, "description": description, "node_info": info });
                self.log(LogLevel::Info, "LogStartLine", &text, &data);
            }
            Event::NodeFinished { index, total, description, result } => {
                self.finished(*index, *total, description, result);
            }
            Event::HookStarted { index, total, name } => {
                let text = dotted(*index, *total, &format!("START hook: {name}"), "RUN");
                let data = json!({ "index": index, "total": total, "statement": name });
                self.log(LogLevel::Info, "LogHookStartLine", &text, &data);
            }
            Event::HookFinished { index, total, name, status, execution_time } => {
                let failed = status.is_failure();
                let word = if failed { "ERROR" } else { "OK" };
                let line =
                    dotted(*index, *total, &format!("{word} hook: {name}"), &format!("{word} in {execution_time:.2}s"));
                let level = if failed { LogLevel::Error } else { LogLevel::Info };
                let data = json!({
                    "index": index, "total": total, "statement": name, "status": status, "execution_time": execution_time,
                });
                self.log(level, "LogHookEndLine", &line, &data);
            }
            Event::Statement { unique_id, sql } => {
                let info = json!({ "unique_id": unique_id });
                let data = json!({ "conn_name": unique_id, "sql": sql, "node_info": info });
                let text = format!("On {unique_id}: {sql}");
                self.talk(|| self.ui.say_with(LogLevel::Debug, "SQLQuery", &text, &data), LogLevel::Debug);
            }
            Event::Message { level, text } => self.message(*level, text),
            Event::Printed { text } => self.talk(|| self.ui.print(text), LogLevel::Info),
            Event::Finished { .. } => {}
        }
    }

    /// Takes the progress away.
    pub fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Says what it all came to.
    pub fn conclude(&self, summary: &Summary, results: &RunResults) {
        self.ui.warnings(&results.diagnostics);
        let level = if summary.failed { LogLevel::Error } else { LogLevel::Info };
        let counts = json!({ "stats": summary.stats() });
        if results.results.is_empty() && self.bar.is_none() {
            self.ui.say_with(level, "StatsLine", &summary.stats_line(), &counts);
            return;
        }
        let elapsed = results.elapsed;
        let (hours, minutes) = ((elapsed / 3600.0).floor(), (elapsed % 3600.0 / 60.0).floor());
        let clock = format!("{hours:.0} hours {minutes:.0} minutes and {:.2} seconds", elapsed % 60.0);
        self.log(LogLevel::Info, "Formatting", "", &Value::Null);
        let text = format!("Finished running {} in {clock} ({elapsed:.2}s).", summary.kinds);
        let data =
            json!({ "stat_line": summary.kinds, "execution": format!(" in {clock}"), "execution_time": elapsed });
        self.log(LogLevel::Info, "FinishedRunningStats", &text, &data);
        self.problems(summary, results);
        self.ui.say_with(level, "EndOfRunSummary", &summary.coloured(), &counts);
        self.log(LogLevel::Info, "StatsLine", &summary.stats_line(), &counts);
    }

    /// In a log, problems come together at the end, each whole.
    fn problems(&self, summary: &Summary, results: &RunResults) {
        let data = json!({
            "num_errors": summary.failures, "num_warnings": summary.warnings, "keyboard_interrupt": false,
            "num_partial_success": results.count(Status::PartialSuccess),
        });
        if !summary.failed {
            let words = good("Completed successfully");
            self.log(LogLevel::Info, "EndOfRunSummary", &format!("\n{words}\n"), &data);
            return;
        }
        let errors = count(summary.failures, "error");
        let words = bad(&format!("Completed with {errors}, and {}:", count(summary.warnings, "warning")));
        self.log(LogLevel::Error, "EndOfRunSummary", &format!("\n{words}\n"), &data);
        if self.bar.is_some() {
            return;
        }
        for result in results.results.iter().filter(|result| result.failed()) {
            self.problem(result);
        }
    }

    /// What went wrong with one node.
    fn problem(&self, result: &NodeResult) {
        let message = result.message.as_deref().unwrap_or_default();
        let data = node_info::of_problem(self.manifest, result);
        match &result.diagnostic {
            Some(diagnostic) => {
                if let Some(first) = message.lines().next().filter(|line| line.contains("Error in ")) {
                    self.ui.say_with(LogLevel::Error, "RunResultError", first, &data);
                }
                self.ui.problem_with(diagnostic, json!({ "node_info": data["node_info"] }));
            }
            None => {
                let name = name_of(&result.unique_id);
                let text = format!(
                    "{}: {message}\n  hint: hw show --select {name}",
                    bad(&format!("{} {name}", result.status.word()))
                );
                self.ui.say_with(LogLevel::Error, "RunResultFailure", &text, &data);
            }
        }
        self.ui.say(LogLevel::Error, "Formatting", "");
    }

    fn started(&self, found: &[(&'static str, usize)], selected: usize, threads: usize, target: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(selected as u64);
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("Running with hw={version}");
        self.log(LogLevel::Info, "MainReportVersion", &text, &json!({ "version": version, "log_version": 3 }));
        let found: Vec<String> = found.iter().map(|(word, number)| count(*number as u64, word)).collect();
        let found = found.join(", ");
        self.log(LogLevel::Info, "FoundStats", &format!("Found {found}"), &json!({ "stat_line": found }));
        if selected > 0 {
            let threads_words = count(threads as u64, "thread");
            let text = format!("\nConcurrency: {threads_words} (target='{target}')\n");
            let data = json!({ "num_threads": threads, "target_name": target, "node_count": selected });
            self.log(LogLevel::Info, "ConcurrencyLine", &text, &data);
        }
    }

    fn finished(&self, index: usize, total: usize, description: &str, result: &NodeResult) {
        let name = name_of(&result.unique_id);
        self.with_running(|running| {
            if let Some(place) = running.iter().position(|other| other == name) {
                running.remove(place);
            }
        });
        let (event, text, status) = log_words(description, result);
        let level = match result.status {
            Status::Error | Status::Fail | Status::RuntimeError | Status::PartialSuccess => LogLevel::Error,
            Status::Warn => LogLevel::Warn,
            _ => LogLevel::Info,
        };
        let data = node_info::of_result(self.manifest, result, description, index, total);
        self.log(level, event, &dotted(index, total, &text, &status), &data);
        if let Some(bar) = &self.bar {
            bar.inc(1);
            self.show(bar, name, result);
        }
    }

    /// On a terminal: one line for what did something, the whole problem for what failed, nothing for what was as it was.
    fn show(&self, bar: &ProgressBar, name: &str, result: &NodeResult) {
        let what = match (result.status, &result.exact) {
            (Status::Success, Some(report)) if report.mode == Mode::Unchanged => return,
            (Status::Success, Some(report)) => exact_words(report),
            (Status::Success, None) => result.rows.map_or_else(|| "built".to_owned(), |rows| count(rows, "row")),
            (Status::Pass | Status::NoOp, _) => return,
            (Status::Skipped, _) => faint("skipped"),
            (Status::Warn, _) => warn(&format!("warns: {}", count(result.failures.unwrap_or(0), "row"))),
            (Status::Fail, _) => bad(&format!("fails: {}", count(result.failures.unwrap_or(0), "row"))),
            (Status::Error | Status::RuntimeError, _) => bad("failed"),
            (Status::PartialSuccess, _) => bad("some batches failed"),
        };
        let width = self.width;
        let line = format!("{}  {what}  {}", strong(&format!("{name:width$}")), faint(&seconds(result.execution_time)));
        bar.println(self.ui.fit(&line));
        if result.failed() {
            bar.suspend(|| self.problem(result));
        }
    }

    fn message(&self, level: Level, text: &str) {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let event = match level {
            LogLevel::Debug => "JinjaLogDebug",
            LogLevel::Warn => "JinjaLogWarning",
            _ => "JinjaLogInfo",
        };
        self.talk(|| self.ui.say_with(level, event, text, &json!({ "msg": text })), level);
    }

    /// Talks; on a terminal, progress makes way for what is shown.
    fn talk(&self, talk: impl FnOnce(), level: LogLevel) {
        match &self.bar {
            Some(bar) if self.ui.shows(level) => bar.suspend(talk),
            _ => talk(),
        }
    }

    /// A line of the log; a terminal shows progress instead.
    fn log(&self, level: LogLevel, event: &str, text: &str, data: &Value) {
        if self.bar.is_none() {
            self.ui.say_with(level, event, text, data);
        } else {
            self.ui.keep(level, event, text, data);
        }
    }

    fn with_running(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut running);
        if let Some(bar) = &self.bar {
            bar.set_message(running.join(", "));
        }
    }
}

/// What a run did to an exact model.
fn exact_words(report: &SwapReport) -> String {
    let rows = count(report.rows_inserted, "row");
    match report.mode {
        Mode::Unchanged => "unchanged".to_owned(),
        Mode::New => match report.partition_count {
            0 => "built, no rows yet".to_owned(),
            number => format!("built {}, {rows}", partitions(&report.cut, number)),
        },
        Mode::Whole => {
            let why = report.whole.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let result = if report.changed { rows } else { "came out unchanged".to_owned() };
            format!("rebuilt whole, {result}{why}")
        }
        Mode::Incremental => {
            let total = partitions(&report.cut, report.partition_count.max(report.dirty_count));
            let rebuilt = format!("rebuilt {} of {total}", thousands(report.dirty_count));
            match (report.replaced_count, report.unchanged_count) {
                (0, _) => format!("{rebuilt}, came out unchanged"),
                (_, 0) => format!("{rebuilt}, swapped {rows}"),
                (_, same) => format!("{rebuilt}, swapped {rows}; {} came out unchanged", thousands(same)),
            }
        }
    }
}

/// The verb for it in a log line.
fn exact_verb(report: &SwapReport) -> &'static str {
    match report.mode {
        Mode::Unchanged => "unchanged",
        Mode::New => "created",
        Mode::Whole => "rebuilt",
        Mode::Incremental => "swapped",
    }
}

/// Event name, text and status of a log line.
fn log_words(description: &str, result: &NodeResult) -> (&'static str, String, String) {
    let time = format!("in {:.2}s", result.execution_time);
    let tested = description.strip_prefix("test ").or_else(|| description.strip_prefix("unit_test "));
    let (bare, is_test) = (tested.unwrap_or(description), tested.is_some());
    let is_seed = description.starts_with("seed ");
    let event = if is_test {
        "LogTestResult"
    } else if is_seed {
        "LogSeedResult"
    } else if description.starts_with("snapshot ") {
        "LogSnapshotResult"
    } else {
        "LogModelResult"
    };
    let failures = result.failures.unwrap_or(0);
    let (text, status) = match result.status {
        Status::Pass => (format!("PASS {bare}"), good("PASS")),
        Status::Fail => (format!("FAIL {failures} {bare}"), bad(&format!("FAIL {failures}"))),
        Status::Warn => (format!("WARN {failures} {bare}"), warn(&format!("WARN {failures}"))),
        Status::Skipped => {
            return ("SkippingDetails", format!("SKIP {}", skipped(description, &result.unique_id)), warn("SKIP"));
        }
        Status::NoOp => return ("LogNodeNoOpResult", format!("NO-OP {description}"), "NO-OP".to_owned()),
        Status::PartialSuccess => {
            let message = result.message.as_deref().unwrap_or("PARTIAL SUCCESS");
            (format!("PARTIAL SUCCESS created {description}"), bad(message))
        }
        Status::Error | Status::RuntimeError => {
            let verb = if is_test {
                "ERROR"
            } else if is_seed {
                "ERROR loading"
            } else {
                "ERROR creating"
            };
            (format!("{verb} {bare}"), bad("ERROR"))
        }
        Status::Success => {
            let text = match &result.exact {
                Some(report) => format!("OK {} {description}", exact_verb(report)),
                None if is_seed => format!("OK loaded {description}"),
                None => format!("OK created {description}"),
            };
            let message = result.message.as_deref().filter(|message| message.len() < 24 || result.exact.is_some());
            (text, good(message.unwrap_or("OK")))
        }
    };
    (event, text, format!("{status} {time}"))
}

/// What was skipped, as dbt says it: a table by schema and name, whatever it would have been built by.
fn skipped(description: &str, unique_id: &str) -> String {
    let is_relation = ["model.", "seed.", "snapshot."].iter().any(|kind| unique_id.starts_with(kind));
    match description.rsplit(' ').next().and_then(|last| last.rsplit_once('.')).filter(|_| is_relation) {
        Some((schema, _)) => format!("relation {schema}.{}", name_of(unique_id)),
        None => description.to_owned(),
    }
}

/// `1 of 3 START ... ........ [RUN]`
pub fn dotted(index: usize, total: usize, text: &str, status: &str) -> String {
    let head = format!("{index} of {total} {text} ");
    let dots = LOG_WIDTH.saturating_sub(head.chars().count()).max(3);
    format!("{head}{} [{status}]", ".".repeat(dots))
}

/// The name in a unique id; data tests carry a digest behind it, unit tests their model before it.
pub fn name_of(unique_id: &str) -> &str {
    let part = if unique_id.starts_with("unit_test.") { 3 } else { 2 };
    unique_id.split('.').nth(part).unwrap_or(unique_id)
}
