//! The comment that a session puts on what it sends: dbt's `query-comment`.

use std::borrow::Cow;

/// A comment for statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// In `/* */`.
    text: String,
    append: bool,
}

impl Comment {
    /// A comment with this text, before a statement or `append`ed to it; none when there is nothing to say. The text holds no `*/`.
    pub fn new(text: &str, append: bool) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self { text: format!("/* {text} */"), append })
    }

    /// A statement with the comment.
    pub fn on(&self, sql: &str) -> String {
        let text = &self.text;
        if !self.append {
            return format!("{text}\n{sql}");
        }
        let sql = sql.trim_end();
        sql.strip_suffix(';').map_or_else(|| format!("{sql}\n{text}"), |sql| format!("{sql}\n{text};"))
    }
}

/// A statement and what is sent for it. Errors are about the statement: whoever wrote it knows nothing of the comment.
pub(super) struct Sent<'a> {
    pub(super) sql: &'a str,
    pub(super) text: Cow<'a, str>,
    /// What stands before the statement.
    before: usize,
}

impl<'a> Sent<'a> {
    pub(super) fn new(sql: &'a str, comment: Option<&Comment>) -> Self {
        match comment.filter(|_| !sql.trim().is_empty()) {
            None => Self::plain(sql),
            Some(comment) => {
                let before = if comment.append { 0 } else { comment.text.len() + 1 };
                Self { sql, text: Cow::Owned(comment.on(sql)), before }
            }
        }
    }

    /// One that carries no comment: it begins or ends a transaction.
    pub(super) fn plain(sql: &'a str) -> Self {
        Self { sql, text: Cow::Borrowed(sql), before: 0 }
    }

    /// A byte of what was sent, as a byte of the statement.
    pub(super) fn offset(&self, sent: usize) -> Option<u32> {
        u32::try_from(sent.checked_sub(self.before)?).ok()
    }

    /// Lines before the statement's first one.
    pub(super) fn lines_before(&self) -> usize {
        self.text[..self.before].matches('\n').count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_stands_before_a_statement_or_behind_it() {
        let before = Comment::new(" by us\n", false).expect("a comment");
        let after = Comment::new("by us", true).expect("a comment");
        assert_eq!(before.on("select 1;"), "/* by us */\nselect 1;");
        assert_eq!(after.on("select 1 "), "select 1\n/* by us */");
        assert_eq!(after.on("select 1;\n"), "select 1\n/* by us */;");
        assert_eq!(Comment::new(" \n", false), None);
    }

    #[test]
    fn places_are_those_of_the_statement() {
        let comment = Comment::new("two\nlines", false);
        let sent = Sent::new("select x", comment.as_ref());
        let place = sent.text.find('x').expect("the column");
        assert_eq!((sent.offset(place), sent.lines_before()), (Some(7), 2));
        assert_eq!(Sent::new("", comment.as_ref()).text, "");
    }
}
