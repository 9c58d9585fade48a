//! The commands, one file each. A command reads its arguments, calls the library, prints, and says with which code to leave.
//!
//! | files | commands |
//! | --- | --- |
//! | `run.rs` `build.rs` `test.rs` `seed.rs` `snapshot.rs` | build tables and test them; all over `nodes.rs` and `warnings.rs` |
//! | `retry.rs` `clone.rs` `run_operation.rs` `source.rs` | dbt's other commands |
//! | `backfill.rs` | rebuilding chosen partitions, with a plan, a review and an undo |
//! | `plan.rs` `explain.rs` `verify.rs` | what exact models are about; all over `exact.rs` |
//! | `runbook.rs` | the page on what to do |
//! | `parse.rs` `compile.rs` `show.rs` `ls.rs` `docs.rs` | look without touching |
//! | `init.rs` `debug.rs` `deps.rs` `clean.rs` `completions.rs` `help.rs` | around it |

use clap::Subcommand;

use crate::arguments::{GlobalArguments, OutputForm};
use crate::exit::Outcome;
use crate::ui::Ui;

mod backfill;
mod build;
mod clean;
mod clone;
mod compile;
mod completions;
mod debug;
mod demo;
mod deps;
mod docs;
mod exact;
mod explain;
mod help;
mod init;
mod ls;
mod nodes;
mod parse;
mod plan;
mod retry;
mod run;
mod run_operation;
mod runbook;
mod seed;
mod show;
mod snapshot;
mod source;
mod test;
mod verify;
mod warnings;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::Arguments),
    Build(build::Arguments),
    Test(test::Arguments),
    Retry(retry::Arguments),
    Clone(clone::Arguments),
    RunOperation(run_operation::Arguments),
    Source(source::Arguments),
    Seed(seed::Arguments),
    Snapshot(snapshot::Arguments),
    Plan(plan::Arguments),
    Explain(explain::Arguments),
    Backfill(backfill::Arguments),
    Verify(verify::Arguments),
    Runbook(runbook::Arguments),
    Compile(compile::Arguments),
    Show(show::Arguments),
    #[command(visible_alias = "list")]
    Ls(ls::Arguments),
    Parse(parse::Arguments),
    Init(init::Arguments),
    Demo(demo::Arguments),
    Debug(debug::Arguments),
    Docs(docs::Arguments),
    Deps(deps::Arguments),
    Clean(clean::Arguments),
    Completions(completions::Arguments),
    Help(help::Arguments),
}

impl Command {
    /// Whether standard output is to hold one JSON document.
    pub fn writes_json(&self) -> bool {
        let form = match self {
            Self::Run(arguments) => arguments.form(),
            Self::Build(arguments) => arguments.form(),
            Self::Test(arguments) => arguments.form(),
            Self::Retry(arguments) => arguments.output.output,
            Self::Clone(arguments) => arguments.form(),
            Self::RunOperation(arguments) => arguments.output.output,
            Self::Source(arguments) => arguments.form(),
            Self::Seed(arguments) => arguments.form(),
            Self::Snapshot(arguments) => arguments.form(),
            Self::Plan(arguments) => arguments.output.output,
            Self::Explain(arguments) => arguments.output.output,
            Self::Verify(arguments) => arguments.output.output,
            Self::Backfill(arguments) => arguments.form(),
            Self::Runbook(arguments) => arguments.output.output,
            Self::Compile(arguments) => arguments.output.output,
            Self::Show(arguments) => arguments.output.output,
            Self::Parse(arguments) => arguments.output.output,
            Self::Init(arguments) => arguments.output.output,
            Self::Debug(arguments) => arguments.output.output,
            Self::Docs(arguments) => arguments.output.output,
            Self::Deps(arguments) => arguments.output.output,
            Self::Clean(arguments) => arguments.output.output,
            Self::Help(arguments) => arguments.output.output,
            Self::Ls(_) | Self::Demo(_) | Self::Completions(_) => OutputForm::Text,
        };
        form == OutputForm::Json
    }

    /// Does it.
    ///
    /// # Errors
    /// When nothing could be run, or nobody reads the answer.
    pub fn execute(&self, global: &GlobalArguments, ui: &Ui) -> Outcome {
        match self {
            Self::Run(arguments) => run::execute(arguments, global, ui),
            Self::Build(arguments) => build::execute(arguments, global, ui),
            Self::Test(arguments) => test::execute(arguments, global, ui),
            Self::Retry(arguments) => retry::execute(arguments, global, ui),
            Self::Clone(arguments) => clone::execute(arguments, global, ui),
            Self::RunOperation(arguments) => run_operation::execute(arguments, global, ui),
            Self::Source(arguments) => source::execute(arguments, global, ui),
            Self::Seed(arguments) => seed::execute(arguments, global, ui),
            Self::Snapshot(arguments) => snapshot::execute(arguments, global, ui),
            Self::Plan(arguments) => plan::execute(arguments, global, ui),
            Self::Explain(arguments) => explain::execute(arguments, global, ui),
            Self::Verify(arguments) => verify::execute(arguments, global, ui),
            Self::Backfill(arguments) => backfill::execute(arguments, global, ui),
            Self::Runbook(arguments) => runbook::execute(arguments, global, ui),
            Self::Compile(arguments) => compile::execute(arguments, global, ui),
            Self::Show(arguments) => show::execute(arguments, global, ui),
            Self::Ls(arguments) => ls::execute(arguments, global, ui),
            Self::Parse(arguments) => parse::execute(arguments, global, ui),
            Self::Init(arguments) => init::execute(arguments, global, ui),
            Self::Demo(arguments) => demo::execute(arguments, global, ui),
            Self::Debug(arguments) => debug::execute(arguments, global, ui),
            Self::Docs(arguments) => docs::execute(arguments, global, ui),
            Self::Deps(arguments) => deps::execute(arguments, global, ui),
            Self::Clean(arguments) => clean::execute(arguments, global, ui),
            Self::Completions(arguments) => completions::execute(arguments, ui),
            Self::Help(arguments) => help::execute(arguments, ui),
        }
    }
}
