//! The clock: rule 32.
//!
//! - **What**: `where cast(received_at as date) <= current_date`: a condition on one table's own rows that reads the clock, or the session; and
//!   `generate_series(date '2024-01-01', current_date, interval 1 day)`: rows that no table has a part in, and the clock has. A series of each row,
//!   `generate_series(valid_from, current_date, interval 1 day)`, is made beside such a row of one moment (`bind/series.rs`).
//! - **Footprint**: none of its own. The clock stands still within a transaction, so detecting and building see the same moment.
//! - **Dirty map**: a table filtered so is a table like any other, whose rows come and go as time passes. The condition is part of the probe's
//!   filter: the groups whose fingerprint over the rows that pass *now* differs from the one over the rows that passed *then* are those with
//!   rows in the crossed band, and they go the way of any change. Such a probe is *moving*: no feed can tell that nothing changed in it.
//!   Rows that the clock makes are looked at as if they were a table's: they are computed, and fingerprinted. What time added or took away since
//!   the last run has changed, and goes the way of any change.
//! - **Condition**: the condition sinks to the scans it reads, past filters, projections, joins that keep its side, groups that have its columns
//!   for keys, and the branches of set operations.
//! - **Fallback**: the model is rebuilt whole in every run.
//! - **Source**: exact.md 2.3 freezes the clock in the ledger and computes the band; here the fingerprints do, at no cost of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Spanned, visit_expressions};
use sqlparser::tokenizer::Span;

use super::live::through;
use crate::tree::{Id, JoinKind, Node, Passing, Scan, Tree, columns_of, is_large, substitute};

/// Where the clock does no harm.
#[derive(Default)]
pub(crate) struct Clocks {
    /// Calls of which every mention is accounted for.
    pub harmless: Vec<Span>,
    /// Scans whose filter moves with the clock.
    pub moving: BTreeSet<usize>,
}

/// Finds the calls among `read` (one entry per mention) that stand in conditions on single tables, or in rows of which no table has a part. Those
/// rows become a table of their own in the tree.
pub(crate) fn clocks(tree: &mut Tree, read: &[Span]) -> Clocks {
    if read.is_empty() {
        return Clocks::default();
    }
    let mut sinking =
        Sinking { tree, read, found: BTreeMap::new(), moving: BTreeSet::new(), constants: BTreeSet::new() };
    sinking.walk(&tree.root);
    let constants = sinking.constants;
    let Tree { root, scans, .. } = tree;
    pass(root, scans, &constants);
    let mut sinking =
        Sinking { tree, read, found: BTreeMap::new(), moving: BTreeSet::new(), constants: BTreeSet::new() };
    sinking.walk(&tree.root);
    let mentions = |span: &Span| read.iter().filter(|other| *other == span).count();
    let harmless: Vec<Span> = sinking
        .found
        .iter()
        .filter(|((_, span), count)| mentions(span) == **count)
        .map(|((_, span), _)| *span)
        .collect();
    Clocks { harmless, moving: sinking.moving }
}

/// Puts scans in the place of constants, which are told by their first columns.
fn pass(node: &mut Node, scans: &mut Vec<Scan>, constants: &BTreeSet<Id>) {
    if let Node::Constant { sql: Some(sql), ids, clocks } = node
        && ids.first().is_some_and(|first| constants.contains(first))
    {
        scans.push(Scan {
            table: vec![NAME.to_owned()],
            alias: NAME.to_owned(),
            ids: ids.clone(),
            site: (0, 0),
            aliased: false,
            through: Vec::new(),
            place: None,
            passing: Some(Passing { sql: sql.clone(), clocks: clocks.clone() }),
        });
        *node = Node::Scan(scans.len() - 1);
        return;
    }
    node.inputs_mut().into_iter().for_each(|input| pass(input, scans, constants));
}

/// What rows that the clock makes are called.
const NAME: &str = "the clock";

/// What a condition comes down to.
enum Leaf {
    Scan(usize),
    /// By its first column.
    Constant(Id),
}

struct Sinking<'t> {
    tree: &'t Tree,
    read: &'t [Span],
    /// How often a call was met in a condition that sinks, in order of the text.
    found: BTreeMap<((u64, u64), Span), usize>,
    moving: BTreeSet<usize>,
    /// The first columns of the constants that have to become scans.
    constants: BTreeSet<Id>,
}

