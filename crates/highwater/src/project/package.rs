//! One `dbt_project.yml`: read, rendered, turned into a [`Package`].

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::render::Renderer;
use super::yaml::{self, Entry, Node, Yaml};
use super::{ConfigTrees, DispatchRule, Package, Paths, QueryComment, suggest};
use crate::diagnostics::{Diagnostic, SourceFile};

/// The name of the file.
pub const PROJECT_FILE: &str = "dbt_project.yml";

const KEYS: &[&str] = &[
    "name",
    "version",
    "config-version",
    "profile",
    "require-dbt-version",
    "model-paths",
    "source-paths",
    "data-paths",
    "seed-paths",
    "macro-paths",
    "test-paths",
    "analysis-paths",
    "docs-paths",
    "asset-paths",
    "function-paths",
    "target-path",
    "log-path",
    "snapshot-paths",
    "clean-targets",
    "packages-install-path",
    "quoting",
    "on-run-start",
    "on-run-end",
    "dispatch",
    "models",
    "seeds",
    "snapshots",
    "tests",
    "data_tests",
    "unit_tests",
    "metrics",
    "semantic-models",
    "saved-queries",
    "exposures",
    "functions",
    "sources",
    "analyses",
    "vars",
    "packages",
    "query-comment",
    "flags",
    "restrict-access",
    "dbt-cloud",
];

/// A `dbt_project.yml` as written.
pub(super) struct RawProject {
    pub file: Arc<SourceFile>,
    pub yaml: Yaml,
    pub warnings: Vec<Diagnostic>,
}

/// What only the project itself has a use for.
pub(super) struct Extras {
    pub query_comment: QueryComment,
    pub flags: IndexMap<String, Value>,
}

/// Reads the file of a folder; `shown` is its path for people.
pub(super) fn read(root: &Path, shown: &str) -> Result<RawProject, Diagnostic> {
    let path = root.join(PROJECT_FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Diagnostic::error("HW0101", format!("there is no {PROJECT_FILE} in {}", root.display()))
                .help("run from the folder of a project, name it with --project-dir, or start one with `hw init`")
        } else {
            Diagnostic::error("HW0107", format!("cannot read {}: {error}", path.display()))
        }
    })?;
    let file = Arc::new(SourceFile { path: shown.to_owned(), text });
    let (yaml, mut warnings) = yaml::parse(&file)?;
    if !yaml.is_map() {
        return Err(Diagnostic::error("HW0103", format!("{shown} must be a mapping, not {}", yaml.kind()))
            .help("it needs at least `name:` and `profile:`"));
    }
    for (key, entry) in yaml.entries() {
        if !KEYS.contains(&key.as_str()) {
            warnings.push(unknown_key(&file, key, entry));
        }
    }
    Ok(RawProject { file, yaml, warnings })
}

fn unknown_key(file: &Arc<SourceFile>, key: &str, entry: &Entry) -> Diagnostic {
    let warning = Diagnostic::warning("HW0106", format!("`{key}` is no key of {PROJECT_FILE} and has no effect")).at(
        file,
        entry.key_start,
        entry.key_end,
        "",
    );
    match suggest::nearest(&key.replace('_', "-"), KEYS.iter().copied()) {
        Some(near) => warning.help(format!("did you mean `{near}`?")),
        None => warning.help("remove it, or move it under `vars:` if templates read it"),
    }
}

/// Renders the file and reads what it says.
pub(super) fn build(raw: &RawProject, root: &Path, renderer: &Renderer) -> Result<(Package, Extras), Vec<Diagnostic>> {
    let yaml = renderer.tree(&raw.file, &raw.yaml, &stays_template).map_err(|error| vec![error])?;
    let written = Reader { file: &raw.file, yaml: &raw.yaml, errors: Vec::new() }.trees();
    let mut reader = Reader { file: &raw.file, yaml: &yaml, errors: Vec::new() };
    let name = reader.name();
    let paths = reader.paths();
    let package = Package {
        name,
        version: yaml.text_of("version").unwrap_or_default(),
        root: root.to_path_buf(),
        paths,
        vars: reader.mapping("vars"),
        configs: reader.trees(),
        configs_as_written: written,
        dispatch: reader.dispatch(),
        on_run_start: reader.hooks("on-run-start"),
        on_run_end: reader.hooks("on-run-end"),
        quoting: yaml.json_of("quoting"),
        files: Vec::new(),
        project_file: Arc::clone(&raw.file),
    };
    let extras = Extras { query_comment: query_comment(&yaml), flags: reader.mapping("flags") };
    if reader.errors.is_empty() { Ok((package, extras)) } else { Err(reader.errors) }
}

/// `query-comment`: a template, or `{comment, append}`; `job-label` is for an engine that we do not have.
fn query_comment(yaml: &Yaml) -> QueryComment {
    let Some(entry) = yaml.entry("query-comment") else { return QueryComment::default() };
    let text = |value: &Value| Some(value.as_str().unwrap_or_default().to_owned());
    match entry.value.json() {
        Value::Object(map) => QueryComment {
            template: map.get("comment").and_then(text),
            append: map.get("append").and_then(Value::as_bool).unwrap_or(false),
        },
        other => QueryComment { template: text(&other), append: false },
    }
}

