//! What every `ref` and `source` comes to: the node's own package first, then the project, then any other package.

use std::collections::HashMap;
use std::sync::Arc;

use highwater_jinja::{StaticCall, Template};

use super::draft::Origin;
use super::issues::Issues;
use super::{LazyNode, Manifest, Node, NodeMap, RefCall, ResourceType, SourceNode};
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::project::suggest;

/// Who asks: for messages, and to know where to look first.
pub(super) struct Asking<'a> {
    pub package: &'a str,
    pub group: Option<&'a str>,
    pub file: &'a Arc<SourceFile>,
    /// Bytes to point at when the call itself is not found.
    pub place: (usize, usize),
    /// Whether the file is a template with the call in it.
    pub is_template: bool,
}

/// What a reference comes to.
pub(super) enum Found<'m> {
    /// A node.
    Node(&'m Node),
    /// A node that configuration disabled.
    Disabled(&'m Node),
    /// Several packages have it, and none is nearer.
    Ambiguous(Vec<&'m Node>),
    /// The name is there, the version is not.
    NoVersion(Vec<String>),
    /// Nothing.
    Nothing,
}

/// Nodes and sources by name.
pub(super) struct Index<'m> {
    manifest: &'m Manifest,
    root: &'m str,
    disabled_sources: &'m [SourceNode],
    nodes: HashMap<&'m str, Vec<&'m LazyNode>>,
    disabled: HashMap<&'m str, Vec<&'m LazyNode>>,
}

impl<'m> Index<'m> {
    pub fn new(manifest: &'m Manifest, disabled_sources: &'m [SourceNode]) -> Self {
        let by_name = |nodes: &'m NodeMap| {
            let mut index: HashMap<&str, Vec<&LazyNode>> = HashMap::new();
            for node in nodes.values().filter(|node| node.can_be_read()) {
                index.entry(node.plain_name()).or_default().push(node);
            }
            index
        };
        Self {
            manifest,
            root: &manifest.project_name,
            disabled_sources,
            nodes: by_name(&manifest.nodes),
            disabled: by_name(&manifest.disabled),
        }
    }

    /// What a `ref` by code of `package` comes to.
    pub fn find(&self, call: &RefCall, package: &str) -> Found<'m> {
        let named = self.nodes.get(call.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let fits = |node: &&&LazyNode| match (&call.version, &node.version) {
            (Some(wanted), Some(version)) => wanted == version,
            (Some(_), None) => false,
            (None, Some(_)) => node.version == node.latest_version,
            (None, None) => true,
        };
        for place in self.places(call, package) {
            let mut found = named.iter().filter(|node| node.package_name == place).filter(fits);
            if let Some(node) = found.next() {
                return Found::Node(node);
            }
        }
        if call.package.is_none() {
            let elsewhere: Vec<&Node> = named.iter().copied().filter(|node| fits(&node)).map(AsRef::as_ref).collect();
            match elsewhere.as_slice() {
                [] => {}
                [node] => return Found::Node(node),
                _ => return Found::Ambiguous(elsewhere),
            }
        }
        let here = |node: &&&LazyNode| call.package.as_ref().is_none_or(|package| node.package_name == *package);
        let versions: Vec<String> = named.iter().filter(here).filter_map(|node| node.version.clone()).collect();
        if call.version.is_some() && named.iter().any(|node| here(&node)) {
            return Found::NoVersion(versions);
        }
        let disabled = self.disabled.get(call.name.as_str()).and_then(|nodes| nodes.iter().find(here));
        disabled.map_or(Found::Nothing, |node| Found::Disabled(node))
    }

    fn places<'b>(&'b self, call: &'b RefCall, package: &'b str) -> Vec<&'b str> {
        match &call.package {
            Some(package) => vec![package],
            None => vec![package, self.root],
        }
    }

    /// The unique id of a source, as code of `package` sees it.
    pub fn find_source(&self, source: &str, table: &str, package: &str) -> Option<&'m str> {
        let matches = |id: &String| {
            let node = &self.manifest.sources[id];
            node.source_name == source && node.name == table
        };
        for place in [package, self.root] {
            let id = format!("source.{place}.{source}.{table}");
            if let Some((id, _)) = self.manifest.sources.get_key_value(&id) {
                return Some(id);
            }
        }
        self.manifest.sources.keys().find(|id| matches(id)).map(String::as_str)
    }

    /// The node a `ref` names, or the problem with it.
    pub fn reference(&self, call: &RefCall, asking: &Asking<'_>) -> Result<&'m Node, Diagnostic> {
        let shown = shown(call);
        let at = |diagnostic: Diagnostic, message: &str| {
            let (start, end) = asking.locate("ref", &call.name, call.package.as_deref());
            diagnostic.at(asking.file, start, end, message)
        };
        match self.find(call, asking.package) {
            Found::Node(node) if is_closed(node, asking) => Err(at(
                Diagnostic::error("HW0218", format!("`{shown}` names a private model of another group")),
                "not open to this node",
            )
            .help(format!(
                "give this node the group `{}`, or make the model protected",
                node.group.as_deref().unwrap_or_default()
            ))),
            Found::Node(node) => Ok(node),
            Found::Disabled(node) => Err(at(
                Diagnostic::error(
                    "HW0215",
                    format!("`{shown}` names a {} that is disabled", node.resource_type.word()),
                ),
                "disabled",
            )
            .help(format!("enable {} (`enabled: true`), or remove the reference", node.original_file_path))),
            Found::Ambiguous(nodes) => {
                let files: Vec<String> = nodes
                    .iter()
                    .map(|node| format!("{} in `{}`", node.original_file_path, node.package_name))
                    .collect();
                Err(at(
                    Diagnostic::error("HW0219", format!("`{shown}` could be a node of several packages")),
                    "ambiguous",
                )
                .note(format!("found {}", files.join(" and ")))
                .help(format!("name the package: ref('{}', '{}')", nodes[0].package_name, call.name)))
            }
            Found::NoVersion(versions) => Err(at(
                Diagnostic::error("HW0217", format!("`{shown}` names a version that does not exist")),
                "no such version",
            )
            .help(if versions.is_empty() {
                format!("`{}` has no versions: remove `version=`", call.name)
            } else {
                format!("`{}` has the versions {}", call.name, versions.join(", "))
            })),
            Found::Nothing => Err(self.unknown(call, asking)),
        }
    }

    fn unknown(&self, call: &RefCall, asking: &Asking<'_>) -> Diagnostic {
        let (start, end) = asking.locate("ref", &call.name, call.package.as_deref());
        let title = format!("`{}` names no model, seed or snapshot", shown(call));
        let place = match &call.package {
            Some(package) => format!("not found in the package `{package}`"),
            None => "not found in this project or its packages".to_owned(),
        };
        let error = Diagnostic::error("HW0213", title).at(asking.file, start, end, place);
        let names = self.nodes.keys().copied();
        if let Some(near) = suggest::nearest(&call.name, names) {
            let node = self.nodes[near][0];
            return error.help(format!("did you mean `{near}` ({})?", node.original_file_path));
        }
        if let Some(source) = self.manifest.sources.values().find(|source| source.name == call.name) {
            return error.help(format!("it is a source: source('{}', '{}')", source.source_name, source.name));
        }
        error.help("add the model, or correct the name")
    }

    /// The source a `source` names, or the problem with it.
    pub fn source(&self, source: &str, table: &str, asking: &Asking<'_>) -> Result<&'m str, Diagnostic> {
        if let Some(id) = self.find_source(source, table, asking.package) {
            return Ok(id);
        }
        let disabled = |node: &&SourceNode| node.source_name == source && node.name == table;
        if let Some(node) = self.disabled_sources.iter().find(disabled) {
            let (start, end) = asking.locate("source", table, Some(source));
            return Err(Diagnostic::error(
                "HW0216",
                format!("`source('{source}', '{table}')` names a source that is disabled"),
            )
            .at(asking.file, start, end, "disabled")
            .help(format!("enable it in {} (`enabled: true`), or remove the reference", node.original_file_path)));
        }
        let sources = || self.manifest.sources.values();
        let tables: Vec<&str> =
            sources().filter(|node| node.source_name == source).map(|node| node.name.as_str()).collect();
        let (word, (start, end)) = if tables.is_empty() {
            ("source", asking.locate("source", source, None))
        } else {
            ("table", asking.locate("source", table, Some(source)))
        };
        let error = Diagnostic::error("HW0214", format!("`source('{source}', '{table}')` names no source")).at(
            asking.file,
            start,
            end,
            format!("no such {word} in this project or its packages"),
        );
        let near = if tables.is_empty() {
            suggest::nearest(source, sources().map(|node| node.source_name.as_str()))
        } else {
            suggest::nearest(table, tables.iter().copied())
        };
        Err(match near {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if tables.is_empty() => error.help(format!(
                "describe it in a properties file: sources: [{{name: {source}, tables: [{{name: {table}}}]}}]"
            )),
            None => error.help(format!("`{source}` has {}; add `- name: {table}` to its tables", tables.join(", "))),
        })
    }
}

/// Whether a node is private to a group that is not the asking one's.
fn is_closed(node: &Node, asking: &Asking<'_>) -> bool {
    node.access.as_deref() == Some("private") && node.group.is_some() && node.group.as_deref() != asking.group
}

fn shown(call: &RefCall) -> String {
    let package = call.package.as_ref().map(|package| format!("'{package}', ")).unwrap_or_default();
    let version = call.version.as_ref().map(|version| format!(", v={version}")).unwrap_or_default();
    format!("ref({package}'{}'{version})", call.name)
}

impl Asking<'_> {
    /// The bytes of a literal in a call of `ref` or `source`: `before` is the argument that stands before it, if any.
    pub fn locate(&self, function: &str, literal: &str, before: Option<&str>) -> (usize, usize) {
        if !self.is_template {
            return self.place;
        }
        let text = &self.file.text;
        let calls = Template::parse(&self.file.path, text).map(|template| template.static_calls()).unwrap_or_default();
        let is_it = |call: &StaticCall| {
            let given =
                |index: usize| call.positional.get(index).and_then(Option::as_ref).and_then(|value| value.as_str());
            let own = if before.is_some() { 1 } else { 0 };
            call.name == [function]
                && given(own) == Some(literal)
                && before.is_none_or(|before| given(0) == Some(before))
        };
        let inside = |start: usize, end: usize| {
            let call = text.get(start..end)?;
            let quoted = [format!("'{literal}'"), format!("\"{literal}\"")];
            let (offset, length) =
                quoted.iter().find_map(|quoted| call.rfind(quoted.as_str()).map(|offset| (offset, quoted.len())))?;
            Some((start + offset, start + offset + length))
        };
        calls
            .iter()
            .find(|call| is_it(call))
            .and_then(|call| inside(call.span.start, call.span.end))
            .or_else(|| inside(0, text.len()))
            .unwrap_or(self.place)
    }
}

