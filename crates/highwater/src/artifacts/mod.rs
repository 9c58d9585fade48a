//! dbt's artifacts: `manifest.json` (v12) and `run_results.json` (v6), so that every tool that reads dbt's reads ours.
//!
//! | file | what |
//! | --- | --- |
//! | `catalog.rs` | what the database holds, in dbt's schema |
//! | `graph_summary.rs` | the shape of the graph |
//! | `manifest/` | the graph in dbt's schema |
//! | `metadata.rs` | their heads |
//! | `object.rs` | JSON written field by field |
//! | `run_results.rs` | what became of every node, in dbt's schema |
//! | `semantic.rs` | the semantic layer for those who query metrics |
//! | `sources.rs` | how fresh the sources are |
//! | `write.rs` | files that are either the old or the new ones, never half of each |

mod catalog;
mod graph_summary;
mod manifest;
mod metadata;
mod object;
mod run_results;
mod semantic;
mod sources;
mod write;

pub use catalog::{catalog_json, empty_catalog_json};
pub use graph_summary::graph_summary_json;
pub(crate) use manifest::Lineage;
pub use manifest::{manifest_entry, write_manifest};
pub(crate) use manifest::{node_value, sections};
pub use run_results::run_results_json;
pub use sources::sources_json;
pub(crate) use write::try_replace;
pub use write::{write_json, write_text};
