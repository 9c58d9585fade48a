//! One `select` block: from, where, group by, having, windows, qualify, distinct, and its columns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use sqlparser::ast::{Expr, GroupByExpr, OrderBy, Query, Select, Value, Visit, Visitor};

use super::expression::{Names, Parts, conjuncts};
use super::function::function_name;
use super::grouping::{alternatives, product};
use super::query::Bound;
use super::scope::Scope;
use super::star::Item;
use super::subquery::Subquery;
use super::{Binder, Environment};
use crate::tree::{Id, Node, Series, WindowFunction, as_column, column, column_name, columns_of, substitute};
use crate::{Catalog, Finding, FunctionKind};

/// Above this many copies of a table, grouping sets are not written out: within each other they multiply.
const MOST_COPIES: usize = 200;

/// Above this many grouping expressions, `group by` is not taken apart.
const MOST_KEYS: usize = 500;

impl Binder<'_> {
    pub(super) fn select(
        &mut self,
        select: &Select,
        order_by: Option<&OrderBy>,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Bound, Finding> {
        self.refuse_unknown_clauses(select)?;
        let (from, scope) = self.from(&select.from, environment, outer)?;
        let items = self.items(select, &scope)?;
        let written: Vec<(String, Expr)> = items
            .iter()
            .filter_map(|item| match item {
                Item::Written(expression, name) => Some((name.clone(), (**expression).clone())),
                Item::Column(..) => None,
            })
            .collect();
        let aliases = if self.dialect().reading().reuses_aliases() { written.as_slice() } else { &[] };
        let names = Names {
            scope: &scope,
            outer,
            environment,
            aliases,
            key_aliases: &written,
            grouped: false,
            having: false,
            windows: &select.named_window,
        };
        let (source, outside) = self.filtered(from, select.selection.as_ref(), &names)?;
        let mut bound = if self.is_grouped(select, &items) {
            self.grouped(select, source.clone(), &items, &names)?
        } else {
            self.ungrouped(select, source.clone(), &items, &names)?
        };
        bound.source = Some(source);
        bound.correlations = outside.correlations;
        bound.conditions = outside.conditions;
        bound.deferred = outside.deferred;
        self.distinct(select, order_by, bound, &names)
    }

    fn refuse_unknown_clauses(&self, select: &Select) -> Result<(), Finding> {
        let known = select.top.is_none()
            && select.into.is_none()
            && select.lateral_views.is_empty()
            && select.prewhere.is_none()
            && select.connect_by.is_empty()
            && select.cluster_by.is_empty()
            && select.distribute_by.is_empty()
            && select.sort_by.is_empty()
            && select.value_table_mode.is_none()
            && select.exclude.is_none();
        if known { Ok(()) } else { Err(self.unbound("a clause of this select has no rule", select)) }
    }

    fn is_grouped(&self, select: &Select, items: &[Item]) -> bool {
        let by = match &select.group_by {
            GroupByExpr::All(_) => true,
            GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
        };
        let written = items.iter().filter_map(|item| match item {
            Item::Written(expression, _) => Some(&**expression),
            Item::Column(..) => None,
        });
        by || select.having.is_some()
            || written
                .chain(&select.having)
                .chain(&select.qualify)
                .any(|expression| has_aggregate(expression, self.catalog))
    }

    fn condition(
        &mut self,
        condition: Option<&Expr>,
        names: &Names<'_>,
        parts: &mut Parts,
    ) -> Result<Option<Expr>, Finding> {
        condition.map(|kept| self.deciding(|binder| binder.expression(kept, names, parts))).transpose()
    }

    fn ungrouped(
        &mut self,
        select: &Select,
        source: Node,
        items: &[Item],
        names: &Names<'_>,
    ) -> Result<Bound, Finding> {
        let mut parts = Parts { may_unnest: true, ..Parts::default() };
        let columns = self.columns_of_items(items, names, &mut parts)?;
        parts.may_unnest = false;
        let qualify = self.condition(select.qualify.as_ref(), names, &mut parts)?;
        let unnested = std::mem::take(&mut parts.unnested);
        let windowed = parts.windows.iter().any(|window| unnested.iter().any(|(id, _)| window.uses.contains(id)));
        let filtered =
            qualify.as_ref().is_some_and(|kept| unnested.iter().any(|(id, _)| columns_of(kept).contains(id)));
        if unnested.len() > 1 || windowed || filtered {
            return Err(self.finding(
                "unnest",
                "how the rows of several lists stand beside each other, or beside a window, has no rule; any change rebuilds the whole table",
                "write it as a join: from ..., unnest(...)",
                select,
            ));
        }
        let mut node = source;
        for subquery in parts.subqueries {
            node = self.hang(node, value_of(subquery));
        }
        let mut bound = self.finished(node, parts.windows, qualify, columns);
        if let (Some((id, call)), Node::Project { input, .. }) = (unnested.into_iter().next(), &mut bound.node) {
            // Elements come last: windows and their conditions have seen the rows as they were.
            let rows = std::mem::replace(&mut **input, Bound::empty().node);
            let (rows, mut calls) = self.beside_clocks(rows, vec![call.clone()], &self.clocks_of(&call));
            let call = calls.pop().unwrap_or(call);
            let series = Series { given: columns_of(&call), call: element_rows(id, &call), outer: false };
            **input = Node::Expand { input: Box::new(rows), ids: vec![id], series: Some(series) };
        }
        Ok(bound)
    }

    fn grouped(&mut self, select: &Select, source: Node, items: &[Item], names: &Names<'_>) -> Result<Bound, Finding> {
        let names = &Names { grouped: true, ..*names };
        let mut parts = Parts::default();
        let columns = self.columns_of_items(items, names, &mut parts)?;
        let having = self.condition(select.having.as_ref(), &Names { having: true, ..*names }, &mut parts)?;
        let qualify = self.condition(select.qualify.as_ref(), names, &mut parts)?;
        let folded: BTreeSet<Id> = parts.aggregates.iter().map(|(id, _)| *id).collect();
        let Some(sets) = self.keys(select, &columns, &folded, names)? else {
            return Ok(self.grouping_sets(select, source, &columns));
        };
        let mut by_text: BTreeMap<String, Id> = BTreeMap::new();
        let mut bound_keys: Vec<(Id, Expr)> = Vec::new();
        for key in sets.iter().flatten().cloned() {
            let text = plain_text(&key);
            if by_text.contains_key(&text) {
                continue;
            }
            let name = as_column(&key).map_or_else(|| "key".to_owned(), |id| self.columns[id].name.clone());
            let id = self.computed_column(name, &key);
            by_text.insert(text, id);
            bound_keys.push((id, key));
        }
        let columns_of_keys: Vec<(Id, BTreeSet<Id>)> =
            bound_keys.iter().map(|(id, key)| (*id, columns_of(key))).collect();
        let (below, above): (Vec<Subquery>, Vec<Subquery>) =
            parts.subqueries.into_iter().partition(|subquery| subquery.below_group);
        let mut node = source;
        for subquery in below {
            node = self.hang(node, value_of(subquery));
        }
        node = match sets.as_slice() {
            [_] => Node::Group { input: Box::new(node), keys: bound_keys, aggregates: parts.aggregates },
            sets if sets.len() * node.scans().len() > MOST_COPIES => {
                return Ok(self.grouping_sets(select, node, &columns));
            }
            sets => {
                let place =
                    |key: &Expr| bound_keys.iter().position(|(id, _)| by_text.get(&plain_text(key)) == Some(id));
                let sets: Vec<Vec<usize>> = sets.iter().map(|set| set.iter().filter_map(place).collect()).collect();
                self.grouped_by_sets(&node, &bound_keys, &sets, &parts.aggregates)
            }
        };
        let available = node.ids(&self.scans);
        let over_keys = |expression: &Expr| with_keys(expression, &by_text);
        for mut subquery in above {
            for (_, outer) in &mut subquery.bound.correlations {
                *outer = over_keys(outer);
            }
            subquery.bound.correlations.retain(|(_, outer)| columns_of(outer).is_subset(&available));
            for expression in subquery.bound.conditions.iter_mut().chain(&mut subquery.wanted) {
                *expression = over_keys(expression);
            }
            node = self.hang(node, value_of(subquery));
        }
        let windows = parts.windows.into_iter().map(|window| over_group(window, &by_text, &columns_of_keys)).collect();
        if let Some(having) = having {
            node = Node::Filter {
                input: Box::new(node),
                conjuncts: conjuncts(&over_keys(&having)).into_iter().cloned().collect(),
            };
        }
        let columns = columns.into_iter().map(|(name, expression)| (name, over_keys(&expression))).collect();
        Ok(self.finished(node, windows, qualify.as_ref().map(over_keys), columns))
    }

    /// What every select ends with: windows, qualify, the columns.
    fn finished(
        &mut self,
        mut node: Node,
        windows: Vec<WindowFunction>,
        qualify: Option<Expr>,
        columns: Vec<(String, Expr)>,
    ) -> Bound {
        if !windows.is_empty() {
            node = Node::Window { input: Box::new(node), functions: windows };
        }
        if let Some(qualify) = qualify {
            let conjuncts = conjuncts(&qualify).into_iter().cloned().collect();
            node = Node::Filter { input: Box::new(node), conjuncts };
        }
        let items: Vec<(Id, Expr)> = columns
            .iter()
            .map(|(name, expression)| (self.computed_column(name.clone(), expression), expression.clone()))
            .collect();
        let output = items.iter().map(|(id, _)| *id).collect();
        let names = columns.into_iter().map(|(name, _)| name).collect();
        let node = Node::Project { input: Box::new(node), items };
        Bound { node, output, names, ..Bound::empty() }
    }

    fn columns_of_items(
        &mut self,
        items: &[Item],
        names: &Names<'_>,
        parts: &mut Parts,
    ) -> Result<Vec<(String, Expr)>, Finding> {
        items
            .iter()
            .map(|item| match item {
                Item::Column(id, name) => Ok((name.clone(), column(*id))),
                Item::Written(expression, name) => Ok((name.clone(), self.expression(expression, names, parts)?)),
            })
            .collect()
    }

    /// The sets of grouping keys, bound: one, but for grouping sets; none when they are too many to be written out.
    fn keys(
        &mut self,
        select: &Select,
        columns: &[(String, Expr)],
        aggregates: &BTreeSet<Id>,
        names: &Names<'_>,
    ) -> Result<Option<Vec<Vec<Expr>>>, Finding> {
        let names = &Names { grouped: false, ..*names };
        let written = match &select.group_by {
            GroupByExpr::All(modifiers) if modifiers.is_empty() => {
                let folded = |bound: &Expr| columns_of(bound).iter().any(|id| aggregates.contains(id));
                let plain = columns.iter().filter(|(_, bound)| !folded(bound));
                return Ok(Some(vec![plain.map(|(_, bound)| bound.clone()).collect()]));
            }
            GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() && keys.len() <= MOST_KEYS => keys,
            _ => return Ok(None),
        };
        let parts = written.iter().map(|part| alternatives(part).unwrap_or_else(|| vec![vec![part.clone()]]));
        let Some(sets) = product(parts.collect()) else { return Ok(None) };
        let bound = sets.iter().map(|set| {
            let keys = set.iter().map(|key| self.key(key, columns, names));
            keys.filter_map(Result::transpose).collect::<Result<Vec<Expr>, Finding>>()
        });
        bound.collect::<Result<Vec<Vec<Expr>>, Finding>>().map(Some)
    }

    /// One grouping key, by its expression or its place in the select list; none for `()`.
    fn key(&mut self, key: &Expr, columns: &[(String, Expr)], names: &Names<'_>) -> Result<Option<Expr>, Finding> {
        match key {
            Expr::Value(value) => {
                let position = match &value.value {
                    Value::Number(digits, _) => digits.parse::<usize>().ok().and_then(|at| at.checked_sub(1)),
                    _ => None,
                };
                match position.and_then(|position| columns.get(position)) {
                    Some((_, bound)) => Ok(Some(bound.clone())),
                    None => Err(self.unbound("this position in group by names no column", key)),
                }
            }
            Expr::Tuple(parts) if parts.is_empty() => Ok(None),
            other => {
                // A whole key can be a name of the select list everywhere.
                let whole = matches!(other, Expr::Identifier(_));
                let names = &Names { aliases: if whole { names.key_aliases } else { names.aliases }, ..*names };
                let mut parts = Parts::default();
                let bound = self.expression(other, names, &mut parts)?;
                if !parts.subqueries.is_empty() || !parts.windows.is_empty() {
                    return Err(self.unbound("a subquery in group by has no rule", other));
                }
                Ok(Some(bound))
            }
        }
    }

    fn grouping_sets(&mut self, select: &Select, source: Node, columns: &[(String, Expr)]) -> Bound {
        let finding = self.finding(
            "grouping-sets",
            "these grouping sets are too many to be told apart; any change rebuilds the whole table",
            "write one model per grain, or union the grains",
            select,
        );
        let ids: Vec<Id> = columns.iter().map(|(name, _)| self.new_column(name.clone(), None)).collect();
        let names = columns.iter().map(|(name, _)| name.clone()).collect();
        let node = Node::Opaque { inputs: vec![source], ids: ids.clone(), finding };
        Bound { node, output: ids, names, ..Bound::empty() }
    }
}

