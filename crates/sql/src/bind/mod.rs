//! Binding: from the parser's tree to ours. Names are resolved, stars expanded, common table expressions followed.
//!
//! | file | what |
//! | --- | --- |
//! | `scope.rs` | which columns a name can mean |
//! | `query.rs` | queries, common table expressions, limits |
//! | `set.rs` | union, except, intersect |
//! | `select.rs` | one `select` block, from its tables to its columns |
//! | `filter.rs` | the `where` clause |
//! | `star.rs` | the select list, its stars expanded |
//! | `distinct.rs` | `distinct`, `distinct on`, and what an `order by` goes by |
//! | `from.rs` | tables, subqueries |
//! | `series.rs` | functions in `from`, and subqueries over one row alone |
//! | `pivot.rs` | `pivot` and `unpivot` |
//! | `grouping.rs` | grouping sets |
//! | `join.rs` | joins |
//! | `expression.rs` | aggregates, windows and names within expressions |
//! | `subquery.rs` | subqueries within expressions |
//! | `operator.rs` | operators that parsers bind differently |
//! | `window.rs` | windows by name |
//! | `name.rs` | what a path of names leads to |
//! | `function.rs` | what calling a function means |
//! | `frame.rs` | how far a window looks along its order |
//! | `order.rs` | functions whose value depends on which of two rows comes first |
//! | `compare.rs` | the types in which values are compared |
//! | `full.rs` | full joins and columns that `using` merges |
//! | `nearest.rs` | `asof` joins |
//! | `recursion.rs` | recursive queries |
//!
//! What has no rule becomes [`Node::Opaque`] or, when not even its names can be resolved, a [`Finding`] for the whole query. Both
//! are right, only wider.

mod compare;
mod distinct;
mod expression;
mod filter;
mod frame;
mod from;
mod full;
mod function;
mod grouping;
mod join;
mod name;
mod nearest;
mod operator;
mod order;
mod pivot;
mod query;
mod recursion;
mod scope;
mod select;
mod series;
mod set;
mod star;
mod subquery;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sqlparser::ast::{Cte, Expr, Query, Spanned};
use sqlparser::tokenizer::Span;

use crate::excerpt::Excerpt;
use crate::text::Expanded;
use crate::tree::{ColumnFacts, Columns, Id, Limited, Pick, Scan, Tree, Unique, columns_of};
use crate::{Catalog, Dialect, Finding, Place};

pub(crate) use frame::carried_by_group;
pub(crate) use from::{unknown_table, unwatched_function};
pub(crate) use function::{call, function_name, kind_of};

/// More mentions of tables than this, and binding gives up: common table expressions that use each other twice grow without end.
const MOST_SCANS: usize = 400;

/// More mentions of common table expressions and of aliases than this, and binding gives up, too: they need not hold any table.
const MOST_BINDINGS: usize = 4_000;

/// The word of the only join for which it matters whether a column may be NULL.
const ASOF: &str = "asof";

/// What binding found besides the tree.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub refusals: Vec<Finding>,
    pub unstable: Vec<Finding>,
    /// Worth knowing, and no reason for anything.
    pub notes: Vec<Finding>,
    /// Every mention of a function that reads the clock or the session: its name's span, and the place of what was said of it.
    pub clocks: Vec<(Span, Option<Place>)>,
}

/// Binds an expanded query.
pub(crate) fn bind(query: &Query, text: &Expanded, catalog: &dyn Catalog) -> (Result<Tree, Finding>, Findings) {
    let mut binder = Binder {
        catalog,
        text,
        columns: Columns::new(catalog.dialect()),
        scans: Vec::new(),
        excerpts: Vec::new(),
        recursions: Vec::new(),
        findings: Findings::default(),
        outer_hits: Vec::new(),
        bindings: 0,
        coerced: BTreeSet::new(),
        barred: BTreeSet::new(),
        mixed: BTreeSet::new(),
        qualified: BTreeSet::new(),
        decisive: BTreeMap::new(),
        deciding: false,
        unique: Vec::new(),
        present: BTreeSet::new(),
        never_null_matters: text.sql.to_ascii_lowercase().contains(ASOF),
        picks: Vec::new(),
        limits: Vec::new(),
    };
    let marks = ["\u{1}", "{changed}", "{kept_"].into_iter().find(|mark| text.sql.contains(mark));
    let bound = match reserved(query).or_else(|| marks.map(|mark| mark.escape_debug().to_string())) {
        Some(name) => Err(binder.unbound(format!("`{name}` is a name that generated SQL uses"), query)),
        None => binder.query(query, None, &[]),
    };
    let computed = 0..binder.columns.len();
    binder.learn(&computed.collect());
    let Binder {
        columns,
        scans,
        excerpts,
        findings,
        decisive,
        coerced,
        barred,
        qualified,
        unique,
        present,
        picks,
        limits,
        ..
    } = binder;
    (
        bound.map(|bound| Tree {
            columns,
            scans,
            excerpts,
            root: bound.node,
            output: bound.output,
            names: bound.names,
            decisive,
            coerced,
            barred,
            qualified,
            unique,
            present,
            picks,
            limits,
        }),
        findings,
    )
}

