//! Database errors as diagnostics that point into templates.
//!
//! DuckDB names the place as `LINE n:` with the line's text and a caret below. The statement that failed usually has the
//! compiled query inside (`create table ... as (...)`), so the place is carried over: from the statement to the compiled
//! query, and from there through its map to the template.

use std::sync::LazyLock;

use highwater_jinja::Span;
use regex::Regex;

use super::compile::{Compiled, place_of};
use super::fault::label;
use crate::diagnostics::Diagnostic;
use crate::engine::EngineError;
use crate::manifest::{Manifest, Node};
use crate::project::suggest;

/// See [`super::Compiler::diagnose`].
pub(crate) fn diagnose(manifest: &Manifest, node: &Node, compiled: &Compiled, error: &EngineError) -> Diagnostic {
    let EngineError::Statement { message, sql } = error else {
        let code = if matches!(error, EngineError::Conflict { .. }) { "HW0406" } else { "HW0401" };
        return Diagnostic::error(code, format!("{} failed in the database", node.unique_id)).note(error.to_string());
    };
    let said = message.split("\n\nLINE ").next().unwrap_or(message).trim();
    let title = said.lines().next().unwrap_or_default().trim_end_matches(['!', '.']);
    let mut diagnostic = advise(manifest, node, said, title);
    let offset = offset_of(message, sql).and_then(|offset| in_compiled(sql, &compiled.sql, offset));
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

/// Code, title and help, by what DuckDB says.
fn advise(manifest: &Manifest, node: &Node, said: &str, title: &str) -> Diagnostic {
    static COLUMN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?:[Cc]olumn|Values list .* have a column named|have a column named) "([^"]+)""#)
            .expect("a constant pattern")
    });
    static TABLE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"Table with name (\S+) does not exist").expect("a constant pattern"));
    if let Some(found) = TABLE.captures(said) {
        return missing_table(manifest, node, &found[1], Diagnostic::error("HW0405", title));
    }
    let missing_column = said.contains("not found in FROM clause") || said.contains("does not have a column named");
    if let Some(found) = COLUMN.captures(said).filter(|_| missing_column) {
        let diagnostic = Diagnostic::error("HW0404", title);
        let known = candidates(said);
        return match suggest::nearest(&found[1], known.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean {near}?")),
            None if known.is_empty() => diagnostic,
            None => diagnostic.help(format!("columns here: {}", known.join(", "))),
        };
    }
    let diagnostic = Diagnostic::error("HW0401", title);
    if said.starts_with("Conversion Error") {
        return diagnostic.help("try_cast(... as type) gives null where a value cannot be converted");
    }
    diagnostic
}

/// The names in DuckDB's list of candidates, without the tables before them.
fn candidates(said: &str) -> Vec<String> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""([^"]+)""#).expect("a constant pattern"));
    let list = said.lines().find_map(|line| line.split_once("andidate bindings: ").map(|(_, list)| list));
    let mut names: Vec<String> = Vec::new();
    for found in NAME.captures_iter(list.unwrap_or_default()) {
        let name = found[1].rsplit('.').next().unwrap_or_default().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
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

/// The offset in the statement of DuckDB's `LINE n:` and caret.
fn offset_of(message: &str, sql: &str) -> Option<usize> {
    static PLACE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?m)^(LINE (\d+): )(.*)\n( *)\^").expect("a constant pattern"));
    let found = PLACE.captures_iter(message).last()?;
    let line: usize = found[2].parse().ok()?;
    let column = found[4].len().checked_sub(found[1].len())?;
    let start: usize = sql.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let text = sql.get(start..)?.lines().next().unwrap_or_default();
    // A long line is shown in part, with dots on the sides that were cut.
    let shown = &found[3];
    let (shown, skipped) = shown.strip_prefix("...").map_or((shown, 0), |rest| (rest, 3));
    let shown_from = text.find(shown.strip_suffix("...").unwrap_or(shown)).unwrap_or(0);
    let inside: usize = text.get(shown_from..)?.chars().take(column.saturating_sub(skipped)).map(char::len_utf8).sum();
    Some(start + shown_from + inside)
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
