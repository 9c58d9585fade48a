//! Values as the server writes them, read by their types.

use jiff::civil;
use postgres::types::{Kind, Type};

use super::super::Cell;

/// A value by its type and its text.
pub(super) fn cell(data_type: &Type, text: Option<&str>) -> Cell {
    let Some(text) = text else { return Cell::Null };
    let read = match *data_type {
        Type::BOOL => Some(Cell::Boolean(text == "t")),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => text.parse().ok().map(Cell::Integer),
        Type::FLOAT4 | Type::FLOAT8 => text.parse().ok().map(Cell::Float),
        Type::NUMERIC => Some(numeric(text)),
        Type::DATE => text.parse::<civil::Date>().ok().map(Cell::Date),
        Type::TIMESTAMP => text.parse::<civil::DateTime>().ok().map(Cell::Timestamp),
        Type::TIMESTAMPTZ => instant(text).map(Cell::Instant),
        _ => None,
    };
    // Infinities, years before Christ, and every type without a cell of its own.
    read.unwrap_or_else(|| Cell::Text(text.to_owned()))
}

fn numeric(text: &str) -> Cell {
    match text.parse::<i128>() {
        Ok(whole) => Cell::Integer(whole),
        Err(_) if text.ends_with(|letter: char| letter.is_ascii_digit()) => Cell::Decimal(text.to_owned()),
        Err(_) => text.parse().map_or_else(|_| Cell::Text(text.to_owned()), Cell::Float),
    }
}

/// The session's time zone is UTC, so every instant ends with `+00`.
fn instant(text: &str) -> Option<jiff::Timestamp> {
    let moment: civil::DateTime = text.strip_suffix("+00")?.parse().ok()?;
    Some(moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// The name of a type in SQL, without length or precision.
pub(super) fn type_name(data_type: &Type) -> String {
    if let Kind::Array(of) = data_type.kind() {
        return format!("{}[]", type_name(of));
    }
    let name = match *data_type {
        Type::BOOL => "boolean",
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::BPCHAR => "character",
        Type::VARCHAR => "character varying",
        Type::TIME => "time without time zone",
        Type::TIMETZ => "time with time zone",
        Type::TIMESTAMP => "timestamp without time zone",
        Type::TIMESTAMPTZ => "timestamp with time zone",
        _ => data_type.name(),
    };
    name.to_owned()
}