impl Sinking<'_> {
    fn walk(&mut self, node: &Node) {
        match node {
            // No rule says where the clock leads within a recursion.
            Node::Recursive { .. } => {}
            Node::Scan(scan) => {
                if let Some(passing) = &self.tree.scans[*scan].passing {
                    self.moving.insert(*scan);
                    self.count(&passing.clocks);
                }
            }
            Node::Constant { sql: Some(_), ids, clocks } if !clocks.is_empty() => self.constants.extend(ids.first()),
            Node::Constant { .. } => {}
            Node::Filter { input, conjuncts } => {
                conjuncts.iter().for_each(|conjunct| self.condition(input, conjunct));
                self.walk(input);
            }
            Node::Join { kind, left, right, others, .. } => {
                for condition in others {
                    match kind {
                        JoinKind::Inner => self.condition(node, condition),
                        JoinKind::Left => self.condition(right, condition),
                        // A row that it drops stands there alone.
                        JoinKind::Full => {}
                    }
                }
                self.walk(left);
                self.walk(right);
            }
            Node::Depend { input, on, .. } => {
                self.walk(input);
                self.walk(on);
            }
            Node::Project { input, .. }
            | Node::Expand { input, .. }
            | Node::Group { input, .. }
            | Node::Distinct { input }
            | Node::Window { input, .. } => self.walk(input),
            Node::Set { branches, .. } => branches.iter().for_each(|(branch, _)| self.walk(branch)),
            Node::Opaque { inputs, .. } => inputs.iter().for_each(|input| self.walk(input)),
        }
    }

    fn condition(&mut self, node: &Node, condition: &Expr) {
        let calls = self.calls(condition);
        if calls.is_empty() {
            return;
        }
        if let Some(leaves) = self.sinks(node, condition) {
            for leaf in leaves {
                match leaf {
                    Leaf::Scan(scan) => drop(self.moving.insert(scan)),
                    Leaf::Constant(first) => drop(self.constants.insert(first)),
                }
            }
            self.count(&calls);
        }
    }

    fn count(&mut self, calls: &[Span]) {
        for span in calls {
            *self.found.entry(((span.start.line, span.start.column), *span)).or_default() += 1;
        }
    }

    fn calls(&self, condition: &Expr) -> Vec<Span> {
        let mut calls = Vec::new();
        let _ = visit_expressions(condition, |part: &Expr| {
            if let Expr::Function(function) = part {
                calls.extend(Some(function.name.span()).filter(|span| self.read.contains(span)));
            }
            ControlFlow::<()>::Continue(())
        });
        calls
    }

    /// Where a condition on a relation comes down to unchanged; none when it does not.
    fn sinks(&self, node: &Node, condition: &Expr) -> Option<Vec<Leaf>> {
        let columns = columns_of(condition);
        let scans = &self.tree.scans;
        if columns.is_empty() || !columns.is_subset(&node.ids(scans)) {
            return None;
        }
        match node {
            Node::Scan(scan) => Some(vec![Leaf::Scan(*scan)]),
            Node::Constant { sql: Some(_), ids, .. } => ids.first().map(|first| vec![Leaf::Constant(*first)]),
            Node::Filter { input, .. } | Node::Distinct { input } => self.sinks(input, condition),
            Node::Depend { input, .. } | Node::Expand { input, .. } if columns.is_subset(&input.ids(scans)) => {
                self.sinks(input, condition)
            }
            Node::Project { input, items } => {
                let below = through(condition, items);
                if is_large(&below) { None } else { self.sinks(input, &below) }
            }
            Node::Group { input, keys, .. } if columns.iter().all(|id| keys.iter().any(|(key, _)| key == id)) => {
                self.sinks(input, &through(condition, keys))
            }
            Node::Join { kind: JoinKind::Inner | JoinKind::Left, left, .. } if columns.is_subset(&left.ids(scans)) => {
                self.sinks(left, condition)
            }
            Node::Join { kind: JoinKind::Inner, right, .. } if columns.is_subset(&right.ids(scans)) => {
                self.sinks(right, condition)
            }
            Node::Set { branches, ids, .. } if columns.is_disjoint(&self.tree.coerced) => {
                let sunk = branches.iter().map(|(branch, own)| {
                    let at = |id| ids.iter().position(|other| *other == id).map(|at| crate::tree::column(own[at]));
                    self.sinks(branch, &substitute(condition, &at))
                });
                sunk.collect::<Option<Vec<_>>>().map(|sunk| sunk.into_iter().flatten().collect())
            }
            _ => None,
        }
    }
}
