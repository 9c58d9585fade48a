//! What a query means to an exact model: which rows each slice of its result reads, and which slices a change reaches.
//!
//! [`analyse`] takes a compiled query and the tables it may name, and returns an [`Analysis`]: for every occurrence of a table its
//! [`Term`]s (how its changes become dirty partitions) and a [`Slice`] (the user's own text with its scans wrapped, so that only the
//! rows of the dirty partitions are read). Both come from one footprint per operator.
//!
//! | file | what |
//! | --- | --- |
//! | `facts.rs` | the question and the answer, as plain data; no type of the parser leaks through it |
//! | `analyse.rs` | the way from one to the other |
//! | `text.rs` | parsing, views put in place of their names, places |
//! | `bind/` | names resolved: from the parser's tree to ours |
//! | `excerpt.rs` | queries within the query that can be run alone |
//! | `files.rs` | files that a query reads |
//! | `sweep.rs` | clocks, random numbers and unknown tables, wherever in the text |
//! | `tree.rs` | our tree: a small algebra |
//! | `node.rs` | the tree, looked through |
//! | `footprint/` | one rule per operator |
//! | `partials/` | an aggregation as two queries: partial aggregates per interval, and their combination |
//! | `canonical.rs` | the meaning-preserving form |
//! | `dialect/` | what differs between engines: how they write and what they mean |

mod analyse;
mod bind;
mod canonical;
mod dialect;
mod excerpt;
mod facts;
mod files;
mod footprint;
mod node;
mod partials;
mod sweep;
mod text;
mod tree;

#[doc(hidden)]
pub use analyse::output_types;
pub use analyse::{analyse, analyse_with, look_through};
pub use canonical::digest;
pub use dialect::{Blurred, Dialect, Language};
pub use facts::{
    Analysis, Catalog, ColumnType, Effect, Finding, FunctionKind, Group, IntervalUnit, Occurrence, Partitioning, Piece,
    Place, Probe, Reach, Request, Rows, Slice, Step, TableInfo, Term,
};
pub use files::{FileRead, file_reads};
#[doc(hidden)]
pub use footprint::Mutant;
pub use partials::{INTERVAL, Split, SplitRequest, split};
