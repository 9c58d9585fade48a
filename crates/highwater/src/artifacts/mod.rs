//! dbt's artifacts: `manifest.json` (v12) and `run_results.json` (v6), so that every tool that reads dbt's reads ours.
//!
//! | file | what |
//! | --- | --- |
//! | `manifest.rs` | the graph in dbt's schema |
//! | `metadata.rs` | their heads |
//! | `run_results.rs` | what became of every node, in dbt's schema |
//! | `write.rs` | files that are either the old or the new ones, never half of each |

mod manifest;
mod metadata;
mod run_results;
mod write;

pub use manifest::{manifest_json, manifest_with_code};
pub use run_results::run_results_json;
pub use write::{write_json, write_text};
