//! A diagnostic as people read it: title, the source with its marks, facts, what to do.
//!
//! ```text
//! error[HW0213]: `ref('stg_order')` names no model
//!   ┌─ models/marts/fct_orders.sql:4:9
//!   │
//! 4 │ from {{ ref('stg_order') }} o
//!   │             ^^^^^^^^^^^ not found in this project or its packages
//!   │
//!   hint: did you mean `stg_orders` (models/staging/stg_orders.sql)?
//! ```
//!
//! annotate-snippets lays the marks out; the frame around them is ours ([`reframe`]). Labels may point anywhere: offsets past
//! the end, inside a character, or the wrong way round are moved to the nearest place that exists.

use std::fmt::Write as _;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Label, Severity, SourceFile};

const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";
const CYAN: &str = "\u{1b}[36m";
const BLUE: &str = "\u{1b}[34m";

/// A tab is shown as this many blanks by the layout of the marks.
const LONGEST_LINE: usize = 400;

/// The whole diagnostic, ending in a line break; with ANSI colours when `colour` is set.
pub fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let mut out = title(diagnostic, colour);
    let snippet = marks(&diagnostic.labels, diagnostic.severity, colour);
    let margin = snippet.as_ref().map_or(0, |(_, margin)| *margin);
    if let Some((text, _)) = &snippet {
        out.push_str(text);
        if !diagnostic.notes.is_empty() || !diagnostic.help.is_empty() {
            let _ = writeln!(out, "{}{}", " ".repeat(margin), paint("│", BLUE, colour));
        }
    }
    let margin = if snippet.is_some() { margin } else { 2 };
    for (word, texts) in [("note", &diagnostic.notes), ("hint", &diagnostic.help)] {
        for text in texts {
            aside(&mut out, margin, word, text, colour);
        }
    }
    out
}

/// All diagnostics, an empty line between them.
pub fn render_all<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>, colour: bool) -> String {
    diagnostics.into_iter().map(|diagnostic| render(diagnostic, colour)).collect::<Vec<_>>().join("\n")
}

/// The colour a severity has everywhere.
pub fn severity_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "\u{1b}[31m",
        Severity::Warning => "\u{1b}[33m",
        Severity::Note => CYAN,
    }
}

