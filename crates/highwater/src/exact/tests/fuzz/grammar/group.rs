//! Many rows to fewer: aggregates, distinct, deduplication, grouping sets, set operations, the first few.

use rand::Rng;

use super::join::aggregate;
use super::{Grammar, Items, has, node, t, total};
use crate::exact::tests::fuzz::node::{Column, Kind, Node, Piece, list, quote};

/// What to group by: a moment cut to a step, keys, or both.
fn grouping(grammar: &mut Grammar<'_>, input: &Node) -> Vec<(String, Column)> {
    let mut groups = Vec::new();
    if let Some(moment) = grammar.column(input, Kind::Moment).filter(|_| grammar.chance(0.7)) {
        let day = match grammar.random.random_range(0..4) {
            0 | 1 => format!("cast(r.{moment} as date)"),
            2 => format!("date_trunc('day', r.{moment})"),
            _ => format!("date_trunc('month', r.{moment})"),
        };
        groups.push((day, Column { name: grammar.name(), kind: Kind::Moment }));
    }
    for kind in [Kind::Id, Kind::Text, Kind::Flag] {
        let wanted = if groups.is_empty() { 0.8 } else { 0.35 };
        if let Some(column) = grammar.column(input, kind).filter(|_| grammar.chance(wanted)) {
            let name = grammar.name();
            groups.push((format!("r.{column}"), Column { name, kind }));
        }
    }
    groups
}

/// Rules 17, 18, 34: groups, and what is known of them.
pub fn group(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let groups = grouping(grammar, &input);
    if groups.is_empty() {
        return None;
    }
    let mut items = Items(groups.clone());
    for _ in 0..grammar.random.random_range(1..4) {
        let (aggregate, kind) = aggregate(grammar, "r", &input);
        items.push(aggregate, grammar.name(), kind);
    }
    let keys: Vec<String> = if grammar.chance(0.5) {
        (1..=groups.len()).map(|place| place.to_string()).collect()
    } else {
        groups.iter().map(|(expression, _)| expression.clone()).collect()
    };
    let mut pieces = vec![t(format!("select {} from ", items.sql())), Piece::From(input.clone()), t(" as r")];
    if grammar.chance(0.25) {
        pieces.push(Piece::Clause(vec![t(format!(" where {}", grammar.condition("r", &input)))]));
    }
    pieces.push(t(format!(" group by {}", keys.join(", "))));
    if grammar.chance(0.25) {
        let having = grammar.one_of(&["count(*) > 1", "count(*) < 4", "count(*) % 2 = 1"]);
        pieces.push(Piece::Clause(vec![t(format!(" having {having}"))]));
    }
    let unique = groups.into_iter().map(|(_, column)| column.name).collect();
    node("group", pieces, items.columns()).map(|made| Node { unique, ..made })
}

/// Rule 22.
pub fn distinct(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let mut items = Items::of("r", &input.columns);
    for _ in 0..grammar.random.random_range(0..3) {
        items.drop_one(grammar.random);
    }
    node(
        "distinct",
        vec![t(format!("select distinct {} from ", items.sql())), Piece::From(input), t(" as r")],
        items.columns(),
    )
}

/// Rule 22: one row per key, the newest, or whichever comes first in an order that leaves nothing open.
pub fn dedup(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let (key, other) = grammar.keys(&input, &input)?;
    let by = if grammar.chance(0.7) || key == other { format!("r.{key}") } else { format!("r.{key}, r.{other}") };
    let order = match grammar.column(&input, Kind::Moment) {
        Some(moment) => format!("r.{moment} desc nulls last, {}", total("r", &input.columns)),
        None => total("r", &input.columns),
    };
    let columns = list("r", &input.columns);
    let pieces = match grammar.random.random_range(0..4) {
        0 => vec![
            t(format!("select distinct on ({by}) {columns} from ")),
            Piece::From(input.clone()),
            t(format!(" as r order by {by}, {order}")),
        ],
        1 => vec![
            t(format!(
                "with p as (select {columns}, row_number() over (partition by {by} order by {order}) as place from "
            )),
            Piece::From(input.clone()),
            t(format!(" as r) select {} from p where place = 1", list("p", &input.columns))),
        ],
        _ => vec![
            t(format!(
                "select {} from (select {columns}, row_number() over (partition by {by} order by {order}) as place from ",
                list("p", &input.columns)
            )),
            Piece::From(input.clone()),
            t(" as r) as p where p.place = 1"),
        ],
    };
    let unique = by.split(", ").map(|name| name.trim_start_matches("r.").trim_matches('"').to_owned()).collect();
    node("dedup", pieces, input.columns).map(|made| Node { unique, ..made })
}

