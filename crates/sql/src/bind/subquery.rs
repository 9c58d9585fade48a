//! Subqueries within expressions: bound where they stand, and hung on the rows they are computed for.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, LimitClause, Query, Value};

use super::Binder;
use super::expression::Resolver;
use super::query::Bound;
use crate::Finding;
use crate::tree::{Id, Node, Tie, column, columns_of, columns_of_all};

/// A subquery within an expression.
pub(super) struct Subquery {
    pub bound: Bound,
    /// Columns that stand for its value.
    pub ids: Vec<Id>,
    /// `x in (select ...)` that keeps rows for which it is true: what is looked for.
    pub sought: Vec<Expr>,
    /// `x in (select ...)` anywhere: what is looked for.
    pub wanted: Vec<Expr>,
    /// Whether it stood within an aggregate's arguments.
    pub below_group: bool,
}

impl Subquery {
    /// The columns that it reads and does not have itself, as far as they are known.
    pub fn asked(&self) -> BTreeSet<Id> {
        let Bound { correlations, conditions, deferred, .. } = &self.bound;
        let further = deferred.iter().flat_map(|deferred| &deferred.equalities);
        let outer = correlations.iter().chain(further).map(|(_, outer)| outer);
        columns_of_all(outer.chain(conditions).chain(&self.sought).chain(&self.wanted))
    }
}

impl Binder<'_> {
    /// Hangs a bound subquery on the rows it was computed for.
    pub(super) fn depend(&mut self, input: Node, bound: Bound, ids: Vec<Id>) -> Node {
        let available = input.ids(&self.scans);
        let correlated = !bound.correlations.is_empty() || !bound.conditions.is_empty();
        let near = |(_, outer): &(Expr, Expr)| columns_of(outer).is_subset(&available);
        let turned = |(inner, outer): (Expr, Expr)| (outer, inner);
        let (on, equalities, others) = match bound.source {
            Some(source) if correlated => {
                let both = &available | &source.ids(&self.scans);
                let equalities = bound.correlations.into_iter().filter(near).map(turned).collect();
                let others = bound.conditions.into_iter().filter(|condition| columns_of(condition).is_subset(&both));
                (source, equalities, others.collect())
            }
            _ => (bound.node, Vec::new(), Vec::new()),
        };
        let tie = Tie { equalities, others, ..Tie::default() };
        let mut node = Node::Depend { input: Box::new(input), on: Box::new(on), tie, ids };
        // What a subquery within the subquery asks of these rows.
        for deferred in bound.deferred {
            if deferred.equalities.iter().all(near) {
                let tie = Tie { equalities: deferred.equalities.into_iter().map(turned).collect(), ..Tie::default() };
                node = Node::Depend { input: Box::new(node), on: Box::new(deferred.on), tie, ids: Vec::new() };
            }
        }
        node
    }

    /// Hangs a subquery of an expression on the rows of `input`.
    pub(super) fn hang(&mut self, input: Node, subquery: Subquery) -> Node {
        let Subquery { mut bound, ids, sought, wanted, .. } = subquery;
        let available = input.ids(&self.scans);
        // Where it matters whether it is false or unknown, a NULL on either side is as good as an equal value.
        let single = |list: &[Expr]| list.len() == 1 && bound.output.len() == 1;
        if sought.is_empty() && single(&wanted) && columns_of(&wanted[0]).is_subset(&available) {
            let pair = self.compared(&wanted[0], &column(bound.output[0]));
            if let Some(pair) = pair.filter(|(wanted, _)| !columns_of(wanted).is_empty()) {
                let tie = Tie { equalities: vec![pair], unknown: true, ..Tie::default() };
                return Node::Depend { input: Box::new(input), on: Box::new(bound.node), tie, ids };
            }
        }
        if bound.correlations.is_empty() && !sought.is_empty() && sought.len() == bound.output.len() {
            let named = sought.iter().zip(&bound.output).filter(|(wanted, _)| !columns_of(wanted).is_empty());
            let named: Vec<(&Expr, Id)> = named.map(|(wanted, id)| (wanted, *id)).collect();
            let equalities = named.into_iter().filter_map(|(wanted, id)| self.compared(wanted, &column(id))).collect();
            bound.source = None;
            let Bound { node, .. } = bound;
            let tie = Tie { equalities, ..Tie::default() };
            return Node::Depend { input: Box::new(input), on: Box::new(node), tie, ids };
        }
        self.depend(input, bound, ids)
    }
}

impl Resolver<'_, '_> {
    /// The columns of `x` or of `(x, y)` in `x in (select ...)`.
    pub(super) fn sought(&mut self, expression: &Expr) -> Result<Vec<Expr>, Finding> {
        let wanted = match expression {
            Expr::Tuple(items) => items.clone(),
            Expr::Nested(inner) => return self.sought(&inner.clone()),
            other => vec![other.clone()],
        };
        wanted.iter().map(|item| self.binder.expression_at(item, self.names, self.parts, self.alias_depth)).collect()
    }

    pub(super) fn subquery(
        &mut self,
        subquery: &Query,
        sought: Vec<Expr>,
        wanted: Vec<Expr>,
        verdict: bool,
    ) -> Result<Expr, Finding> {
        let mut scopes = vec![self.names.scope];
        scopes.extend(self.names.outer);
        let hits = self.binder.outer_hits.len();
        let environment = self.names.environment.cloned();
        let mut bound = self.binder.deciding(|binder| binder.query(subquery, environment, &scopes))?;
        let correlated = self.binder.looks_out(hits, scopes.len());
        if correlated && bound.correlations.is_empty() && bound.conditions.is_empty() {
            // It looks at the outer row in a way we cannot follow: whatever it reads may matter to every row.
            bound.source = None;
        }
        // Not written in the subquery itself but in what is looked for: those rows matter only where nothing else ties them.
        let (sought, wanted) = if correlated { (Vec::new(), Vec::new()) } else { (sought, wanted) };
        let id = match bound.output.as_slice() {
            _ if verdict => self.binder.new_column("subquery", Some("BOOLEAN".to_owned())),
            // The value of a subquery has the type of the subquery's column.
            [single] => self.binder.computed_column("subquery", &column(*single)),
            _ => self.binder.new_column("subquery", None),
        };
        let below_group = self.within_aggregate > 0;
        self.parts.subqueries.push(Subquery { bound, ids: vec![id], sought, wanted, below_group });
        Ok(column(id))
    }
}

/// Whether a query has a limit, of one row at least, that passes none over.
pub(super) fn keeps_some(query: &Query) -> bool {
    let Some(LimitClause::LimitOffset { limit: Some(Expr::Value(limit)), offset: None, limit_by }) =
        &query.limit_clause
    else {
        return false;
    };
    matches!(&limit.value, Value::Number(digits, _) if digits.parse::<u64>().is_ok_and(|rows| rows > 0))
        && limit_by.is_empty()
}

/// `left in (right)`.
pub(super) fn among(left: &Expr, right: &Expr, negated: bool) -> Expr {
    let subquery = match right {
        Expr::Subquery(subquery) => subquery.clone(),
        _ => Box::new(empty_query()),
    };
    Expr::InSubquery { expr: Box::new(left.clone()), subquery, negated }
}

pub(super) fn empty_query() -> Query {
    use sqlparser::ast::{SetExpr, Values};
    Query {
        with: None,
        body: Box::new(SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows: Vec::new() })),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}
