//! Database errors as diagnostics that point into templates.
//!
//! Engines name the place in the statement. The statement that failed usually has the compiled query inside
//! (`create table ... as (...)`), so the place is carried over: from the statement to the compiled query, and from there
//! through its map to the template.

use highwater_jinja::Span;

use super::compile::{Compiled, place_of};
use super::fault::label;
use crate::diagnostics::Diagnostic;
use crate::engine::{Cause, EngineError};
use crate::manifest::{Manifest, Node};
use crate::project::suggest;

/// See [`super::Compiler::diagnose`].
pub(crate) fn diagnose(manifest: &Manifest, node: &Node, compiled: &Compiled, error: &EngineError) -> Diagnostic {
    let EngineError::Statement { message, sql, offset, cause } = error else {
        let code = if matches!(error, EngineError::Conflict { .. }) { "HW0406" } else { "HW0401" };
        return Diagnostic::error(code, format!("{} failed in the database", node.unique_id)).note(error.to_string());
    };
    let said = message.split("\n\nLINE ").next().unwrap_or(message).trim();
    let title = said.lines().next().unwrap_or_default().trim_end_matches(['!', '.']);
    let mut diagnostic = advise(manifest, node, cause, title);
    let offset = offset.and_then(|offset| in_compiled(sql, &compiled.sql, offset as usize));
    if let Some((place, span)) = offset.and_then(|offset| compiled.map.locate(offset)) {
        let template = place.file.text.get(place.shift..).unwrap_or_default();
        diagnostic = label(diagnostic, place, marked(template, span), "");
    } else {
        let place = place_of(node);
        diagnostic = diagnostic.note(format!("in {} ({})", node.unique_id, place.file.path));
    }
    if let Some((_, rest)) = said.split_once('\n') {
        diagnostic = diagnostic.note(rest.trim().to_owned());
    }
    diagnostic
}

/// Code, title and help, by what the statement failed of.
fn advise(manifest: &Manifest, node: &Node, cause: &Cause, title: &str) -> Diagnostic {
    match cause {
        Cause::MissingTable(name) => missing_table(manifest, node, name, Diagnostic::error("HW0405", title)),
        Cause::MissingColumn(missing) => {
            let (diagnostic, candidates) = (Diagnostic::error("HW0404", title), &missing.candidates);
            match suggest::nearest(&missing.name, candidates.iter().map(String::as_str)) {
                Some(near) => diagnostic.help(format!("did you mean {near}?")),
                None if candidates.is_empty() => diagnostic,
                None => diagnostic.help(format!("columns here: {}", candidates.join(", "))),
            }
        }
        Cause::Conversion if title.starts_with("Conversion Error") => Diagnostic::error("HW0401", title)
            .help("try_cast(... as type) gives null where a value cannot be converted"),
        _ => Diagnostic::error("HW0401", title),
    }
}

/// Help for a table that does not exist: it is a source, or a parent that was not built.
fn missing_table(manifest: &Manifest, node: &Node, name: &str, diagnostic: Diagnostic) -> Diagnostic {
    let name = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
    let parents = || node.depends_on.nodes.iter();
    let source = parents()
        .filter_map(|id| manifest.sources.get(id))
        .find(|source| source.relation.identifier.eq_ignore_ascii_case(name));
    if let Some(source) = source {
        return diagnostic.help(format!(
            "source table {} does not exist: load it first, or correct schema in {}",
            source.relation, source.original_file_path
        ));
    }
    let parent = parents()
        .filter_map(|id| manifest.nodes.get(id))
        .find(|parent| parent.relation.identifier.eq_ignore_ascii_case(name));
    match parent {
        Some(parent) => {
            diagnostic.help(format!("{} has not been built: hw build --select +{}", parent.unique_id, node.name))
        }
        None => diagnostic.help("use ref() or source() for tables, so that they are built or loaded first"),
    }
}

/// The same place in the compiled query. Statements that changed the query on the way keep most of its lines.
fn in_compiled(sql: &str, compiled: &str, offset: usize) -> Option<usize> {
    if compiled.is_empty() {
        return None;
    }
    if let Some(start) = sql.find(compiled) {
        return offset.checked_sub(start).filter(|offset| *offset < compiled.len());
    }
    let start = sql[..offset.min(sql.len())].rfind('\n').map_or(0, |end| end + 1);
    let line = sql.get(start..)?.lines().next()?;
    let trimmed = line.trim();
    let (first, last) = (compiled.find(trimmed)?, compiled.rfind(trimmed)?);
    if trimmed.is_empty() || first != last {
        return None;
    }
    let indent = line.len() - line.trim_start().len();
    Some(first + offset.saturating_sub(start + indent).min(trimmed.len().saturating_sub(1)))
}

/// The word a place points at: spans of literal text run on to the end of the text.
fn marked(template: &str, span: Span) -> Span {
    let text = template.get(span.start..span.end).unwrap_or_default();
    if text.starts_with("{{") || text.starts_with("{%") {
        return span;
    }
    let word = text.find(|character: char| !character.is_alphanumeric() && !matches!(character, '_' | '"'));
    let length = word.unwrap_or(text.len()).max(text.chars().next().map_or(0, char::len_utf8));
    Span::new(span.start, span.start + length)
}
