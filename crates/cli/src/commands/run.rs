//! `hw run`: models.

use clap::Args;
use highwater::diagnostics::Diagnostic;
use highwater::run::Command;
use highwater::session::Session;

use super::exact;
use super::nodes::{self, EmptyArguments, EventTimeArguments, NodeArguments, RefreshArguments};
use super::warnings::Warnings;
use crate::arguments::{GlobalArguments, OutputForm};
use crate::exit::Outcome;
use crate::project;
use crate::ui::Ui;

/// Builds models; exact ones only where something changed
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    nodes: NodeArguments,
    #[command(flatten)]
    refresh: RefreshArguments,
    #[command(flatten)]
    empty: EmptyArguments,
    #[command(flatten)]
    event_time: EventTimeArguments,

    /// Run only if this is still what `hw plan` would print
    #[arg(long, value_name = "HASH", conflicts_with_all = ["full_refresh", "empty"])]
    plan: Option<String>,
}

impl Arguments {
    /// The form of the answer.
    pub fn form(&self) -> OutputForm {
        self.nodes.output.output
    }
}

/// Runs.
///
/// # Errors
/// When nothing could be run, or the plan is no longer what it was.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    if let Some(hash) = &arguments.plan {
        refuse_another_plan(&session, arguments, hash)?;
    }
    let mut options = nodes::options(Command::Run, &arguments.nodes, global, &session)?;
    options.full_refresh = arguments.refresh.full_refresh;
    options.empty = arguments.empty.is_wanted();
    arguments.event_time.apply(&mut options)?;
    nodes::execute(&session, &options, &Warnings::of(global, &session)?, ui)
}

/// The database is held by this process from here on, so nobody can change it between this look and the run.
fn refuse_another_plan(session: &Session, arguments: &Arguments, hash: &str) -> Result<(), Vec<Diagnostic>> {
    if hash.len() < 7 || !hash.chars().all(|character| character.is_ascii_hexdigit()) {
        return Err(vec![
            Diagnostic::error("HW0701", format!("`{hash}` is no plan"))
                .help("a plan is named by at least seven hexadecimal digits, as `hw plan` prints them"),
        ]);
    }
    let selection = project::selection(&arguments.nodes.selection, session).map_err(|problem| vec![problem])?;
    let plan = exact::plan(session, &selection)?;
    if plan.hash.starts_with(&hash.to_ascii_lowercase()) {
        return Ok(());
    }
    let select = exact::selection_words(&arguments.nodes.selection);
    Err(vec![
        Diagnostic::error("HW0702", format!("plan {hash} is no longer what a run would do"))
            .note(format!("a run would now do plan {}", exact::short(&plan.hash)))
            .note("data, models or the selection changed since the plan was made; nothing was touched")
            .help(format!("look at what it would do now: hw plan{select}")),
    ])
}
