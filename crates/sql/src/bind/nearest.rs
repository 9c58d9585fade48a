//! `asof` joins: of the rows that fit, the nearest.

use sqlparser::ast::{BinaryOperator, Expr, Join, Spanned};

use super::Binder;
use super::from::Relation;
use crate::Finding;
use crate::tree::{Id, Nearest, Node, Tie, columns_of};

impl Binder<'_> {
    /// Hangs the right side on the left: which of its rows is found depends on all that are tied to the left row.
    ///
    /// `conditions` are those of the join but the one that says what is near; `near` is that one.
    pub(super) fn nearest(
        &mut self,
        left: Relation,
        right: Relation,
        conditions: Vec<Expr>,
        near: Expr,
        join: &Join,
    ) -> Result<Relation, Finding> {
        let ((left, left_scope), (right, mut right_scope)) = (left, right);
        let Some((own, theirs, nearer)) = parted_sides(&near, &left, &right, self) else {
            return Err(self.unbound("what is near in this asof join cannot be told", join));
        };
        let (equalities, mut others, _) = self.split(conditions, &left, &right);
        others.push(near.clone());
        let mut found: Vec<(Id, Id)> = Vec::new();
        for other in &mut right_scope.columns {
            let facts = self.columns[other.id].clone();
            let fresh: Id = self.new_column(facts.name, facts.data_type);
            self.columns[fresh].source = facts.source;
            found.push((other.id, fresh));
            other.id = fresh;
        }
        let ids = found.iter().map(|(_, fresh)| *fresh).collect();
        let place = self.place(join.span());
        let nearest = Some(Box::new(Nearest { own, theirs, condition: near, nearer, found, place }));
        let tie = Tie { equalities, others, unknown: false, nearest };
        let node = Node::Depend { input: Box::new(left), on: Box::new(right), tie, ids };
        Ok((node, left_scope.and(right_scope)))
    }

    /// Parts the condition that says what is near from those that say what fits.
    pub(super) fn parted(conditions: Vec<Expr>) -> (Vec<Expr>, Option<Expr>) {
        let (mut near, rest): (Vec<Expr>, Vec<Expr>) =
            conditions.into_iter().partition(|condition| inequality(condition).is_some());
        if near.len() == 1 { (rest, near.pop()) } else { ([rest, near].concat(), None) }
    }

    /// What is near in an `asof` join with `using`: the last of the columns.
    pub(super) fn last_is_near(conditions: &mut Vec<Expr>) -> Option<Expr> {
        let last = conditions.pop()?;
        match last {
            Expr::BinaryOp { left, right, .. } => Some(Expr::BinaryOp { left, op: BinaryOperator::GtEq, right }),
            _ => None,
        }
    }
}

/// Both sides of `a >= b` and its like.
fn inequality(condition: &Expr) -> Option<(&Expr, &BinaryOperator, &Expr)> {
    use BinaryOperator as Op;
    match condition {
        Expr::BinaryOp { left, op: op @ (Op::Gt | Op::GtEq | Op::Lt | Op::LtEq), right } => Some((left, op, right)),
        Expr::Nested(inner) => inequality(inner),
        _ => None,
    }
}

/// What is compared on the left, what on the right, and `Gt` when the greatest of the right is nearest.
fn parted_sides(near: &Expr, left: &Node, right: &Node, binder: &Binder<'_>) -> Option<(Expr, Expr, BinaryOperator)> {
    use BinaryOperator as Op;
    let (first, op, second) = inequality(near)?;
    let (left, right) = (left.ids(&binder.scans), right.ids(&binder.scans));
    let above = matches!(op, Op::Gt | Op::GtEq);
    let straight = columns_of(first).is_subset(&left) && columns_of(second).is_subset(&right);
    let crossed = columns_of(first).is_subset(&right) && columns_of(second).is_subset(&left);
    let (own, theirs, greatest) = if straight {
        (first, second, above)
    } else if crossed {
        (second, first, !above)
    } else {
        return None;
    };
    Some((own.clone(), theirs.clone(), if greatest { Op::Gt } else { Op::Lt }))
}
