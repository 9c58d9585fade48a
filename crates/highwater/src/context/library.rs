//! Every macro of every package, and our own, found by name.

use std::collections::HashMap;
use std::sync::Arc;

use highwater_jinja::{Error, MacroDef, MacroKind, Template};
use indexmap::IndexMap;
use rayon::prelude::*;

use super::NameKind;
use super::dispatch::search_order;
use super::fault::{Fault, OWN_FOLDER, Place, diagnostic, label};
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::macros;
use crate::manifest::MacroNode;
use crate::project::{FileKind, Package, Project, suggest};

/// The package that `dbt.x()` names: our own macros.
const INTERNAL: &str = "dbt";
/// Engines that have macros of their own: names begin with the word and two underscores, the package is `dbt_` and the word.
const ENGINES: [&str; 2] = ["duckdb", "postgres"];

/// What counts in a file of macros; nothing else in it is looked at.
const BLOCKS: [&str; 4] = ["macro", "materialization", "test", "data_test"];

/// A macro and where it belongs.
#[derive(Debug, Clone)]
pub(crate) struct MacroEntry {
    pub(crate) unique_id: String,
    pub(crate) package: String,
    pub(crate) definition: Arc<MacroDef>,
}

/// Every macro of the project, of its packages and of Highwater itself, parsed once and shared by all threads.
#[derive(Debug)]
pub struct Macros {
    /// The project without its files: what templates see of it.
    project: Arc<Project>,
    packages: IndexMap<String, IndexMap<String, MacroEntry>>,
    nodes: IndexMap<String, MacroNode>,
    files: HashMap<String, Arc<SourceFile>>,
    /// The kinds of names that no macro but ours has a say in.
    own_names: Vec<NameKind>,
}

impl Macros {
    /// The macros as nodes of the manifest, by unique id.
    pub fn nodes(&self) -> IndexMap<String, MacroNode> {
        self.nodes.clone()
    }

    /// Finds the macro of a generic test (`unique`), as code of `package` sees it; `namespace` is what the properties put
    /// before the dot.
    pub fn generic_test(&self, package: &str, namespace: Option<&str>, name: &str) -> Option<&MacroNode> {
        let name = format!("test_{name}");
        let entry = match namespace {
            Some(namespace) => self.find(namespace, &name),
            None => self.resolve(package, &name),
        };
        self.nodes.get(&entry?.unique_id)
    }

    /// The macro of a materialization written in Jinja, by the project, a package or us: those for the project's engine
    /// before those for any, the project's before a package's, ours last.
    pub fn materialization(&self, name: &str) -> Option<&MacroNode> {
        let adapter = self.project.target.adapter.as_str();
        let packages = || std::iter::once(&self.project.main).chain(&self.project.packages);
        let found = [adapter, "default"].iter().find_map(|adapter| {
            let name = format!("materialization_{name}_{adapter}");
            packages().find_map(|package| self.find(&package.name, &name)).or_else(|| self.find(INTERNAL, &name))
        });
        self.nodes.get(&found?.unique_id)
    }

    /// Unique ids of the macros that a macro calls by name, in any branch.
    pub fn calls_of(&self, unique_id: &str) -> Vec<String> {
        let Some(node) = self.nodes.get(unique_id) else { return Vec::new() };
        let Some(entry) = self.find(&node.package_name, &node.name) else { return Vec::new() };
        let mut ids: Vec<String> = Vec::new();
        for call in entry.definition.static_calls() {
            let literal = |index: usize| call.positional.get(index).cloned().flatten();
            let names: Vec<&str> = call.name.iter().map(String::as_str).collect();
            let keyword = |name: &str| call.keyword.iter().find(|(key, _)| key == name)?.1.clone();
            match (names.as_slice(), literal(0).or_else(|| keyword("macro_name"))) {
                (["adapter", "dispatch"], Some(name)) => {
                    let (name, namespace) = (
                        name.as_str().unwrap_or_default().to_owned(),
                        literal(1).or_else(|| keyword("macro_namespace")),
                    );
                    let named = self.resolve(&node.package_name, &name).filter(|_| name != node.name);
                    let namespace = namespace.as_ref().and_then(|namespace| namespace.as_str());
                    let packages = [node.package_name.as_str(), self.project.name.as_str()];
                    let found = self.dispatched(&search_order(self, &packages, namespace), &name);
                    ids.extend([named, found].into_iter().flatten().map(|entry| entry.unique_id.clone()));
                }
                ([name], _) => ids.extend(self.resolve(&node.package_name, name).map(|entry| entry.unique_id.clone())),
                ([package, name], _) => ids.extend(self.find(package, name).map(|entry| entry.unique_id.clone())),
                _ => {}
            }
        }
        let mut seen: Vec<String> = Vec::new();
        ids.retain(|id| {
            !seen.contains(id) && {
                seen.push(id.clone());
                true
            }
        });
        ids
    }

