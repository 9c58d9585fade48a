//! Why a node failed, on the way from the engine to the user.
//!
//! | code | what happened |
//! | --- | --- |
//! | HW0401 | a statement failed |
//! | HW0406 | another transaction wrote the same table, again and again |
//! | HW0131 | another process has the database |
//! | HW0130 | the database cannot be opened |
//! | HW0407 | no space, or the disk failed |
//! | HW0408 | the database gave up after an internal error |
//! | HW0409 | the connection broke |
//! | HW0132, HW0133, HW0134 | the server cannot be reached, refuses the user, has no such database |

use crate::context::{Compiled, Compiler};
use crate::diagnostics::{Diagnostic, codes};
use crate::engine::{Cause, EngineError, Obstacle};
use crate::manifest::Node;
use crate::project::postgres_refused;

/// Why something failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine refused.
    Engine(EngineError),
    /// Anything else, ready to be shown.
    Told(Diagnostic),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Told(diagnostic)
    }
}

impl Failure {
    /// Whether trying again may help.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Engine(error) => matches!(error, EngineError::Conflict { .. }),
            Self::Told(diagnostic) => diagnostic.code == "HW0505",
        }
    }

    /// Whether an engine's error is no model's fault, and is told in other words than its own.
    pub(crate) fn is_nobodys(error: &EngineError) -> bool {
        special(error).is_some()
    }

    /// What the user sees when no node is to blame.
    pub(crate) fn told(self) -> Diagnostic {
        match self {
            Self::Told(diagnostic) => diagnostic,
            Self::Engine(error) => engine_diagnostic(&error),
        }
    }

    /// What the user sees; errors of the node's own statement point into its template.
    pub(crate) fn diagnostic(self, compiler: &Compiler, node: &Node, compiled: Option<&Compiled>) -> Diagnostic {
        let error = match self {
            Self::Told(diagnostic) => return diagnostic,
            Self::Engine(error) => error,
        };
        match (special(&error), compiled) {
            (Some(diagnostic), _) => diagnostic,
            (None, Some(compiled)) => compiler.diagnose(node, compiled, &error),
            (None, None) => statement(&error),
        }
    }
}

/// What the user sees of an error that belongs to no node.
pub(crate) fn engine_diagnostic(error: &EngineError) -> Diagnostic {
    special(error).unwrap_or_else(|| statement(error))
}

fn statement(error: &EngineError) -> Diagnostic {
    let message = error.to_string();
    let (first, rest) = message.split_once('\n').unwrap_or((&message, ""));
    let diagnostic = Diagnostic::error("HW0401", first);
    if rest.trim().is_empty() { diagnostic } else { diagnostic.note(rest.trim_end()) }
}

/// Errors that no template is to blame for.
fn special(error: &EngineError) -> Option<Diagnostic> {
    match error {
        EngineError::Conflict { message } => Some(
            Diagnostic::error("HW0406", "another transaction wrote the same tables at the same time")
                .note(message.clone())
                .note("it was tried several times; nothing of this node was written")
                .help("run again when the other work is done"),
        ),
        EngineError::Locked { path, message } => Some(
            Diagnostic::error("HW0131", format!("{path} is in use by another process"))
                .note(message.clone())
                .help("close the other program (a shell, an editor, another run), then run again"),
        ),
        EngineError::Open { path, message, obstacle: Obstacle::File } => Some(
            Diagnostic::error("HW0130", format!("cannot open the database {path}"))
                .note(message.clone())
                .help("check `path` of the target in profiles.yml and the permissions of its folder"),
        ),
        EngineError::Open { path, message, obstacle } => Some(postgres_refused(path, message, *obstacle)),
        EngineError::Lost { message } => Some(
            Diagnostic::error("HW0409", "the connection to the database was lost")
                .note(message.clone())
                .note("the server forgets what was not committed; what was committed before is safe")
                .help("run again when the server can be reached: hw retries nothing by itself, because it cannot know what was done"),
        ),
        EngineError::Statement { message, cause: Cause::Storage, .. } => Some(
            Diagnostic::error("HW0407", "the database could not write to its disk")
                .note(first_line(message))
                .note("the transaction was rolled back: every table is as it was")
                .help("free space on the disk of the database and of its temporary files, then run again"),
        ),
        EngineError::Statement { message, cause: Cause::Internal, .. } => Some(
            Diagnostic::error("HW0408", "the database stopped after an internal error")
                .note(first_line(message))
                .note("what was committed before is safe")
                .help("run again; if it happens again, run with --threads 1 and look at the model named here"),
        ),
        EngineError::Statement { .. } => None,
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// The message of a failed node as artifacts have it: kind of error, node, file, then everything that is known.
pub(crate) fn message(node: &Node, diagnostic: &Diagnostic) -> String {
    let mut text = format!(
        "{} in {} {} ({})\n  {}",
        codes::category(diagnostic.code).words(),
        node.resource_type.word(),
        node.name,
        node.original_file_path,
        diagnostic.title
    );
    for line in diagnostic.notes.iter().chain(&diagnostic.help).flat_map(|text| text.lines()) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}
