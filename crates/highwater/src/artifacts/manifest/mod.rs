//! `manifest.json`, version 12: the graph as dbt writes it.
//!
//! Fields that Highwater has no use for are there with dbt's own defaults, because readers of the schema expect them.
//!
//! | file | what |
//! | --- | --- |
//! | here | the file, section by section |
//! | `node.rs` | models, seeds, snapshots, tests, analyses, hooks |
//! | `config.rs` | their configuration, with dbt's defaults |
//! | `entries.rs` | sources, macros, docs blocks, exposures, metrics, unit tests |

mod config;
mod entries;
mod node;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;

use super::metadata;
use super::object::{Object, write_section};
use super::write::replace_with;
use crate::context::Compiled;
use crate::diagnostics::Diagnostic;
use crate::manifest::{Manifest, Node, UnitTest};
use crate::session::Session;

/// Writes the graph with the compiled code of the nodes that were compiled, by unique id.
///
/// # Errors
/// `HW0451` when the file system refuses: no permission, no space.
pub fn write_manifest(
    path: &Path,
    session: &Session,
    compiled: &HashMap<String, Arc<Compiled>>,
) -> Result<(), Diagnostic> {
    let writer = Writer { session, compiled, created_at: metadata::seconds() };
    replace_with(path, |out| writer.write(out))
}

/// What every entry needs.
struct Writer<'a> {
    session: &'a Session,
    compiled: &'a HashMap<String, Arc<Compiled>>,
    created_at: f64,
}

impl Writer<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let manifest = &self.session.manifest;
        out.write_all(b"{\"metadata\":")?;
        write_json(out, &metadata::manifest(self.session))?;
        self.nodes(out)?;
        self.section(out, "sources", &manifest.sources, |source, entry| self.source(source, entry))?;
        self.section(out, "macros", &manifest.macros, |found, entry| self.macro_node(found, entry))?;
        self.section(out, "docs", &manifest.docs, entries::doc)?;
        self.section(out, "exposures", &manifest.exposures, |exposure, entry| self.exposure(exposure, entry))?;
        self.section(out, "metrics", &manifest.metrics, |metric, entry| self.metric(metric, entry))?;
        field(out, "groups", &IndexMap::<&str, &str>::new())?;
        field(out, "selectors", &manifest.selectors)?;
        self.disabled(out)?;
        field(out, "parent_map", &manifest.parents)?;
        field(out, "child_map", &manifest.children)?;
        field(out, "group_map", &group_map(manifest))?;
        self.unit_tests(out)?;
        for empty in ["saved_queries", "semantic_models", "functions"] {
            field(out, empty, &IndexMap::<&str, &str>::new())?;
        }
        out.write_all(b"}")
    }

    fn nodes(&self, out: &mut impl Write) -> io::Result<()> {
        let nodes = self.session.manifest.nodes.iter().filter(|(_, node)| node.unit_test.is_none());
        let nodes: Vec<(&str, &Node)> = nodes.map(|(id, node)| (id.as_str(), node)).collect();
        out.write_all(b",\"nodes\":")?;
        write_section(out, &nodes, |node, object| self.node(node, object))
    }

    /// Unit tests have a section, and a shape, of their own.
    fn unit_tests(&self, out: &mut impl Write) -> io::Result<()> {
        let nodes = self.session.manifest.nodes.iter();
        let tests: Vec<(&str, (&Node, &UnitTest))> =
            nodes.filter_map(|(id, node)| Some((id.as_str(), (node, node.unit_test.as_deref()?)))).collect();
        out.write_all(b",\"unit_tests\":")?;
        write_section(out, &tests, |(node, test), object| self.unit_test(node, test, object))
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

    /// Nodes that configuration disabled, each in a list, as several may share an id.
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
        out.write_all(b"}")
    }
}

fn field(out: &mut impl Write, name: &str, value: &impl Serialize) -> io::Result<()> {
    write!(out, ",\"{name}\":")?;
    write_json(out, value)
}

fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)
}

fn group_map(manifest: &Manifest) -> IndexMap<&str, Vec<&str>> {
    let mut groups: IndexMap<&str, Vec<&str>> =
        manifest.groups.keys().map(|group| (group.as_str(), Vec::new())).collect();
    for node in manifest.nodes.values() {
        if let Some(group) = &node.group {
            groups.entry(group).or_default().push(&node.unique_id);
        }
    }
    groups
}
