//! The words of a text, and where they stand. The parser's own spans end before the closing parenthesis of a call; those of its words are right.

use sqlparser::tokenizer::{Token, Tokenizer};

use crate::Dialect;
use crate::text::offset;

/// A word or a sign.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexeme {
    pub token: Token,
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// How many parentheses and brackets are open around it; those themselves belong outside.
    pub depth: usize,
}

impl Lexeme {
    /// Whether it is this word, without quotes.
    pub fn is(&self, keyword: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword))
    }

    /// Whether two words or signs are one. The case of letters counts within quotes.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.token, &other.token) {
            (Token::Word(one), Token::Word(other)) if one.quote_style.is_none() => {
                other.quote_style.is_none() && one.value.eq_ignore_ascii_case(&other.value)
            }
            (Token::Word(one), Token::Word(other)) => one.quote_style == other.quote_style && one.value == other.value,
            (one, other) => one == other,
        }
    }
}

/// The words and signs of a text, without blanks and comments; none when it cannot be read.
pub(super) fn lexemes(sql: &str, dialect: Dialect) -> Option<Vec<Lexeme>> {
    let tokens = Tokenizer::new(dialect.reading().parser(), sql).tokenize_with_location().ok()?;
    let lines: Vec<usize> = std::iter::once(0).chain(sql.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut depth: usize = 0;
    let mut found = Vec::new();
    for token in tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF)) {
        let (start, end) = (offset(sql, &lines, token.span.start)?, offset(sql, &lines, token.span.end)?);
        let closes = matches!(token.token, Token::RParen | Token::RBracket | Token::RBrace);
        let opens = matches!(token.token, Token::LParen | Token::LBracket | Token::LBrace);
        depth = if closes { depth.checked_sub(1)? } else { depth };
        found.push(Lexeme { token: token.token, start, end, depth });
        depth += usize::from(opens);
    }
    Some(found)
}

/// The place of the parenthesis that closes the one at a place.
pub(super) fn closing(lexemes: &[Lexeme], open: usize) -> Option<usize> {
    let depth = lexemes.get(open)?.depth;
    (open + 1..lexemes.len()).find(|at| lexemes[*at].depth == depth && lexemes[*at].token == Token::RParen)
}
