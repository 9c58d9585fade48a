//! DuckDB's spellings of `pivot` and `unpivot`, in the one that the parser reads.
//!
//! | written | read |
//! | --- | --- |
//! | `pivot t on k in (a, b) using sum(x) group by day` | `select * from t pivot (sum(x) for k in (a, b) default on null ((day)))` |
//! | `from t pivot (sum(x) for k in (a, b) group by day)` | `from t pivot (sum(x) for k in (a, b) default on null ((day)))` |
//! | `... for k in (a, b) l in (c, d)` | `... for (k, l) in ((a, b), (c, d)) default on null (null)` |
//! | `pivot t on k using sum(x)` | `select * from t pivot (sum(x) for (k) in (any))` |
//! | `unpivot t on a, b into name n value v` | `select * from t unpivot (v for n in (a, b))` |
//!
//! The engine has no `default on null`: it carries the columns to group by to `bind/pivot.rs`. What looks otherwise is left as it is.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

type Tokens = [TokenWithSpan];

/// Words that end a clause of these statements.
const ENDS: &[Keyword] = &[Keyword::USING, Keyword::GROUP, Keyword::ORDER, Keyword::LIMIT, Keyword::OFFSET];

/// Spells out every pivot, those within others first.
pub(super) fn spelt_out(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    for at in (0..tokens.len()).rev() {
        let found = if is(&tokens[at], Keyword::PIVOT) {
            statement(&tokens, at).or_else(|| listed(&tokens, at))
        } else if is(&tokens[at], Keyword::UNPIVOT) {
            unpivot_statement(&tokens, at)
        } else {
            None
        };
        if let Some((end, written)) = found {
            tokens.splice(at..end, written);
        }
    }
    tokens
}

fn is(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none())
}

/// The first place from `from` on, outside of parentheses, where `wanted` holds; the end of the text or of the parentheses around it
/// otherwise.
fn up_to(tokens: &Tokens, from: usize, wanted: impl Fn(&TokenWithSpan) -> bool) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        if depth == 0 && (wanted(token) || matches!(token.token, Token::RParen | Token::SemiColon)) {
            return at;
        }
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    tokens.len()
}

fn keyword<'k>(keywords: &'k [Keyword]) -> impl Fn(&TokenWithSpan) -> bool + 'k {
    move |token| keywords.iter().any(|keyword| is(token, *keyword))
}

/// Tokens of our own, at the place of another.
fn words(text: &[&str], span: Span) -> Vec<TokenWithSpan> {
    let token = |text: &&str| match *text {
        "(" => Token::LParen,
        ")" => Token::RParen,
        "," => Token::Comma,
        "*" => Token::Mul,
        word => Token::make_keyword(word),
    };
    text.iter().map(|text| TokenWithSpan::new(token(text), span)).collect()
}

/// What stands between a statement's first word and its `on`, if it is one relation; and where that `on` is.
fn source(tokens: &Tokens, at: usize) -> Option<(&Tokens, usize)> {
    let begins = |token: &TokenWithSpan| matches!(token.token, Token::LParen | Token::SemiColon);
    let first = at == 0 || begins(&tokens[at - 1]);
    let next = tokens.get(at + 1)?;
    let query = next.token == Token::LParen
        && tokens.get(at + 2).is_some_and(keyword(&[Keyword::SELECT, Keyword::FROM, Keyword::WITH, Keyword::VALUES]));
    // Behind a common table expression; behind a relation, a parenthesis with an aggregate would follow.
    let behind = at > 0 && tokens[at - 1].token == Token::RParen && (query || next.token != Token::LParen);
    let on = up_to(tokens, at + 1, |token| {
        token.token == Token::Comma || keyword(&[Keyword::ON, Keyword::JOIN, Keyword::FROM])(token)
    });
    let found = (first || behind) && on > at + 1 && is(tokens.get(on)?, Keyword::ON);
    found.then(|| (&tokens[at + 1..on], on))
}

/// The columns of a pivot with the lists of their values, and where what follows them begins. They are separated by commas in a statement, by
/// nothing elsewhere.
fn lists(tokens: &Tokens, from: usize) -> Option<(Vec<(&Tokens, &Tokens)>, usize)> {
    let (mut found, mut at) = (Vec::new(), from);
    loop {
        let opens = tokens.get(at + 2).is_some_and(|token| token.token == Token::LParen);
        if !(matches!(tokens.get(at)?.token, Token::Word(_)) && is(tokens.get(at + 1)?, Keyword::IN) && opens) {
            return None;
        }
        let close = up_to(tokens, at + 3, |_| false);
        found.push((&tokens[at..=at], &tokens[at + 3..close]));
        at = close + 1;
        match tokens.get(at) {
            Some(token) if token.token == Token::Comma => at += 1,
            Some(token) if matches!(token.token, Token::Word(_)) && !keyword(ENDS)(token) => {}
            _ => return Some((found, at)),
        }
    }
}

