//! Two relations: joins of every kind, subqueries in every place, laterals, recursion.

use rand::Rng;

use super::{Grammar, Items, has, node, t, total};
use crate::exact::tests::fuzz::node::{Kind, Node, Piece, quote};

/// The columns of `left`, and a few of `right` under new names.
fn both(grammar: &mut Grammar<'_>, left: &Node, right: &Node) -> Items {
    let mut items = Items::of("r", &left.columns);
    for column in &right.columns {
        if grammar.chance(0.45) {
            items.push(format!("d.{}", quote(&column.name)), grammar.name(), column.kind);
        }
    }
    items
}

/// Rules 3, 4, 5, 8, 13, 14: a join by key, with or without more conditions.
pub fn join(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let left = grammar.relation(depth);
    let right = grammar.partner(depth);
    let (one, other) = grammar.keys(&left, &right)?;
    let word = grammar.one_of(&["left join", "left join", "join", "join", "right join"]);
    let key = match grammar.random.random_range(0..8) {
        0 => format!("r.{one} is not distinct from d.{other}"),
        1 if has(&left, Kind::Id) => format!("coalesce(r.{one}, r.{one}) = d.{other}"),
        2 => format!("d.{other} = r.{one}"),
        _ => format!("r.{one} = d.{other}"),
    };
    let mut on = vec![t(format!(" on {key}"))];
    if grammar.chance(0.3) {
        on.push(Piece::Clause(vec![t(format!(" and {}", grammar.condition("d", &right)))]));
    }
    if grammar.chance(0.2)
        && let Some((a, b)) = grammar.keys(&left, &right)
    {
        on.push(Piece::Clause(vec![t(format!(" and r.{a} = d.{b}"))]));
    }
    let mut items = both(grammar, &left, &right);
    if grammar.chance(0.25)
        && let (Some(a), Some(b)) = (grammar.column(&left, Kind::Text), grammar.column(&right, Kind::Text))
    {
        items.push(format!("coalesce(d.{b}, r.{a})"), grammar.name(), Kind::Text);
    }
    let mut pieces = vec![
        t(format!("select {} from ", items.sql())),
        Piece::From(left.clone()),
        t(format!(" as r {word} ")),
        Piece::From(right.clone()),
        t(" as d"),
    ];
    pieces.append(&mut on);
    match grammar.random.random_range(0..8) {
        0 => pieces.push(Piece::Clause(vec![t(format!(" where d.{other} is null"))])),
        1 => pieces.push(Piece::Clause(vec![t(format!(" where {}", grammar.condition("d", &right)))])),
        2 => pieces.push(Piece::Clause(vec![t(format!(" where {}", grammar.condition("r", &left)))])),
        _ => {}
    }
    node("join", pieces, items.columns())
}

/// Rules 5 and 6: both sides may be without a partner, and the day is in the join or not.
pub fn full(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let (left, right) = (grammar.relation(depth), grammar.relation(depth.min(1)));
    let (one, other) = grammar.keys(&left, &right)?;
    let (from, to) = (grammar.column(&left, Kind::Moment)?, grammar.column(&right, Kind::Moment)?);
    let mut on = vec![t(format!(" on r.{one} = d.{other}"))];
    let aligned = grammar.chance(0.7);
    if aligned {
        on.push(Piece::Clause(vec![t(format!(" and cast(r.{from} as date) = cast(d.{to} as date)"))]));
    }
    let mut items = Items::default();
    let day = match grammar.random.random_range(0..4) {
        0 => format!("r.{from}"),
        _ => format!("coalesce(cast(r.{from} as date), cast(d.{to} as date))"),
    };
    items.push(day, grammar.name(), Kind::Moment);
    let kind = left.columns.iter().find(|column| quote(&column.name) == one)?.kind;
    items.push(format!("coalesce(r.{one}, d.{other})"), grammar.name(), kind);
    for (alias, side) in [("r", &left), ("d", &right)] {
        if let Some(number) = grammar.column(side, Kind::Number) {
            items.push(format!("{alias}.{number}"), grammar.name(), Kind::Number);
        }
        if let Some(text) = grammar.column(side, Kind::Text) {
            items.push(format!("{alias}.{text}"), grammar.name(), Kind::Text);
        }
    }
    let mut pieces = vec![
        t(format!("select {} from ", items.sql())),
        Piece::From(left),
        t(" as r full join "),
        Piece::From(right),
        t(" as d"),
    ];
    pieces.append(&mut on);
    node("full_join", pieces, items.columns())
}

