//! The commands, one file each. A command reads its arguments, calls the library, prints, and says with which code to leave.

use clap::Subcommand;

use crate::exit::Outcome;
use crate::ui::Ui;

mod build;
mod clean;
mod compile;
mod completions;
mod debug;
mod deps;
mod explain;
mod help;
mod init;
mod ls;
mod parse;
mod plan;
mod run;
mod seed;
mod show;
mod test;
mod verify;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::Arguments),
    Build(build::Arguments),
    Test(test::Arguments),
    Seed(seed::Arguments),
    Plan(plan::Arguments),
    Explain(explain::Arguments),
    Verify(verify::Arguments),
    Compile(compile::Arguments),
    Show(show::Arguments),
    #[command(visible_alias = "list")]
    Ls(ls::Arguments),
    Parse(parse::Arguments),
    Init(init::Arguments),
    Debug(debug::Arguments),
    Deps(deps::Arguments),
    Clean(clean::Arguments),
    Completions(completions::Arguments),
    Help(help::Arguments),
}
