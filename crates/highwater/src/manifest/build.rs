//! From a project to its manifest, in the order in which things become known.
//!
//! 1. docs blocks and properties files; 2. drafts of all nodes; 3. which entry is about which node; 4. generic tests;
//! 5. every template read with `execute` false, in parallel; 6. configuration merged and places in the database named;
//! 7. names checked; 8. references followed; 9. the semantic layer, exposures and unit tests;
//! 10. the graph.

use std::collections::BTreeSet;
use std::sync::Arc;

use highwater_jinja::purity;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::configure::Configurer;
use super::docs::{self, Renderers};
use super::draft::{Draft, Origin};
use super::issues::Issues;
use super::properties::{self, Described};
use super::sources::Table;
use super::workbench::{Nodes, Workbench};
use super::{Manifest, Node, SourceNode, checks, exposures, key, resolve, semantic};
use crate::context::{Macros, ParseContext};
use crate::diagnostics::Diagnostic;
use crate::project::Project;
use crate::project::yaml::{self, Yaml};

/// A project as a graph, and how long that holds.
#[derive(Debug)]
pub struct Built {
    /// The graph.
    pub manifest: Manifest,
    /// What is strange.
    pub warnings: Vec<Diagnostic>,
    /// Whether it would come out alike another time.
    pub stability: Stability,
}

/// What of a manifest depends on more than files, settings and the environment: on the clock, on chance, on who looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stability {
    /// Files whose nodes do, by package and path.
    pub moving: BTreeSet<(String, String)>,
    /// Whether anything else does.
    pub unknown: bool,
}

/// Builds the manifest of a project.
///
/// # Errors
/// Everything that is wrong with the project, as far as it could be read.
pub fn build(project: &Project, macros: &Arc<Macros>) -> Result<Built, Vec<Diagnostic>> {
    let (built, impure) = purity::watch(|| whole(project, macros));
    built.map(|mut built| {
        built.stability.unknown |= impure;
        built
    })
}

fn whole(project: &Project, macros: &Arc<Macros>) -> Result<Built, Vec<Diagnostic>> {
    let mut issues = Issues::default();
    let mut manifest = Manifest {
        project_name: project.main.name.clone(),
        adapter_type: project.target.adapter.clone(),
        macros: macros.nodes(),
        docs: docs::blocks(project, &mut issues),
        selectors: selectors(project, &mut issues),
        ..Manifest::default()
    };
    let renderers = Renderers::new(project, &manifest.docs);
    let (mut properties, moving) = properties::read(project, &renderers, &mut issues);
    describe_macros(&mut manifest, &properties, &renderers, &mut issues);
    let (mut stability, disabled_sources, nodes) = {
        let parse = ParseContext { project, macros, messages: None };
        let workbench = Workbench { parse, renderers: &renderers, configurer: &Configurer::new(project) };
        let Nodes { drafts, tables, stability } = workbench.nodes(&properties, &mut issues)?;
        checks::nodes(&drafts, &mut issues);
        groups(&mut manifest, &properties, &drafts, &mut issues);
        let disabled_sources = insert_sources(&mut manifest, tables, &mut issues);
        (stability, disabled_sources, drafts.into_iter().map(finished).collect::<Vec<_>>())
    };
    stability.unknown |= moving;
    // The trees of the files are large, and so is what follows.
    properties.retain(|described| !properties::NODES.contains(&described.list));
    let origins = insert_nodes(&mut manifest, nodes);
    resolve::resolve(&mut manifest, &disabled_sources, &origins, &mut issues);
    let layer = semantic::read(project, &manifest, &disabled_sources, &properties, &renderers, &mut issues);
    (manifest.semantic_models, manifest.metrics) = (layer.semantic_models, layer.metrics);
    manifest.saved_queries = layer.saved_queries;
    manifest.exposures = exposures::read(project, &manifest, &disabled_sources, &properties, &renderers, &mut issues);
    let unit_tests = super::unit_tests::Reader {
        project,
        macros,
        renderers: &renderers,
        configurer: &Configurer::new(project),
        disabled_sources: &disabled_sources,
    };
    unit_tests.read(&mut manifest, &properties, &mut issues);
    manifest.disabled_sources = disabled_sources;
    key::declare(&mut manifest, &|_| true);
    issues.extend(checks::cycle(&manifest, &origins));
    issues.check()?;
    // What is strange in a package, but works, is its author's business.
    let packages = format!("{}/", project.main.paths.packages_install);
    let own =
        |warning: &Diagnostic| !warning.labels.first().is_some_and(|label| label.file.path.starts_with(&packages));
    issues.warnings.retain(own);
    Ok(Built { manifest, warnings: issues.warnings, stability })
}

/// A node that is read, and where it came from.
fn finished(draft: Draft<'_>) -> (Box<Node>, Origin) {
    let origin = Origin::of(&draft);
    (draft.node, origin)
}

/// Puts the nodes into the manifest; what is left says where they came from.
fn insert_nodes(manifest: &mut Manifest, nodes: Vec<(Box<Node>, Origin)>) -> Vec<Origin> {
    manifest.nodes.reserve_exact(nodes.len());
    let insert = |(node, origin): (Box<Node>, Origin)| {
        let into = if origin.enabled { &mut manifest.nodes } else { &mut manifest.disabled };
        into.insert(origin.unique_id.clone(), node.into());
        origin
    };
    nodes.into_iter().map(insert).collect()
}