/// Rule 11: as of a period, or within a band of time.
pub fn range(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let left = grammar.relation(depth);
    let right = if grammar.chance(0.5) {
        grammar.sources.iter().find(|source| source.table.as_deref() == Some("dim_k"))?.clone()
    } else {
        grammar.happening()
    };
    let at = grammar.column(&left, Kind::Moment)?;
    let (one, other) = grammar.keys(&left, &right)?;
    let period = right.columns.iter().any(|column| column.name == "valid_to");
    let within = if period {
        format!("r.{at} >= d.valid_from and (r.{at} < d.valid_to or d.valid_to is null)")
    } else {
        let to = grammar.column(&right, Kind::Moment)?;
        match grammar.random.random_range(0..3) {
            0 => format!("d.{to} between r.{at} - interval '1 day' and r.{at} + interval '12 hours'"),
            1 => format!("d.{to} >= r.{at} and d.{to} < r.{at} + interval '2 days'"),
            _ => format!("d.{to} < r.{at}"),
        }
    };
    let mut on = vec![t(" on ")];
    if grammar.chance(0.8) {
        on.push(Piece::Clause(vec![t(format!("r.{one} = d.{other} and "))]));
    }
    on.push(t(within));
    let word = grammar.one_of(&["left join", "join"]);
    let items = both(grammar, &left, &right);
    let mut pieces = vec![
        t(format!("select {} from ", items.sql())),
        Piece::From(left),
        t(format!(" as r {word} ")),
        Piece::From(right),
        t(" as d"),
    ];
    pieces.append(&mut on);
    node("range_join", pieces, items.columns())
}

/// Rule 10: a relation with itself, by a key that is not its day.
pub fn itself(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth.min(1));
    let (one, _) = grammar.keys(&input, &input)?;
    let items = both(grammar, &input, &input);
    let word = grammar.one_of(&["left join", "join"]);
    let mut pieces = vec![
        t(format!("select {} from ", items.sql())),
        Piece::From(input.clone()),
        t(format!(" as r {word} ")),
        Piece::From(input.clone()),
        t(format!(" as d on r.{one} = d.{one}")),
    ];
    if let Some(moment) = grammar.column(&input, Kind::Moment).filter(|_| grammar.chance(0.6)) {
        pieces.push(Piece::Clause(vec![t(format!(" and d.{moment} > r.{moment}"))]));
    }
    node("self_join", pieces, items.columns())
}

/// Theorem 3b: the moment is of two rows, the later of theirs.
pub fn meeting(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let (left, right) = (grammar.relation(depth.min(1)), grammar.happening());
    let (one, other) = grammar.keys(&left, &right)?;
    let (at, to) = (grammar.column(&left, Kind::Moment)?, grammar.column(&right, Kind::Moment)?);
    let mut items = Items::default();
    let later = format!("greatest(cast(r.{at} as timestamp), cast(d.{to} as timestamp))");
    items.push(later, grammar.name(), Kind::Moment);
    for (expression, column) in Items::of("r", &left.columns).0.into_iter().filter(|(_, c)| c.kind != Kind::Moment) {
        items.push(expression, column.name, column.kind);
    }
    if let Some(number) = grammar.column(&right, Kind::Number) {
        items.push(format!("d.{number}"), grammar.name(), Kind::Number);
    }
    let word = grammar.one_of(&["left join", "join"]);
    let mut pieces = vec![t(format!("select {} from ", items.sql())), Piece::From(left), t(format!(" as r {word} "))];
    pieces.extend([Piece::From(right), t(format!(" as d on r.{one} = d.{other}"))]);
    node("meeting", pieces, items.columns())
}

