//! Partials: an aggregation as two queries, one that keeps every key's aggregates per interval, and one that combines them.
//!
//! `select k, sum(x) from f group by k` is `select k, sum(part) from p group by k` over `p`, the same with an interval of a moment among its
//! keys. The first is exact by interval, the second by key, each by the rules that hold for any query; so a change of one day costs that day,
//! and the keys in it are combined from a table that is as short as keys and intervals are few.
//!
//! Both are the user's own text, cut and edited in place. What was edited is read again and held against the tree that it should have become,
//! and the engine has to give the whole the columns that the original has.
//!
//! | file | what |
//! | --- | --- |
//! | `block.rs` | the aggregation's text, cut into its clauses |
//! | `lexemes.rs` | the words of a text, and where they stand |
//! | `aggregates.rs` | which aggregates can be combined, and how |
//! | `edit.rs` | keys and aggregates replaced in an expression |

mod aggregates;
mod block;
mod edit;
mod lexemes;

use sqlparser::ast::Expr;

use crate::{ColumnType, Dialect, Finding, FunctionKind, IntervalUnit, Place};
use aggregates::{Combined, combined, parts};
use block::{Block, Item, block};
use edit::{Editor, normal, read};

/// The column of the interval in the table of partials.
pub const INTERVAL: &str = "hw_interval";

/// The name that table goes by in the query that combines it.
const TABLE: &str = "hw_partials";

/// A question about a query.
pub struct SplitRequest<'a> {
    /// The compiled query.
    pub sql: &'a str,
    /// The moment by which partials are kept, an expression over the tables that are aggregated.
    pub event_time: &'a str,
    /// The step of time.
    pub unit: IntervalUnit,
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// The columns of a query's result; none when the engine does not understand it.
    pub describe: &'a dyn Fn(&str) -> Option<Vec<ColumnType>>,
    /// What a function of this name, in lower case, is.
    pub function: &'a dyn Fn(&str) -> Option<FunctionKind>,
}

/// A query as two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The query for the partials; its column [`INTERVAL`] is their interval.
    pub stored: String,
    /// The query that combines them: what stands before and behind the name of their table.
    combined: (String, String),
}

impl Split {
    /// The query that combines the partials of a table, given as what stands after `from`.
    pub fn over(&self, table: &str) -> String {
        format!("{}{table} as {TABLE}{}", self.combined.0, self.combined.1)
    }
}

/// Splits an aggregation into partials and their combination.
///
/// # Errors
/// Why it cannot be split, and what to write instead.
pub fn split(request: &SplitRequest) -> Result<Split, Finding> {
    let block = block(request.sql, request.dialect)?;
    let moment = moment(request)?;
    let keys = keys(request, &block)?;
    let mut editor = Editor::new(request, &block, &keys);
    let items =
        block.items.iter().map(|item| editor.edit(item.range, &item.expression)).collect::<Result<Vec<_>, _>>()?;
    let having = match &block.having {
        Some((range, expression)) => Some(editor.edit(*range, expression)?),
        None => None,
    };
    let found = editor.found;
    let (stored, names) = stored(&block, &moment, &keys, &found);
    let types = described(request, &stored)?;
    let combinations = found
        .iter()
        .zip(&names)
        .map(|(aggregate, names)| {
            let own: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), type_of(&types, name))).collect();
            combined(aggregate, &own, request)
        })
        .collect::<Result<Vec<Combined>, Finding>>()?;
    let written = |text: String| edit::written(text, &combinations);
    let original = described(request, request.sql)?;
    let mut list = Vec::new();
    for ((item, text), column) in block.items.iter().zip(items).zip(&original) {
        let name = item.alias.clone().unwrap_or_else(|| request.dialect.quote(&column.name));
        list.push(format!("{} as {name}", written(text)));
    }
    let mut after = String::new();
    if !keys.is_empty() {
        let names: Vec<String> = (1..=keys.len()).map(key_name).collect();
        after.push_str(&format!("\ngroup by {}", names.join(", ")));
    }
    if let Some(having) = having {
        after.push_str(&format!("\nhaving {}", written(having)));
    }
    let split = Split { stored, combined: (format!("select {}\nfrom ", list.join(", ")), after) };
    same_columns(request, &original, &split)?;
    Ok(split)
}

/// A key of the aggregation.
struct Key {
    /// Its text.
    text: String,
    /// As it is compared with other expressions.
    expression: Expr,
}

/// The name of a key in the table of partials, counted from 1.
fn key_name(number: usize) -> String {
    format!("hw_key_{number}")
}

