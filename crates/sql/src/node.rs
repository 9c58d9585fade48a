//! The bound query, looked through: which columns a relation has, where they are read, and what stands below it.

use std::collections::BTreeSet;

use sqlparser::ast::Expr;

use crate::tree::{Id, Node, Scan, Tree, columns_of, mentions};

impl Tree {
    /// In how many places a column is read.
    pub fn reads(&self, id: Id) -> usize {
        let decides = usize::from(self.decisive.contains_key(&id));
        usize::from(self.output.contains(&id)) + decides + self.root.reads(id, &[])
    }

    /// Whether a column is read nowhere but in some conditions, wherever these stand.
    pub fn reads_only_in(&self, id: Id, conditions: &[Expr]) -> bool {
        let named: usize = conditions.iter().map(|condition| mentions(condition, id)).sum();
        let decides = self.decisive.get(&id).copied().unwrap_or_default();
        decides <= named && !self.output.contains(&id) && self.root.reads(id, conditions) == 0
    }
}

impl Node {
    /// The columns of the relation.
    pub fn ids(&self, tree: &[Scan]) -> BTreeSet<Id> {
        match self {
            Self::Scan(index) => tree[*index].ids.iter().copied().collect(),
            Self::Constant { ids, .. } | Self::Set { ids, .. } | Self::Opaque { ids, .. } => {
                ids.iter().copied().collect()
            }
            Self::Filter { input, .. } | Self::Distinct { input, .. } => input.ids(tree),
            Self::Project { items, .. } => items.iter().map(|(id, _)| *id).collect(),
            Self::Join { left, right, .. } => &left.ids(tree) | &right.ids(tree),
            Self::Recursive { columns, .. } => columns.iter().map(|column| column.id).collect(),
            Self::Depend { input, ids, .. } | Self::Expand { input, ids, .. } => {
                input.ids(tree).into_iter().chain(ids.iter().copied()).collect()
            }
            Self::Group { keys, aggregates, .. } => keys.iter().chain(aggregates).map(|(id, _)| *id).collect(),
            Self::Window { input, functions } => {
                input.ids(tree).into_iter().chain(functions.iter().map(|function| function.id)).collect()
            }
        }
    }

    /// In how many places below a column is read, some conditions aside. What aggregates and windows of correlated subqueries read is not among them.
    pub fn reads(&self, id: Id, aside: &[Expr]) -> usize {
        let among = |expressions: &mut dyn Iterator<Item = &Expr>| {
            expressions.filter(|one| columns_of(one).contains(&id) && !aside.contains(one)).count()
        };
        match self {
            Self::Scan(_) | Self::Constant { .. } => 0,
            Self::Filter { input, conjuncts } => among(&mut conjuncts.iter()) + input.reads(id, aside),
            Self::Project { input, items } => among(&mut items.iter().map(|(_, item)| item)) + input.reads(id, aside),
            Self::Join { left, right, equalities, others, .. } => {
                let pairs = equalities.iter().flat_map(|(left, right)| [left, right]);
                among(&mut pairs.chain(others)) + left.reads(id, aside) + right.reads(id, aside)
            }
            Self::Depend { input, on, tie, .. } => {
                let pairs = tie.equalities.iter().flat_map(|(own, theirs)| [own, theirs]);
                let nearest = tie.nearest.iter().flat_map(|nearest| [&nearest.own, &nearest.theirs]);
                among(&mut pairs.chain(&tie.others).chain(nearest)) + input.reads(id, aside) + on.reads(id, aside)
            }
            Self::Expand { input, series, .. } => {
                usize::from(series.as_ref().is_none_or(|series| series.given.contains(&id))) + input.reads(id, aside)
            }
            Self::Recursive { seed, step, columns, .. } => {
                let named = columns.iter().filter(|column| column.seed == id || column.step == id).count();
                named + seed.reads(id, aside) + step.reads(id, aside)
            }
            Self::Group { input, keys, aggregates } => {
                among(&mut keys.iter().chain(aggregates).map(|(_, item)| item)) + input.reads(id, aside)
            }
            // Every column of the input is looked at.
            Self::Distinct { input } => 1 + input.reads(id, aside),
            Self::Window { input, functions } => {
                functions.iter().filter(|function| function.uses.contains(&id)).count() + input.reads(id, aside)
            }
            Self::Set { branches, .. } => {
                branches.iter().map(|(branch, ids)| usize::from(ids.contains(&id)) + branch.reads(id, aside)).sum()
            }
            Self::Opaque { inputs, .. } => inputs.iter().map(|input| 1 + input.reads(id, aside)).sum(),
        }
    }

    /// The scans below, in order.
    pub fn scans(&self) -> Vec<usize> {
        match self {
            Self::Scan(index) => vec![*index],
            _ => self.inputs().into_iter().flat_map(Self::scans).collect(),
        }
    }

    /// The relations right below.
    pub fn inputs(&self) -> Vec<&Self> {
        match self {
            Self::Scan(_) | Self::Constant { .. } => Vec::new(),
            Self::Filter { input, .. }
            | Self::Project { input, .. }
            | Self::Expand { input, .. }
            | Self::Group { input, .. }
            | Self::Distinct { input, .. }
            | Self::Window { input, .. } => vec![input],
            Self::Join { left, right, .. } => vec![left, right],
            Self::Depend { input, on, .. } => vec![input, on],
            Self::Recursive { seed, step, .. } => vec![seed, step],
            Self::Set { branches, .. } => branches.iter().map(|(branch, _)| branch).collect(),
            Self::Opaque { inputs, .. } => inputs.iter().collect(),
        }
    }

    /// The same, to be changed.
    pub fn inputs_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Scan(_) | Self::Constant { .. } => Vec::new(),
            Self::Filter { input, .. }
            | Self::Project { input, .. }
            | Self::Expand { input, .. }
            | Self::Group { input, .. }
            | Self::Distinct { input, .. }
            | Self::Window { input, .. } => vec![input],
            Self::Join { left, right, .. } => vec![left, right],
            Self::Depend { input, on, .. } => vec![input, on],
            Self::Recursive { seed, step, .. } => vec![seed, step],
            Self::Set { branches, .. } => branches.iter_mut().map(|(branch, _)| branch).collect(),
            Self::Opaque { inputs, .. } => inputs.iter_mut().collect(),
        }
    }
}
