//! How a command ends: with which code, and with what still to be said.

use std::io;

use highwater::diagnostics::Diagnostic;

/// The exit codes, as documented in `hw --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// A node failed, or a table differs from its rebuild.
    Failed,
    /// Nothing could be run.
    CouldNotRun,
    /// Highwater itself is at fault.
    Defect,
}

impl Exit {
    /// The number the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::CouldNotRun => 2,
            Self::Defect => 3,
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong, and nothing was run because of it.
    Problems(Vec<Diagnostic>),
    /// Whoever read our output has gone (`hw ls | head -1`): nothing to say, and nobody to say it to.
    ReaderGone,
}

/// What a command gives back.
pub type Outcome = Result<Exit, Failure>;

impl From<Diagnostic> for Failure {
    fn from(problem: Diagnostic) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(problems: Vec<Diagnostic>) -> Self {
        Self::Problems(problems)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Diagnostic::error("HW0003", format!("cannot write the output: {error}"))
                .help("make room where the output goes, or send it elsewhere")
                .into(),
        }
    }
}
