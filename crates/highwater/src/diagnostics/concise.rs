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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{position, render};
    use crate::diagnostics::{Diagnostic, SourceFile, json};

    #[test]
    fn one_line_with_place_and_hint() {
        let file = Arc::new(SourceFile { path: "models/a.sql".to_owned(), text: "select\n  ärger x".to_owned() });
        let problem = Diagnostic::error("HW0404", "no column\n`x`").at(&file, 16, 17, "").help("did you mean `y`?");
        assert_eq!(render(&problem), "models/a.sql:2:9: error[HW0404]: no column `x` (hint: did you mean `y`?)");
        let label = &json::value(&problem)["labels"][0];
        assert_eq!((label["line"].as_u64(), label["column"].as_u64()), (Some(2), Some(9)));
    }

    #[test]
    fn places_outside_the_text_are_its_end() {
        assert_eq!(position("ab\ncd", 99), Some((2, 3)));
        assert_eq!(position("ä", 1), Some((1, 1)));
        assert_eq!(position("", 0), None);
    }
}