    /// What dispatching comes to: the first macro of the name for the engine, or for any, in packages that count as one, and in
    /// those after them.
    pub(crate) fn dispatched(&self, steps: &[Vec<String>], name: &str) -> Option<&MacroEntry> {
        let candidates = [self.project.target.adapter.as_str(), "default"].map(|prefix| format!("{prefix}__{name}"));
        steps.iter().find_map(|packages| {
            candidates.iter().find_map(|name| packages.iter().find_map(|package| self.find(package, name)))
        })
    }

    /// Whether our own macro answers for this kind of name.
    pub(crate) fn names_plainly(&self, which: NameKind) -> bool {
        self.own_names.contains(&which)
    }

    /// Whether this macro of ours is the one that runs wherever it is called: neither the project nor a package has one of
    /// this name, or one that dispatching could prefer.
    fn is_ours_alone(&self, name: &str) -> bool {
        let same =
            |known: &str| known.strip_suffix(name).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with("__"));
        let foreign = self
            .packages
            .iter()
            .filter(|(package, _)| ![INTERNAL, self.engine_package().as_str()].contains(&package.as_str()));
        foreign.flat_map(|(_, macros)| macros.keys()).all(|known| !same(known))
    }

    /// The package of our own macros for the project's engine.
    fn engine_package(&self) -> String {
        format!("{INTERNAL}_{}", self.project.target.adapter)
    }

    pub(crate) fn project(&self) -> &Arc<Project> {
        &self.project
    }

    /// The macro of one package; `dbt` has ours for the engine too.
    pub(crate) fn find(&self, package: &str, name: &str) -> Option<&MacroEntry> {
        let of = |package: &str| self.packages.get(package)?.get(name);
        if package == INTERNAL { of(&self.engine_package()).or_else(|| of(INTERNAL)) } else { of(package) }
    }

    /// The macro that code of a package means by an unqualified name: its own, the project's, ours.
    pub(crate) fn resolve(&self, package: &str, name: &str) -> Option<&MacroEntry> {
        [package, &self.project.name, INTERNAL].into_iter().find_map(|package| self.find(package, name))
    }

    pub(crate) fn has_package(&self, name: &str) -> bool {
        self.packages.contains_key(name)
    }

    pub(crate) fn names_of(&self, package: &str) -> Vec<String> {
        self.packages.get(package).map(|macros| macros.keys().cloned().collect()).unwrap_or_default()
    }

    /// The error for `package.name(...)` when the package has no such macro.
    pub(crate) fn unknown_macro(&self, package: &str, name: &str) -> Error {
        let known = self.names_of(package);
        let fault = Fault::new("HW0310", format!("package '{package}' has no macro '{name}'"));
        match suggest::nearest(name, known.iter().map(String::as_str)) {
            Some(near) => fault.help(format!("did you mean {near}?")).into(),
            None => fault.into(),
        }
    }

    /// The macro that code of a package could have meant by an unknown name.
    pub(crate) fn nearest(&self, package: &str, name: &str) -> Option<String> {
        let packages = [package, &self.project.name, INTERNAL, &self.engine_package()];
        let names: Vec<String> = packages.iter().flat_map(|package| self.names_of(package)).collect();
        suggest::nearest(name, names.iter().map(String::as_str)).map(ToOwned::to_owned)
    }

    /// The file of a template that holds macros.
    pub(crate) fn place(&self, template: &str) -> Option<Place> {
        self.files.get(template).map(|file| Place { file: Arc::clone(file), shift: 0 })
    }
}

/// A file that may hold macros.
struct Candidate {
    /// `None` for our own: the prefix of each macro decides.
    package: Option<String>,
    path: String,
    source: Arc<SourceFile>,
}

/// Parses every macro file of the project and its packages, and our own.
///
/// # Errors
/// All files that do not parse, with the place; two macros of one name in one package.
pub fn load_macros(project: &Project) -> Result<Arc<Macros>, Vec<Diagnostic>> {
    let candidates: Vec<Candidate> = own_files().chain(project.all_packages().flat_map(package_files)).collect();
    let parsed: Vec<Result<Template, Diagnostic>> = candidates
        .par_iter()
        .map(|candidate| {
            let file = &candidate.source;
            Template::parse_blocks(&file.path, &file.text, &BLOCKS)
                .map_err(|error| diagnostic(&error, &file.path, |_| Some(Place { file: Arc::clone(file), shift: 0 })))
        })
        .collect();
    let mut macros = Macros {
        project: Arc::new(without_files(project)),
        packages: project.all_packages().map(|package| (package.name.clone(), IndexMap::new())).collect(),
        nodes: IndexMap::new(),
        files: HashMap::new(),
        own_names: Vec::new(),
    };
    let mut problems = Vec::new();
    for (candidate, template) in candidates.iter().zip(parsed) {
        match template {
            Ok(template) => problems.extend(add_file(&mut macros, candidate, &template)),
            Err(problem) => problems.push(problem),
        }
    }
    macros.own_names = NameKind::ALL.into_iter().filter(|which| macros.is_ours_alone(which.macro_name())).collect();
    let ids: Vec<&String> = macros.nodes.keys().collect();
    let calls: Vec<Vec<String>> = ids.into_par_iter().map(|id| macros.calls_of(id)).collect();
    for (node, calls) in macros.nodes.values_mut().zip(calls) {
        node.calls = calls;
    }
    if problems.is_empty() { Ok(Arc::new(macros)) } else { Err(problems) }
}