/// A window function over groups: what it says of keys, said of their columns.
fn over_group(
    mut window: WindowFunction,
    by_text: &BTreeMap<String, Id>,
    columns_of_keys: &[(Id, BTreeSet<Id>)],
) -> WindowFunction {
    let over_keys = |expression: &Expr| with_keys(expression, by_text);
    window.partition = window.partition.iter().map(over_keys).collect();
    if let Some(order) = &mut window.order {
        order.by = order.by.iter().map(over_keys).collect();
        order.values = order.values.as_ref().map(|values| values.iter().map(over_keys).collect());
    }
    if let Some(along) = &mut window.along {
        along.by = over_keys(&along.by);
    }
    if let Some(side) = &mut window.side {
        side.by = over_keys(&side.by);
    }
    window.carried = window.carried.as_ref().map(over_keys);
    let used = columns_of_keys.iter().filter(|(_, columns)| columns.is_subset(&window.uses)).map(|(id, _)| *id);
    let used: Vec<Id> = used.collect();
    window.uses.extend(used);
    window
}

/// What stands in a `from` for a call of `unnest`.
fn element_rows(id: Id, call: &Expr) -> String {
    format!("{call} as hw_series_{id}({})", column_name(id))
}

/// A subquery whose value, and not only its being there, matters: what is looked for ties it to nothing.
fn value_of(mut subquery: Subquery) -> Subquery {
    subquery.sought.clear();
    subquery
}

