//! `hw completions`: completion scripts for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Cli;
use crate::exit::{Exit, Outcome};
use crate::ui::Ui;

/// Prints a completion script for a shell
///
/// For bash: `hw completions bash > ~/.local/share/bash-completion/completions/hw`
#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// When nobody reads it.
pub fn execute(arguments: &Arguments, ui: &Ui) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "hw", &mut script);
    ui.answer(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
