//! Faults that our own functions raise in a template, and how any error of a template becomes a diagnostic.

use std::sync::Arc;

use highwater_jinja::{Error, ErrorKind, Span};

use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::EngineError;

/// The folder that our own macros are said to be in.
pub(crate) const OWN_FOLDER: &str = "highwater/macros/";

/// An error with a code and advice, on its way through the evaluator.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    code: &'static str,
    message: String,
    help: Vec<String>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into(), help: Vec::new() }
    }

    /// Adds what to do.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Fault {
        self.help.push(text.into());
        self
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::external(fault)
    }
}

/// A failed statement of a template as a template error; the statement comes with it.
pub(crate) fn database_fault(error: EngineError) -> Error {
    Error::external(error)
}

/// The text a span of an error counts in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: Arc<SourceFile>,
    /// Where in that file the template begins.
    pub(crate) shift: usize,
}

/// A template error as a diagnostic. `place_of` finds the text of a template by its name.
pub(crate) fn diagnostic(error: &Error, subject: &str, place_of: impl Fn(&str) -> Option<Place>) -> Diagnostic {
    let fault = cause::<Fault>(error);
    let database = cause::<EngineError>(error);
    let code = match (fault, database, error.kind()) {
        (Some(fault), _, _) => fault.code,
        (None, Some(_), _) => "HW0402",
        (None, None, kind) => code_of(kind),
    };
    let first_line = error.message().lines().next().unwrap_or_default().to_owned();
    let title =
        if database.is_some() { format!("a query of a template failed in {subject}") } else { first_line.clone() };
    let mut diagnostic = Diagnostic::error(code, title);
    let places = places(error, place_of);
    if places.is_empty() {
        diagnostic = diagnostic.note(format!("in {subject}"));
    }
    for (place, span, message) in &places {
        diagnostic = label(diagnostic, place, *span, message);
    }
    let said = if database.is_some() { error.message() } else { &error.message()[first_line.len()..] };
    if !said.trim().is_empty() {
        diagnostic = diagnostic.note(said.trim_matches('\n').to_owned());
    }
    if let Some(EngineError::Statement { sql, .. }) = database {
        diagnostic = diagnostic.note(format!("the query:\n{}", sql.trim()));
    }
    for help in fault.map(|fault| fault.help.as_slice()).unwrap_or_default() {
        diagnostic = diagnostic.help(help.clone());
    }
    diagnostic
}

/// Where it happened, and the calls that led there, innermost first. Our own macros are no place to send people to: then
/// the call of the macro comes first.
fn places(error: &Error, place_of: impl Fn(&str) -> Option<Place>) -> Vec<(Place, Span, String)> {
    let mut places = Vec::new();
    let mut add = |template: &str, span: Span, message: String| {
        if let Some(place) = place_of(template).filter(|place| !place.file.path.starts_with(OWN_FOLDER)) {
            places.push((place, span, message));
        }
    };
    if let Some((template, span)) = error.template().zip(error.span()) {
        add(template, span, String::new());
    }
    for entry in error.trace() {
        if let Some((template, span)) = &entry.called_from {
            add(template, *span, format!("calls macro {}", entry.macro_name));
        }
    }
    places
}

/// Marks a span of a template in its file.
pub(crate) fn label(diagnostic: Diagnostic, place: &Place, span: Span, message: &str) -> Diagnostic {
    let limit = place.file.text.len();
    let (start, end) = ((span.start + place.shift).min(limit), (span.end + place.shift).min(limit));
    diagnostic.at(&place.file, start, end.max(start), message)
}

fn code_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Syntax => "HW0301",
        ErrorKind::Undefined | ErrorKind::Unknown => "HW0302",
        ErrorKind::Raised => "HW0303",
        _ => "HW0304",
    }
}

/// The first error of this type in the chain of causes.
fn cause<E: std::error::Error + 'static>(error: &Error) -> Option<&E> {
    let mut current: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = current {
        if let Some(found) = inner.downcast_ref::<E>() {
            return Some(found);
        }
        current = inner.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_its_code_and_advice_on_the_way_through_the_evaluator() {
        let error: Error = Fault::new("HW0306", "no model 'x'").help("write one").into();
        let error = Error::from(minijinja::Error::from(error));
        let found = diagnostic(&error, "model a.b", |_| None);
        insta::assert_snapshot!(format!("{found} {:?} {:?}", found.notes, found.help), @r#"HW0306: no model 'x' ["in model a.b"] ["write one"]"#);
    }
}
