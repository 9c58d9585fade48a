//! `pivot` and `unpivot`: rule 34.
//!
//! - **Pivot** with a list of values is a group by the remaining columns, or by those that it names: its other columns are aggregates that read
//!   the column of the values, too. Rows with a value outside of the list belong to the group all the same.
//! - **Unpivot** makes several rows of each, and takes nothing but that row's own values.
//! - Without a list, the columns themselves depend on the data: no rule.
//!
//! `dialect/duckdb/pivot.rs` says how DuckDB's spellings arrive here.

use std::collections::BTreeSet;
use std::rc::Rc;

use sqlparser::ast::{
    BinaryOperator, Expr, ExprWithAlias, Ident, NullInclusion, PivotValueSource, TableAlias, TableFactor, Value,
};

use super::expression::{Names, Parts};
use super::from::{Relation, renamed};
use super::scope::{Found, Scope};
use super::{Binder, Environment};
use crate::Finding;
use crate::dialect::cast_to;
use crate::tree::{Id, Node, Series, as_column, column, column_name, columns_of_all};

/// More columns than this, and a pivot is not taken apart.
const MOST_PIVOTED: usize = 1_000;

/// A value that gets columns of its own: what they are called, and the condition on the rows they are made of.
struct Listed {
    label: String,
    holds: Expr,
}

