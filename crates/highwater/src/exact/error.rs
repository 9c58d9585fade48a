//! Why an exact model was not built. Nothing has changed in the database when one of these comes back.

use std::sync::Arc;

use highwater_sql::Finding;

use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::EngineError;

use super::lease::Holder;

/// A finding with the text its place points into.
#[derive(Debug, Clone)]
pub struct LocatedFinding {
    /// What was found.
    pub finding: Finding,
    /// The compiled text.
    pub file: Arc<SourceFile>,
}

/// Why an exact model was not built, planned or verified.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExactError {
    /// Two rebuilds of the query may differ.
    #[error("{model} cannot be kept equal to a rebuild: {}", findings.first().map_or("", |first| first.finding.message.as_str()))]
    Refused {
        /// The model's label.
        model: String,
        /// Why, with places.
        findings: Vec<LocatedFinding>,
    },
    /// `event_time` or `unique_key` names no column of the result.
    #[error("{key} of {model} names no column of its result: {column}")]
    MissingColumn {
        /// The model's label.
        model: String,
        /// `event_time` or `unique_key`.
        key: &'static str,
        /// What it names.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// `event_time` names a column that is no moment.
    #[error("event_time of {model} is not a date or timestamp: {column} is {data_type}")]
    EventTimeType {
        /// The model's label.
        model: String,
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// Rows share a key that should be unique.
    #[error("{model} would have more than one row per {}", columns.join(", "))]
    Grain {
        /// The model's label.
        model: String,
        /// `unique_key`.
        columns: Vec<String>,
        /// Up to five keys, with their number of rows.
        examples: Vec<(String, u64)>,
        /// Keys with more than one row.
        duplicates: u64,
    },
    /// Another run wrote the same model at the same time.
    #[error("another run is building or has just built {model}")]
    Conflict {
        /// The model's label.
        model: String,
        /// The engine's own words.
        source: EngineError,
    },
    /// Another run builds the model, and did not finish in the time that was to be waited.
    #[error("{model} is being built by another run")]
    Held {
        /// The model's label.
        model: String,
        /// Who.
        holder: Box<Holder>,
    },
    /// The connection was lost while committing, and the ledger cannot be asked whether that was done.
    #[error("nobody knows whether {model} was committed: {source}")]
    Doubtful {
        /// The model's label.
        model: String,
        /// What the engine said to the commit.
        source: EngineError,
    },
    /// The detector declared of a table cannot be used.
    #[error("{model} reads {table}, which cannot be detect: {detect}: {problem}")]
    Detector {
        /// The model's label.
        model: String,
        /// The table's.
        table: String,
        /// The word in its declaration.
        detect: &'static str,
        /// Why not.
        problem: String,
    },
    /// Files were written while they were being read.
    #[error("{files} was written while {model} was being built from it")]
    FilesMoved {
        /// The model's label.
        model: String,
        /// The call that names them.
        files: String,
    },
    /// Columns changed and `on_schema_change` is `fail`.
    #[error("the columns of {model} changed: {change}")]
    SchemaChange {
        /// The model's label.
        model: String,
        /// What changed.
        change: String,
    },
    /// The policy is `strict` and only a whole rebuild would do.
    #[error("{model} would have to be rebuilt whole: {reason}")]
    Strict {
        /// The model's label.
        model: String,
        /// Why whole.
        reason: String,
        /// The operators behind it, with places.
        findings: Vec<LocatedFinding>,
    },
    /// Only a whole rebuild would do, and a backfill reserves some partitions.
    #[error("{model} would have to be rebuilt whole, but backfill {backfill} reserves {partitions} of it: {reason}")]
    Reserved {
        /// The model's label.
        model: String,
        /// The backfill's id.
        backfill: String,
        /// How many, in words.
        partitions: String,
        /// Why whole.
        reason: String,
    },
    /// It asks for partials, and its query cannot be split into them.
    #[error("no partials can be kept of {model}: {}", finding.first().map_or("", |first| first.finding.message.as_str()))]
    Partials {
        /// The model's label.
        model: String,
        /// Why not, with its place.
        finding: Vec<LocatedFinding>,
    },
    /// The ledger was written by a later version of Highwater.
    #[error("the ledger in this database is of version {found}; this Highwater knows version {known}")]
    NewerLedger {
        /// Its version.
        found: i128,
        /// Ours.
        known: i128,
    },
    /// A table the query reads is not there, so that the query does not bind.
    #[error("the query of {model} cannot be read: {source}")]
    Unbound {
        /// The model's label.
        model: String,
        /// The engine's own words.
        source: EngineError,
    },
    /// A staged slice broke a promise; nothing was swapped.
    #[error("{model}: {message}")]
    Assertion {
        /// The model's label.
        model: String,
        /// Which promise.
        message: String,
    },
    /// A test could not be asked about what was staged.
    #[error("{error}")]
    Audit {
        /// The model's label.
        model: String,
        /// Which, and why.
        error: Box<crate::audit::AuditError>,
    },
    /// The engine refused a statement.
    #[error("{source}")]
    Engine {
        /// The model's label.
        model: String,
        /// What it said.
        source: EngineError,
    },
}

impl ExactError {
    /// What the user sees.
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::Refused { findings, .. } => {
                located(Diagnostic::error("HW0501", self.to_string()), findings).note("nothing was touched")
            }
            Self::MissingColumn { columns, .. } => Diagnostic::error("HW0502", self.to_string())
                .note(format!("its columns are {}", columns.join(", ")))
                .help("name a column of the query's result"),
            Self::EventTimeType { column, .. } => Diagnostic::error("HW0503", self.to_string())
                .help(format!("cast {column} to a date or a timestamp in the query, or name another column")),
            Self::Grain { columns, examples, duplicates, .. } => grain(self, columns, examples, *duplicates),
            Self::Conflict { source, .. } => Diagnostic::error("HW0505", self.to_string())
                .note(source.to_string())
                .note("nothing was changed by this run")
                .help("run again when the other run has finished"),
            Self::Detector { table, detect, problem, .. } => unusable_detector(table, detect, problem),
            Self::Held { holder, .. } => Diagnostic::error("HW0512", self.to_string())
                .note(holder.to_string())
                .note("nothing was changed by this run")
                .help("wait for it with --wait 10m, or run again when it has finished"),
            Self::Doubtful { source, .. } => Diagnostic::error("HW0513", self.to_string())
                .note(source.to_string())
                .note("either everything of this model was swapped or nothing, and the ledger says the same")
                .help("run again: what was committed is not built twice"),
            Self::FilesMoved { .. } => Diagnostic::error("HW0520", self.to_string())
                .note("what was built may be neither the old nor the new; nothing was swapped")
                .help("run again; and let whoever writes the files write under another name first and then rename"),
            Self::SchemaChange { .. } => Diagnostic::error("HW0506", self.to_string())
                .note("on_schema_change is fail, and nothing was touched")
                .help("rebuild with --full-refresh, or let the table take the new columns with on_schema_change: append_new_columns"),
            Self::Strict { findings, .. } => located(Diagnostic::error("HW0507", self.to_string()), findings)
                .note("its policy is strict, and nothing was touched")
                .help("rebuild it with --full-refresh, or set meta.highwater.policy to auto"),
            Self::Reserved { backfill, .. } => Diagnostic::error("HW0812", self.to_string())
                .note("nothing was touched")
                .help(format!("finish the backfill, or give it up: hw backfill abandon {backfill}"))
                .help("to write over what it reserves: --full-refresh"),
            Self::Partials { finding, .. } => located(Diagnostic::error("HW0517", self.to_string()), finding)
                .note("nothing was touched")
                .help("or remove meta.highwater.partials: the model is exact without"),
            Self::NewerLedger { .. } => Diagnostic::error("HW0508", self.to_string()).help("use the later Highwater"),
            Self::Unbound { model, source } => {
                let message = source.to_string();
                let title = format!("the query of {model} cannot be read: {}", first_line(&message));
                Diagnostic::error("HW0509", title)
                    .note(message)
                    .help(format!("if a table it reads is not built yet: hw run --select +{model}"))
            }
            Self::Assertion { .. } => Diagnostic::error("HW0510", self.to_string())
                .note("nothing was swapped: the table is as it was")
                .help("rebuild it with --full-refresh, and report this with the model's query"),
            Self::Audit { model, error } => error.diagnostic(model),
            Self::Engine { model, source } => match source {
                EngineError::Statement { message, .. } => {
                    let title = format!("the database refused a statement of {model}: {}", first_line(message));
                    let rest = message.split_once('\n').map(|(_, rest)| rest.trim_end().to_owned());
                    let diagnostic = Diagnostic::error("HW0511", title);
                    rest.into_iter()
                        .fold(diagnostic, Diagnostic::note)
                        .note("nothing was changed: the table and its ledger are as they were")
                }
                other => Diagnostic::error("HW0511", format!("{model}: {other}")),
            },
        }
    }

    /// What the engine said: for a caller who can point into the model's own file, or try again after a conflict.
    pub fn engine_error(&self) -> Option<&EngineError> {
        match self {
            Self::Engine { source, .. } | Self::Conflict { source, .. } | Self::Unbound { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn located(mut diagnostic: Diagnostic, findings: &[LocatedFinding]) -> Diagnostic {
    for LocatedFinding { finding, file } in findings {
        match &finding.place {
            Some(place) => diagnostic = diagnostic.at(file, place.start, place.end, finding.message.clone()),
            None => diagnostic = diagnostic.note(finding.message.clone()),
        }
        if !finding.help.is_empty() && !diagnostic.help.contains(&finding.help) {
            diagnostic = diagnostic.help(finding.help.clone());
        }
    }
    diagnostic
}

fn unusable_detector(table: &str, detect: &str, problem: &str) -> Diagnostic {
    Diagnostic::error("HW0514", format!("{table} cannot be detect: {detect}"))
        .note(problem)
        .help("name a column of whole numbers that are given out in the order of commits")
        .help("say `commit_order: true` if nothing is ever stamped earlier and committed later, as when a single job loads the table")
        .help("or declare nothing: a fingerprint relies on no promise")
}

fn grain(error: &ExactError, columns: &[String], examples: &[(String, u64)], duplicates: u64) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("HW0504", error.to_string());
    let keys = if duplicates == 1 { "1 key has".to_owned() } else { format!("{duplicates} keys have") };
    diagnostic = diagnostic.note(format!("{keys} more than one row; nothing was swapped"));
    for (key, rows) in examples {
        diagnostic = diagnostic.note(format!("{}: {key} has {rows} rows", columns.join(", ")));
    }
    diagnostic.help("correct unique_key, or make the query keep one row per key (qualify row_number() over (partition by key order by ...) = 1)")
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}