/// A name of the user's that could be taken for one of ours.
fn reserved(query: &Query) -> Option<String> {
    let mut found = None;
    let _ = sqlparser::ast::visit_expressions(query, |expression: &Expr| {
        let first = match expression {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => names.first(),
            _ => None,
        };
        found = found
            .take()
            .or_else(|| first.filter(|name| crate::tree::is_reserved(&name.value)).map(|name| name.value.clone()));
        std::ops::ControlFlow::<()>::Continue(())
    });
    found
}

/// The common table expressions in sight, innermost first.
struct Environment {
    cte: Rc<Cte>,
    /// Whether it may refer to itself.
    recursive: bool,
    outer: Option<Rc<Environment>>,
}

struct Binder<'a> {
    catalog: &'a dyn Catalog,
    text: &'a Expanded,
    columns: Columns,
    scans: Vec<Scan>,
    excerpts: Vec<Excerpt>,
    /// The recursive queries being bound, innermost last.
    recursions: Vec<recursion::Within>,
    findings: Findings,
    /// Where names were found that were not found in their own query: what makes a subquery correlated. Scopes are counted from the outermost
    /// one, which is 1: see [`Binder::looks_out`].
    outer_hits: Vec<usize>,
    /// How often a common table expression or an alias was bound.
    bindings: usize,
    /// Columns of set operations whose branches may have other types.
    coerced: BTreeSet<Id>,
    /// Those of them whose branches had branches of other types themselves.
    barred: BTreeSet<Id>,
    /// Columns of set operations whose branches are known to have other types.
    mixed: BTreeSet<Id>,
    /// Tables that are named with their schema, in lower case.
    qualified: BTreeSet<String>,
    /// Columns named where something is decided that the nodes need not keep, and how often.
    decisive: BTreeMap<Id, usize>,
    /// Whether names met now are of that kind.
    deciding: bool,
    /// Columns that were declared to tell rows apart.
    unique: Vec<Unique>,
    /// Columns that were declared never to be NULL.
    present: BTreeSet<Id>,
    /// Whether that matters to anything in the query: asking costs a question for every table.
    never_null_matters: bool,
    /// Aggregates that take one row's value.
    picks: Vec<Pick>,
    /// Limits.
    limits: Vec<Limited>,
}

impl Binder<'_> {
    fn new_column(&mut self, name: impl Into<String>, data_type: Option<String>) -> Id {
        self.columns.add(ColumnFacts { name: name.into(), data_type, source: None })
    }

    /// Whether a query that has so many scopes around it has named a column of one of them, since there were so many hits.
    fn looks_out(&self, hits: usize, scopes: usize) -> bool {
        self.outer_hits[hits..].iter().any(|scope| *scope <= scopes)
    }

    fn dialect(&self) -> Dialect {
        self.columns.dialect
    }

    /// Takes down what was declared of a table, or of a view that stands here with its text.
    fn declare(&mut self, parts: &[String], columns: &[(Id, String)]) {
        let dialect = self.dialect();
        let find = |name: &String| columns.iter().find(|(_, other)| dialect.same_name(other, name)).map(|(id, _)| *id);
        if self.never_null_matters {
            self.present.extend(self.catalog.never_null(parts).iter().filter_map(find));
        }
        for key in self.catalog.unique_keys(parts) {
            if let Some(key) = key.iter().map(find).collect::<Option<BTreeSet<Id>>>().filter(|key| !key.is_empty()) {
                let ids = columns.iter().map(|(id, _)| *id).collect();
                self.unique.push(Unique { table: parts.last().cloned().unwrap_or_default(), key, ids });
            }
        }
    }

    /// A column that is computed; its type is found out when somebody asks.
    fn computed_column(&mut self, name: impl Into<String>, source: &Expr) -> Id {
        let data_type = crate::dialect::type_of(source, &self.columns);
        let unknown = data_type.is_none();
        let id = self.new_column(name, data_type);
        self.columns[id].source = unknown.then(|| source.clone());
        id
    }

    /// Takes down that an expression's columns decide something.
    fn decide_by(&mut self, expression: &Expr) {
        columns_of(expression).into_iter().for_each(|id| *self.decisive.entry(id).or_default() += 1);
    }

    /// Runs a part of the binding whose names all count as deciding something.
    fn deciding<T>(&mut self, part: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.deciding, true);
        let result = part(self);
        self.deciding = before;
        result
    }

    fn place(&self, span: Span) -> Option<Place> {
        self.text.place(span)
    }

    fn unbound(&self, what: impl std::fmt::Display, at: &impl Spanned) -> Finding {
        Finding {
            rule: "not-analysed",
            message: format!("{what}; any change of an input rebuilds the whole table"),
            help: String::new(),
            place: self.place(at.span()),
        }
    }

    fn finding(&self, rule: &'static str, message: &str, help: &str, at: &impl Spanned) -> Finding {
        Finding { rule, message: message.to_owned(), help: help.to_owned(), place: self.place(at.span()) }
    }
}