/// A node as the one who asks.
pub(super) fn asking<'a>(origin: &'a Origin, node: &'a Node) -> Asking<'a> {
    Asking {
        package: &node.package_name,
        group: node.group.as_deref(),
        file: &origin.file,
        place: origin.place,
        is_template: origin.is_template,
    }
}

/// Unique ids of what a node refers to, sources first as in dbt, and the problems with that.
pub(super) fn follow(index: &Index<'_>, node: &Node, asking: &Asking<'_>) -> (Vec<String>, Vec<Diagnostic>) {
    let mut ids: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    let mut add = |id: String| {
        if !ids.contains(&id) {
            ids.push(id);
        }
    };
    for (source, table) in distinct(&node.sources) {
        match index.source(source, table, asking) {
            Ok(id) => add(id.to_owned()),
            Err(problem) => problems.push(problem),
        }
    }
    for call in distinct(&node.refs) {
        match index.reference(call, asking) {
            Ok(found) => add(found.unique_id.clone()),
            Err(problem) => problems.push(problem),
        }
    }
    (ids, problems)
}

/// Each call once, however often it is written.
fn distinct<T: PartialEq>(calls: &[T]) -> impl Iterator<Item = &T> {
    calls.iter().enumerate().filter(|(position, call)| !calls[..*position].contains(call)).map(|(_, call)| call)
}

