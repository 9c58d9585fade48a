//! Overlays: other rows in place of a table's, for a query that is to be built as if a swap had been done that has not.

use highwater_sql::Piece;

use super::model::same;
use super::names::Places;
use crate::engine::Relation;

/// Rows that are read in place of a table's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overlay {
    /// The table.
    pub relation: Relation,
    /// A query for the rows, with the table's columns.
    pub sql: String,
}

/// The overlay of a table, by its name as a query writes it.
pub(super) fn find<'a>(overlays: &'a [Overlay], places: &Places, table: &str) -> Option<&'a Overlay> {
    let candidates = places.candidates(&parts(table));
    candidates.iter().find_map(|name| overlays.iter().find(|overlay| same(&overlay.relation, name)))
}

/// Whether a scan of an overlaid table stands in a text that is no scan to be replaced: a name with its schema, by which columns are called.
pub(crate) fn escapes(overlays: &[Overlay], pieces: &[Piece]) -> bool {
    let names: Vec<String> = overlays
        .iter()
        .map(|overlay| format!("{}.{}", overlay.relation.schema, overlay.relation.identifier).to_lowercase())
        .collect();
    pieces.iter().any(|piece| match piece {
        Piece::Text(text) => {
            let bare = text.replace('"', "").to_lowercase();
            names.iter().any(|name| bare.contains(name))
        }
        Piece::Scan { .. } => false,
    })
}

/// The parts of a name, without their quotes.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut characters = name.trim().chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                push(&mut parts, '"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            _ => push(&mut parts, character),
        }
    }
    parts
}

fn push(parts: &mut [String], character: char) {
    if let Some(last) = parts.last_mut() {
        last.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn names_come_apart_at_dots_outside_quotes() {
        assert_eq!(parts(r#""shop"."main"."fct.orders""#), ["shop", "main", "fct.orders"]);
        assert_eq!(parts(r#"main."a""b""#), ["main", "a\"b"]);
        assert_eq!(parts("orders"), ["orders"]);
    }
}
