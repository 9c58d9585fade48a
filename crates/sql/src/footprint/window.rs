//! Window functions and distinct on: rules 22, 23 and, by whole key histories, 25 and 26; Theorem 5.
//!
//! - **Footprint**: when the target is a function of the `partition by`, the rows whose partition lies in the slice (23). Otherwise the
//!   full history of every key that occurs in the slice (22): which row of a key comes first depends on all of them.
//! - **Dirty map**: a row keeps its own target through a window, so a slice changes when rows of its own changed, or when a key that
//!   occurs in it changed anywhere. The first is the target's own dirty map; the second is the keys' dirty map, translated by the new
//!   state: all slices in which a dirty key occurs.
//! - **Condition**: none on frames, order or function.
//! - **Fallback**: a window over all rows (no `partition by`) gives everything.

use sqlparser::ast::Expr;

use super::mutant::Mutant;
use super::rows::{driver, step};
use super::{Partial, Reaches, Source, Target, Walk, read_whole};
use crate::tree::{Node, WindowFunction};
use crate::{Finding, Piece, Place};

pub(super) fn dirty_window(
    walk: &Walk<'_>,
    input: &Node,
    functions: &[WindowFunction],
    target: &Target,
) -> Vec<Partial> {
    let place = functions.iter().find(|function| function.partition.is_empty()).or_else(|| functions.first());
    let place = place.and_then(|function| function.place.as_ref());
    if functions.iter().any(|function| target.columns().contains(&function.id)) {
        let finding = Finding {
            rule: "windowed-partition",
            message: "the partition is computed by a window function; any change rebuilds the whole table".to_owned(),
            help: "partition the table by a column of the row itself".to_owned(),
            place: place.cloned(),
        };
        return walk.everything(input, &finding);
    }
    let partitions: Vec<&Vec<Expr>> = functions.iter().map(|function| &function.partition).collect();
    dirty_partitions(walk, input, &partitions, target, place)
}

/// The dirty map of an operator that looks across the rows of each partition, for several partitionings at once.
pub(super) fn dirty_partitions(
    walk: &Walk<'_>,
    input: &Node,
    partitions: &[&Vec<Expr>],
    target: &Target,
    place: Option<&Place>,
) -> Vec<Partial> {
    let across = across(walk, partitions, target);
    if !across.is_empty() && stacked(input) >= MOST_STACKED {
        return walk.everything(input, &too_deep(place));
    }
    let mut terms = walk.dirty(input, target);
    for partition in across {
        if walk.mutant == Some(Mutant::WindowNewRowsOnly) {
            continue;
        }
        if partition.is_empty() {
            return walk.everything(input, &global(place));
        }
        let key = Target::key(partition.clone());
        let Some(step) = step(walk, input, target, partition, false) else {
            return walk.everything(input, &untraceable(place));
        };
        terms.extend(walk.dirty(input, &key).into_iter().map(|term| term.then(&step)));
    }
    terms
}

/// The distinct partitionings that cut across the target's slices.
fn across<'p>(walk: &Walk<'_>, partitions: &[&'p Vec<Expr>], target: &Target) -> Vec<&'p Vec<Expr>> {
    let mut seen = Vec::new();
    let mut result = Vec::new();
    for partition in partitions {
        let text: Vec<String> = partition.iter().map(ToString::to_string).collect();
        let known = walk.mutant == Some(Mutant::WindowAlwaysAligned);
        if !known && !target.determined_by(partition, &walk.tree.columns) && !seen.contains(&text) {
            seen.push(text);
            result.push(*partition);
        }
    }
    result
}

/// So many windows on top of each other, and what a change reaches is no longer followed: every one doubles the ways.
const MOST_STACKED: usize = 8;

/// The greatest number of windows on one way down.
fn stacked(node: &Node) -> usize {
    match node {
        Node::Scan(_) | Node::Constant { .. } => 0,
        Node::Window { input, .. } | Node::Distinct { input, on: Some(_), .. } => stacked(input) + 1,
        Node::Filter { input, .. }
        | Node::Project { input, .. }
        | Node::Expand { input, .. }
        | Node::Group { input, .. }
        | Node::Distinct { input, .. } => stacked(input),
        Node::Join { left, right, .. } => stacked(left).max(stacked(right)),
        Node::Depend { input, on, .. } => stacked(input).max(stacked(on)),
        Node::Recursive { seed, step, .. } => stacked(seed).max(stacked(step)),
        Node::Set { branches, .. } => branches.iter().map(|(branch, _)| stacked(branch)).max().unwrap_or(0),
        Node::Opaque { inputs, .. } => inputs.iter().map(stacked).max().unwrap_or(0),
    }
}

fn too_deep(place: Option<&Place>) -> Finding {
    Finding {
        rule: "windows-on-windows",
        message: "too many windows with keys of their own lie on each other; any change rebuilds the whole table"
            .to_owned(),
        help: "compute some of them in a model of their own".to_owned(),
        place: place.cloned(),
    }
}

fn global(place: Option<&Place>) -> Finding {
    Finding {
        rule: "global-window",
        message: "a window without partition by looks at all rows: one changed row can change every other".to_owned(),
        help: "partition the window by the month, the day or a key".to_owned(),
        place: place.cloned(),
    }
}

fn untraceable(place: Option<&Place>) -> Finding {
    Finding {
        rule: "window-key",
        message: "which partitions a changed key occurs in cannot be looked up; any change rebuilds the whole table"
            .to_owned(),
        help: "compute the window's key in a model of its own".to_owned(),
        place: place.cloned(),
    }
}

pub(super) fn restrict_partitions(
    walk: &Walk<'_>,
    input: &Node,
    partitions: &[&Vec<Expr>],
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    let across = across(walk, partitions, target);
    if !across.is_empty() && stacked(input) >= MOST_STACKED {
        return read_whole(input, reaches);
    }
    match across.as_slice() {
        [] => walk.restrict(input, target, source, reaches, drivers),
        [_] if walk.mutant == Some(Mutant::WindowSliceOnly) => walk.restrict(input, target, source, reaches, drivers),
        [partition] if !partition.is_empty() => {
            // The keys that occur in the slice, found with the slice's own restriction; then the history of these keys.
            let mut slice = Reaches::new();
            walk.restrict(input, target, source, &mut slice, drivers);
            match driver(walk, input, partition, &slice) {
                Some(pieces) => {
                    drivers.push(pieces);
                    let key = Target::key((*partition).clone());
                    walk.restrict(input, &key, Source::Driver(drivers.len() - 1), reaches, drivers);
                }
                None => read_whole(input, reaches),
            }
        }
        _ => read_whole(input, reaches),
    }
}
