//! What matters in a table: the columns that reach the result or decide something on the way, and the filters every used row passes.
//! A change outside of both is no change.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::Expr;

use super::Walk;
use super::row::own_column;
use super::ties;
use crate::Finding;
use crate::tree::{
    Id, JoinKind, Node, Order, SetKind, Tie, Tree, WindowFunction, columns_of, columns_of_all, is_large, substitute,
};

/// By scan, the columns that matter.
pub(crate) fn columns(tree: &Tree) -> BTreeMap<usize, BTreeSet<Id>> {
    walked(tree).found
}

/// Functions whose order leaves ties among rows that differ in what matters.
pub(crate) fn ties(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for finding in walked(tree).ties {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

fn walked(tree: &Tree) -> Live<'_> {
    let mut live = Live { tree, found: BTreeMap::new(), ties: Vec::new() };
    live.walk(&tree.root, &tree.output.iter().copied().collect());
    for (input, function, kept) in &tree.limits {
        live.ties.extend(
            function
                .order
                .as_ref()
                .and_then(|order| ties::open(tree, input, order, &[], kept, function.place.as_ref())),
        );
    }
    live
}

struct Live<'t> {
    tree: &'t Tree,
    found: BTreeMap<usize, BTreeSet<Id>>,
    ties: Vec<Finding>,
}

impl Live<'_> {
    fn walk(&mut self, node: &Node, wanted: &BTreeSet<Id>) {
        let own = node.ids(&self.tree.scans);
        let wanted: BTreeSet<Id> =
            wanted.iter().chain(self.tree.decisive.keys()).copied().filter(|id| own.contains(id)).collect();
        match node {
            Node::Scan(scan) => self.found.entry(*scan).or_default().extend(wanted),
            Node::Constant { .. } => {}
            Node::Filter { input, conjuncts } => self.walk(input, &(&wanted | &columns_of_all(conjuncts))),
            Node::Project { input, items } => {
                let items = items.iter().filter(|(id, _)| wanted.contains(id)).map(|(_, item)| item);
                self.walk(input, &columns_of_all(items));
            }
            Node::Join { left, right, equalities, others, .. } => {
                let pairs = equalities.iter().flat_map(|(a, b)| [a, b]);
                let wanted = &wanted | &columns_of_all(pairs.chain(others));
                self.walk(left, &wanted);
                self.walk(right, &wanted);
            }
            Node::Depend { input, on, tie, .. } => {
                self.ties_of_nearest(on, tie, &wanted);
                let equal = tie.equalities.iter().map(|(outer, _)| outer);
                let outer = columns_of_all(equal.chain(&tie.others));
                self.walk(input, &(&wanted | &outer));
                // What a subquery computes from its rows is not part of the tree: every column may matter.
                self.walk(on, &on.ids(&self.tree.scans));
            }
            Node::Expand { input, series: Some(series), .. } => self.walk(input, &(&wanted | &series.given)),
            Node::Expand { input, .. } => self.walk(input, &input.ids(&self.tree.scans)),
            Node::Recursive { seed, step, .. } => {
                self.every_column(seed);
                self.every_column(step);
            }
            Node::Group { input, keys, aggregates } => {
                let kept: Vec<Expr> = keys.iter().map(|(_, key)| key.clone()).collect();
                for pick in self.tree.picks.iter().filter(|pick| wanted.contains(&pick.id)) {
                    if aggregates.iter().any(|(id, _)| *id == pick.id) {
                        let found =
                            ties::open(self.tree, input, &pick.order, &kept, &BTreeSet::new(), pick.place.as_ref());
                        self.ties.extend(found);
                    }
                }
                let aggregates = aggregates.iter().filter(|(id, _)| wanted.contains(id));
                self.walk(input, &columns_of_all(keys.iter().chain(aggregates).map(|(_, item)| item)));
            }
            Node::Distinct { input } => self.walk(input, &own),
            Node::Window { input, functions } => {
                let uses = functions.iter().flat_map(|function| function.uses.iter().copied());
                let below: BTreeSet<Id> = wanted.iter().copied().chain(uses).collect();
                let below = &below & &input.ids(&self.tree.scans);
                self.ties_of_windows(input, functions, &wanted);
                self.walk(input, &below);
            }
            Node::Set { branches, ids, kind } => {
                for (branch, columns) in branches {
                    let kept = columns.iter().zip(ids);
                    let kept = kept.filter(|(_, id)| *kind != SetKind::UnionAll || wanted.contains(id));
                    self.walk(branch, &kept.map(|(column, _)| *column).collect());
                }
            }
            Node::Opaque { inputs, .. } => inputs.iter().for_each(|input| self.every_column(input)),
        }
    }

    fn ties_of_windows(&mut self, input: &Node, functions: &[WindowFunction], wanted: &BTreeSet<Id>) {
        let asked: Vec<&WindowFunction> = functions.iter().filter(|function| wanted.contains(&function.id)).collect();
        let uses = asked.iter().flat_map(|function| function.uses.iter().copied());
        let kept: BTreeSet<Id> = wanted.iter().copied().chain(uses).collect();
        let kept = &kept & &input.ids(&self.tree.scans);
        for function in asked {
            if let Some(order) = &function.order {
                self.ties.extend(ties::open(self.tree, input, order, &[], &kept, function.place.as_ref()));
            }
        }
    }

    /// Of rows that are equally near, an `asof` join takes whichever it likes.
    fn ties_of_nearest(&mut self, on: &Node, tie: &Tie, wanted: &BTreeSet<Id>) {
        let Some(nearest) = &tie.nearest else { return };
        let keys = tie.equalities.iter().map(|(_, theirs)| theirs);
        let by = keys.chain([&nearest.theirs]).cloned().collect();
        let kept =
            nearest.found.iter().filter(|(_, fresh)| wanted.contains(fresh)).map(|(theirs, _)| *theirs).collect();
        let order = Order { name: ties::ASOF.to_owned(), by, values: None };
        self.ties.extend(ties::open(self.tree, on, &order, &[], &kept, nearest.place.as_ref()));
    }

    fn every_column(&mut self, node: &Node) {
        for scan in node.scans() {
            self.found.entry(scan).or_default().extend(&self.tree.scans[scan].ids);
        }
    }
}

