//! Joins: which side keeps its rows, and what ties the two together.

use std::rc::Rc;

use sqlparser::ast::{Expr, Join, JoinConstraint, JoinOperator, TableFactor};

use super::expression::{Names, Parts, conjuncts};
use super::from::Relation;
use super::scope::{Found, Scope};
use super::subquery::Subquery;
use super::{Binder, Environment};
use crate::Finding;
use crate::text::parts_of;
use crate::tree::{Id, JoinKind, Node, Tie, as_column, column, columns_of};

/// How a join operator treats its two sides.
enum Sides {
    Inner,
    Left,
    Right,
    Semi,
    Full,
    AsOf,
    Neither,
}

impl Binder<'_> {
    pub(super) fn join(
        &mut self,
        left: Relation,
        join: &Join,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Relation, Finding> {
        let (sides, constraint) = sides_of(&join.join_operator);
        let lateral_ground = matches!(sides, Sides::Inner | Sides::Left)
            && self.mentions_columns(&join.relation)
            && matches!(
                &join.relation,
                TableFactor::UNNEST { .. } | TableFactor::Function { .. } | TableFactor::Table { args: Some(_), .. }
            );
        if lateral_ground {
            let mut relation = self.factor(&join.relation, environment, outer, Some(left))?;
            if let (Node::Expand { series: Some(series), .. }, Sides::Left) = (&mut relation.0, &sides) {
                series.outer = true;
            }
            return self.condition_of_lateral(relation, constraint, join, environment, outer);
        }
        let left_scope = left.1.clone();
        let mut scopes = vec![&left_scope];
        scopes.extend(outer);
        if let TableFactor::Derived { lateral, subquery, alias, sample: None, .. } = &join.relation {
            let sees = *lateral || self.dialect().reading().is_lateral();
            let scopes = if sees { scopes.as_slice() } else { outer };
            let hits = self.outer_hits.len();
            let bound = self.query(subquery, environment.cloned(), scopes)?;
            if self.looks_out(hits, scopes.len()) {
                let relation = self.lateral(Some(left), bound, alias.as_ref(), subquery)?;
                return self.condition_of_lateral(relation, constraint, join, environment, outer);
            }
            let right = self.named(bound, alias.as_ref());
            return self.joined(left, right, &sides, constraint, join, environment, outer);
        }
        let right = self.factor(&join.relation, environment, outer, None)?;
        self.joined(left, right, &sides, constraint, join, environment, outer)
    }

    /// The condition of a lateral join keeps or drops rows by what they hold; nothing else follows from it.
    fn condition_of_lateral(
        &mut self,
        (node, scope): Relation,
        constraint: &JoinConstraint,
        join: &Join,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Relation, Finding> {
        match constraint {
            JoinConstraint::None => {}
            JoinConstraint::On(condition) => {
                if self.row_expression(condition, &scope, environment, outer)?.is_none() {
                    return Err(self.unbound("a subquery in a join condition has no rule", join));
                }
            }
            _ => return Err(self.unbound("this condition of a lateral join has no rule", join)),
        }
        Ok((node, scope))
    }

    #[expect(clippy::too_many_arguments, reason = "two relations, how they meet, and where names come from")]
    fn joined(
        &mut self,
        left: Relation,
        right: Relation,
        sides: &Sides,
        constraint: &JoinConstraint,
        join: &Join,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Relation, Finding> {
        let ((mut left, mut left_scope), (mut right, mut right_scope)) = (left, right);
        let mut conditions: Vec<Expr> = Vec::new();
        let mut pairs: Vec<(Id, Id)> = Vec::new();
        let mut merged: Vec<Id> = Vec::new();
        match constraint {
            JoinConstraint::On(expression) => {
                let both = left_scope.clone().and(right_scope.clone());
                for conjunct in conjuncts(expression) {
                    let names = Names { environment, ..Names::of_row(&both, outer) };
                    let mut parts = Parts::default();
                    conditions.push(self.deciding(|binder| binder.expression(conjunct, &names, &mut parts))?);
                    let alone = conditions.last().is_some_and(|bound| as_column(bound).is_some());
                    if !parts.windows.is_empty() {
                        return Err(self.unbound("a window in a join condition has no rule", join));
                    }
                    for subquery in parts.subqueries {
                        (left, right) = self.hang_on_a_side(left, right, subquery, alone, join)?;
                    }
                }
            }
            JoinConstraint::Using(_) | JoinConstraint::Natural => {
                for name in shared_names(constraint, &left_scope, &right_scope) {
                    let (Found::One(a), Found::One(b)) = (left_scope.by_name(&name), right_scope.by_name(&name)) else {
                        return Err(self.unbound(format!("`{name}` is not one column on either side"), join));
                    };
                    conditions.push(equals(column(a), column(b)));
                    if matches!(sides, Sides::Full) {
                        pairs.push((a, b));
                        continue;
                    }
                    let right = matches!(sides, Sides::Right);
                    merged.push(if right { b } else { a });
                    if right {
                        left_scope.stand_in(a, b, &name);
                    }
                    let hidden = right_scope.columns.iter_mut().filter(|other| other.id == b);
                    hidden.for_each(|other| other.merged = true);
                }
            }
            JoinConstraint::None => {}
        }
        let first = self.dialect().reading().merged_first();
        let scope_of = |left: Scope, right: Scope| {
            let mut scope = left.and(right);
            if first {
                scope.lead(&merged);
            }
            scope
        };
        if let JoinOperator::AsOf { match_condition, .. } = &join.join_operator {
            let both = left_scope.clone().and(right_scope.clone());
            let Some(near) = self.row_expression(match_condition, &both, environment, outer)? else {
                return Err(self.unbound("a subquery in a join condition has no rule", join));
            };
            return self.nearest((left, left_scope), (right, right_scope), conditions, near, join);
        }
        if matches!(sides, Sides::AsOf) {
            let using = matches!(constraint, JoinConstraint::Using(_));
            let near = if using { Self::last_is_near(&mut conditions) } else { None };
            let (conditions, found) = Self::parted(conditions);
            let Some(near) = near.or(found) else {
                return Err(self.unbound("what is near in this asof join cannot be told", join));
            };
            return self.nearest((left, left_scope), (right, right_scope), conditions, near, join);
        }
        let (kind, first, second) = match sides {
            Sides::Inner => (JoinKind::Inner, left, right),
            Sides::Left => (JoinKind::Left, left, right),
            Sides::Right => (JoinKind::Left, right, left),
            Sides::Full => (JoinKind::Full, left, right),
            Sides::Semi => {
                let (equalities, others, _) = self.split(conditions, &left, &right);
                let tie = Tie { equalities, others, ..Tie::default() };
                let node = Node::Depend { input: Box::new(left), on: Box::new(right), tie, ids: Vec::new() };
                return Ok((node, left_scope));
            }
            Sides::AsOf | Sides::Neither => {
                let finding = self.finding(
                    "unknown-join",
                    "this kind of join has no rule; any change rebuilds the whole table",
                    "use a left, inner or full join",
                    join,
                );
                let scope = scope_of(left_scope, right_scope);
                let output: Vec<Id> = scope.columns.iter().map(|column| column.id).collect();
                let names: Vec<String> = scope.columns.iter().map(|column| column.name.clone()).collect();
                let bound = self.opaque(vec![left, right], output, names, finding);
                let mut scope = scope;
                for (column, id) in scope.columns.iter_mut().zip(&bound.output) {
                    column.id = *id;
                }
                return Ok((bound.node, scope));
            }
        };
        let (equalities, others, complete) = self.split(conditions, &first, &second);
        let node = Node::Join { kind, left: Box::new(first), right: Box::new(second), equalities, others, complete };
        let scope = scope_of(left_scope, right_scope);
        Ok(self.merged(node, scope, &pairs))
    }

    /// Hangs a subquery of a join's condition on the side whose rows it looks at. `alone` is whether it is the condition.
    fn hang_on_a_side(
        &mut self,
        left: Node,
        right: Node,
        mut subquery: Subquery,
        alone: bool,
        join: &Join,
    ) -> Result<(Node, Node), Finding> {
        if !alone {
            subquery.sought.clear();
        }
        let asked = subquery.asked();
        let (lefts, rights) = (left.ids(&self.scans), right.ids(&self.scans));
        match (asked.is_disjoint(&lefts), asked.is_disjoint(&rights)) {
            (_, true) => Ok((self.hang(left, subquery), right)),
            (true, false) => Ok((left, self.hang(right, subquery))),
            (false, false) => {
                Err(self.unbound("a subquery in a join condition that looks at both sides has no rule", join))
            }
        }
    }

    /// Parts conditions into equalities between the two sides, conditions of these two alone, and whether nothing was left over.
    pub(super) fn split(
        &mut self,
        conditions: Vec<Expr>,
        left: &Node,
        right: &Node,
    ) -> (Vec<(Expr, Expr)>, Vec<Expr>, bool) {
        let (left, right) = (left.ids(&self.scans), right.ids(&self.scans));
        let (mut equalities, mut others, mut complete) = (Vec::new(), Vec::new(), true);
        for condition in conditions {
            if let Some((a, b)) = sides_of_equality(&condition) {
                let (in_a, in_b) = (columns_of(a), columns_of(b));
                let is = |ids: &std::collections::BTreeSet<Id>, side: &std::collections::BTreeSet<Id>| {
                    !ids.is_empty() && ids.is_subset(side)
                };
                if is(&in_a, &left) && is(&in_b, &right) {
                    equalities.extend(self.compared(a, b));
                } else if is(&in_a, &right) && is(&in_b, &left) {
                    equalities.extend(self.compared(b, a));
                }
            }
            if columns_of(&condition).iter().all(|id| left.contains(id) || right.contains(id)) {
                others.push(condition);
            } else {
                complete = false;
            }
        }
        (equalities, others, complete)
    }
}

/// The two sides of `a = b` or `a is not distinct from b`.
pub(super) fn sides_of_equality(expression: &Expr) -> Option<(&Expr, &Expr)> {
    match expression {
        Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::Eq, right } => Some((left, right)),
        Expr::IsNotDistinctFrom(left, right) => Some((left, right)),
        Expr::Nested(inner) => sides_of_equality(inner),
        _ => None,
    }
}

pub(super) fn equals(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: sqlparser::ast::BinaryOperator::Eq, right: Box::new(right) }
}

