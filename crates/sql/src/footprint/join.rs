//! Joins whose partition comes from the side that keeps its rows, `exists`, `in`, anti joins, lookups: rules 3, 4, 7 to 14, 29, 30.
//!
//! The side the target is made of is the **anchor**. A row of the other side matters to the anchor's rows it is tied to, whether it is found
//! there or missing: the rules are the same for inner, left, semi and anti joins. Several joins are walked one by one, as they are written.
//!
//! - **Footprint**: of the anchor, its slice; of the other side, the rows whose keys occur in that slice. Where an equality carries the
//!   target itself over (both sides have the day), the other side's slice.
//! - **Dirty map**: the anchor's own; and what `tie.rs` finds.
//! - **Condition**: the target is made of one side, or equalities of an inner join let it be.
//! - **Fallback**: `outer.rs`, `both.rs`, everything.

use sqlparser::ast::Expr;

use super::mutant::Mutant;
use super::rows::driver;
use super::tie::dirty_tied;
use super::{Partial, Reaches, Source, Target, Walk, band, both, outer, read_whole};
use crate::tree::{JoinKind, Node, Tie, as_column};
use crate::{Finding, Piece};

/// The anchor, the other side, what ties them, and the target as the anchor has it.
struct Anchored<'n> {
    anchor: &'n Node,
    other: &'n Node,
    tie: Tie,
    target: Target,
}

fn anchored<'n>(walk: &Walk<'_>, node: &'n Node, target: &Target) -> Option<Anchored<'n>> {
    let Node::Join { kind, left, right, equalities, others, .. } = node else { return None };
    let tie = |equalities| Tie { equalities, others: others.clone(), ..Tie::default() };
    let turned = || equalities.iter().map(|(left, right)| (right.clone(), left.clone())).collect::<Vec<_>>();
    let (lefts, rights) = (left.ids(&walk.tree.scans), right.ids(&walk.tree.scans));
    let wanted = target.columns();
    if *kind != JoinKind::Full && wanted.is_subset(&lefts) {
        let (tie, target) = (tie(equalities.clone()), target.clone());
        return Some(Anchored { anchor: left, other: right, tie, target });
    }
    if *kind != JoinKind::Inner {
        return None;
    }
    if wanted.is_subset(&rights) {
        return Some(Anchored { anchor: right, other: left, tie: tie(turned()), target: target.clone() });
    }
    // What is equal on both sides may be taken from either.
    let moved = |pairs: &[(Expr, Expr)]| {
        target.substitute(&|id| {
            let pair = pairs.iter().find(|(_, from)| as_column(from) == Some(id));
            pair.filter(|(to, _)| as_column(to).is_some()).map(|(to, _)| to.clone())
        })
    };
    let to_right = moved(&turned());
    if to_right.columns().is_subset(&rights) {
        return Some(Anchored { anchor: right, other: left, tie: tie(turned()), target: to_right });
    }
    let to_left = moved(equalities);
    to_left.columns().is_subset(&lefts).then(|| Anchored {
        anchor: left,
        other: right,
        tie: tie(equalities.clone()),
        target: to_left,
    })
}

pub(super) fn dirty_join(walk: &Walk<'_>, node: &Node, target: &Target) -> Vec<Partial> {
    if let Some((mut terms, rows)) = band::beside(walk, node, &[], target) {
        terms.extend(walk.dirty(rows, target));
        return terms;
    }
    if let Some(Anchored { anchor, other, tie, target }) = anchored(walk, node, target) {
        let mut terms = walk.dirty(anchor, &target);
        if walk.mutant != Some(Mutant::JoinAnchorOnly) {
            terms.extend(dirty_tied(walk, anchor, other, &tie, &target));
        }
        return terms;
    }
    let found = outer::dirty_outer(walk, node, target).or_else(|| both::dirty_both(walk, node, target));
    found.unwrap_or_else(|| {
        walk.everything(
            node,
            &Finding {
                rule: "partition-from-outer-side",
                message: "the partition comes from the side of a join that may be missing, or from both sides, and what ties \
                          the two cannot be followed; any change rebuilds the whole table"
                    .to_owned(),
                help: "take the event time or the key from the table after `from`".to_owned(),
                place: None,
            },
        )
    })
}

pub(super) fn dirty_depend(walk: &Walk<'_>, node: &Node, target: &Target) -> Vec<Partial> {
    let Node::Depend { input, on, tie, ids } = node else { return Vec::new() };
    if target.columns().iter().any(|id| ids.contains(id)) {
        return walk.everything(
            node,
            &Finding {
                rule: "partition-from-subquery",
                message: "the partition is looked up in a subquery; any change rebuilds the whole table".to_owned(),
                help: "take the event time or the key from the table after `from`".to_owned(),
                place: None,
            },
        );
    }
    let mut terms = walk.dirty(input, target);
    if walk.mutant != Some(Mutant::SubqueryIgnored) {
        terms.extend(dirty_tied(walk, input, on, tie, target));
    }
    terms
}

pub(super) fn restrict_join(
    walk: &Walk<'_>,
    node: &Node,
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    match anchored(walk, node, target) {
        Some(Anchored { anchor, other, tie, target }) => {
            walk.restrict(anchor, &target, source, reaches, drivers);
            restrict_other(walk, (anchor, other), &tie, &target, source, reaches, drivers);
        }
        None => outer::restrict_outer(walk, node, target, source, reaches, drivers),
    }
}

pub(super) fn restrict_depend(
    walk: &Walk<'_>,
    node: &Node,
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    let Node::Depend { input, on, tie, ids } = node else { return };
    if target.columns().iter().any(|id| ids.contains(id)) {
        return read_whole(node, reaches);
    }
    walk.restrict(input, target, source, reaches, drivers);
    restrict_other(walk, (input, on), tie, target, source, reaches, drivers);
}

pub(super) fn restrict_other(
    walk: &Walk<'_>,
    (anchor, other): (&Node, &Node),
    tie: &Tie,
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    // A NULL anywhere on the other side matters, and so does whether it has rows at all.
    if tie.unknown {
        return read_whole(other, reaches);
    }
    if let Some(carried) = target.through_equalities(&tie.equalities, &walk.tree.columns) {
        return walk.restrict(other, &carried, source, reaches, drivers);
    }
    let (own, theirs): (Vec<Expr>, Vec<Expr>) = tie.equalities.iter().cloned().unzip();
    // A bare table is as cheap to probe whole; what aggregates or ranks first should see only the keys that are wanted.
    if own.is_empty() || is_bare(other) {
        return read_whole(other, reaches);
    }
    match driver(walk, anchor, &own, reaches) {
        Some(pieces) => {
            drivers.push(pieces);
            walk.restrict(other, &Target::key(theirs), Source::Driver(drivers.len() - 1), reaches, drivers);
        }
        None => read_whole(other, reaches),
    }
}

/// Whether a relation is no more than a table's rows.
pub(super) fn is_bare(node: &Node) -> bool {
    match node {
        Node::Scan(_) | Node::Constant { .. } => true,
        Node::Filter { input, .. } | Node::Project { input, .. } => is_bare(input),
        _ => false,
    }
}
