//! From a project to its manifest, in the order in which things become known.
//!
//! 1. docs blocks and properties files; 2. drafts of all nodes; 3. which entry is about which node; 4. generic tests;
//! 5. every template read with `execute` false, in parallel; 6. configuration merged and places in the database named;
//! 7. names checked; 8. references followed; 9. the semantic layer, exposures and unit tests;
//! 10. the graph.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use highwater_jinja::purity;
use indexmap::IndexMap;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::configure::{Configurer, Layer, tags};
use super::docs::{self, Renderers};
use super::draft::{self, Draft, Origin};
use super::generic_tests::{Site, Tested, Workshop};
use super::issues::Issues;
use super::patch::{self, Patch};
use super::properties::{self, Described, columns, tags_of, tests_of};
use super::sources::{self, Table};
use super::{Manifest, Node, ResourceType, SourceNode, checks, exposures, graph, key, resolve, semantic};
use crate::context::{Captured, Macros, NameKind, ParseContext};
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
    key::declare(&mut manifest);
    graph::connect(&mut manifest);
    issues.extend(checks::cycle(&manifest, &origins));
    issues.check()?;
    // What is strange in a package, but works, is its author's business.
    let packages = format!("{}/", project.main.paths.packages_install);
    let own =
        |warning: &Diagnostic| !warning.labels.first().is_some_and(|label| label.file.path.starts_with(&packages));
    issues.warnings.retain(own);
    Ok(Built { manifest, warnings: issues.warnings, stability })
}

/// What the files of a project hold, each node finished but for what it reads.
pub(super) struct Nodes<'a> {
    pub drafts: Vec<Draft<'a>>,
    pub tables: Vec<Table<'a>>,
    pub stability: Stability,
}

impl<'a> Workbench<'a> {
    /// Makes the nodes of all files of the project.
    ///
    /// # Errors
    /// Everything that is wrong with them, and was before.
    pub fn nodes(&self, properties: &'a [Described], issues: &mut Issues) -> Result<Nodes<'a>, Vec<Diagnostic>> {
        let (project, renderers) = (self.parse.project, self.renderers);
        let mut drafts = draft::from_files(project, issues);
        let in_properties = properties.iter().filter(|described| described.list == "snapshots");
        drafts.extend(in_properties.filter_map(|described| draft::snapshot_of_properties(project, described)));
        patch::assign(&mut drafts, properties, self.configurer, issues);
        let tables = sources::tables(project, self.configurer, properties, renderers, issues);
        let workshop = Workshop { project, macros: self.parse.macros, renderers };
        let tests = tests_of_nodes(&workshop, project, &drafts, issues);
        drafts.extend(tests);
        drafts.extend(tests_of_tables(&workshop, project, &tables, issues));
        issues.check()?;
        let stability = self.read_and_finish(&mut drafts, issues);
        issues.check()?;
        Ok(Nodes { drafts, tables, stability })
    }
}

fn tests_of_nodes<'a>(
    workshop: &Workshop<'_>,
    project: &'a Project,
    drafts: &[Draft<'a>],
    issues: &mut Issues,
) -> Vec<Draft<'a>> {
    let mut tests = Vec::new();
    // Of two files of one name at most one is enabled; which, is not known yet.
    let mut done = HashSet::new();
    for draft in drafts.iter().filter(|draft| draft.node.is_refable()) {
        if draft.patch.is_some() && !done.insert(&draft.node.unique_id) {
            continue;
        }
        for patch in draft.patch.iter().chain(&draft.misplaced) {
            tests.extend(tests_of_entry(workshop, project, draft, patch, issues));
        }
    }
    tests
}

fn tests_of_entry<'a>(
    workshop: &Workshop<'_>,
    project: &'a Project,
    draft: &Draft<'a>,
    patch: &Patch<'a>,
    issues: &mut Issues,
) -> Vec<Draft<'a>> {
    let mut tests = Vec::new();
    let mut site = Site {
        // The test belongs to the package whose file asks for it.
        package: project.package(&patch.described.package).unwrap_or(draft.package),
        file: &patch.described.file,
        path: &patch.described.path,
        tested: Tested::Node {
            unique_id: &draft.node.unique_id,
            name: &draft.node.name,
            version: draft.node.version.as_deref(),
        },
        column: None,
        tags: Vec::new(),
    };
    for column in &patch.columns {
        site.column = Some(column);
        site.tags = sorted(tags_of(column));
        tests.extend(tests_of(column).iter().filter_map(|entry| workshop.make(&site, entry, issues)));
    }
    site.column = None;
    site.tags = Vec::new();
    tests.extend(patch.tests.iter().filter_map(|entry| workshop.make(&site, entry, issues)));
    tests
}

