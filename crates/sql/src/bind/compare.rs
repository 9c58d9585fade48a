//! What is compared with what: two sides of an equality, written so that equal values have equal hashes.
//!
//! A hash depends on the type, and the engine casts one side of a comparison or both before it compares. The same casts are written out here.
//! Types that cannot be told from the text are asked of the engine, when a comparison needs them.

use std::collections::BTreeSet;

use sqlparser::ast::{CastKind, Expr};

use super::Binder;
use crate::Dialect;
use crate::dialect::{cast_to, type_of};
use crate::excerpt::typed;
use crate::tree::{Id, column_name, columns_of};

impl Binder<'_> {
    /// The two sides with the casts that the engine makes before it compares them; none when nobody knows.
    pub(super) fn compared(&mut self, left: &Expr, right: &Expr) -> Option<(Expr, Expr)> {
        let (own, other) = (self.known_type(left)?, self.known_type(right)?);
        if own == other {
            return Some((left.clone(), right.clone()));
        }
        let dialect = self.dialect();
        let meeting = dialect.reading().meeting(&own, &other)?;
        Some((met(dialect, left, &own, &meeting), met(dialect, right, &other, &meeting)))
    }

    /// The type of an expression, from its text or from the engine.
    pub(super) fn known_type(&mut self, expression: &Expr) -> Option<String> {
        let columns = columns_of(expression);
        self.learn(&columns);
        if let Some(known) = type_of(expression, &self.columns) {
            return Some(known);
        }
        self.ask(expression)
    }

    /// Finds out the types of columns that are computed, and of those they are computed from.
    pub(super) fn learn(&mut self, ids: &BTreeSet<Id>) {
        let mut waiting: Vec<Id> = ids.iter().rev().copied().collect();
        while let Some(id) = waiting.last().copied() {
            if self.columns[id].data_type.is_some() {
                waiting.pop();
                continue;
            }
            // A column that is come back to has its own columns behind it: now or never.
            let Some(source) = self.columns[id].source.take() else {
                waiting.pop();
                continue;
            };
            let below: Vec<Id> = columns_of(&source)
                .into_iter()
                .filter(|below| self.columns[*below].data_type.is_none() && self.columns[*below].source.is_some())
                .collect();
            if below.is_empty() {
                waiting.pop();
                self.columns[id].data_type = type_of(&source, &self.columns).or_else(|| self.ask(&source));
            } else {
                self.columns[id].source = Some(source);
                waiting.extend(below);
            }
        }
    }

    /// Asks the engine for the types of a query's columns.
    pub(super) fn describe(&mut self, ids: &[Id], sql: &str) {
        let Some(columns) = self.catalog.describe(sql).filter(|columns| columns.len() == ids.len()) else { return };
        let reading = self.dialect().reading();
        let types = columns.into_iter().map(|column| reading.normalised(&column.data_type)).collect();
        typed(&mut self.columns, ids, types);
    }

    /// Asks the engine for the type of an expression over columns whose types are known.
    fn ask(&self, expression: &Expr) -> Option<String> {
        let reading = self.dialect().reading();
        let mut nulls = Vec::new();
        for id in columns_of(expression) {
            let data_type = self.columns[id].data_type.as_deref()?;
            let null = if data_type == "NULL" {
                "null".to_owned()
            } else {
                format!("cast(null as {})", reading.type_name(data_type))
            };
            nulls.push(format!("{null} as {}", column_name(id)));
        }
        let from =
            if nulls.is_empty() { String::new() } else { format!(" from (select {}) as hw_row", nulls.join(", ")) };
        let columns = self.catalog.describe(&format!("select {expression} as hw_value{from}"))?;
        columns.first().map(|column| reading.normalised(&column.data_type))
    }
}

fn met(dialect: Dialect, side: &Expr, own: &str, meeting: &str) -> Expr {
    if own == meeting {
        return side.clone();
    }
    let mut cast = cast_to(dialect, side.clone(), meeting);
    // Where the user's own cast would fail, so does a rebuild; looking for changes should not.
    if dialect.reading().may_fail(own, meeting)
        && let Expr::Cast { kind, .. } = &mut cast
    {
        *kind = CastKind::TryCast;
    }
    cast
}
