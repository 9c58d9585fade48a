//! Windows over keys: rules 22, 23, 25, 26, 35; Theorem 5. Windows along time are in `along.rs`.
//!
//! - **What**: `row_number`, `lag`, running totals, `distinct on`: a value for every row that depends on the rows of its partition.
//! - **Footprint**: when the target is a function of the `partition by`, the rows whose partition lies in the slice (23). Otherwise the
//!   full history of every key that occurs in the slice (22): which row of a key comes first depends on all of them. Several windows with
//!   keys of their own: the histories of all these keys together.
//! - **Dirty map**: a row keeps its own target through a window, so a slice changes when rows of its own changed, or when a key that
//!   occurs in it changed anywhere. The first is the target's own dirty map; the second is the keys' dirty map, translated by the new
//!   state: all slices in which a dirty key occurs. The same holds when the target is what a window took from a row of the partition (its
//!   first moment, its last): by Theorem 5 the slices of all rows of the key cover those the key was in and is in now.
//! - **Condition**: an order that leaves no ties (`ties.rs`), none on frames or functions.
//! - **Fallback**: a part of a key that another window computed is left out of it: a coarser key has a longer history, and is right, too.
//!   A window over all rows (no `partition by`) gives everything, unless it looks to one side along time.
//! - **Source**: exact.md 2.3.

use sqlparser::ast::Expr;

use super::along::{self, Margin};
use super::mutant::Mutant;
use super::onward::{self, Onward};
use super::rows::{driver, step, writable};
use super::{Partial, Reaches, Source, Target, Walk, read_whole, unite};
use crate::tree::{Id, Node, WindowFunction, as_column, columns_of};
use crate::{Effect, Finding, Piece, Place};

/// What the windows over one relation ask for.
struct Wanted {
    /// The target, said of the rows below.
    target: Target,
    /// Keys whose whole history matters.
    keys: Vec<Vec<Expr>>,
    /// How far before and after the slice a window looks along time.
    margin: Margin,
    /// Over all rows, to one side along time.
    onward: Option<Onward>,
    /// To which side the windows over keys look, when all look to the same.
    keys_onward: Option<Onward>,
}

impl Wanted {
    /// The histories of some keys.
    fn histories(target: &Target, keys: Vec<Vec<Expr>>) -> Self {
        Self { target: target.clone(), keys, margin: Margin::default(), onward: None, keys_onward: None }
    }
}

pub(super) fn dirty_window(
    walk: &Walk<'_>,
    input: &Node,
    functions: &[WindowFunction],
    target: &Target,
) -> Vec<Partial> {
    let place = functions.iter().find(|function| function.partition.is_empty()).or_else(|| functions.first());
    let place = place.and_then(|function| function.place.as_ref());
    match wanted(walk, input, functions, target) {
        Ok(wanted) => dirty_wanted(walk, input, &wanted, place),
        Err(mut finding) => {
            finding.place = finding.place.or_else(|| place.cloned());
            walk.everything(input, &finding)
        }
    }
}

/// The dirty map of an operator that looks across all rows of a key.
pub(super) fn dirty_keys(walk: &Walk<'_>, input: &Node, key: &[Expr], target: &Target) -> Vec<Partial> {
    match keys_of(walk, input, target, &[key]) {
        Ok(keys) => dirty_wanted(walk, input, &Wanted::histories(target, keys), None),
        Err(finding) => walk.everything(input, &finding),
    }
}

