//! Rows to columns and columns to rows, as DuckDB writes them.

use super::{Grammar, Items, node, t};
use crate::exact::tests::fuzz::node::{Column, Kind, Node, Piece, quote};

/// Rule 34: a column for some of a key's values, in either spelling.
pub fn pivot(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    if !grammar.duckdb {
        return None;
    }
    let input = grammar.relation(depth);
    let number = grammar.column(&input, Kind::Number)?;
    let (key, values) = match grammar.column(&input, Kind::Text).filter(|_| grammar.chance(0.6)) {
        Some(text) => (text, ["'a'", "'b'"]),
        None => (grammar.column(&input, Kind::Id)?, ["1", "2"]),
    };
    let mut groups = Items::default();
    let mut taken = vec![format!("r.{key} as k"), format!("r.{number} as v")];
    if let Some(moment) = grammar.column(&input, Kind::Moment).filter(|_| grammar.chance(0.8)) {
        let name = grammar.name();
        taken.push(format!("cast(r.{moment} as date) as {name}"));
        groups.push(format!("p.{name}"), name, Kind::Moment);
    }
    if let Some(id) = grammar.column(&input, Kind::Id).filter(|_| groups.len() == 0 || grammar.chance(0.4)) {
        let name = grammar.name();
        taken.push(format!("r.{id} as {name}"));
        groups.push(format!("p.{name}"), name, Kind::Id);
    }
    let unique: Vec<String> = groups.columns().into_iter().map(|column| column.name).collect();
    if unique.is_empty() {
        return None;
    }
    let mut items = groups;
    for value in values {
        let name = value.trim_matches('\'');
        items.push(format!("p.\"{name}_s\""), grammar.name(), Kind::Number);
        items.push(format!("p.\"{name}_n\""), grammar.name(), Kind::Number);
    }
    let (list, by) = (values.join(", "), format!(" group by {}", unique.join(", ")));
    let by = if grammar.chance(0.7) { by } else { String::new() };
    let aggregates = "sum(v) as s, count(*) as n";
    let (before, after) = if grammar.chance(0.5) {
        ("(pivot (", format!(") on k in ({list}) using {aggregates}{by}) as p"))
    } else {
        ("(", format!(") pivot ({aggregates} for k in ({list}){by}) as p"))
    };
    let pieces = vec![
        t(format!("select {} from {before}select {} from ", items.sql(), taken.join(", "))),
        Piece::From(input),
        t(format!(" as r{after}")),
    ];
    node("pivot", pieces, items.columns()).map(|made| Node { unique, ..made })
}

/// Rule 34, the other way round: a row for each of two columns, numbers or moments.
pub fn unpivot(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    if !grammar.duckdb {
        return None;
    }
    let input = grammar.relation(depth);
    let kind = if grammar.chance(0.5) { Kind::Moment } else { Kind::Number };
    let (one, other) = (grammar.column(&input, kind)?, grammar.column(&input, kind)?);
    let (what, value) = (grammar.name(), grammar.name());
    let kept: Vec<&Column> = input.columns.iter().filter(|column| column.kind != kind).collect();
    let mut items = Items::default();
    items.push(format!("p.{value}"), value.clone(), kind);
    items.push(format!("p.{what}"), what.clone(), Kind::Text);
    kept.iter().for_each(|column| items.push(format!("p.{}", quote(&column.name)), column.name.clone(), column.kind));
    let mut taken: Vec<String> = kept.iter().map(|column| format!("r.{}", quote(&column.name))).collect();
    taken.push(format!("cast(r.{one} as {}) as first_one", kind.sql()));
    taken.push(format!("cast(r.{other} as {}) as other_one", kind.sql()));
    let nulls = grammar.one_of(&["", "", "include nulls "]);
    let (before, after) = if nulls.is_empty() && grammar.chance(0.5) {
        ("(unpivot (", format!(") on first_one, other_one as second into name {what} value {value}) as p"))
    } else {
        ("(", format!(") unpivot {nulls}({value} for {what} in (first_one, other_one as 'second')) as p"))
    };
    let pieces = vec![
        t(format!("select {} from {before}select {} from ", items.sql(), taken.join(", "))),
        Piece::From(input),
        t(format!(" as r{after}")),
    ];
    node("unpivot", pieces, items.columns())
}
