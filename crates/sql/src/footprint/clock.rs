//! The clock in a filter: rule 32.
//!
//! - **What**: `where cast(received_at as date) <= current_date`: a condition on one table's own rows that reads the clock, or the session.
//! - **Footprint**: none of its own. The clock stands still within a transaction, so detecting and building see the same moment.
//! - **Dirty map**: a table filtered so is a table like any other, whose rows come and go as time passes. The condition is part of the probe's
//!   filter: the groups whose fingerprint over the rows that pass *now* differs from the one over the rows that passed *then* are those with
//!   rows in the crossed band, and they go the way of any change. Such a probe is *moving*: no feed can tell that nothing changed in it.
//! - **Condition**: the condition sinks to the scans it reads, past filters, projections, joins that keep its side, groups that have its columns
//!   for keys, and the branches of set operations.
//! - **Fallback**: the model is rebuilt whole in every run.
//! - **Source**: exact.md 2.3 freezes the clock in the ledger and computes the band; here the fingerprints do, at no cost of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Spanned, visit_expressions};
use sqlparser::tokenizer::Span;

use super::live::through;
use crate::tree::{JoinKind, Node, Tree, columns_of, is_large, substitute};

/// Where the clock does no harm.
#[derive(Default)]
pub(crate) struct Clocks {
    /// Calls of which every mention is accounted for.
    pub harmless: Vec<Span>,
    /// Scans whose filter moves with the clock.
    pub moving: BTreeSet<usize>,
}

/// Finds the calls among `read` (one entry per mention) that stand in conditions on single tables.
pub(crate) fn clocks(tree: &Tree, read: &[Span]) -> Clocks {
    let mut sinking = Sinking { tree, read, found: BTreeMap::new(), moving: BTreeSet::new() };
    if !read.is_empty() {
        sinking.walk(&tree.root);
    }
    let mentions = |span: &Span| read.iter().filter(|other| *other == span).count();
    let harmless: Vec<Span> = sinking
        .found
        .iter()
        .filter(|((_, span), count)| mentions(span) == **count)
        .map(|((_, span), _)| *span)
        .collect();
    Clocks { harmless, moving: sinking.moving }
}

struct Sinking<'t> {
    tree: &'t Tree,
    read: &'t [Span],
    /// How often a call was met in a condition that sinks, in order of the text.
    found: BTreeMap<((u64, u64), Span), usize>,
    moving: BTreeSet<usize>,
}

impl Sinking<'_> {
    fn walk(&mut self, node: &Node) {
        match node {
            // No rule says where the clock leads within a recursion.
            Node::Scan(_) | Node::Constant { .. } | Node::Recursive { .. } => {}
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
        if let Some(scans) = self.sinks(node, condition) {
            self.moving.extend(scans);
            for span in calls {
                *self.found.entry(((span.start.line, span.start.column), span)).or_default() += 1;
            }
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

    /// The scans to which a condition on a relation comes down unchanged; none when it does not.
    fn sinks(&self, node: &Node, condition: &Expr) -> Option<Vec<usize>> {
        let columns = columns_of(condition);
        let scans = &self.tree.scans;
        if columns.is_empty() || !columns.is_subset(&node.ids(scans)) {
            return None;
        }
        match node {
            Node::Scan(scan) => Some(vec![*scan]),
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
                sunk.collect::<Option<Vec<_>>>().map(|sunk| sunk.concat())
            }
            _ => None,
        }
    }
}
