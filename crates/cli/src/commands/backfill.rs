//! `hw backfill`: rebuilding chosen partitions as a thing with a plan, a review and an undo. Its verbs are in `backfill/`.
//!
//! | file | what |
//! | --- | --- |
//! | `plan.rs` | `plan` and `approve`: before anything is touched |
//! | `apply.rs` | `apply`, `resume`, `rollback`, `abandon` |
//! | `look.rs` | `list`, `show`, `status` |
//! | `files.rs` | the folder `backfills` of the project |

pub mod apply;
pub mod files;
mod look;
pub mod plan;

use clap::{Args, Subcommand};

use crate::arguments::{GlobalArguments, OutputArguments, OutputForm};
use crate::exit::Outcome;
use crate::ui::Ui;

/// Rebuilds chosen partitions: planned, reviewed, staged, audited, swapped at once, verified, and undone if need be
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    Plan(Box<plan::PlanArguments>),
    Approve(plan::ApproveArguments),
    Apply(apply::ApplyArguments),
    Resume(apply::ResumeArguments),
    Rollback(apply::RollbackArguments),
    Abandon(apply::AbandonArguments),
    List(look::ListArguments),
    Show(look::ShowArguments),
    Status(look::StatusArguments),
}

/// The flags of every verb.
#[derive(Debug, Args)]
struct One {
    /// The backfill's id, as `hw backfill list` shows it; `latest` for the plan that was written last
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    output: OutputArguments,
}

impl Arguments {
    /// The form of the answer.
    pub fn form(&self) -> OutputForm {
        match &self.verb {
            Verb::Plan(arguments) => arguments.output.output,
            Verb::Approve(arguments) => arguments.one.output.output,
            Verb::Apply(arguments) => arguments.one.output.output,
            Verb::Resume(arguments) => arguments.one.output.output,
            Verb::Rollback(arguments) => arguments.one.output.output,
            Verb::Abandon(arguments) => arguments.one.output.output,
            Verb::List(arguments) => arguments.output.output,
            Verb::Show(arguments) => arguments.one.output.output,
            Verb::Status(arguments) => arguments.one.output.output,
        }
    }
}

/// Does it.
///
/// # Errors
/// When the step cannot be taken; the tables are as they were then.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    match &arguments.verb {
        Verb::Plan(arguments) => plan::plan(arguments, global, ui),
        Verb::Approve(arguments) => plan::approve(arguments, global, ui),
        Verb::Apply(arguments) => apply::apply(arguments, global, ui),
        Verb::Resume(arguments) => apply::resume(arguments, global, ui),
        Verb::Rollback(arguments) => apply::rollback(arguments, global, ui),
        Verb::Abandon(arguments) => apply::abandon(arguments, global, ui),
        Verb::List(arguments) => look::list(arguments, global, ui),
        Verb::Show(arguments) => look::show(arguments, global, ui),
        Verb::Status(arguments) => look::status(arguments, global, ui),
    }
}
