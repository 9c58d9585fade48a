//! Jinja in the values of YAML files: `env_var`, `var`, `target`, and in descriptions `doc`.
//!
//! Macros, `ref` and the like do not exist here, as in dbt: what a YAML file says must be known before the graph is.

use std::sync::Arc;

use highwater_jinja::{
    Arguments, Error, ErrorKind, Lookup, Options, Template, from_json, function, render_native, to_json,
};
use indexmap::IndexMap;
use serde_json::Value;

use super::yaml::{Entry, Node, Yaml};
use crate::diagnostics::{Diagnostic, SourceFile};

/// Finds a variable by name.
pub type VarLookup = Arc<dyn Fn(&str) -> Option<Value> + Send + Sync>;
/// Finds the text of a docs block: `(package, name)`.
pub type DocLookup = Arc<dyn Fn(Option<&str>, &str) -> Option<String> + Send + Sync>;

/// Renders values with what is known so far.
#[derive(Clone)]
pub struct Renderer {
    context: Arc<dyn Lookup>,
}

impl Renderer {
    /// `vars` answers `var()`, `target` is the value of `target` (absent before the profile is read), `docs` answers `doc()`.
    pub fn new(vars: VarLookup, target: Option<Value>, docs: Option<DocLookup>) -> Self {
        let context = move |name: &str| match name {
            "env_var" => Some(function("env_var", env_var)),
            "var" => {
                let vars = Arc::clone(&vars);
                Some(function("var", move |arguments| var(arguments, &vars)))
            }
            "target" => target.as_ref().map(from_json),
            "doc" => {
                let docs = docs.clone()?;
                Some(function("doc", move |arguments| doc(arguments, &docs)))
            }
            _ => None,
        };
        Self { context: Arc::new(context) }
    }

    /// A renderer that knows the command line's variables only: for `profiles.yml` and the name of the profile.
    pub fn with_vars(vars: &IndexMap<String, Value>, target: Option<Value>) -> Self {
        let vars = vars.clone();
        Self::new(Arc::new(move |name| vars.get(name).cloned()), target, None)
    }

    /// A text as a value: exactly one `{{ expression }}` keeps its type, everything else is text. As of every template, a line end behind
    /// the text does not count: block scalars of YAML have one.
    ///
    /// # Errors
    /// Whatever the template raises.
    pub fn value(&self, name: &str, text: &str) -> Result<Value, Error> {
        if !has_jinja(text) {
            return Ok(Value::String(text.strip_suffix('\n').unwrap_or(text).to_owned()));
        }
        let template = Template::parse(name, text)?;
        to_json(&render_native(&template, &self.context, &Options::default())?)
    }

    /// A tree with all its texts rendered, except below the key paths for which `skip` says so.
    ///
    /// # Errors
    /// `HW0105` at the value that could not be rendered.
    pub fn tree(
        &self,
        file: &Arc<SourceFile>,
        yaml: &Yaml,
        skip: &dyn Fn(&[String]) -> bool,
    ) -> Result<Yaml, Diagnostic> {
        self.walk(file, yaml, skip, &mut Vec::new())
    }

    fn walk(
        &self,
        file: &Arc<SourceFile>,
        yaml: &Yaml,
        skip: &dyn Fn(&[String]) -> bool,
        path: &mut Vec<String>,
    ) -> Result<Yaml, Diagnostic> {
        if skip(path) {
            return Ok(yaml.clone());
        }
        let node = match &yaml.node {
            Node::Scalar(Value::String(text)) if is_template(text) => {
                let value = self.value(&file.path, text).map_err(|error| {
                    let title = format!("cannot render `{}`: {}", one_line(text), error.message());
                    super::yaml::error_at("HW0105", file, yaml, title).help(remedy(error.message()))
                })?;
                return Ok(spread(value, yaml.start, yaml.end));
            }
            Node::Scalar(value) => Node::Scalar(value.clone()),
            Node::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    list.push(self.walk(file, item, skip, path)?);
                    path.pop();
                }
                Node::List(list)
            }
            Node::Map(entries) => {
                let mut map = IndexMap::with_capacity(entries.len());
                for (key, entry) in entries {
                    path.push(key.clone());
                    let value = self.walk(file, &entry.value, skip, path)?;
                    path.pop();
                    map.insert(key.clone(), Entry { value, ..entry.clone() });
                }
                Node::Map(map)
            }
        };
        Ok(Yaml { node, start: yaml.start, end: yaml.end })
    }
}

/// Whether a text holds any Jinja.
pub fn has_jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Whether rendering a text makes another one of it.
pub fn is_template(text: &str) -> bool {
    has_jinja(text) || text.ends_with('\n')
}

/// A rendered value in the place of its template.
fn spread(value: Value, start: usize, end: usize) -> Yaml {
    let node = match value {
        Value::Array(items) => Node::List(items.into_iter().map(|item| spread(item, start, end)).collect()),
        Value::Object(entries) => Node::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key, Entry { key_start: start, key_end: end, value: spread(value, start, end) }))
                .collect(),
        ),
        scalar => Node::Scalar(scalar),
    };
    Yaml { node, start, end }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 60 { line.chars().take(57).chain("...".chars()).collect() } else { line }
}

fn remedy(message: &str) -> &'static str {
    if message.contains("environment variable") {
        "set the variable, or give a default: env_var('NAME', 'default')"
    } else if message.contains("variable") {
        "pass it with --vars '{name: value}', set it under `vars:` in dbt_project.yml, or give a default: var('name', 'default')"
    } else if message.contains("into a bool") {
        "as_bool takes True and False with a capital letter, as in dbt"
    } else {
        "in YAML files only env_var(), var(), target and filters are known; macros and ref() are not"
    }
}

fn env_var(arguments: &Arguments) -> Result<highwater_jinja::Value, Error> {
    let name = arguments.required_text(0, "var")?;
    if let Ok(value) = crate::environment::read(&name) {
        return Ok(highwater_jinja::Value::from(value));
    }
    match arguments.get(1, "default") {
        Some(default) if !default.is_none() => Ok(highwater_jinja::Value::from(default.to_string())),
        _ => Err(Error::new(ErrorKind::Value, format!("the environment variable {name} is not set"))),
    }
}

fn var(arguments: &Arguments, vars: &VarLookup) -> Result<highwater_jinja::Value, Error> {
    let name = arguments.required_text(0, "name")?;
    match (vars(&name), arguments.get(1, "default")) {
        (Some(value), _) => Ok(from_json(&value)),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Err(Error::new(ErrorKind::Value, format!("the variable '{name}' is not set"))),
    }
}

fn doc(arguments: &Arguments, docs: &DocLookup) -> Result<highwater_jinja::Value, Error> {
    let first = arguments.required_text(0, "name")?;
    let second = arguments.text(1, "block")?;
    let (package, name) = match &second {
        Some(name) => (Some(first.as_str()), name.as_str()),
        None => (None, first.as_str()),
    };
    docs(package, name)
        .map(highwater_jinja::Value::from)
        .ok_or_else(|| Error::new(ErrorKind::Value, format!("there is no docs block '{name}'")))
}
