//! What DuckDB says, read: places, missing names, conflicts.

use std::sync::LazyLock;

use regex::Regex;

use super::super::comment::Sent;
use super::super::{Cause, EngineError, MissingColumn};

/// DuckDB's own words.
pub(super) fn message_of(error: &duckdb::Error) -> String {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

/// A statement that failed.
pub(super) fn statement_error(error: &duckdb::Error, sent: &Sent<'_>) -> EngineError {
    let message = message_of(error);
    if is_conflict(&message) {
        return EngineError::Conflict { message };
    }
    let offset = offset_of(&message, &sent.text).and_then(|offset| sent.offset(offset));
    let message = of_own_lines(message, sent.lines_before());
    EngineError::Statement { cause: cause_of(&message), message, sql: sent.sql.to_owned(), offset }
}

/// The message with its lines counted from the statement's own first one; the caret stays below what it points at.
fn of_own_lines(message: String, before: usize) -> String {
    let Some(found) = PLACE.captures_iter(&message).last().filter(|_| before > 0) else { return message };
    let Some(line) = found[2].parse::<usize>().ok().and_then(|line| line.checked_sub(before)) else { return message };
    let head = format!("LINE {line}: ");
    let pad = (found[4].len() + head.len()).saturating_sub(found[1].len());
    let own = format!("{head}{}\n{:pad$}^", &found[3], "");
    let whole = found.get_match().range();
    format!("{}{own}{}", &message[..whole.start], &message[whole.end..])
}

/// Whether the engine says that there is no such table, schema or database. Nothing was executed then, so a transaction goes on.
pub(super) fn is_missing(message: &str) -> bool {
    message.starts_with("Catalog Error") && message.contains("does not exist")
        || message.starts_with("Binder Error") && message.contains("Catalog \"")
}

fn is_conflict(message: &str) -> bool {
    message.contains("Conflict on")
        || message.contains("write-write conflict")
        || message.starts_with("TransactionContext Error") && message.to_ascii_lowercase().contains("conflict")
}

fn cause_of(message: &str) -> Cause {
    static COLUMN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?:[Cc]olumn|Values list .* have a column named|have a column named) "([^"]+)""#)
            .expect("a constant pattern")
    });
    static TABLE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"Table with name (\S+) does not exist").expect("a constant pattern"));
    if let Some(found) = TABLE.captures(message) {
        return Cause::MissingTable(found[1].to_owned());
    }
    let missing = message.contains("not found in FROM clause") || message.contains("does not have a column named");
    if let Some(found) = COLUMN.captures(message).filter(|_| missing) {
        let missing = MissingColumn { name: found[1].to_owned(), candidates: candidates(message) };
        return Cause::MissingColumn(Box::new(missing));
    }
    if message.starts_with("Conversion Error") {
        return Cause::Conversion;
    }
    let words = message.to_ascii_lowercase();
    if ["no space left", "disk full", "disk quota", "could not write", "failed to write"]
        .iter()
        .any(|word| words.contains(word))
    {
        return Cause::Storage;
    }
    if words.contains("database has been invalidated") || message.starts_with("FATAL Error") {
        return Cause::Internal;
    }
    Cause::Other
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

static PLACE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^(LINE (\d+): )(.*)\n( *)\^").expect("a constant pattern"));

/// The place of `LINE n:`, the line's text and the caret below it.
fn offset_of(message: &str, sql: &str) -> Option<usize> {
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
