//! A manifest brought up to date with a few files that changed, without reading the others.
//!
//! The files that changed are read as every file is, together with those that say something about the same nodes: the properties
//! file of a model, and the models of a properties file. What comes out must be the nodes that were there, and each must
//! look to others as it did: then nobody else has anything to find out anew. Whatever is not so is left to a whole parse, and so is
//! everything that has a warning or an error.
//!
//! | what may differ | who else has to know |
//! | --- | --- |
//! | template, checksum | the node's unit tests, which have a copy of the template |
//! | refs, sources, macros | the graph |
//! | description, columns, configuration, tags, constraints | the keys of models; not unit tests |
//!
//! Semantic models know of a node where it lies, and that may not differ. Nor may names, places and whether a node is enabled, so that
//! no two nodes come to share any. For every check there is a naive variant without it, and an edit that shows what it is good for, in
//! `parse/tests/overlooked.rs`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::configure::Configurer;
use super::docs::Renderers;
use super::draft::{Draft, Origin};
use super::issues::Issues;
use super::properties::{self, Described};
use super::resolve::{self, Index};
use super::sources::Table;
use super::workbench::{Nodes, Workbench};
use super::{LazyNode, Manifest, Node, ResourceType, SourceNode, graph, key};
use crate::context::{Macros, Message, Messages, ParseContext, log_messages};
use crate::project::{FileKind, Project};

