//! Everything that is printed. Answers go to standard output, talk goes to standard error; JSON log lines are answers, since a
//! program reads them.
//!
//! | file | what |
//! | --- | --- |
//! | `usage.rs` | mistakes in the command line, help, version |
//! | `log.rs` | one message in the shapes of dbt's logs, and `logs/dbt.log` |
//! | `node_info.rs` | what JSON log lines say about a node |
//! | `run.rs` | what happens while nodes run: progress on a terminal, lines in a log |
//! | `backfill.rs` | the same of a backfill |
//! | `summary.rs` | what a run came to |
//! | `table.rs` | rows of a query |
//! | `words.rs` | numbers, plurals, durations, colours |

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use highwater::diagnostics::{Diagnostic, Severity, codes, concise, full, json};
use highwater::session::Session;
use jiff::Zoned;
use serde::Serialize;
use serde_json::{Value, json};

use self::log::{LogFile, Message};
use crate::arguments::{LogFormat, LogLevel, TalkArguments};

pub mod backfill;
pub mod log;
mod node_info;
pub mod run;
pub mod summary;
pub mod table;
pub mod usage;
pub mod words;

/// Where output goes and how much of it there is.
#[derive(Debug, Clone)]
pub struct Ui {
    format: LogFormat,
    level: LogLevel,
    /// Standard output belongs to a JSON answer.
    answers_json: bool,
    /// People watch: colour, progress, no clock in front of lines.
    interactive: bool,
    /// Standard error takes colour.
    colour: bool,
    /// What templates print is shown.
    prints: bool,
    /// Names this invocation in JSON log lines.
    invocation_id: String,
    /// The file that keeps the log, as the flags want it, and once there is a project.
    file_wanted: FileWanted,
    file: Arc<OnceLock<Option<LogFile>>>,
}

/// What the flags say about the file that keeps the log.
#[derive(Debug, Clone)]
struct FileWanted {
    folder: Option<PathBuf>,
    level: LogLevel,
    format: LogFormat,
}

/// Whether a variable of the environment says no.
fn is_off(variable: &str) -> bool {
    let value = std::env::var(variable).unwrap_or_default().to_ascii_lowercase();
    ["0", "false", "f", "no", "n", "off"].contains(&value.trim())
}

impl Ui {
    /// Output as the flags say, on the streams there are.
    pub fn new(talk: &TalkArguments, answers_json: bool) -> Self {
        if talk.no_use_colors {
            anstream::ColorChoice::Never.write_global();
        } else if talk.use_colors {
            anstream::ColorChoice::AlwaysAnsi.write_global();
        }
        let level = if talk.quiet && !talk.no_quiet {
            talk.log_level.max(LogLevel::Error)
        } else if talk.debug && !talk.no_debug {
            LogLevel::Debug
        } else {
            talk.log_level
        };
        if level == LogLevel::Debug {
            show_traces();
        }
        let terminal = io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb");
        Self {
            format: talk.log_format,
            level,
            answers_json,
            interactive: terminal && talk.log_format == LogFormat::Text && level <= LogLevel::Info,
            colour: anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
            prints: talk.print || !(talk.no_print || is_off("DBT_PRINT")),
            invocation_id: String::new(),
            file_wanted: FileWanted {
                folder: talk.log_path.clone(),
                level: talk.log_level_file,
                format: talk.log_format_file.unwrap_or(talk.log_format),
            },
            file: Arc::default(),
        }
    }

    /// The same, with the id that JSON log lines carry, and with the project's file for the log.
    #[must_use]
    pub fn for_session(&self, session: &Session) -> Self {
        let (project, wanted) = (&session.project, &self.file_wanted);
        self.file.get_or_init(|| {
            let folder = wanted.folder.clone().unwrap_or_else(|| project.log_path.clone());
            LogFile::open(&folder, wanted.level, wanted.format, &project.invocation_id)
        });
        Self { invocation_id: project.invocation_id.clone(), ..self.clone() }
    }

    /// Whether the answer is one JSON document.
    pub fn answers_json(&self) -> bool {
        self.answers_json
    }

    /// Whether people watch on a terminal.
    pub fn interactive(&self) -> bool {
        self.interactive
    }

    /// A text as standard error takes it: without colours where there are none.
    pub fn fit(&self, text: &str) -> String {
        if self.colour { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() }
    }

    /// Whether messages of a level are shown.
    pub fn shows(&self, level: LogLevel) -> bool {
        level >= self.level
    }

    /// Writes to standard output, colours stripped where it takes none.
    ///
    /// # Errors
    /// When the reader has gone, or there is no room.
    pub fn answer(&self, text: &str) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') && !text.is_empty() {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Writes what a template prints to standard output, also when talk is switched off: people send it to files. Where
    /// only JSON belongs there it is talk.
    pub fn print(&self, text: &str) {
        if !self.prints {
            return;
        }
        if self.answers_json || self.format == LogFormat::Json {
            self.say_with(LogLevel::Info, "PrintEvent", text, &json!({ "msg": text }));
        } else {
            self.keep(LogLevel::Info, "PrintEvent", text, &json!({ "msg": text }));
            let _ = writeln!(anstream::stdout(), "{text}");
        }
    }

