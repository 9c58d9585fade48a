//! Generic tests: from `- unique` under a column to a node, with the names and ids that dbt would give it.
//!
//! A test's name is made of the test, what it tests and its arguments; names of 64 characters and more get an alias of
//! 30 characters and an MD5. Its unique id ends in ten digits of an MD5 over name and arguments in Python's notation.

use std::sync::Arc;

use indexmap::IndexMap;
use md5::{Digest, Md5};
use serde_json::{Map, Value};

use super::configure::Layer;
use super::docs::Renderers;
use super::draft::{Draft, Parts, blank};
use super::issues::Issues;
use super::properties::folders;
use super::python::{literal, text};
use super::{Node, RefCall, ResourceType, TestMetadata};
use crate::context::Macros;
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::quote_identifier;
use crate::project::yaml::{Yaml, error_at};
use crate::project::{Package, Project, suggest};

/// Keys of a test's entry that configure it, wherever they stand.
const CONFIG_KEYS: &[&str] = &[
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "database",
    "schema",
    "alias",
];

/// What a test is attached to.
pub(super) enum Tested<'a> {
    /// A model, seed or snapshot.
    Node { unique_id: &'a str, name: &'a str, version: Option<&'a str> },
    /// A table of a source.
    Source { source: &'a str, table: &'a str },
}

impl Tested<'_> {
    /// The `model` argument: what the test's macro selects from.
    fn model_argument(&self) -> String {
        let target = match self {
            Self::Node { name, version: Some(version), .. } => format!("ref('{name}', version='{version}')"),
            Self::Node { name, version: None, .. } => format!("ref('{name}')"),
            Self::Source { source, table } => format!("source('{source}', '{table}')"),
        };
        format!("{{{{ get_where_subquery({target}) }}}}")
    }

    /// Makes a node refer to it.
    fn note_in(&self, node: &mut Node) {
        match self {
            Self::Node { name, version, .. } => {
                let version = version.map(str::to_owned);
                node.refs.push(RefCall { name: (*name).to_owned(), package: None, version });
            }
            Self::Source { source, table } => node.sources.push(((*source).to_owned(), (*table).to_owned())),
        }
    }
}

/// Where a test stands, and on what.
pub(super) struct Site<'a, 'p> {
    pub package: &'p Package,
    pub file: &'a Arc<SourceFile>,
    pub path: &'a str,
    pub tested: Tested<'a>,
    /// The column, when the test is on one.
    pub column: Option<&'a Yaml>,
    /// Tags that come from what is tested.
    pub tags: Vec<String>,
}

/// What every test needs to be made.
pub(super) struct Workshop<'a> {
    pub project: &'a Project,
    pub macros: &'a Macros,
    pub renderers: &'a Renderers,
}

