//! Rows beside rows: windows, histories, sessions, periods.

use rand::Rng;

use super::join::aggregate;
use super::{Grammar, Items, node, t, total};
use crate::exact::tests::fuzz::node::{Kind, Node, Piece, list};

/// Rules 23 to 27: one window.
pub fn window(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let (key, _) = grammar.keys(&input, &input)?;
    let moment = grammar.column(&input, Kind::Moment)?;
    let number = grammar.column(&input, Kind::Number)?;
    let order = format!("r.{moment} nulls last, {}", total("r", &input.columns));
    let day = format!("cast(r.{moment} as date)");
    let by_key = format!("partition by r.{key}");
    let frame = grammar.one_of(&[
        "rows between 2 preceding and current row",
        "rows between 1 preceding and 1 following",
        "rows between unbounded preceding and 1 preceding",
        "rows between current row and unbounded following",
    ]);
    let made = match grammar.random.random_range(0..15) {
        0 => format!("rank() over (partition by {day} order by r.{number} nulls last)"),
        1 => format!("count(*) over (partition by date_trunc('month', r.{moment}))"),
        2 => format!("sum(r.{number}) over ({by_key}, {day})"),
        3 => format!("max(r.{number}) over ({by_key})"),
        4 => format!("sum(r.{number}) over ({by_key} order by {order})"),
        5 => format!("lag(r.{number}) over ({by_key} order by {order})"),
        6 => format!("lead(r.{number}, 2) over ({by_key} order by {order})"),
        7 => format!("sum(r.{number}) over ({by_key} order by {order} {frame})"),
        8 => format!(
            "sum(r.{number}) over ({by_key} order by cast(r.{moment} as timestamp) range between interval '2 days' preceding and current row)"
        ),
        9 => format!(
            "count(*) over ({by_key} order by cast(r.{moment} as timestamp) range between interval '1 day' preceding and interval '12 hours' following)"
        ),
        10 => format!("first_value(r.{number}) over ({by_key} order by {order})"),
        11 => format!("row_number() over ({by_key} order by {order})"),
        12 => format!("r.{number} - sum(r.{number}) over (partition by {day})"),
        13 => format!(
            "count(*) over (order by cast(r.{moment} as timestamp) range between interval '1 day' preceding and current row)"
        ),
        _ => format!("dense_rank() over (order by r.{number} nulls last)"),
    };
    let mut items = Items::of("r", &input.columns);
    items.push(made, grammar.name(), Kind::Number);
    node("window", vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(" as r")], items.columns())
}

/// Rules 22 and 26: windows of one select, each with a key of its own.
pub fn several(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let number = grammar.column(&input, Kind::Number)?;
    let (id, text) = (grammar.column(&input, Kind::Id)?, grammar.column(&input, Kind::Text)?);
    let moment = grammar.column(&input, Kind::Moment)?;
    let order = total("r", &input.columns);
    let mut items = Items::of("r", &input.columns);
    let mut keys = [format!("r.{id}"), format!("r.{text}"), format!("cast(r.{moment} as date), r.{text}")];
    let first = grammar.random.random_range(0..keys.len());
    keys.rotate_left(first);
    for key in keys.iter().take(grammar.random.random_range(2..4)) {
        let made = match grammar.random.random_range(0..4) {
            0 => format!("max(r.{number}) over (partition by {key})"),
            1 => format!("count(*) over (partition by {key})"),
            2 => format!("sum(r.{number}) over (partition by {key} order by r.{moment} nulls last, {order})"),
            _ => format!("lag(r.{number}) over (partition by {key} order by r.{moment} nulls last, {order})"),
        };
        items.push(made, grammar.name(), Kind::Number);
    }
    node("windows", vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(" as r")], items.columns())
}

/// Rules 25 to 27: over all rows, to one side along time, or to both.
pub fn running(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let number = grammar.column(&input, Kind::Number)?;
    let moment = grammar.column(&input, Kind::Moment)?;
    let along = grammar.one_of(&["", "", " nulls first", " desc", " desc nulls last"]);
    let order = format!("order by r.{moment}{along}, {}", total("r", &input.columns));
    let made = match grammar.random.random_range(0..8) {
        0 | 1 => format!("sum(r.{number}) over ({order})"),
        2 => format!("lag(r.{number}) over ({order})"),
        3 => format!("lead(r.{number}, 2) over ({order})"),
        4 => format!("row_number() over ({order})"),
        5 => format!("sum(r.{number}) over ({order} rows between 2 preceding and 1 preceding)"),
        6 => format!("max(r.{number}) over ({order} rows between 1 following and unbounded following)"),
        _ => format!("count(*) over (order by cast(r.{moment} as date){along})"),
    };
    let mut items = Items::of("r", &input.columns);
    items.push(made, grammar.name(), Kind::Number);
    if grammar.chance(0.3) {
        items.push(format!("lag(r.{number}) over ({order})"), grammar.name(), Kind::Number);
    }
    node("running", vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(" as r")], items.columns())
}