    /// Writes one JSON document to standard output.
    ///
    /// # Errors
    /// When the reader has gone, or there is no room.
    pub fn answer_json(&self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        self.answer(&text)
    }

    /// One message: `name` is the event in JSON log lines, `text` what people read.
    pub fn say(&self, level: LogLevel, name: &str, text: &str) {
        self.say_with(level, name, text, &Value::Null);
    }

    /// One message with data for programs.
    pub fn say_with(&self, level: LogLevel, name: &str, text: &str, data: &Value) {
        self.keep(level, name, text, data);
        if !self.shows(level) {
            return;
        }
        let message = Message { level, name, text, data };
        match self.format {
            LogFormat::Json => self.log_object(&message),
            LogFormat::Text if self.interactive => say_lines("", text),
            LogFormat::Text => say_lines(&format!("{}  ", Zoned::now().strftime("%H:%M:%S")), text),
            LogFormat::Debug => say_lines(&message.prefix(), text),
        }
    }

    /// One message for the file alone.
    pub fn keep(&self, level: LogLevel, name: &str, text: &str, data: &Value) {
        if let Some(Some(file)) = self.file.get() {
            file.keep(&Message { level, name, text, data });
        }
    }

    /// One JSON object, in the shape dbt's logs have.
    fn log_object(&self, message: &Message<'_>) {
        let object = message.object(&self.invocation_id);
        // A log nobody can read any more must not stop the work it tells of.
        let _ = if self.answers_json { writeln!(io::stderr(), "{object}") } else { writeln!(io::stdout(), "{object}") };
    }

    /// Things to look at that stopped nothing: whole on a terminal, one line each in a log.
    pub fn warnings<'a>(&self, warnings: impl IntoIterator<Item = &'a Diagnostic>) {
        for warning in warnings {
            let level = if warning.severity == Severity::Note { LogLevel::Info } else { LogLevel::Warn };
            let data = json!({ "diagnostic": json::value(warning) });
            if !self.interactive {
                self.say_with(level, "Warning", &concise::render(warning), &data);
                continue;
            }
            self.keep(level, "Warning", &concise::render(warning), &data);
            if self.shows(level) {
                say_lines("", &full::render(warning, self.colour));
            }
        }
    }

    /// A problem, whole.
    pub fn problem(&self, problem: &Diagnostic) {
        self.problem_with(problem, json!({}));
    }

    /// A problem of one node, whole, with more data for programs; the run goes on.
    pub fn problem_with(&self, problem: &Diagnostic, mut data: Value) {
        data["diagnostic"] = json::value(problem);
        self.keep(LogLevel::Error, "NodeProblem", &full::render(problem, false), &data);
        if !self.shows(LogLevel::Error) {
            return;
        }
        if self.format == LogFormat::Json {
            let text = concise::render(problem);
            self.log_object(&Message { level: LogLevel::Error, name: "NodeProblem", text: &text, data: &data });
        } else {
            say_lines("", &full::render(problem, self.colour));
        }
    }

    /// Why nothing was run: one line that names the kinds of problems in dbt's words, then each of them whole.
    ///
    /// # Errors
    /// When the answer is JSON and nobody reads it.
    pub fn could_not_run(&self, problems: &[Diagnostic]) -> io::Result<()> {
        let errors: Vec<&Diagnostic> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        let mut kinds: Vec<&str> = errors.iter().map(|error| codes::category(error.code).words()).collect();
        kinds.dedup();
        let count = if errors.len() > 1 { format!("{} errors, ", errors.len()) } else { String::new() };
        if self.format != LogFormat::Json && self.shows(LogLevel::Error) {
            say_lines("", &format!("nothing was run: {count}{}", kinds.join(", ")));
        }
        for problem in problems {
            if self.format != LogFormat::Json {
                say_lines("", "");
            }
            self.problem(problem);
        }
        if self.answers_json {
            self.answer_json(&json!({ "diagnostics": json::values(problems) }))?;
        }
        Ok(())
    }
}

/// Writes lines to standard error, the first with a prefix, the others under it. Failing to talk is no failure.
fn say_lines(prefix: &str, text: &str) {
    let mut err = anstream::stderr().lock();
    let mut lines = text.lines().peekable();
    if lines.peek().is_none() {
        let _ = writeln!(err, "{}", prefix.trim_end());
    }
    for line in lines {
        let _ = writeln!(err, "{}", format!("{prefix}{line}").trim_end());
    }
}

/// Lets the library's traces through to standard error: what `--debug` is for.
fn show_traces() {
    let filter = tracing_subscriber::EnvFilter::new("highwater=debug,highwater_jinja=debug,highwater_sql=debug");
    // A second subscriber is refused; the first one stays.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).try_init();
}
