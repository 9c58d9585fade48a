//! Properties files: what `*.yml` says about models, sources, seeds and the rest, entry by entry.

use std::sync::Arc;

use highwater_jinja::purity;
use indexmap::IndexMap;
use rayon::prelude::*;
use serde_json::{Map, Value};

use super::ColumnProperties;
use super::configure::Layer;
use super::docs::Renderers;
use super::issues::Issues;
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::project::yaml::{self, Yaml, error_at};
use crate::project::{FileKind, Package, Project, ProjectFile, render, suggest};

/// The lists a properties file may hold.
const LISTS: &[&str] = &[
    "models",
    "sources",
    "seeds",
    "snapshots",
    "macros",
    "exposures",
    "metrics",
    "semantic_models",
    "saved_queries",
    "groups",
    "analyses",
    "unit_tests",
    "data_tests",
];
/// Those whose entries are nodes and sources, or say something about them.
pub(super) const NODES: [&str; 6] = ["models", "seeds", "snapshots", "analyses", "data_tests", "sources"];
/// Keys that are accepted and not read.
const IGNORED: &[&str] = &["version", "functions", "anchors", "definitions", "catalogs"];
/// Keys of an entry that dbt also takes outside `config:`.
const LIFTED: &[&str] = &["meta", "docs", "group", "contract", "access"];

/// One entry of a list of a properties file, Jinja rendered except where it is rendered later.
#[derive(Debug, Clone)]
pub(super) struct Described {
    /// The list it stands in (`models`).
    pub list: &'static str,
    /// Its name.
    pub name: String,
    /// The entry.
    pub yaml: Yaml,
    /// Of a source, `database` and `schema` before they were rendered.
    pub place_as_written: [Option<String>; 2],
    /// The file, for places.
    pub file: Arc<SourceFile>,
    /// Path of the file relative to its package.
    pub path: String,
    /// Path of the file relative to the folder of its kind.
    pub inner_path: String,
    /// Package of the file.
    pub package: String,
}

/// Every entry of every properties file, and whether any of them depends on the moment.
pub(super) fn read(project: &Project, renderers: &Renderers, issues: &mut Issues) -> (Vec<Described>, bool) {
    let files: Vec<(&Package, &ProjectFile)> = project
        .all_packages()
        .flat_map(|package| package.files_of(FileKind::Properties).map(move |file| (package, file)))
        .collect();
    let read: Vec<(Vec<Described>, Vec<Diagnostic>, bool)> = files
        .into_par_iter()
        .map(|(package, file)| {
            let mut reader = FileReader { package, file, renderers, found: Vec::new(), issues: Vec::new() };
            let ((), impure) = purity::watch(|| reader.read());
            (reader.found, reader.issues, impure)
        })
        .collect();
    let (mut all, mut moving) = (Vec::new(), false);
    for (found, diagnostics, impure) in read {
        all.extend(found);
        issues.extend(diagnostics);
        moving |= impure;
    }
    (all, moving)
}

struct FileReader<'a> {
    package: &'a Package,
    file: &'a ProjectFile,
    renderers: &'a Renderers,
    found: Vec<Described>,
    issues: Vec<Diagnostic>,
}

