//! Rows of a query, for people and for programs.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table as Drawing};
use highwater::engine::{Cell, Table};
use serde_json::{Map, Number, Value};

/// A drawn table; numbers to the right.
pub fn draw(table: &Table) -> String {
    let mut drawing = Drawing::new();
    drawing.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    drawing.set_header(table.columns.iter().map(|column| column.name.clone()));
    for row in &table.rows {
        drawing.add_row(row.iter().map(|cell| match cell {
            Cell::Null => comfy_table::Cell::new("NULL").add_attribute(comfy_table::Attribute::Dim),
            Cell::Integer(_) | Cell::Float(_) | Cell::Decimal(_) => {
                comfy_table::Cell::new(cell).set_alignment(CellAlignment::Right)
            }
            _ => comfy_table::Cell::new(cell),
        }));
    }
    drawing.to_string()
}

/// A list of objects, one per row.
pub fn objects(table: &Table) -> Vec<Value> {
    table
        .rows
        .iter()
        .map(|row| {
            let fields = table.columns.iter().zip(row).map(|(column, cell)| (column.name.clone(), json(cell)));
            Value::Object(fields.collect::<Map<_, _>>())
        })
        .collect()
}

/// A value as JSON: numbers where JSON has them exactly, else text.
fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(value) => Value::Bool(*value),
        Cell::Integer(value) => i64::try_from(*value).map_or_else(|_| Value::String(value.to_string()), Value::from),
        Cell::Float(value) => Number::from_f64(*value).map_or_else(|| Value::String(value.to_string()), Value::Number),
        Cell::Decimal(text) => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.to_string() == text.trim_end_matches('0').trim_end_matches('.'))
            .and_then(Number::from_f64)
            .map_or_else(|| Value::String(text.clone()), Value::Number),
        other => Value::String(other.to_string()),
    }
}
