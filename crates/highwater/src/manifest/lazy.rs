//! A node of the graph: itself, or what an earlier command kept of it, which is read when somebody looks.
//!
//! Ten thousand models have forty thousand nodes, and a command that follows the edit of one file looks at a few of them. What
//! every command asks of all nodes is known without reading them: the [`Outline`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::{Config, Node, ResourceType};

/// A node of the graph. To the eye it is a [`Node`].
pub struct LazyNode {
    node: OnceLock<Box<Node>>,
    /// Where it is read from; nothing when it was never anywhere else.
    kept: Option<Box<Kept>>,
}

/// A node that is kept.
struct Kept {
    shelf: Arc<Shelf>,
    outline: Outline,
    /// Where its bytes begin: which of the shelf's chunks, and where in it.
    chunk: usize,
    start: usize,
}

/// What nodes are read from, all together.
#[derive(Default)]
pub(crate) struct Shelf {
    /// Texts of outlines, each once.
    pub texts: Vec<String>,
    /// Configurations, each once.
    pub configs: Vec<Config>,
    /// Nodes, one behind the other.
    pub chunks: Vec<Vec<u8>>,
}

/// A node with the positions of its configurations, which are left out of it.
pub(crate) type Bare<N> = (u32, u32, N);

/// What is known of a node without reading it. Numbers are positions of texts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outline {
    pub id: u32,
    kind: ResourceType,
    name: u32,
    package: u32,
    file: u32,
    patch: Option<u32>,
    group: Option<u32>,
    attached: Option<u32>,
    parents: Vec<u32>,
    is_spine: bool,
    /// Bytes of the node.
    pub length: u32,
}

impl Outline {
    /// The outline of a node; `text` gives each text its position.
    pub fn new<'a>(node: &'a Node, length: u32, text: &mut dyn FnMut(&'a str) -> u32) -> Self {
        Self {
            id: text(&node.unique_id),
            kind: node.resource_type,
            name: text(&node.name),
            package: text(&node.package_name),
            file: text(&node.original_file_path),
            patch: node.patch_path.as_deref().map(&mut *text),
            group: node.group.as_deref().map(&mut *text),
            attached: node.attached_node.as_deref().map(&mut *text),
            parents: node.depends_on.nodes.iter().map(|id| text(id)).collect(),
            is_spine: node.time_spine.is_some(),
            length,
        }
    }

    /// Whether all its texts are among so many.
    fn fits(&self, texts: usize) -> bool {
        let always = [self.id, self.name, self.package, self.file];
        let sometimes = [self.patch, self.group, self.attached].into_iter().flatten();
        always.into_iter().chain(sometimes).chain(self.parents.iter().copied()).all(|text| (text as usize) < texts)
    }
}

impl LazyNode {
    /// A node to be read from its chunk; nothing when it cannot be there.
    pub(crate) fn kept(shelf: &Arc<Shelf>, outline: Outline, chunk: usize, start: usize) -> Option<Self> {
        let end = start.checked_add(outline.length as usize)?;
        let whole = outline.fits(shelf.texts.len()) && shelf.chunks.get(chunk)?.len() >= end;
        let kept = Kept { shelf: Arc::clone(shelf), outline, chunk, start };
        whole.then(|| Self { node: OnceLock::new(), kept: Some(Box::new(kept)) })
    }

    /// Reads it, so that what it is read from is not needed any longer.
    pub(crate) fn read(&mut self) {
        let _: &Node = self;
        self.kept = None;
    }

    /// Whether it was read, or was never anywhere else.
    #[cfg(test)]
    pub(crate) fn is_read(&self) -> bool {
        self.node.get().is_some()
    }

    /// Everything that is known without reading it.
    #[cfg(test)]
    pub(crate) fn outline(&self) -> String {
        let (kind, name, file, patch) = (self.kind(), self.plain_name(), self.file(), self.patch());
        let (group, attached, parents) = (self.member_of(), self.attached_to(), self.parents());
        format!("{kind:?} {name} {file:?} {patch:?} {group:?} {attached:?} {parents:?} {}", self.is_spine())
    }

