//! The aggregation's text, cut into its clauses: the outermost `select`, or the common table expression that it only hands on.

use sqlparser::ast::{
    Expr, GroupByExpr, Query, Select, SelectFlavor, SelectItem, SetExpr, TableFactor, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::Token;

use super::finding;
use super::lexemes::{Lexeme, closing, lexemes};
use crate::text::{parse, tables};
use crate::{Dialect, Finding};

/// A stretch of the text, in bytes.
pub(super) type Range = (usize, usize);

/// A column of the result.
pub(super) struct Item {
    /// Its expression's text.
    pub range: Range,
    pub expression: Expr,
    /// Its name as it is written.
    pub alias: Option<String>,
    /// Its name.
    pub alias_name: Option<String>,
}

/// An aggregation.
pub(super) struct Block<'a> {
    sql: &'a str,
    pub lexemes: Vec<Lexeme>,
    /// The common table expressions in front of it.
    pub before: String,
    /// From the word `from` to the last condition on rows.
    pub from: String,
    pub items: Vec<Item>,
    /// What is written after `group by`.
    pub groups: Vec<(Range, Expr)>,
    /// Whether it is grouped by every column that does not aggregate.
    pub groups_by_all: bool,
    /// The condition on groups.
    pub having: Option<(Range, Expr)>,
}

impl Block<'_> {
    /// A stretch of its text.
    pub fn text(&self, (start, end): Range) -> &str {
        &self.sql[start..end]
    }

    /// The words of a stretch.
    pub fn words(&self, (start, end): Range) -> &[Lexeme] {
        let first = self.lexemes.partition_point(|lexeme| lexeme.start < start);
        let last = self.lexemes.partition_point(|lexeme| lexeme.end <= end);
        &self.lexemes[first..last]
    }
}

/// Cuts a query.
///
/// # Errors
/// What in it stands in the way.
pub(super) fn block(sql: &str, dialect: Dialect) -> Result<Block<'_>, Finding> {
    let query = parse(sql, dialect)?;
    let unclear = || no("its text could not be followed", "report the query");
    let mut all = lexemes(sql, dialect).ok_or_else(unclear)?;
    while all.last().is_some_and(|last| last.token == Token::SemiColon) {
        all.pop();
    }
    let (select, before, words) = aggregation(sql, &query, &all, dialect)?;
    plain(select)?;
    let clauses = Clauses::of(&words).ok_or_else(unclear)?;
    let items = items(select, &clauses.select, sql).ok_or_else(unclear)?;
    let (groups, groups_by_all) = groups(select, &clauses.group)?;
    let having = match (&select.having, clauses.having.first(), clauses.having.last()) {
        (None, _, _) => None,
        (Some(having), Some(first), Some(last)) => Some(((first.start, last.end), having.clone())),
        _ => return Err(unclear()),
    };
    let from = clauses.from.first().zip(clauses.from.last()).map(|(first, last)| sql[first.start..last.end].to_owned());
    let from = from.ok_or_else(|| no("it reads no table", "remove meta.highwater.partials"))?;
    Ok(Block { sql, lexemes: all, before, from, items, groups, groups_by_all, having })
}

