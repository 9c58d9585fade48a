//! From files to nodes, each finished but for what it reads: drafts, generic tests, templates read, configuration merged, places in the
//! database named, hooks read.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use serde_json::Value;

use highwater_jinja::purity;

use super::build::Stability;
use super::configure::{Configurer, Layer, tags};
use super::docs::Renderers;
use super::draft::{self, Draft};
use super::generic_tests::{Site, Tested, Workshop};
use super::issues::Issues;
use super::patch::{self, Patch};
use super::properties::{Described, columns, tags_of, tests_of};
use super::sources::{self, Table};
use super::{Node, ResourceType, checks};
use crate::context::{Captured, NameKind, ParseContext};
use crate::diagnostics::Diagnostic;
use crate::engine::folded;
use crate::project::Project;
use crate::project::yaml::Yaml;

/// What it takes to turn files into nodes.
pub(super) struct Workbench<'a> {
    pub parse: ParseContext<'a>,
    pub renderers: &'a Renderers,
    pub configurer: &'a Configurer<'a>,
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
        for patch in draft.patch.as_deref().into_iter().chain(&draft.misplaced) {
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

fn take(draft: &mut Draft<'_>, captured: Captured) {
    let node = &mut draft.node;
    node.refs = captured.refs;
    node.sources = captured.sources;
    for id in captured.macros {
        if !node.depends_on.macros.contains(&id) {
            node.depends_on.macros.push(id);
        }
    }
    // A generic test's own template repeats the configuration of its entry, and dbt adds the tags up.
    let tags = draft.own.get("tags").cloned().filter(|_| node.test_metadata.is_some());
    draft.own.extend(captured.config);
    if let (Some(before), Some(tags)) = (tags, draft.own.get_mut("tags")) {
        let items = |tags: &Value| tags.as_array().cloned().unwrap_or_else(|| vec![tags.clone()]);
        *tags = Value::Array([items(&before), items(tags)].concat());
    }
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
        // Read once; the templates of tests are many, and need room.
        if let Some(code) = draft.code.as_mut().map(std::mem::take) {
            match self.parse.capture(&draft.package.name, &draft.file.path, &code, &draft.node) {
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
        self.finish(draft, patch.as_deref(), &mut issues);
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
    node.doc_blocks = renderers.doc_blocks(&described.package, patch.text);
    node.columns = columns(described, &patch.columns, renderers, issues);
    node.deprecation_date = patch.deprecation_date();
    node.time_spine = described.yaml.get("time_spine").map(|spine| Box::new(spine.json()));
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
    node.bare = parse.project.bare();
    node.relation = folded(&parse.project.target.adapter, std::mem::take(&mut node.relation), node.bare);
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