/// Why only a whole parse can tell.
#[derive(Debug)]
pub(crate) struct Outdated(pub &'static str);

#[cfg(test)]
thread_local! {
    /// The reason to which a naive variant is blind.
    pub(crate) static OVERLOOKED: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

impl Outdated {
    /// Gives up for a reason, when it is there.
    pub fn when(found: bool, reason: &'static str) -> Result<(), Self> {
        #[cfg(test)]
        let found = found && OVERLOOKED.get() != Some(reason);
        if found { Err(Self(reason)) } else { Ok(()) }
    }
}

/// Files of packages: by the package's name, paths relative to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files(HashMap<String, HashSet<String>>);

impl Files {
    /// Adds a file; whether it is new.
    pub fn insert(&mut self, package: &str, path: &str) -> bool {
        self.0.entry(package.to_owned()).or_default().insert(path.to_owned())
    }

    pub fn contains(&self, package: &str, path: &str) -> bool {
        self.0.get(package).is_some_and(|paths| paths.contains(path))
    }

    pub fn len(&self) -> usize {
        self.0.values().map(HashSet::len).sum()
    }

    fn hold(&self, node: &LazyNode) -> bool {
        let (package, path) = node.file();
        self.contains(package, path)
    }
}

/// Whether a file of this kind may change without everything being parsed.
pub(crate) fn may_change(kind: FileKind) -> bool {
    use FileKind as Kind;
    match kind {
        Kind::Model | Kind::PythonModel | Kind::Seed | Kind::Snapshot | Kind::SingularTest | Kind::Analysis => true,
        Kind::Properties => true,
        Kind::GenericTest | Kind::Fixture | Kind::Macro | Kind::Docs => false,
    }
}

/// These files, and those that say something about the same nodes.
pub(crate) fn together(manifest: &Manifest, changed: &Files) -> Files {
    let all = manifest.nodes.values().chain(manifest.disabled.values());
    let pairs: Vec<[(&str, &str); 2]> = all.filter_map(|node| Some([node.file(), node.patch()?])).collect();
    let mut files = changed.clone();
    loop {
        let before = files.len();
        for [of_node, of_words] in &pairs {
            if files.contains(of_node.0, of_node.1) {
                files.insert(of_words.0, of_words.1);
            } else if files.contains(of_words.0, of_words.1) {
                files.insert(of_node.0, of_node.1);
            }
        }
        if files.len() == before {
            return files;
        }
    }
}

/// How far a change reached.
pub(crate) struct Updated {
    /// Unique ids of all nodes that are not as they were.
    pub changed: HashSet<String>,
    /// Whether everything else is: what reads what, the nodes that are disabled, unit tests.
    pub is_rest_same: bool,
}

impl Updated {
    pub fn nothing() -> Self {
        Self { changed: HashSet::new(), is_rest_same: true }
    }
}

/// Brings a manifest up to date. `project` holds the texts of `files`, which are `changed` and what belongs [`together`] with it.
///
/// # Errors
/// When the change may reach further; the manifest is of no use then.
pub(crate) fn update(
    manifest: &mut Manifest,
    project: &Project,
    macros: &Arc<Macros>,
    changed: &Files,
    files: &Files,
) -> Result<Updated, Outdated> {
    // Said only when it counts: a whole parse would say it again.
    let said: Arc<Mutex<Vec<(Message, String)>>> = Arc::default();
    let heard = Arc::clone(&said);
    let messages: Messages = Arc::new(move |kind, text| {
        heard.lock().unwrap_or_else(PoisonError::into_inner).push((kind, text.to_owned()));
    });
    let mut issues = Issues::default();
    let renderers = Renderers::new(project, &manifest.docs);
    let (properties, _) = properties::read(project, &renderers, &mut issues);
    only_nodes(manifest, &properties, changed)?;
    let configurer = Configurer::new(project);
    let parse = ParseContext { project, macros, messages: Some(&messages) };
    let workbench = Workbench { parse, renderers: &renderers, configurer: &configurer };
    let Ok(Nodes { mut drafts, tables, .. }) = workbench.nodes(&properties, &mut issues) else {
        return Outdated::when(true, "a file does not hold together").map(|()| Updated::nothing());
    };
    drafts.retain(|draft| draft.node.resource_type != ResourceType::Operation);
    Outdated::when(!issues.warnings.is_empty(), "there is something to say about a file")?;
    same_tables(manifest, &tables, files)?;
    let updated = replace(manifest, drafts, files)?;
    let said = std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
    let say = log_messages();
    said.iter().for_each(|(kind, text)| say(*kind, text));
    Ok(updated)
}

/// What properties files hold besides nodes is read with everything at hand.
fn only_nodes(manifest: &Manifest, properties: &[Described], changed: &Files) -> Result<(), Outdated> {
    let of_changed = properties.iter().filter(|described| changed.contains(&described.package, &described.path));
    let others = of_changed.filter(|described| !properties::NODES.contains(&described.list)).count();
    Outdated::when(others > 0, "a file that changed holds more than nodes")?;

    let held = |package: &str, path: &str| changed.contains(package, path);
    let describes = |path: &String| path.split_once("://").is_some_and(|(package, path)| held(package, path));
    let is_group_held = |group: &serde_json::Value| {
        let text = |key: &str| group.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        held(text("package_name"), text("original_file_path"))
    };
    let macros = manifest.macros.values().any(|found| found.patch_path.as_ref().is_some_and(describes));
    let groups = manifest.groups.values().any(is_group_held);
    let exposures = manifest.exposures.values().any(|found| held(&found.package_name, &found.original_file_path));
    let metrics = manifest.metrics.values().any(|found| held(&found.package_name, &found.original_file_path));
    let models = manifest.semantic_models.values().any(|found| held(&found.package_name, &found.original_file_path));
    let queries = manifest.saved_queries.values().any(|found| held(&found.package_name, &found.original_file_path));
    let all = manifest.nodes.values().chain(manifest.disabled.values());
    let unit_tests = all.filter(|node| node.kind() == ResourceType::UnitTest).any(|node| changed.hold(node));
    Outdated::when(macros, "a file that changed described macros")?;
    Outdated::when(groups, "a file that changed held groups")?;
    Outdated::when(exposures, "a file that changed held exposures")?;
    Outdated::when(metrics, "a file that changed held metrics")?;
    Outdated::when(models, "a file that changed held semantic models")?;
    Outdated::when(queries, "a file that changed held saved queries")?;
    Outdated::when(unit_tests, "a file that changed held unit tests")
}

/// Sources must be as they were.
fn same_tables(manifest: &Manifest, tables: &[Table<'_>], files: &Files) -> Result<(), Outdated> {
    let is_known = |node: &SourceNode| match node.config.enabled() {
        true => manifest.sources.get(&node.unique_id) == Some(node),
        false => manifest.disabled_sources.contains(node),
    };
    Outdated::when(!tables.iter().all(|table| is_known(&table.node)), "a source changed")?;
    let before = manifest.sources.values().chain(&manifest.disabled_sources);
    let before = before.filter(|node| files.contains(&node.package_name, &node.original_file_path));
    Outdated::when(before.count() != tables.len(), "a source came or went")
}

/// How far a change of a node may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Nothing,
    /// Template and checksum.
    Code,
    /// And what it reads.
    Edges,
    /// And what is said about it.
    Words,
}

/// How a node differs from what it was.
///
/// # Errors
/// When others may see it.
fn reach(old: &Node, new: &Node) -> Result<Reach, Outdated> {
    if old == new {
        return Ok(Reach::Nothing);
    }
    let mut expected = old.clone();
    expected.raw_code.clone_from(&new.raw_code);
    expected.checksum.clone_from(&new.checksum);
    if expected == *new {
        return Ok(Reach::Code);
    }
    expected.refs.clone_from(&new.refs);
    expected.sources.clone_from(&new.sources);
    expected.depends_on.clone_from(&new.depends_on);
    if expected == *new {
        return Ok(Reach::Edges);
    }
    expected.description.clone_from(&new.description);
    expected.doc_blocks.clone_from(&new.doc_blocks);
    expected.columns.clone_from(&new.columns);
    expected.constraints.clone_from(&new.constraints);
    expected.config.clone_from(&new.config);
    expected.unrendered_config.clone_from(&new.unrendered_config);
    expected.tags.clone_from(&new.tags);
    Outdated::when(expected != *new, "a node looks different to others")?;
    Outdated::when(old.is_relational() != new.is_relational(), "a node got a place in the database, or lost it")?;
    Ok(Reach::Words)
}

/// Puts the nodes in the place of those that were there.
fn replace(manifest: &mut Manifest, drafts: Vec<Draft<'_>>, files: &Files) -> Result<Updated, Outdated> {
    let ids: HashSet<&str> = drafts.iter().map(|draft| draft.node.unique_id.as_str()).collect();
    let is_held = |node: &&LazyNode| node.kind() != ResourceType::UnitTest && files.hold(node);
    let before = manifest.nodes.values().chain(manifest.disabled.values()).filter(is_held).count();
    Outdated::when(ids.len() < drafts.len(), "two nodes have one name")?;
    Outdated::when(before > drafts.len(), "a node went")?;
    let mut reached: HashMap<String, Reach> = HashMap::new();
    let mut unresolved: Vec<Origin> = Vec::new();
    for draft in drafts {
        let origin = Origin::of(&draft);
        let of = if origin.enabled { &mut manifest.nodes } else { &mut manifest.disabled };
        let old = of.get_mut(&origin.unique_id);
        Outdated::when(old.is_none(), "a node came, or was disabled")?;
        let Some(old) = old else { continue };
        let mut new = draft.node;
        new.primary_key.clone_from(&old.primary_key);
        if new.refs == old.refs && new.sources == old.sources {
            new.depends_on.nodes.clone_from(&old.depends_on.nodes);
        } else if origin.enabled {
            unresolved.push(origin);
        }
        reached.insert(new.unique_id.clone(), reach(old, &new)?);
        *old = new.into();
    }
    let reach_of = |id: &str| reached.get(id).copied().unwrap_or(Reach::Nothing);
    follow(manifest, &unresolved)?;
    let tests = unit_tests(manifest, &reach_of)?;
    key::declare(manifest, &|id| reach_of(id) == Reach::Words);
    // There was none, so that a new one leads through what changed.
    let reads_itself = |origin: &Origin| graph::reads_itself(manifest, &origin.unique_id);
    Outdated::when(unresolved.iter().any(reads_itself), "there is a circle")?;
    let changed = || reached.iter().filter(|(_, reach)| **reach != Reach::Nothing).map(|(id, _)| id);
    let is_rest_same =
        unresolved.is_empty() && tests.is_empty() && !changed().any(|id| manifest.disabled.contains_key(id));
    Ok(Updated { changed: changed().cloned().chain(tests).collect(), is_rest_same })
}

/// Follows the references of nodes.
fn follow(manifest: &mut Manifest, nodes: &[Origin]) -> Result<(), Outdated> {
    if nodes.is_empty() {
        return Ok(());
    }
    let index = Index::new(manifest, &[]);
    let mut resolved = Vec::new();
    for origin in nodes {
        let node = &manifest.nodes[&origin.unique_id];
        let (ids, problems) = resolve::follow(&index, node, &resolve::asking(origin, node));
        Outdated::when(!problems.is_empty(), "a reference leads nowhere")?;
        resolved.push(ids);
    }
    for (origin, ids) in nodes.iter().zip(resolved) {
        manifest.nodes[&origin.unique_id].depends_on.nodes = ids;
    }
    Ok(())
}

/// Unit tests have the template of their model; whatever else they know of nodes must be as it was. The answer are the ids of those that
/// changed.
fn unit_tests(manifest: &mut Manifest, reach_of: &dyn Fn(&str) -> Reach) -> Result<Vec<String>, Outdated> {
    let mut codes: Vec<(String, String)> = Vec::new();
    for node in manifest.nodes.values().chain(manifest.disabled.values()) {
        if node.kind() != ResourceType::UnitTest {
            continue;
        }
        let Some(test) = &node.unit_test else { continue };
        let given = test.given.iter().map(|given| given.node.as_str());
        for id in node.depends_on.nodes.iter().map(String::as_str).chain(given) {
            let reach = reach_of(id);
            if reach == Reach::Nothing {
                continue;
            }
            let is_seed = manifest.nodes.get(id).is_some_and(|node| node.kind() == ResourceType::Seed);
            Outdated::when(is_seed, "a unit test may have the rows of a seed that changed")?;
            Outdated::when(reach > Reach::Code, "a unit test is about what changed")?;
            let tested = node.depends_on.nodes.first().and_then(|id| manifest.nodes.get(id));
            Outdated::when(tested.is_none(), "the model of a unit test is disabled")?;
            codes.extend(tested.map(|tested| (node.unique_id.clone(), tested.raw_code.clone())));
        }
    }
    let mut changed = Vec::new();
    for (id, code) in codes {
        let into = if manifest.nodes.contains_key(&id) { &mut manifest.nodes } else { &mut manifest.disabled };
        into[&id].raw_code = code;
        changed.push(id);
    }
    Ok(changed)
}
