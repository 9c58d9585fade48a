//! The query's text: parsing it, looking through views by putting their text in place of their names, and finding the way back.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, ObjectNamePart, Query, SetExpr, Statement, TableFactor, Visit, Visitor};
use sqlparser::dialect::DuckDbDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::dialect::quote;
use crate::{Catalog, Finding, Place, TableInfo};

/// How deep views may lie on each other.
const DEEPEST_VIEW: usize = 60;

/// How deep expressions and queries may be nested.
const DEEPEST_NESTING: usize = 120;

/// Longest expanded text, in bytes.
const LONGEST_TEXT: usize = 4 << 20;

/// A stretch of the expanded text and where it came from.
#[derive(Debug, Clone)]
struct Stretch {
    start: usize,
    length: usize,
    /// Labels of the views on the way, outermost first.
    through: Vec<String>,
    /// Offset of the stretch in its own text.
    origin: usize,
}

/// The text with every view of the project replaced by its query.
#[derive(Debug, Clone)]
pub(crate) struct Expanded {
    pub sql: String,
    stretches: Vec<Stretch>,
    /// Byte offset of every line's start.
    lines: Vec<usize>,
}

/// Parses a text that must be one query.
pub(crate) fn parse(sql: &str) -> Result<Query, Finding> {
    let statements = Tokenizer::new(&DuckDbDialect {}, sql)
        .tokenize_with_location()
        .map_err(ParserError::from)
        .and_then(|tokens| {
            Parser::new(&DuckDbDialect {})
                .with_recursion_limit(DEEPEST_NESTING)
                .with_tokens_with_locations(spelt_out(tokens))
                .parse_statements()
        })
        .map_err(|error| unread(format!("the SQL could not be read: {error}")))?;
    match <[Statement; 1]>::try_from(statements) {
        Ok([Statement::Query(query)]) => Ok(*query),
        Ok(_) => Err(unread("the model is not a single query".to_owned())),
        Err(_) => Err(unread("the model is not exactly one statement".to_owned())),
    }
}

