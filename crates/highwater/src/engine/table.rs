//! Query results small enough to show or to hand to a template.

use jiff::civil;

/// A column of a relation or of a result.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Column {
    /// Name as the engine keeps it.
    pub name: String,
    /// The engine's own name of the type, as in `DECIMAL(18,3)`.
    pub data_type: String,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// Any integer the engines have.
    Integer(i128),
    /// A binary fraction.
    Float(f64),
    /// A decimal fraction, written out.
    Decimal(String),
    /// Text, and every type without a variant of its own, in the engine's own writing.
    Text(String),
    /// A day.
    Date(civil::Date),
    /// A wall-clock time without zone.
    Timestamp(civil::DateTime),
    /// An instant.
    Instant(jiff::Timestamp),
}

/// Rows with their columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Names and types, in order.
    pub columns: Vec<Column>,
    /// Rows; each has one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The first cell of the first row.
    pub fn scalar(&self) -> Option<&Cell> {
        self.rows.first().and_then(|row| row.first())
    }
}

impl Cell {
    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i128> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Decimal(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Boolean(value) => write!(formatter, "{value}"),
            Self::Integer(value) => write!(formatter, "{value}"),
            Self::Float(value) => write!(formatter, "{value}"),
            Self::Decimal(text) | Self::Text(text) => formatter.write_str(text),
            Self::Date(value) => write!(formatter, "{value}"),
            Self::Timestamp(value) => write!(formatter, "{} {}", value.date(), value.time()),
            Self::Instant(value) => write!(formatter, "{value}"),
        }
    }
}