fn own_files() -> impl Iterator<Item = Candidate> {
    macros::FILES.iter().map(|(name, text)| {
        let path = format!("macros/{name}");
        let source = Arc::new(SourceFile { path: format!("{OWN_FOLDER}{name}"), text: (*text).to_owned() });
        Candidate { package: None, path, source }
    })
}

fn package_files(package: &Package) -> impl Iterator<Item = Candidate> {
    let files = package.files.iter().filter(|file| matches!(file.kind, FileKind::Macro | FileKind::GenericTest));
    files.map(|file| Candidate {
        package: Some(package.name.clone()),
        path: file.path.clone(),
        source: Arc::clone(&file.source),
    })
}

/// Templates see settings, not files.
fn without_files(project: &Project) -> Project {
    let mut project = project.clone();
    project.main.files.clear();
    for package in &mut project.packages {
        package.files.clear();
    }
    project
}

/// Adds the macros of a file; what is wrong with them comes back.
fn add_file(macros: &mut Macros, candidate: &Candidate, template: &Template) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    macros.files.insert(template.name().to_owned(), Arc::clone(&candidate.source));
    for definition in template.macros() {
        let engine = definition.name.split_once("__").map(|(engine, _)| engine).filter(|word| ENGINES.contains(word));
        let package = match (&candidate.package, engine) {
            (Some(package), _) => package.clone(),
            (None, None) => INTERNAL.to_owned(),
            (None, Some(engine)) if engine == macros.project.target.adapter => macros.engine_package(),
            // For an engine that this project does not use.
            (None, Some(_)) => continue,
        };
        let unique_id = format!("macro.{package}.{}", definition.name);
        if let Some(first) = macros.nodes.get(&unique_id) {
            let place = Place { file: Arc::clone(&candidate.source), shift: 0 };
            let problem =
                Diagnostic::error("HW0312", format!("two macros of package {package} are called {}", definition.name))
                    .note(format!("the first is in {}", first.original_file_path))
                    .help("rename one of them");
            problems.push(label(problem, &place, definition.span, "the second"));
            continue;
        }
        macros.nodes.insert(unique_id.clone(), macro_node(&unique_id, &package, candidate, definition));
        let entry = MacroEntry { unique_id, package: package.clone(), definition: Arc::clone(definition) };
        macros.packages.entry(package).or_default().insert(definition.name.clone(), entry);
    }
    problems
}

/// The text of a macro as dbt writes it into its manifest: with the white space that its first and last tag strip, unless the tag
/// before has stripped it.
fn with_stripped_space<'a>(text: &'a str, definition: &MacroDef) -> &'a str {
    let (start, end) = (definition.span.start, definition.span.end);
    let (Some(before), Some(own), Some(after)) = (text.get(..start), text.get(start..end), text.get(end..)) else {
        return "";
    };
    let trimmed = before.trim_end();
    // dbt reads files without the space around them.
    let is_first = trimmed.is_empty();
    let start = if own.starts_with("{%-") && !is_first && !trimmed.ends_with("-%}") { trimmed.len() } else { start };
    let behind = after.trim_start();
    let end = if own.ends_with("-%}") && !behind.is_empty() { text.len() - behind.len() } else { end };
    &text[start..end]
}

fn macro_node(id: &str, package: &str, candidate: &Candidate, definition: &MacroDef) -> MacroNode {
    MacroNode {
        unique_id: id.to_owned(),
        name: definition.name.clone(),
        package_name: package.to_owned(),
        original_file_path: candidate.path.clone(),
        macro_sql: with_stripped_space(&candidate.source.text, definition).to_owned(),
        description: String::new(),
        arguments: definition.arguments.clone(),
        described: Vec::new(),
        calls: Vec::new(),
        patch_path: None,
        supported_languages: match &definition.kind {
            MacroKind::Materialization { supported_languages, .. } => Some(supported_languages.clone()),
            _ => None,
        },
    }
}