impl Workshop<'_> {
    /// The node of one entry of a list of tests.
    ///
    /// A test that does not exist is warned of (`HW0205`): as in dbt it fails when it runs, and nothing else does.
    ///
    /// # Errors
    /// `HW0206` for an entry that is none.
    pub fn make<'p>(&self, site: &Site<'_, 'p>, entry: &Yaml, issues: &mut Issues) -> Option<Draft<'p>> {
        let made = self.try_make(site, entry, issues);
        issues.keep(made)
    }

    fn try_make<'p>(&self, site: &Site<'_, 'p>, entry: &Yaml, issues: &mut Issues) -> Result<Draft<'p>, Diagnostic> {
        let written = Written::read(site, entry)?;
        let defined = self.macros.generic_test(&site.package.name, written.namespace.as_deref(), &written.name);
        if defined.is_none() {
            issues.add(self.unknown(site, entry, &written));
        }
        let named = Named::new(&site.tested, &written);
        let mut config = self.render_config(site, entry, &written)?;
        if named.short != named.full && !config.contains_key("alias") {
            config.insert("alias".to_owned(), named.short.clone().into());
        }
        let mut node = self.node(site, &written, &named, &config);
        node.depends_on.macros.extend(defined.map(|found| found.unique_id.clone()));
        // The two commonest tests, ours: what they read is known without reading them.
        let built_in = defined.is_some_and(|found| self.project.package(&found.package_name).is_none());
        let plain = built_in && ["unique", "not_null"].contains(&written.name.as_str());
        if plain {
            site.tested.note_in(&mut node);
        }
        Ok(Draft {
            code: (!plain).then(|| node.raw_code.clone().into()),
            node,
            package: site.package,
            file: Arc::clone(site.file),
            place: entry.place(site.file),
            patch: None,
            misplaced: Vec::new(),
            own: config,
        })
    }

    fn node(&self, site: &Site<'_, '_>, written: &Written, named: &Named, config: &Layer) -> Box<Node> {
        let mut kwargs = written.arguments.clone();
        kwargs.insert("model".to_owned(), site.tested.model_argument().into());
        let metadata = TestMetadata { name: written.name.clone(), kwargs, namespace: written.namespace.clone() };
        let folder = site.path.split_once('/').map_or(site.path, |(_, rest)| rest);
        let mut fqn = folders(&site.package.name, folder);
        fqn.push(named.full.clone());
        let parts = Parts {
            kind: ResourceType::Test,
            name: named.full.clone(),
            path: format!("{}.sql", named.short),
            original_file_path: site.path.to_owned(),
            fqn,
            raw_code: raw_code(&metadata, config),
            checksum: String::new(),
        };
        let mut node = blank(self.project, site.package, parts);
        node.unique_id = format!("test.{}.{}.{}", site.package.name, named.full, hash(&named.full, &metadata));
        if site.column.is_some() {
            node.column_name = metadata.kwargs.get("column_name").and_then(Value::as_str).map(str::to_owned);
        }
        node.description = written.description.clone();
        node.tags.clone_from(&site.tags);
        node.tags.extend(config.get("tags").map(texts_of).unwrap_or_default());
        node.tags.sort();
        node.tags.dedup();
        node.checksum.name = "none".to_owned();
        if let Tested::Node { unique_id, .. } = site.tested {
            node.attached_node = Some(unique_id.to_owned());
        }
        node.test_metadata = Some(metadata);
        node
    }

    fn render_config(&self, site: &Site<'_, '_>, entry: &Yaml, written: &Written) -> Result<Layer, Diagnostic> {
        let renderer = self.renderers.of(&site.package.name);
        let mut config = Layer::new();
        for (key, value) in &written.config {
            let value = match value {
                Value::String(text) => renderer.value(&site.file.path, text).map_err(|error| {
                    error_at(
                        "HW0105",
                        site.file,
                        entry,
                        format!("cannot render `{key}` of this test: {}", error.message()),
                    )
                    .help("in the configuration of a test only env_var(), var() and target are known")
                })?,
                other => other.clone(),
            };
            config.insert(key.clone(), value);
        }
        Ok(config)
    }

    fn unknown(&self, site: &Site<'_, '_>, entry: &Yaml, written: &Written) -> Diagnostic {
        let full = match &written.namespace {
            Some(namespace) => format!("{namespace}.{}", written.name),
            None => written.name.clone(),
        };
        let title = format!("there is no generic test `{full}`: it will fail when it runs");
        let error = error_at("HW0205", site.file, written.place(entry), title).as_warning();
        if let Some(namespace) =
            written.namespace.as_deref().filter(|namespace| self.project.package(namespace).is_none())
        {
            return error
                .help(format!("the package `{namespace}` is not installed: add it to packages.yml and run `hw deps`"));
        }
        let nodes = self.macros.nodes();
        let names = nodes.values().filter_map(|node| node.name.strip_prefix("test_"));
        match suggest::nearest(&written.name, names) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => {
                error.help(format!("define it: {{% test {}(model, column_name) %}} in tests/generic/", written.name))
            }
        }
    }
}

/// An entry taken apart.
struct Written {
    namespace: Option<String>,
    name: String,
    arguments: IndexMap<String, Value>,
    config: IndexMap<String, Value>,
    custom_name: Option<String>,
    description: String,
}

impl Written {
    fn read(site: &Site<'_, '_>, entry: &Yaml) -> Result<Self, Diagnostic> {
        let malformed = |title: String| {
            error_at("HW0206", site.file, entry, title)
                .help("write a test as `- unique`, or as `- accepted_values: {arguments: {values: [a, b]}}`")
        };
        let empty = Yaml::null();
        let (full_name, given) = match (entry.text(), entry.get("test_name")) {
            (Some(name), _) => (name.to_owned(), &empty),
            (None, Some(name)) => (name.scalar_text().unwrap_or_default(), entry),
            (None, None) => {
                let mut entries = entry.entries();
                let first = entries.next().ok_or_else(|| malformed(format!("a test cannot be {}", entry.kind())))?;
                if let Some((second, _)) = entries.next() {
                    let title =
                        format!("a test is one name with its arguments below it, not `{}` and `{second}`", first.0);
                    return Err(malformed(title).note("if they are arguments, indent them one step further"));
                }
                (first.0.clone(), &first.1.value)
            }
        };
        if !given.is_map() && !given.is_null() {
            return Err(malformed(format!("the arguments of `{full_name}` must be a mapping, not {}", given.kind())));
        }
        let (namespace, name) = match full_name.split_once('.') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, full_name),
        };
        let mut rest = given.json_map();
        rest.shift_remove("test_name");
        if rest.contains_key("model") {
            return Err(malformed("a test cannot have an argument `model`".to_owned()));
        }
        let mut written = Self {
            namespace,
            name,
            arguments: IndexMap::new(),
            config: IndexMap::new(),
            custom_name: rest.shift_remove("name").and_then(|name| name.as_str().map(str::to_owned)),
            description: rest
                .shift_remove("description")
                .and_then(|text| text.as_str().map(str::to_owned))
                .unwrap_or_default(),
        };
        let object = |value: Option<Value>| value.and_then(|value| value.as_object().cloned()).unwrap_or_default();
        let (beside, mut arguments) = (rest.shift_remove("config"), object(rest.shift_remove("arguments")));
        // Some write `config:` or `where:` below `arguments:`; to dbt it is configuration there, too.
        let inner = object(arguments.shift_remove("config").or(beside));
        for key in CONFIG_KEYS {
            let outer = [arguments.shift_remove(*key), rest.shift_remove(*key)].into_iter().flatten();
            let outer = outer.into_iter().find(|value| !value.is_null());
            let within = inner.get(*key).filter(|value| !value.is_null());
            if outer.is_some() && within.is_some() {
                return Err(malformed(format!("`{key}` stands both beside and inside `config:`")));
            }
            if let Some(value) = outer.or_else(|| within.cloned()) {
                written.config.insert((*key).to_owned(), value);
            }
        }
        written.config.extend(inner.into_iter().filter(|(key, _)| !CONFIG_KEYS.contains(&key.as_str())));
        written.arguments.extend(rest);
        if let Some(column) = site.column {
            let name = column.text_of("name").unwrap_or_default();
            let quoted = column.get("quote").is_some_and(|quote| quote.json() == Value::Bool(true));
            let name = if quoted { quote_identifier(&name) } else { name };
            written.arguments.insert("column_name".to_owned(), name.into());
        }
        written.arguments.extend(arguments);
        Ok(written)
    }

    /// Where the name stands.
    fn place<'y>(&self, entry: &'y Yaml) -> &'y Yaml {
        entry.get("test_name").unwrap_or(entry)
    }
}

