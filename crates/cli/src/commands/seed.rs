//! `hw seed`: CSV files into tables.

use clap::Args;
use highwater::run::Command;

use super::nodes::{self, EmptyArguments, NodeArguments, RefreshArguments};
use super::warnings::Warnings;
use crate::arguments::{GlobalArguments, OutputForm};
use crate::exit::Outcome;
use crate::ui::Ui;

/// Loads the CSV files of the project into tables
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    nodes: NodeArguments,
    #[command(flatten)]
    refresh: RefreshArguments,
    #[command(flatten)]
    empty: EmptyArguments,
    /// Show the first rows of every seed that was loaded
    #[arg(long)]
    show: bool,
}

impl Arguments {
    /// The form of the answer.
    pub fn form(&self) -> OutputForm {
        self.nodes.output.output
    }
}

/// Loads.
///
/// # Errors
/// When nothing could be run.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut options = nodes::options(Command::Seed, &arguments.nodes, global, &session)?;
    options.full_refresh = arguments.refresh.full_refresh;
    options.empty = arguments.empty.is_wanted();
    options.show_loaded = arguments.show;
    nodes::execute(&session, &options, &Warnings::of(global, &session)?, ui)
}