impl Binder<'_> {
    pub(super) fn pivot(
        &mut self,
        factor: &TableFactor,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Relation, Finding> {
        let TableFactor::Pivot { table, aggregate_functions, value_column, value_source, default_on_null, alias } =
            factor
        else {
            return Err(self.unbound("this kind of table has no rule", factor));
        };
        let PivotValueSource::List(values) = value_source else {
            return Err(self.finding(
                "dynamic-pivot",
                "the columns of a pivot without a list of values depend on the data; any change of an input rebuilds the whole table",
                "list the values: pivot ... on column in ('a', 'b')",
                &**table,
            ));
        };
        let (input, scope) = self.factor(table, environment, outer, None)?;
        let by: Vec<Id> = value_column
            .iter()
            .map(|name| self.plain_column(name, &scope))
            .collect::<Option<_>>()
            .ok_or_else(|| self.unbound("a pivot on anything but a column has no rule", &**table))?;
        let listed = self
            .listed(&by, values, default_on_null.is_some())
            .filter(|listed| listed.len() * aggregate_functions.len() <= MOST_PIVOTED)
            .ok_or_else(|| self.unbound("this list of a pivot has no rule", &**table))?;
        let names = Names {
            scope: &scope,
            outer: &[],
            environment,
            aliases: &[],
            key_aliases: &[],
            grouped: true,
            having: false,
            windows: &[],
        };
        let mut parts = Parts::default();
        let mut pivoted = Vec::new();
        for Listed { label, holds } in &listed {
            for aggregate in aggregate_functions {
                let id = self
                    .aggregate_where(aggregate, holds, &names, &mut parts)?
                    .ok_or_else(|| self.unbound("a pivot of anything but aggregates has no rule", &**table))?;
                pivoted.push((id, self.pivoted_name(label, aggregate, aggregate_functions.len())));
            }
        }
        let aggregated = columns_of_all(parts.aggregates.iter().map(|(_, aggregate)| aggregate));
        let used: BTreeSet<Id> = aggregated.into_iter().chain(by).collect();
        let groups = self
            .groups(default_on_null.as_ref(), &scope, &used)
            .ok_or_else(|| self.unbound("a pivot grouped by anything but columns has no rule", &**table))?;
        let keys: Vec<(Id, Expr)> =
            groups.iter().map(|(id, name)| (self.computed_column(name.clone(), &column(*id)), column(*id))).collect();
        let named = keys.iter().zip(groups).map(|((id, _), (_, name))| (*id, name)).chain(pivoted).collect();
        let node = Node::Group { input: Box::new(input), keys, aggregates: parts.aggregates };
        Ok((node, self.under(alias.as_ref(), named)))
    }

    pub(super) fn unpivot(
        &mut self,
        factor: &TableFactor,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Relation, Finding> {
        let TableFactor::Unpivot { table, value, name, columns, null_inclusion, alias } = factor else {
            return Err(self.unbound("this kind of table has no rule", factor));
        };
        let (input, scope) = self.factor(table, environment, outer, None)?;
        let problem = |binder: &Self| binder.unbound("an unpivot of anything but columns has no rule", &**table);
        let values = names_of(value).ok_or_else(|| problem(self))?;
        let mut rows = Vec::new();
        for column in columns {
            let taken = several(&column.expr).into_iter().map(|part| self.plain_column(part, &scope));
            let taken: Vec<Id> = taken.collect::<Option<_>>().ok_or_else(|| problem(self))?;
            let label = match (&column.alias, taken.as_slice()) {
                (Some(alias), _) => Some(alias.value.clone()),
                (None, [single]) => self.spelling(*single, &scope),
                _ => return Err(problem(self)),
            };
            if taken.len() != values.len() {
                return Err(problem(self));
            }
            rows.push((label, taken));
        }
        let used: BTreeSet<Id> = rows.iter().flat_map(|(_, taken)| taken.iter().copied()).collect();
        let mut named: Vec<(Id, String)> = scope.star(None);
        named.retain(|(id, _)| !used.contains(id));
        self.learn(&used);
        let mut ids = vec![self.new_column(name.value.clone(), Some("VARCHAR".to_owned()))];
        for (at, value) in values.iter().enumerate() {
            let mut types = rows.iter().map(|(_, taken)| self.columns[taken[at]].data_type.clone());
            let first = types.next().flatten();
            let shared = first.clone().filter(|_| types.all(|other| other == first));
            ids.push(self.new_column(value.value.clone(), shared));
        }
        let bare = *null_inclusion != Some(NullInclusion::IncludeNulls) && values.len() == 1;
        let series = unpivoted(&rows, &ids, bare).map(|call| Series { given: used, call, outer: false });
        named.extend(ids.iter().copied().zip([name].into_iter().chain(values).map(|name| name.value.clone())));
        let node = Node::Expand { input: Box::new(input), ids, series };
        Ok((node, self.under(alias.as_ref(), named)))
    }

    fn under(&self, alias: Option<&TableAlias>, named: Vec<(Id, String)>) -> Scope {
        renamed(self.dialect(), alias.map_or("", |alias| &alias.name.value), named, alias)
    }

    /// The column that an expression names, when it does nothing else.
    fn plain_column(&self, expression: &Expr, scope: &Scope) -> Option<Id> {
        match expression {
            Expr::Nested(inner) => self.plain_column(inner, scope),
            Expr::Identifier(name) => match scope.by_name(&name.value) {
                Found::One(id) => Some(id),
                _ => None,
            },
            _ => None,
        }
    }

    /// The values of a pivot; of several columns, every combination of their values.
    fn listed(&self, by: &[Id], values: &[ExprWithAlias], combined: bool) -> Option<Vec<Listed>> {
        let list = |at: usize, values: Vec<(&Expr, Option<&Ident>)>| -> Option<Vec<Listed>> {
            let listed = |(value, alias): (&Expr, Option<&Ident>)| {
                let text = plain_text(value)?;
                let own = cast_to(self.dialect(), column(by[at]), "VARCHAR");
                let literal = Expr::value(Value::SingleQuotedString(text.clone()));
                let holds = Expr::BinaryOp { left: Box::new(own), op: BinaryOperator::Eq, right: Box::new(literal) };
                Some(Listed { label: alias.map_or(text, |alias| alias.value.clone()), holds })
            };
            values.into_iter().map(listed).collect()
        };
        if by.len() == 1 {
            return list(0, values.iter().map(|value| (&value.expr, value.alias.as_ref())).collect());
        }
        if !combined || values.len() != by.len() {
            return None;
        }
        let mut all: Vec<Listed> = Vec::new();
        for (at, value) in values.iter().enumerate() {
            let next = list(at, several(&value.expr).into_iter().map(|value| (value, None)).collect())?;
            if all.len() * next.len() > MOST_PIVOTED {
                return None;
            }
            all = if at == 0 {
                next
            } else {
                all.iter().flat_map(|one| next.iter().map(|other| both(one, other))).collect()
            };
        }
        Some(all)
    }

    /// Binds an aggregate over the rows for which a condition holds; none when it is something else.
    fn aggregate_where(
        &mut self,
        aggregate: &ExprWithAlias,
        holds: &Expr,
        names: &Names<'_>,
        parts: &mut Parts,
    ) -> Result<Option<Id>, Finding> {
        let Expr::Function(function) = &aggregate.expr else { return Ok(None) };
        let mut function = function.clone();
        function.filter = Some(Box::new(match function.filter.take() {
            Some(own) => Expr::BinaryOp { left: own, op: BinaryOperator::And, right: Box::new(holds.clone()) },
            None => holds.clone(),
        }));
        let before = parts.aggregates.len();
        let bound = self.expression(&Expr::Function(function), names, parts)?;
        let alone = parts.windows.is_empty() && parts.subqueries.is_empty() && parts.aggregates.len() == before + 1;
        Ok(as_column(&bound).filter(|_| alone))
    }

    /// What the engine calls a column of a pivot.
    fn pivoted_name(&self, label: &str, aggregate: &ExprWithAlias, aggregates: usize) -> String {
        match &aggregate.alias {
            Some(alias) => format!("{label}_{}", alias.value),
            None if aggregates == 1 => label.to_owned(),
            None => format!("{label}_{}", self.dialect().reading().default_name(&aggregate.expr)),
        }
    }

    /// The columns that a pivot groups by: those it names, or all that it has no other use for.
    fn groups(&self, written: Option<&Expr>, scope: &Scope, used: &BTreeSet<Id>) -> Option<Vec<(Id, String)>> {
        let all = scope.star(None);
        match written.filter(|written| !matches!(written, Expr::Value(_))) {
            None => Some(all.into_iter().filter(|(id, _)| !used.contains(id)).collect()),
            Some(written) => {
                let named = |name: &Expr| {
                    let id = self.plain_column(name, scope)?;
                    all.iter().find(|(other, _)| *other == id).cloned()
                };
                several(written).into_iter().map(named).collect()
            }
        }
    }

    /// A column's name as the engine writes it; none where the query spells it in more than one way.
    fn spelling(&self, id: Id, scope: &Scope) -> Option<String> {
        let name = &scope.columns.iter().find(|column| column.id == id)?.name;
        let other =
            |facts: &&crate::tree::ColumnFacts| self.dialect().same_name(&facts.name, name) && facts.name != *name;
        self.columns.iter().find(other).is_none().then(|| name.clone())
    }
}

/// The two labels, and the two conditions.
fn both(one: &Listed, other: &Listed) -> Listed {
    let (left, right) = (Box::new(one.holds.clone()), Box::new(other.holds.clone()));
    Listed {
        label: format!("{}_{}", one.label, other.label),
        holds: Expr::BinaryOp { left, op: BinaryOperator::And, right },
    }
}

/// The parts of `(a, b)`; of anything else, that.
fn several(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Tuple(parts) => parts.iter().collect(),
        Expr::Nested(inner) => several(inner),
        other => vec![other],
    }
}