fn tests_of_tables<'a>(
    workshop: &Workshop<'_>,
    project: &'a Project,
    tables: &[Table<'_>],
    issues: &mut Issues,
) -> Vec<Draft<'a>> {
    let mut tests = Vec::new();
    for table in tables {
        let Some(package) = project.package(&table.node.package_name) else { continue };
        let mut shared = tags_of(&table.described.yaml);
        shared.extend(tags_of(table.yaml));
        let mut site = Site {
            package,
            file: &table.described.file,
            path: &table.described.path,
            tested: Tested::Source { source: &table.node.source_name, table: &table.node.name },
            column: None,
            tags: sorted(shared.clone()),
        };
        for column in table.yaml.get("columns").map(Yaml::items).unwrap_or_default() {
            site.column = Some(column);
            site.tags = sorted([shared.clone(), tags_of(column)].concat());
            tests.extend(tests_of(column).iter().filter_map(|entry| workshop.make(&site, entry, issues)));
        }
        site.column = None;
        site.tags = sorted(shared);
        tests.extend(tests_of(table.yaml).iter().filter_map(|entry| workshop.make(&site, entry, issues)));
    }
    tests
}

fn sorted(mut tags: Vec<String>) -> Vec<String> {
    tags.sort();
    tags.dedup();
    tags
}

/// What it takes to turn files into nodes.
pub(super) struct Workbench<'a> {
    pub parse: ParseContext<'a>,
    pub renderers: &'a Renderers,
    pub configurer: &'a Configurer<'a>,
}

fn take(draft: &mut Draft<'_>, captured: Captured) {
    let node = &mut draft.node;
    node.refs = captured.refs;
    node.sources = captured.sources;
    for id in captured.macros {
        if !node.depends_on.macros.contains(&id) {
            node.depends_on.macros.push(id);
        }
    }
    // A generic test's own template repeats the configuration of its entry.
    draft.own.extend(captured.config);
}

impl<'a> Workbench<'a> {
    /// Reads every template, merges every configuration, and names every place, many at a time.
    fn read_and_finish(&self, drafts: &mut [Draft<'a>], issues: &mut Issues) -> Stability {
        // Of most nodes there is nothing to say, and there are many.
        let said = |(unread, issues): (Option<Diagnostic>, Issues)| {
            let nothing = unread.is_none() && issues.errors.is_empty() && issues.warnings.is_empty();
            (!nothing).then(|| Box::new((unread, issues)))
        };
        let read = |draft: &mut Draft<'a>| {
            let (found, impure) = purity::watch(|| self.one(draft));
            (said(found), impure)
        };
        let found: Vec<(Option<Box<_>>, bool)> = drafts.par_iter_mut().map(read).collect();
        let mut stability = Stability::default();
        for (draft, _) in drafts.iter().zip(&found).filter(|(_, (_, impure))| *impure) {
            // Hooks stand in the project's own file, which is read every time for itself alone.
            stability.unknown |= draft.node.resource_type == ResourceType::Operation;
            stability.moving.insert((draft.package.name.clone(), draft.node.original_file_path.clone()));
        }
        // What templates say comes before what is said about them.
        let (unread, others): (Vec<_>, Vec<_>) =
            found.into_iter().filter_map(|(found, _)| found).map(|found| *found).unzip();
        issues.extend(unread.into_iter().flatten());
        issues.extend(others.into_iter().flat_map(|found| found.errors.into_iter().chain(found.warnings)));
        // A test shares the group of what it tests.
        let groups: HashMap<String, String> =
            drafts.iter().filter_map(|draft| Some((draft.node.unique_id.clone(), draft.node.group.clone()?))).collect();
        if !groups.is_empty() {
            for draft in drafts.iter_mut() {
                if let Some(group) = draft.node.attached_node.as_ref().and_then(|id| groups.get(id)) {
                    draft.node.group = Some(group.clone());
                }
            }
        }
        stability
    }

    /// The node of a draft; what is wrong with its template, and with the rest.
    fn one(&self, draft: &mut Draft<'a>) -> (Option<Diagnostic>, Issues) {
        let (mut unread, mut issues) = (None, Issues::default());
        let patch = draft.patch.take();
        let mut properties = patch.as_ref().map(|patch| patch.config.clone()).unwrap_or_default();
        if draft.node.language == "python" && !properties.contains_key("materialized") {
            properties.insert("materialized".to_owned(), "table".into());
        }
        self.configure(draft, &properties);
        if let Some(code) = &draft.code {
            match self.parse.capture(&draft.package.name, &draft.file.path, code, &draft.node) {
                Ok(captured) => {
                    let configures = !captured.config.is_empty();
                    take(draft, captured);
                    if configures {
                        self.configure(draft, &properties);
                    }
                }
                Err(problem) => unread = Some(problem),
            }
        }
        self.finish(draft, patch.as_ref(), &mut issues);
        draft.patch = patch;
        (unread, issues)
    }

