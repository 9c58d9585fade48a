//! A diagnostic on one line, for logs: `models/a.sql:4:9: error[HW0213]: title (hint: …)`.

use super::{Diagnostic, Label};

/// One line, without a line break at its end.
pub fn render(diagnostic: &Diagnostic) -> String {
    let title = one_line(&diagnostic.title);
    let mut out = match diagnostic.labels.first() {
        Some(label) => {
            format!("{}: {}[{}]: {title}", place(label), diagnostic.severity.word(), diagnostic.code)
        }
        None => format!("{}[{}]: {title}", diagnostic.severity.word(), diagnostic.code),
    };
    if let Some(help) = diagnostic.help.first() {
        out.push_str(&format!(" (hint: {})", one_line(help)));
    }
    out
}

/// `path:line:column`, both from 1, columns in characters; the path alone when the text is not known.
pub fn place(label: &Label) -> String {
    match position(&label.file.text, label.start) {
        Some((line, column)) => format!("{}:{line}:{column}", label.file.path),
        None => label.file.path.clone(),
    }
}

/// Line and column of a byte, both from 1, the column in characters. An offset past the end counts as the end; an empty text
/// has no places.
pub fn position(text: &str, offset: usize) -> Option<(usize, usize)> {
    if text.is_empty() {
        return None;
    }
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |found| found + 1);
    Some((1 + before.matches('\n').count(), 1 + before[line_start..].chars().count()))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