fn dirty_wanted(walk: &Walk<'_>, input: &Node, wanted: &Wanted, place: Option<&Place>) -> Vec<Partial> {
    let Wanted { target, keys, margin, onward, keys_onward } = wanted;
    if (onward.is_some() || !keys.is_empty()) && stacked(input) >= MOST_STACKED {
        return walk.everything(input, &too_deep(place));
    }
    let mut terms = walk.dirty(input, target);
    // What is kept for the keys' terms to read comes before them.
    let kept = keys_onward.filter(|_| !keys.is_empty() && stacked(input) < MOST_STACKED_KEPT).map(|way| {
        let (set, fills) = onward::kept(walk, &terms);
        terms.extend(fills);
        (set, way)
    });
    if let Some(way) = onward {
        let Some(step) = onward::beyond(walk, input, target, *way) else {
            return walk.everything(input, &untraceable(place));
        };
        let own = terms.iter().filter(|term| term.effect == Effect::Partitions);
        let beyond: Vec<Partial> = own.map(|term| term.clone().then(&step)).collect();
        terms.extend(beyond);
    }
    if walk.mutant != Some(Mutant::RangeNotForward) {
        terms.extend(along::around(walk, target, *margin, &terms));
    }
    for key in keys {
        if walk.mutant == Some(Mutant::WindowNewRowsOnly) {
            continue;
        }
        let Some(step) = step(walk, input, target, key, false) else {
            return walk.everything(input, &untraceable(place));
        };
        let step = kept.map_or(step.clone(), |(set, way)| onward::beyond_kept(walk, step, set, way));
        terms.extend(walk.dirty(input, &Target::key(key.clone())).into_iter().map(|term| term.then(&step)));
        if walk.mutant == Some(Mutant::FirstWindowOnly) {
            break;
        }
    }
    terms
}

fn wanted(walk: &Walk<'_>, input: &Node, functions: &[WindowFunction], target: &Target) -> Result<Wanted, Finding> {
    // What a window took from another row says nothing of where its own row lies in time.
    let own = target.columns().iter().all(|id| functions.iter().all(|function| function.id != *id));
    let target = below(functions, target)?;
    let mut margin = Margin::default();
    let mut partitions: Vec<&[Expr]> = Vec::new();
    let (mut over_all, mut over_keys) = (Vec::new(), Vec::new());
    for function in functions {
        if target.determined_by(&function.partition, &walk.tree.columns) {
            continue;
        }
        match along::margin(walk, function, &target) {
            Some(own) => margin = margin.or(own),
            None => {
                let way = onward::onward(walk, function, &target).filter(|_| own);
                match way {
                    Some(way) if function.partition.is_empty() => over_all.push(way),
                    way => {
                        partitions.push(&function.partition);
                        over_keys.push(way);
                    }
                }
            }
        }
    }
    let one = |ways: &[Onward]| ways.first().copied().filter(|first| ways.iter().all(|way| way == first));
    let onward = one(&over_all);
    if onward.is_none() && !over_all.is_empty() {
        return Err(global());
    }
    let ways: Option<Vec<Onward>> = over_keys.into_iter().collect();
    let keys_onward = ways.and_then(|ways| one(&ways));
    let keys = keys_of(walk, input, &target, &partitions)?;
    Ok(Wanted { target, keys, margin, onward, keys_onward })
}

/// The target said of the rows below the windows. When it is what a window took from a row of its partition, the target of that row.
fn below(functions: &[WindowFunction], target: &Target) -> Result<Target, Finding> {
    let columns = target.columns();
    let own: Vec<&WindowFunction> = functions.iter().filter(|function| columns.contains(&function.id)).collect();
    let carried = match own.as_slice() {
        [] => return Ok(target.clone()),
        [function] => {
            let constant =
                |id: &Id| *id == function.id || function.partition.iter().any(|key| as_column(key) == Some(*id));
            let same = |other: &WindowFunction| texts(&other.partition) == texts(&function.partition);
            let fits = !function.partition.is_empty() && columns.iter().all(constant) && functions.iter().all(same);
            function.carried.as_ref().filter(|_| fits).map(|value| (function.id, value))
        }
        _ => None,
    };
    match carried {
        Some((id, value)) => Ok(target.substitute(&|column| (column == id).then(|| value.clone()))),
        None => Err(Finding {
            rule: "windowed-partition",
            message: "the partition is computed by a window function; any change rebuilds the whole table".to_owned(),
            help: "partition the table by a column of the row itself".to_owned(),
            place: own.first().and_then(|function| function.place.clone()),
        }),
    }
}

