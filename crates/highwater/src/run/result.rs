//! What became of a node: dbt's status words, messages and timings, and ours beside them.

use serde::Serialize;
use serde_json::{Map, Value};

use super::batches::BatchResults;
use crate::diagnostics::Diagnostic;
use crate::engine::Table;
use crate::exact::SwapReport;

/// What became of a node, in dbt's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Status {
    /// A model, seed or hook did what it should.
    #[serde(rename = "success")]
    Success,
    /// A model, seed, hook or test could not be run.
    #[serde(rename = "error")]
    Error,
    /// Not tried, because something it reads failed, or because the run was told to stop at the first failure.
    #[serde(rename = "skipped")]
    Skipped,
    /// A test found nothing.
    #[serde(rename = "pass")]
    Pass,
    /// A test found too much.
    #[serde(rename = "fail")]
    Fail,
    /// A test found something, and is configured to warn.
    #[serde(rename = "warn")]
    Warn,
    /// The command itself broke while it dealt with the node.
    #[serde(rename = "runtime error")]
    RuntimeError,
    /// Some batches of a microbatch model were built and others were not.
    #[serde(rename = "partial success")]
    PartialSuccess,
    /// There was nothing to do for this kind of node.
    #[serde(rename = "no-op")]
    NoOp,
}

impl Status {
    /// The word in artifacts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::RuntimeError => "runtime error",
            Self::PartialSuccess => "partial success",
            Self::NoOp => "no-op",
        }
    }

    /// Whether what reads the node must not be built.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail | Self::RuntimeError | Self::PartialSuccess)
    }
}

/// When a phase of a node's work began and ended; moments as ISO 8601 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// `compile` or `execute`.
    pub name: String,
    /// Beginning.
    pub started_at: String,
    /// End.
    pub completed_at: String,
}

/// What became of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeResult {
    /// The node, or the hook (`operation.package.package-on-run-start-0`).
    pub unique_id: String,
    /// What became of it.
    pub status: Status,
    /// One line for people on success; on failure the same text as dbt's, kind of error first.
    pub message: Option<String>,
    /// Rows a test found.
    pub failures: Option<u64>,
    /// Seconds.
    pub execution_time: f64,
    /// `Thread-1 (worker)`, as dbt's threads are called.
    pub thread_id: String,
    /// Phases.
    pub timing: Vec<Timing>,
    /// What the adapter says of the statement (`_message`, `code`, `rows_affected`).
    pub adapter_response: Map<String, Value>,
    /// Whether the template was rendered.
    pub compiled: bool,
    /// The rendered template.
    pub compiled_code: Option<String>,
    /// Quoted name of the table or view.
    pub relation_name: Option<String>,
    /// Rows written, where known.
    pub rows: Option<u64>,
    /// For microbatch models: what became of each batch.
    pub batch_results: Option<BatchResults>,
    /// For exact models: what was dirty, why, and what was swapped.
    pub exact: Option<SwapReport>,
    /// Whether what reads the node is built all the same: it failed, and its old rows are to be used.
    #[serde(skip)]
    pub old_rows_do: bool,
    /// For `show`: the rows.
    #[serde(skip)]
    pub table: Option<Table>,
    /// What went wrong, with its place.
    pub diagnostic: Option<Diagnostic>,
}

impl NodeResult {
    /// Whether this is a failure of the run: also a node that was skipped because an ephemeral model it reads cannot be
    /// compiled, which has no result of its own.
    pub fn failed(&self) -> bool {
        self.status.is_failure() || (self.status == Status::Skipped && self.diagnostic.is_some())
    }
}

/// What became of everything, in the order in which it was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunResults {
    /// One per node and hook.
    pub results: Vec<NodeResult>,
    /// Seconds from first to last.
    pub elapsed: f64,
    /// Problems beside the nodes: artifacts that could not be written, nothing selected.
    pub diagnostics: Vec<Diagnostic>,
}

impl RunResults {
    /// How many ended so.
    pub fn count(&self, status: Status) -> usize {
        self.results.iter().filter(|result| result.status == status).count()
    }

    /// Whether the command succeeded: nothing failed, and with `warn_error` nothing warned either.
    pub fn succeeded(&self, warn_error: bool) -> bool {
        !self.results.iter().any(|result| result.failed() || (warn_error && result.status == Status::Warn))
    }
}
