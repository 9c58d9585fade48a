//! The machinery on real DuckDB files, with analyses written by hand where a test wants to know exactly
//! what it asks for, and read from the query where the whole is on trial.

mod audits;
mod clock;
mod costs;
mod detectors;
mod differential;
mod digests;
mod drift;
mod files;
mod functions;
pub(crate) mod fuzz;
mod joins;
mod moments;
mod partials;
mod pivots;
mod plans;
mod rules;
mod scans;
mod shapes;
mod swaps;
mod ties;
mod types;
mod values;
mod walks;
pub(crate) mod world;
mod writers;
