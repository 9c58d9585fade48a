//! Which columns follow from which: two rows that agree in some columns agree in these, too.
//!
//! Dependencies are between columns, and a column's number never changes on its way up, so what holds in an input holds above it, with two
//! exceptions: the branches of a union have nothing to say of its columns, and a side that a left join may leave empty has no constants.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr};

use crate::dialect::type_of;
use crate::tree::{Id, JoinKind, Node, SetKind, Tree, as_column, columns_of, columns_of_all};

/// `known` and every column of `node`'s rows that follows from them.
pub(super) fn closure(tree: &Tree, node: &Node, known: BTreeSet<Id>) -> BTreeSet<Id> {
    let mut dependencies = Dependencies { tree, pairs: Vec::new(), made: BTreeSet::new() };
    dependencies.gather(node);
    for unique in tree.unique.iter().filter(|unique| unique.ids.is_subset(&dependencies.made)) {
        dependencies.pairs.push((unique.key.clone(), unique.ids.clone()));
    }
    let (mut known, mut size) = (known, 0);
    while known.len() > size {
        size = known.len();
        for (from, to) in &dependencies.pairs {
            if from.is_subset(&known) {
                known.extend(to);
            }
        }
    }
    known
}

struct Dependencies<'t> {
    tree: &'t Tree,
    /// From all of these follow those.
    pairs: Vec<(BTreeSet<Id>, BTreeSet<Id>)>,
    /// The columns that come to be on the way.
    made: BTreeSet<Id>,
}

impl Dependencies<'_> {
    fn follows(&mut self, from: impl IntoIterator<Item = Id>, to: impl IntoIterator<Item = Id>) {
        self.pairs.push((from.into_iter().collect(), to.into_iter().collect()));
    }

    fn gather(&mut self, node: &Node) {
        match node {
            Node::Scan(scan) => self.made.extend(&self.tree.scans[*scan].ids),
            Node::Constant { ids, .. } | Node::Opaque { ids, .. } => self.made.extend(ids),
            Node::Filter { input, conjuncts } => {
                self.gather(input);
                conjuncts.iter().for_each(|conjunct| self.condition(conjunct));
            }
            Node::Project { input, items } => {
                self.gather(input);
                items.iter().for_each(|(id, item)| self.computed(*id, item));
            }
            Node::Join { kind, left, right, others, complete, .. } => {
                self.joined(*kind, left, right, others, *complete);
            }
            Node::Depend { input, ids, .. } | Node::Expand { input, ids, .. } => {
                self.gather(input);
                self.made.extend(ids);
            }
            Node::Group { input, keys, aggregates } => {
                self.gather(input);
                keys.iter().for_each(|(id, key)| self.computed(*id, key));
                self.follows(keys.iter().map(|(id, _)| *id), aggregates.iter().map(|(id, _)| *id));
                self.made.extend(aggregates.iter().map(|(id, _)| *id));
            }
            Node::Distinct { input } => self.gather(input),
            Node::Window { input, functions } => {
                self.gather(input);
                // What is computed for a row is one value, whatever it was computed from.
                for key in keys_of_rows(self.tree, input) {
                    self.follows(key, functions.iter().map(|function| function.id));
                }
                for function in functions {
                    self.made.insert(function.id);
                    let bare: Option<Vec<Id>> = function.partition.iter().map(as_column).collect();
                    if let (true, Some(partition)) = (function.numbers, bare) {
                        let all = input.ids(&self.tree.scans);
                        self.follows(partition.into_iter().chain([function.id]), all);
                    }
                }
            }
            // What the step makes is bound to nothing that holds for the seed.
            Node::Recursive { columns, .. } => self.made.extend(columns.iter().map(|column| column.id)),
            Node::Set { branches, ids, kind } => {
                self.made.extend(ids);
                if let (SetKind::Except | SetKind::Intersect, Some((branch, columns))) = (kind, branches.first()) {
                    self.gather(branch);
                    for (id, column) in ids.iter().zip(columns) {
                        self.same(*id, *column);
                    }
                }
            }
        }
    }

    fn same(&mut self, one: Id, other: Id) {
        self.follows([one], [other]);
        self.follows([other], [one]);
    }

    fn computed(&mut self, id: Id, item: &Expr) {
        self.made.insert(id);
        self.follows(columns_of(item), [id]);
        if let Some(bare) = as_column(item) {
            self.follows([id], [bare]);
        }
    }

    /// A condition that all rows meet.
    fn condition(&mut self, condition: &Expr) {
        let Some((left, right)) = equality(condition) else { return };
        match (as_column(left), as_column(right)) {
            (Some(one), Some(other)) if self.alike(left, right) => self.same(one, other),
            (Some(one), None) if matches!(right, Expr::Value(_)) => self.follows([], [one]),
            (None, Some(other)) if matches!(left, Expr::Value(_)) => self.follows([], [other]),
            _ => {}
        }
    }

    /// Whether equal values of the two are one value.
    fn alike(&self, left: &Expr, right: &Expr) -> bool {
        let types = [left, right].map(|side| type_of(side, &self.tree.columns));
        types[0].is_some() && types[0] == types[1]
    }

    fn joined(&mut self, kind: JoinKind, left: &Node, right: &Node, conditions: &[Expr], complete: bool) {
        if kind == JoinKind::Full {
            // Rows of NULL stand beside those of either side: what holds of a side need not hold of both.
            return;
        }
        self.gather(left);
        if kind == JoinKind::Inner {
            self.gather(right);
            conditions.iter().for_each(|condition| self.condition(condition));
            return;
        }
        let mut side = Dependencies { tree: self.tree, pairs: Vec::new(), made: BTreeSet::new() };
        side.gather(right);
        self.pairs.extend(side.pairs.into_iter().filter(|(from, _)| !from.is_empty()));
        self.made.extend(side.made);
        if !complete {
            return;
        }
        // Which row is found, and whether one is, follows from what the condition reads on the left.
        let left_ids = left.ids(&self.tree.scans);
        let read: BTreeSet<Id> = &columns_of_all(conditions) & &left_ids;
        for (one, other) in conditions.iter().filter_map(equality) {
            let (one, other) = if columns_of(one).is_subset(&left_ids) { (one, other) } else { (other, one) };
            if let Some(found) = as_column(other).filter(|id| !left_ids.contains(id) && self.alike(one, other)) {
                self.follows(read.iter().copied(), [found]);
            }
        }
    }
}

/// Columns that tell the rows of a relation apart, each set of them alone: declared keys, as long as the rows stay the table's, and those of groups.
fn keys_of_rows(tree: &Tree, node: &Node) -> Vec<BTreeSet<Id>> {
    let ids = node.ids(&tree.scans);
    let mut keys: Vec<BTreeSet<Id>> =
        tree.unique.iter().filter(|unique| unique.ids == ids).map(|unique| unique.key.clone()).collect();
    match node {
        Node::Filter { input, .. }
        | Node::Project { input, .. }
        | Node::Window { input, .. }
        | Node::Depend { input, .. } => keys.extend(keys_of_rows(tree, input)),
        Node::Group { keys: by, .. } => keys.push(by.iter().map(|(id, _)| *id).collect()),
        Node::Distinct { .. } => keys.push(ids),
        _ => {}
    }
    keys
}

fn equality(condition: &Expr) -> Option<(&Expr, &Expr)> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => Some((left, right)),
        Expr::Nested(inner) => equality(inner),
        _ => None,
    }
}
