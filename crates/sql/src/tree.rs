//! The bound query: a small algebra in which every column has a number of its own.
//!
//! A number is given where a column comes to be (a scan, a projection, a group key) and passes unchanged through filters, joins,
//! windows and distinct. An expression over a node therefore needs no aliases, and following a column down is substitution.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Ident, visit_expressions, visit_expressions_mut};
use sqlparser::tokenizer::Span;

use crate::excerpt::Excerpt;

use crate::dialect::Dialect;
use crate::{Finding, Place};

/// The columns of a query, by number, and whose SQL it is.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub dialect: Dialect,
    facts: Vec<ColumnFacts>,
}

impl Columns {
    /// No columns yet.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, facts: Vec::new() }
    }

    /// Gives a column a number.
    pub fn add(&mut self, facts: ColumnFacts) -> Id {
        self.facts.push(facts);
        self.facts.len() - 1
    }
}

impl std::ops::Deref for Columns {
    type Target = [ColumnFacts];

    fn deref(&self) -> &Self::Target {
        &self.facts
    }
}

impl std::ops::DerefMut for Columns {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.facts
    }
}

/// A column's number.
pub(crate) type Id = usize;

/// What is known of a column.
#[derive(Debug, Clone)]
pub(crate) struct ColumnFacts {
    pub name: String,
    /// In capitals, as the engine writes it; none when it takes more than we know to tell.
    pub data_type: Option<String>,
    /// What it is computed from, as long as its type has not been found out.
    pub source: Option<Expr>,
}

/// One mention of a physical table.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub table: Vec<String>,
    pub alias: String,
    /// One per column of the table, in order.
    pub ids: Vec<Id>,
    /// Where the name stands in the expanded text.
    pub site: (usize, usize),
    /// Whether the user wrote an alias.
    pub aliased: bool,
    pub through: Vec<String>,
    pub place: Option<Place>,
    /// For rows that no table has a part in and that come and go with time.
    pub passing: Option<Passing>,
}

/// Rows that the clock makes: a series of days until today.
#[derive(Debug, Clone)]
pub(crate) struct Passing {
    /// A query whose columns are named like the ids.
    pub sql: String,
    /// Mentions of the clock within, one by one.
    pub clocks: Vec<Span>,
}

/// How a join treats rows without a partner. Right joins are bound as left joins with the sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    /// Rows of either side stay without a partner.
    Full,
}

/// What ties rows to those of another relation that decide something about them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tie {
    /// An expression over the rows and one over the other relation that must be equal.
    pub equalities: Vec<(Expr, Expr)>,
    /// Conditions on both, as written; a pair for which one does not hold has nothing to do with each other.
    pub others: Vec<Expr>,
    /// `x in (select ...)` where it makes a difference whether that is false or unknown: a NULL on either side matters, too.
    pub unknown: bool,
    /// Of the rows that fit, only the nearest counts.
    pub nearest: Option<Box<Nearest>>,
}

/// How an `asof` join orders the rows that fit.
#[derive(Debug, Clone)]
pub(crate) struct Nearest {
    /// What is compared, on the rows' own side.
    pub own: Expr,
    /// What is compared, on the other relation's side.
    pub theirs: Expr,
    /// The condition on both, as written.
    pub condition: Expr,
    /// `Gt` when the greatest is nearest, `Lt` when the least is.
    pub nearer: BinaryOperator,
    /// The other relation's columns, each with the one it becomes.
    pub found: Vec<(Id, Id)>,
    pub place: Option<Place>,
}

