//! The whole project: everything in it by unique id, and who reads what.

use std::sync::OnceLock;

use indexmap::IndexMap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::graph::Graph;
use super::{DocsBlock, Exposure, LazyNode, MacroNode, Metric, SavedQuery, SemanticModel, SourceNode};

/// Nodes by unique id.
pub type NodeMap = IndexMap<String, LazyNode>;

/// The whole project. Serialized for our own use, nodes apart, and without what follows from the rest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Root package.
    pub project_name: String,
    /// `duckdb`.
    pub adapter_type: String,
    /// Models, seeds, snapshots, tests, analyses, hooks; by unique id, in file order.
    #[serde(skip)]
    pub nodes: NodeMap,
    /// Source tables.
    pub sources: IndexMap<String, SourceNode>,
    /// Macros, ours included.
    pub macros: IndexMap<String, MacroNode>,
    /// Exposures.
    pub exposures: IndexMap<String, Exposure>,
    /// Metrics.
    pub metrics: IndexMap<String, Metric>,
    /// Semantic models.
    pub semantic_models: IndexMap<String, SemanticModel>,
    /// Saved queries.
    pub saved_queries: IndexMap<String, SavedQuery>,
    /// Docs blocks by `doc.package.name`.
    pub docs: IndexMap<String, DocsBlock>,
    /// Groups by name, in the shape of dbt's manifest.
    pub groups: IndexMap<String, Value>,
    /// Selectors of selectors.yml by name, as written.
    pub selectors: IndexMap<String, Value>,
    /// Nodes that configuration disabled.
    #[serde(skip)]
    pub disabled: NodeMap,
    /// Tables of sources that configuration disabled.
    pub disabled_sources: Vec<SourceNode>,
    /// Made when somebody asks: see [`Manifest::parents`].
    #[serde(skip)]
    pub(super) graph: OnceLock<Graph>,
}

impl Manifest {
    /// Every node, source, exposure and metric to what it reads.
    pub fn parents(&self) -> &IndexMap<String, Vec<String>> {
        &self.graph().parents
    }

    /// Every node, source, exposure and metric to what reads it.
    pub fn children(&self) -> &IndexMap<String, Vec<String>> {
        &self.graph().children
    }

    /// A manifest with nothing but edges: ids, each with what it reads.
    #[cfg(test)]
    pub(crate) fn of_edges<'a>(parents: impl Iterator<Item = (&'a String, Vec<&'a str>)>) -> Self {
        Self { graph: Graph::new(parents).into(), ..Self::default() }
    }

    fn graph(&self) -> &Graph {
        self.graph.get_or_init(|| Graph::of(self))
    }

    /// Reads all nodes that were not read yet, many at a time: for those who look at most of them.
    pub(crate) fn read_all(&mut self) {
        let nodes: Vec<&mut LazyNode> = self.nodes.values_mut().chain(self.disabled.values_mut()).collect();
        nodes.into_par_iter().for_each(LazyNode::read);
    }
}
