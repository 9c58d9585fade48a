//! Recursive queries: rule 31.
//!
//! - **What**: rows of a seed, and the rows that a step makes of those before, until there are none.
//! - **Footprint**: when the target is made of columns that the step hands on as they are (the root of a tree, the day of an order), a slice is what
//!   its own seed rows lead to: of the seed, the slice; what the step reads besides, whole.
//! - **Dirty map**: the seed's own; and the slices of those rows of the whole recursion, in its new state, that a change of the step's tables
//!   is tied to. Up to the first row that comes out otherwise, the rows of a slice are the same before and after.
//! - **Condition**: the step mentions the rows before once.
//! - **Fallback**: where the target is not handed on, the recursion's result is watched (see `computed.rs`), or everything is dirty.

use super::computed::dirty_computed;
use super::mutant::Mutant;
use super::{Partial, Reaches, Source, Target, Walk, read_whole};
use crate::Piece;
use crate::tree::{Id, Node, Recursion};

/// The target as the seed and the step have it, if it is handed on.
fn handed_on(columns: &[Recursion], target: &Target) -> Option<(Target, Target)> {
    let kept = |id: &Id| columns.iter().any(|column| column.id == *id && column.kept);
    if !target.columns().iter().all(kept) {
        return None;
    }
    let list = |of: fn(&Recursion) -> Id| columns.iter().map(of).collect::<Vec<Id>>();
    let ids = list(|column| column.id);
    let seed = target.through_branch(&ids, &list(|column| column.seed));
    Some((seed, target.through_branch(&ids, &list(|column| column.step))))
}

pub(super) fn dirty_recursive(walk: &Walk<'_>, node: &Node, target: &Target) -> Vec<Partial> {
    let Node::Recursive { seed, step, columns, finding } = node else { return Vec::new() };
    match handed_on(columns, target) {
        Some((of_seed, of_step)) => {
            let mut terms = walk.dirty(seed, &of_seed);
            if walk.mutant != Some(Mutant::RecursionSeedOnly) {
                terms.extend(walk.dirty(step, &of_step));
            }
            terms
        }
        None => dirty_computed(walk, node, target).unwrap_or_else(|| walk.everything(node, finding)),
    }
}

pub(super) fn restrict_recursive(
    walk: &Walk<'_>,
    node: &Node,
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    let Node::Recursive { seed, step, columns, .. } = node else { return };
    match handed_on(columns, target) {
        Some((of_seed, _)) => {
            walk.restrict(seed, &of_seed, source, reaches, drivers);
            read_whole(step, reaches);
        }
        None => read_whole(node, reaches),
    }
}
