//! Words that DuckDB reads and the parser does not, spelt in others.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::pivot;

/// Spells out what the engine reads and the parser does not: `asof join` becomes a kind of join that this engine has no other use for (see
/// `bind/join.rs`), `filter (x)` becomes `filter (where x)`, pivots become those of the standard (`pivot.rs`), and whether a common table expression
/// is `materialized` goes unsaid. Places stay what they were.
pub(super) fn spelt_out(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is =
        |token: &TokenWithSpan, keyword: Keyword| matches!(&token.token, Token::Word(word) if word.keyword == keyword);
    let solid: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let solid = pivot::spelt_out(solid);
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(solid.len());
    let at = |token: &str, span: Span| TokenWithSpan::new(Token::make_keyword(token), span);
    let mut index = 0;
    while let Some(token) = solid.get(index) {
        let next = |ahead: usize| solid.get(index + ahead);
        let follows = |ahead: usize, keyword: Keyword| next(ahead).is_some_and(|token| is(token, keyword));
        let opens = |ahead: usize| next(ahead).is_some_and(|token| token.token == Token::LParen);
        let previous = written.last().map(|token| token.token.clone());
        if is(token, Keyword::ASOF) {
            let outer = usize::from(follows(2, Keyword::OUTER));
            let (kind, skipped) = if follows(1, Keyword::JOIN) {
                (Some("SEMI"), 1)
            } else if follows(1, Keyword::INNER) && follows(2, Keyword::JOIN) {
                (Some("SEMI"), 2)
            } else if follows(1, Keyword::LEFT) && follows(2 + outer, Keyword::JOIN) {
                (Some("ANTI"), 2 + outer)
            } else {
                (None, 0)
            };
            if let Some(kind) = kind {
                written.extend([at("RIGHT", token.span), at(kind, token.span)]);
                index += skipped;
                continue;
            }
        }
        let negated = usize::from(is(token, Keyword::NOT));
        let named = if negated == 1 { follows(1, Keyword::MATERIALIZED) } else { is(token, Keyword::MATERIALIZED) };
        if named && opens(1 + negated) && written.last().is_some_and(|token| is(token, Keyword::AS)) {
            index += 1 + negated;
            continue;
        }
        written.push(token.clone());
        if is(token, Keyword::FILTER) && previous == Some(Token::RParen) && opens(1) && !follows(2, Keyword::WHERE) {
            let paren = solid[index + 1].clone();
            written.extend([paren.clone(), at("WHERE", paren.span)]);
            index += 1;
        }
        index += 1;
    }
    written
}