/// A relation, from its inputs.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// The rows of a table: index into [`Tree::scans`].
    Scan(usize),
    /// Rows that no table has a part in: `values`, a select without `from`, a series of numbers.
    Constant {
        /// A query whose columns are named like the ids.
        sql: Option<String>,
        ids: Vec<Id>,
        /// Mentions of the clock within, one by one.
        clocks: Vec<Span>,
    },
    /// Rows for which every conjunct holds.
    Filter { input: Box<Node>, conjuncts: Vec<Expr> },
    /// New columns from old ones, row by row.
    Project { input: Box<Node>, items: Vec<(Id, Expr)> },
    /// Pairs for which all equalities and all other conjuncts hold.
    Join {
        kind: JoinKind,
        left: Box<Node>,
        right: Box<Node>,
        equalities: Vec<(Expr, Expr)>,
        others: Vec<Expr>,
        complete: bool,
    },
    /// The input's rows, with values (`ids`) or a verdict that depend on the rows of `on` that are tied to them.
    Depend { input: Box<Node>, on: Box<Node>, tie: Tie, ids: Vec<Id> },
    /// Every input row with rows made from itself alone (`unnest`).
    Expand { input: Box<Node>, ids: Vec<Id>, series: Option<Series> },
    /// Rows of `seed`, and again and again those that `step` makes of the ones before. Of both, column `n` is column `n` of the result.
    Recursive { seed: Box<Node>, step: Box<Node>, columns: Vec<Recursion>, finding: Finding },
    /// One row per combination of keys.
    Group { input: Box<Node>, keys: Vec<(Id, Expr)>, aggregates: Vec<(Id, Expr)> },
    /// One row per combination of all columns.
    Distinct { input: Box<Node> },
    /// The input's rows with values computed within partitions.
    Window { input: Box<Node>, functions: Vec<WindowFunction> },
    /// Rows of the branches; column `n` of the result is column `n` of each.
    Set { branches: Vec<(Node, Vec<Id>)>, ids: Vec<Id>, kind: SetKind },
    /// Something without a rule: any change may change anything.
    Opaque { inputs: Vec<Node>, ids: Vec<Id>, finding: Finding },
}

/// How rows are made from one.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// The columns it reads.
    pub given: BTreeSet<Id>,
    /// What stands behind the row in a `from`: `unnest(...) as name(column)`.
    pub call: String,
    /// Whether a row that nothing is made of stays, with NULL.
    pub outer: bool,
}

/// A column of a recursive query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recursion {
    pub id: Id,
    /// The seed's column.
    pub seed: Id,
    /// The step's column.
    pub step: Id,
    /// Whether the step hands it on from the row before as it is.
    pub kept: bool,
}

/// What a set operation keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetKind {
    UnionAll,
    Union,
    Except,
    Intersect,
}

/// One window function.
#[derive(Debug, Clone)]
pub(crate) struct WindowFunction {
    pub id: Id,
    pub partition: Vec<Expr>,
    /// Everything it reads, partition included.
    pub uses: BTreeSet<Id>,
    /// For a function whose value depends on which of two tied rows comes first.
    pub order: Option<Order>,
    /// For a function that looks no further than fixed distances of time.
    pub along: Option<Along>,
    /// For a function that looks to one side only.
    pub side: Option<Side>,
    /// For a function whose value is one row's own, of some row of the partition.
    pub carried: Option<Expr>,
    /// Whether it numbers the rows of the partition from one.
    pub numbers: bool,
    pub place: Option<Place>,
}

/// To which side of its row a window function looks, along the expression that its order begins with. Rows of equal value lie on both sides.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub by: Expr,
    /// At rows whose value is not greater; else at those whose value is not less.
    pub back: bool,
}

/// How far a window function looks, and along what.
#[derive(Debug, Clone)]
pub(crate) struct Along {
    pub by: Expr,
    pub back: Stretch,
    pub ahead: Stretch,
}

/// A length of time: months, and seconds on top of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stretch {
    pub months: u32,
    pub seconds: u64,
}

/// What a function goes by when it has to tell rows apart.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The function's name.
    pub name: String,
    /// The expressions that tell rows apart.
    pub by: Vec<Expr>,
    /// What rows that tie must agree in, for their order not to matter; none: in all columns that are kept of them.
    pub values: Option<Vec<Expr>>,
}

/// An aggregate whose value is that of one row, or of all in some order.
#[derive(Debug, Clone)]
pub(crate) struct Pick {
    /// The aggregate's column.
    pub id: Id,
    pub order: Order,
    pub place: Option<Place>,
}

/// Columns of a relation that were declared to tell its rows apart.
#[derive(Debug, Clone)]
pub(crate) struct Unique {
    pub table: String,
    pub key: BTreeSet<Id>,
    /// All columns of the relation.
    pub ids: BTreeSet<Id>,
}

/// A bound query.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub columns: Columns,
    pub scans: Vec<Scan>,
    pub root: Node,
    pub output: Vec<Id>,
    /// Their names, as far as they can be told.
    pub names: Vec<String>,
    /// Columns named where something is decided that the nodes need not keep (conditions, subqueries, orders), and how often.
    pub decisive: BTreeMap<Id, usize>,
    /// Columns of set operations whose values may have been another type in a branch: `1` there, `1.0` or `'1'` here.
    pub coerced: BTreeSet<Id>,
    /// Those of them of which nothing can be said below.
    pub barred: BTreeSet<Id>,
    /// Queries within the query that can be run alone, by their columns.
    pub excerpts: Vec<Excerpt>,
    /// Tables whose columns are named with schema and table, in lower case: their names must stay as they are.
    pub qualified: BTreeSet<String>,
    /// What was declared to tell rows apart.
    pub unique: Vec<Unique>,
    /// Columns that were declared never to be NULL, as far as somebody asks.
    pub present: BTreeSet<Id>,
    /// Aggregates that take one row's value.
    pub picks: Vec<Pick>,
    /// Limits, each as a window over the rows it chooses among, and the columns that it keeps.
    pub limits: Vec<Limited>,
}

