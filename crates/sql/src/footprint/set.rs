//! Union, except, intersect: rules 15 and 16.
//!
//! - **Footprint**: the slice of every branch, with the target's columns at the same positions. For the operators that compare whole
//!   rows this holds because equal rows have equal targets: a match never crosses slices.
//! - **Dirty map**: what is dirty in any branch.
//! - **Condition**: the target is made of result columns, which it always is.

use super::mutant::Mutant;
use super::{Partial, Target, Walk};
use crate::tree::{Id, Node};

pub(super) fn dirty_set(walk: &Walk<'_>, branches: &[(Node, Vec<Id>)], ids: &[Id], target: &Target) -> Vec<Partial> {
    let watched = if walk.mutant == Some(Mutant::UnionFirstBranchOnly) { &branches[..1] } else { branches };
    watched.iter().flat_map(|(branch, columns)| walk.dirty(branch, &target.through_branch(ids, columns))).collect()
}
