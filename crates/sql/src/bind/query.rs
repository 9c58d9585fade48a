//! Queries: common table expressions, values, limits. Set operations are in `set.rs`.

use std::collections::BTreeSet;
use std::rc::Rc;

use sqlparser::ast::{
    Distinct, Expr, LimitClause, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier, Spanned, Value, Values,
};

use super::scope::Scope;
use super::{Binder, Environment};
use crate::Finding;
use crate::excerpt::{Excerpt, typed};
use crate::tree::{Id, Node, Order, WindowFunction, column, column_name};

/// Bytes of stack with which a query can be bound, those within it aside.
const STACK_LEFT: usize = 256 << 10;

/// Bytes of stack to go on with.
const STACK_MORE: usize = 4 << 20;

/// So many texts of queries are kept.
const MOST_EXCERPTS: usize = 400;

/// Longer unions than this are not kept: to copy one takes a lot of stack.
const MOST_BRANCHES: usize = 30;

/// The number of set operations on the longest way down.
fn branches(mut body: &SetExpr) -> usize {
    let mut found = 0;
    while let SetExpr::SetOperation { left, right, .. } = body {
        found += 1;
        body = if matches!(**left, SetExpr::SetOperation { .. }) { left } else { right };
    }
    found
}

/// A bound query: its rows and its columns in order.
pub(super) struct Bound {
    pub node: Node,
    pub output: Vec<Id>,
    pub names: Vec<String>,
    /// For a plain `select`: its tables with the filters that name no outer column, before anything is grouped or computed.
    pub source: Option<Node>,
    /// For a plain `select`: equalities of its filter between an inner expression and an outer one.
    pub correlations: Vec<(Expr, Expr)>,
    /// What its `order by` goes by; none when that takes more than we know to tell.
    pub order: Option<Vec<Expr>>,
    /// For a plain `select`: every condition of its filter that names an outer column.
    pub conditions: Vec<Expr>,
    /// Subqueries within that ask for rows of a query around this one.
    pub deferred: Vec<Deferred>,
}

/// A subquery's rows and what ties them to those of a query further out: an inner expression and an outer one.
pub(super) struct Deferred {
    pub on: Node,
    pub equalities: Vec<(Expr, Expr)>,
}

impl Bound {
    /// No rows, no columns, no ties to anything.
    pub fn empty() -> Self {
        Self {
            node: Node::Constant { sql: None, ids: Vec::new(), clocks: Vec::new() },
            output: Vec::new(),
            names: Vec::new(),
            source: None,
            correlations: Vec::new(),
            order: None,
            conditions: Vec::new(),
            deferred: Vec::new(),
        }
    }
}