/// See [`Tree::limits`].
pub(crate) type Limited = (Node, WindowFunction, BTreeSet<Id>);

const PREFIX: &str = "hw_c";

/// The name of a column in generated SQL.
pub(crate) fn column_name(id: Id) -> String {
    format!("{PREFIX}{id}")
}

/// A column as an expression.
pub(crate) fn column(id: Id) -> Expr {
    Expr::Identifier(Ident::new(column_name(id)))
}

fn number(name: &str) -> Option<Id> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// Whether a name of the user's could be taken for one of ours.
pub(crate) fn is_reserved(name: &str) -> bool {
    number(&name.to_ascii_lowercase()).is_some()
}

/// The column an expression is, when it is nothing else.
pub(crate) fn as_column(expression: &Expr) -> Option<Id> {
    match expression {
        Expr::Identifier(name) => number(&name.value),
        Expr::Nested(inner) => as_column(inner),
        _ => None,
    }
}

/// The columns an expression reads.
pub(crate) fn columns_of(expression: &Expr) -> BTreeSet<Id> {
    let mut found = BTreeSet::new();
    let _ = visit_expressions(expression, |part: &Expr| {
        match part {
            Expr::Identifier(name) => found.extend(number(&name.value)),
            Expr::CompoundIdentifier(names) => found.extend(names.first().and_then(|name| number(&name.value))),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

/// How often an expression names a column.
pub(crate) fn mentions(expression: &Expr, id: Id) -> usize {
    let mut found = 0;
    let _ = visit_expressions(expression, |part: &Expr| {
        let name = match part {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => names.first(),
            _ => None,
        };
        found += usize::from(name.and_then(|name| number(&name.value)) == Some(id));
        ControlFlow::<()>::Continue(())
    });
    found
}

/// More parts than this, and an expression is not carried further down: one that names a column twice doubles at every projection.
const MOST_PARTS: usize = 1_000;

/// Whether an expression has grown too large to be carried further.
pub(crate) fn is_large(expression: &Expr) -> bool {
    let mut parts = 0;
    visit_expressions(expression, |_: &Expr| {
        parts += 1;
        if parts > MOST_PARTS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_break()
}

/// The columns a list of expressions reads.
pub(crate) fn columns_of_all<'a>(expressions: impl IntoIterator<Item = &'a Expr>) -> BTreeSet<Id> {
    expressions.into_iter().flat_map(columns_of).collect()
}

/// The expression with columns replaced where `replacement` has something for them.
pub(crate) fn substitute(expression: &Expr, replacement: &dyn Fn(Id) -> Option<Expr>) -> Expr {
    let mut result = expression.clone();
    let _ = visit_expressions_mut(&mut result, |part: &mut Expr| {
        if let Expr::Identifier(name) = part
            && let Some(new) = number(&name.value).and_then(replacement)
        {
            *part = match new {
                simple @ (Expr::Identifier(_)
                | Expr::Value(_)
                | Expr::Function(_)
                | Expr::Nested(_)
                | Expr::Cast { .. }) => simple,
                other => Expr::Nested(Box::new(other)),
            };
        } else if let Expr::CompoundIdentifier(names) = part
            && let Some(new) = names.first().and_then(|name| number(&name.value)).and_then(replacement)
        {
            let access_chain = names[1..].iter().map(field_of).collect();
            *part = Expr::CompoundFieldAccess { root: Box::new(Expr::Nested(Box::new(new))), access_chain };
        }
        ControlFlow::<()>::Continue(())
    });
    result
}

/// A field of a struct, written so that nothing takes it for a column: `['field']`.
pub(crate) fn field_of(field: &Ident) -> sqlparser::ast::AccessExpr {
    use sqlparser::ast::{AccessExpr, Subscript, Value};
    AccessExpr::Subscript(Subscript::Index { index: Expr::value(Value::SingleQuotedString(field.value.clone())) })
}
