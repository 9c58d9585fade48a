//! The `where` clause: conditions on rows, and what ties a query to the queries around it.

use sqlparser::ast::Expr;

use super::Binder;
use super::expression::{Names, Parts, conjuncts};
use super::join::sides_of_equality;
use super::query::Deferred;
use super::subquery::Subquery;
use crate::Finding;
use crate::tree::{JoinKind, Node, as_column, columns_of};

/// What a where clause says of the rows of queries around it.
#[derive(Default)]
pub(super) struct Outside {
    /// Equalities between an inner expression and an outer one.
    pub correlations: Vec<(Expr, Expr)>,
    /// Every condition that names an outer column.
    pub conditions: Vec<Expr>,
    /// Subqueries that ask for rows of a query around this one.
    pub deferred: Vec<Deferred>,
}

impl Binder<'_> {
    /// The where clause: plain conditions become a filter, subqueries hang on the rows below it, and equalities with an outer
    /// query's columns are what ties this query to it.
    pub(super) fn filtered(
        &mut self,
        from: Node,
        selection: Option<&Expr>,
        names: &Names<'_>,
    ) -> Result<(Node, Outside), Finding> {
        let mut node = from;
        let (mut plain, mut outside) = (Vec::new(), Outside::default());
        for conjunct in selection.map(conjuncts).unwrap_or_default() {
            let mut parts = Parts::default();
            // A positive `in` or `exists` standing alone keeps rows by the rows it finds; below `or` or `not`, all of them matter.
            let bound = self.deciding(|binder| binder.expression(conjunct, names, &mut parts))?;
            let alone = as_column(&bound).is_some();
            for mut subquery in parts.subqueries {
                if !alone {
                    subquery.sought.clear();
                }
                if let Some(rest) = self.deferred(&node, subquery, &mut outside.deferred) {
                    node = self.hang(node, rest);
                }
            }
            let available = node.ids(&self.scans);
            if columns_of(&bound).is_subset(&available) {
                plain.push(bound);
                continue;
            }
            if let Some((a, b)) = sides_of_equality(&bound) {
                let inside = |side: &Expr| {
                    let columns = columns_of(side);
                    !columns.is_empty() && columns.is_subset(&available)
                };
                let without = |side: &Expr| {
                    let columns = columns_of(side);
                    !columns.is_empty() && columns.is_disjoint(&available)
                };
                if inside(a) && without(b) {
                    outside.correlations.extend(self.compared(a, b));
                } else if inside(b) && without(a) {
                    outside.correlations.extend(self.compared(b, a));
                }
            }
            outside.conditions.push(bound);
        }
        self.tie(&mut node, &plain);
        if !plain.is_empty() {
            node = Node::Filter { input: Box::new(node), conjuncts: plain };
        }
        Ok((node, outside))
    }

    /// A subquery within a subquery that asks for rows of the query around both: these it is tied to, wherever it stands.
    fn deferred(&self, node: &Node, mut subquery: Subquery, deferred: &mut Vec<Deferred>) -> Option<Subquery> {
        let available = node.ids(&self.scans);
        let near = |(_, outer): &(Expr, Expr)| columns_of(outer).is_subset(&available);
        let nested = std::mem::take(&mut subquery.bound.deferred);
        let (nearby, far): (Vec<Deferred>, Vec<Deferred>) =
            nested.into_iter().partition(|deferred| deferred.equalities.iter().all(near));
        subquery.bound.deferred = nearby;
        deferred.extend(far);
        let (_, far): (Vec<_>, Vec<_>) = subquery.bound.correlations.iter().cloned().partition(near);
        let outer = |(_, outer): &(Expr, Expr)| columns_of(outer).is_disjoint(&available);
        let far: Vec<(Expr, Expr)> = far.into_iter().filter(outer).collect();
        if far.is_empty() || subquery.bound.source.is_none() || !subquery.bound.deferred.is_empty() {
            return Some(subquery);
        }
        deferred.extend(subquery.bound.source.take().map(|on| Deferred { on, equalities: far }));
        None
    }

    /// `from a, b where a.k = b.k`: an equality above inner joins holds as if it had been written in the join.
    fn tie(&mut self, node: &mut Node, conditions: &[Expr]) {
        match node {
            Node::Join { kind: JoinKind::Inner, left, right, equalities, others, .. } => {
                let (more, between, _) = self.split(conditions.to_vec(), left, right);
                equalities.extend(more);
                let meets = |side: &Node, condition: &Expr| !columns_of(condition).is_disjoint(&side.ids(&self.scans));
                others
                    .extend(between.into_iter().filter(|condition| meets(left, condition) && meets(right, condition)));
                self.tie(left, conditions);
                self.tie(right, conditions);
            }
            Node::Join { kind: JoinKind::Left, left, .. } => self.tie(left, conditions),
            Node::Depend { input, .. } | Node::Filter { input, .. } => self.tie(input, conditions),
            _ => {}
        }
    }
}
