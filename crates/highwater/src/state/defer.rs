//! Where a reference leads when its own table is not built (`--defer`): to the one of an earlier run, often in production.

use std::collections::{HashMap, HashSet};

use indexmap::IndexSet;

use super::PreviousManifest;
use crate::engine::Relation;

/// What deferring needs to know, for a whole command.
#[derive(Debug, Clone, Default)]
pub struct Deferral {
    relations: HashMap<String, Relation>,
    /// Take the earlier table of what the command does not build, even where an own one exists (`--favor-state`).
    favor_state: bool,
    /// What the command builds.
    selected: HashSet<String>,
}

impl Deferral {
    /// Deferring to the tables of an earlier run.
    pub fn new(manifest: &PreviousManifest, favor_state: bool) -> Self {
        let relation = |(id, node): (&String, &super::PreviousNode)| {
            let refable = ["model", "seed", "snapshot"].contains(&node.resource_type.as_str());
            refable.then(|| node.relation()).flatten().map(|relation| (id.clone(), relation))
        };
        let relations = manifest.nodes.iter().filter_map(relation).collect();
        Self { relations, favor_state, selected: HashSet::new() }
    }

    /// The same for a command that builds these.
    #[must_use]
    pub fn for_command(&self, selected: &IndexSet<String>) -> Self {
        Self { selected: selected.iter().cloned().collect(), ..self.clone() }
    }

    /// Where the earlier run built it.
    pub fn relation(&self, unique_id: &str) -> Option<&Relation> {
        self.relations.get(unique_id)
    }

    /// Whether the earlier table is taken without looking for an own one.
    pub fn is_preferred(&self, unique_id: &str) -> bool {
        self.favor_state && !self.selected.contains(unique_id)
    }
}