/// Rule 21.
pub fn rollup(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let groups = grouping(grammar, &input);
    if groups.len() < 2 {
        return None;
    }
    let expressions: Vec<&str> = groups.iter().map(|(expression, _)| expression.as_str()).collect();
    let sets = match grammar.random.random_range(0..3) {
        0 => format!("rollup ({})", expressions.join(", ")),
        1 => format!("cube ({})", expressions.join(", ")),
        _ => format!("grouping sets (({}), ({}))", expressions.join(", "), expressions[0]),
    };
    let mut items = Items(groups.clone());
    let (aggregate, kind) = aggregate(grammar, "r", &input);
    items.push(aggregate, grammar.name(), kind);
    node(
        "rollup",
        vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(format!(" as r group by {sets}"))],
        items.columns(),
    )
}

/// Columns of `node` for the kinds of `wanted`, one after the other; NULL where there is none.
fn aligned(grammar: &mut Grammar<'_>, alias: &str, input: &Node, wanted: &[Column]) -> String {
    let mut list = Vec::new();
    for column in wanted {
        let value = match grammar.column(input, column.kind) {
            Some(found) => format!("{alias}.{found}"),
            None => format!("cast(null as {})", column.kind.sql()),
        };
        list.push(format!("{value} as {}", quote(&column.name)));
    }
    list.join(", ")
}

/// Rules 15 and 16.
pub fn set(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let (one, other) = (grammar.relation(depth), grammar.relation(depth));
    let mut items = Items::of("r", &one.columns);
    for _ in 0..grammar.random.random_range(0..3) {
        items.drop_one(grammar.random);
    }
    let columns = items.columns();
    let word = grammar.one_of(&[
        "union all",
        "union all",
        "union all",
        "union",
        "except",
        "except all",
        "intersect",
        "intersect all",
    ]);
    let second = aligned(grammar, "s", &other, &columns);
    node(
        "set",
        vec![
            t(format!("select {} from ", items.sql())),
            Piece::From(one),
            t(format!(" as r {word} select {second} from ")),
            Piece::From(other),
            t(" as s"),
        ],
        columns,
    )
}

/// Rule 15: facts of several tables in one, each with its own moment.
pub fn union_facts(grammar: &mut Grammar<'_>, _depth: u32) -> Option<Node> {
    let wanted: Vec<Column> = [("id", Kind::Id), ("kind", Kind::Text), ("at", Kind::Moment), ("value", Kind::Number)]
        .into_iter()
        .map(|(name, kind)| Column { name: name.into(), kind })
        .collect();
    let facts: Vec<Node> =
        grammar.sources.iter().filter(|s| has(s, Kind::Moment) && has(s, Kind::Number)).cloned().collect();
    let mut pieces = Vec::new();
    for (index, fact) in facts.into_iter().take(3).enumerate() {
        let values = aligned(grammar, "s", &fact, &wanted);
        let word = if index == 0 { "" } else { " union all " };
        let mut branch = vec![t(format!("{word}select {values} from ")), Piece::From(fact.clone()), t(" as s")];
        if grammar.chance(0.3) {
            branch.push(Piece::Clause(vec![t(format!(" where {}", grammar.condition("s", &fact)))]));
        }
        if index == 0 { pieces.append(&mut branch) } else { pieces.push(Piece::Clause(branch)) }
    }
    node("union_facts", pieces, wanted)
}

/// Rule 28.
pub fn top(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let (columns, order) = (list("r", &input.columns), total("r", &input.columns));
    let limit = grammar.random.random_range(2..9);
    node(
        "top",
        vec![
            t(format!("select {columns} from ")),
            Piece::From(input.clone()),
            t(format!(" as r order by {order} limit {limit}")),
        ],
        input.columns,
    )
}
