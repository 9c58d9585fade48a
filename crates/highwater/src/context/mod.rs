//! What a template sees: macros, `ref`, `config`, `adapter`, and everything else dbt puts into scope; and compiling with it.
//!
//! | file | what |
//! | --- | --- |
//! | `library.rs` | every macro of every package and our own, found by name |
//! | `parse.rs` | reading a node before anything runs: which refs, sources, configuration |
//! | `compile.rs` | from a node to the SQL that runs |
//! | `comment.rs` | the comment of statements |
//! | `ephemeral.rs` | ephemeral parents put in front of a query |
//! | `query_map.rs` | from a byte of compiled SQL back to the template |
//! | `diagnose.rs` | database errors as diagnostics that point into templates |
//! | `scene.rs` | one rendering: whose code, which node, what it has done so far |
//! | `names.rs` | the table of all names besides macros |
//! | `reference.rs` | `ref`, `source`, `metric`, `doc` |
//! | `config.rs`, `variables.rs` | `config`, `var`, `env_var` |
//! | `constraints.rs` | constraints as SQL, broken contracts |
//! | `adapter.rs`, `dispatch.rs` | `adapter` and its `dispatch` |
//! | `relation.rs`, `column.rs`, `table.rs`, `moment.rs` | values: relations, columns, query results, dates |
//! | `statement.rs`, `functions.rs`, `exceptions.rs` | results of statements, plain functions, raising |
//! | `describe.rs` | nodes as templates see them: `model`, `graph` |
//! | `generic_test.rs` | arguments of generic tests |
//! | `unit_test.rs` | what stands for inputs, variables and macros in a unit test |
//! | `fault.rs` | errors of templates as diagnostics |

mod adapter;
mod column;
mod comment;
mod compile;
mod config;
mod constraints;
mod describe;
mod diagnose;
mod dispatch;
mod ephemeral;
mod exceptions;
mod fault;
mod functions;
mod generic_test;
mod library;
mod moment;
mod names;
mod parse;
mod query_map;
mod reference;
mod relation;
mod scene;
mod statement;
mod table;
mod unit_test;
mod variables;

use std::sync::{Arc, LazyLock};

use highwater_jinja::{Clock, Error, Options, UndefinedPolicy, Value};
use jiff::Timestamp;
use regex::Regex;

pub use comment::Purpose;
pub use compile::{Compiled, Compiler, Flags, Materialized, SharedConnection, Warned};
pub(crate) use describe::node_json;
pub use library::{Macros, load_macros};
pub use parse::{Captured, NameKind, ParseContext};
pub use query_map::QueryMap;
pub(crate) use reference::external_location;
pub use scene::Messages;
pub(crate) use variables::metadata_environment;

use crate::diagnostics::Diagnostic;
use crate::engine::{Relation, RelationKind};
use scene::Scene;

/// What a template says to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// `log(...)`: for the log file.
    Debug,
    /// `log(..., info=true)`
    Info,
    /// `exceptions.warn(...)`
    Warning,
    /// `adapter.warn_once(...)`: the same text once in a command.
    WarningOnce,
    /// `print(...)`: for standard output, as it is.
    Print,
}

/// The window of event time that one batch of a microbatch model covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// `20260201`, `20260201T10`, `202602` or `2026`, as dbt writes them.
    pub id: String,
    /// First moment.
    pub start: Timestamp,
    /// The moment behind the last one.
    pub end: Timestamp,
}

/// The rows of a window, by a column of event time.
pub(crate) fn window_condition(column: &str, start: Timestamp, end: Timestamp) -> String {
    let text = |at: Timestamp| {
        let fraction = if at.subsec_microsecond() == 0 && at.subsec_millisecond() == 0 { "" } else { "%.6f" };
        at.strftime(&format!("%Y-%m-%d %H:%M:%S{fraction}+00:00")).to_string()
    };
    format!("{column} >= '{}' and {column} < '{}'", text(start), text(end))
}

/// A relation as templates have it: `.identifier`, `.include(database=false)`, `.is_view`, ...
pub fn relation_value(relation: &Relation, kind: Option<RelationKind>) -> Value {
    relation::RelationValue::of(relation, kind).into_value()
}

/// A table of the session as templates have it: no database, no schema.
pub fn temporary_relation_value(identifier: &str) -> Value {
    relation::RelationValue::new(None, None, Some(identifier.to_owned())).into_value()
}

/// A result as hooks at the end of a run have it, with its node.
pub(crate) fn result_value(node: &serde_json::Value, fields: &serde_json::Value) -> Value {
    describe::result_value(node, fields)
}

/// Columns as templates have them.
pub fn columns_value(columns: &[crate::engine::Column]) -> Value {
    highwater_jinja::list(columns.iter().map(column::ColumnValue::of).collect())
}

/// How templates are evaluated; the clock is Highwater's.
fn options(undefined: UndefinedPolicy) -> Options {
    let clock = Clock::new(|| crate::clock::now().unwrap_or_else(|_| Timestamp::now()));
    Options { undefined, clock, ..Options::default() }
}

/// Words for people go to the log, unless somebody wants them.
pub(crate) fn log_messages() -> Messages {
    Arc::new(|kind, text| match kind {
        Message::Debug => tracing::debug!(target: "highwater::template", "{text}"),
        Message::Info | Message::Print => tracing::info!(target: "highwater::template", "{text}"),
        Message::Warning | Message::WarningOnce => tracing::warn!(target: "highwater::template", "{text}"),
    })
}

/// Adds what could have been meant by an unknown name.
fn explain(mut diagnostic: Diagnostic, error: &Error, scene: &Scene) -> Diagnostic {
    static UNKNOWN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^'?(\w+)(?:\.\w+)?'? is undefined").expect("a constant pattern"));
    let Some(name) = UNKNOWN.captures(error.message()).map(|found| found[1].to_owned()) else { return diagnostic };
    let near = scene.macros.nearest(&scene.subject.package, &name);
    if let Some(near) = near {
        diagnostic = diagnostic.help(format!("did you mean {near}?"));
    } else if name.starts_with("dbt_") {
        diagnostic =
            diagnostic.help(format!("is {name} a package? packages.yml names what to install, `hw deps` installs it"));
    }
    diagnostic
}

#[cfg(test)]
mod tests;