/// `value`, or `(one, other)`.
fn names_of(expression: &Expr) -> Option<Vec<&Ident>> {
    let mut names = Vec::new();
    for part in several(expression) {
        let Expr::Identifier(name) = part else { return None };
        names.push(name);
    }
    Some(names)
}

/// What a pivot calls a value: texts, whole numbers, and names without quotes, which it takes for texts.
fn plain_text(value: &Expr) -> Option<String> {
    match value {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            Value::Number(digits, _) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.clone()),
            Value::Null => Some("NULL".to_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// What makes the rows of one; none where a column's name, which becomes a value, is not certain.
fn unpivoted(rows: &[(Option<String>, Vec<Id>)], ids: &[Id], without_nulls: bool) -> Option<String> {
    let row = |(label, taken): &(Option<String>, Vec<Id>)| {
        let label = label.as_ref()?.replace('\'', "''");
        let values: Vec<String> = taken.iter().map(|id| column_name(*id)).collect();
        Some(format!("select '{label}', {}", values.join(", ")))
    };
    let rows: Vec<String> = rows.iter().map(row).collect::<Option<_>>()?;
    let names = ids.iter().map(|id| column_name(*id)).collect::<Vec<_>>().join(", ");
    let kept = if without_nulls { format!(" where {} is not null", column_name(ids[1])) } else { String::new() };
    let rows = format!("select * from ({}) as hw_unpivoted({names}){kept}", rows.join(" union all "));
    Some(format!("lateral ({rows}) as hw_series_{}({names})", ids[0]))
}
