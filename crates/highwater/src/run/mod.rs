//! Running a project: which nodes, in which order, on which threads, and what became of each.
//!
//! | file | what |
//! | --- | --- |
//! | `execute.rs` | a whole run: choose, prepare, hand out to threads, collect, record |
//! | `schedule.rs` | which node may start next |
//! | `worker.rs` | what threads share, and one node's work in one of them |
//! | `node.rs` | one node, from template to result |
//! | `materialize/` | views, tables, incremental models, seeds, materializations in Jinja |
//! | `exact.rs`, `backfill.rs` | the seams to the exact strategy and to backfills |
//! | `metrics.rs` | metrics as aggregates over the models of a backfill |
//! | `verified.rs` | the models that `verify` compares |
//! | `microbatch.rs`, `batches.rs` | microbatch models; which batches there are |
//! | `data_test.rs` | data tests |
//! | `audits.rs` | tests before publishing: the seam to `audit/` |
//! | `unit_test.rs`, `diff.rs` | unit tests, and how rows differ |
//! | `clone.rs` | views on the tables of an earlier run |
//! | `operation.rs` | one macro, called for what it does |
//! | `freshness.rs` | how fresh the sources are |
//! | `inline.rs` | SQL of the command line |
//! | `hooks.rs` | hooks of models and of the project |
//! | `catalog.rs` | what lies in the schemas, asked once |
//! | `transaction.rs` | transactions, tried again after conflicts |
//! | `failure.rs` | database errors as diagnostics |
//! | `result.rs`, `events.rs`, `timing.rs` | what became of a node, what a front is told, and when |

mod audits;
mod backfill;
mod batches;
mod catalog;
mod clone;
mod data_test;
mod diff;
mod events;
mod exact;
mod execute;
mod failure;
mod freshness;
mod hooks;
mod inline;
mod materialize;
mod metrics;
mod microbatch;
mod node;
mod operation;
mod result;
mod schedule;
mod timing;
mod transaction;
mod unit_test;
mod verified;
mod worker;

pub use backfill::{BackfillInputs, backfill_models, backfill_selection};
pub use batches::{BatchResults, Window, parse_sample};
pub(crate) use data_test::keeps_rows;
pub use events::{Event, Level};
pub use freshness::{FreshnessEvent, FreshnessResult, FreshnessStatus};
pub(crate) use materialize::longer_text;
pub use result::{NodeResult, RunResults, Status, Timing};
pub(crate) use timing::written as written_moment;
pub(crate) use worker::output_path;

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::context::Warned;
use crate::diagnostics::Diagnostic;
use crate::exact::{ExactModel, PlannedModel, Surroundings};
use crate::manifest::select::Selection;
use crate::session::Session;
use crate::state::Deferral;
use crate::verify::Strategy;

/// What to do with the selected nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Seeds, models and tests in the order of the graph.
    Build,
    /// Models.
    Run,
    /// Seeds.
    Seed,
    /// Tests.
    Test,
    /// Snapshots.
    Snapshot,
    /// Renders templates, writes them under `target/compiled`, touches no table.
    Compile,
    /// Renders one model or text and returns its first rows.
    Show,
    /// Makes views on the tables of an earlier run.
    Clone,
    /// Calls one macro.
    RunOperation,
    /// Asks how fresh sources are.
    Freshness,
}

impl Command {
    /// dbt's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Run => "run",
            Self::Seed => "seed",
            Self::Test => "test",
            Self::Snapshot => "snapshot",
            Self::Compile => "compile",
            Self::Show => "show",
            Self::Clone => "clone",
            Self::RunOperation => "run-operation",
            Self::Freshness => "freshness",
        }
    }
}

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What to do.
    pub command: Command,
    /// With which nodes.
    pub selection: Selection,
    /// Rebuild incremental models and seeds from nothing (`--full-refresh`).
    pub full_refresh: bool,
    /// Stop at the first failure (`--fail-fast`).
    pub fail_fast: bool,
    /// Worker threads; the target's when none.
    pub threads: Option<usize>,
    /// Keep the rows that tests find (`--store-failures`).
    pub store_failures: bool,
    /// Render every reference as an empty table (`--empty`).
    pub empty: bool,
    /// The window that microbatch models build (`--event-time-start`, `--event-time-end`).
    pub event_time: Option<Window>,
    /// The window of event time that inputs are restricted to (`--sample`).
    pub sample: Option<Window>,
    /// For a retry: what became of the batches the first time, by unique id; the failed ones are built.
    pub previous_batches: HashMap<String, BatchResults>,
    /// For a retry: when the first run was, which is where the batches of microbatch models end.
    pub invoked_at: Option<jiff::Timestamp>,
    /// SQL given on the command line, for `compile` and `show`; then the selection does not matter.
    pub inline: Option<String>,
    /// Rows of `show`; all when none.
    pub limit: Option<u64>,
    /// Show the first rows of the seeds that were loaded (`seed --show`).
    pub show_loaded: bool,
    /// Where references to what is not built lead (`--defer`).
    pub deferral: Option<Deferral>,
    /// Write `manifest.json` and `run_results.json`.
    pub write_json: bool,
    /// The command's arguments as artifacts record them.
    pub arguments: serde_json::Map<String, serde_json::Value>,
    /// What becomes of the warnings that templates give, by dbt's names of them; those without a name here are said.
    pub warned: IndexMap<&'static str, Warned>,
}

