//! The project as a graph: every node with its configuration resolved, its references followed and its place in the database known.
//!
//! | file | what |
//! | --- | --- |
//! | `node.rs` | nodes, sources, exposures, metrics as plain data |
//! | `whole.rs` | everything by unique id, and who reads what |
//! | `lazy.rs` | a node, or what is kept of it until somebody looks |
//! | `config.rs` | a node's configuration, dbt's keys and ours |
//! | `build.rs` | from a project to its manifest, step by step |
//! | `workbench.rs` | from files to nodes |
//! | `update.rs` | a manifest brought up to date with a few files that changed |
//! | `issues.rs` | what is found wrong on the way |
//! | `docs.rs` | docs blocks, and descriptions that use them |
//! | `properties.rs` | the entries of properties files |
//! | `python.rs` | values as Python writes them |
//! | `draft.rs` | nodes in the making |
//! | `patch.rs` | which entry is about which node; versions |
//! | `generic_tests.rs` | tests of properties files, named as dbt names them |
//! | `sources.rs` | sources |
//! | `unique.rs` | all columns that were declared unique, of models and sources |
//! | `configure.rs` | configuration merged, in dbt's order |
//! | `resolve.rs` | what `ref` and `source` come to |
//! | `exposures.rs` | exposures |
//! | `semantic.rs` | semantic models, metrics, saved queries |
//! | `unit_tests.rs` | unit tests |
//! | `key.rs` | which columns are a model's key; checksums of contracts |
//! | `checks.rs` | what must not be |
//! | `graph.rs` | order, relatives, circles |
//! | `select.rs` | dbt's selection syntax |

mod build;
mod checks;
mod config;
mod configure;
mod declared;
mod docs;
mod draft;
mod exposures;
mod generic_tests;
pub mod graph;
mod issues;
mod key;
mod lazy;
mod node;
mod patch;
mod properties;
mod python;
mod resolve;
pub mod select;
mod semantic;
mod sources;

mod unit_tests;
mod update;
mod whole;
mod workbench;

pub use build::{Built, Stability, build};
pub use config::{BatchSize, Config, Policy};
pub use declared::{declared_keys, declared_never_null};
pub use lazy::LazyNode;
pub(crate) use lazy::{Bare, Outline, Shelf};
pub use node::{
    Checksum, ColumnProperties, Dependencies, DocsBlock, Exposure, Fixture, MacroNode, Metric, Node, Owner, RefCall,
    ResourceType, SavedQuery, SemanticModel, SourceNode, TestMetadata, UnitTest,
};
#[cfg(test)]
pub(crate) use update::OVERLOOKED;
pub(crate) use update::{Files, Outdated, Updated, may_change, together, update};
pub use whole::{Manifest, NodeMap};
