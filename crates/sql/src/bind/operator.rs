//! Operators that parsers bind differently.

use sqlparser::ast::{BinaryOperator, Expr};

/// Whether an operator stands without parentheses below another, and parsers differ on which of the two binds tighter.
pub(super) fn doubtful(above: &BinaryOperator, side: &Expr) -> bool {
    use BinaryOperator as Op;
    let Expr::BinaryOp { op: below, .. } = side else { return false };
    let sure = |op: &Op| {
        matches!(
            op,
            Op::And | Op::Or | Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo | Op::DuckIntegerDivide
        ) || compares(op)
    };
    let plain = |op: &Op| compares(op) || matches!(op, Op::And | Op::Or);
    // Any other operator binds tighter than a comparison; but an arrow need not.
    above != below && !(sure(above) && sure(below)) && (!plain(above) || arrow(below))
}

/// Whether one arrow follows another, as in `payload -> 'user' ->> 'name'`: all engines read a path from left to right.
pub(super) fn path(above: &BinaryOperator, left: &Expr) -> bool {
    matches!(left, Expr::BinaryOp { op, .. } if arrow(above) && arrow(op))
}

fn arrow(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Arrow | BinaryOperator::LongArrow)
}

fn compares(op: &BinaryOperator) -> bool {
    use BinaryOperator as Op;
    matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq)
}