/// The `select` that aggregates, the text before it, and its words.
fn aggregation<'q>(
    sql: &str,
    query: &'q Query,
    all: &[Lexeme],
    dialect: Dialect,
) -> Result<(&'q Select, String, Vec<Lexeme>), Finding> {
    let select = alone(query)?;
    let Some(with) = &query.with else { return Ok((select, String::new(), all.to_vec())) };
    let ctes = bodies(all).filter(|bodies| bodies.len() == with.cte_tables.len());
    let ctes = ctes.ok_or_else(|| no("its text could not be followed", "report the query"))?;
    let handed = handed_on(select).filter(|name| {
        let last = with.cte_tables.last();
        last.is_some_and(|cte| dialect.same_name(&cte.alias.name.value, name) && cte.alias.columns.is_empty())
    });
    let (Some(_), Some(cte), Some(&(name, open, close))) = (handed, with.cte_tables.last(), ctes.last()) else {
        let end = ctes.last().map_or(0, |(_, _, close)| close + 1);
        let start = all[..end].last().map_or(0, |last| last.end);
        return Ok((select, format!("{}\n", &sql[..start]), all[end..].to_vec()));
    };
    if cte.query.with.is_some() || query.order_by.is_some() || reads_itself(&cte.query, &cte.alias.name.value, dialect)
    {
        return Err(no("its last common table expression cannot stand alone", "aggregate in the outermost select"));
    }
    let inner = alone(&cte.query)?;
    // Before the comma; the first has the word `with` before it.
    let before = if ctes.len() == 1 { String::new() } else { format!("{}\n", &sql[..all[name - 1].start]) };
    let outside = all[open].depth + 1;
    let mut words = all[open + 1..close].to_vec();
    words.iter_mut().for_each(|word| word.depth -= outside);
    Ok((inner, before, words))
}

fn reads_itself(query: &Query, name: &str, dialect: Dialect) -> bool {
    tables(query, dialect).iter().any(|(parts, _)| matches!(parts.as_slice(), [one] if dialect.same_name(one, name)))
}

/// The `select` of a query that is nothing more.
fn alone(query: &Query) -> Result<&Select, Finding> {
    let more = query.limit_clause.is_some()
        || query.fetch.is_some()
        || !query.locks.is_empty()
        || query.for_clause.is_some()
        || !query.pipe_operators.is_empty();
    if more {
        return Err(no(
            "a limit stands behind its aggregation",
            "aggregate in this model, and limit in one that reads it",
        ));
    }
    match query.body.as_ref() {
        SetExpr::Select(select) => Ok(select),
        _ => Err(no("its outermost query is no single select", "aggregate in a model of its own")),
    }
}

/// The table of `select * from table`.
fn handed_on(select: &Select) -> Option<&str> {
    let [SelectItem::Wildcard(options)] = select.projection.as_slice() else { return None };
    let WildcardAdditionalOptions { opt_ilike, opt_exclude, opt_except, opt_replace, opt_rename, .. } = options;
    let bare = opt_ilike.is_none()
        && opt_exclude.is_none()
        && opt_except.is_none()
        && opt_replace.is_none()
        && opt_rename.is_none()
        && select.selection.is_none()
        && select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let [from] = select.from.as_slice() else { return None };
    match &from.relation {
        TableFactor::Table { name, args: None, sample: None, .. } if bare && from.joins.is_empty() => {
            match name.0.as_slice() {
                [sqlparser::ast::ObjectNamePart::Identifier(name)] => Some(&name.value),
                _ => None,
            }
        }
        _ => None,
    }
}

/// For every common table expression of the outermost `with` the places of its name, of the parenthesis before its body and of that behind it.
fn bodies(all: &[Lexeme]) -> Option<Vec<(usize, usize, usize)>> {
    let mut at = 1 + usize::from(all.get(1)?.is("recursive"));
    let mut found = Vec::new();
    loop {
        let name = at;
        let keyword = (at + 1..all.len()).find(|place| all[*place].is("as") && all[*place].depth == 0)?;
        let open = (keyword..all.len()).find(|place| all[*place].token == Token::LParen)?;
        let close = closing(all, open)?;
        found.push((name, open, close));
        if all.get(close + 1)?.token != Token::Comma {
            return Some(found);
        }
        at = close + 2;
    }
}

/// Refuses clauses that make rows of groups, or groups of groups.
fn plain(select: &Select) -> Result<(), Finding> {
    let help = "aggregate in this model, and do the rest in one that reads it";
    if select.distinct.is_some() || select.top.is_some() {
        return Err(no("distinct stands before its columns", "remove it: groups are distinct"));
    }
    if select.qualify.is_some() || !select.named_window.is_empty() {
        return Err(no("a window stands over its groups", help));
    }
    let more = select.into.is_some()
        || !select.lateral_views.is_empty()
        || select.prewhere.is_some()
        || !select.connect_by.is_empty()
        || select.exclude.is_some()
        || select.flavor != SelectFlavor::Standard;
    if more { Err(no("its select has clauses that are not followed here", help)) } else { Ok(()) }
}