/// Puts the enabled tables into the manifest; the others are the answer.
fn insert_sources(manifest: &mut Manifest, tables: Vec<Table<'_>>, issues: &mut Issues) -> Vec<SourceNode> {
    let mut disabled = Vec::new();
    for Table { node, described, yaml } in tables {
        if !node.config.enabled() {
            disabled.push(node);
            continue;
        }
        let id = node.unique_id.clone();
        let shown = format!("`{}.{}`", node.source_name, node.name);
        if let Some(other) = manifest.sources.insert(id, node) {
            let place = yaml.get("name").unwrap_or(yaml);
            issues.add(
                yaml::error_at("HW0201", &described.file, place, format!("there are two sources {shown}"))
                    .note(format!("the other one stands in {}", other.original_file_path))
                    .help("remove one of them"),
            );
        }
    }
    disabled
}

/// A group in the shape of dbt's manifest.
fn group(described: &Described) -> Value {
    let yaml = &described.yaml;
    let mut owner = json!({"email": null, "name": null});
    if let (Some(owner), Value::Object(written)) = (owner.as_object_mut(), yaml.json_of("owner")) {
        owner.extend(written);
    }
    json!({
        "name": described.name, "resource_type": "group", "package_name": described.package,
        "path": described.inner_path, "original_file_path": described.path,
        "unique_id": format!("group.{}.{}", described.package, described.name), "owner": owner,
        "description": yaml.text_of("description"),
        "config": {"meta": properties::meta_of(yaml)},
    })
}

/// Groups, and nodes that name one that does not exist.
fn groups(manifest: &mut Manifest, properties: &[Described], drafts: &[Draft<'_>], issues: &mut Issues) {
    for described in properties.iter().filter(|described| described.list == "groups") {
        manifest.groups.insert(described.name.clone(), group(described));
    }
    for draft in drafts.iter().filter(|draft| draft.node.attached_node.is_none()) {
        if let Some(group) = draft.node.group.as_ref().filter(|group| !manifest.groups.contains_key(*group)) {
            let names: Vec<&str> = manifest.groups.keys().map(String::as_str).collect();
            issues.add(
                draft
                    .error(
                        "HW0225",
                        format!("`{}` belongs to the group `{group}`, which does not exist", draft.node.name),
                    )
                    .help(if names.is_empty() {
                        format!("describe it: groups: [{{name: {group}, owner: {{name: ...}}}}]")
                    } else {
                        format!("the groups are {}", names.join(", "))
                    }),
            );
        }
    }
}

/// Descriptions of macros.
fn describe_macros(manifest: &mut Manifest, properties: &[Described], renderers: &Renderers, issues: &mut Issues) {
    for described in properties.iter().filter(|described| described.list == "macros") {
        let description = renderers.description(&described.package, &described.file, &described.yaml, issues);
        let id = format!("macro.{}.{}", described.package, described.name);
        match manifest.macros.get_mut(&id) {
            Some(node) => {
                node.description = description;
                node.described = arguments(described, renderers, issues);
                node.patch_path = Some(described.patch_path());
            }
            None => issues.add(
                described
                    .warning("HW0203", format!("there is no macro `{}`: this entry has no effect", described.name))
                    .help("correct the name, or remove the entry"),
            ),
        }
    }
}

/// The arguments of a macro as its entry describes them.
fn arguments(described: &Described, renderers: &Renderers, issues: &mut Issues) -> Vec<Value> {
    let mut described_as = |argument: &Yaml| {
        let description = renderers.description(&described.package, &described.file, argument, issues);
        json!({"name": argument.text_of("name"), "type": argument.text_of("type"), "description": description})
    };
    let arguments = described.yaml.get("arguments").map(Yaml::items).unwrap_or_default();
    arguments.iter().filter(|argument| argument.get("name").is_some()).map(&mut described_as).collect()
}

/// The entries of selectors.yml, by name.
fn selectors(project: &Project, issues: &mut Issues) -> IndexMap<String, Value> {
    let Ok(text) = std::fs::read_to_string(project.main.root.join("selectors.yml")) else { return IndexMap::new() };
    let file = Arc::new(crate::diagnostics::SourceFile { path: "selectors.yml".to_owned(), text });
    let Some((yaml, warnings)) = issues.keep(yaml::parse(&file)) else { return IndexMap::new() };
    issues.extend(warnings);
    let renderer = crate::project::render::Renderer::with_vars(
        &project.vars_for(&project.main.name),
        Some(crate::project::target_value(&project.target)),
    );
    let Some(yaml) = issues.keep(renderer.tree(&file, &yaml, &|_| false)) else { return IndexMap::new() };
    let mut selectors = IndexMap::new();
    for entry in yaml.get("selectors").map(Yaml::items).unwrap_or_default() {
        match entry.text_of("name") {
            Some(name) => {
                selectors.insert(name, entry.json());
            }
            None => issues.add(yaml::error_at("HW0103", &file, entry, "a selector has no `name`").help("add `name:`")),
        }
    }
    selectors
}
