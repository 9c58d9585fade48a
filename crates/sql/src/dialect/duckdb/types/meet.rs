//! The type in which values of several types meet.

use super::decimal;

/// What is known of a value: its type, or that it is a literal, which takes the type of what it meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A type.
    Type(String),
    /// A whole number that stands there as such.
    Whole(i128),
    /// A text that stands there as such.
    Text,
    /// NULL.
    Null,
}

impl Found {
    /// The type of a column made of it.
    pub fn settled(&self) -> String {
        match self {
            Self::Type(name) => name.clone(),
            Self::Whole(number) => whole(*number).to_owned(),
            Self::Text => "VARCHAR".to_owned(),
            Self::Null => "NULL".to_owned(),
        }
    }
}

/// Signed integer types, by width, and how many decimal digits stand for them among decimals.
const WIDTHS: [(&str, u32); 5] = [("TINYINT", 3), ("SMALLINT", 5), ("INTEGER", 10), ("BIGINT", 19), ("HUGEINT", 38)];

fn width(name: &str) -> Option<usize> {
    WIDTHS.iter().position(|(other, _)| *other == name)
}

/// The type of a whole number as a column.
fn whole(number: i128) -> &'static str {
    // The sign is an operator of its own: -2147483648 is a `BIGINT`.
    let number = number.checked_abs().unwrap_or(i128::MAX);
    if i32::try_from(number).is_ok() {
        "INTEGER"
    } else if i64::try_from(number).is_ok() {
        "BIGINT"
    } else {
        "HUGEINT"
    }
}

fn fits(number: i128, width: usize) -> bool {
    match width {
        0 => i8::try_from(number).is_ok(),
        1 => i16::try_from(number).is_ok(),
        2 => i32::try_from(number).is_ok(),
        3 => i64::try_from(number).is_ok(),
        _ => true,
    }
}

/// Whether values of a type are numbers without a unit, whatever their kind.
pub(super) fn is_number(name: &str) -> bool {
    width(name).is_some() || name == "DOUBLE" || name == "FLOAT" || decimal(name).is_some()
}

/// A whole type.
pub(super) fn is_whole(name: &str) -> bool {
    width(name).is_some()
}

/// Digits and scale of a number among decimals.
pub(super) fn as_decimal(name: &str) -> Option<(u32, u32)> {
    decimal(name).or_else(|| Some((WIDTHS[width(name)?].1, 0)).filter(|(width, _)| *width < 38))
}

/// Where values meet that are no literals; none when that takes more than we know.
pub(in crate::dialect) fn common(left: &str, right: &str) -> Option<String> {
    Some(match (left, right) {
        _ if left == right => left.to_owned(),
        ("NULL", other) | (other, "NULL") => other.to_owned(),
        ("DATE", "TIMESTAMP") | ("TIMESTAMP", "DATE") => "TIMESTAMP".to_owned(),
        ("DOUBLE", other) | (other, "DOUBLE") if is_number(other) => "DOUBLE".to_owned(),
        _ if width(left).is_some() && width(right).is_some() => WIDTHS[width(left)?.max(width(right)?)].0.to_owned(),
        _ => {
            let ((left, left_scale), (right, right_scale)) = (as_decimal(left)?, as_decimal(right)?);
            let scale = left_scale.max(right_scale);
            let digits = (left - left_scale).max(right - right_scale) + scale;
            if digits > 38 {
                return None;
            }
            format!("DECIMAL({digits},{scale})")
        }
    })
}

/// Where values meet, literals among them: in `coalesce`, `case`, `greatest`.
pub(super) fn meet(values: &[Found]) -> Option<Found> {
    let types: Vec<&str> = values
        .iter()
        .filter_map(|value| match value {
            Found::Type(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let wholes: Vec<i128> = values
        .iter()
        .filter_map(|value| match value {
            Found::Whole(number) => Some(*number),
            _ => None,
        })
        .collect();
    let texts = values.contains(&Found::Text);
    let Some((first, rest)) = types.split_first() else {
        return match (wholes.as_slice(), texts) {
            ([], false) => Some(Found::Null),
            ([], true) => Some(Found::Text),
            // The widest decides; two of them are a type.
            ([single], false) => Some(Found::Whole(*single)),
            (several, false) => Some(Found::Type(
                several.iter().map(|number| whole(*number)).max_by_key(|name| width(name))?.to_owned(),
            )),
            (_, true) => None,
        };
    };
    let known = rest.iter().try_fold((*first).to_owned(), |known, other| common(&known, other))?;
    // A text takes any other type; where numbers stand beside it, that is another matter.
    if wholes.is_empty() {
        return Some(Found::Type(known));
    }
    if texts {
        return None;
    }
    let known = match width(&known) {
        // Among wholes a literal is as narrow as it can be.
        Some(own) if wholes.iter().all(|number| fits(*number, own)) && (wholes.len() == 1 || own >= 2) => known,
        Some(own) if own >= 2 => wholes.iter().map(|number| whole(*number)).max_by_key(|name| width(name))?.to_owned(),
        Some(_) => return None,
        None if is_number(&known) => wholes.iter().try_fold(known, |known, number| common(&known, whole(*number)))?,
        None => return None,
    };
    Some(Found::Type(known))
}
