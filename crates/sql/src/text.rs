//! The query's text: parsing it, looking through views by putting their text in place of their names, and finding the way back.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, ObjectName, ObjectNamePart, Query, SetExpr, Spanned, Statement, TableFactor, Visit, Visitor,
};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::{Catalog, Dialect, Finding, Place, TableInfo};

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
    /// Where the query of a view begins, and the view's name.
    views: Vec<(usize, Vec<String>)>,
}

/// The text's tokens, with names as the engine keeps them: from here on a name is what it is, however it was written.
fn tokens(sql: &str, dialect: Dialect) -> Result<Vec<TokenWithSpan>, ParserError> {
    let reading = dialect.reading();
    let mut tokens = Tokenizer::new(reading.parser(), sql).tokenize_with_location()?;
    for token in &mut tokens {
        if let Token::Word(word) = &mut token.token
            && let Some(kept) = reading.kept(&word.value, word.quote_style.is_some())
        {
            word.value = kept;
        }
    }
    Ok(reading.spelt_out(tokens))
}

/// Parses a text that must be one query.
pub(crate) fn parse(sql: &str, dialect: Dialect) -> Result<Query, Finding> {
    let statements = tokens(sql, dialect)
        .and_then(|tokens| {
            let parser = Parser::new(dialect.reading().parser()).with_recursion_limit(DEEPEST_NESTING);
            parser.with_tokens_with_locations(tokens).parse_statements()
        })
        .map_err(|error| unread(format!("the SQL could not be read: {error}")))?;
    match <[Statement; 1]>::try_from(statements) {
        Ok([Statement::Query(query)]) => Ok(*query),
        Ok(_) => Err(unread("the model is not a single query".to_owned())),
        Err(_) => Err(unread("the model is not exactly one statement".to_owned())),
    }
}

/// Parses an expression of our own making.
pub(crate) fn expression(sql: &str, dialect: Dialect) -> Option<Expr> {
    let parser = Parser::new(dialect.reading().parser());
    parser.try_with_sql(sql).ok()?.parse_expr().ok()
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
    let mut builder = Builder { sql: String::new(), stretches: Vec::new(), views: Vec::new() };
    builder.add(sql, catalog, &mut Vec::new(), &mut Vec::new())?;
    let lines = std::iter::once(0).chain(builder.sql.match_indices('\n').map(|(at, _)| at + 1)).collect();
    Ok(Expanded { sql: builder.sql, stretches: builder.stretches, lines, views: builder.views })
}

struct Builder {
    sql: String,
    stretches: Vec<Stretch>,
    views: Vec<(usize, Vec<String>)>,
}

