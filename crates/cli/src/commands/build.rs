//! `hw build`: seeds, models and tests in the order of the graph.

use clap::Args;
use highwater::run::Command;

use super::nodes::{self, EmptyArguments, EventTimeArguments, NodeArguments, RefreshArguments, TestArguments};
use super::warnings::Warnings;
use crate::arguments::{GlobalArguments, OutputForm};
use crate::exit::Outcome;
use crate::ui::Ui;

/// Builds seeds and models and runs their tests, in the order of the graph
///
/// What reads a node that failed, or whose test failed, is skipped.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    nodes: NodeArguments,
    #[command(flatten)]
    refresh: RefreshArguments,
    #[command(flatten)]
    tests: TestArguments,
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

/// Builds.
///
/// # Errors
/// When nothing could be run.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut options = nodes::options(Command::Build, &arguments.nodes, global, &session)?;
    options.full_refresh = arguments.refresh.full_refresh;
    options.store_failures = arguments.tests.store_failures;
    options.empty = arguments.empty.is_wanted();
    arguments.event_time.apply(&mut options)?;
    nodes::execute(&session, &options, &Warnings::of(global, &session)?, ui)
}
