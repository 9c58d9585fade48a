//! What a run tells its front while it goes on. The library prints nothing itself.

use super::result::{NodeResult, Status};

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for a fault.
    Debug,
    /// For everyone.
    Info,
    /// The run goes on; the user should look.
    Warn,
    /// Something failed.
    Error,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The run is about to begin.
    Started {
        /// What the project holds: `("model", 3)`, `("seed", 2)`, `("source", 1)`, ...
        found: Vec<(&'static str, usize)>,
        /// How many nodes will be run.
        selected: usize,
        /// Worker threads.
        threads: usize,
        /// Name of the target.
        target: String,
    },
    /// A node is being worked on.
    NodeStarted {
        /// From one, in the order of starting.
        index: usize,
        /// How many nodes the run has.
        total: usize,
        /// The node.
        unique_id: String,
        /// `sql incremental model main.orders`, `test not_null_orders_id`, `seed file main.countries`.
        description: String,
    },
    /// A node is done, or was skipped.
    NodeFinished {
        /// From one, the same as at its start.
        index: usize,
        /// How many nodes the run has.
        total: usize,
        /// `sql incremental model main.orders`.
        description: String,
        /// What became of it.
        result: Box<NodeResult>,
    },
    /// A hook of the project is being run.
    HookStarted {
        /// From one, within its list.
        index: usize,
        /// Length of the list.
        total: usize,
        /// `package.on-run-start.0`.
        name: String,
    },
    /// A hook of the project is done.
    HookFinished {
        /// From one, within its list.
        index: usize,
        /// Length of the list.
        total: usize,
        /// `package.on-run-start.0`.
        name: String,
        /// What became of it.
        status: Status,
        /// Seconds.
        execution_time: f64,
    },
    /// A statement is about to be run for a node: for those who look for a fault.
    Statement {
        /// The node.
        unique_id: String,
        /// Its text, the project's comment included.
        sql: String,
    },
    /// A line for the log.
    Message {
        /// How much it matters.
        level: Level,
        /// One line.
        text: String,
    },
    /// What a template prints: an answer rather than talk.
    Printed {
        /// One line or more.
        text: String,
    },
    /// Everything is done.
    Finished {
        /// Seconds.
        elapsed: f64,
    },
}
