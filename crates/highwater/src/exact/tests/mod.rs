//! The machinery on real DuckDB files, with analyses written by hand so that each test knows exactly what it asks for.

mod plans;
mod swaps;
mod walks;
pub(crate) mod world;
