//! What a query means to an exact model: which rows each slice of its result reads, and which slices a change reaches.
//!
//! [`analyse`] takes a compiled query and the tables it may name, and returns an [`Analysis`]: for every occurrence of a table one
//! [`Term`] (how its changes become dirty partitions) and a [`Slice`] (the user's own text with its scans wrapped, so that only the
//! rows of the dirty partitions are read). Both come from one footprint per operator, by the rules of `docs/design/exact.md`.
//!
//! | file | what |
//! | --- | --- |
//! | `facts.rs` | the answer, as plain data; no type of the parser leaks through it |
//! | `dialect.rs` | how DuckDB writes intervals, key hashes and fingerprints |

pub mod dialect;
mod facts;

pub use facts::{
    Analysis, Catalog, ColumnType, Effect, Finding, Group, IntervalUnit, Occurrence, Partitioning, Piece, Place, Probe,
    Reach, Request, Slice, Step, TableInfo, Term,
};
