//! Row by row: filters, expressions, and rows that become several.

use rand::Rng;

use super::{Grammar, Items, node, t};
use crate::exact::tests::fuzz::node::{Kind, Node, Piece};

/// Rules 1, 32, 37.
pub fn filter(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let condition = grammar.condition("r", &input);
    let items = Items::of("r", &input.columns);
    node(
        "filter",
        vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(format!(" as r where {condition}"))],
        items.columns(),
    )
}

/// Rule 32: what has happened until today, or lately. A variable stands in for the clock, so that time passes when a change says so.
pub fn until(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    if !grammar.duckdb {
        return None;
    }
    let input = grammar.relation(depth);
    let moment = grammar.column(&input, Kind::Moment)?;
    let lately = match grammar.random.random_range(0..3) {
        0 => format!(" and cast(r.{moment} as date) > getvariable('today') - 3"),
        _ => String::new(),
    };
    let items = Items::of("r", &input.columns);
    let condition = t(format!(" as r where cast(r.{moment} as date) <= getvariable('today')"));
    let pieces =
        vec![t(format!("select {} from ", items.sql())), Piece::From(input), condition, Piece::Clause(vec![t(lately)])];
    node("until", pieces, items.columns())
}

/// Rule 1: one expression more.
pub fn project(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let (expression, kind) = expression(grammar, "r", &input)?;
    let mut items = Items::of("r", &input.columns);
    if grammar.chance(0.3) {
        items.drop_one(grammar.random);
    }
    items.push(expression, grammar.name(), kind);
    let mut pieces = vec![t(format!("select {} from ", items.sql())), Piece::From(input.clone()), t(" as r")];
    if grammar.chance(0.3) {
        pieces.push(Piece::Clause(vec![t(format!(" where {}", grammar.condition("r", &input)))]));
    }
    node("project", pieces, items.columns())
}

/// An expression over a row.
pub fn expression(grammar: &mut Grammar<'_>, alias: &str, input: &Node) -> Option<(String, Kind)> {
    let condition = grammar.condition(alias, input);
    let (id, text) = (grammar.column(input, Kind::Id), grammar.column(input, Kind::Text));
    let (number, moment) = (grammar.column(input, Kind::Number), grammar.column(input, Kind::Moment));
    Some(match grammar.random.random_range(0..9) {
        0 => (format!("coalesce({alias}.{}, 0)", number?), Kind::Number),
        1 => (format!("case when {condition} then {alias}.{} else 1 end", number?), Kind::Number),
        2 => (format!("coalesce({alias}.{}, 'z')", text?), Kind::Text),
        3 => (format!("{alias}.{} || '-' || coalesce(cast({alias}.{} as varchar), '')", text?, id?), Kind::Text),
        4 => (format!("md5(cast({alias}.{} as varchar) || coalesce({alias}.{}, ''))", id?, text?), Kind::Text),
        5 => (format!("coalesce({alias}.{}, 0)", id?), Kind::Id),
        6 => (format!("date_trunc('day', {alias}.{})", moment?), Kind::Moment),
        7 => (format!("case when {condition} then {alias}.{} end", moment?), Kind::Moment),
        _ => (format!("({condition})"), Kind::Flag),
    })
}

/// The moment moved, or taken from another column: the partitions of a row are no longer those of its source.
pub fn shift(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let moment = grammar.column(&input, Kind::Moment)?;
    let other = grammar.column(&input, Kind::Moment)?;
    let moved = match grammar.random.random_range(0..5) {
        0 => format!("r.{moment} + interval '1 day'"),
        1 => format!("coalesce(r.{moment}, r.{other})"),
        2 => format!("r.{moment} - interval '6 hours'"),
        3 => format!("cast(r.{moment} as date)"),
        _ => format!("greatest(r.{moment}, r.{other})"),
    };
    let name = grammar.name();
    let mut items = Items::default();
    items.push(moved, name, Kind::Moment);
    for (expression, column) in Items::of("r", &input.columns).0 {
        if column.kind != Kind::Moment {
            items.push(expression, column.name, column.kind);
        }
    }
    node("shift", vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(" as r")], items.columns())
}

/// Rule 2: every row for some days on, or for each day between two of its moments.
pub fn series(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let moment = grammar.column(&input, Kind::Moment)?;
    let to = grammar.column(&input, Kind::Moment)?;
    let last = grammar.random.random_range(1..3);
    let (day, series) = match grammar.random.random_range(0..5) {
        0 => (
            format!("cast(r.{moment} as date) + s.n * interval '1 day'"),
            format!("generate_series(0, {last}) as s(n)"),
        ),
        1 => (format!("r.{moment} + s.n * interval '1 day'"), format!("generate_series(0, {last}) as s(n)")),
        chosen => {
            let from = format!("cast(r.{moment} as timestamp)");
            let until = match chosen {
                2 => format!("cast(r.{to} as timestamp)"),
                _ => format!("cast(r.{moment} as timestamp) + interval '{last} days'"),
            };
            ("s.n".to_owned(), format!("lateral generate_series({from}, {until}, interval '1 day') as s(n)"))
        }
    };
    let mut items = Items::default();
    items.push(day.clone(), grammar.name(), Kind::Moment);
    for (expression, column) in Items::of("r", &input.columns).0.into_iter().filter(|(_, c)| c.kind != Kind::Moment) {
        items.push(expression, column.name, column.kind);
    }
    if day != "s.n" {
        items.push("s.n".into(), grammar.name(), Kind::Number);
    }
    node(
        "series",
        vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(format!(" as r cross join {series}"))],
        items.columns(),
    )
}

