//! The project as a graph: every node with its configuration resolved, its references followed and its place in the database known.
//!
//! | file | what |
//! | --- | --- |
//! | `node.rs` | nodes, sources, exposures, metrics as plain data |
//! | `config.rs` | a node's configuration, dbt's keys and ours |
//! | `graph.rs` | order, relatives, cycles |
//! | `select.rs` | dbt's selection syntax |

mod config;
pub mod graph;
mod node;
pub mod select;

pub use config::{BatchSize, Config, Policy};
pub use node::{
    Checksum, ColumnProperties, Dependencies, Exposure, MacroNode, Manifest, Metric, Node, Owner, RefCall,
    ResourceType, SourceNode, TestMetadata,
};
