//! `hw help`: what a command does, what an error code means.

use std::fmt::Write as _;

use clap::{Args, CommandFactory};
use highwater::diagnostics::{Diagnostic, codes};
use serde_json::json;

use crate::arguments::{Cli, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::ui::Ui;

/// Explains a command, or an error code such as HW0213
#[derive(Debug, Args)]
pub struct Arguments {
    /// A command, or a code
    topic: Option<String>,
    /// Print the reference of all commands in Markdown (docs/reference/cli.md)
    #[arg(long, hide = true)]
    markdown: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Explains.
///
/// # Errors
/// When there is no such command or code.
pub fn execute(arguments: &Arguments, ui: &Ui) -> Outcome {
    let mut command = Cli::command();
    command.build();
    if arguments.markdown {
        ui.answer(&reference(&command))?;
        return Ok(Exit::Ok);
    }
    let Some(topic) = &arguments.topic else {
        ui.answer(&command.render_long_help().ansi().to_string())?;
        return Ok(Exit::Ok);
    };
    if let Some(page) = codes::page(topic) {
        if ui.answers_json() {
            ui.answer_json(&json!({
                "code": page.code, "category": codes::category(page.code).words(), "text": page.text,
            }))?;
        } else {
            ui.answer(page.text)?;
        }
        return Ok(Exit::Ok);
    }
    if let Some(found) = command.find_subcommand_mut(topic) {
        ui.answer(&found.render_long_help().ansi().to_string())?;
        return Ok(Exit::Ok);
    }
    Err(Diagnostic::error("HW0006", format!("no command and no code is called `{topic}`"))
        .help("`hw --help` lists the commands; codes are in docs/errors")
        .into())
}

/// Every command with its flags. Flags of every command are said once.
fn reference(command: &clap::Command) -> String {
    let mut out = String::from(
        "# The command line\n\n\
         Written by `hw help --markdown`; a test fails when this page and the binary differ.\n\n\
         | exit code | meaning |\n| --- | --- |\n\
         | 0 | all is well |\n\
         | 1 | a node failed, or a table differs from its rebuild |\n\
         | 2 | could not run: command line, project, profile, selection, database; or compile, show or docs generate met an error |\n\
         | 3 | a defect of Highwater itself |\n\n\
         Answers go to standard output, everything else to standard error; with `--log-format json` the log lines are answers.\n\
         Every command has `--output json`.\n",
    );
    let _ = writeln!(out, "\n## Flags of every command\n\nAccepted before and after the command.\n");
    flags(&mut out, command, true);
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        let _ = writeln!(out, "\n## hw {}\n", subcommand.get_name());
        let about = subcommand.get_long_about().or_else(|| subcommand.get_about());
        let _ = writeln!(out, "{}\n", about.map(ToString::to_string).unwrap_or_default());
        flags(&mut out, subcommand, false);
    }
    out
}

/// One table of flags and arguments.
fn flags(out: &mut String, command: &clap::Command, global: bool) {
    let shown: Vec<&clap::Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && argument.is_global_set() == global)
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .collect();
    if shown.is_empty() {
        return;
    }
    let _ = writeln!(out, "| flag | meaning |\n| --- | --- |");
    for argument in shown {
        let _ = writeln!(out, "| {} | {} |", flag_words(argument), meaning(argument));
    }
}

fn flag_words(argument: &clap::Arg) -> String {
    let value =
        argument.get_value_names().map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let takes_value = argument.get_action().takes_values();
    let Some(long) = argument.get_long() else {
        return format!("`{}`", value.unwrap_or_else(|| argument.get_id().to_string().to_uppercase()));
    };
    let mut words = String::new();
    if let Some(short) = argument.get_short() {
        let _ = write!(words, "`-{short}` ");
    }
    let _ = match value.filter(|_| takes_value) {
        Some(value) => write!(words, "`--{long} {value}`"),
        None => write!(words, "`--{long}`"),
    };
    let aliases = argument.get_visible_aliases().unwrap_or_default().into_iter().map(|alias| format!("`--{alias}`"));
    let short_aliases =
        argument.get_visible_short_aliases().unwrap_or_default().into_iter().map(|alias| format!("`-{alias}`"));
    for alias in short_aliases.chain(aliases) {
        let _ = write!(words, " {alias}");
    }
    words
}

fn meaning(argument: &clap::Arg) -> String {
    let mut words = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() && argument.get_action().takes_values() {
        let _ = write!(words, ": {}", values.join(", "));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if !defaults.is_empty() && argument.get_action().takes_values() {
        let _ = write!(words, " (default `{}`)", defaults.join(" "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(words, "; variable `{}`", variable.to_string_lossy());
    }
    words
}