impl RunOptions {
    /// A command with nothing else said.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            selection: Selection::default(),
            full_refresh: false,
            fail_fast: false,
            threads: None,
            store_failures: false,
            empty: false,
            event_time: None,
            sample: None,
            previous_batches: HashMap::new(),
            invoked_at: None,
            inline: None,
            limit: Some(5),
            show_loaded: false,
            deferral: None,
            write_json: true,
            arguments: serde_json::Map::new(),
            warned: IndexMap::new(),
        }
    }
}

/// Runs the selected nodes in the order of the graph and writes the artifacts.
///
/// A node that fails is a result, not an error.
///
/// # Errors
/// When nothing could be started: the selection names nothing that can be, the database cannot be opened.
pub fn execute(
    session: &Session,
    options: &RunOptions,
    events: &(dyn Fn(Event) + Sync),
) -> Result<RunResults, Vec<Diagnostic>> {
    execute::execute(session, options, events)
}

/// Calls a macro of the project (`name`) or of a package (`package.name`) with these arguments.
///
/// # Errors
/// When nothing could be started, or there is no such macro. A macro that raises is a result.
pub fn run_operation(
    session: &Session,
    options: &RunOptions,
    name: &str,
    arguments: &IndexMap<String, serde_json::Value>,
    events: &(dyn Fn(Event) + Sync),
) -> Result<RunResults, Vec<Diagnostic>> {
    operation::run_operation(session, options, name, arguments, events)
}

/// Makes a view here on every selected table of the earlier run that `options.deferral` knows.
///
/// # Errors
/// When nothing could be started.
pub fn clone(
    session: &Session,
    options: &RunOptions,
    events: &(dyn Fn(Event) + Sync),
) -> Result<RunResults, Vec<Diagnostic>> {
    clone::clone(session, options, events)
}

/// Asks every selected source that has thresholds how old its newest row is.
///
/// # Errors
/// When nothing could be started.
pub fn source_freshness(
    session: &Session,
    options: &RunOptions,
    events: &(dyn Fn(FreshnessEvent) + Sync),
) -> Result<Vec<FreshnessResult>, Vec<Diagnostic>> {
    freshness::source_freshness(session, options, events)
}

/// The exact models of a selection as `plan`, `explain` and `verify` need them, in the order of the graph, with what
/// surrounds them.
///
/// # Errors
/// When a model does not compile.
pub fn exact_inputs(
    session: &Session,
    options: &RunOptions,
) -> Result<(Vec<ExactModel>, Surroundings), Vec<Diagnostic>> {
    exact::exact_inputs(session, options)
}

/// A model that can be compared with a rebuild.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedModel {
    /// The model as the exact strategy sees it, with the query that a full refresh runs.
    pub model: ExactModel,
    /// What fills its table, where that is not the exact strategy.
    pub strategy: Option<Strategy>,
}

/// The incremental models of a selection, of whatever strategy, as `verify` needs them, in the order of the graph.
///
/// # Errors
/// When a model does not compile.
pub fn verify_inputs(
    session: &Session,
    options: &RunOptions,
) -> Result<(Vec<VerifiedModel>, Surroundings), Vec<Diagnostic>> {
    verified::verify_inputs(session, options)
}

/// The same for `plan`: tables that the command rebuilds by other means are named as well, because nobody can foresee what
/// they will hold.
///
/// # Errors
/// When a model does not compile.
pub fn plan_inputs(
    session: &Session,
    options: &RunOptions,
) -> Result<(Vec<PlannedModel>, Surroundings), Vec<Diagnostic>> {
    exact::plan_inputs(session, options)
}
