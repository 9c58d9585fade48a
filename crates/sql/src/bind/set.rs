//! Union, except, intersect: the columns of the branches, beside each other.

use sqlparser::ast::{Expr, Query, SetOperator, SetQuantifier, Value};

use super::Binder;
use super::query::Bound;
use crate::Finding;
use crate::dialect::cast_to;
use crate::tree::{Id, Node, SetKind, column};

const INTEGERS: [&str; 4] = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT"];

impl Binder<'_> {
    /// The branches of a union `by name`, with the same names in the same order: those of the left one, then what only the right one has.
    fn aligned(&mut self, left: Bound, right: Bound) -> (Bound, Bound) {
        let dialect = self.dialect();
        let missing = |name: &&String| !left.names.iter().any(|other| dialect.same_name(other, name));
        let names: Vec<String> = left.names.iter().chain(right.names.iter().filter(missing)).cloned().collect();
        let placed = |bound: &Bound| -> Vec<Option<Id>> {
            let place = |name: &String| bound.names.iter().position(|other| dialect.same_name(other, name));
            names.iter().map(|name| place(name).map(|place| bound.output[place])).collect()
        };
        let (lefts, rights) = (placed(&left), placed(&right));
        let with_nulls = |binder: &mut Self, bound: Bound, own: &[Option<Id>], other: &[Option<Id>]| {
            let mut items = Vec::new();
            for ((own, other), name) in own.iter().zip(other).zip(&names) {
                let like = own.or(*other).and_then(|id| binder.columns[id].data_type.clone());
                let null = Expr::value(Value::Null);
                let item = match (own, &like) {
                    (Some(id), _) => column(*id),
                    (None, Some(data_type)) => cast_to(dialect, null, data_type),
                    (None, None) => null,
                };
                items.push((binder.new_column(name.clone(), like), item));
            }
            let output = items.iter().map(|(id, _)| *id).collect();
            let node = Node::Project { input: Box::new(bound.node), items };
            Bound { node, output, names: names.clone(), ..Bound::empty() }
        };
        (with_nulls(self, left, &lefts, &rights), with_nulls(self, right, &rights, &lefts))
    }

    /// A branch of a set operation with its columns cast to the types of the whole, so that what is said of these holds below, too.
    fn cast(&mut self, node: Node, output: Vec<Id>, wanted: &[Option<String>]) -> (Node, Vec<Id>) {
        let differs = |(id, wanted): (&Id, &Option<String>)| {
            let own = self.columns[*id].data_type.as_deref();
            wanted.as_deref().filter(|wanted| own != Some(wanted)).map(str::to_owned)
        };
        let casts: Vec<Option<String>> = output.iter().zip(wanted).map(differs).collect();
        if casts.iter().all(Option::is_none) {
            return (node, output);
        }
        let dialect = self.dialect();
        let items: Vec<(Id, Expr)> = output
            .iter()
            .zip(casts)
            .map(|(id, cast)| {
                let facts = self.columns[*id].clone();
                let item =
                    cast.as_ref().map_or_else(|| column(*id), |data_type| cast_to(dialect, column(*id), data_type));
                (self.new_column(facts.name, cast.or(facts.data_type)), item)
            })
            .collect();
        let output = items.iter().map(|(id, _)| *id).collect();
        (Node::Project { input: Box::new(node), items }, output)
    }

    pub(super) fn set_operation(
        &mut self,
        left: Bound,
        right: Bound,
        operator: SetOperator,
        quantifier: SetQuantifier,
        query: &Query,
    ) -> Result<Bound, Finding> {
        let by_name =
            matches!(quantifier, SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName);
        let all = matches!(quantifier, SetQuantifier::All | SetQuantifier::AllByName);
        self.learn(&left.output.iter().chain(&right.output).copied().collect());
        let (left, right) = if by_name { self.aligned(left, right) } else { (left, right) };
        if left.output.len() != right.output.len() {
            return Err(self.unbound("the branches have different numbers of columns", query));
        }
        let kind = match (operator, all) {
            (SetOperator::Union, true) => SetKind::UnionAll,
            (SetOperator::Union, false) => SetKind::Union,
            (SetOperator::Except | SetOperator::Minus, _) => SetKind::Except,
            (SetOperator::Intersect, _) => SetKind::Intersect,
        };
        let mut wanted = Vec::new();
        let mut ids = Vec::new();
        for ((left, right), name) in left.output.iter().zip(&right.output).zip(&left.names) {
            let types = [*left, *right].map(|id| self.columns[id].data_type.clone());
            let common = match &types {
                [Some(left), Some(right)] => self.dialect().reading().common(left, right),
                _ => None,
            };
            let id = self.new_column(name.clone(), common.clone());
            if common.is_none() {
                self.coerced.insert(id);
            }
            // The engine takes branches of branches for branches of one operation: they are cast once, to the type of all.
            let within = [*left, *right].iter().any(|id| self.mixed.contains(id));
            if within && (types[0] != types[1] || common.is_none()) {
                self.barred.insert(id);
                self.coerced.insert(id);
            }
            let exact =
                |name: &Option<String>| name.as_deref().is_some_and(|name| INTEGERS.contains(&name) || name == "NULL");
            if within
                || (types[0] != types[1] && !types.iter().all(exact) && !types.contains(&Some("NULL".to_owned())))
                || common.is_none()
            {
                self.mixed.insert(id);
            }
            wanted.push(common);
            ids.push(id);
        }
        let branches = vec![self.cast(left.node, left.output, &wanted), self.cast(right.node, right.output, &wanted)];
        let node = Node::Set { branches, ids: ids.clone(), kind };
        Ok(Bound { node, output: ids, names: left.names, ..Bound::empty() })
    }
}