/// Key paths whose Jinja is rendered later, when more is known.
fn stays_template(path: &[String]) -> bool {
    let Some(first) = path.first() else { return false };
    let hook = |key: &String| {
        matches!(key.trim_start_matches(['+', ' ']), "pre-hook" | "post-hook" | "pre_hook" | "post_hook")
    };
    match first.as_str() {
        "on-run-start" | "on-run-end" | "query-comment" | "vars" => true,
        "seeds" | "models" | "snapshots" | "tests" | "data_tests" => path.iter().any(hook),
        _ => false,
    }
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    yaml: &'a Yaml,
    errors: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn wrong(&mut self, value: &Yaml, title: String, help: &str) {
        self.errors.push(yaml::error_at("HW0103", self.file, value, title).help(help));
    }

    fn name(&mut self) -> String {
        let Some(value) = self.yaml.get("name") else {
            self.errors.push(
                Diagnostic::error("HW0104", format!("{} does not say `name:`", self.file.path))
                    .at(self.file, 0, 0, "")
                    .help("add `name: my_project` (letters, digits and underscores)"),
            );
            return String::new();
        };
        let name = value.scalar_text().unwrap_or_default();
        let valid = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
            && name.chars().next().is_some_and(|first| !first.is_ascii_digit());
        if !valid {
            let title = format!("`{name}` is no name for a project");
            self.errors.push(
                yaml::error_at("HW0104", self.file, value, title)
                    .help("use letters, digits and underscores, beginning with a letter"),
            );
        }
        name
    }

    fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.yaml.get(key)?;
        if value.is_map() {
            self.wrong(value, format!("`{key}` must be a list of texts, not a mapping"), "write it as [\"a\", \"b\"]");
            return None;
        }
        Some(value.one_or_many().into_iter().filter_map(Yaml::scalar_text).collect())
    }

    fn folders(&mut self, key: &str, old: Option<&str>, default: &str) -> Vec<String> {
        let found = self.texts(key).or_else(|| old.and_then(|old| self.texts(old)));
        let found = found.unwrap_or_else(|| vec![default.to_owned()]);
        found.into_iter().map(|folder| clean_folder(&folder)).collect()
    }

    fn paths(&mut self) -> Paths {
        let target = self.yaml.text_of("target-path").unwrap_or_else(|| "target".to_owned());
        let mut paths = Paths {
            model: self.folders("model-paths", Some("source-paths"), "models"),
            seed: self.folders("seed-paths", Some("data-paths"), "seeds"),
            test: self.folders("test-paths", None, "tests"),
            r#macro: self.folders("macro-paths", None, "macros"),
            snapshot: self.folders("snapshot-paths", None, "snapshots"),
            analysis: self.folders("analysis-paths", None, "analyses"),
            docs: Vec::new(),
            asset: self.texts("asset-paths").unwrap_or_default(),
            clean_targets: self.texts("clean-targets").unwrap_or_else(|| vec![target.clone()]),
            target,
            log: self.yaml.text_of("log-path").unwrap_or_else(|| "logs".to_owned()),
            packages_install: self.yaml.text_of("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned()),
        };
        paths.docs = self.texts("docs-paths").unwrap_or_else(|| paths.all_sources());
        paths
    }

    fn mapping(&mut self, key: &str) -> IndexMap<String, Value> {
        let Some(value) = self.yaml.get(key) else { return IndexMap::new() };
        if !value.is_map() {
            self.wrong(
                value,
                format!("`{key}` must be a mapping, not {}", value.kind()),
                "write it as `name: value` lines",
            );
        }
        value.json_map()
    }

    fn tree(&mut self, key: &str) -> Value {
        Value::Object(self.mapping(key).into_iter().collect())
    }

    fn trees(&mut self) -> ConfigTrees {
        let tests = if self.yaml.get("data_tests").is_some() { "data_tests" } else { "tests" };
        ConfigTrees {
            models: self.tree("models"),
            seeds: self.tree("seeds"),
            snapshots: self.tree("snapshots"),
            data_tests: self.tree(tests),
            sources: self.tree("sources"),
            exposures: self.tree("exposures"),
            metrics: self.tree("metrics"),
            semantic_models: self.tree("semantic-models"),
            saved_queries: self.tree("saved-queries"),
            analyses: self.tree("analyses"),
        }
    }

    fn hooks(&mut self, key: &str) -> Vec<String> {
        fn flatten(value: &Yaml, into: &mut Vec<String>) {
            match &value.node {
                Node::List(items) => items.iter().for_each(|item| flatten(item, into)),
                _ => into.extend(value.scalar_text().filter(|text| !text.trim().is_empty())),
            }
        }
        let Some(value) = self.yaml.get(key) else { return Vec::new() };
        if value.is_map() {
            self.wrong(
                value,
                format!("`{key}` must be a statement or a list of statements"),
                "write each one as `- \"...\"`",
            );
        }
        let mut hooks = Vec::new();
        flatten(value, &mut hooks);
        hooks
    }

    fn dispatch(&mut self) -> Vec<DispatchRule> {
        let Some(rules) = self.yaml.get("dispatch") else { return Vec::new() };
        let mut read = Vec::new();
        for rule in rules.one_or_many() {
            match rule.text_of("macro_namespace") {
                Some(macro_namespace) => {
                    read.push(DispatchRule { macro_namespace, search_order: rule.texts_of("search_order") });
                }
                None => self.wrong(
                    rule,
                    "a rule of `dispatch` must name a macro_namespace and a search_order".to_owned(),
                    "for instance: - macro_namespace: dbt_utils\n    search_order: [my_project, dbt_utils]",
                ),
            }
        }
        read
    }
}

/// A folder without `./` before and `/` behind it.
fn clean_folder(folder: &str) -> String {
    let folder = folder.replace('\\', "/");
    folder.trim_start_matches("./").trim_end_matches('/').to_owned()
}

impl Paths {
    /// All folders that properties files and docs are looked for in.
    pub fn all_sources(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let kinds = [&self.model, &self.seed, &self.snapshot, &self.analysis, &self.r#macro, &self.test];
        for folder in kinds.into_iter().flatten() {
            if !all.contains(folder) {
                all.push(folder.clone());
            }
        }
        all
    }
}
