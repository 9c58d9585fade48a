//! Recursive queries: a seed, and a step that makes rows from the rows before.

use std::rc::Rc;

use sqlparser::ast::{Cte, ObjectName, Query, SetExpr, SetOperator};

use super::query::Bound;
use super::{Binder, Environment};
use crate::excerpt::Excerpt;
use crate::tree::{Id, Node, Recursion, as_column};
use crate::{Dialect, Finding};

/// A recursive query while its step is bound: what its own name stands for.
pub(super) struct Within {
    /// Its definition.
    pub cte: Rc<Cte>,
    /// The seed's columns.
    pub seed: Vec<Id>,
    /// Their names.
    pub names: Vec<String>,
    /// The columns of the mention within the step.
    pub mention: Option<Vec<Id>>,
    /// The whole recursive query, by columns that the mention takes over.
    pub excerpt: Excerpt,
}

impl Binder<'_> {
    /// A mention of a recursive query from outside of it.
    pub(super) fn recursive(
        &mut self,
        found: &Rc<Environment>,
        at: &ObjectName,
        finding: Finding,
    ) -> Result<Bound, Finding> {
        let query = &found.cte.query;
        let parts = match query.body.as_ref() {
            SetExpr::SetOperation { left, op: SetOperator::Union, right, .. }
                if query.with.is_none() && query.limit_clause.is_none() && query.order_by.is_none() =>
            {
                Some((left, right))
            }
            _ => None,
        };
        let Some((left, right)) = parts else { return Err(finding) };
        let seed = self.set_expression(left, found.outer.as_ref(), &[], query)?;
        let names = named(&seed, &found.cte);
        let around = std::iter::successors(Some(Rc::clone(found)), |environment| environment.outer.clone());
        let mut excerpt = Excerpt {
            ids: Vec::new(),
            query: Rc::new(whole(self.dialect(), at)),
            around: around.map(|environment| (Rc::clone(&environment.cte), environment.recursive)).collect(),
        };
        self.recursions.push(Within {
            cte: Rc::clone(&found.cte),
            seed: seed.output.clone(),
            names: names.clone(),
            mention: None,
            excerpt: excerpt.clone(),
        });
        let step = self.set_expression(right, Some(found), &[], query);
        let within = self.recursions.pop();
        let step = step?;
        if step.output.len() != seed.output.len() {
            return Err(finding);
        }
        let mention = within.and_then(|within| within.mention).unwrap_or_default();
        let items = match &step.node {
            Node::Project { items, .. } => items.as_slice(),
            _ => &[],
        };
        let mut columns = Vec::new();
        for (at, (seed, step)) in seed.output.iter().zip(&step.output).enumerate() {
            let item = items.iter().find(|(id, _)| id == step).and_then(|(_, item)| as_column(item));
            let kept = item.is_some() && item == mention.get(at).copied();
            let data_type = self.columns[*seed].data_type.clone();
            let id = self.new_column(names[at].clone(), data_type);
            columns.push(Recursion { id, seed: *seed, step: *step, kept });
        }
        let output: Vec<Id> = columns.iter().map(|column| column.id).collect();
        if self.recursions.is_empty() {
            excerpt.ids.clone_from(&output);
            self.excerpts.push(excerpt);
        }
        let node = Node::Recursive { seed: Box::new(seed.node), step: Box::new(step.node), columns, finding };
        Ok(Bound { node, output, names, ..Bound::empty() })
    }

    /// The rows before, in a recursive query's step.
    pub(super) fn rows_before(&mut self, at: &ObjectName) -> Result<(Node, Vec<Id>, Vec<String>), Finding> {
        let Some(within) = self.recursions.last() else {
            return Err(self.unbound("this recursion has no rule", at));
        };
        if within.mention.is_some() {
            return Err(self.unbound("a recursion that mentions itself twice has no rule", at));
        }
        let (seed, names, mut excerpt) = (within.seed.clone(), within.names.clone(), within.excerpt.clone());
        self.learn(&seed.iter().copied().collect());
        let ids: Vec<Id> = seed
            .iter()
            .zip(&names)
            .map(|(id, name)| {
                let data_type = self.columns[*id].data_type.clone();
                self.new_column(name.clone(), data_type)
            })
            .collect();
        excerpt.ids.clone_from(&ids);
        // All rows there will ever be: more than those before any one step, and none that no step sees.
        let sql = excerpt.described(self.catalog).map(|(sql, _)| sql);
        if let Some(within) = self.recursions.last_mut() {
            within.mention = Some(ids.clone());
        }
        let all = Node::Constant { sql, ids: ids.clone(), clocks: Vec::new() };
        // To be distinct is not what matters: that there may be more of them than there are, is.
        Ok((Node::Distinct { input: Box::new(all) }, ids, names))
    }
}

fn named(seed: &Bound, cte: &Cte) -> Vec<String> {
    let listed = &cte.alias.columns;
    seed.names
        .iter()
        .enumerate()
        .map(|(at, name)| listed.get(at).map_or_else(|| name.clone(), |column| column.name.value.clone()))
        .collect()
}

/// `select * from name`.
fn whole(dialect: Dialect, name: &ObjectName) -> Query {
    let bare = name.0.last().map(ToString::to_string).unwrap_or_default();
    crate::text::parse(&format!("select * from {bare}"), dialect).unwrap_or_else(|_| super::subquery::empty_query())
}
