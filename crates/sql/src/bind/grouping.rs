//! Grouping sets, `rollup` and `cube`: rule 21. They are bound as what they stand for: a union of one group per set, in which the keys that a
//! set leaves out are NULL.

use std::collections::BTreeMap;

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::{Binder, function_name};
use crate::dialect::cast_to;
use crate::tree::{Id, Node, Pick, SetKind, column};

/// More sets than this are not written out.
const MOST_SETS: usize = 40;

/// A list of keys that one part of a `group by` stands for, several times over: `rollup (a, b)` is `[a, b]`, `[a]`, `[]`.
pub(super) type Alternatives = Vec<Vec<Expr>>;

/// What one part of a `group by` stands for; none when it is a plain key.
pub(super) fn alternatives(part: &Expr) -> Option<Alternatives> {
    match part {
        Expr::GroupingSets(sets) => Some(sets.clone()),
        Expr::Rollup(parts) => Some(rollup(parts)),
        Expr::Cube(parts) => Some(cube(parts)),
        Expr::Function(function) => {
            let parts = composite(function)?;
            match function_name(function).as_str() {
                "rollup" => Some(rollup(&parts)),
                "cube" => Some(cube(&parts)),
                "grouping_sets" => Some(parts),
                _ => None,
            }
        }
        _ => None,
    }
}

fn composite(function: &Function) -> Option<Vec<Vec<Expr>>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let part = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Tuple(parts))) => Some(parts.clone()),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(single)) => Some(vec![single.clone()]),
        _ => None,
    };
    list.args.iter().map(part).collect()
}

fn rollup(parts: &[Vec<Expr>]) -> Alternatives {
    (0..=parts.len()).rev().map(|length| parts[..length].concat()).collect()
}

fn cube(parts: &[Vec<Expr>]) -> Alternatives {
    if parts.len() > 6 {
        return vec![Vec::new(); MOST_SETS + 1];
    }
    let chosen = |mask: usize| {
        parts.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).flat_map(|(_, part)| part.clone()).collect()
    };
    (0..1 << parts.len()).rev().map(chosen).collect()
}

/// Every way to take one alternative of each part, as lists; none when they are too many.
pub(super) fn product(parts: Vec<Alternatives>) -> Option<Vec<Vec<Expr>>> {
    let mut sets: Vec<Vec<Expr>> = vec![Vec::new()];
    for part in parts {
        if sets.len() * part.len() > MOST_SETS {
            return None;
        }
        sets = sets.iter().flat_map(|set| part.iter().map(move |more| [set.as_slice(), more].concat())).collect();
    }
    Some(sets)
}

impl Binder<'_> {
    /// The group of every set, one below the other. `sets` name keys by their place.
    pub(super) fn grouped_by_sets(
        &mut self,
        source: &Node,
        keys: &[(Id, Expr)],
        sets: &[Vec<usize>],
        aggregates: &[(Id, Expr)],
    ) -> Node {
        let ids: Vec<Id> = keys.iter().map(|(id, _)| *id).chain(aggregates.iter().map(|(id, _)| *id)).collect();
        let branches = sets.iter().map(|set| self.branch(source, keys, set, aggregates)).collect();
        Node::Set { branches, ids, kind: SetKind::UnionAll }
    }

    fn branch(&mut self, source: &Node, keys: &[(Id, Expr)], set: &[usize], folded: &[(Id, Expr)]) -> (Node, Vec<Id>) {
        let fresh = |binder: &mut Self, id: Id| {
            let facts = binder.columns[id].clone();
            binder.new_column(facts.name, facts.data_type)
        };
        let mut own: BTreeMap<usize, Id> = BTreeMap::new();
        for at in set {
            let id = fresh(self, keys[*at].0);
            own.insert(*at, id);
        }
        let grouped: Vec<(Id, Expr)> = own.iter().map(|(at, id)| (*id, keys[*at].1.clone())).collect();
        let mut aggregates: Vec<(Id, Expr)> = Vec::new();
        for (id, aggregate) in folded {
            let new = fresh(self, *id);
            let picks: Vec<Pick> =
                self.picks.iter().filter(|pick| pick.id == *id).map(|pick| Pick { id: new, ..pick.clone() }).collect();
            self.picks.extend(picks);
            aggregates.push((new, aggregate.clone()));
        }
        let mut items: Vec<(Id, Expr)> = Vec::new();
        for (at, (id, _)) in keys.iter().enumerate() {
            let null = Expr::value(sqlparser::ast::Value::Null);
            let item = match (own.get(&at), self.columns[*id].data_type.clone()) {
                (Some(own), _) => column(*own),
                (None, Some(data_type)) => cast_to(self.dialect(), null, &data_type),
                (None, None) => null,
            };
            items.push((fresh(self, *id), item));
        }
        for (id, _) in &aggregates {
            items.push((fresh(self, *id), column(*id)));
        }
        let columns = items.iter().map(|(id, _)| *id).collect();
        let group = Node::Group { input: Box::new(source.clone()), keys: grouped, aggregates };
        (Node::Project { input: Box::new(group), items }, columns)
    }
}
