//! The meaning-preserving form of a query: what changes when the logic does, and does not when only its looks do.

use sha2::{Digest, Sha256};
use sqlparser::ast::Query;

use crate::Dialect;

/// The query written out from its tree: no comments, no layout, keywords in one case. Names and literals stay as written.
pub(crate) fn canonical(query: &Query) -> String {
    query.to_string()
}

/// A text without comments and layout, for queries that could not be parsed: tokens, or failing that the bare text.
pub(crate) fn canonical_text(sql: &str, dialect: Dialect) -> String {
    use sqlparser::tokenizer::{Token, Tokenizer};
    match Tokenizer::new(dialect.reading().parser(), sql).tokenize() {
        Ok(tokens) => tokens
            .iter()
            .filter(|token| !matches!(token, Token::Whitespace(_)))
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" "),
        Err(_) => sql.trim().to_owned(),
    }
}

/// The SHA-256 of some texts, each set off from the next, as hexadecimal digits.
pub fn digest(texts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
