//! Mistakes in the command line, help and version: what clap has to say, and commands of dbt that do not exist yet.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use highwater::diagnostics::{Diagnostic, full};

use crate::exit::Exit;

/// Commands that people will look for, and what to do until they exist.
const NOT_YET: &[(&str, &str)] = &[
    ("freshness", "`hw source freshness` asks how fresh sources are"),
    ("backfill", "`hw plan` and `hw run --plan HASH` show and apply exactly what is dirty"),
    ("lint", "`hw explain MODEL` says what an exact model makes of its query, and why"),
    ("lateness", "`hw plan` names every late row it found"),
    ("lineage", "`hw ls --select +MODEL+` lists what is up- and downstream of a model"),
    ("impact", "`hw ls --select MODEL+` lists what is downstream of a model"),
    ("review", "`hw plan --output json` holds what a review needs"),
    ("trust", "`hw verify` compares tables with their rebuild"),
    ("board", "`hw plan --output json` holds the state of every exact model"),
    ("mcp", "every command has `--output json`"),
    ("serve", "every command has `--output json`"),
];

/// Prints what clap has to say. Help and version are answers; everything else could not run.
pub fn report(error: &clap::Error) -> Exit {
    if let Some(problem) = not_yet(error) {
        anstream::eprint!("{}", full::render(&problem, true));
        return Exit::CouldNotRun;
    }
    // Output that cannot be written leaves nothing to tell it with.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
        _ => Exit::CouldNotRun,
    }
}

fn not_yet(error: &clap::Error) -> Option<Diagnostic> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let (name, instead) = NOT_YET.iter().find(|(known, _)| known == name)?;
    Some(
        Diagnostic::error("HW0004", format!("`hw {name}` does not exist yet"))
            .help(format!("until then: {instead}"))
            .help("`hw --help` lists the commands there are"),
    )
}
