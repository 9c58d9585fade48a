//! What the server says, read by its SQLSTATE.

use std::error::Error as _;
use std::sync::LazyLock;

use postgres::error::{DbError, ErrorPosition};
use regex::Regex;

use super::super::comment::Sent;
use super::super::{Cause, EngineError, MissingColumn, Obstacle};

/// A session that could not be opened.
pub(super) fn open_error(error: &postgres::Error, path: String) -> EngineError {
    let obstacle = match error.as_db_error().map(|said| said.code().code()) {
        Some("28000") if words(error).contains("no encryption") || words(error).contains("certificate") => {
            Obstacle::Encryption
        }
        Some("28P01" | "28000") => Obstacle::Credentials,
        Some("3D000") => Obstacle::NoDatabase,
        Some("53300" | "57P03") => Obstacle::Busy,
        Some(_) => Obstacle::Settings,
        // The driver has no password where the server asks for one, or not the kind it asks for.
        None if ["invalid configuration", "authentication error"]
            .iter()
            .any(|word| error.to_string().starts_with(word)) =>
        {
            Obstacle::Credentials
        }
        None if is_about_encryption(error) => Obstacle::Encryption,
        None => Obstacle::Unreachable,
    };
    EngineError::Open { path, message: words(error), obstacle }
}

/// Whether the two sides may not agree on encryption. A server speaks of it whenever its `pg_hba.conf` has no line for the session.
pub(super) fn is_about_encryption(error: &postgres::Error) -> bool {
    match error.as_db_error() {
        Some(said) => said.code().code() == "28000" && said.message().contains("encryption"),
        None => error.to_string().starts_with("error performing TLS handshake"),
    }
}

/// A statement that failed.
pub(super) fn statement_error(error: &postgres::Error, sent: &Sent<'_>) -> EngineError {
    let Some(said) = error.as_db_error() else {
        return EngineError::Lost { message: words(error) };
    };
    let state = said.code().code();
    let message = message_of(said);
    match state {
        "40001" | "40P01" => EngineError::Conflict { message },
        // Two sessions made the same schema, table or type at once: `if not exists` does not see what is not committed yet.
        "23505" if said.schema() == Some("pg_catalog") => EngineError::Conflict { message },
        "57P01" | "57P02" | "57P03" | "57P05" => EngineError::Lost { message },
        _ if state.starts_with("08") => EngineError::Lost { message },
        _ => EngineError::Statement {
            cause: cause_of(said),
            message,
            sql: sent.sql.to_owned(),
            offset: said.position().and_then(|position| offset_of(position, sent)),
        },
    }
}

/// Whether the server has something to say against several statements at once, where only one can be prepared.
pub(super) fn is_several_statements(error: &postgres::Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|said| said.code().code() == "42601" && said.message().contains("multiple commands"))
}

fn cause_of(said: &DbError) -> Cause {
    match said.code().code() {
        "42P01" => Cause::MissingTable(first_quoted(said.message()).unwrap_or_default()),
        "42703" => Cause::MissingColumn(Box::new(MissingColumn {
            name: first_quoted(said.message()).unwrap_or_else(|| bare_column(said.message())),
            candidates: said.hint().map(all_quoted).unwrap_or_default(),
        })),
        // Data exceptions that come from reading a value as another type.
        "22P02" | "22007" | "22008" | "22003" | "22018" => Cause::Conversion,
        "53100" | "58030" => Cause::Storage,
        state if state.starts_with("XX") => Cause::Internal,
        _ => Cause::Other,
    }
}

/// The message, with detail, hint and context as the server's own tools show them.
fn message_of(said: &DbError) -> String {
    let mut text = said.message().to_owned();
    for (word, more) in [("DETAIL", said.detail()), ("HINT", said.hint()), ("CONTEXT", said.where_())] {
        if let Some(more) = more {
            text.push_str(&format!("\n{word}:  {more}"));
        }
    }
    text
}

/// The driver's words, with those of the errors below it.
fn words(error: &postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return message_of(said);
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

/// Positions are counted in characters, from one.
fn offset_of(position: &ErrorPosition, sent: &Sent<'_>) -> Option<u32> {
    let ErrorPosition::Original(position) = position else { return None };
    let before = usize::try_from(*position).ok()?.checked_sub(1)?;
    sent.offset(sent.text.char_indices().nth(before).map_or(sent.text.len(), |(offset, _)| offset))
}

static QUOTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""([^"]+)""#).expect("a constant pattern"));

fn first_quoted(text: &str) -> Option<String> {
    QUOTED.captures(text).map(|found| found[1].to_owned())
}

/// Hints quote columns with their table: `"o.amount"`.
fn all_quoted(text: &str) -> Vec<String> {
    QUOTED.captures_iter(text).map(|found| found[1].rsplit('.').next().unwrap_or_default().to_owned()).collect()
}

/// `column o.amout does not exist`: names with a table are not quoted.
fn bare_column(message: &str) -> String {
    let name = message.split_whitespace().nth(1).unwrap_or_default();
    name.rsplit('.').next().unwrap_or_default().to_owned()
}
