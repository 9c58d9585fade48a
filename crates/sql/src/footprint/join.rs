//! Inner and left joins, `exists`, `in`, anti joins, lookups: rules 3, 4, 7, 8; Theorem 3.
//!
//! The side the target is made of is the **anchor**. A row of the other side matters to the anchor's rows it is equal to on the join's
//! keys, whether it is found there or missing: the rules are the same for inner, left, semi and anti joins.
//!
//! - **Footprint**: of the anchor, its slice; of the other side, the rows whose keys occur in that slice. Where an equality carries the
//!   target itself over (both sides have the day), the other side's slice.
//! - **Dirty map**: the anchor's own; and the slices in which a dirty key of the other side occurs among the anchor's new rows. Keys are
//!   dirty by fingerprint, so a deleted row's key is among them.
//! - **Condition**: at least one equality between columns of the same type. Other conditions may come on top; leaving them out only
//!   widens.
//! - **Fallback**: everything.

use sqlparser::ast::Expr;

use super::mutant::Mutant;
use super::rows::{driver, step};
use super::{Partial, Reaches, Source, Target, Walk, read_whole};
use crate::tree::{JoinKind, Node};
use crate::{Finding, Piece};

/// The anchor, the other side, and the equalities with the anchor's expression first.
struct Anchored<'n> {
    anchor: &'n Node,
    other: &'n Node,
    equalities: Vec<(Expr, Expr)>,
}

fn anchored<'n>(walk: &Walk<'_>, node: &'n Node, target: &Target) -> Option<Anchored<'n>> {
    let Node::Join { kind, left, right, equalities, .. } = node else { return None };
    let wanted = target.columns();
    if wanted.is_subset(&left.ids(&walk.tree.scans)) {
        return Some(Anchored { anchor: left, other: right, equalities: equalities.clone() });
    }
    if *kind == JoinKind::Inner && wanted.is_subset(&right.ids(&walk.tree.scans)) {
        let equalities = equalities.iter().map(|(left, right)| (right.clone(), left.clone())).collect();
        return Some(Anchored { anchor: right, other: left, equalities });
    }
    None
}

pub(super) fn dirty_join(walk: &Walk<'_>, node: &Node, target: &Target) -> Vec<Partial> {
    match anchored(walk, node, target) {
        Some(Anchored { anchor, other, equalities }) => {
            let mut terms = walk.dirty(anchor, target);
            if walk.mutant != Some(Mutant::JoinAnchorOnly) {
                terms.extend(dirty_other(walk, anchor, other, &equalities, target));
            }
            terms
        }
        None => walk.everything(
            node,
            &Finding {
                rule: "partition-from-outer-side",
                message: "the partition comes from the side of a join that may be missing, or from both sides; \
                          any change rebuilds the whole table"
                    .to_owned(),
                help: "take the event time or the key from the table after `from`".to_owned(),
                place: None,
            },
        ),
    }
}

pub(super) fn dirty_depend(walk: &Walk<'_>, node: &Node, target: &Target) -> Vec<Partial> {
    let Node::Depend { input, on, equalities, ids, .. } = node else { return Vec::new() };
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
        terms.extend(dirty_other(walk, input, on, equalities, target));
    }
    terms
}

fn dirty_other(
    walk: &Walk<'_>,
    anchor: &Node,
    other: &Node,
    equalities: &[(Expr, Expr)],
    target: &Target,
) -> Vec<Partial> {
    if let Some(carried) = target.through_equalities(equalities) {
        return walk.dirty(other, &carried);
    }
    let (own, theirs): (Vec<Expr>, Vec<Expr>) = equalities.iter().cloned().unzip();
    let found = if own.is_empty() { None } else { step(walk, anchor, target, &own) };
    let Some(step) = found else {
        return walk.everything(
            other,
            &Finding {
                rule: "join-without-key",
                message:
                    "no equality between columns of the same type ties this table to the partition, so any of its rows \
                          may matter to any row; any change of it rebuilds the whole table"
                        .to_owned(),
                help: "join on a key, with the same type on both sides".to_owned(),
                place: None,
            },
        );
    };
    walk.dirty(other, &Target::key(theirs)).into_iter().map(|term| term.then(&step)).collect()
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
        Some(Anchored { anchor, other, equalities }) => {
            walk.restrict(anchor, target, source, reaches, drivers);
            restrict_other(walk, (anchor, other), &equalities, target, source, reaches, drivers);
        }
        None => read_whole(node, reaches),
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
    let Node::Depend { input, on, equalities, ids, .. } = node else { return };
    if target.columns().iter().any(|id| ids.contains(id)) {
        return read_whole(node, reaches);
    }
    walk.restrict(input, target, source, reaches, drivers);
    restrict_other(walk, (input, on), equalities, target, source, reaches, drivers);
}

fn restrict_other(
    walk: &Walk<'_>,
    (anchor, other): (&Node, &Node),
    equalities: &[(Expr, Expr)],
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    if let Some(carried) = target.through_equalities(equalities) {
        return walk.restrict(other, &carried, source, reaches, drivers);
    }
    let (own, theirs): (Vec<Expr>, Vec<Expr>) = equalities.iter().cloned().unzip();
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

fn is_bare(node: &Node) -> bool {
    match node {
        Node::Scan(_) | Node::Constant { .. } => true,
        Node::Filter { input, .. } | Node::Project { input, .. } => is_bare(input),
        _ => false,
    }
}
