//! What is compared with what: two sides of an equality, written so that equal values have equal hashes.
//!
//! A hash depends on the type, and the engine casts one side of a comparison or both before it compares. The same casts are written out here.
//! Types that cannot be told from the text are asked of the engine, when a comparison needs them.

use std::collections::BTreeSet;

use sqlparser::ast::{CastKind, Expr};

use super::{Binder, cast_to, normalised, type_of};
use crate::excerpt::typed;
use crate::tree::{Id, column_name, columns_of};

impl Binder<'_> {
    /// The two sides with the casts that the engine makes before it compares them; none when nobody knows.
    pub(super) fn compared(&mut self, left: &Expr, right: &Expr) -> Option<(Expr, Expr)> {
        let (own, other) = (self.known_type(left)?, self.known_type(right)?);
        if own == other {
            return Some((left.clone(), right.clone()));
        }
        let meeting = meeting(&own, &other)?;
        Some((met(left, &own, &meeting), met(right, &other, &meeting)))
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
        let types = columns.into_iter().map(|column| normalised(&column.data_type)).collect();
        typed(&mut self.columns, ids, types);
    }

    /// Asks the engine for the type of an expression over columns whose types are known.
    fn ask(&self, expression: &Expr) -> Option<String> {
        let mut nulls = Vec::new();
        for id in columns_of(expression) {
            let data_type = self.columns[id].data_type.as_deref()?;
            let null = if data_type == "NULL" { "null".to_owned() } else { format!("cast(null as {data_type})") };
            nulls.push(format!("{null} as {}", column_name(id)));
        }
        let from =
            if nulls.is_empty() { String::new() } else { format!(" from (select {}) as hw_row", nulls.join(", ")) };
        let columns = self.catalog.describe(&format!("select {expression} as hw_value{from}"))?;
        columns.first().map(|column| normalised(&column.data_type))
    }
}

fn met(side: &Expr, own: &str, meeting: &str) -> Expr {
    if own == meeting {
        return side.clone();
    }
    let mut cast = cast_to(side.clone(), meeting);
    // Where the user's own cast would fail, so does a rebuild; looking for changes should not.
    if (own == "VARCHAR" || overflows(own, meeting))
        && let Expr::Cast { kind, .. } = &mut cast
    {
        *kind = CastKind::TryCast;
    }
    cast
}

/// The type in which the engine compares values of two types; none when nobody knows.
fn meeting(own: &str, other: &str) -> Option<String> {
    let pair = [own, other];
    let is = |name: &str| pair.contains(&name);
    let both = |test: fn(&str) -> bool| pair.iter().all(|name| test(name));
    let met = if both(|name| is_integer(name) && !is_wide(name)) {
        // Any two of them are equal as numbers.
        "BIGINT".to_owned()
    } else if both(is_integer) {
        "HUGEINT".to_owned()
    } else if both(|name| is_integer(name) || scale(name).is_some()) {
        let scale = pair.iter().filter_map(|name| scale(name)).max()?;
        format!("DECIMAL(38,{scale})")
    } else if is("DOUBLE") && both(is_number) {
        "DOUBLE".to_owned()
    } else if is("FLOAT") && both(is_number) {
        "FLOAT".to_owned()
    } else if both(|name| matches!(name, "DATE" | "TIMESTAMP")) {
        "TIMESTAMP".to_owned()
    } else if both(|name| matches!(name, "DATE" | "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE")) {
        "TIMESTAMP WITH TIME ZONE".to_owned()
    } else if is("VARCHAR") {
        let known = *pair.iter().find(|name| **name != "VARCHAR")?;
        let enumerated = known.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("enum"));
        let plain = is_number(known) || matches!(known, "BOOLEAN" | "DATE" | "TIMESTAMP" | "UUID");
        if enumerated {
            "VARCHAR".to_owned()
        } else if plain {
            known.to_owned()
        } else {
            return None;
        }
    } else {
        return None;
    };
    Some(met)
}

fn is_integer(name: &str) -> bool {
    matches!(
        name,
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER" | "UBIGINT"
    )
}

fn is_wide(name: &str) -> bool {
    matches!(name, "HUGEINT" | "UBIGINT")
}

fn is_number(name: &str) -> bool {
    is_integer(name) || scale(name).is_some() || matches!(name, "DOUBLE" | "FLOAT")
}

/// The digits after the point of a decimal type.
fn scale(name: &str) -> Option<u32> {
    name.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?.1.trim().parse().ok()
}

/// Whether a value of one type may be too large for the other.
fn overflows(own: &str, meeting: &str) -> bool {
    let Some(scale_there) = scale(meeting) else { return false };
    let digits = match own {
        "HUGEINT" | "UBIGINT" => 38,
        "BIGINT" | "UINTEGER" => 19,
        _ => match own.strip_prefix("DECIMAL(").and_then(|rest| rest.split(',').next()) {
            Some(width) => width.trim().parse::<u32>().unwrap_or(38).saturating_sub(scale(own).unwrap_or(0)),
            None => 10,
        },
    };
    digits + scale_there > 38
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_meet_where_the_engine_compares_them() {
        let met = |own, other| meeting(own, other).unwrap_or_else(|| "-".to_owned());
        assert_eq!(met("INTEGER", "BIGINT"), "BIGINT");
        assert_eq!(met("UBIGINT", "BIGINT"), "HUGEINT");
        assert_eq!(met("BIGINT", "DECIMAL(9,2)"), "DECIMAL(38,2)");
        assert_eq!(met("VARCHAR", "INTEGER"), "INTEGER");
        assert_eq!(met("FLOAT", "INTEGER"), "FLOAT");
        assert_eq!(met("DATE", "TIMESTAMP"), "TIMESTAMP");
        assert_eq!(met("VARCHAR", "INTEGER[]"), "-");
        assert!(overflows("DECIMAL(38,0)", "DECIMAL(38,2)"));
        assert!(!overflows("BIGINT", "DECIMAL(38,2)"));
    }
}
