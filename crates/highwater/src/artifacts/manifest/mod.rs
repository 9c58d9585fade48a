//! `manifest.json`, version 12: the graph as dbt writes it.
//!
//! Fields that Highwater has no use for are there with dbt's own defaults, because readers of the schema expect them.
//!
//! | file | what |
//! | --- | --- |
//! | here | the file, section by section |
//! | `node.rs` | models, seeds, snapshots, tests, analyses, hooks |
//! | `config.rs` | their configuration, with dbt's defaults |
//! | `earlier.rs` | what is taken from the file of an earlier command |
//! | `entries.rs` | sources, macros, docs blocks, exposures, metrics, unit tests |

mod config;
mod earlier;
mod entries;
mod node;

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::metadata;
use super::object::{Object, write_entries, write_section};
use super::semantic::semantic_manifest_json;
use super::write::{replace_with, write_json};
use crate::context::Compiled;
use crate::diagnostics::Diagnostic;
use crate::manifest::{DocsBlock, LazyNode, Manifest, Node, ResourceType, UnitTest};
use crate::project::stamp::Stamp;
use crate::session::Session;
use earlier::{Counted, Earlier, Layout};

pub(crate) use earlier::Lineage;

/// Writes the graph, and the semantic layer beside it, with the compiled code of the nodes that were compiled, by unique id.
///
/// # Errors
/// `HW0451` when the file system refuses: no permission, no space.
pub fn write_manifest(
    path: &Path,
    session: &Session,
    compiled: &HashMap<String, Arc<Compiled>>,
) -> Result<(), Diagnostic> {
    let writer = Writer { session, compiled, entries: Entries::new(&session.manifest) };
    writer.replace(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    write_json(&folder.join("semantic_manifest.json"), &semantic_manifest_json(&session.manifest))
}

/// What every entry needs.
struct Writer<'a> {
    session: &'a Session,
    compiled: &'a HashMap<String, Arc<Compiled>>,
    entries: Entries<'a>,
}

/// What entries that refer to others need.
struct Entries<'a> {
    manifest: &'a Manifest,
    created_at: f64,
}

impl<'a> Entries<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        Self { manifest, created_at: metadata::seconds() }
    }
}