/// Fills `depends_on` of every node; tests that read something that is missing are disabled with a warning, as in dbt.
pub(super) fn resolve(
    manifest: &mut Manifest,
    disabled_sources: &[SourceNode],
    origins: &[Origin],
    issues: &mut Issues,
) {
    let mut resolved: Vec<(String, Vec<String>)> = Vec::new();
    let mut without: Vec<String> = Vec::new();
    {
        let index = Index::new(manifest, disabled_sources);
        for origin in origins.iter().filter(|origin| origin.enabled) {
            let node = &manifest.nodes[&origin.unique_id];
            let (ids, problems) = follow(&index, node, &asking(origin, node));
            if node.resource_type == ResourceType::Test && !problems.is_empty() {
                without.push(node.unique_id.clone());
                // What is disabled takes its tests along in silence.
                let spoken = problems.into_iter().filter(|problem| !["HW0215", "HW0216"].contains(&problem.code));
                issues.extend(spoken.map(|problem| {
                    Diagnostic { severity: crate::diagnostics::Severity::Warning, ..problem }
                        .note("the test is left out")
                }));
            } else {
                issues.extend(problems);
                resolved.push((node.unique_id.clone(), ids));
            }
        }
    }
    for (id, ids) in resolved {
        if let Some(node) = manifest.nodes.get_mut(&id) {
            node.depends_on.nodes = ids;
        }
    }
    for id in without {
        if let Some(mut node) = manifest.nodes.shift_remove(&id) {
            node.config.set("enabled", false.into());
            manifest.disabled.insert(id, node);
        }
    }
}