/// `for ... in (...)`, and the columns to group by.
fn chosen(lists: &[(&Tokens, &Tokens)], groups: Option<&Tokens>, span: Span) -> Vec<TokenWithSpan> {
    let mut written = words(&["FOR"], span);
    if let [(column, values)] = lists {
        written.extend([*column, &words(&["IN", "("], span), *values, &words(&[")"], span)].concat());
    } else {
        let comma = words(&[","], span);
        let columns: Vec<&Tokens> = lists.iter().map(|(column, _)| *column).collect();
        let values = lists.iter().map(|(_, values)| [&words(&["("], span), *values, &words(&[")"], span)].concat());
        written.extend(words(&["("], span));
        written.extend(columns.join(comma.as_slice()));
        written.extend(words(&[")", "IN", "("], span));
        written.extend(values.collect::<Vec<_>>().join(comma.as_slice()));
        written.extend(words(&[")"], span));
    }
    if groups.is_some() || lists.len() > 1 {
        let null = words(&["NULL"], span);
        written.extend(words(&["DEFAULT", "ON", "NULL", "(", "("], span));
        written.extend_from_slice(groups.unwrap_or(&null));
        written.extend(words(&[")", ")"], span));
    }
    written
}

/// The columns after `group by`, and where they end.
fn groups(tokens: &Tokens, at: usize) -> Option<(Option<&Tokens>, usize)> {
    if !tokens.get(at).is_some_and(keyword(&[Keyword::GROUP])) {
        return Some((None, at));
    }
    let end = up_to(tokens, at + 1, keyword(ENDS));
    let found = is(tokens.get(at + 1)?, Keyword::BY) && end > at + 2;
    found.then(|| (Some(&tokens[at + 2..end]), end))
}

/// `pivot t on k in (...) using ... group by ...`.
fn statement(tokens: &Tokens, at: usize) -> Option<(usize, Vec<TokenWithSpan>)> {
    let span = tokens[at].span;
    let (source, on) = source(tokens, at)?;
    let dynamic = up_to(tokens, on + 1, keyword(ENDS));
    let listed = lists(tokens, on + 1);
    let next = listed.as_ref().map_or(dynamic, |(_, next)| *next);
    let (aggregates, next) = if tokens.get(next).is_some_and(keyword(&[Keyword::USING])) {
        let end = up_to(tokens, next + 1, keyword(ENDS));
        (tokens[next + 1..end].to_vec(), end)
    } else {
        (words(&["COUNT", "(", "*", ")"], span), next)
    };
    let (groups, end) = groups(tokens, next)?;
    let mut written = words(&["SELECT", "*", "FROM"], span);
    written.extend_from_slice(source);
    written.extend(words(&["PIVOT", "("], span));
    written.extend(aggregates);
    match listed {
        Some((lists, _)) => written.extend(chosen(&lists, groups, span)),
        None => {
            written.extend(words(&["FOR", "("], span));
            written.extend_from_slice(&tokens[on + 1..dynamic]);
            written.extend(words(&[")", "IN", "(", "ANY", ")"], span));
            if let Some(groups) = groups {
                written.extend(words(&["DEFAULT", "ON", "NULL", "(", "("], span));
                written.extend_from_slice(groups);
                written.extend(words(&[")", ")"], span));
            }
        }
    }
    written.extend(words(&[")"], span));
    Some((end, written))
}

/// `pivot (... for k in (...) group by ...)` behind a relation.
fn listed(tokens: &Tokens, at: usize) -> Option<(usize, Vec<TokenWithSpan>)> {
    let span = tokens[at].span;
    let open = at + 1;
    if tokens.get(open)?.token != Token::LParen {
        return None;
    }
    let with = up_to(tokens, open + 1, keyword(&[Keyword::FOR]));
    if !is(tokens.get(with)?, Keyword::FOR) {
        return None;
    }
    let (lists, next) = lists(tokens, with + 1)?;
    let (groups, end) = groups(tokens, next)?;
    if tokens.get(end)?.token != Token::RParen {
        return None;
    }
    Some((end, [&tokens[at..with], &chosen(&lists, groups, span)].concat()))
}

/// `unpivot t on a, b into name n value v`.
fn unpivot_statement(tokens: &Tokens, at: usize) -> Option<(usize, Vec<TokenWithSpan>)> {
    let span = tokens[at].span;
    let (source, on) = source(tokens, at)?;
    let ends = [ENDS, &[Keyword::INTO]].concat();
    let into = up_to(tokens, on + 1, keyword(&ends));
    let (mut name, mut value, mut end) = (words(&["name"], span), words(&["value"], span), into);
    if tokens.get(into).is_some_and(keyword(&[Keyword::INTO])) {
        end = up_to(tokens, into + 1, keyword(ENDS));
        let [first, own, second, values @ ..] = &tokens[into + 1..end] else { return None };
        let said = |token: &TokenWithSpan, word: &str| token.token.to_string().eq_ignore_ascii_case(word);
        if !(said(first, "name") && said(second, "value")) || values.is_empty() {
            return None;
        }
        name = vec![own.clone()];
        value = match values {
            [single] => vec![single.clone()],
            several => [&words(&["("], span), several, &words(&[")"], span)].concat(),
        };
    }
    let mut written = words(&["SELECT", "*", "FROM"], span);
    written.extend_from_slice(source);
    written.extend(words(&["UNPIVOT", "("], span));
    written.extend(value);
    written.extend(words(&["FOR"], span));
    written.extend(name);
    written.extend(words(&["IN", "("], span));
    written.extend_from_slice(&tokens[on + 1..into]);
    written.extend(words(&[")", ")"], span));
    Some((end, written))
}