/// The names of a test.
struct Named {
    short: String,
    full: String,
}

impl Named {
    fn new(tested: &Tested<'_>, written: &Written) -> Self {
        if let Some(name) = &written.custom_name {
            return Self { short: name.clone(), full: name.clone() };
        }
        let (kind, target) = match tested {
            Tested::Node { name, version: Some(version), .. } => (written.name.clone(), format!("{name}_v{version}")),
            Tested::Node { name, version: None, .. } => (written.name.clone(), (*name).to_owned()),
            Tested::Source { source, table } => (format!("source_{}", written.name), format!("{source}_{table}")),
        };
        let kind = match &written.namespace {
            Some(namespace) => format!("{namespace}_{kind}"),
            None => kind,
        };
        let identifier = format!("{kind}_{target}");
        let full = format!("{identifier}_{}", flat_arguments(&written.arguments));
        let short = if full.chars().count() >= 64 {
            let head: String = identifier.chars().take(30).collect();
            format!("{head}_{}", md5_hex(&full))
        } else {
            full.clone()
        };
        Self { short, full }
    }
}

/// All arguments in the order of their names, what is no letter or digit as `_`.
fn flat_arguments(arguments: &IndexMap<String, Value>) -> String {
    let mut names: Vec<&String> = arguments.keys().collect();
    names.sort();
    let mut parts = Vec::new();
    for name in names {
        match &arguments[name] {
            Value::Array(items) => parts.extend(items.iter().map(text)),
            Value::Object(entries) => parts.extend(entries.values().map(text)),
            other => parts.push(text(other)),
        }
    }
    parts.iter().map(|part| cleaned(part)).collect::<Vec<_>>().join("__")
}

/// Every run of other characters than letters, digits and `_` becomes one `_`.
fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        let plain = letter.is_ascii_alphanumeric() || letter == '_';
        if plain {
            clean.push(letter);
        } else if !inside {
            clean.push('_');
        }
        inside = !plain;
    }
    clean
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ten digits at the end of a test's unique id.
fn hash(name: &str, metadata: &TestMetadata) -> String {
    let mut fields: Vec<(String, Value)> = metadata.kwargs.clone().into_iter().collect();
    fields.sort_by(|left, right| left.0.cmp(&right.0));
    let kwargs: Map<String, Value> = fields.into_iter().map(|(key, value)| (key, texts(&value))).collect();
    let namespace = metadata.namespace.clone().unwrap_or_else(|| "None".to_owned());
    let mut all = Map::new();
    all.insert("kwargs".to_owned(), Value::Object(kwargs));
    all.insert("name".to_owned(), metadata.name.clone().into());
    all.insert("namespace".to_owned(), namespace.into());
    let digest = md5_hex(&format!("{name}{}", literal(&Value::Object(all))));
    digest[digest.len() - 10..].to_owned()
}

/// One text, or a list of them.
fn texts_of(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The value with keys sorted and everything that is no list or mapping as text.
fn texts(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(texts).collect()),
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|left, right| left.0.cmp(right.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), texts(value))).collect())
        }
        other => Value::String(text(other)),
    }
}

/// The template of a generic test: the call of its macro, then its configuration.
fn raw_code(metadata: &TestMetadata, config: &Layer) -> String {
    let namespace = metadata.namespace.as_ref().map(|namespace| format!("{namespace}.")).unwrap_or_default();
    let call = format!("{{{{ {namespace}test_{}(**_dbt_generic_test_kwargs) }}}}", metadata.name);
    let config: Vec<String> = config
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
            other => format!("{key}={}", literal(other)),
        })
        .collect();
    if config.is_empty() { call } else { format!("{call}{{{{ config({}) }}}}", config.join(",")) }
}
