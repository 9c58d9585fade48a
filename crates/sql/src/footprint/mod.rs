//! Footprints: which rows a slice of the result reads, and so which slices a change reaches. One object gives both.
//!
//! A **target** is an expression over a relation's columns whose values name slices: the interval of the event time, the hash of
//! a key. Two walks carry a target from the result down to the tables, with one rule per operator, in one file per family:
//!
//! - [`dirty`](Walk::dirty): for each table, the groups in which to look for changes, and how groups that changed become dirty slices;
//! - [`restrict`](Walk::restrict): for each table, the rows that the dirty slices may read.
//!
//! | file | operators | rules |
//! | --- | --- | --- |
//! | `row.rs` | scan, filter, project | 1 |
//! | `expand.rs` | rows made from one row: `unnest`, series | 2 |
//! | `join.rs` | joins whose partition comes from the side that keeps its rows; `exists`, `in`, lookups | 3, 4, 7 to 14, 29, 30 |
//! | `tie.rs` | which rows of another relation matter to a row: by key, by condition, by nearness | 9 to 12 |
//! | `outer.rs` | joins whose partition comes from a side that may be missing, or from either | 5, 6 |
//! | `both.rs` | joins whose partition is made of both sides | Theorem 3b |
//! | `recursion.rs` | recursive queries | 31 |
//! | `computed.rs` | what has no rule, looked at for its result | Theorem 7 |
//! | `set.rs` | union, except, intersect | 15, 16 |
//! | `group.rs` | group by, grouping sets, distinct | 17 to 21, 35 |
//! | `window.rs` | window functions over keys, distinct on | 22, 23, 25, 26, 35 |
//! | `along.rs` | window functions along time, by range | 24, 27 |
//! | `onward.rs` | window functions that look to one side along time | 25, 26, 27 |
//! | `band.rs` | conditions that hold rows against the value of a subquery | 30 |
//! | `clock.rs` | conditions that read the clock | 32 |
//! | `rows.rs` | the rows of a relation, or more, as SQL: what translates one set of slices into another | |
//! | `live.rs` | the columns and filters that matter, per table | |
//! | `determined.rs` | which columns follow from which | |
//! | `ties.rs` | orders that leave open which row comes first | 33 |
//! | `moment.rs` | `asof` joins of rows that may have no moment | 12, 33 |
//! | `mutant.rs` | deliberately wrong variants of the rules, for tests | |
//!
//! An operator without a rule gives everything: right, only wider.

mod along;
mod band;
mod both;
pub(crate) mod clock;
mod computed;
mod determined;
mod expand;
mod group;
mod join;
pub(crate) mod live;
pub(crate) mod moment;
pub(crate) mod mutant;
mod onward;
mod outer;
mod recursion;
mod row;
mod rows;
mod set;
mod target;
mod tie;
mod ties;
mod window;

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::tree::{Node, Tree, is_large};
use crate::{Catalog, Effect, Finding, Group, Piece, Reach, Step};

pub(crate) use computed::Computed;
pub use mutant::Mutant;
pub(crate) use target::{Shape, Target};

/// How changes of one scan become dirty slices of the relation above, as far as the walk has come.
#[derive(Debug, Clone)]
pub(crate) struct Partial {
    pub scan: usize,
    pub group: Group,
    /// What to look at instead of the scan's own rows.
    pub rows: Option<Computed>,
    pub steps: Vec<Step>,
    pub effect: Effect,
}

impl Partial {
    /// Carries the slices one relation further up. A change that reaches everything there reaches everything above.
    fn then(mut self, step: &Step) -> Self {
        if self.effect == Effect::Partitions {
            self.steps.push(step.clone());
        }
        self
    }
}

/// What decides which slices a restriction keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The dirty partitions of the result.
    Output,
    /// A driver's set of key hashes.
    Driver(usize),
}

/// Restrictions, by scan; none means that the scan is read whole.
pub(crate) type Reaches = BTreeMap<usize, Option<Vec<Reach>>>;

/// Lets rows of a scan through, besides those that something else lets through.
pub(crate) fn let_through(reaches: &mut Reaches, scan: usize, reach: Option<Reach>) {
    let known = reaches.entry(scan).or_insert_with(|| Some(Vec::new()));
    match (known.as_mut(), reach) {
        (Some(known), Some(reach)) => {
            if !known.contains(&reach) {
                known.push(reach);
            }
        }
        _ => *known = None,
    }
}

/// What either lets through.
pub(crate) fn unite(reaches: &mut Reaches, others: Reaches) {
    for (scan, others) in others {
        match others {
            None => let_through(reaches, scan, None),
            Some(others) => others.into_iter().for_each(|reach| let_through(reaches, scan, Some(reach))),
        }
    }
}

/// A walk over a bound query.
pub(crate) struct Walk<'t> {
    pub tree: &'t Tree,
    /// Whom to ask for types.
    pub catalog: &'t dyn Catalog,
    /// How many sets are filled for others to read.
    kept: Cell<usize>,
    /// A rule to get wrong on purpose.
    pub mutant: Option<Mutant>,
}

