//! A diagnostic as JSON, for programs: places as path, line and column instead of the whole source text.

use serde_json::{Value, json};

use super::{Diagnostic, codes, concise};

/// One object: `code`, `severity`, `category`, `title`, `labels`, `notes`, `help`.
pub fn value(diagnostic: &Diagnostic) -> Value {
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let start = concise::position(&label.file.text, label.start);
            let end = concise::position(&label.file.text, label.end);
            json!({
                "path": label.file.path,
                "line": start.map(|place| place.0),
                "column": start.map(|place| place.1),
                "end_line": end.map(|place| place.0),
                "end_column": end.map(|place| place.1),
                "message": label.message,
            })
        })
        .collect();
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity.word(),
        "category": codes::category(diagnostic.code).words(),
        "title": diagnostic.title,
        "labels": labels,
        "notes": diagnostic.notes,
        "help": diagnostic.help,
    })
}

/// A list of them.
pub fn values<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> Value {
    Value::Array(diagnostics.into_iter().map(value).collect())
}