fn shared_names(constraint: &JoinConstraint, left: &Scope, right: &Scope) -> Vec<String> {
    match constraint {
        JoinConstraint::Using(names) => names.iter().filter_map(|name| parts_of(name)?.pop()).collect(),
        _ => left
            .columns
            .iter()
            .filter(|column| !column.merged && matches!(right.by_name(&column.name), Found::One(_)))
            .map(|column| column.name.clone())
            .collect(),
    }
}

fn sides_of(operator: &JoinOperator) -> (Sides, &JoinConstraint) {
    const NONE: &JoinConstraint = &JoinConstraint::None;
    match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) | JoinOperator::CrossJoin(constraint) => {
            (Sides::Inner, constraint)
        }
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (Sides::Left, constraint),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (Sides::Right, constraint),
        JoinOperator::Semi(constraint) | JoinOperator::LeftSemi(constraint) => (Sides::Semi, constraint),
        JoinOperator::Anti(constraint) | JoinOperator::LeftAnti(constraint) => (Sides::Semi, constraint),
        JoinOperator::AsOf { constraint, .. } => (Sides::Left, constraint),
        JoinOperator::FullOuter(constraint) => (Sides::Full, constraint),
        // What stands for `asof` where the parser does not know it; see `text.rs`.
        JoinOperator::RightSemi(constraint) | JoinOperator::RightAnti(constraint) => (Sides::AsOf, constraint),
        _ => (Sides::Neither, NONE),
    }
}