/// Rules 11 and 25: from each row to the next of its key, as a period.
pub fn history(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let (key, _) = grammar.keys(&input, &input)?;
    let moment = grammar.column(&input, Kind::Moment)?;
    let order = format!("r.{moment} nulls last, {}", total("r", &input.columns));
    let mut items = Items::of("r", &input.columns);
    items.push(format!("lead(r.{moment}) over (partition by r.{key} order by {order})"), grammar.name(), Kind::Moment);
    node("history", vec![t(format!("select {} from ", items.sql())), Piece::From(input), t(" as r")], items.columns())
}

/// Rule 35: sessions of a key, a new one after a gap. Equal rows are counted together: `fresh_one` may differ between them.
pub fn sessions(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth.min(1));
    let (key, _) = grammar.keys(&input, &input)?;
    let moment = grammar.column(&input, Kind::Moment)?;
    let kind = input.columns.iter().find(|c| super::quote(&c.name) == key)?.kind;
    let order = format!("r.{moment} nulls last, {}", total("r", &input.columns));
    let (user, start, number, events) = (grammar.name(), grammar.name(), grammar.name(), grammar.name());
    let mut items = Items::default();
    items.push(String::new(), user.clone(), kind);
    items.push(String::new(), start.clone(), Kind::Moment);
    items.push(String::new(), number.clone(), Kind::Number);
    items.push(String::new(), events.clone(), Kind::Number);
    let columns = list("r", &input.columns);
    node(
        "sessions",
        vec![
            t(format!(
                "with marked as (select {columns}, case when r.{moment} - lag(r.{moment}) over (partition by r.{key} order by {order}) \
                 <= {} then 0 else 1 end as fresh_one from ",
                // The difference of two dates is a number of days, of two timestamps an interval: both sides are made timestamps.
                "interval '12 hours'"
            ).replace(&format!("r.{moment} - lag(r.{moment})"), &format!("cast(r.{moment} as timestamp) - lag(cast(r.{moment} as timestamp))"))),
            Piece::From(input.clone()),
            t(format!(
                " as r), numbered as (select {columns}, sum(r.fresh_one) over (partition by r.{key} order by {order}) \
                 as session from marked as r) \
                 select s.{key} as {user}, min(s.{moment}) as {start}, s.session as {number}, count(*) as {events} \
                 from numbered as s group by s.{key}, s.session"
            )),
        ],
        items.columns(),
    )
}

/// Rule 36: each day beside the day before, or beside its month.
pub fn period(grammar: &mut Grammar<'_>, depth: u32) -> Option<Node> {
    let input = grammar.relation(depth);
    let moment = grammar.column(&input, Kind::Moment)?;
    let (value, kind) = aggregate(grammar, "r", &input);
    let key = grammar.column(&input, Kind::Id).filter(|_| grammar.chance(0.4));
    let (by, and) = match &key {
        Some(key) => (format!(", r.{key} as key"), " and p.key = d.key".to_owned()),
        None => (String::new(), String::new()),
    };
    let places = if key.is_some() { "1, 2" } else { "1" };
    let distance = grammar.one_of(&["1 day", "1 day", "2 days", "1 month"]);
    let mut items = Items::default();
    items.push("d.day".into(), grammar.name(), Kind::Moment);
    if key.is_some() {
        items.push("d.key".into(), grammar.name(), Kind::Id);
    }
    items.push("d.value".into(), grammar.name(), kind);
    items.push("p.value".into(), grammar.name(), kind);
    node(
        "period",
        vec![
            t(format!("with d as (select cast(r.{moment} as date) as day{by}, {value} as value from ")),
            Piece::From(input),
            t(format!(
                " as r group by {places}) select {} from d left join d as p on p.day = d.day - interval '{distance}'{and}",
                items.sql()
            )),
        ],
        items.columns(),
    )
}
