//! The types of operators, literals, `case` and casts.

use sqlparser::ast::{BinaryOperator, CastKind, CeilFloorKind, DateTimeField, Expr, UnaryOperator, Value};

use super::meet::{Found, as_decimal, is_number, is_whole, meet};
use super::{decimal, functions, normalised};
use crate::tree::{ColumnFacts, as_column};

/// The type of an expression; none when it takes more than we know to tell.
pub(in crate::dialect) fn type_of(expression: &Expr, columns: &[ColumnFacts]) -> Option<String> {
    found(expression, columns).map(|found| found.settled())
}

/// The type of a column of `values`.
pub(in crate::dialect) fn type_of_values(values: &[&Expr]) -> Option<String> {
    let values: Vec<Found> = values.iter().map(|value| found(value, &[])).collect::<Option<_>>()?;
    meet(&values).map(|found| found.settled())
}

/// What is known of an expression.
pub(super) fn found(expression: &Expr, columns: &[ColumnFacts]) -> Option<Found> {
    let is = |name: &str| Some(Found::Type(name.to_owned()));
    match expression {
        Expr::Identifier(_) => columns.get(as_column(expression)?)?.data_type.clone().map(Found::Type),
        Expr::Nested(inner) => found(inner, columns),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon | CastKind::TryCast, data_type, .. } => {
            Some(Found::Type(normalised(&data_type.to_string())))
        }
        Expr::Value(value) => literal(&value.value),
        Expr::TypedString(typed) => Some(Found::Type(normalised(&typed.data_type.to_string()))),
        Expr::Interval(_) => is("INTERVAL"),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            signed(found(expr, columns)?, expression)
        }
        Expr::UnaryOp { op: UnaryOperator::Not, .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. } => is("BOOLEAN"),
        Expr::BinaryOp { left, op, right } => operator(op, left, right, columns),
        Expr::Case { conditions, else_result, .. } => {
            let results = conditions.iter().map(|when| &when.result).chain(else_result.as_deref());
            meet(&results.map(|result| found(result, columns)).collect::<Option<Vec<_>>>()?)
        }
        Expr::Trim { .. } | Expr::Substring { .. } => is("VARCHAR"),
        Expr::Position { .. } => is("BIGINT"),
        Expr::Extract { field, .. } => part(field).map(|name| Found::Type(name.to_owned())),
        Expr::Ceil { expr, field } | Expr::Floor { expr, field } => {
            if !matches!(field, CeilFloorKind::DateTimeField(DateTimeField::NoDateTime)) {
                return None;
            }
            Some(Found::Type(functions::rounded_to_whole(&found(expr, columns)?.settled())?))
        }
        Expr::AtTimeZone { timestamp, .. } => match found(timestamp, columns)? {
            Found::Type(name) if name == "TIMESTAMP" => is("TIMESTAMP WITH TIME ZONE"),
            Found::Type(name) if name == "TIMESTAMP WITH TIME ZONE" => is("TIMESTAMP"),
            _ => None,
        },
        Expr::Function(function) => functions::result(function, columns),
        _ => None,
    }
}

fn literal(value: &Value) -> Option<Found> {
    match value {
        Value::SingleQuotedString(_) => Some(Found::Text),
        Value::Null => Some(Found::Null),
        Value::Boolean(_) => Some(Found::Type("BOOLEAN".to_owned())),
        Value::Number(digits, _) => number(digits),
        _ => None,
    }
}

fn number(digits: &str) -> Option<Found> {
    let digits_only = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if digits_only(digits) {
        return digits.parse().ok().map(Found::Whole);
    }
    let (whole, fraction) = digits.split_once('.')?;
    let plain = digits_only(whole) && digits_only(fraction) && !fraction.is_empty();
    let width = whole.len() + fraction.len();
    let canonical = whole == "0" || !whole.starts_with('0');
    (plain && canonical && width <= 18).then(|| Found::Type(format!("DECIMAL({width},{})", fraction.len())))
}

fn signed(value: Found, expression: &Expr) -> Option<Found> {
    match value {
        Found::Whole(number) => {
            let minus = matches!(expression, Expr::UnaryOp { op: UnaryOperator::Minus, .. });
            Some(Found::Whole(if minus { number.checked_neg()? } else { number }))
        }
        Found::Type(name) if is_number(&name) || name == "INTERVAL" => Some(Found::Type(name)),
        _ => None,
    }
}

/// The type of a part of a moment.
pub(super) fn part(field: &DateTimeField) -> Option<&'static str> {
    use DateTimeField as Field;
    match field {
        Field::Year
        | Field::Month
        | Field::Week(None)
        | Field::Day
        | Field::Dow
        | Field::Doy
        | Field::Isodow
        | Field::Isoyear
        | Field::Quarter
        | Field::Hour
        | Field::Minute
        | Field::Second
        | Field::DayOfWeek
        | Field::DayOfYear => Some("BIGINT"),
        Field::Epoch => Some("DOUBLE"),
        _ => None,
    }
}