/// The words of each clause; those of `from` with that word.
#[derive(Default)]
struct Clauses {
    select: Vec<Lexeme>,
    from: Vec<Lexeme>,
    group: Vec<Lexeme>,
    having: Vec<Lexeme>,
}

impl Clauses {
    fn of(words: &[Lexeme]) -> Option<Self> {
        let mut clauses = Self::default();
        let mut at = 0;
        let starts = |at: usize, keyword: &str| words[at].depth == 0 && words[at].is(keyword);
        let by = |at: usize| words.get(at + 1).is_some_and(|next| next.is("by"));
        if !starts(at, "select") {
            return None;
        }
        let mut clause = 0;
        while at + 1 < words.len() {
            at += 1;
            // `a is distinct from b` has the word as well.
            if clause == 0 && starts(at, "from") && !words[at - 1].is("distinct") {
                clause = 1;
            } else if clause == 1 && starts(at, "group") && by(at) {
                (clause, at) = (2, at + 2);
            } else if (1..3).contains(&clause) && starts(at, "having") {
                (clause, at) = (3, at + 1);
            } else if clause > 0 && starts(at, "order") && by(at) {
                // The order of a table's rows is nobody's promise.
                break;
            }
            let word = words.get(at)?.clone();
            match clause {
                0 => clauses.select.push(word),
                1 => clauses.from.push(word),
                2 => clauses.group.push(word),
                _ => clauses.having.push(word),
            }
        }
        Some(clauses)
    }
}

/// A list without its commas.
fn elements(words: &[Lexeme]) -> Vec<&[Lexeme]> {
    words.split(|word| word.depth == 0 && word.token == Token::Comma).collect()
}

fn items(select: &Select, words: &[Lexeme], sql: &str) -> Option<Vec<Item>> {
    let elements = elements(words);
    if elements.len() != select.projection.len() {
        return None;
    }
    let mut items = Vec::new();
    for (item, words) in select.projection.iter().zip(elements) {
        let (expression, alias, words) = match item {
            SelectItem::UnnamedExpr(expression) => (expression, None, words),
            SelectItem::ExprWithAlias { expr, alias } => {
                let (last, rest) = words.split_last()?;
                let rest = if rest.last()?.is("as") { &rest[..rest.len() - 1] } else { rest };
                (expr, Some((sql[last.start..last.end].to_owned(), alias.value.clone())), rest)
            }
            _ => return None,
        };
        let range = (words.first()?.start, words.last()?.end);
        let (alias, alias_name) = alias.unzip();
        items.push(Item { range, expression: expression.clone(), alias, alias_name });
    }
    Some(items)
}

type Groups = (Vec<(Range, Expr)>, bool);

fn groups(select: &Select, words: &[Lexeme]) -> Result<Groups, Finding> {
    let several = || {
        no(
            "it groups by several sets of keys at once",
            "keep partials of the finest set in a model of its own, and roll up in one that reads it",
        )
    };
    match &select.group_by {
        GroupByExpr::All(more) if more.is_empty() => Ok((Vec::new(), true)),
        GroupByExpr::Expressions(keys, more) if more.is_empty() => {
            if keys.is_empty() {
                return Ok((Vec::new(), false));
            }
            let sets =
                |key: &Expr| matches!(key, Expr::GroupingSets(_) | Expr::Rollup(_) | Expr::Cube(_) | Expr::Tuple(_));
            let elements = elements(words);
            if keys.iter().any(sets) || elements.len() != keys.len() {
                return Err(several());
            }
            let ranged = elements
                .iter()
                .zip(keys)
                .filter_map(|(words, key)| Some(((words.first()?.start, words.last()?.end), key.clone())));
            Ok((ranged.collect(), false))
        }
        _ => Err(several()),
    }
}

fn no(message: &str, help: &str) -> Finding {
    finding(message.to_owned(), help, None)
}
