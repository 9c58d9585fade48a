//! Targets: the expressions whose values name slices.

use std::collections::BTreeSet;

use sqlparser::ast::{CastKind, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value};

use super::along::Margin;
use crate::dialect::type_of;
use crate::tree::{Columns, Id, as_column, column, columns_of, columns_of_all, substitute};
use crate::{Group, IntervalUnit};

/// How values become names of slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The interval a moment falls into.
    Interval(IntervalUnit),
    /// The hash of the values.
    Key,
    /// The values themselves, kept beside their hash: for conditions that are no equality.
    Values,
}

/// An expression over a relation's columns whose values name slices of it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub shape: Shape,
    /// One for an interval, any number for a key.
    pub expressions: Vec<Expr>,
    /// Types to cast to before hashing, where the result's own type is what counts.
    pub types: Vec<Option<String>>,
    /// Whether it came through a set operation whose branches may have other types.
    pub coerced: bool,
    /// How many intervals around a slice belong to it, for a window that looks along time.
    pub margin: Margin,
    /// Whether it is the result's own, and not one that a join or a window put in its place.
    pub own: bool,
}

impl Target {
    /// The key made of some expressions, whose types are known to fit what they will be compared with.
    pub fn key(expressions: Vec<Expr>) -> Self {
        let types = vec![None; expressions.len()];
        Self { shape: Shape::Key, expressions, types, coerced: false, own: false, margin: Margin::default() }
    }

    /// The same, with so much more around every slice.
    pub fn with_margin(&self, margin: Margin) -> Self {
        Self { margin: self.margin.and(margin), ..self.clone() }
    }

    /// The values of some columns, to be held against a condition; none when one of them would not come back as it was, or for no columns.
    pub fn values(ids: &[Id], columns: &Columns) -> Option<Self> {
        let reading = columns.dialect.reading();
        let carried = |id: &Id| columns[*id].data_type.as_deref().is_some_and(|data_type| reading.carries(data_type));
        (!ids.is_empty() && ids.iter().all(carried))
            .then(|| Self { shape: Shape::Values, ..Self::key(ids.iter().map(|id| column(*id)).collect()) })
    }

    /// The columns it reads.
    pub fn columns(&self) -> BTreeSet<Id> {
        columns_of_all(&self.expressions)
    }

    /// The same target, one relation further down.
    pub fn substitute(&self, replacement: &dyn Fn(Id) -> Option<Expr>) -> Self {
        let expressions = self.expressions.iter().map(|expression| substitute(expression, replacement)).collect();
        Self { expressions, ..self.clone() }
    }

    /// Below a projection, or below a group's keys.
    pub fn through_items(&self, items: &[(Id, Expr)]) -> Self {
        self.substitute(&|id| items.iter().find(|(other, _)| *other == id).map(|(_, item)| item.clone()))
    }

    /// Below a branch of a set operation.
    pub fn through_branch(&self, ids: &[Id], columns: &[Id]) -> Self {
        self.substitute(&|id| ids.iter().position(|other| *other == id).map(|position| column(columns[position])))
    }

    /// On the other side of a join, when equalities carry every column over.
    pub fn through_equalities(&self, equalities: &[(Expr, Expr)], columns: &Columns) -> Option<Self> {
        // `date_trunc('day', a) = b` carries the day of `a` over, whatever `a` is.
        if let (Shape::Interval(unit), [moment]) = (self.shape, self.expressions.as_slice()) {
            let bare = |expression: &Expr| bare_moment(expression, unit, columns).to_string();
            let moment = bare(moment);
            if let Some((_, other)) = equalities.iter().find(|(own, _)| bare(own) == moment) {
                return Some(Self { expressions: vec![other.clone()], own: false, ..self.clone() });
            }
        }
        let other =
            |id: Id| equalities.iter().find(|(own, _)| as_column(own) == Some(id)).map(|(_, other)| other.clone());
        let wanted = self.columns();
        let carried = !wanted.is_empty() && wanted.into_iter().all(|id| other(id).is_some());
        carried.then(|| Self { own: false, ..self.substitute(&other) })
    }

    /// The columns of a query that yields slices: `... as p`, and the values as `v` where they are kept.
    pub fn output(&self, columns: &Columns, write: &dyn Fn(Id) -> Option<Expr>) -> String {
        let slice = self.sql(columns, write);
        match self.shape {
            Shape::Values => format!("{slice} as p, {} as v", columns.dialect.carry(&self.key_sql(columns, write))),
            _ => format!("{slice} as p"),
        }
    }