impl FileReader<'_> {
    fn read(&mut self) {
        let source = &self.file.source;
        let yaml = match yaml::parse(source) {
            Ok((yaml, warnings)) => {
                self.issues.extend(warnings);
                yaml
            }
            Err(error) => return self.issues.push(error),
        };
        if yaml.is_null() {
            return;
        }
        if !yaml.is_map() {
            let title = format!("a properties file must be a mapping, not {}", yaml.kind());
            return self
                .issues
                .push(error_at("HW0103", source, &yaml, title).help("begin with `models:` or another list"));
        }
        for (key, entry) in yaml.into_entries() {
            if let Some(list) = LISTS.iter().find(|list| **list == key) {
                self.list(list, entry.value);
            } else if !IGNORED.contains(&key.as_str()) && !key.starts_with('.') {
                let warning = Diagnostic::warning("HW0106", format!("`{key}` means nothing here and has no effect"))
                    .at(source, entry.key_start, entry.key_end, "");
                let near = suggest::nearest(&key, LISTS.iter().copied());
                self.issues.push(match near {
                    Some(near) => warning.help(format!("did you mean `{near}`?")),
                    None => warning.help(format!("a properties file may hold {}", LISTS.join(", "))),
                });
            }
        }
    }

    fn list(&mut self, list: &'static str, yaml: Yaml) {
        let source = &self.file.source;
        if !matches!(yaml.node, yaml::Node::List(_)) && !yaml.is_null() {
            let title = format!("`{list}` must be a list, not {}", yaml.kind());
            return self
                .issues
                .push(error_at("HW0103", source, &yaml, title).help("begin each entry with `- name: ...`"));
        }
        // A text ends with a line end only where it is a block.
        let plain = !render::has_jinja(&source.text) && !source.text.contains(['|', '>']);
        for entry in yaml.into_items() {
            let place = ["database", "schema"].map(|key| entry.text_of(key).filter(|_| list == "sources"));
            if !entry.is_map() {
                let title = format!("an entry of `{list}` must be a mapping, not {}", entry.kind());
                self.issues.push(error_at("HW0103", source, &entry, title).help("write it as `- name: ...`"));
                continue;
            }
            if plain {
                self.entry(list, entry, place);
                continue;
            }
            match self.renderers.of(&self.package.name).tree(source, &entry, &|path| stays_template(list, path)) {
                Ok(entry) => self.entry(list, entry, place),
                Err(error) => self.issues.push(error),
            }
        }
    }

    fn entry(&mut self, list: &'static str, yaml: Yaml, place_as_written: [Option<String>; 2]) {
        let source = &self.file.source;
        let name = match name_of(&yaml, "name", source) {
            Ok(Some(name)) => name,
            Ok(None) => {
                let title = format!("an entry of `{list}` has no `name`");
                return self.issues.push(error_at("HW0103", source, &yaml, title).help("add `name:`"));
            }
            Err(problem) => return self.issues.push(problem),
        };
        for key in LIFTED {
            if let (Some(entry), Some(_)) = (yaml.entry(key), yaml.get("config").and_then(|config| config.get(key))) {
                self.issues.push(
                    Diagnostic::error("HW0103", format!("`{key}` stands both beside and inside `config:`"))
                        .at(source, entry.key_start, entry.key_end, "")
                        .help("keep the one inside `config:`"),
                );
            }
        }
        if ["models", "seeds", "snapshots"].contains(&list) {
            self.misplaced(&yaml);
        }
        self.found.push(Described {
            list,
            name,
            yaml,
            place_as_written,
            file: Arc::clone(source),
            path: self.file.path.clone(),
            inner_path: self.file.inner_path.clone(),
            package: self.package.name.clone(),
        });
    }

    /// Keys that configure, but only inside `config:`.
    fn misplaced(&mut self, yaml: &Yaml) {
        for key in ["tags", "materialized", "enabled", "schema", "unique_key", "incremental_strategy", "event_time"] {
            if let Some(entry) = yaml.entry(key) {
                self.issues.push(
                    Diagnostic::warning("HW0106", format!("`{key}` has no effect beside `config:`"))
                        .at(&self.file.source, entry.key_start, entry.key_end, "")
                        .help(format!("move it inside: config: {{{key}: ...}}")),
                );
            }
        }
    }
}

/// Key paths (below an entry) whose Jinja is rendered later: tests with their nodes, descriptions with the docs blocks.
fn stays_template(list: &str, path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let later = |key: &str| ["tests", "data_tests", "description", "loaded_at_query"].contains(&key);
    let properties = |path: &[&str]| match path {
        [key] => later(key),
        ["config", "pre_hook" | "post_hook" | "pre-hook" | "post-hook" | "loaded_at_query", ..] => true,
        ["columns", _, key, ..] => later(key),
        ["versions", _, key] => later(key),
        ["versions", _, "columns", _, key, ..] => later(key),
        _ => false,
    };
    match (list, path.as_slice()) {
        ("sources", ["tables", _, rest @ ..]) => properties(rest),
        ("sources", path) => properties(path),
        ("macros", ["arguments", _, rest @ ..]) => properties(rest),
        ("metrics", [.., "filter"] | [.., "filter", _]) => true,
        ("saved_queries", [.., "where"] | [.., "where", _]) => true,
        (_, path) => properties(path),
    }
}

impl Described {
    /// Its `config:`, with what may stand beside it put in.
    pub fn config(&self) -> Layer {
        config_of(&self.yaml)
    }

    /// An error at this entry's name.
    pub fn error(&self, code: &'static str, title: impl Into<String>) -> Diagnostic {
        error_at(code, &self.file, self.place(), title)
    }

    /// A warning at this entry's name.
    pub fn warning(&self, code: &'static str, title: impl Into<String>) -> Diagnostic {
        let place = self.place();
        Diagnostic::warning(code, title).at(&self.file, place.start, place.end, "")
    }

    /// Where its name stands.
    pub fn place(&self) -> &Yaml {
        self.yaml.get("name").unwrap_or(&self.yaml)
    }

    /// `package://path`, as nodes keep it.
    pub fn patch_path(&self) -> String {
        format!("{}://{}", self.package, self.path)
    }