impl Binder<'_> {
    pub(super) fn query(
        &mut self,
        query: &Query,
        outer_environment: Option<Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Bound, Finding> {
        // Common table expressions that read each other go deeper than a thread's stack need be.
        stacker::maybe_grow(STACK_LEFT, STACK_MORE, || self.query_within(query, outer_environment, outer))
    }

    fn query_within(
        &mut self,
        query: &Query,
        outer_environment: Option<Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Bound, Finding> {
        if !crate::text::only_reads(query) || !query.pipe_operators.is_empty() || query.fetch.is_some() {
            return Err(self.unbound("this form of query has no rule", query));
        }
        let (hits, clocks) = (self.outer_hits.len(), self.findings.clocks.len());
        let around = outer_environment.clone();
        let mut environment = outer_environment;
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
            environment = Some(Rc::new(Environment { cte: Rc::new(cte.clone()), recursive, outer: environment }));
        }
        let bound = self.set_expression(&query.body, environment.as_ref(), outer, query)?;
        let mut bound = self.limited(query, bound)?;
        if let Some(view) = self.text.view(query.span()).map(<[String]>::to_vec) {
            let columns: Vec<(Id, String)> = bound.output.iter().copied().zip(bound.names.iter().cloned()).collect();
            self.declare(&view, &columns);
        }
        if !self.looks_out(hits, outer.len()) && self.recursions.is_empty() {
            self.excerpt(query, around, &mut bound, clocks);
        }
        Ok(bound)
    }

    /// Keeps the query's text, to be run alone where a rule needs its rows. `clocks` mentions of the clock came before it.
    fn excerpt(&mut self, query: &Query, around: Option<Rc<Environment>>, bound: &mut Bound, clocks: usize) {
        if self.excerpts.len() >= MOST_EXCERPTS || branches(&query.body) > MOST_BRANCHES {
            return;
        }
        let around = std::iter::successors(around, |environment| environment.outer.clone());
        let around = around.map(|environment| (Rc::clone(&environment.cte), environment.recursive)).collect();
        self.excerpts.push(Excerpt { ids: bound.output.clone(), query: Rc::new(query.clone()), around });
        if !matches!(bound.node, Node::Constant { .. }) {
            self.constant(bound, clocks);
        }
    }

    /// What reads no table at all is no more than its text. `clocks` mentions of the clock came before it.
    pub(super) fn constant(&mut self, bound: &mut Bound, clocks: usize) {
        let excerpt = self.excerpts.last().filter(|excerpt| excerpt.ids == bound.output);
        let Some(excerpt) = excerpt.filter(|_| bound.node.scans().is_empty()) else { return };
        let Some((sql, types)) = excerpt.described(self.catalog) else { return };
        typed(&mut self.columns, &bound.output, types);
        let clocks = self.findings.clocks[clocks..].iter().map(|(span, _)| *span).collect();
        bound.node = Node::Constant { sql: Some(sql), ids: bound.output.clone(), clocks };
        bound.source = None;
    }

    /// A limit keeps rows by comparing all of them: no slice of its result can be told from a slice of its input.
    fn limited(&mut self, query: &Query, bound: Bound) -> Result<Bound, Finding> {
        let Some(limit) = &query.limit_clause else { return Ok(bound) };
        if let LimitClause::LimitOffset { limit: None | Some(Expr::Value(_)), offset: None, limit_by } = limit
            && limit_by.is_empty()
            && is_null_limit(limit)
        {
            return Ok(bound);
        }
        if reads_a_query(limit) || query.order_by.as_ref().is_some_and(reads_a_query) {
            return Err(self.unbound("a subquery in a limit or its order has no rule", query));
        }
        let zero = matches!(limit, LimitClause::LimitOffset { limit: Some(Expr::Value(value)), offset: None, .. }
            if matches!(&value.value, Value::Number(digits, _) if digits == "0"));
        if query.order_by.is_none() && !zero {
            let finding = self.finding(
                "limit-without-order",
                "a limit without an order keeps any rows it likes, so no two rebuilds need agree",
                "add an order by that leaves no ties, or drop the limit",
                query,
            );
            self.findings.refusals.push(finding);
        }
        let finding = self.finding(
            "limit",
            "a limit compares all rows with each other: one changed row can move any other in or out",
            "take the first rows per partition instead: qualify row_number() over (partition by ... order by ...) <= n",
            query,
        );
        let place = finding.place.clone();
        if let (true, Some(by)) = (!zero && query.order_by.is_some(), self.order_of(query, &bound)) {
            let order = Some(Order { name: "limit".to_owned(), by, values: None });
            let first = WindowFunction {
                id: 0,
                partition: Vec::new(),
                uses: BTreeSet::new(),
                order,
                along: None,
                side: None,
                carried: None,
                numbers: false,
                place,
            };
            self.limits.push((bound.node.clone(), first, bound.output.iter().copied().collect()));
        }
        let Bound { node, output, names, source, correlations, conditions, deferred, .. } = bound;
        // A row-by-row lookup of the first match still depends on nothing but the rows with its key.
        let opaque = self.opaque(vec![node], output, names, finding);
        Ok(Bound { source, correlations, conditions, deferred, ..opaque })
    }

    /// What a query is ordered by: a plain select knows; a set operation is ordered by its columns.
    fn order_of(&self, query: &Query, bound: &Bound) -> Option<Vec<Expr>> {
        if bound.order.is_some() {
            return bound.order.clone();
        }
        let OrderByKind::Expressions(items) = &query.order_by.as_ref()?.kind else { return None };
        let dialect = self.dialect();
        let named = |expression: &Expr| match expression {
            Expr::Identifier(name) => bound.names.iter().position(|other| dialect.same_name(other, &name.value)),
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => digits.parse::<usize>().ok().and_then(|at| at.checked_sub(1)),
                _ => None,
            },
            _ => None,
        };
        items.iter().map(|item| bound.output.get(named(&item.expr)?).map(|id| column(*id))).collect()
    }

    /// A node without a rule, with fresh columns in place of the ones it had.
    pub(super) fn opaque(&mut self, inputs: Vec<Node>, output: Vec<Id>, names: Vec<String>, finding: Finding) -> Bound {
        let ids: Vec<Id> = output
            .iter()
            .zip(&names)
            .map(|(id, name)| {
                let facts = self.columns[*id].clone();
                let fresh = self.new_column(name.clone(), facts.data_type);
                self.columns[fresh].source = facts.source;
                fresh
            })
            .collect();
        Bound { node: Node::Opaque { inputs, ids: ids.clone(), finding }, output: ids, names, ..Bound::empty() }
    }

    pub(super) fn set_expression(
        &mut self,
        body: &SetExpr,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
        query: &Query,
    ) -> Result<Bound, Finding> {
        match body {
            SetExpr::Select(select) => {
                // An order decides which rows there are only together with a limit or with `distinct on`.
                let decides = query.limit_clause.is_some() || matches!(select.distinct, Some(Distinct::On(_)));
                self.select(select, query.order_by.as_ref().filter(|_| decides), environment, outer)
            }
            SetExpr::Query(inner) => self.query(inner, environment.cloned(), outer),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let left = self.set_expression(left, environment, outer, query)?;
                let right = self.set_expression(right, environment, outer, query)?;
                self.set_operation(left, right, *op, *set_quantifier, query)
            }
            SetExpr::Values(values) => {
                if values.rows.iter().any(|row| row.content.iter().any(|value| !is_constant(value))) {
                    return self.values_of_row(values, environment, outer, query);
                }
                let width = values.rows.first().map_or(0, |row| row.content.len());
                let names: Vec<String> =
                    (0..width).map(|index| self.dialect().reading().values_column(index)).collect();
                let column = |at: usize| values.rows.iter().filter_map(move |row| row.content.get(at));
                let reading = self.dialect().reading();
                let types: Vec<Option<String>> =
                    (0..width).map(|at| reading.type_of_values(&column(at).collect::<Vec<_>>())).collect();
                let ids: Vec<Id> =
                    names.iter().zip(types).map(|(name, found)| self.new_column(name.clone(), found)).collect();
                let list = ids.iter().map(|id| column_name(*id)).collect::<Vec<_>>().join(", ");
                let sql = format!("select * from ({values}) as hw_values({list})");
                if ids.iter().any(|id| self.columns[*id].data_type.is_none()) {
                    self.describe(&ids, &sql);
                }
                let node = Node::Constant { sql: Some(sql), ids: ids.clone(), clocks: Vec::new() };
                Ok(Bound { node, output: ids, names, ..Bound::empty() })
            }
            _ => Err(self.unbound("this form of query has no rule", query)),
        }
    }

    /// `values` that name the columns of the row they are made for: a select for every one of them.
    fn values_of_row(
        &mut self,
        values: &Values,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
        query: &Query,
    ) -> Result<Bound, Finding> {
        let empty = Scope::empty(self.dialect());
        let mut all: Option<Bound> = None;
        for row in &values.rows {
            let mut items = Vec::new();
            for (index, value) in row.content.iter().enumerate() {
                let Some(value) = self.row_expression(value, &empty, environment, outer)? else {
                    return Err(self.unbound("values that are computed from other rows have no rule", query));
                };
                items.push((self.computed_column(self.dialect().reading().values_column(index), &value), value));
            }
            let output: Vec<Id> = items.iter().map(|(id, _)| *id).collect();
            let names = output.iter().map(|id| self.columns[*id].name.clone()).collect();
            let nothing = Node::Constant { sql: Some("select 1".to_owned()), ids: Vec::new(), clocks: Vec::new() };
            let node = Node::Project { input: Box::new(nothing), items };
            let bound = Bound { node, output, names, ..Bound::empty() };
            all = Some(match all {
                None => bound,
                Some(before) => self.set_operation(before, bound, SetOperator::Union, SetQuantifier::All, query)?,
            });
        }
        all.ok_or_else(|| self.unbound("values without rows have no rule", query))
    }
}

/// Whether an expression reads no row of anything.
fn is_constant(expression: &Expr) -> bool {
    let mut names = false;
    let _ = sqlparser::ast::visit_expressions(expression, |part: &Expr| {
        names |= matches!(part, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        std::ops::ControlFlow::<()>::Continue(())
    });
    !names && !reads_a_query(expression)
}

/// Whether a clause holds a query of its own.
pub(super) fn reads_a_query(clause: &impl sqlparser::ast::Visit) -> bool {
    struct Queries;
    impl sqlparser::ast::Visitor for Queries {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Break(())
        }
    }
    clause.visit(&mut Queries).is_break()
}

/// `limit all` and no limit at all.
fn is_null_limit(limit: &LimitClause) -> bool {
    matches!(limit, LimitClause::LimitOffset { limit: None, offset: None, .. })
}
