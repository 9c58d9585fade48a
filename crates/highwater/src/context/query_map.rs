//! From a byte of compiled SQL back to the template that wrote it. Compiled SQL may come from several templates: the
//! node's own, and those of its ephemeral parents.

use highwater_jinja::{SourceMap, Span};

use super::fault::Place;

/// One stretch of compiled SQL, all of it from one template.
#[derive(Debug, Clone)]
struct Piece {
    start: usize,
    end: usize,
    /// Offset in the template's own output where the stretch begins.
    inner: usize,
    place: Place,
    map: SourceMap,
}

/// Where each byte of compiled SQL came from.
#[derive(Debug, Clone, Default)]
pub struct QueryMap {
    pieces: Vec<Piece>,
}

impl QueryMap {
    /// Notes that `start..end` came from a template, beginning at `inner` of its output.
    pub(crate) fn add(&mut self, start: usize, end: usize, inner: usize, place: &Place, map: &SourceMap) {
        self.pieces.push(Piece { start, end, inner, place: place.clone(), map: map.clone() });
    }

    /// The place in a template that wrote the byte at `offset`; `None` for what Highwater wrote itself.
    pub(crate) fn locate(&self, offset: usize) -> Option<(&Place, Span)> {
        let piece = self.pieces.iter().find(|piece| piece.start <= offset && offset < piece.end)?;
        let (_, span) = piece.map.locate(offset - piece.start + piece.inner)?;
        Some((&piece.place, span))
    }

    /// File (relative to the project) and line, from 1, that wrote the byte at `offset`.
    pub fn line(&self, offset: usize) -> Option<(String, usize)> {
        let (place, span) = self.locate(offset)?;
        let text = &place.file.text;
        let start = (place.shift + span.start).min(text.len());
        Some((place.file.path.clone(), text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1))
    }
}
