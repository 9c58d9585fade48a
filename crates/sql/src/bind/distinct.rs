//! `distinct`, `distinct on`, and what an `order by` goes by.

use std::collections::BTreeSet;

use sqlparser::ast::{Distinct, Expr, Ident, OrderBy, OrderByKind, Select, SelectItem, Spanned, Value};

use super::Binder;
use super::expression::{Names, Parts};
use super::join::equals;
use super::query::Bound;
use super::select::plain_text;
use crate::Finding;
use crate::tree::{Id, Node, Order, WindowFunction, as_column, column, columns_of};

impl Binder<'_> {
    pub(super) fn distinct(
        &mut self,
        select: &Select,
        order_by: Option<&OrderBy>,
        mut bound: Bound,
        names: &Names<'_>,
    ) -> Result<Bound, Finding> {
        let order = match order_by {
            Some(order_by) => self.order(order_by, select, &bound, names),
            None => Some(Vec::new()),
        };
        bound.order = order.clone();
        match &select.distinct {
            None | Some(Distinct::All) => Ok(bound),
            Some(Distinct::Distinct) => {
                bound.node = Node::Distinct { input: Box::new(bound.node) };
                Ok(bound)
            }
            Some(Distinct::On(keys)) => {
                if order_by.is_some_and(super::query::reads_a_query) {
                    return Err(self.unbound("a subquery in an order by has no rule", select));
                }
                self.distinct_on(select, keys, order.filter(|_| order_by.is_some()), order_by.is_none(), bound, names)
            }
        }
    }

    /// `distinct on` keeps the first row of every key: what `qualify row_number() over (partition by ... order by ...) = 1` does.
    fn distinct_on(
        &mut self,
        select: &Select,
        keys: &[Expr],
        order: Option<Vec<Expr>>,
        unordered: bool,
        bound: Bound,
        names: &Names<'_>,
    ) -> Result<Bound, Finding> {
        // The keys are computed before the select list: what it does not carry is carried beside it.
        let Node::Project { input, mut items } = bound.node else {
            return Err(self.unbound("this distinct on has no rule", select));
        };
        let below = input.ids(&self.scans);
        let dialect = self.dialect();
        let named = |name: &Ident| bound.names.iter().position(|other| dialect.same_name(other, &name.value));
        let mut on = Vec::new();
        for key in keys {
            let expression = match key {
                // Here, unlike elsewhere, an alias goes before a column of its name.
                Expr::Identifier(name) if named(name).is_some() => {
                    column(bound.output[named(name).unwrap_or_default()])
                }
                Expr::Value(_) => return Err(self.unbound("a position in distinct on has no rule", key)),
                _ => {
                    let mut parts = Parts::default();
                    let expression = self.expression(key, names, &mut parts)?;
                    let same = |(_, item): &&(Id, Expr)| plain_text(item) == plain_text(&expression);
                    match items.iter().find(same).map(|(id, _)| *id) {
                        Some(id) => column(id),
                        None if columns_of(&expression).is_subset(&below) => {
                            let id = self.computed_column("key", &expression);
                            items.push((id, expression));
                            column(id)
                        }
                        None => return Err(self.unbound("what this distinct on goes by cannot be followed", key)),
                    }
                }
            };
            on.push(expression);
        }
        let id = self.new_column("place", Some("BIGINT".to_owned()));
        let by: Option<Vec<Expr>> = order.map(|order| on.iter().cloned().chain(order).collect());
        let by = by.or_else(|| unordered.then(|| on.clone()));
        let mut uses: BTreeSet<Id> = on.iter().chain(by.iter().flatten()).flat_map(columns_of).collect();
        // The order reads columns that the select list need not carry.
        for used in uses.clone().iter().filter(|used| below.contains(used)) {
            let carried = items.iter().find(|(_, item)| as_column(item) == Some(*used)).map(|(id, _)| *id);
            let carried = carried.unwrap_or_else(|| {
                let facts = self.columns[*used].clone();
                let id = self.new_column(facts.name, facts.data_type);
                items.push((id, column(*used)));
                id
            });
            uses.insert(carried);
        }
        let first = WindowFunction {
            id,
            partition: on,
            uses,
            order: by.map(|by| Order { name: "distinct on".to_owned(), by, values: None }),
            along: None,
            side: None,
            carried: None,
            numbers: true,
            place: self.place(select.span()),
        };
        let wide = Node::Project { input, items };
        let node = Node::Window { input: Box::new(wide), functions: vec![first] };
        let one = Expr::value(Value::Number("1".to_owned(), false));
        let node = Node::Filter { input: Box::new(node), conjuncts: vec![equals(column(id), one)] };
        let kept: Vec<(Id, Expr)> = bound
            .output
            .iter()
            .map(|id| {
                let facts = self.columns[*id].clone();
                (self.new_column(facts.name, facts.data_type), column(*id))
            })
            .collect();
        let output = kept.iter().map(|(id, _)| *id).collect();
        Ok(Bound { node: Node::Project { input: Box::new(node), items: kept }, output, ..bound })
    }

    /// What an `order by` goes by, as far as it can be told: columns of the result, or of the rows below; none when that takes more than
    /// we know.
    fn order(&mut self, order_by: &OrderBy, select: &Select, bound: &Bound, names: &Names<'_>) -> Option<Vec<Expr>> {
        if super::query::reads_a_query(order_by) {
            return None;
        }
        let OrderByKind::Expressions(items) = &order_by.kind else {
            return Some(bound.output.iter().map(|id| column(*id)).collect());
        };
        let written = select.projection.iter().map(|item| match item {
            SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => {
                Some(expression.to_string())
            }
            _ => None,
        });
        let written: Vec<Option<String>> = written.collect();
        let stars = written.iter().any(Option::is_none);
        let dialect = self.dialect();
        items
            .iter()
            .map(|item| {
                let named = |name: &str| bound.names.iter().position(|other| dialect.same_name(other, name));
                let position = match &item.expr {
                    Expr::Identifier(name) => named(&name.value),
                    Expr::Value(value) => match &value.value {
                        Value::Number(digits, _) => digits.parse::<usize>().ok().and_then(|at| at.checked_sub(1)),
                        _ => None,
                    },
                    other if !stars => {
                        let text = other.to_string();
                        written.iter().position(|known| known.as_deref() == Some(text.as_str()))
                    }
                    _ => None,
                };
                match position {
                    Some(position) => bound.output.get(position).map(|id| column(*id)),
                    None => {
                        let mut parts = Parts::default();
                        let found = self.deciding(|binder| binder.expression(&item.expr, names, &mut parts)).ok()?;
                        (parts.aggregates.is_empty() && parts.windows.is_empty()).then_some(found)
                    }
                }
            })
            .collect()
    }
}
