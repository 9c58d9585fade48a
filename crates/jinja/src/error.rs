//! What can go wrong in a template, where, and through which macros.
//!
//! An [`Error`] carries a kind, a message, the place in the template and the macros that were being called. Errors
//! cross the engine's own error type on their way (every object that a caller implements returns
//! [`minijinja::Error`]); the conversions here keep all of it, and keep an arbitrary source error such as that of a
//! database.

use std::fmt;
use std::sync::Arc;

use crate::Value;

/// A range of bytes in the source of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// How many macros of the trace the text of an error shows.
const TRACE_SHOWN: usize = 8;

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The template cannot be parsed.
    Syntax,
    /// An undefined value was used where a value is needed.
    Undefined,
    /// A value has the wrong type, or an operation does not exist for it.
    Type,
    /// A value has the right type and is still not acceptable (out of range, not parseable, key not found).
    Value,
    /// Wrong number or names of arguments.
    Arguments,
    /// Unknown filter, test or method.
    Unknown,
    /// Macros or values nested too deeply.
    Recursion,
    /// The template itself raised the error: `exceptions.raise_compiler_error(...)` and the like.
    Raised,
    /// Something outside the template failed, for instance a database; see the source error.
    External,
    /// `return(...)` on its way to the macro it leaves. Seen by callers only when no macro is being called.
    Return,
}

/// One macro that was being called when an error happened, innermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEntry {
    /// Name of the macro that was called.
    pub macro_name: String,
    /// File that holds the macro.
    pub template: String,
    /// Where the macro is defined in that file.
    pub span: Span,
    /// Template and span of the call, when a template made it.
    pub called_from: Option<(String, Span)>,
}

/// The place an error points at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    template: String,
    span: Span,
    line: usize,
    column: usize,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
    trace: Vec<TraceEntry>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    returned: Option<Value>,
}

/// An error of parsing or rendering a template. Cheap to move, can be cloned.
#[derive(Clone)]
pub struct Error(Box<Inner>);

impl Error {
    /// An error without a place; the evaluator adds the place of the expression that was being evaluated.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            place: None,
            trace: Vec::new(),
            source: None,
            returned: None,
        }))
    }

    /// An error raised by the template itself (`exceptions.raise_compiler_error`).
    pub fn raised(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Raised, message)
    }

    /// Wraps any error; its message becomes the message, and `std::error::Error::source` gives it back.
    pub fn external(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let source: Box<dyn std::error::Error + Send + Sync> = source.into();
        let mut error = Error::new(ErrorKind::External, source.to_string());
        error.0.source = Some(Arc::from(source));
        error
    }

    /// The signal that leaves the innermost macro with a value.
    pub(crate) fn returning(value: Value) -> Error {
        let mut error = Error::new(ErrorKind::Return, "return() outside of a macro");
        error.0.returned = Some(value);
        error
    }

    /// Attaches the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Adds a place unless there is one already.
    #[must_use]
    pub(crate) fn at(mut self, template: &str, source: &str, span: Span) -> Error {
        if self.0.place.is_none() {
            let (line, column) = line_and_column(source, span.start);
            self.0.place = Some(Place { template: template.to_string(), span, line, column });
        }
        self
    }

    /// Adds the macro that was being called.
    #[must_use]
    pub(crate) fn in_macro(mut self, entry: TraceEntry) -> Error {
        self.0.trace.push(entry);
        self
    }

    /// Notes where the innermost calls that do not know it yet were made.
    #[must_use]
    pub(crate) fn called_from(mut self, template: &str, span: Span) -> Error {
        if let Some(entry) = self.0.trace.last_mut()
            && entry.called_from.is_none()
        {
            entry.called_from = Some((template.to_string(), span));
        }
        self
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, without place and trace.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Name of the template the error points into.
    pub fn template(&self) -> Option<&str> {
        self.0.place.as_ref().map(|place| place.template.as_str())
    }

    /// The bytes of that template the error points at.
    pub fn span(&self) -> Option<Span> {
        self.0.place.as_ref().map(|place| place.span)
    }

    /// Line and column (from 1, columns in characters) where the span starts.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        self.0.place.as_ref().map(|place| (place.line, place.column))
    }

    /// The macros that were being called, innermost first.
    pub fn trace(&self) -> &[TraceEntry] {
        &self.0.trace
    }

    /// The value on its way out of a macro, for [`ErrorKind::Return`].
    pub fn returned(&self) -> Option<Value> {
        self.0.returned.clone()
    }
}

/// Line and column, both from 1, of a byte offset.
pub(crate) fn line_and_column(source: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(source.len());
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let before = &source[..end];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {self}", self.0.kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)?;
        if let Some(place) = &self.0.place {
            write!(formatter, " ({}:{}:{})", place.template, place.line, place.column)?;
        }
        for entry in self.0.trace.iter().take(TRACE_SHOWN) {
            write!(formatter, "\n  in macro {} ({})", entry.macro_name, entry.template)?;
        }
        match self.0.trace.len().checked_sub(TRACE_SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(formatter, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl From<Error> for minijinja::Error {
    fn from(error: Error) -> minijinja::Error {
        let message = error.message().to_string();
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message).with_source(error)
    }
}

impl From<minijinja::Error> for Error {
    fn from(error: minijinja::Error) -> Error {
        use minijinja::ErrorKind as Engine;
        let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(&error);
        while let Some(inner) = cause {
            if let Some(ours) = inner.downcast_ref::<Error>() {
                return ours.clone();
            }
            cause = inner.source();
        }
        let kind = match error.kind() {
            Engine::UndefinedError => ErrorKind::Undefined,
            Engine::UnknownFilter | Engine::UnknownTest | Engine::UnknownFunction | Engine::UnknownMethod => {
                ErrorKind::Unknown
            }
            Engine::MissingArgument | Engine::TooManyArguments => ErrorKind::Arguments,
            Engine::SyntaxError => ErrorKind::Syntax,
            _ => ErrorKind::Type,
        };
        let message = match error.detail() {
            Some(detail) => detail.to_string(),
            None => error.kind().to_string(),
        };
        let foreign = std::error::Error::source(&error).is_some();
        let ours = Error::new(kind, message);
        if foreign { ours.with_source(error) } else { ours }
    }
}