/// The expression's text, parentheses around the whole left out: what makes two expressions the same.
pub(crate) fn plain_text(expression: &Expr) -> String {
    match expression {
        Expr::Nested(inner) => plain_text(inner),
        other => other.to_string(),
    }
}

/// The expression with every part that is a grouping key replaced by the key's column.
fn with_keys(expression: &Expr, keys: &BTreeMap<String, Id>) -> Expr {
    struct Keys<'k>(&'k BTreeMap<String, Id>);
    impl sqlparser::ast::VisitorMut for Keys<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
            if let Some(id) = self.0.get(&plain_text(expression)) {
                *expression = column(*id);
            }
            ControlFlow::Continue(())
        }
    }
    // New key columns never look like old ones, so a key already put in place is not taken for another.
    let mut result = substitute(expression, &|_| None);
    let _ = sqlparser::ast::VisitMut::visit(&mut result, &mut Keys(keys));
    result
}

/// Whether an expression folds rows, subqueries and windows within it aside.
fn has_aggregate(expression: &Expr, catalog: &dyn Catalog) -> bool {
    struct Finder<'c> {
        catalog: &'c dyn Catalog,
        depth: usize,
    }
    impl Visitor for Finder<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Function(function)
                    if self.depth == 0
                        && function.over.is_none()
                        && self.catalog.function(&function_name(function)) == Some(FunctionKind::Aggregate) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expression.visit(&mut Finder { catalog, depth: 0 }).is_break()
}