/// One entry of the manifest as a value, for templates; `fill` writes it.
fn entry_value(fill: impl FnOnce(&mut Object<'_>)) -> Value {
    let mut text = Vec::new();
    let mut object = Object::new(&mut text);
    fill(&mut object);
    object.end();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// A node as `manifest.json` has it; `compiled` is its SQL, when it was compiled.
pub(crate) fn node_value(node: &Node, compiled: Option<&str>) -> Value {
    let mut value = entry_value(|entry| node::node(node, compiled, metadata::seconds(), entry));
    if let Some(fields) = value.as_object_mut() {
        fields.entry("compiled_path").or_insert(Value::Null);
    }
    value
}

/// Anything of the graph as `manifest.json` has it, by its unique id.
pub fn manifest_entry(manifest: &Manifest, id: &str) -> Option<Value> {
    let entries = Entries::new(manifest);
    if let Some(node) = manifest.nodes.get(id) {
        return Some(match &node.unit_test {
            Some(test) => entry_value(|entry| entries.unit_test(node, test, entry)),
            None => node_value(node, None),
        });
    }
    let source = manifest.sources.get(id).map(|source| entry_value(|entry| entries.source(source, entry)));
    let exposure = || manifest.exposures.get(id).map(|exposure| entry_value(|entry| entries.exposure(exposure, entry)));
    let metric = || manifest.metrics.get(id).map(|metric| entry_value(|entry| entries.metric(metric, entry)));
    let model =
        || manifest.semantic_models.get(id).map(|model| entry_value(|entry| entries.semantic_model(model, entry)));
    let query = || manifest.saved_queries.get(id).map(|query| entry_value(|entry| entries.saved_query(query, entry)));
    source.or_else(exposure).or_else(metric).or_else(model).or_else(query)
}

/// Everything besides nodes as `manifest.json` has it: a section's name, and entries by unique id.
pub(crate) fn sections(manifest: &Manifest) -> Vec<(&'static str, Vec<(String, Value)>)> {
    let entries = Entries::new(manifest);
    let sources = manifest.sources.iter();
    let sources = sources.map(|(id, source)| (id.clone(), entry_value(|entry| entries.source(source, entry))));
    let exposures = manifest.exposures.iter();
    let exposures =
        exposures.map(|(id, exposure)| (id.clone(), entry_value(|entry| entries.exposure(exposure, entry))));
    let metrics = manifest.metrics.iter();
    let metrics = metrics.map(|(id, metric)| (id.clone(), entry_value(|entry| entries.metric(metric, entry))));
    let models = manifest.semantic_models.iter();
    let models = models.map(|(id, model)| (id.clone(), entry_value(|entry| entries.semantic_model(model, entry))));
    let queries = manifest.saved_queries.iter();
    let queries = queries.map(|(id, query)| (id.clone(), entry_value(|entry| entries.saved_query(query, entry))));
    vec![
        ("sources", sources.collect()),
        ("exposures", exposures.collect()),
        ("metrics", metrics.collect()),
        ("groups", groups(manifest).into_iter().map(|(id, group)| (id.to_owned(), group.clone())).collect()),
        ("semantic_models", models.collect()),
        ("saved_queries", queries.collect()),
    ]
}

impl Writer<'_> {
    /// Writes the file; what an earlier one has alike is taken from there.
    fn replace(&self, path: &Path) -> Result<(), Diagnostic> {
        let nodes = self.session.manifest.nodes.iter().filter(|(_, node)| node.kind() != ResourceType::UnitTest);
        let nodes: Vec<(&str, &LazyNode)> = nodes.map(|(id, node)| (id.as_str(), node)).collect();
        // A replay has the moment in it that it is told.
        let lineage = self.session.lineage.as_ref().filter(|_| std::env::var_os(crate::clock::VARIABLE).is_none());
        let earlier = lineage.and_then(|lineage| Earlier::open(path, lineage, nodes.len()));
        let mut places = (Vec::new(), 0);
        let mut write = |earlier: Option<&Earlier>| {
            replace_with(path, |out| {
                places = self.write(&nodes, earlier, &mut Counted::new(out))?;
                Ok(())
            })
        };
        let file = match &earlier {
            // Somebody may cut it short meanwhile.
            Some(earlier) => write(Some(earlier)).or_else(|_| write(None))?,
            None => write(None)?,
        };
        let Some((lineage, file)) = lineage.zip(file.metadata().ok()) else { return Ok(()) };
        let (ranges, tail) = places;
        let same = |((id, _), range): (&(&str, &LazyNode), Range<u64>)| self.is_as_parsed(lineage, id).then_some(range);
        let layout = Layout {
            number: lineage.number.clone(),
            stamp: Stamp::of(&file),
            nodes: nodes.iter().zip(ranges).map(same).collect(),
            tail: lineage.is_rest_same.then_some(tail),
        };
        if let Err(problem) = crate::parse::write_part(&lineage.place, &layout) {
            tracing::debug!(target: "highwater::parse", "the layout of the manifest is not kept: {problem}");
        }
        Ok(())
    }

    /// Whether a node's entry is the one that follows from what is kept of the parse.
    fn is_as_parsed(&self, lineage: &Lineage, id: &str) -> bool {
        !lineage.changed.contains(id) && !self.compiled.contains_key(id)
    }

    /// Writes everything; where each node stands, and where what follows them begins, is the answer.
    fn write(
        &self,
        nodes: &[(&str, &LazyNode)],
        earlier: Option<&Earlier>,
        out: &mut Counted<'_>,
    ) -> io::Result<(Vec<Range<u64>>, u64)> {
        out.write_all(b"{\"metadata\":")?;
        put_json(out, &metadata::manifest(self.session))?;
        let ranges = self.nodes(nodes, earlier, out)?;
        let tail = out.at;
        let unchanged = self.session.lineage.as_ref().is_some_and(|lineage| lineage.is_rest_same);
        match earlier.filter(|_| unchanged).and_then(|earlier| Some((earlier, earlier.layout.tail?))) {
            Some((earlier, start)) => earlier.copy(start..earlier.layout.stamp.size, out)?,
            None => self.rest(out)?,
        }
        Ok((ranges, tail))
    }

    /// Everything behind the nodes.
    fn rest(&self, out: &mut impl Write) -> io::Result<()> {
        let manifest = &self.session.manifest;
        self.section(out, "sources", &manifest.sources, |source, entry| self.entries.source(source, entry))?;
        self.section(out, "macros", &manifest.macros, |found, entry| self.entries.macro_node(found, entry))?;
        self.docs(out)?;
        self.section(out, "exposures", &manifest.exposures, |exposure, entry| self.entries.exposure(exposure, entry))?;
        self.section(out, "metrics", &manifest.metrics, |metric, entry| self.entries.metric(metric, entry))?;
        field(out, "groups", &groups(manifest))?;
        field(out, "selectors", &manifest.selectors)?;
        self.disabled(out)?;
        field(out, "parent_map", &Sorted(manifest.parents()))?;
        field(out, "child_map", &Sorted(manifest.children()))?;
        field(out, "group_map", &group_map(manifest))?;
        self.unit_tests(out)?;
        self.section(out, "saved_queries", &manifest.saved_queries, |query, entry| {
            self.entries.saved_query(query, entry);
        })?;
        let models = &manifest.semantic_models;
        self.section(out, "semantic_models", models, |model, entry| self.entries.semantic_model(model, entry))?;
        field(out, "functions", &IndexMap::<&str, &str>::new())?;
        out.write_all(b"}")
    }

    fn node(&self, node: &Node, entry: &mut Object<'_>) {
        let compiled = self.compiled.get(&node.unique_id).map(|compiled| compiled.sql.as_str());
        node::node(node, compiled, self.entries.created_at, entry);
    }

    /// Writes the nodes, those that an earlier file has alike from there, as many at a time as stand together.
    fn nodes(
        &self,
        nodes: &[(&str, &LazyNode)],
        earlier: Option<&Earlier>,
        out: &mut Counted<'_>,
    ) -> io::Result<Vec<Range<u64>>> {
        out.write_all(b",\"nodes\":{")?;
        let there = |position: usize| {
            let (earlier, lineage) = earlier.zip(self.session.lineage.as_ref())?;
            earlier.layout.nodes[position].clone().filter(|_| self.is_as_parsed(lineage, nodes[position].0))
        };
        let mut ranges: Vec<Range<u64>> = Vec::with_capacity(nodes.len());
        while ranges.len() < nodes.len() {
            let first = ranges.len();
            if first > 0 {
                out.write_all(b",")?;
            }
            let start = out.at;
            let mut old: Vec<Range<u64>> = Vec::new();
            while let Some(range) =
                there(first + old.len()).filter(|range| old.last().is_none_or(|last| last.end + 1 == range.start))
            {
                old.push(range);
                if first + old.len() == nodes.len() {
                    break;
                }
            }
            if let (Some(earlier), Some(from), Some(to)) = (earlier, old.first(), old.last()) {
                earlier.copy(from.start..to.end, out)?;
                ranges.extend(old.iter().map(|range| start + range.start - from.start..start + range.end - from.start));
                continue;
            }
            let fresh = (first..nodes.len()).take_while(|position| there(*position).is_none()).count();
            let lengths = write_entries(out, &nodes[first..first + fresh], |node, object| self.node(node, object))?;
            let mut at = start;
            for length in lengths {
                ranges.push(at..at + length);
                at += length + 1;
            }
        }
        out.write_all(b"}")?;
        Ok(ranges)
    }

    /// Unit tests have a section, and a shape, of their own.
    fn unit_tests(&self, out: &mut impl Write) -> io::Result<()> {
        let nodes = self.session.manifest.nodes.iter().filter(|(_, node)| node.kind() == ResourceType::UnitTest);
        let tests: Vec<(&str, (&Node, &UnitTest))> =
            nodes.filter_map(|(id, node)| Some((id.as_str(), (node.as_ref(), node.unit_test.as_deref()?)))).collect();
        out.write_all(b",\"unit_tests\":")?;
        write_section(out, &tests, |(node, test), object| self.entries.unit_test(node, test, object))
    }

    fn section<T: Sync>(
        &self,
        out: &mut impl Write,
        name: &str,
        items: &IndexMap<String, T>,
        fill: impl Fn(&T, &mut Object<'_>) + Sync,
    ) -> io::Result<()> {
        write!(out, ",\"{name}\":")?;
        let items: Vec<(&str, &T)> = items.iter().map(|(id, item)| (id.as_str(), item)).collect();
        write_section(out, &items, |item, object| fill(item, object))
    }

    /// The docs blocks of the project, and the page that dbt's documentation opens with where the project has none of its own.
    fn docs(&self, out: &mut impl Write) -> io::Result<()> {
        let overview = entries::overview();
        let docs = &self.session.manifest.docs;
        let mut items: Vec<(&str, &DocsBlock)> = docs.iter().map(|(id, doc)| (id.as_str(), doc)).collect();
        items.push((&overview.unique_id, &overview));
        out.write_all(b",\"docs\":")?;
        write_section(out, &items, |doc, object| entries::doc(doc, object))
    }

    /// Nodes and sources that configuration disabled, each in a list, as several may share an id.
    fn disabled(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(b",\"disabled\":{")?;
        for (index, (id, node)) in self.session.manifest.disabled.iter().enumerate() {
            let mut text = Vec::new();
            let mut object = Object::new(&mut text);
            self.node(node, &mut object);
            object.end();
            write!(out, "{}{}:[", if index == 0 { "" } else { "," }, serde_json::to_string(id)?)?;
            out.write_all(&text)?;
            out.write_all(b"]")?;
        }
        let manifest = &self.session.manifest;
        for (index, source) in manifest.disabled_sources.iter().enumerate() {
            let comma = if index == 0 && manifest.disabled.is_empty() { "" } else { "," };
            let entry = entry_value(|entry| self.entries.source(source, entry));
            write!(out, "{comma}{}:[{entry}]", Value::from(source.unique_id.as_str()))?;
        }
        out.write_all(b"}")
    }
}

fn field(out: &mut impl Write, name: &str, value: &impl Serialize) -> io::Result<()> {
    write!(out, ",\"{name}\":")?;
    put_json(out, value)
}

fn put_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)
}

/// Relatives of each, in the order of their ids.
struct Sorted<'a>(&'a IndexMap<String, Vec<String>>);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, relatives)| {
            let mut relatives: Vec<&str> = relatives.iter().map(String::as_str).collect();
            relatives.sort_unstable();
            (id, relatives)
        }))
    }
}

/// Groups by unique id.
fn groups(manifest: &Manifest) -> IndexMap<&str, &Value> {
    manifest.groups.values().filter_map(|group| Some((group.get("unique_id")?.as_str()?, group))).collect()
}

fn group_map(manifest: &Manifest) -> IndexMap<&str, Vec<&str>> {
    let mut groups: IndexMap<&str, Vec<&str>> =
        manifest.groups.keys().map(|group| (group.as_str(), Vec::new())).collect();
    for (id, node) in &manifest.nodes {
        if let Some(group) = node.member_of() {
            groups.entry(group).or_default().push(id);
        }
    }
    groups
}