    fn configure(&self, draft: &mut Draft<'a>, properties: &Layer) {
        let node = &mut draft.node;
        let merged =
            self.configurer.configure(draft.package, node.resource_type, &node.fqn, Some(properties), &draft.own);
        (node.config, node.unrendered_config) = (merged.config, merged.written);
    }

    /// What follows from the configuration: tags, group, access, the place in the database, hooks.
    fn finish(&self, draft: &mut Draft<'a>, patch: Option<&Patch<'_>>, issues: &mut Issues) {
        let node = &mut draft.node;
        let kind = node.resource_type;
        for tag in tags(&node.config) {
            if !node.tags.contains(&tag) {
                node.tags.push(tag);
            }
        }
        node.group = node.config.text("group").map(str::to_owned);
        if kind == ResourceType::Model {
            node.access = Some(node.config.text("access").unwrap_or("protected").to_owned());
        }
        if let Some(patch) = patch {
            describe(node, patch, self.renderers, issues);
        }
        if kind != ResourceType::Operation && kind != ResourceType::Analysis {
            let placed = place(&self.parse, node);
            issues.keep(placed);
        }
        read_hooks(&self.parse, draft, issues);
        issues.extend(checks::config(draft, patch));
        draft.own = Layer::new();
        draft.node.shrink();
    }
}

/// Description, columns and constraints of the properties file.
fn describe(node: &mut Node, patch: &Patch<'_>, renderers: &Renderers, issues: &mut Issues) {
    let described = patch.described;
    node.patch_path = Some(described.patch_path());
    node.description = renderers.description(&described.package, &described.file, patch.text, issues);
    node.columns = columns(described, &patch.columns, renderers, issues);
    node.deprecation_date = patch.deprecation_date();
    node.time_spine = described.yaml.json_of("time_spine");
    node.constraints = patch.constraints();
}

/// Database, schema and name, by the macros that the project may override.
fn place(parse: &ParseContext<'_>, node: &mut Node) -> Result<(), Diagnostic> {
    let custom = |key: &str| node.config.text(key).map(str::to_owned);
    let (database, schema, alias) = (custom("database"), custom("schema"), custom("alias"));
    let name = |kind, custom: &Option<String>| parse.generate_name(kind, custom.as_deref(), node);
    let database = name(NameKind::Database, &database)?.trim().to_owned();
    let schema = name(NameKind::Schema, &schema)?.trim().to_owned();
    let alias = name(NameKind::Alias, &alias)?.trim().to_owned();
    node.relation.database = database;
    node.relation.schema = schema;
    node.relation.identifier = alias;
    if node.resource_type == ResourceType::Snapshot {
        if let Some(database) = node.config.text("target_database") {
            node.relation.database = database.to_owned();
        }
        if let Some(schema) = node.config.text("target_schema") {
            node.relation.schema = schema.to_owned();
        }
    }
    Ok(())
}

/// Hooks and foreign keys may refer to nodes too.
fn read_hooks(parse: &ParseContext<'_>, draft: &mut Draft<'_>, issues: &mut Issues) {
    let hooks = ["pre-hook", "post-hook"].into_iter().filter_map(|key| draft.node.config.get(key)?.as_array());
    let mut templates: Vec<String> = hooks
        .flatten()
        .filter_map(|hook| hook.get("sql")?.as_str())
        .filter(|sql| crate::project::render::has_jinja(sql))
        .map(str::to_owned)
        .collect();
    let constraints = draft.node.columns.values().flat_map(|column| &column.constraints).chain(&draft.node.constraints);
    let calls = constraints.filter_map(|constraint| constraint.get("to")?.as_str()).filter(|to| to.contains('('));
    templates.extend(calls.map(|call| format!("{{{{ {call} }}}}")));
    if templates.is_empty() {
        return;
    }
    let is_seed = draft.node.resource_type == ResourceType::Seed;
    for template in templates {
        let captured = parse.capture(&draft.package.name, &draft.file.path, &template, &draft.node);
        let Some(captured) = issues.keep(captured) else { continue };
        if is_seed && !(captured.refs.is_empty() && captured.sources.is_empty()) {
            issues.add(
                draft
                    .error(
                        "HW0227",
                        format!("Seeds cannot depend on other nodes, and a hook of `{}` does", draft.node.name),
                    )
                    .help("take ref() and source() out of the hook, or move it to a model"),
            );
        }
        for called in captured.macros {
            if !draft.node.depends_on.macros.contains(&called) {
                draft.node.depends_on.macros.push(called);
            }
        }
        for call in captured.refs {
            if !draft.node.refs.contains(&call) {
                draft.node.refs.push(call);
            }
        }
        for call in captured.sources {
            if !draft.node.sources.contains(&call) {
                draft.node.sources.push(call);
            }
        }
    }
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
        into.insert(origin.unique_id.clone(), node);
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
