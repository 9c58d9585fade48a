//! The binary `hw`: reads the command line, calls the library, prints. What things mean is decided in the library.
//!
//! | module | what |
//! | --- | --- |
//! | [`arguments`] | flags shared by commands |
//! | [`commands`] | one file per command |
//! | [`demo`] | the project and the data of `hw demo` |
//! | [`exit`] | exit codes, and what stops a command |
//! | [`interrupt`] | Ctrl-C as a request |
//! | [`pace`] | how far a backfill is, for those who cannot ask its database |
//! | [`project`] | from flags to an opened project |
//! | [`ui`] | everything that is printed |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use highwater::diagnostics::Diagnostic;

use crate::arguments::Cli;
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

mod arguments;
mod commands;
mod demo;
mod exit;
mod interrupt;
mod pace;
mod project;
mod ui;

/// Reading a project makes millions of small values on all threads, which costs the system's allocator much of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    install_panic_message();
    let exit = catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Defect);
    ExitCode::from(exit.code())
}

fn run() -> Exit {
    let arguments = match Cli::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ui::usage::report(&error),
    };
    let ui = Ui::new(&arguments.global.talk, arguments.command.writes_json());
    match arguments.command.execute(&arguments.global, &ui) {
        Ok(exit) => exit,
        Err(Failure::ReaderGone) => Exit::Ok,
        Err(Failure::Problems(problems)) => could_not_run(&ui, &problems),
    }
}

/// Tells why nothing ran, in the form that was asked for.
fn could_not_run(ui: &Ui, problems: &[Diagnostic]) -> Exit {
    match ui.could_not_run(problems) {
        Ok(()) | Err(_) => Exit::CouldNotRun,
    }
}

/// A panic is a defect of ours; it says so, and what to report, instead of a backtrace.
fn install_panic_message() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        anstream::eprintln!(
            "error: Highwater {} has a defect: {message}{place}\n\n\
             hint: this is not your project's fault. Please report it with this message, the command, and the model it was\n\
             \x20     working on; `hw --debug ...` shows which. Tables are unchanged: a swap that did not finish is rolled back.",
            env!("CARGO_PKG_VERSION")
        );
    }));
}
