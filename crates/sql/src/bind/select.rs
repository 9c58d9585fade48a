//! One `select` block: from, where, group by, having, windows, qualify, distinct, and its columns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use sqlparser::ast::{
    Distinct, ExcludeSelectItem, Expr, GroupByExpr, Ident, ObjectName, OrderBy, OrderByKind, Query, RenameSelectItem,
    Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, Spanned, Value, Visit, Visitor,
    WildcardAdditionalOptions,
};

use super::expression::{Names, Parts, Subquery, conjuncts, function_name};
use super::grouping::{alternatives, product};
use super::join::{equals, sides_of_equality};
use super::query::Bound;
use super::scope::Scope;
use super::{Binder, Environment};
use crate::dialect::{comparable, type_of};
use crate::text::parts_of;
use crate::tree::{Id, JoinKind, Node, Order, WindowFunction, as_column, column, columns_of, substitute};
use crate::{Catalog, Finding, FunctionKind};

/// A column of the select list, stars expanded.
enum Item {
    /// Taken over by a star.
    Column(Id, String),
    /// Written out.
    Written(Box<Expr>, String),
}

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
        let (source, correlations) = self.filtered(from, select.selection.as_ref(), &names)?;
        let mut bound = if self.is_grouped(select, &items) {
            self.grouped(select, source.clone(), &items, &names)?
        } else {
            self.ungrouped(select, source.clone(), &items, &names)?
        };
        bound.source = Some(source);
        bound.correlations = correlations;
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

    /// The where clause: plain conditions become a filter, subqueries hang on the rows below it, and equalities with an outer
    /// query's columns are what ties this query to it.
    fn filtered(
        &mut self,
        from: Node,
        selection: Option<&Expr>,
        names: &Names<'_>,
    ) -> Result<(Node, Vec<(Expr, Expr)>), Finding> {
        let mut node = from;
        let (mut plain, mut correlations) = (Vec::new(), Vec::new());
        for conjunct in selection.map(conjuncts).unwrap_or_default() {
            let mut parts = Parts::default();
            // A positive `in` or `exists` standing alone keeps rows by the rows it finds; below `or` or `not`, all of them matter.
            let bound = self.deciding(|binder| binder.expression(conjunct, names, &mut parts))?;
            let alone = as_column(&bound).is_some();
            for mut subquery in parts.subqueries {
                if !alone {
                    subquery.sought.clear();
                }
                node = self.hang(node, subquery);
            }
            let available = node.ids(&self.scans);
            if columns_of(&bound).is_subset(&available) {
                plain.push(bound);
                continue;
            }
            if let Some((a, b)) = sides_of_equality(&bound) {
                let inside = |side: &Expr| {
                    let columns = columns_of(side);
                    !columns.is_empty() && columns.is_subset(&available)
                };
                let outside = |side: &Expr| {
                    let columns = columns_of(side);
                    !columns.is_empty() && columns.is_disjoint(&available)
                };
                let pair = comparable(a, b, &self.columns);
                if inside(a) && outside(b) {
                    correlations.extend(pair);
                } else if inside(b) && outside(a) {
                    correlations.extend(pair.map(|(a, b)| (b, a)));
                }
            }
        }
        self.tie(&mut node, &plain);
        if !plain.is_empty() {
            node = Node::Filter { input: Box::new(node), conjuncts: plain };
        }
        Ok((node, correlations))
    }

    /// `from a, b where a.k = b.k`: an equality above inner joins holds as if it had been written in the join.
    fn tie(&self, node: &mut Node, conditions: &[Expr]) {
        match node {
            Node::Join { kind: JoinKind::Inner, left, right, equalities, .. } => {
                let (more, _, _) = self.split(conditions.to_vec(), left, right);
                equalities.extend(more);
                self.tie(left, conditions);
                self.tie(right, conditions);
            }
            Node::Join { kind: JoinKind::Left, left, .. } => self.tie(left, conditions),
            Node::Depend { input, .. } | Node::Filter { input, .. } => self.tie(input, conditions),
            _ => {}
        }
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
        let mut parts = Parts::default();
        let columns = self.columns_of_items(items, names, &mut parts)?;
        let qualify = self.condition(select.qualify.as_ref(), names, &mut parts)?;
        let mut node = source;
        for subquery in parts.subqueries {
            node = self.hang(node, value_of(subquery));
        }
        Ok(self.finished(node, parts.windows, qualify, columns))
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
            let data_type = type_of(&key, &self.columns);
            let id = self.new_column(name, data_type);
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
            .map(|(name, expression)| {
                let data_type = type_of(expression, &self.columns);
                (self.new_column(name.clone(), data_type), expression.clone())
            })
            .collect();
        let output = items.iter().map(|(id, _)| *id).collect();
        let names = columns.into_iter().map(|(name, _)| name).collect();
        let node = Node::Project { input: Box::new(node), items };
        Bound { node, output, ..Bound::of(names, None, Vec::new()) }
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
        Bound { node, output: ids, ..Bound::of(names, None, Vec::new()) }
    }

    fn distinct(
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
                            let id = self.new_column("key", type_of(&expression, &self.columns));
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
        let order = bound.order;
        Ok(Bound {
            node: Node::Project { input: Box::new(node), items: kept },
            output,
            order,
            ..Bound::of(bound.names, bound.source, bound.correlations)
        })
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

    /// The select list with stars expanded.
    fn items(&mut self, select: &Select, scope: &Scope) -> Result<Vec<Item>, Finding> {
        if matches!(select.flavor, SelectFlavor::FromFirstNoSelect) {
            return Ok(scope.star(None).into_iter().map(|(id, name)| Item::Column(id, name)).collect());
        }
        let mut items = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expression) => {
                    items.push(Item::Written(
                        Box::new(expression.clone()),
                        self.dialect().reading().default_name(expression),
                    ));
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    items.push(Item::Written(Box::new(expr.clone()), alias.value.clone()));
                }
                SelectItem::Wildcard(options) => self.star(scope.star(None), options, &mut items)?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let Some(table) = name.0.last().and_then(|part| part.as_ident()) else {
                        return Err(self.unbound("this star has no rule", name));
                    };
                    if !scope.has_table(&table.value) {
                        return Err(self.unbound(format!("`{table}` is no table in sight"), name));
                    }
                    self.star(scope.star(Some(table)), options, &mut items)?;
                }
                other => return Err(self.unbound("this column of the select list has no rule", other)),
            }
        }
        Ok(items)
    }

    fn star(
        &mut self,
        columns: Vec<(Id, String)>,
        options: &WildcardAdditionalOptions,
        items: &mut Vec<Item>,
    ) -> Result<(), Finding> {
        if options.opt_ilike.is_some() || options.opt_alias.is_some() {
            return Err(self.unbound("this star has no rule", &options.wildcard_token.0));
        }
        let last = |name: &ObjectName| parts_of(name).and_then(|mut parts| parts.pop());
        let mut left_out: Vec<String> = match &options.opt_exclude {
            None => Vec::new(),
            Some(ExcludeSelectItem::Single(name)) => last(name).into_iter().collect(),
            Some(ExcludeSelectItem::Multiple(names)) => names.iter().filter_map(last).collect(),
        };
        if let Some(except) = &options.opt_except {
            left_out.push(except.first_element.value.clone());
            left_out.extend(except.additional_elements.iter().map(|name| name.value.clone()));
        }
        let renames = match &options.opt_rename {
            None => Vec::new(),
            Some(RenameSelectItem::Single(item)) => vec![item],
            Some(RenameSelectItem::Multiple(items)) => items.iter().collect(),
        };
        let dialect = self.dialect();
        let same = |one: &str, other: &str| dialect.same_name(one, other);
        for (id, name) in columns {
            if left_out.iter().any(|other| same(other, &name)) {
                continue;
            }
            let replaced = options.opt_replace.iter().flat_map(|replace| &replace.items);
            let replaced = replaced.into_iter().find(|item| same(&item.column_name.value, &name));
            let renamed = renames.iter().find(|item| same(&item.ident.value, &name));
            items.push(match (replaced, renamed) {
                (Some(element), _) => Item::Written(Box::new(element.expr.clone()), name),
                (None, Some(item)) => Item::Column(id, item.alias.value.clone()),
                (None, None) => Item::Column(id, name),
            });
        }
        Ok(())
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
    window.carried = window.carried.as_ref().map(over_keys);
    let used = columns_of_keys.iter().filter(|(_, columns)| columns.is_subset(&window.uses)).map(|(id, _)| *id);
    let used: Vec<Id> = used.collect();
    window.uses.extend(used);
    window
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
