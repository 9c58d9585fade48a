//! Nodes in the making: one for every model, seed, snapshot, test, analysis and hook that the files hold, before their
//! templates are read and their configuration is merged.

use std::borrow::Cow;
use std::sync::Arc;

use highwater_jinja::{BlockKind, Template};

use super::configure::Layer;
use super::issues::Issues;
use super::patch::Patch;
use super::properties::{Described, folders};
use super::{Checksum, Node, RefCall, ResourceType};
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::Relation;
use crate::project::{FileKind, Package, Project, ProjectFile, checksum};

/// A node in the making.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    /// What is known of it; apart, so that lists of drafts are small and grow cheaply.
    pub node: Box<Node>,
    /// The package it belongs to.
    pub package: &'a Package,
    /// The file that holds it.
    pub file: Arc<SourceFile>,
    /// Bytes of the file that stand for it: a block, a test's entry; empty for a whole file.
    pub place: (usize, usize),
    /// The template to read for refs and configuration, its offsets those of the file; none for seeds.
    pub code: Option<Cow<'a, str>>,
    /// What a properties file says about it.
    pub patch: Option<Box<Patch<'a>>>,
    /// Entries for it in the list of another kind (`models:` for a seed): their tests are made, the rest is without effect.
    pub misplaced: Vec<Patch<'a>>,
    /// What its own `config()` says; for generic tests the configuration of their entry.
    pub own: Layer,
}

impl Draft<'_> {
    /// An error at its place.
    pub fn error(&self, code: &'static str, title: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, title).at(&self.file, self.place.0, self.place.1, "")
    }
}

/// Where a node of the manifest came from, to point at when its references lead nowhere.
#[derive(Debug)]
pub(super) struct Origin {
    /// The node.
    pub unique_id: String,
    /// Whether configuration lets it be.
    pub enabled: bool,
    /// The file that holds it.
    pub file: Arc<SourceFile>,
    /// Bytes of the file that stand for it.
    pub place: (usize, usize),
    /// Whether the calls of its template stand in this file.
    pub is_template: bool,
}

impl Origin {
    pub fn of(draft: &Draft<'_>) -> Self {
        let node = &draft.node;
        let own_text = node.test_metadata.is_none() && node.resource_type != ResourceType::Operation;
        Self {
            unique_id: node.unique_id.clone(),
            enabled: node.config.enabled(),
            file: Arc::clone(&draft.file),
            place: draft.place,
            is_template: own_text && draft.code.is_some(),
        }
    }
}

/// The parts in which drafts differ.
pub(super) struct Parts {
    pub kind: ResourceType,
    pub name: String,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    pub raw_code: String,
    pub checksum: String,
}

/// A node of which nothing is known but where it stands.
pub(super) fn blank(project: &Project, package: &Package, parts: Parts) -> Box<Node> {
    Box::new(Node {
        unique_id: format!("{}.{}.{}", parts.kind.word(), package.name, parts.name),
        resource_type: parts.kind,
        relation: Relation::new(&project.target.database, &project.target.schema, &parts.name),
        name: parts.name,
        package_name: package.name.clone(),
        path: parts.path,
        original_file_path: parts.original_file_path,
        fqn: parts.fqn,
        raw_code: parts.raw_code,
        language: "sql".to_owned(),
        checksum: Checksum { name: "sha256".to_owned(), checksum: parts.checksum },
        root: package.root.clone(),
        ..Node::default()
    })
}

/// Everything that stands in files of its own, and the hooks of the project files.
pub(super) fn from_files<'a>(project: &'a Project, issues: &mut Issues) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    for package in project.all_packages() {
        for file in &package.files {
            match file.kind {
                FileKind::Model | FileKind::PythonModel => {
                    drafts.push(of_file(project, package, file, ResourceType::Model));
                }
                FileKind::Seed => drafts.push(of_file(project, package, file, ResourceType::Seed)),
                FileKind::SingularTest => drafts.push(of_file(project, package, file, ResourceType::Test)),
                FileKind::Analysis => drafts.push(of_file(project, package, file, ResourceType::Analysis)),
                FileKind::Snapshot => drafts.extend(snapshots(project, package, file, issues)),
                FileKind::GenericTest | FileKind::Fixture | FileKind::Macro | FileKind::Properties | FileKind::Docs => {
                }
            }
        }
        drafts.extend(hooks(project, package));
    }
    drafts
}

fn of_file<'a>(project: &Project, package: &'a Package, file: &'a ProjectFile, kind: ResourceType) -> Draft<'a> {
    let name = file.stem().to_owned();
    let path =
        if kind == ResourceType::Analysis { format!("analysis/{}", file.inner_path) } else { file.inner_path.clone() };
    let mut fqn = folders(&package.name, &path);
    fqn.push(name.clone());
    let parts = Parts {
        kind,
        name,
        path,
        original_file_path: file.path.clone(),
        fqn,
        // As in dbt, without what is blank around it.
        raw_code: file.source.text.trim().to_owned(),
        checksum: file.checksum.clone(),
    };
    let mut node = blank(project, package, parts);
    let mut code = (kind != ResourceType::Seed).then(|| Cow::Borrowed(file.source.text.as_str()));
    if file.kind == FileKind::PythonModel {
        node.language = "python".to_owned();
        (node.refs, node.sources) = python_calls(&file.source.text);
        code = None;
    }
    Draft {
        node,
        package,
        file: Arc::clone(&file.source),
        place: (0, 0),
        code,
        patch: None,
        misplaced: Vec::new(),
        own: Layer::new(),
    }
}