    /// Package, folders of the file, then these names.
    pub fn fqn(&self, names: &[&str]) -> Vec<String> {
        let mut fqn = folders(&self.package, &self.inner_path);
        fqn.extend(names.iter().map(|name| (*name).to_owned()));
        fqn
    }
}

/// The name under a key.
///
/// # Errors
/// `HW0103` where YAML reads it as true or false, as it does `off`, `on`, `no` and `yes`.
pub(super) fn name_of(yaml: &Yaml, key: &str, file: &Arc<SourceFile>) -> Result<Option<String>, Diagnostic> {
    let Some(value) = yaml.get(key) else { return Ok(None) };
    if let yaml::Node::Scalar(Value::Bool(read)) = &value.node {
        let place = value.place(file);
        let written = file.text.get(place.0..place.1).unwrap_or_default();
        return Err(error_at("HW0103", file, value, format!("`{key}: {written}` is no name: YAML reads it as {read}"))
            .help(format!("put it in quotes: `{key}: '{written}'`")));
    }
    Ok(value.scalar_text())
}

/// Package and folders of a path.
pub(super) fn folders(package: &str, inner_path: &str) -> Vec<String> {
    let mut parts: Vec<String> = std::iter::once(package).chain(inner_path.split('/')).map(str::to_owned).collect();
    parts.pop();
    parts
}

/// The `config:` of an entry, with what may stand beside it put in.
pub(super) fn config_of(yaml: &Yaml) -> Layer {
    let mut layer = yaml.get("config").map(Yaml::json_map).unwrap_or_default();
    for key in LIFTED {
        if let Some(value) = yaml.get(key) {
            layer.insert((*key).to_owned(), value.json());
        }
    }
    layer
}

/// The tests of an entry or a column, under either name.
pub(super) fn tests_of(yaml: &Yaml) -> &[Yaml] {
    yaml.get("data_tests").or_else(|| yaml.get("tests")).map(Yaml::items).unwrap_or_default()
}

/// `meta` beside and inside `config:`.
pub(super) fn meta_of(yaml: &Yaml) -> IndexMap<String, Value> {
    let mut meta = yaml.get("meta").map(Yaml::json_map).unwrap_or_default();
    meta.extend(yaml.get("config").and_then(|config| config.get("meta")).map(Yaml::json_map).unwrap_or_default());
    meta
}

/// `tags` beside and inside `config:`.
pub(super) fn tags_of(yaml: &Yaml) -> Vec<String> {
    let mut tags = yaml.texts_of("tags");
    tags.extend(yaml.get("config").map(|config| config.texts_of("tags")).unwrap_or_default());
    tags
}

/// What a column is described by; whatever else it says is kept as it is, as in dbt.
const COLUMN: [&str; 11] = [
    "name",
    "description",
    "data_type",
    "meta",
    "tags",
    "quote",
    "constraints",
    "granularity",
    "config",
    "tests",
    "data_tests",
];

fn json_entry((key, entry): (&String, &yaml::Entry)) -> (String, Value) {
    (key.clone(), entry.value.json())
}

/// Columns by name, descriptions rendered.
pub(super) fn columns(
    described: &Described,
    columns: &[&Yaml],
    renderers: &Renderers,
    issues: &mut Issues,
) -> IndexMap<String, ColumnProperties> {
    let mut read = IndexMap::new();
    for column in columns {
        let Some(name) = column.text_of("name") else {
            issues.add(
                error_at("HW0103", &described.file, column, "a column has no `name`").help("write it as `- name: ...`"),
            );
            continue;
        };
        let properties = ColumnProperties {
            name: name.clone(),
            description: renderers.description(&described.package, &described.file, column, issues),
            doc_blocks: renderers.doc_blocks(&described.package, column),
            data_type: column.text_of("data_type"),
            meta: meta_of(column),
            tags: tags_of(column),
            quote: column.get("quote").and_then(|quote| quote.json().as_bool()),
            constraints: column.json_of("constraints").as_array().cloned().unwrap_or_default(),
            granularity: column.text_of("granularity"),
            others: column.entries().filter(|(key, _)| !COLUMN.contains(&key.as_str())).map(json_entry).collect(),
        };
        read.insert(name, properties);
    }
    read
}

/// One mapping over another, mappings inside them too; of two lists the upper one comes first.
pub(super) fn merge_deep(under: &Value, over: &Value) -> Value {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            let mut merged: Map<String, Value> = under.clone();
            for (key, value) in over {
                let value = merged.get(key).map_or_else(|| value.clone(), |before| merge_deep(before, value));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(under), Value::Array(over)) => Value::Array(over.iter().chain(under).cloned().collect()),
        _ => over.clone(),
    }
}