impl<'t> Walk<'t> {
    /// A walk over a bound query.
    pub fn new(tree: &'t Tree, catalog: &'t dyn Catalog, mutant: Option<Mutant>) -> Self {
        Self { tree, catalog, kept: Cell::new(0), mutant }
    }

    /// The number of a new set that terms fill for others to read.
    fn new_set(&self) -> usize {
        let number = self.kept.get();
        self.kept.set(number + 1);
        number
    }

    /// How changes of the tables below `node` become dirty slices of it.
    pub fn dirty(&self, node: &Node, target: &Target) -> Vec<Partial> {
        if target.columns().is_empty() {
            // All rows lie in one slice, and so does what any change does to them.
            return node.scans().into_iter().map(|scan| row::dirty_scan(self, scan, target)).collect();
        }
        match node {
            Node::Scan(scan) => vec![row::dirty_scan(self, *scan, target)],
            Node::Constant { .. } => Vec::new(),
            Node::Filter { input, conjuncts } => band::dirty_filter(self, input, conjuncts, target),
            Node::Project { input, items } => {
                let below = target.through_items(items);
                if below.expressions.iter().any(is_large) {
                    return self.everything(node, &row::too_large());
                }
                self.dirty(input, &below)
            }
            Node::Expand { input, ids, series } => expand::dirty_expand(self, input, ids, series.as_ref(), target),
            Node::Recursive { .. } => recursion::dirty_recursive(self, node, target),
            Node::Join { .. } => join::dirty_join(self, node, target),
            Node::Depend { .. } => join::dirty_depend(self, node, target),
            Node::Group { input, keys, aggregates } => group::dirty_group(self, input, keys, aggregates, target),
            Node::Distinct { input } => self.dirty(input, target),
            Node::Window { input, functions } => window::dirty_window(self, input, functions, target),
            Node::Set { branches, ids, .. } => set::dirty_set(self, node, branches, ids, target),
            Node::Opaque { finding, .. } => {
                computed::dirty_computed(self, node, target).unwrap_or_else(|| self.everything(node, finding))
            }
        }
    }

    /// Which rows of the tables below `node` its slices may read.
    pub fn restrict(
        &self,
        node: &Node,
        target: &Target,
        source: Source,
        reaches: &mut Reaches,
        drivers: &mut Vec<Vec<Piece>>,
    ) {
        if target.columns().is_empty() {
            return node.scans().into_iter().for_each(|scan| row::restrict_scan(self, scan, target, source, reaches));
        }
        match node {
            Node::Scan(scan) => row::restrict_scan(self, *scan, target, source, reaches),
            Node::Constant { .. } => {}
            Node::Filter { input, .. } | Node::Distinct { input } => {
                self.restrict(input, target, source, reaches, drivers);
            }
            Node::Project { input, items } => {
                let below = target.through_items(items);
                if below.expressions.iter().any(is_large) {
                    return read_whole(node, reaches);
                }
                self.restrict(input, &below, source, reaches, drivers);
            }
            Node::Recursive { .. } => recursion::restrict_recursive(self, node, target, source, reaches, drivers),
            Node::Expand { input, ids, .. } if target.columns().iter().all(|id| !ids.contains(id)) => {
                self.restrict(input, target, source, reaches, drivers);
            }
            Node::Expand { .. } | Node::Opaque { .. } => read_whole(node, reaches),
            Node::Join { .. } => join::restrict_join(self, node, target, source, reaches, drivers),
            Node::Depend { .. } => join::restrict_depend(self, node, target, source, reaches, drivers),
            Node::Group { input, keys, aggregates } => {
                group::restrict_group(self, input, keys, aggregates, target, source, reaches, drivers);
            }
            Node::Window { input, functions } => {
                window::restrict_window(self, input, functions, target, source, reaches, drivers);
            }
            Node::Set { branches, ids, .. } => {
                if !set::carries(self, target) {
                    return read_whole(node, reaches);
                }
                for (branch, columns) in branches {
                    self.restrict(branch, &set::below(self, target, ids, columns), source, reaches, drivers);
                }
            }
        }
    }

    /// Any change of any table below makes every partition dirty.
    pub fn everything(&self, node: &Node, finding: &Finding) -> Vec<Partial> {
        node.scans().into_iter().map(|scan| self.whole(scan, finding)).collect()
    }

    /// Any change of one table makes every partition dirty.
    pub fn whole(&self, scan: usize, finding: &Finding) -> Partial {
        let effect = Effect::All(self.with_place(scan, finding));
        Partial { scan, group: Group::Whole, rows: None, steps: Vec::new(), effect }
    }

    fn with_place(&self, scan: usize, finding: &Finding) -> Finding {
        let mut finding = finding.clone();
        if finding.place.is_none() {
            finding.place.clone_from(&self.tree.scans[scan].place);
        }
        finding
    }
}

/// Reads every table below whole.
pub(crate) fn read_whole(node: &Node, reaches: &mut Reaches) {
    for scan in node.scans() {
        let_through(reaches, scan, None);
    }
}