/// Rule 9: in a list or not, as a condition or a value; NULLs may stand on either side.
pub fn listed(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let other = grammar.partner(depth);
    let (one, key) = grammar.keys(&input, &other)?;
    let mut items = Items::of("r", &input.columns);
    let not = grammar.one_of(&["not in", "not in", "in"]);
    let mut list = vec![t(format!("r.{one} {not} (select d.{key} from ")), Piece::From(other.clone()), t(" as d")];
    if grammar.chance(0.4) {
        list.push(Piece::Clause(vec![t(format!(" where {}", grammar.condition("d", &other)))]));
    }
    list.push(t(")"));
    let columns = items.sql();
    let pieces = if grammar.chance(0.3) {
        let name = grammar.name();
        items.push(String::new(), name.clone(), Kind::Flag);
        let tail = vec![t(format!(" as {name} from ")), Piece::From(input), t(" as r")];
        [vec![t(format!("select {columns}, "))], list, tail].concat()
    } else {
        let head = vec![t(format!("select {columns} from ")), Piece::From(input), t(" as r where ")];
        [head, list].concat()
    };
    node("listed", pieces, items.columns())
}

/// Rule 12: the newest row before, of one row per key and moment, for rows that have a moment of their own.
pub fn asof(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    if !grammar.duckdb {
        return None;
    }
    let (left, right) = (grammar.relation(depth), grammar.happening());
    let (at, to) = (grammar.column(&left, Kind::Moment)?, grammar.column(&right, Kind::Moment)?);
    let (one, other) = grammar.keys(&left, &right)?;
    let number = grammar.column(&right, Kind::Number)?;
    let name = grammar.name();
    let mut items = Items::of("r", &left.columns);
    items.push("d.newest".to_owned(), name, Kind::Number);
    let word = grammar.one_of(&["asof left join", "asof join"]);
    node(
        "asof",
        vec![
            t(format!("select {} from ", items.sql())),
            t("(select p.* from "),
            Piece::From(left),
            t(format!(
                " as p where p.{at} is not null) as r {word} (select s.{other} as k, cast(s.{to} as timestamp) as at, max(s.{number}) as newest from "
            )),
            Piece::From(right),
            t(format!(" as s group by 1, 2) as d on r.{one} = d.k and cast(r.{at} as timestamp) >= d.at")),
        ],
        items.columns(),
    )
}

/// Rules 7, 8, 9, 29, 30: a subquery in WHERE.
pub fn tested(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let other = grammar.partner(depth);
    let (one, key) = grammar.keys(&input, &other)?;
    let mut inner = Vec::new();
    if grammar.chance(0.5) {
        inner.push(Piece::Clause(vec![t(format!(" and {}", grammar.condition("d", &other)))]));
    }
    if grammar.chance(0.2)
        && let (Some(at), Some(to)) = (grammar.column(&input, Kind::Moment), grammar.column(&other, Kind::Moment))
    {
        inner.push(Piece::Clause(vec![t(format!(" and d.{to} < r.{at}"))]));
    }
    let not = grammar.one_of(&["", "", "not "]);
    let nested = grammar.happening();
    let mut condition: Vec<Piece> = match grammar.random.random_range(0..8) {
        0..=2 => exists(not, other, &format!("d.{key} = r.{one}"), inner),
        3 => {
            let mut made = vec![t(format!("r.{one} {not}in (select d.{key} from ")), Piece::From(other), t(" as d")];
            made.push(t(format!(" where d.{key} is not null")));
            made.append(&mut inner.into_iter().filter(|_| false).collect());
            made.push(t(")"));
            made
        }
        4 => vec![t(format!("r.{one} {not}in (select d.{key} from ")), Piece::From(other), t(" as d)")],
        5 => {
            let number = grammar.column(&input, Kind::Number)?;
            let compared = grammar.column(&other, Kind::Number)?;
            vec![
                t(format!("r.{number} > (select min(d.{compared}) from ")),
                Piece::From(other),
                t(format!(" as d where d.{key} = r.{one})")),
            ]
        }
        6 => {
            let moment = grammar.column(&input, Kind::Moment)?;
            let compared = grammar.column(&other, Kind::Moment)?;
            vec![t(format!("r.{moment} <= (select max(d.{compared}) from ")), Piece::From(other), t(" as d)")]
        }
        _ => {
            let (a, b) = grammar.keys(&other, &nested)?;
            let deeper = exists(not, nested, &format!("e.{b} = d.{a}"), Vec::new());
            let mut made =
                vec![t("exists (select 1 from "), Piece::From(other), t(format!(" as d where d.{key} = r.{one}"))];
            let renamed: Vec<Piece> = deeper
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => Piece::Text(text.replace(" as d where", " as e where")),
                    piece => piece,
                })
                .collect();
            made.push(Piece::Clause([vec![t(" and ")], renamed].concat()));
            made.push(t(")"));
            made
        }
    };
    if grammar.chance(0.15) {
        let alternative = grammar.condition("r", &input);
        condition = [vec![t("(")], condition, vec![t(format!(" or {alternative})"))]].concat();
    }
    let items = Items::of("r", &input.columns);
    let head = vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(" as r where ")];
    node("tested", [head, condition].concat(), items.columns())
}

