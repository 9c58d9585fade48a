//! Everything that is printed. Answers go to standard output, talk goes to standard error; JSON log lines are answers, since a
//! program reads them.
//!
//! | file | what |
//! | --- | --- |
//! | `usage.rs` | mistakes in the command line, help, version |
//! | `run.rs` | what happens while nodes run: progress on a terminal, lines in a log |
//! | `backfill.rs` | the same of a backfill |
//! | `summary.rs` | what a run came to |
//! | `table.rs` | rows of a query |
//! | `words.rs` | numbers, plurals, durations, colours |

use std::io::{self, IsTerminal, Write};

use highwater::diagnostics::{Diagnostic, Severity, codes, concise, full, json};
use jiff::Zoned;
use serde::Serialize;
use serde_json::{Value, json};

use crate::arguments::{LogFormat, LogLevel, TalkArguments};

pub mod backfill;
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
        }
    }

    /// The same, with the id that JSON log lines carry.
    #[must_use]
    pub fn for_invocation(&self, invocation_id: &str) -> Self {
        Self { invocation_id: invocation_id.to_owned(), ..self.clone() }
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
            self.say(LogLevel::Info, "PrintEvent", text);
        } else {
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
        if !self.shows(level) {
            return;
        }
        match self.format {
            LogFormat::Json => self.log_object(level, name, text, data),
            LogFormat::Text if self.interactive => say_lines("", text),
            LogFormat::Text => say_lines(&format!("{}  ", Zoned::now().strftime("%H:%M:%S")), text),
            LogFormat::Debug => {
                let clock = Zoned::now().strftime("%H:%M:%S.%6f").to_string();
                say_lines(&format!("{clock} [{:<5}] [MainThread]: ", level_word(level)), text);
            }
        }
    }

    /// One JSON object, in the shape dbt's logs have.
    fn log_object(&self, level: LogLevel, name: &str, text: &str, data: &Value) {
        let object = json!({
            "info": {
                "name": name,
                "level": level_word(level),
                "msg": anstream::adapter::strip_str(text).to_string(),
                "ts": jiff::Timestamp::now().to_string(),
                "invocation_id": self.invocation_id,
                "pid": std::process::id(),
            },
            "data": if data.is_null() { json!({}) } else { data.clone() },
        });
        // A log nobody can read any more must not stop the work it tells of.
        let _ = if self.answers_json { writeln!(io::stderr(), "{object}") } else { writeln!(io::stdout(), "{object}") };
    }

    /// Things to look at that stopped nothing: whole on a terminal, one line each in a log.
    pub fn warnings<'a>(&self, warnings: impl IntoIterator<Item = &'a Diagnostic>) {
        for warning in warnings {
            let level = if warning.severity == Severity::Note { LogLevel::Info } else { LogLevel::Warn };
            if !self.shows(level) {
                continue;
            }
            if self.interactive {
                say_lines("", &full::render(warning, self.colour));
            } else {
                let data = json!({ "diagnostic": json::value(warning) });
                self.say_with(level, "Warning", &concise::render(warning), &data);
            }
        }
    }

    /// A problem of one node, whole; the run goes on.
    pub fn problem(&self, problem: &Diagnostic) {
        if !self.shows(LogLevel::Error) {
            return;
        }
        if self.format == LogFormat::Json {
            let data = json!({ "diagnostic": json::value(problem) });
            self.log_object(LogLevel::Error, "NodeProblem", &concise::render(problem), &data);
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

fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error | LogLevel::None => "error",
    }
}

/// Lets the library's traces through to standard error: what `--debug` is for.
fn show_traces() {
    let filter = tracing_subscriber::EnvFilter::new("highwater=debug,highwater_jinja=debug,highwater_sql=debug");
    // A second subscriber is refused; the first one stays.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).try_init();
}