    /// What it is.
    pub fn kind(&self) -> ResourceType {
        self.known(|node| node.resource_type, |kept| kept.outline.kind)
    }

    /// Its name, without version.
    pub(crate) fn plain_name(&self) -> &str {
        self.known(|node| node.name.as_str(), |kept| kept.text(kept.outline.name))
    }

    /// Whether other nodes can `ref` it.
    pub(crate) fn can_be_read(&self) -> bool {
        matches!(self.kind(), ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
    }

    /// Package and path of its file.
    pub(crate) fn file(&self) -> (&str, &str) {
        self.known(
            |node| (node.package_name.as_str(), node.original_file_path.as_str()),
            |kept| (kept.text(kept.outline.package), kept.text(kept.outline.file)),
        )
    }

    /// Package and path of the properties file that describes it.
    pub(crate) fn patch(&self) -> Option<(&str, &str)> {
        let path = self.known(|node| node.patch_path.as_deref(), |kept| kept.maybe(kept.outline.patch));
        path?.split_once("://")
    }

    /// The group it belongs to.
    pub(crate) fn member_of(&self) -> Option<&str> {
        self.known(|node| node.group.as_deref(), |kept| kept.maybe(kept.outline.group))
    }

    /// For tests: the node they are attached to.
    pub(crate) fn attached_to(&self) -> Option<&str> {
        self.known(|node| node.attached_node.as_deref(), |kept| kept.maybe(kept.outline.attached))
    }

    /// Unique ids of what it reads.
    pub(crate) fn parents(&self) -> Vec<&str> {
        self.known(
            |node| node.depends_on.nodes.iter().map(String::as_str).collect(),
            |kept| kept.outline.parents.iter().map(|id| kept.text(*id)).collect(),
        )
    }

    /// Whether it lists moments.
    pub(crate) fn is_spine(&self) -> bool {
        self.known(|node| node.time_spine.is_some(), |kept| kept.outline.is_spine)
    }

    /// What is known of it, by reading it only when nothing else is there.
    fn known<'a, T>(&'a self, of_node: impl FnOnce(&'a Node) -> T, of_kept: impl FnOnce(&'a Kept) -> T) -> T {
        match (self.node.get(), &self.kept) {
            (None, Some(kept)) => of_kept(kept),
            _ => of_node(self),
        }
    }
}

impl Kept {
    fn text(&self, position: u32) -> &str {
        &self.shelf.texts[position as usize]
    }

    fn maybe(&self, position: Option<u32>) -> Option<&str> {
        position.map(|position| self.text(position))
    }

    fn node(&self) -> Option<Box<Node>> {
        let bytes = self.shelf.chunks[self.chunk].get(self.start..)?.get(..self.outline.length as usize)?;
        let (config, unrendered, mut node): Bare<Box<Node>> = rmp_serde::from_slice(bytes).ok()?;
        node.config = self.shelf.configs.get(config as usize)?.clone();
        node.unrendered_config = self.shelf.configs.get(unrendered as usize)?.clone();
        Some(node)
    }
}

impl Deref for LazyNode {
    type Target = Node;

    fn deref(&self) -> &Node {
        self.node.get_or_init(|| {
            let node = self.kept.as_ref().and_then(|kept| kept.node());
            node.expect("the file it is kept in was found to be whole, and was written by this program")
        })
    }
}

impl DerefMut for LazyNode {
    fn deref_mut(&mut self) -> &mut Node {
        let _: &Node = self;
        self.node.get_mut().expect("it was read just now")
    }
}

impl From<Box<Node>> for LazyNode {
    fn from(node: Box<Node>) -> Self {
        Self { node: OnceLock::from(node), kept: None }
    }
}

impl AsRef<Node> for LazyNode {
    fn as_ref(&self) -> &Node {
        self
    }
}

impl Clone for LazyNode {
    fn clone(&self) -> Self {
        Self::from(Box::new(Node::clone(self)))
    }
}

impl fmt::Debug for LazyNode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Node::fmt(self, formatter)
    }
}
