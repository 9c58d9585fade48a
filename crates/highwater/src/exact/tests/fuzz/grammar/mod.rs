//! The grammar: relations made of relations, one production per operator, in SQL that DuckDB and Postgres read alike.
//!
//! Every query it makes has one answer for its data: where rows are ordered, they are ordered by all their columns, so that only equal rows tie.
//!
//! | file | productions |
//! | --- | --- |
//! | `row.rs` | filters, expressions, spines, series |
//! | `join.rs` | joins of every kind, subqueries in every place, laterals, recursion |
//! | `group.rs` | aggregates, distinct, deduplication, grouping sets, set operations |
//! | `pivot.rs` | pivots and unpivots |
//! | `window.rs` | windows, sessions, periods, histories |

mod group;
mod join;
mod pivot;
mod row;
mod window;

use rand::Rng;
use rand::rngs::SmallRng;

use super::node::{Column, Kind, Node, Piece, quote};
use super::schema::pick;

/// Productions by name, with their weights.
type Production = (&'static str, u32, fn(&mut Grammar<'_>, u32) -> Option<Node>);

const PRODUCTIONS: &[Production] = &[
    ("filter", 3, row::filter),
    ("until", 1, row::until),
    ("days", 1, row::days),
    ("project", 4, row::project),
    ("shift", 1, row::shift),
    ("series", 2, row::series),
    ("elements", 1, row::elements),
    ("beside", 1, row::beside),
    ("spine", 2, row::spine),
    ("join", 7, join::join),
    ("full_join", 2, join::full),
    ("range_join", 2, join::range),
    ("self_join", 2, join::itself),
    ("asof", 1, join::asof),
    ("meeting", 1, join::meeting),
    ("tested", 4, join::tested),
    ("listed", 2, join::listed),
    ("looked_up", 3, join::looked_up),
    ("bounded", 1, join::bounded),
    ("lateral", 2, join::lateral),
    ("recursive", 1, join::recursive),
    ("twice", 2, join::twice),
    ("group", 4, group::group),
    ("distinct", 1, group::distinct),
    ("dedup", 3, group::dedup),
    ("rollup", 1, group::rollup),
    ("set", 3, group::set),
    ("union_facts", 2, group::union_facts),
    ("top", 1, group::top),
    ("pivot", 2, pivot::pivot),
    ("unpivot", 1, pivot::unpivot),
    ("window", 5, window::window),
    ("windows", 2, window::several),
    ("running", 2, window::running),
    ("history", 1, window::history),
    ("sessions", 1, window::sessions),
    ("period", 2, window::period),
];

/// Names of all productions that an engine can have.
pub fn productions(duckdb: bool) -> impl Iterator<Item = &'static str> {
    PRODUCTIONS
        .iter()
        .map(|(name, _, _)| *name)
        .filter(move |name| duckdb || !["asof", "until", "days", "pivot", "unpivot"].contains(name))
}

/// Makes relations.
pub struct Grammar<'r> {
    pub random: &'r mut SmallRng,
    /// Tables and models that may be read.
    pub sources: Vec<Node>,
    /// Productions to use more often than others.
    pub focus: Vec<&'static str>,
    /// Whether the engine is DuckDB, which has ASOF joins, pivots, and variables to put in the place of the clock.
    pub duckdb: bool,
    fresh: u32,
}

/// The columns of a SELECT.
#[derive(Debug, Clone, Default)]
pub struct Items(Vec<(String, Column)>);

impl Items {
    /// All columns of the relation called `alias`.
    pub fn of(alias: &str, columns: &[Column]) -> Self {
        Self(columns.iter().map(|column| (format!("{alias}.{}", quote(&column.name)), column.clone())).collect())
    }

    pub fn push(&mut self, expression: String, name: String, kind: Kind) {
        self.0.push((expression, Column { name, kind }));
    }

    pub fn sql(&self) -> String {
        let item = |(expression, column): &(String, Column)| {
            let name = quote(&column.name);
            let plain = expression.rsplit_once('.').is_some_and(|(_, last)| last == name);
            if plain { expression.clone() } else { format!("{expression} as {name}") }
        };
        self.0.iter().map(item).collect::<Vec<_>>().join(", ")
    }