fn operator(op: &BinaryOperator, left: &Expr, right: &Expr, columns: &[ColumnFacts]) -> Option<Found> {
    use BinaryOperator as Op;
    match op {
        Op::And | Op::Or | Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => {
            return Some(Found::Type("BOOLEAN".to_owned()));
        }
        Op::StringConcat => {
            let (left, right) = (found(left, columns), found(right, columns));
            let text = |side: &Option<Found>| match side {
                Some(Found::Type(name)) => name == "VARCHAR",
                Some(Found::Text) => true,
                _ => false,
            };
            let list = |side: &Option<Found>| {
                side.as_ref().map(Found::settled).is_none_or(|name| name.ends_with(']') || name == "BLOB")
            };
            return ((text(&left) && !list(&right)) || (text(&right) && !list(&left)))
                .then(|| Found::Type("VARCHAR".to_owned()));
        }
        Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo | Op::DuckIntegerDivide => {}
        _ => return None,
    }
    arithmetic(op, &found(left, columns)?, &found(right, columns)?)
}

/// Sums, products and the like.
fn arithmetic(op: &BinaryOperator, left: &Found, right: &Found) -> Option<Found> {
    use BinaryOperator as Op;
    if matches!((left, right), (Found::Text | Found::Null, _) | (_, Found::Text | Found::Null)) {
        return None;
    }
    let (one, other) = (left.settled(), right.settled());
    if let Some(moment) = moments(op, &one, &other) {
        return Some(Found::Type(moment.to_owned()));
    }
    if !is_number(&one) || !is_number(&other) {
        return None;
    }
    let whole = is_whole(&one) && is_whole(&other);
    let binary = |name: &str| name == "DOUBLE" || name == "FLOAT";
    match op {
        Op::Divide if one != "FLOAT" && other != "FLOAT" => Some(Found::Type("DOUBLE".to_owned())),
        Op::Plus | Op::Minus | Op::Multiply | Op::Modulo | Op::DuckIntegerDivide if whole => {
            // Two literals are folded into a type.
            meet(&[left.clone(), right.clone()]).map(|found| Found::Type(found.settled()))
        }
        Op::Plus | Op::Minus | Op::Multiply if binary(&one) || binary(&other) => {
            (one == "DOUBLE" || other == "DOUBLE").then(|| Found::Type("DOUBLE".to_owned()))
        }
        Op::Plus | Op::Minus | Op::Multiply if decimal(&one).is_some() || decimal(&other).is_some() => {
            decimals(op, as_decimal(&one)?, as_decimal(&other)?)
        }
        _ => None,
    }
}

/// Digits and scale of a sum or a product. More than 18 digits are left to the engine: from there on it may keep fewer.
fn decimals(op: &BinaryOperator, (left, left_scale): (u32, u32), (right, right_scale): (u32, u32)) -> Option<Found> {
    let (digits, scale) = if *op == BinaryOperator::Multiply {
        (left + right, left_scale + right_scale)
    } else {
        let scale = left_scale.max(right_scale);
        ((left - left_scale).max(right - right_scale) + scale + 1, scale)
    };
    (digits <= 18).then(|| Found::Type(format!("DECIMAL({digits},{scale})")))
}

/// Sums and differences of moments and spans of time.
fn moments(op: &BinaryOperator, left: &str, right: &str) -> Option<&'static str> {
    use BinaryOperator as Op;
    match (op, left, right) {
        (Op::Plus, "DATE", other) | (Op::Plus, other, "DATE") if other == "INTEGER" => Some("DATE"),
        (Op::Minus, "DATE", "INTEGER") => Some("DATE"),
        (Op::Minus, "DATE", "DATE") => Some("BIGINT"),
        (Op::Minus, "TIMESTAMP", "TIMESTAMP") => Some("INTERVAL"),
        (Op::Plus | Op::Minus, "DATE" | "TIMESTAMP", "INTERVAL") | (Op::Plus, "INTERVAL", "DATE" | "TIMESTAMP") => {
            Some("TIMESTAMP")
        }
        (Op::Plus | Op::Minus, "TIMESTAMP WITH TIME ZONE", "INTERVAL") => Some("TIMESTAMP WITH TIME ZONE"),
        (Op::Plus | Op::Minus, "INTERVAL", "INTERVAL") => Some("INTERVAL"),
        (Op::Multiply, "INTERVAL", "INTEGER" | "BIGINT") | (Op::Multiply, "INTEGER" | "BIGINT", "INTERVAL") => {
            Some("INTERVAL")
        }
        _ => None,
    }
}
