//! One message of a log in dbt's shapes, and the file of a project that keeps them: `logs/dbt.log`, under the name that whatever
//! collects dbt's logs looks for.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};

use crate::arguments::{LogFormat, LogLevel};

/// How many bytes the file may have before it makes room for a new one; and how many old ones are kept.
const MOST_BYTES: u64 = 10 * 1024 * 1024;
const OLD_FILES: usize = 5;

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// How much it matters.
    pub level: LogLevel,
    /// The event, by dbt's name where dbt has it.
    pub name: &'a str,
    /// What people read.
    pub text: &'a str,
    /// What programs read.
    pub data: &'a Value,
}

impl Message<'_> {
    /// One JSON object with the keys of dbt's.
    pub fn object(&self, invocation_id: &str) -> Value {
        json!({
            "info": {
                "category": "",
                "code": code(self.name),
                "extra": {},
                "invocation_id": invocation_id,
                "level": level_word(self.level),
                "msg": anstream::adapter::strip_str(self.text).to_string(),
                "name": self.name,
                "pid": std::process::id(),
                "thread": thread_name(),
                "ts": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
            },
            "data": if self.data.is_null() { json!({}) } else { self.data.clone() },
        })
    }

    /// `10:02:03.123456 [info ] [Thread-1 (]: `, cut as dbt cuts it
    pub fn prefix(&self) -> String {
        let clock = Zoned::now().strftime("%H:%M:%S.%6f").to_string();
        format!("{clock} [{:<5}] [{:<10.10}]: ", level_word(self.level), thread_name())
    }
}

/// The file of a project's log.
#[derive(Debug)]
pub struct LogFile {
    file: Mutex<File>,
    level: LogLevel,
    format: LogFormat,
    invocation_id: String,
}

impl LogFile {
    /// Opens `dbt.log` in a folder. None when it cannot be had: a log that nobody can read must not stop the work it tells of.
    pub fn open(folder: &Path, level: LogLevel, format: LogFormat, invocation_id: &str) -> Option<Self> {
        if level == LogLevel::None {
            return None;
        }
        fs::create_dir_all(folder).ok()?;
        make_room(folder);
        let file = OpenOptions::new().create(true).append(true).open(folder.join("dbt.log")).ok()?;
        let log = Self { file: Mutex::new(file), level, format, invocation_id: invocation_id.to_owned() };
        if format != LogFormat::Json {
            let now = Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
            let line = "=".repeat(30);
            log.append(&format!("\n\n{line} {now} | {invocation_id} {line}\n"));
        }
        Some(log)
    }

    /// Adds a message, if it matters enough.
    pub fn keep(&self, message: &Message<'_>) {
        if message.level < self.level {
            return;
        }
        let text = if self.format == LogFormat::Json {
            format!("{}\n", message.object(&self.invocation_id))
        } else {
            format!("{}{}\n", message.prefix(), anstream::adapter::strip_str(message.text))
        };
        self.append(&text);
    }

    /// In one piece, so that the lines of several processes stay whole.
    fn append(&self, text: &str) {
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes());
    }
}

/// Where the file has grown too long: `dbt.log` becomes `dbt.log.1`, that `dbt.log.2`, and so on.
fn make_room(folder: &Path) {
    let full = fs::metadata(folder.join("dbt.log")).is_ok_and(|file| file.len() >= MOST_BYTES);
    if !full {
        return;
    }
    let name = |number: usize| match number {
        0 => folder.join("dbt.log"),
        number => folder.join(format!("dbt.log.{number}")),
    };
    for number in (0..OLD_FILES).rev() {
        let _ = fs::rename(name(number), name(number + 1));
    }
}

/// The word for a level.
pub fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error | LogLevel::None => "error",
    }
}

/// `MainThread`, `Thread-1 (worker)`
fn thread_name() -> String {
    let current = std::thread::current();
    match current.name() {
        None | Some("main") => "MainThread".to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// dbt's number for an event; events of our own have none.
fn code(name: &str) -> &'static str {
    match name {
        "MainReportVersion" => "A001",
        "SQLQuery" => "E016",
        "FinishedRunningStats" => "E047",
        "JinjaLogWarning" => "I061",
        "JinjaLogInfo" => "I062",
        "JinjaLogDebug" => "I063",
        "LogTestResult" => "Q007",
        "LogStartLine" => "Q011",
        "LogModelResult" => "Q012",
        "LogSnapshotResult" => "Q015",
        "LogSeedResult" => "Q016",
        "LogFreshnessResult" => "Q018",
        "LogNodeNoOpResult" => "Q019",
        "ConcurrencyLine" => "Q027",
        "LogHookStartLine" => "Q032",
        "LogHookEndLine" => "Q033",
        "SkippingDetails" => "Q034",
        "FoundStats" => "W006",
        "Formatting" => "Z017",
        "RunResultFailure" => "Z022",
        "StatsLine" => "Z023",
        "RunResultError" => "Z024",
        "EndOfRunSummary" => "Z030",
        "PrintEvent" => "Z052",
        _ => "",
    }
}