impl Builder {
    /// `common` are the names of common table expressions in the texts around. Returns where in the text the query begins.
    fn add(
        &mut self,
        sql: &str,
        catalog: &dyn Catalog,
        through: &mut Vec<String>,
        common: &mut Vec<String>,
    ) -> Result<usize, Finding> {
        let sql = sql.trim_end().trim_end_matches(';');
        let dialect = catalog.dialect();
        let query = parse(sql, dialect)?;
        let lines: Vec<usize> = std::iter::once(0).chain(sql.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (mentions, local) = mentions(&query, dialect);
        let taken = |mention: &&Mention| {
            mention.parts.len() == 1 && common.iter().any(|name| dialect.same_name(name, &mention.parts[0]))
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
            let begins = self.sql.len();
            let first = self.add(&inner, catalog, through, common)?;
            self.views.push((begins + first, mention.parts.clone()));
            through.pop();
            // The line break ends a comment that the view's text may end with.
            self.glue("\n)");
            if !mention.aliased {
                let name = mention.parts.last().map_or("", String::as_str);
                self.glue(&format!(" as {}", dialect.quote(name)));
            }
            done = end;
        }
        common.truncate(outside);
        self.copy(sql, done, sql.len(), through);
        Ok(range(sql, &lines, query.span()).map_or(0, |(start, _)| start))
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

    /// The view whose query begins at a span's first byte.
    pub fn view(&self, span: Span) -> Option<&[String]> {
        let (start, _) = self.range(span)?;
        self.views.iter().find(|(begins, _)| *begins == start).map(|(_, parts)| parts.as_slice())
    }

    /// The views around a place, outermost first.
    pub fn through(&self, offset: usize) -> Vec<String> {
        self.stretch(offset).map(|stretch| stretch.through.clone()).unwrap_or_default()
    }
}

pub(crate) fn offset(sql: &str, lines: &[usize], location: Location) -> Option<usize> {
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
    /// A common table expression in sight has the name, and the engines take that.
    shadowed: bool,
}

/// Every name in a `from`, in order of the text, that no common table expression of the query could stand for; and the names of these.
fn mentions(query: &Query, dialect: Dialect) -> (Vec<Mention>, Vec<String>) {
    let Mentions { mut found, local, .. } = Mentions::of(query, dialect);
    found.retain(|mention| {
        mention.parts.len() > 1 || !local.iter().any(|name| dialect.same_name(name, &mention.parts[0]))
    });
    found.sort_by_key(|mention| (mention.span.start.line, mention.span.start.column));
    (found, local)
}

struct Mentions {
    dialect: Dialect,
    found: Vec<Mention>,
    local: Vec<String>,
    /// The queries around the place, outermost first.
    around: Vec<Around>,
}

/// A query on the way down, and how many of its common table expressions have been read already.
struct Around {
    names: Vec<String>,
    read: usize,
    recursive: bool,
}

impl Mentions {
    fn of(query: &Query, dialect: Dialect) -> Self {
        let mut visitor = Self { dialect, found: Vec::new(), local: Vec::new(), around: Vec::new() };
        let _ = query.visit(&mut visitor);
        visitor
    }

    /// Whether a name means a common table expression here: one is in sight behind its own text, and within it when it is recursive.
    fn shadowed(&self, parts: &[String]) -> bool {
        let [name] = parts else { return false };
        self.around.iter().any(|query| {
            let in_sight = query.names.len().min(query.read + usize::from(query.recursive));
            query.names[..in_sight].iter().any(|other| self.dialect.same_name(other, name))
        })
    }

    fn add(&mut self, parts: Vec<String>, span: Span, aliased: bool) {
        let shadowed = self.shadowed(&parts);
        self.found.push(Mention { parts, span, aliased, shadowed });
    }
}

impl Visitor for Mentions {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        let names: Vec<String> = tables.map(|table| table.alias.name.value.clone()).collect();
        self.local.extend_from_slice(&names);
        let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
        self.around.push(Around { names, read: 0, recursive });
        if let SetExpr::Table(table) = query.body.as_ref() {
            // `table t`: the parser keeps no place for it.
            let parts = table.schema_name.iter().chain(&table.table_name).cloned().collect();
            self.add(parts, Span::empty(), true);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.around.pop();
        // The common table expressions of a query come first in it, in order.
        if let Some(outer) = self.around.last_mut() {
            outer.read = outer.names.len().min(outer.read + 1);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor
            && let Some(parts) = parts_of(name)
        {
            self.add(parts, span_of(name), alias.is_some());
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

/// Every name of a query that may be a table: `with o as (select * from o)` reads a table `o`, and what follows the common table expression.
/// This is what is known of a query that could not be bound.
pub(crate) fn tables(query: &Query, dialect: Dialect) -> Vec<(Vec<String>, Span)> {
    let found = Mentions::of(query, dialect).found.into_iter().filter(|mention| !mention.shadowed);
    found.map(|mention| (mention.parts, mention.span)).collect()
}

/// Whether the query is one `select`, a set operation, or values: anything that only reads.
pub(crate) fn only_reads(query: &Query) -> bool {
    match query.body.as_ref() {
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => false,
        SetExpr::Query(inner) => only_reads(inner),
        _ => true,
    }
}
