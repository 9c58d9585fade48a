//! `hw snapshot`: keeps the versions of rows that change.

use clap::Args;
use highwater::run::Command;

use super::nodes::{self, EmptyArguments, EventTimeArguments, NodeArguments};
use super::warnings::Warnings;
use crate::arguments::{GlobalArguments, OutputForm};
use crate::exit::Outcome;
use crate::ui::Ui;

/// Records in the snapshots of the project what has changed since the last time
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    nodes: NodeArguments,
    #[command(flatten)]
    empty: EmptyArguments,
    #[command(flatten)]
    event_time: EventTimeArguments,
}

impl Arguments {
    /// The form of the answer.
    pub fn form(&self) -> OutputForm {
        self.nodes.output.output
    }
}

/// Takes the snapshots.
///
/// # Errors
/// When nothing could be run.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut options = nodes::options(Command::Snapshot, &arguments.nodes, global, &session)?;
    options.empty = arguments.empty.is_wanted();
    arguments.event_time.apply(&mut options)?;
    nodes::execute(&session, &options, &Warnings::of(global, &session)?, ui)
}
