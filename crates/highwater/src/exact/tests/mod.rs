//! The machinery on real databases of both engines, with analyses written by hand where a test wants to know exactly what it asks for, and read
//! from the query where the whole is on trial.
//!
//! | file | what |
//! | --- | --- |
//! | `engines.rs` | DuckDB and PostgreSQL, and how a test runs on both |
//! | `world.rs` | a small shop, and what a run of a model there comes to |
//! | `meddled.rs` | a session that fails when a test says so |
//! | `written.rs` | queries as each engine writes them |
//! | `shapes.rs`, `joins.rs`, `analysts.rs` | queries by name |
//! | `rules.rs` | every rule, and what holds it to a rebuild |
//! | `fuzz/` | generated projects |

mod analysts;
mod audits;
mod clock;
mod costs;
mod detectors;
mod differential;
mod digests;
mod drift;
pub(crate) mod engines;
mod files;
mod functions;
pub(crate) mod fuzz;
mod joins;
mod meddled;
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
mod written;