    pub fn columns(&self) -> Vec<Column> {
        self.0.iter().map(|(_, column)| column.clone()).collect()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Leaves out one that is not needed; the first moment stays.
    pub fn drop_one(&mut self, random: &mut SmallRng) {
        let moment = self.0.iter().position(|(_, column)| column.kind == Kind::Moment);
        let index = random.random_range(0..self.0.len());
        if Some(index) != moment && self.0.len() > 2 {
            self.0.remove(index);
        }
    }
}

/// `text` as a piece.
pub fn t(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

/// A relation that one production made.
pub fn node(operator: &'static str, pieces: Vec<Piece>, columns: Vec<Column>) -> Option<Node> {
    Some(Node { operator, table: None, pieces, columns, unique: Vec::new() })
}

/// An order that leaves ties only between equal rows.
pub fn total(alias: &str, columns: &[Column]) -> String {
    let key = |(index, column): (usize, &Column)| {
        let direction = if index % 2 == 0 { " desc" } else { "" };
        format!("{alias}.{}{direction} nulls last", quote(&column.name))
    };
    columns.iter().enumerate().map(key).collect::<Vec<_>>().join(", ")
}

impl<'r> Grammar<'r> {
    pub fn new(random: &'r mut SmallRng, sources: Vec<Node>, focus: Vec<&'static str>, duckdb: bool) -> Self {
        Self { random, sources, focus, duckdb, fresh: 0 }
    }

    /// A relation of so many productions on top of each other, at most.
    pub fn relation(&mut self, depth: u32) -> Node {
        if depth == 0 {
            return self.source();
        }
        for _ in 0..20 {
            let production = self.production();
            if let Some(made) = production(self, depth - 1) {
                return self.trimmed(made);
            }
        }
        self.source()
    }

    fn production(&mut self) -> fn(&mut Grammar<'_>, u32) -> Option<Node> {
        let focused = !self.focus.is_empty() && self.random.random_bool(0.5);
        let candidates: Vec<&Production> =
            PRODUCTIONS.iter().filter(|(name, _, _)| !focused || self.focus.contains(name)).collect();
        let sum: u32 = candidates.iter().map(|(_, weight, _)| weight).sum();
        let mut left = self.random.random_range(0..sum.max(1));
        for (_, weight, production) in &candidates {
            if left < *weight {
                return *production;
            }
            left -= weight;
        }
        row::filter
    }

    /// At most eight columns, so that totals orders stay readable.
    fn trimmed(&mut self, made: Node) -> Node {
        if made.columns.len() <= 8 {
            return made;
        }
        let mut items = Items::of("r", &made.columns);
        while items.len() > 7 {
            items.drop_one(self.random);
        }
        let columns = items.columns();
        Node {
            operator: "trimmed",
            table: None,
            pieces: vec![t(format!("select {} from ", items.sql())), Piece::From(made), t(" as r")],
            columns,
            unique: Vec::new(),
        }
    }

    /// A table or a model.
    pub fn source(&mut self) -> Node {
        pick(self.random, &self.sources).clone()
    }

    /// A table or a model with a moment, for things that happen.
    pub fn happening(&mut self) -> Node {
        let all: Vec<Node> = self.sources.iter().filter(|source| has(source, Kind::Moment)).cloned().collect();
        pick(self.random, &all).clone()
    }

    /// Something small to join with: a dimension, another fact, or a relation of its own.
    pub fn partner(&mut self, depth: u32) -> Node {
        match self.random.random_range(0..10) {
            0..=5 => self.source(),
            6 | 7 => group::group(self, 0).unwrap_or_else(|| self.source()),
            8 => group::dedup(self, 0).unwrap_or_else(|| self.source()),
            _ => self.relation(depth.min(1)),
        }
    }

    pub fn name(&mut self) -> String {
        self.fresh += 1;
        format!("x{}", self.fresh)
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    pub fn one_of(&mut self, items: &[&'static str]) -> &'static str {
        items[self.random.random_range(0..items.len())]
    }

    /// A column of this kind.
    pub fn column(&mut self, node: &Node, kind: Kind) -> Option<String> {
        let all: Vec<&Column> = node.columns.iter().filter(|column| column.kind == kind).collect();
        if all.is_empty() { None } else { Some(quote(&pick(self.random, &all).name)) }
    }

    /// Two columns of one kind that keys are made of, one of each relation.
    pub fn keys(&mut self, one: &Node, other: &Node) -> Option<(String, String)> {
        let kinds = if self.chance(0.75) { [Kind::Id, Kind::Text] } else { [Kind::Text, Kind::Id] };
        kinds.into_iter().find_map(|kind| Some((self.column(one, kind)?, self.column(other, kind)?)))
    }

    /// A condition on rows of the relation called `alias`.
    pub fn condition(&mut self, alias: &str, node: &Node) -> String {
        for _ in 0..10 {
            let made = match self.random.random_range(0..11) {
                0 | 1 => {
                    self.column(node, Kind::Number).map(|c| format!("{alias}.{c} > {}", self.random.random_range(0..5)))
                }
                2 => self.column(node, Kind::Text).map(|c| format!("({alias}.{c} = 'a' or {alias}.{c} is null)")),
                3 => self.column(node, Kind::Id).map(|c| format!("{alias}.{c} in (1, 2, 3, 7)")),
                4 => self.column(node, Kind::Moment).map(|c| format!("{alias}.{c} is not null")),
                5 => self.column(node, Kind::Moment).map(|c| format!("{alias}.{c} >= timestamp '2024-02-28 06:00:00'")),
                6 => self.column(node, Kind::Flag).map(|c| format!("{alias}.{c}")),
                7 => self.column(node, Kind::Id).map(|c| format!("md5(cast({alias}.{c} as varchar)) < 'a'")),
                8 => self.column(node, Kind::Number).map(|c| format!("not ({alias}.{c} = 4)")),
                9 => self.column(node, Kind::Text).map(|c| format!("coalesce({alias}.{c}, 'z') <> 'b'")),
                _ => self.column(node, Kind::Moment).map(|c| format!("cast({alias}.{c} as date) <= current_date")),
            };
            if let Some(condition) = made {
                return condition;
            }
        }
        "1 = 1".to_owned()
    }
}

/// Whether a relation has a column of this kind.
pub fn has(node: &Node, kind: Kind) -> bool {
    node.columns.iter().any(|column| column.kind == kind)
}