/// The `{% snapshot %}` blocks of a file.
fn snapshots<'a>(project: &Project, package: &'a Package, file: &ProjectFile, issues: &mut Issues) -> Vec<Draft<'a>> {
    let text = &file.source.text;
    let template = match Template::parse_blocks(&file.source.path, text, &["snapshot"]) {
        Ok(template) => template,
        Err(error) => {
            let span = error.span().unwrap_or_default();
            issues.add(
                Diagnostic::error("HW0224", format!("cannot read this snapshot: {}", error.message()))
                    .at(&file.source, span.start, span.end, "")
                    .help("a snapshot stands between {% snapshot name %} and {% endsnapshot %}"),
            );
            return Vec::new();
        }
    };
    let blocks = template.blocks().into_iter().filter(|block| block.kind == BlockKind::Snapshot);
    blocks
        .map(|block| {
            let body = text.get(block.body_span.start..block.body_span.end).unwrap_or_default();
            let stem = file.inner_path.rsplit_once('.').map_or(file.inner_path.as_str(), |(stem, _)| stem);
            let mut fqn = folders(&package.name, &format!("{stem}/"));
            fqn.push(block.name.clone());
            let parts = Parts {
                kind: ResourceType::Snapshot,
                name: block.name.clone(),
                path: file.inner_path.clone(),
                original_file_path: file.path.clone(),
                fqn,
                raw_code: body.to_owned(),
                checksum: file.checksum.clone(),
            };
            Draft {
                node: blank(project, package, parts),
                package,
                file: Arc::clone(&file.source),
                place: (block.span.start, block.span.end),
                code: Some(padded(text, block.body_span.start, body).into()),
                patch: None,
                misplaced: Vec::new(),
                own: Layer::new(),
            }
        })
        .collect()
}

/// A part of a file with white space before it, so that its places are the file's.
fn padded(text: &str, start: usize, part: &str) -> String {
    let before = text.get(..start).unwrap_or_default();
    let blank = before.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    blank.chain(part.chars()).collect()
}

/// Snapshots that stand in a properties file alone, with a `relation`.
pub(super) fn snapshot_of_properties<'a>(project: &'a Project, described: &Described) -> Option<Draft<'a>> {
    let relation = described.yaml.text_of("relation")?;
    let package = project.package(&described.package)?;
    let code = format!("select * from {{{{ {relation} }}}}");
    let parts = Parts {
        kind: ResourceType::Snapshot,
        name: described.name.clone(),
        path: format!("{}/{}.sql", described.inner_path, described.name),
        original_file_path: described.path.clone(),
        fqn: described.fqn(&[&described.name]),
        checksum: checksum(described.file.text.as_bytes()),
        raw_code: code.clone(),
    };
    let place = described.yaml.get("relation").unwrap_or(&described.yaml);
    Some(Draft {
        node: blank(project, package, parts),
        package,
        file: Arc::clone(&described.file),
        place: place.place(&described.file),
        code: Some(code.into()),
        patch: None,
        misplaced: Vec::new(),
        own: Layer::new(),
    })
}

/// `on-run-start` and `on-run-end`, one node for each statement.
fn hooks<'a>(project: &Project, package: &'a Package) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    for (when, hooks) in [("on-run-start", &package.on_run_start), ("on-run-end", &package.on_run_end)] {
        for (index, hook) in hooks.iter().enumerate() {
            let name = format!("{}-{when}-{index}", package.name);
            let parts = Parts {
                kind: ResourceType::Operation,
                path: format!("hooks/{name}.sql"),
                original_file_path: format!("./{}", crate::project::PROJECT_FILE),
                fqn: vec![package.name.clone(), "hooks".to_owned(), name.clone()],
                raw_code: hook.clone(),
                checksum: checksum(package.project_file.text.as_bytes()),
                name,
            };
            let mut node = blank(project, package, parts);
            node.tags = vec![when.to_owned()];
            let file = Arc::clone(&package.project_file);
            let place = file.text.find(hook.as_str()).map_or((0, 0), |start| (start, start + hook.len()));
            let code = Some(Cow::Borrowed(hook.as_str()));
            drafts.push(Draft {
                node,
                package,
                file,
                place,
                code,
                patch: None,
                misplaced: Vec::new(),
                own: Layer::new(),
            });
        }
    }
    drafts
}

/// `dbt.ref("x")` and `dbt.source("a", "b")` with literal arguments: as much of Python as a graph needs.
fn python_calls(text: &str) -> (Vec<RefCall>, Vec<(String, String)>) {
    let pattern = regex::Regex::new(r#"dbt\.(ref|source)\(\s*["']([^"']+)["']\s*(?:,\s*["']([^"']+)["']\s*)?\)"#)
        .expect("the pattern is valid");
    let (mut refs, mut sources) = (Vec::new(), Vec::new());
    for call in pattern.captures_iter(text) {
        match (&call[1], call.get(3).map(|second| second.as_str().to_owned())) {
            ("source", Some(table)) => sources.push((call[2].to_owned(), table)),
            ("ref", Some(name)) => refs.push(RefCall { name, package: Some(call[2].to_owned()), version: None }),
            ("ref", None) => refs.push(RefCall { name: call[2].to_owned(), package: None, version: None }),
            _ => {}
        }
    }
    (refs, sources)
}
