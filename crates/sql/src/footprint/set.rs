//! Union, except, intersect: rules 15 and 16.
//!
//! - **Footprint**: the slice of every branch, with the target's columns at the same positions. For the operators that compare whole
//!   rows this holds because equal rows have equal targets: a match never crosses slices.
//! - **Dirty map**: what is dirty in any branch.
//! - **Condition**: the target is made of result columns, which it always is; and a branch computes the same value from its own columns.
//!   Where branches may differ in type they do not: `1` becomes `1.0` or `'1'` only above. Then the target may be no more than the column,
//!   cast to a type that is known.
//! - **Fallback**: everything.

use super::mutant::Mutant;
use super::{Partial, Shape, Target, Walk};
use crate::tree::{Id, Node, as_column};
use crate::{Finding, IntervalUnit};

/// Whether the branches compute the same target from columns that may have another type there.
pub(super) fn carries(walk: &Walk<'_>, target: &Target) -> bool {
    let coerced = target.columns().iter().any(|id| walk.tree.coerced.contains(id));
    let barred = target.columns().iter().any(|id| walk.tree.barred.contains(id));
    !coerced
        || !barred
            && match target.shape {
                // A moment passes through a zone and back; only within an hour that the clocks leave out is it another one.
                Shape::Interval(unit) => unit != IntervalUnit::Hour && target.expressions.iter().all(is_column),
                // What is kept is read back as the type it has above.
                Shape::Values => false,
                Shape::Key => {
                    !target.coerced
                        && target.expressions.iter().all(is_column)
                        && target.types.iter().all(Option::is_some)
                }
            }
}

fn is_column(expression: &sqlparser::ast::Expr) -> bool {
    as_column(expression).is_some()
}

/// The target below a branch.
pub(super) fn below(walk: &Walk<'_>, target: &Target, ids: &[Id], columns: &[Id]) -> Target {
    let coerced = target.coerced || target.columns().iter().any(|id| walk.tree.coerced.contains(id));
    Target { coerced, ..target.through_branch(ids, columns) }
}

pub(super) fn dirty_set(
    walk: &Walk<'_>,
    node: &Node,
    branches: &[(Node, Vec<Id>)],
    ids: &[Id],
    target: &Target,
) -> Vec<Partial> {
    if !carries(walk, target) {
        let finding = Finding {
            rule: "types-of-branches",
            message: "the branches of a union may have different types here, so a key cannot be followed into them; \
                      any change rebuilds the whole table"
                .to_owned(),
            help: "cast the column to one type in every branch".to_owned(),
            place: None,
        };
        return walk.everything(node, &finding);
    }
    let watched = if walk.mutant == Some(Mutant::UnionFirstBranchOnly) { &branches[..1] } else { branches };
    watched.iter().flat_map(|(branch, columns)| walk.dirty(branch, &below(walk, target, ids, columns))).collect()
}