    /// Whether rows that agree on these expressions are always in the same slice.
    pub fn determined_by(&self, partition: &[Expr], columns: &Columns) -> bool {
        let bare: BTreeSet<Id> = partition.iter().filter_map(as_column).collect();
        self.expressions.iter().all(|expression| {
            columns_of(expression).is_subset(&bare)
                || partition.iter().any(|given| match self.shape {
                    Shape::Interval(unit) => {
                        bare_moment(given, unit, columns).to_string()
                            == bare_moment(expression, unit, columns).to_string()
                    }
                    Shape::Key | Shape::Values => unwrapped(given).to_string() == unwrapped(expression).to_string(),
                })
        })
    }

    /// The value that names the slice, as SQL over columns named by `write`.
    pub fn sql(&self, columns: &Columns, write: &dyn Fn(Id) -> Option<Expr>) -> String {
        match self.shape {
            Shape::Interval(unit) => columns.dialect.interval(&self.interval_sql(unit, columns, write), unit),
            Shape::Key | Shape::Values => columns.dialect.key_hash(&self.key_sql(columns, write)),
        }
    }

    /// The group in which to look for changes, over a table's own columns.
    pub fn group(&self, columns: &Columns, write: &dyn Fn(Id) -> Option<Expr>, name: &dyn Fn(Id) -> String) -> Group {
        match self.shape {
            Shape::Interval(unit) => Group::Interval {
                expression: self.interval_sql(unit, columns, write),
                column: as_column(&bare_moment(&self.expressions[0], unit, columns)).map(name),
                unit,
            },
            Shape::Key => Group::Key { expressions: self.key_sql(columns, write) },
            Shape::Values => Group::Values { expressions: self.key_sql(columns, write) },
        }
    }

    /// The moment, in SQL, not yet truncated.
    pub fn interval_sql(&self, unit: IntervalUnit, columns: &Columns, write: &dyn Fn(Id) -> Option<Expr>) -> String {
        substitute(&bare_moment(&self.expressions[0], unit, columns), write).to_string()
    }

    /// The parts of the key, in SQL, cast to the types that count.
    pub fn key_sql(&self, columns: &Columns, write: &dyn Fn(Id) -> Option<Expr>) -> Vec<String> {
        self.expressions
            .iter()
            .zip(&self.types)
            .map(|(expression, wanted)| {
                let sql = substitute(expression, write).to_string();
                let reading = columns.dialect.reading();
                let own = type_of(expression, columns);
                match wanted {
                    Some(wanted) if own != Some(reading.normalised(wanted)) => {
                        reading.key_part(format!("cast({sql} as {wanted})"), Some(&reading.normalised(wanted)))
                    }
                    _ => reading.key_part(sql, own.as_deref()),
                }
            })
            .collect()
    }
}

fn unwrapped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) => unwrapped(inner),
        other => other,
    }
}

/// The moment under truncations that are no coarser than `unit`: truncating it gives the same interval.
pub(crate) fn bare_moment(expression: &Expr, unit: IntervalUnit, columns: &Columns) -> Expr {
    let clear = |inner: &Expr| matches!(type_of(inner, columns).as_deref(), Some("TIMESTAMP" | "DATE"));
    match expression {
        Expr::Nested(inner) => bare_moment(inner, unit, columns),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } if clear(expr) => {
            match columns.dialect.reading().normalised(&data_type.to_string()).as_str() {
                "DATE" if unit != IntervalUnit::Hour => bare_moment(expr, unit, columns),
                "TIMESTAMP" => bare_moment(expr, unit, columns),
                _ => expression.clone(),
            }
        }
        Expr::Function(function) if function.over.is_none() => {
            let name = function.name.to_string().to_ascii_lowercase();
            let FunctionArguments::List(list) = &function.args else { return expression.clone() };
            match (name.as_str(), list.args.as_slice()) {
                (
                    "date_trunc" | "datetrunc",
                    [
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(step)),
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(moment)),
                    ],
                ) if clear(moment) && finer_or_equal(step, unit) => bare_moment(moment, unit, columns),
                _ => expression.clone(),
            }
        }
        other => other.clone(),
    }
}

/// Whether truncating to `step` first leaves the interval of `unit` as it is.
fn finer_or_equal(step: &Expr, unit: IntervalUnit) -> bool {
    let Expr::Value(value) = step else { return false };
    let Value::SingleQuotedString(word) = &value.value else { return false };
    let rank = match word.to_ascii_lowercase().as_str() {
        "microsecond" | "microseconds" | "millisecond" | "milliseconds" | "second" | "seconds" | "minute"
        | "minutes" | "hour" | "hours" => 0,
        "day" | "days" => 1,
        "month" | "months" => 2,
        "year" | "years" => 3,
        // Weeks and quarters: a week is no part of a month.
        "quarter" | "quarters" if unit == IntervalUnit::Year => 3,
        _ => return false,
    };
    rank <= match unit {
        IntervalUnit::Hour => 0,
        IntervalUnit::Day => 1,
        IntervalUnit::Month => 2,
        IntervalUnit::Year => 3,
    }
}