/// The distinct keys that cut across the target's slices, without the parts that cannot be followed to the tables.
fn keys_of(walk: &Walk<'_>, input: &Node, target: &Target, partitions: &[&[Expr]]) -> Result<Vec<Vec<Expr>>, Finding> {
    let mut keys: Vec<Vec<Expr>> = Vec::new();
    if walk.mutant == Some(Mutant::WindowAlwaysAligned) {
        return Ok(keys);
    }
    let available = writable(walk, input);
    for partition in partitions {
        if partition.is_empty() {
            return Err(global());
        }
        if target.determined_by(partition, &walk.tree.columns) {
            continue;
        }
        let traced = partition.iter().filter(|part| columns_of(part).is_subset(&available));
        let key: Vec<Expr> = traced.cloned().collect();
        if key.is_empty() {
            return Err(untraceable(None));
        }
        let key = followed(walk, input, key);
        // A coarser key may be what cuts the table.
        if target.determined_by(&key, &walk.tree.columns) || keys.iter().any(|known| texts(known) == texts(&key)) {
            continue;
        }
        keys.push(key);
    }
    Ok(keys)
}

/// The key, or the first part of it whose changes can be followed, where those of the whole cannot: parts from both sides of a left join.
fn followed(walk: &Walk<'_>, input: &Node, key: Vec<Expr>) -> Vec<Expr> {
    let lost = |key: &[Expr]| {
        let terms = walk.dirty(input, &Target::key(key.to_vec()));
        terms.iter().any(|term| matches!(term.effect, Effect::All(_)))
    };
    // Every look is a walk of its own.
    if key.len() < 2 || stacked(input) > 1 || !lost(&key) {
        return key;
    }
    let part = key.iter().map(|part| vec![part.clone()]).find(|part| !lost(part));
    part.unwrap_or(key)
}

fn texts(expressions: &[Expr]) -> Vec<String> {
    expressions.iter().map(ToString::to_string).collect()
}

/// So many windows on top of each other, and what a change reaches is no longer followed: every one doubles the ways.
const MOST_STACKED: usize = 8;

/// So many, and which side of a change they look to is no longer followed: that takes further ways.
const MOST_STACKED_KEPT: usize = 3;

/// The greatest number of windows, and of groups whose aggregates may name partitions, on one way down.
pub(super) fn stacked(node: &Node) -> usize {
    let own = match node {
        Node::Window { .. } => 1,
        Node::Group { aggregates, .. } => usize::from(!aggregates.is_empty()),
        _ => 0,
    };
    node.inputs().into_iter().map(stacked).max().unwrap_or(0) + own
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

fn global() -> Finding {
    Finding {
        rule: "global-window",
        message: "a window without partition by looks at all rows: one changed row can change every other".to_owned(),
        help: "partition the window by the month, the day or a key; or look along time: order by the event time, range between interval 7 days \
               preceding and current row"
            .to_owned(),
        place: None,
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

pub(super) fn restrict_window(
    walk: &Walk<'_>,
    input: &Node,
    functions: &[WindowFunction],
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    match wanted(walk, input, functions, target) {
        Ok(wanted) => restrict_wanted(walk, input, &wanted, source, reaches, drivers),
        Err(_) => read_whole(input, reaches),
    }
}

pub(super) fn restrict_keys(
    walk: &Walk<'_>,
    input: &Node,
    key: &[Expr],
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    match keys_of(walk, input, target, &[key]) {
        Ok(keys) => {
            restrict_wanted(walk, input, &Wanted::histories(target, keys), source, reaches, drivers);
        }
        Err(_) => read_whole(input, reaches),
    }
}

fn restrict_wanted(
    walk: &Walk<'_>,
    input: &Node,
    wanted: &Wanted,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    let Wanted { target, keys, margin, onward, .. } = wanted;
    if onward.is_some() || !keys.is_empty() && stacked(input) >= MOST_STACKED {
        return read_whole(input, reaches);
    }
    let slice_only = walk.mutant == Some(Mutant::WindowSliceOnly);
    if keys.is_empty() || slice_only || *margin != Margin::default() {
        let margin = if slice_only { Margin::default() } else { *margin };
        walk.restrict(input, &target.with_margin(margin), source, reaches, drivers);
    }
    if keys.is_empty() || slice_only {
        return;
    }
    // The keys that occur in the slice, found with the slice's own restriction; then the history of these keys.
    let mut slice = Reaches::new();
    walk.restrict(input, target, source, &mut slice, drivers);
    for key in keys {
        let Some(pieces) = driver(walk, input, key, &slice) else { return read_whole(input, reaches) };
        drivers.push(pieces);
        let mut history = Reaches::new();
        walk.restrict(input, &Target::key(key.clone()), Source::Driver(drivers.len() - 1), &mut history, drivers);
        unite(reaches, history);
    }
}