/// What is grouped by, each once: as it stands, by its place in the select list, or by its name there.
fn keys(request: &SplitRequest, block: &Block) -> Result<Vec<Key>, Finding> {
    let mut keys: Vec<Key> = Vec::new();
    let mut add = |text: &str, expression: &Expr| {
        let expression = normal(expression);
        if !keys.iter().any(|key| key.expression == expression) {
            keys.push(Key { text: text.to_owned(), expression });
        }
    };
    if block.groups_by_all {
        for item in &block.items {
            if !edit::aggregates(request, block, item.range)? {
                add(block.text(item.range), &item.expression);
            }
        }
    }
    for (range, expression) in &block.groups {
        match named(request, block, *range, expression) {
            Some(item) => add(block.text(item.range), &item.expression),
            None => add(block.text(*range), expression),
        }
    }
    Ok(keys)
}

/// The item of the select list that a key names by its place or its alias. A column of that name comes first.
fn named<'b>(request: &SplitRequest, block: &'b Block, range: (usize, usize), expression: &Expr) -> Option<&'b Item> {
    match expression {
        Expr::Value(value) => block.items.get(value.value.to_string().parse::<usize>().ok()?.checked_sub(1)?),
        Expr::Identifier(name) => {
            let item = block.items.iter().find(|item| {
                item.alias_name.as_ref().is_some_and(|alias| request.dialect.same_name(alias, &name.value))
            })?;
            let is_own = normal(&item.expression) == normal(expression);
            (!is_own && !is_column(request, block, block.text(range))).then_some(item)
        }
        _ => None,
    }
}

/// Whether a name is that of a column of the tables that are aggregated.
fn is_column(request: &SplitRequest, block: &Block, name: &str) -> bool {
    (request.describe)(&format!("{}select {name}\n{}", block.before, block.from)).is_some()
}

/// The interval that the moment lies in.
fn moment(request: &SplitRequest) -> Result<String, Finding> {
    let text = request.event_time;
    match read(text, request.dialect) {
        Some(Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => Ok(request.dialect.interval(text, request.unit)),
        _ => Err(finding(
            format!("`{text}` names no column"),
            "name the column that says when a row happened: `orders.ordered_at`",
            None,
        )),
    }
}

/// The query for the partials, and the names of every aggregate's parts in it.
fn stored(block: &Block, moment: &str, keys: &[Key], found: &[edit::Aggregate]) -> (String, Vec<Vec<String>>) {
    let mut list: Vec<String> =
        keys.iter().enumerate().map(|(index, key)| format!("{} as {}", key.text, key_name(index + 1))).collect();
    list.push(format!("{moment} as {INTERVAL}"));
    let grouped: Vec<String> = (1..=list.len()).map(|place| place.to_string()).collect();
    let mut names = Vec::new();
    for aggregate in found {
        let mut own = Vec::new();
        for part in parts(aggregate) {
            let name = format!("hw_part_{}", list.len() + 1 - grouped.len());
            list.push(format!("{part} as {name}"));
            own.push(name);
        }
        names.push(own);
    }
    let sql = format!("{}select {}\n{}\ngroup by {}", block.before, list.join(", "), block.from, grouped.join(", "));
    (sql, names)
}

fn described(request: &SplitRequest, sql: &str) -> Result<Vec<ColumnType>, Finding> {
    (request.describe)(sql).ok_or_else(|| {
        finding(
            format!("the engine does not understand the query with `{}` among its keys", request.event_time),
            "name a column of the tables that are aggregated, with its table if several have it: `orders.ordered_at`",
            None,
        )
    })
}

fn type_of<'t>(types: &'t [ColumnType], name: &str) -> &'t str {
    types.iter().find(|column| column.name.eq_ignore_ascii_case(name)).map_or("", |column| column.data_type.as_str())
}

/// The two queries together have the columns of the one, or it was not understood.
fn same_columns(request: &SplitRequest, original: &[ColumnType], split: &Split) -> Result<(), Finding> {
    let together = (request.describe)(&split.over(&format!("(\n{}\n)", split.stored)));
    let reading = request.dialect.reading();
    let same = |one: &ColumnType, other: &ColumnType| {
        request.dialect.same_name(&one.name, &other.name)
            && reading.normalised(&one.data_type) == reading.normalised(&other.data_type)
    };
    let differs = match &together {
        Some(columns) if columns.len() == original.len() => {
            columns.iter().zip(original).find(|(one, other)| !same(one, other)).map(|(_, column)| column.name.clone())
        }
        _ => Some("the result".to_owned()),
    };
    match differs {
        None => Ok(()),
        Some(name) => Err(finding(
            format!("{name} comes out otherwise when it is combined from partials"),
            "cast it to its type in the query, or report the query",
            None,
        )),
    }
}

/// A reason, with the place of what stands in the way.
fn finding(message: String, help: &str, place: Option<(usize, usize)>) -> Finding {
    let place = place.map(|(start, end)| Place { view: None, start, end });
    Finding { rule: "partials", message, help: help.to_owned(), place }
}