fn exists(not: &str, other: Node, on: &str, inner: Vec<Piece>) -> Vec<Piece> {
    let head = vec![t(format!("{not}exists (select 1 from ")), Piece::From(other), t(format!(" as d where {on}"))];
    [head, inner, vec![t(")")]].concat()
}

/// Rules 29 and 30: a subquery in SELECT.
pub fn looked_up(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let other = grammar.partner(depth);
    let (one, key) = grammar.keys(&input, &other)?;
    let (aggregate, kind) = aggregate(grammar, "d", &other);
    let mut items = Items::of("r", &input.columns);
    let name = grammar.name();
    let mut pieces =
        vec![t(format!("select {}, (select {aggregate} from ", items.sql())), Piece::From(other), t(" as d")];
    if grammar.chance(0.85) {
        let word = grammar.one_of(&["=", "=", "=", "is not distinct from"]);
        pieces.push(Piece::Clause(vec![t(format!(" where d.{key} {word} r.{one}"))]));
    }
    pieces.push(t(format!(") as {name} from ")));
    pieces.push(Piece::From(input));
    pieces.push(t(" as r"));
    items.push(String::new(), name, kind);
    node("looked_up", pieces, items.columns())
}

/// Rule 30: rows held against a value that is computed from other rows.
pub fn bounded(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let other = grammar.partner(depth);
    let kind = if grammar.chance(0.7) { Kind::Moment } else { Kind::Number };
    let (own, theirs) = (grammar.column(&input, kind)?, grammar.column(&other, kind)?);
    let items = Items::of("r", &input.columns);
    if grammar.chance(0.5) {
        let word = grammar.one_of(&["cross join", "join", "left join"]);
        let on = if word == "cross join" { "" } else { " on true" };
        let condition = grammar.one_of(&[
            "between b.least and b.most",
            ">= b.least",
            "> b.most or b.most is null",
            "= b.most",
            "<= b.most",
        ]);
        let pieces = vec![
            t(format!("select {} from ", items.sql())),
            Piece::From(input),
            t(format!(" as r {word} (select min(d.{theirs}) as least, max(d.{theirs}) as most from ")),
            Piece::From(other),
            t(format!(" as d) as b{on} where r.{own} {condition}")),
        ];
        return node("bounded", pieces, items.columns());
    }
    let mut pieces =
        vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(format!(" as r where r.{own} "))];
    let value = |aggregate: &str| {
        vec![t(format!("(select {aggregate}(d.{theirs}) from ")), Piece::From(other.clone()), t(" as d)")]
    };
    if grammar.chance(0.3) {
        pieces.push(t("between "));
        pieces.extend(value("min"));
        pieces.push(t(" and "));
        pieces.extend(value("max"));
    } else {
        let compared = grammar.one_of(&[">= ", "< ", "<= ", "> "]);
        pieces.push(t(compared));
        pieces.extend(value(grammar.one_of(&["min", "max"])));
    }
    node("bounded", pieces, items.columns())
}

