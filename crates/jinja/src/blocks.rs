//! The blocks at the top level of a file, found without parsing what stands around them.
//!
//! A file of macros is never rendered as a whole: dbt looks for the tags that open and close blocks, and takes no notice of anything else.
//! Packages depend on it: a tag that is none, or a text with stray braces, may stand between two macros.

use crate::lexer::{is_space, raw_end};

/// A copy of a text, as long as it, that holds nothing but its blocks: what stands around them is white space.
///
/// The answer is `None` when the tags do not tell where blocks begin and end.
pub(crate) fn only(text: &str, kinds: &[&str]) -> Option<String> {
    let mut kept = String::with_capacity(text.len());
    let mut open: Option<(&str, usize)> = None;
    let mut controls = 0usize;
    let mut scanner = Scanner { text, position: 0 };
    while let Some(tag) = scanner.next_tag()? {
        match tag.word {
            "if" | "for" => controls += 1,
            "endif" | "endfor" => controls = controls.checked_sub(1)?,
            _ => {}
        }
        match open {
            None if kinds.contains(&tag.word) => {
                if controls > 0 {
                    return None;
                }
                let from = kept.len();
                blank(&mut kept, text.get(from..tag.start)?);
                open = Some((tag.word, tag.start));
            }
            Some((kind, start)) if tag.word.strip_prefix("end") == Some(kind) => {
                kept.push_str(text.get(start..tag.end)?);
                open = None;
            }
            Some(_) if kinds.contains(&tag.word) => return None,
            _ => {}
        }
    }
    if open.is_some() {
        return None;
    }
    let from = kept.len();
    blank(&mut kept, text.get(from..)?);
    Some(kept)
}

/// White space as long as a text, with the line ends where they are.
fn blank(into: &mut String, text: &str) {
    into.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

/// A tag `{% word ... %}`.
struct Tag<'t> {
    word: &'t str,
    start: usize,
    end: usize,
}

struct Scanner<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Scanner<'t> {
    /// The next tag, behind comments and expressions; `Some(None)` at the end, `None` when something is never closed.
    #[allow(clippy::option_option, reason = "no tag and no end are two things")]
    fn next_tag(&mut self) -> Option<Option<Tag<'t>>> {
        loop {
            let Some(found) = self.text[self.position..].find('{') else { return Some(None) };
            let start = self.position + found;
            let inside = start + 2;
            match self.text.as_bytes().get(start + 1) {
                Some(b'#') => self.position = inside + self.text.get(inside..)?.find("#}")? + 2,
                Some(b'{') => self.position = self.close(inside, "}}")?,
                Some(b'%') => {
                    let rest = self.text.get(inside..)?;
                    let words = rest.strip_prefix(['-', '+']).unwrap_or(rest).trim_start_matches(is_space);
                    let is_part = |character: char| character == '_' || character.is_ascii_alphanumeric();
                    let word = &words[..words.find(|character| !is_part(character)).unwrap_or(words.len())];
                    if word.is_empty() {
                        self.position = inside;
                        continue;
                    }
                    let behind = self.text.len() - words.len();
                    self.position = match word {
                        "raw" => raw_end(self.text, behind)?,
                        _ => self.close(behind, "%}")?,
                    };
                    return Some(Some(Tag { word, start, end: self.position }));
                }
                _ => self.position = start + 1,
            }
        }
    }

    /// The offset behind the closing mark, which may also stand in strings before.
    fn close(&self, from: usize, mark: &str) -> Option<usize> {
        let mut quote: Option<u8> = None;
        let bytes = self.text.as_bytes();
        let mut at = from;
        while at < bytes.len() {
            match (quote, bytes[at]) {
                (Some(_), b'\\') => at += 1,
                (Some(open), byte) if byte == open => quote = None,
                (None, byte @ (b'\'' | b'"')) => quote = Some(byte),
                (None, _) if self.text.as_bytes()[at..].starts_with(mark.as_bytes()) => return Some(at + mark.len()),
                _ => {}
            }
            at += 1;
        }
        None
    }
}
