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

/// The graph of a project.
///
/// # Errors
/// Everything found wrong.
#[expect(clippy::type_complexity, reason = "the signature that others build against")]
pub fn build(
    project: &crate::project::Project,
    macros: &std::sync::Arc<crate::context::Macros>,
) -> Result<(Manifest, Vec<crate::diagnostics::Diagnostic>), Vec<crate::diagnostics::Diagnostic>> {
    let manifest = Manifest { project_name: project.name.clone(), macros: macros.nodes(), ..Manifest::default() };
    Ok((manifest, Vec::new()))
}