/// An aggregate with one answer, whatever the order of the rows.
pub fn aggregate(grammar: &mut Grammar<'_>, alias: &str, input: &Node) -> (String, Kind) {
    let (id, text) = (grammar.column(input, Kind::Id), grammar.column(input, Kind::Text));
    let (number, moment) = (grammar.column(input, Kind::Number), grammar.column(input, Kind::Moment));
    let condition = grammar.condition(alias, input);
    let made = match grammar.random.random_range(0..10) {
        0 => number.map(|n| (format!("sum({alias}.{n})"), Kind::Number)),
        1 => number.map(|n| (format!("min({alias}.{n})"), Kind::Number)),
        2 => id.map(|n| (format!("count(distinct {alias}.{n})"), Kind::Number)),
        3 => moment.map(|n| (format!("max({alias}.{n})"), Kind::Moment)),
        4 => text.map(|n| (format!("string_agg({alias}.{n}, ',' order by {alias}.{n} nulls last)"), Kind::Text)),
        5 => number.map(|n| (format!("percentile_disc(0.5) within group (order by {alias}.{n})"), Kind::Number)),
        6 => Some((format!("count(*) filter (where {condition})"), Kind::Number)),
        7 => number.map(|n| (format!("sum(case when {condition} then {alias}.{n} else 0 end)"), Kind::Number)),
        8 => moment.map(|n| (format!("min({alias}.{n})"), Kind::Moment)),
        _ => None,
    };
    made.unwrap_or_else(|| ("count(*)".to_owned(), Kind::Number))
}

/// Rule 29: the first row of a partner.
pub fn lateral(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let other = grammar.partner(depth);
    let (one, key) = grammar.keys(&input, &other)?;
    let mut items = Items::of("r", &input.columns);
    for column in other.columns.iter().take(2) {
        items.push(format!("l.{}", quote(&column.name)), grammar.name(), column.kind);
    }
    let order = total("d", &other.columns);
    let carried = super::super::node::list("d", &other.columns);
    let (before, after) =
        if grammar.chance(0.6) { ("left join lateral", " on true") } else { ("cross join lateral", "") };
    node(
        "lateral",
        vec![
            t(format!("select {} from ", items.sql())),
            Piece::From(input),
            t(format!(" as r {before} (select {carried} from ")),
            Piece::From(other),
            t(format!(" as d where d.{key} = r.{one} order by {order} limit 1) as l{after}")),
        ],
        items.columns(),
    )
}

/// Rule 31: a hierarchy walked from its roots, three steps at most.
pub fn recursive(grammar: &mut Grammar<'_>, _depth: u32) -> Option<Node> {
    let candidates: Vec<Node> = grammar
        .sources
        .iter()
        .filter(|s| s.columns.iter().filter(|c| c.kind == Kind::Id).count() > 1 && has(s, Kind::Moment))
        .cloned()
        .collect();
    let input = candidates.get(grammar.random.random_range(0..candidates.len().max(1)))?.clone();
    let ids: Vec<String> = input.columns.iter().filter(|c| c.kind == Kind::Id).map(|c| quote(&c.name)).collect();
    let moment = grammar.column(&input, Kind::Moment)?;
    let columns = |names: [(&str, Kind); 4]| {
        let mut items = Items::default();
        names.into_iter().for_each(|(name, kind)| items.push(format!("w.{name}"), name.to_owned(), kind));
        items
    };
    let items = columns([("root", Kind::Id), ("at", Kind::Moment), ("spot", Kind::Id), ("deep", Kind::Number)]);
    node(
        "recursive",
        vec![
            t(format!(
                "with recursive w as (select cast(r.{0} as bigint) as root, cast(r.{moment} as timestamp) as at, \
                 cast(r.{1} as bigint) as spot, 0 as deep from ",
                ids[0], ids[1]
            )),
            Piece::From(input.clone()),
            t(" as r union all select w.root, w.at, cast(d.spot as bigint), w.deep + 1 from w join (select distinct "),
            t(format!("d.{} as k, d.{} as spot from ", ids[0], ids[1])),
            Piece::From(input),
            t(format!(" as d) as d on d.k = w.spot where w.deep < 2) select {} from w", items.sql())),
        ],
        items.columns(),
    )
}

/// A common table expression that is read twice.
pub fn twice(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let (key, _) = grammar.keys(&input, &input)?;
    let (aggregate, kind) = aggregate(grammar, "c", &input);
    let mut items = Items::of("a", &input.columns);
    items.push("b.value".into(), grammar.name(), kind);
    let word = grammar.one_of(&["left join", "join"]);
    let materialized = grammar.one_of(&["", "", "materialized "]);
    node(
        "twice",
        vec![
            t(format!("with c as {materialized}(")),
            Piece::Query(input),
            t(format!(
                "), n as (select c.{key} as key, {aggregate} as value from c group by 1) \
                 select {} from c as a {word} n as b on b.key = a.{key}",
                items.sql()
            )),
        ],
        items.columns(),
    )
}
