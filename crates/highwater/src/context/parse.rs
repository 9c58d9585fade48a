//! Reading a node before anything runs: which refs, sources and configuration its template calls with `execute` false.

use std::sync::{Arc, Mutex};

use highwater_jinja::{Error, Template, UndefinedPolicy, Value as TemplateValue, call, from_json, render};
use indexmap::IndexMap;
use serde_json::Value;

use super::describe::node_json;
use super::fault::{Place, diagnostic};
use super::relation::RelationValue;
use super::scene::{Frame, LazyModel, Messages, Mode, Scene, Subject, lock};
use super::{Macros, explain, generic_test, log_messages, options};
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::manifest::{Node, RefCall};
use crate::project::Project;

/// What one rendering with `execute` false called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Captured {
    /// Calls of `ref`, in order, each once.
    pub refs: Vec<RefCall>,
    /// Calls of `source`, in order, each once.
    pub sources: Vec<(String, String)>,
    /// Calls of `metric` (name, package), in order.
    pub metrics: Vec<(String, Option<String>)>,
    /// What `config(...)` set; later calls win, `tags`, `pre_hook`, `post_hook` and `meta` add up.
    pub config: IndexMap<String, Value>,
    /// Unique ids of the macros the template itself calls.
    pub macros: Vec<String>,
    /// Whether it asked for `this`.
    pub uses_this: bool,
}

/// Which name to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// `generate_database_name`
    Database,
    /// `generate_schema_name`
    Schema,
    /// `generate_alias_name`
    Alias,
}

impl NameKind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Database, Self::Schema, Self::Alias];

    pub(super) fn macro_name(self) -> &'static str {
        match self {
            Self::Database => "generate_database_name",
            Self::Schema => "generate_schema_name",
            Self::Alias => "generate_alias_name",
        }
    }
}

/// Rendering before the manifest exists. What depends on the moment is noted, see [`highwater_jinja::purity`].
#[derive(Clone, Copy)]
pub struct ParseContext<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its macros.
    pub macros: &'a Arc<Macros>,
    /// Where words of templates for people go; without it, to the log.
    pub messages: Option<&'a Messages>,
}

impl ParseContext<'_> {
    /// Renders `code` with `execute` false and notes what it calls. `file` is what diagnostics point into; `node` is what is
    /// known of the node so far. For a generic test the name `_dbt_generic_test_kwargs` holds its arguments, rendered
    /// (`to: ref('x')` included).
    ///
    /// # Errors
    /// The template does not parse, or raises.
    pub fn capture(&self, package: &str, file: &str, code: &str, node: &Node) -> Result<Captured, Diagnostic> {
        let scene = self.scene(package, file, node);
        let place = || self.place(file, code);
        let work = || -> Result<(), Error> {
            let frame = Frame::top(Arc::clone(&scene));
            if let Some(metadata) = &node.test_metadata {
                let kwargs = metadata.kwargs.iter().map(|(key, value)| (key.as_str(), value));
                generic_test::define_arguments(&frame, kwargs)?;
            }
            render(&Template::parse(file, code)?, &frame.context(), &scene.options).map(drop)
        };
        work().map_err(|error| self.diagnose(&error, &scene, file, place))?;
        match &scene.mode {
            Mode::Parse(captured) => Ok(std::mem::take(&mut *lock(captured))),
            Mode::Run(_) => Ok(Captured::default()),
        }
    }

    /// The answer of `generate_database_name`, `generate_schema_name` or `generate_alias_name`, the project's own if it has one.
    ///
    /// # Errors
    /// Whatever the macro raises.
    pub fn generate_name(&self, which: NameKind, custom: Option<&str>, node: &Node) -> Result<String, Diagnostic> {
        let name = which.macro_name();
        if self.macros.names_plainly(which) {
            return Ok(self.plain_name(which, custom, node));
        }
        let file = match node.original_file_path.as_str() {
            "" => "the project",
            path => path,
        };
        // Names are the project's business, also those of nodes of packages.
        let scene = self.scene(&self.project.name, file, node);
        let frame = Frame::top(Arc::clone(&scene));
        let custom = custom.map_or_else(|| TemplateValue::from(()), TemplateValue::from);
        let found = frame.macro_named(name).ok_or_else(|| Error::raised(format!("there is no macro {name}")));
        let called = found.and_then(|callable| call(&callable, &[custom, from_json(&node_json(node, None))], &[]));
        match called {
            Ok(value) => Ok(value.to_string().trim().to_owned()),
            Err(error) => Err(self.diagnose(&error, &scene, file, || None)),
        }
    }

    /// What our macros of `names.sql` answer, without running them; a test holds the two together.
    fn plain_name(&self, which: NameKind, custom: Option<&str>, node: &Node) -> String {
        let target = &self.project.target;
        match (which, custom) {
            (NameKind::Database, custom) => custom.unwrap_or(&target.database).trim().to_owned(),
            (NameKind::Schema, None) => target.schema.trim().to_owned(),
            (NameKind::Schema, Some(custom)) => format!("{}_{}", target.schema, custom.trim()).trim().to_owned(),
            (NameKind::Alias, Some(custom)) if !custom.is_empty() => custom.trim().to_owned(),
            (NameKind::Alias, _) => match node.version.as_deref() {
                Some(version) if !version.is_empty() => format!("{}_v{}", node.name, version.replace('.', "_")),
                _ => node.name.clone(),
            },
        }
    }

    fn scene(&self, package: &str, file: &str, node: &Node) -> Arc<Scene> {
        let name = if node.unique_id.is_empty() { file } else { &node.unique_id };
        let described = node.clone();
        Arc::new(Scene {
            project: Arc::clone(self.macros.project()),
            macros: Arc::clone(self.macros),
            subject: Subject {
                package: package.to_owned(),
                name: name.to_owned(),
                model: Some(LazyModel::new(Box::new(move || from_json(&node_json(&described, None))))),
                config: node.config.clone(),
                this: Some(RelationValue::of(&node.relation, None).bare(node.bare)),
            },
            mode: Mode::Parse(Mutex::default()),
            extras: Mutex::default(),
            results: Mutex::default(),
            written: Mutex::default(),
            started_at: crate::clock::now().unwrap_or_else(|_| jiff::Timestamp::now()),
            options: options(UndefinedPolicy::Chainable),
            messages: self.messages.cloned().unwrap_or_else(log_messages),
        })
    }

    /// The file a template came from; when it is a part of the file (a snapshot block), where it begins.
    fn place(&self, file: &str, code: &str) -> Option<Place> {
        let files = self.project.all_packages().flat_map(|package| &package.files);
        let found = files.filter(|known| known.source.path == file || known.path == file);
        let whole = found.filter_map(|known| Some((&known.source, known.source.text.find(code)?))).next();
        Some(match whole {
            Some((source, shift)) => Place { file: Arc::clone(source), shift },
            None => Place { file: Arc::new(SourceFile { path: file.to_owned(), text: code.to_owned() }), shift: 0 },
        })
    }

    fn diagnose(&self, error: &Error, scene: &Scene, file: &str, place: impl Fn() -> Option<Place>) -> Diagnostic {
        let find = |name: &str| if name == file { place() } else { self.macros.place(name) };
        explain(diagnostic(error, &scene.subject.name, find), error, scene)
    }
}
