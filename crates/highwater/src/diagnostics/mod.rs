//! What a user sees when something is wrong, as data. Renderers turn it into text, JSON or annotations.
//!
//! | file | what |
//! | --- | --- |
//! | `full.rs` | for people: title, quoted source, marks, hints |
//! | `concise.rs` | one line, for logs |
//! | `json.rs` | for programs |
//! | `codes.rs` | what every code means; the pages of `hw help CODE` |

pub mod codes;
pub mod concise;
pub mod full;
pub mod json;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that labels point into: a project file, or a query that was compiled from one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceFile {
    /// Path relative to the project, with forward slashes.
    pub path: String,
    /// The whole text.
    #[serde(skip)]
    pub text: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something worth knowing.
    Note,
    /// The command goes on; the user should look.
    Warning,
    /// The command, or this node of it, failed.
    Error,
}

impl Severity {
    /// The word in front of a message.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place in a source text, with a word on what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The text pointed into.
    pub file: Arc<SourceFile>,
    /// First byte.
    pub start: usize,
    /// One past the last byte; equal to `start` for a point.
    pub end: usize,
    /// Shown under the marked text; may be empty.
    pub message: String,
}

/// One problem: what happened, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// `HWnnnn`; `hw help HWnnnn` explains it.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One line, lower case, no full stop: what happened.
    pub title: String,
    /// Places; the first is the primary one.
    pub labels: Vec<Label>,
    /// Facts that help to understand.
    pub notes: Vec<String>,
    /// What to do, as sentences or commands.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error with a code and a title.
    pub fn error(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, title)
    }

    /// A warning with a code and a title.
    pub fn warning(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, title)
    }

    fn new(code: &'static str, severity: Severity, title: impl Into<String>) -> Self {
        Self { code, severity, title: title.into(), labels: Vec::new(), notes: Vec::new(), help: Vec::new() }
    }

    /// The same, where it keeps nothing from running.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Adds a place, as a byte range of `file`.
    #[must_use]
    pub fn at(mut self, file: &Arc<SourceFile>, start: usize, end: usize, message: impl Into<String>) -> Self {
        self.labels.push(Label { file: Arc::clone(file), start, end, message: message.into() });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.code, self.title)
    }
}

impl std::error::Error for Diagnostic {}
