//! `hw test`: data tests.

use clap::Args;
use highwater::run::Command;

use super::nodes::{self, NodeArguments, TestArguments};
use super::warnings::Warnings;
use crate::arguments::{GlobalArguments, OutputForm};
use crate::exit::Outcome;
use crate::ui::Ui;

/// Runs data tests
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    nodes: NodeArguments,
    #[command(flatten)]
    tests: TestArguments,
}

impl Arguments {
    /// The form of the answer.
    pub fn form(&self) -> OutputForm {
        self.nodes.output.output
    }
}

/// Tests.
///
/// # Errors
/// When nothing could be run.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut options = nodes::options(Command::Test, &arguments.nodes, global, &session)?;
    options.store_failures = arguments.tests.store_failures;
    nodes::execute(&session, &options, &Warnings::of(global, &session)?, ui)
}