fn title(diagnostic: &Diagnostic, colour: bool) -> String {
    let head = format!("{}[{}]", diagnostic.severity.word(), diagnostic.code);
    let mut lines = diagnostic.title.lines();
    let mut out = if colour {
        format!(
            "{BOLD}{}{head}{RESET}{BOLD}: {}{RESET}\n",
            severity_colour(diagnostic.severity),
            lines.next().unwrap_or("")
        )
    } else {
        format!("{head}: {}\n", lines.next().unwrap_or(""))
    };
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// A note or a hint; further lines of it stand under the first.
fn aside(out: &mut String, margin: usize, word: &str, text: &str, colour: bool) {
    let indent = " ".repeat(margin);
    let hanging = " ".repeat(margin + word.len() + 2);
    let mut lines = text.lines();
    let _ = writeln!(out, "{indent}{} {}", paint(&format!("{word}:"), CYAN, colour), lines.next().unwrap_or(""));
    for line in lines {
        let _ = writeln!(out, "{}", format!("{hanging}{line}").trim_end());
    }
}

fn paint(text: &str, style: &str, colour: bool) -> String {
    if colour { format!("{style}{text}{RESET}") } else { text.to_owned() }
}

/// The quoted source with its marks, and the column in which its frame stands.
fn marks(labels: &[Label], severity: Severity, colour: bool) -> Option<(String, usize)> {
    let primary = labels.first()?;
    let mut files: Vec<&Arc<SourceFile>> = Vec::new();
    for label in labels {
        if !files.iter().any(|file| file.path == label.file.path && file.text == label.file.text) {
            files.push(&label.file);
        }
    }
    let mut group = Group::with_level(match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    });
    let mut last_line = 1;
    let mut text_shown = false;
    for file in files {
        let text = Prepared::new(&file.text);
        let mut snippet = Snippet::source(text.text.clone()).path(file.path.clone()).fold(true);
        for (index, label) in
            labels.iter().enumerate().filter(|(_, label)| label.file.path == file.path && label.file.text == file.text)
        {
            let (start, end) = text.span(label.start, label.end);
            last_line = last_line.max(1 + text.text[..end].matches('\n').count());
            let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let mut annotation = kind.span(start..end);
            if !label.message.is_empty() {
                annotation = annotation.label(label.message.clone());
            }
            snippet = snippet.annotation(annotation);
        }
        text_shown |= !text.text.is_empty();
        group = group.element(snippet);
    }
    if !text_shown {
        // A file of which only the name is known, or an empty one: the place alone.
        return Some((format!("  {} {}\n", paint("┌─", BLUE, colour), primary.file.path), 2));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let drawn = renderer.decor_style(DecorStyle::Ascii).term_width(140).render(&[group]);
    let margin = last_line.to_string().len() + 1;
    Some((reframe(&drawn, margin), margin))
}

/// Puts our frame where annotate-snippets draws `-->` and `|`. Only the margin left of the source is touched.
fn reframe(drawn: &str, margin: usize) -> String {
    let mut out = String::with_capacity(drawn.len() + 64);
    for line in drawn.lines() {
        let bare = without_colours(line);
        let framed = if bare.trim_start().starts_with("--> ") || bare.trim_start().starts_with("::: ") {
            line.replacen("-->", " ┌─", 1).replacen(":::", " ┌─", 1)
        } else if bare.chars().nth(margin) == Some('|') {
            line.replacen('|', "│", 1)
        } else {
            line.to_owned()
        };
        out.push_str(framed.trim_end());
        out.push('\n');
    }
    out
}

fn without_colours(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for inside in characters.by_ref() {
                if inside.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// A source text made fit to be quoted: control characters as blanks (one byte for one byte, so that offsets stay), and
/// overlong lines cut.
struct Prepared {
    text: String,
    /// Byte ranges of the original that were left out, in order.
    cut: Vec<(usize, usize)>,
}

impl Prepared {
    fn new(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut cut = Vec::new();
        let mut offset = 0;
        for line in original.split_inclusive('\n') {
            let body = line.strip_suffix('\n').unwrap_or(line);
            let keep = floor_boundary(body, LONGEST_LINE);
            text.extend(
                body[..keep].chars().map(|character| if character.is_ascii_control() { ' ' } else { character }),
            );
            if keep < body.len() {
                cut.push((offset + keep, offset + body.len()));
            }
            if line.ends_with('\n') {
                text.push('\n');
            }
            offset += line.len();
        }
        Self { text, cut }
    }

    /// Where a span of the original lies in the text, moved to places that exist.
    fn span(&self, start: usize, end: usize) -> (usize, usize) {
        let (start, end) = (self.place(start), self.place(end.max(start)));
        if start == end {
            // A point is shown under the character it stands before.
            let next = self.text[start..].chars().next().filter(|character| *character != '\n');
            return (start, start + next.map_or(0, char::len_utf8));
        }
        (start, end)
    }

    fn place(&self, original: usize) -> usize {
        let mut removed = 0;
        for &(from, to) in &self.cut {
            if original >= to {
                removed += to - from;
            } else if original > from {
                removed += original - from;
            }
        }
        floor_boundary(&self.text, original.saturating_sub(removed))
    }
}

/// The nearest start of a character at or before `offset`.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::{render, without_colours};
    use crate::diagnostics::{Diagnostic, SourceFile};

    fn file(path: &str, text: &str) -> Arc<SourceFile> {
        Arc::new(SourceFile { path: path.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn a_place_is_quoted_and_marked() {
        let text = "select *\n\n-- orders\nfrom {{ ref('stg_order') }} o\n";
        let start = text.find("'stg").expect("it is there");
        let problem = Diagnostic::error("HW0213", "`ref('stg_order')` names no model")
            .at(
                &file("models/marts/fct_orders.sql", text),
                start,
                start + 11,
                "not found in this project or its packages",
            )
            .help("did you mean `stg_orders` (models/staging/stg_orders.sql)?");
        insta::assert_snapshot!(render(&problem, false), @r"
        error[HW0213]: `ref('stg_order')` names no model
          ┌─ models/marts/fct_orders.sql:4:13
          │
        4 │ from {{ ref('stg_order') }} o
          │             ^^^^^^^^^^^ not found in this project or its packages
          │
          hint: did you mean `stg_orders` (models/staging/stg_orders.sql)?
        ");
        assert_eq!(without_colours(&render(&problem, true)), render(&problem, false));
    }

    #[test]
    fn several_places_facts_and_lines() {
        let text = "a | b\n".repeat(11);
        let one = file("one.sql", &text);
        let problem = Diagnostic::warning("HW0202", "two models fill the same table")
            .at(&one, 2, 3, "here")
            .at(&one, 62, 63, "and here")
            .at(&file("two.sql", ""), 0, 0, "nothing in it")
            .note("first\nsecond")
            .help("rename one");
        insta::assert_snapshot!(render(&problem, false), @r#"
        warning[HW0202]: two models fill the same table
           ┌─ one.sql:1:3
           │
         1 │ a | b
           │   ^ here
        ...
        11 │ a | b
           │   - and here
           │
           ┌─ two.sql:1:1
           │
         1 │
           │ - nothing in it
           │
           note: first
                 second
           hint: rename one
        "#);
    }

    #[test]
    fn without_a_place_there_is_no_frame() {
        let problem = Diagnostic::error("HW0101", "there is no project\nhere").note("a fact").help("do this");
        insta::assert_snapshot!(render(&problem, false), @r#"
        error[HW0101]: there is no project
          here
          note: a fact
          hint: do this
        "#);
        let named =
            Diagnostic::error("HW0107", "cannot read it").at(&file("seeds/a.csv", ""), 7, 9, "").help("do this");
        insta::assert_snapshot!(render(&named, false), @r#"
        error[HW0107]: cannot read it
          ┌─ seeds/a.csv
          │
          hint: do this
        "#);
    }

    proptest! {
        #[test]
        fn no_label_can_break_it(
            text in "([a-z |äß€\u{1F980}\t\r\n\u{0}\u{1b}]|-->|\\[1m){0,80}",
            other in "\\PC{0,30}",
            labels in prop::collection::vec((0usize..120, 0usize..120, any::<bool>(), "[a-z\n]{0,6}"), 0..4),
            colour in any::<bool>(),
        ) {
            let files = [file("a.sql", &text), file("b.sql", &other)];
            let mut problem = Diagnostic::error("HW0000", "title").help("help");
            for (start, end, second, message) in labels {
                problem = problem.at(&files[usize::from(second)], start, end, message);
            }
            let drawn = render(&problem, colour);
            prop_assert!(drawn.contains("hint:"));
        }

        #[test]
        fn long_lines_are_cut(before in 0usize..3000, length in 0usize..3000) {
            let text = format!("{}\nselect 1", "x".repeat(2000));
            let problem = Diagnostic::error("HW0000", "title").at(&file("a.sql", &text), before, before + length, "here");
            prop_assert!(render(&problem, false).lines().all(|line| line.chars().count() < 700));
        }
    }
}