/// Rule 2: rows of a list.
pub fn elements(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let (one, other) = (grammar.column(&input, Kind::Moment)?, grammar.column(&input, Kind::Moment)?);
    let mut items = Items::default();
    items.push(
        format!("unnest(array[cast(r.{one} as timestamp), cast(r.{other} as timestamp) + interval '1 day'])"),
        grammar.name(),
        Kind::Moment,
    );
    for (expression, column) in Items::of("r", &input.columns).0.into_iter().filter(|(_, c)| c.kind != Kind::Moment) {
        items.push(expression, column.name, column.kind);
    }
    node("elements", vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(" as r")], items.columns())
}

/// Rule 2: rows made beside a row, of its own values.
pub fn beside(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let (one, other) = (grammar.column(&input, Kind::Moment)?, grammar.column(&input, Kind::Moment)?);
    let (made, number) = (grammar.name(), grammar.name());
    let (first, second) =
        (format!("cast(r.{one} as timestamp)"), format!("cast(r.{other} as timestamp) + interval '1 day'"));
    let rows = if grammar.chance(0.5) {
        format!("(values (1, {first}), (2, {second})) as s({number}, {made})")
    } else {
        format!("(select 1 as {number}, {first} as {made} union all select 2, {second}) as s")
    };
    let mut items = Items::default();
    items.push(format!("s.{made}"), made, Kind::Moment);
    items.push(format!("s.{number}"), number, Kind::Number);
    for (expression, column) in Items::of("r", &input.columns).0 {
        items.push(expression, column.name, column.kind);
    }
    let pieces = vec![
        t(format!("select {} from ", items.sql())),
        Piece::From(input),
        t(format!(" as r cross join lateral {rows}")),
    ];
    node("beside", pieces, items.columns())
}

/// Rules 11 and 14: a calendar, and what belongs to each of its days.
pub fn spine(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let calendar = grammar.sources.iter().find(|source| source.table.as_deref() == Some("calendar"))?.clone();
    let input = grammar.relation(depth);
    let moment = grammar.column(&input, Kind::Moment)?;
    let on = match grammar.random.random_range(0..4) {
        0 | 1 => format!("cast(r.{moment} as date) = c.day"),
        2 => format!("c.day >= cast(r.{moment} as date) and c.day < cast(r.{moment} as date) + interval '2 days'"),
        _ => format!("c.day >= r.{moment} and c.day <= current_date"),
    };
    let join = grammar.one_of(&["left join", "left join", "join"]);
    let mut items = Items::default();
    items.push("c.day".into(), "day".into(), Kind::Moment);
    for (expression, column) in Items::of("r", &input.columns).0.into_iter().filter(|(_, c)| c.kind != Kind::Moment) {
        items.push(expression, if column.name == "day" { grammar.name() } else { column.name }, column.kind);
    }
    node(
        "spine",
        vec![
            t(format!("select {} from ", items.sql())),
            Piece::From(calendar),
            t(format!(" as c {join} ")),
            Piece::From(input),
            t(format!(" as r on {on}")),
        ],
        items.columns(),
    )
}

/// Rule 32: the days until today, and what belongs to each of them.
pub fn days(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    if !grammar.duckdb {
        return None;
    }
    let input = grammar.relation(depth);
    let moment = grammar.column(&input, Kind::Moment)?;
    let days = grammar.one_of(&[
        "(select unnest(generate_series(date '2024-02-24', getvariable('today'), interval 1 day)) as day)",
        "(select cast(day as date) as day from generate_series(date '2024-02-24', getvariable('today'), interval 1 day) as g(day))",
        "(with recursive d as (select date '2024-02-24' as day union all select cast(day + 1 as date) from d where day < getvariable('today')) select day from d)",
    ]);
    let on = grammar.one_of(&["= c.day", "= c.day", "<= c.day", "> c.day"]);
    let join = grammar.one_of(&["left join", "left join", "join"]);
    let mut items = Items::default();
    let name = grammar.name();
    items.push("c.day".into(), name, Kind::Moment);
    let turned = grammar.chance(0.3);
    for (expression, column) in Items::of("r", &input.columns).0 {
        if turned || column.kind != Kind::Moment {
            items.push(expression, column.name, column.kind);
        }
    }
    let condition = format!("cast(r.{moment} as date) {on}");
    let head = t(format!("select {} from ", items.sql()));
    let pieces = if turned {
        vec![head, Piece::From(input), t(format!(" as r {join} {days} as c on {condition}"))]
    } else {
        vec![head, t(format!("{days} as c {join} ")), Piece::From(input), t(format!(" as r on {condition}"))]
    };
    node("days", pieces, items.columns())
}