/// By scan, the filters that every used row passes, as SQL over the table's own columns.
pub(crate) fn filters(walk: &Walk<'_>) -> BTreeMap<usize, Vec<String>> {
    let mut found = BTreeMap::new();
    push(walk, &walk.tree.root, &[], &mut found);
    found
}

fn push(walk: &Walk<'_>, node: &Node, above: &[Expr], found: &mut BTreeMap<usize, Vec<String>>) {
    let within = |node: &Node, conditions: &[Expr]| -> Vec<Expr> {
        let ids = node.ids(&walk.tree.scans);
        let fits = |condition: &&Expr| {
            let columns = columns_of(condition);
            !columns.is_empty() && columns.is_subset(&ids)
        };
        conditions.iter().filter(fits).cloned().collect()
    };
    match node {
        Node::Scan(scan) => {
            let texts: Vec<String> = within(node, above)
                .iter()
                .map(|condition| format!("({})", substitute(condition, &|id| own_column(walk, *scan, id))))
                .collect();
            // What is read in several places must pass the filters of all of them.
            match found.get_mut(scan) {
                Some(known) => known.retain(|text| texts.contains(text)),
                None => drop(found.insert(*scan, texts)),
            }
        }
        Node::Constant { .. } => {}
        Node::Filter { input, conjuncts } => {
            let conditions = [above, conjuncts.as_slice()].concat();
            push(walk, input, &within(input, &conditions), found);
        }
        Node::Project { input, items } => {
            let mut below: Vec<Expr> = above.iter().map(|condition| through(condition, items)).collect();
            below.retain(|condition| !is_large(condition));
            push(walk, input, &within(input, &below), found);
        }
        Node::Join { kind, left, right, others, .. } => match kind {
            JoinKind::Inner => {
                let conditions = [above, others.as_slice()].concat();
                push(walk, left, &within(left, &conditions), found);
                push(walk, right, &within(right, &conditions), found);
            }
            JoinKind::Left => {
                push(walk, left, &within(left, above), found);
                push(walk, right, &within(right, others), found);
            }
            // A row that a filter drops takes its partner's place among those without one.
            JoinKind::Full => {
                push(walk, left, &[], found);
                push(walk, right, &[], found);
            }
        },
        Node::Depend { input, on, .. } => {
            push(walk, input, &within(input, above), found);
            push(walk, on, &[], found);
        }
        Node::Expand { input, .. } | Node::Distinct { input } => {
            push(walk, input, &within(input, above), found);
        }
        Node::Group { input, keys, .. } => {
            let ids: BTreeSet<Id> = keys.iter().map(|(id, _)| *id).collect();
            let on_keys = above.iter().filter(|condition| columns_of(condition).is_subset(&ids));
            let below: Vec<Expr> = on_keys.map(|condition| through(condition, keys)).collect();
            push(walk, input, &within(input, &below), found);
        }
        Node::Set { branches, ids, .. } => {
            for (branch, columns) in branches {
                let at = |id: Id| ids.iter().position(|other| *other == id);
                // Where a branch has another type, the condition may say something else of its values.
                let same = |condition: &&Expr| columns_of(condition).is_disjoint(&walk.tree.coerced);
                let below: Vec<Expr> = above
                    .iter()
                    .filter(same)
                    .map(|condition| substitute(condition, &|id| at(id).map(|at| crate::tree::column(columns[at]))))
                    .collect();
                push(walk, branch, &within(branch, &below), found);
            }
        }
        Node::Recursive { seed, step, .. } => {
            push(walk, seed, &[], found);
            push(walk, step, &[], found);
        }
        // A window looks at rows that a filter above it drops.
        Node::Window { input, .. } => push(walk, input, &[], found),
        Node::Opaque { inputs, .. } => inputs.iter().for_each(|input| push(walk, input, &[], found)),
    }
}

pub(super) fn through(condition: &Expr, items: &[(Id, Expr)]) -> Expr {
    substitute(condition, &|id| items.iter().find(|(other, _)| *other == id).map(|(_, item)| item.clone()))
}