/// Spells out what the engine reads and the parser does not: `asof join` becomes a kind of join that this engine has no other use for (see
/// `bind/join.rs`), `filter (x)` becomes `filter (where x)`, `(table t)` becomes `(select * from t)`. Places stay what they were.
fn spelt_out(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is =
        |token: &TokenWithSpan, keyword: Keyword| matches!(&token.token, Token::Word(word) if word.keyword == keyword);
    let solid: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
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
        let begins = matches!(previous, None | Some(Token::LParen));
        if is(token, Keyword::TABLE) && begins && matches!(next(1).map(|token| &token.token), Some(Token::Word(_))) {
            written.extend([
                at("SELECT", token.span),
                TokenWithSpan::new(Token::Mul, token.span),
                at("FROM", token.span),
            ]);
            index += 1;
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

/// Parses an expression of our own making.
pub(crate) fn expression(sql: &str) -> Option<Expr> {
    Parser::new(&DuckDbDialect {}).try_with_sql(sql).ok()?.parse_expr().ok()
}

fn unread(message: String) -> Finding {
    Finding {
        rule: "unread",
        message: format!("{message}; so nothing is known of what it reads, and it is rebuilt whole in every run"),
        help: "write the model in SQL that hw can read, or report the statement".to_owned(),
        place: None,
    }
}

/// Replaces the names of views by their queries, and the views in these, until only tables remain.
pub(crate) fn expand(sql: &str, catalog: &dyn Catalog) -> Result<Expanded, Finding> {
    let mut builder = Builder { sql: String::new(), stretches: Vec::new() };
    builder.add(sql, catalog, &mut Vec::new(), &mut Vec::new())?;
    let lines = std::iter::once(0).chain(builder.sql.match_indices('\n').map(|(at, _)| at + 1)).collect();
    Ok(Expanded { sql: builder.sql, stretches: builder.stretches, lines })
}

struct Builder {
    sql: String,
    stretches: Vec<Stretch>,
}

impl Builder {
    /// `common` are the names of common table expressions in the texts around.
    fn add(
        &mut self,
        sql: &str,
        catalog: &dyn Catalog,
        through: &mut Vec<String>,
        common: &mut Vec<String>,
    ) -> Result<(), Finding> {
        let sql = sql.trim_end().trim_end_matches(';');
        let query = parse(sql)?;
        let lines: Vec<usize> = std::iter::once(0).chain(sql.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (mentions, local) = mentions(&query);
        let taken = |mention: &&Mention| {
            mention.parts.len() == 1 && common.iter().any(|name| name.eq_ignore_ascii_case(&mention.parts[0]))
        };
        if let Some(mention) = mentions.iter().find(taken) {
            let (view, table) = (through.join(" and "), &mention.parts[0]);
            return Err(unread(format!("{view} reads {table}, and so is a common table expression around it called")));
        }
        let outside = common.len();
        common.extend(local);
        let mut done = 0;
        for mention in mentions {
            let Some(TableInfo::View { sql: inner, label }) = catalog.table(&mention.parts) else { continue };
            if through.len() >= DEEPEST_VIEW || through.contains(&label) || self.sql.len() > LONGEST_TEXT {
                return Err(unread(format!("the views under {label} do not come to an end")));
            }
            let Some((start, end)) = range(sql, &lines, mention.span) else { continue };
            self.copy(sql, done, start, through);
            self.glue("(");
            through.push(label);
            self.add(&inner, catalog, through, common)?;
            through.pop();
            // The line break ends a comment that the view's text may end with.
            self.glue("\n)");
            if !mention.aliased {
                let name = mention.parts.last().map_or("", String::as_str);
                self.glue(&format!(" as {}", quote(name)));
            }
            done = end;
        }
        common.truncate(outside);
        self.copy(sql, done, sql.len(), through);
        Ok(())
    }

    fn copy(&mut self, sql: &str, from: usize, to: usize, through: &[String]) {
        self.stretches.push(Stretch {
            start: self.sql.len(),
            length: to - from,
            through: through.to_vec(),
            origin: from,
        });
        self.sql.push_str(&sql[from..to]);
    }

    fn glue(&mut self, text: &str) {
        self.sql.push_str(text);
    }
}

impl Expanded {
    /// The bytes that a span of the parser covers.
    pub fn range(&self, span: Span) -> Option<(usize, usize)> {
        range(&self.sql, &self.lines, span)
    }

    fn stretch(&self, offset: usize) -> Option<&Stretch> {
        self.stretches.iter().find(|stretch| offset >= stretch.start && offset < stretch.start + stretch.length)
    }

    /// The place in the model's or the view's own text.
    pub fn place(&self, span: Span) -> Option<Place> {
        let (start, end) = self.range(span)?;
        let stretch = self.stretch(start)?;
        let own = start - stretch.start + stretch.origin;
        let length = (end - start).min(stretch.start + stretch.length - start);
        Some(Place { view: stretch.through.last().cloned(), start: own, end: own + length })
    }

    /// The views around a place, outermost first.
    pub fn through(&self, offset: usize) -> Vec<String> {
        self.stretch(offset).map(|stretch| stretch.through.clone()).unwrap_or_default()
    }
}

fn offset(sql: &str, lines: &[usize], location: Location) -> Option<usize> {
    let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
    let start = *lines.get(line)?;
    // Columns count characters.
    sql[start..].char_indices().map(|(at, _)| start + at).chain(std::iter::once(sql.len())).nth(column)
}

fn range(sql: &str, lines: &[usize], span: Span) -> Option<(usize, usize)> {
    let start = offset(sql, lines, span.start)?;
    let end = offset(sql, lines, span.end)?;
    (start < end).then_some((start, end))
}

/// One name of a table, a view or a common table expression.
struct Mention {
    parts: Vec<String>,
    span: Span,
    aliased: bool,
}

/// Every name in a `from`, in order of the text, that no common table expression of the query could stand for; and the names of these.
fn mentions(query: &Query) -> (Vec<Mention>, Vec<String>) {
    let mut visitor = Mentions { found: Vec::new(), local: Vec::new() };
    let _ = query.visit(&mut visitor);
    let Mentions { mut found, local } = visitor;
    found.retain(|mention| {
        mention.parts.len() > 1 || !local.iter().any(|name| name.eq_ignore_ascii_case(&mention.parts[0]))
    });
    found.sort_by_key(|mention| (mention.span.start.line, mention.span.start.column));
    (found, local)
}

struct Mentions {
    found: Vec<Mention>,
    local: Vec<String>,
}

impl Visitor for Mentions {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.local.extend(query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| cte.alias.name.value.clone()));
        if let SetExpr::Table(table) = query.body.as_ref() {
            // `table t`: the parser keeps no place for it.
            let parts = table.schema_name.iter().chain(&table.table_name).cloned().collect();
            self.found.push(Mention { parts, span: Span::empty(), aliased: true });
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor
            && let Some(parts) = parts_of(name)
        {
            self.found.push(Mention { parts, span: span_of(name), aliased: alias.is_some() });
        }
        ControlFlow::Continue(())
    }
}

/// The identifiers of a name; none when a part of it is something else.
pub(crate) fn parts_of(name: &ObjectName) -> Option<Vec<String>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) if ident.quote_style != Some('\'') => Some(ident.value.clone()),
            _ => None,
        })
        .collect()
}

/// From the first identifier of a name to its last.
pub(crate) fn span_of(name: &ObjectName) -> Span {
    let ident = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => ident.span,
        ObjectNamePart::Function(function) => function.name.span,
    };
    match (name.0.first(), name.0.last()) {
        (Some(first), Some(last)) => Span { start: ident(first).start, end: ident(last).end },
        _ => Span::empty(),
    }
}

/// Every name of a query that may be a table, those of common table expressions included: `with o as (select * from o)` reads a table `o`.
/// This is what is known of a query that could not be bound.
pub(crate) fn tables(query: &Query) -> Vec<(Vec<String>, Span)> {
    let mut visitor = Mentions { found: Vec::new(), local: Vec::new() };
    let _ = query.visit(&mut visitor);
    visitor.found.into_iter().map(|mention| (mention.parts, mention.span)).collect()
}

/// Whether the query is one `select`, a set operation, or values: anything that only reads.
pub(crate) fn only_reads(query: &Query) -> bool {
    match query.body.as_ref() {
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => false,
        SetExpr::Query(inner) => only_reads(inner),
        _ => true,
    }
}
