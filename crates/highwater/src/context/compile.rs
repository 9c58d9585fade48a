//! From a node to the SQL that runs: its template rendered, ephemeral parents put in front.

use std::sync::{Arc, Mutex, OnceLock};

use highwater_jinja::{Error, SourceMap, Template, UndefinedPolicy, Value, call, from_json, render};
use indexmap::IndexMap;
use jiff::Timestamp;

use super::ephemeral::{Expression, Rendered, inject};
use super::fault::{Fault, Place, diagnostic};
use super::library::Macros;
use super::query_map::QueryMap;
use super::reference::{Index, cte_name};
use super::relation::RelationValue;
use super::scene::{Frame, Messages, Mode, Running, Scene, Subject, Transaction, lock};
use super::unit_test::Mock;
use super::{Batch, describe, diagnose, explain, generic_test, log_messages, options};
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::{Connection, Engine, EngineError};
use crate::manifest::{Fixture, Manifest, Node, ResourceType, UnitTest};
use crate::project::Project;
use crate::state::Deferral;

/// A session that templates may query while they are rendered. Nobody may hold the lock while calling a [`Compiler`].
pub type SharedConnection = Arc<Mutex<Box<dyn Connection>>>;

/// What the command line says that templates can see.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--full-refresh`
    pub full_refresh: bool,
    /// `--empty`
    pub empty: bool,
    /// `--store-failures`
    pub store_failures: bool,
    /// `--sample`: the window of event time that inputs are restricted to.
    pub sample: Option<(Timestamp, Timestamp)>,
    /// The command: `run`, `build`, `test`, ...
    pub which: String,
    /// The command's arguments as artifacts record them.
    pub arguments: serde_json::Map<String, serde_json::Value>,
    /// What becomes of the warnings that templates give, by dbt's names of them; those without a name here are said.
    pub warned: IndexMap<&'static str, Warned>,
}

/// What becomes of a warning that a template gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warned {
    /// It ends the template.
    Error,
    /// It is not said.
    Silent,
}

/// SQL, ready to run.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The whole text, ephemeral parents included.
    pub sql: String,
    /// Where each byte of it came from.
    pub map: QueryMap,
    /// Unique ids of the ephemeral models put in front, in order.
    pub injected: Vec<String>,
    /// The batch of a microbatch model that this is the SQL of.
    pub batch: Option<Batch>,
}

/// What a materialization written in Jinja has done.
#[derive(Debug, Clone, Default)]
pub struct Materialized {
    /// What it returned: `{'relations': [...]}`.
    pub returned: Value,
    /// Its statement `main`, and whatever else it wants kept under `target/run`.
    pub written: Vec<String>,
}

/// Renders templates with `execute` true. Shared by all threads of a command.
pub struct Compiler {
    project: Arc<Project>,
    manifest: Arc<Manifest>,
    macros: Arc<Macros>,
    engine: Arc<dyn Engine>,
    flags: Flags,
    started_at: Timestamp,
    index: Arc<Index>,
    graph: Arc<OnceLock<Value>>,
    messages: Messages,
    deferral: Option<Arc<Deferral>>,
    selected: Arc<Vec<String>>,
}

/// Whose template is rendered, and with what.
struct Setting<'a> {
    node: Option<&'a Node>,
    connection: &'a SharedConnection,
    package: &'a str,
    batch: Option<&'a Batch>,
    /// The node's SQL, where it is rendered already.
    compiled: Option<&'a str>,
    mock: Option<Arc<Mock>>,
    transaction: Transaction,
}

impl<'a> Setting<'a> {
    fn of(node: &'a Node, connection: &'a SharedConnection) -> Self {
        Self {
            node: Some(node),
            connection,
            package: &node.package_name,
            batch: None,
            compiled: None,
            mock: None,
            transaction: Transaction::Foreign,
        }
    }

    /// For macros that work with a node's rendered SQL.
    fn with(node: &'a Node, compiled: &'a Compiled, connection: &'a SharedConnection) -> Self {
        Self { batch: compiled.batch.as_ref(), compiled: Some(&compiled.sql), ..Self::of(node, connection) }
    }
}

impl Compiler {
    /// A compiler for one command.
    pub fn new(
        project: Arc<Project>,
        manifest: Arc<Manifest>,
        macros: Arc<Macros>,
        engine: Arc<dyn Engine>,
        flags: Flags,
        started_at: Timestamp,
    ) -> Self {
        let index = Arc::new(Index::of(&manifest));
        let (graph, messages) = (Arc::default(), log_messages());
        let (deferral, selected) = (None, Arc::default());
        Self { project, manifest, macros, engine, flags, started_at, index, graph, messages, deferral, selected }
    }

    /// Leads references to tables of an earlier run (`--defer`).
    #[must_use]
    pub fn with_deferral(mut self, deferral: Option<Arc<Deferral>>) -> Self {
        self.deferral = deferral;
        self
    }

    /// Says which nodes the command works on (`selected_resources`).
    #[must_use]
    pub fn with_selected(mut self, selected: Vec<String>) -> Self {
        self.selected = Arc::new(selected);
        self
    }

    /// Sends what templates say to people (`log`, `print`, `exceptions.warn`) somewhere else than to the log.
    #[must_use]
    pub fn with_messages(mut self, messages: Messages) -> Self {
        self.messages = messages;
        self
    }

    /// A session of its own for one thread.
    ///
    /// # Errors
    /// The engine refuses a further session.
    pub fn connect(&self) -> Result<SharedConnection, EngineError> {
        Ok(Arc::new(Mutex::new(self.engine.connect()?)))
    }

    /// The SQL of a model, test, snapshot or analysis; of a seed, nothing.
    ///
    /// # Errors
    /// `HW03xx`: the template raises, or a parent is missing.
    pub fn compile(&self, node: &Node, connection: &SharedConnection) -> Result<Compiled, Diagnostic> {
        self.compile_with(Setting::of(node, connection), node)
    }

    /// The SQL of one batch of a microbatch model: inputs that have an event time are restricted to its window.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_batch(
        &self,
        node: &Node,
        connection: &SharedConnection,
        batch: &Batch,
    ) -> Result<Compiled, Diagnostic> {
        self.compile_with(Setting { batch: Some(batch), ..Setting::of(node, connection) }, node)
    }

    fn compile_with(&self, setting: Setting<'_>, node: &Node) -> Result<Compiled, Diagnostic> {
        if node.language != "sql" && !node.language.is_empty() {
            let problem = Diagnostic::error("HW0313", format!("{} is written in {}", node.unique_id, node.language));
            return Err(problem.help("write the model in SQL: DuckDB inside Highwater runs no Python"));
        }
        if let Some(test) = &node.unit_test {
            return self.compile_unit_test(&setting, node, test);
        }
        let query = self.render_node(&setting, node)?;
        let mut expressions = Vec::new();
        self.collect(&setting, &query.ephemeral, &mut expressions)?;
        Ok(Compiled { batch: setting.batch.cloned(), ..inject(&query, &expressions) })
    }

    /// The query of the tested model, with the rows that the test gives put in front.
    fn compile_unit_test(&self, setting: &Setting<'_>, node: &Node, test: &UnitTest) -> Result<Compiled, Diagnostic> {
        let mock = Arc::new(Mock::of(node, test, &self.manifest));
        let Some(model) = self.manifest.nodes.get(&mock.model) else { return Ok(Compiled::default()) };
        let own = Setting { mock: Some(Arc::clone(&mock)), ..Setting::of(model, setting.connection) };
        let query = self.render_node(&own, model)?;
        let mut expressions = Vec::new();
        for id in &query.ephemeral {
            let Some(given) = test.given.iter().find(|given| given.node == *id) else { continue };
            let stand_in = self.stand_in(model, given);
            let query = self.render_fixture(&Setting::of(&stand_in, setting.connection), &stand_in, given)?;
            expressions.push(Expression { unique_id: id.clone(), name: mock.inputs[id].clone(), query });
        }
        Ok(inject(&query, &expressions))
    }

    /// A node with the name and place of an input: what the template of a fixture is about.
    fn stand_in(&self, model: &Node, given: &Fixture) -> Node {
        let mut node = self.manifest.nodes.get(&given.node).map_or(model, AsRef::as_ref).clone();
        if let Some(source) = self.manifest.sources.get(&given.node) {
            node.name.clone_from(&source.name);
            node.relation = source.relation.clone();
        }
        node.raw_code = match given.rows.as_str() {
            Some(sql) => sql.to_owned(),
            None => "{{ get_fixture_sql(given_rows, none) }}".to_owned(),
        };
        node
    }

    fn render_fixture(&self, setting: &Setting<'_>, node: &Node, given: &Fixture) -> Result<Rendered, Diagnostic> {
        let scene = self.scene(setting);
        scene.define("given_rows", from_json(&given.rows));
        let file = SourceFile { path: node.original_file_path.clone(), text: node.raw_code.clone() };
        let place = Place { file: Arc::new(file), shift: 0 };
        let rendered = Template::parse(&place.file.path, &node.raw_code)
            .and_then(|template| render(&template, &Frame::top(Arc::clone(&scene)).context(), &scene.options));
        let output = rendered.map_err(|error| self.explain(&error, &scene, Some(&place)))?;
        Ok(Rendered { text: output.text, map: output.map, place, ephemeral: Vec::new() })
    }

    /// Renders ephemeral parents, each once, those of a parent before the parent itself.
    fn collect(&self, setting: &Setting<'_>, ids: &[String], found: &mut Vec<Expression>) -> Result<(), Diagnostic> {
        for id in ids {
            if found.iter().any(|expression| expression.unique_id == *id) {
                continue;
            }
            let Some(node) = self.manifest.nodes.get(id) else { continue };
            let setting = Setting { batch: setting.batch, ..Setting::of(node, setting.connection) };
            let query = self.render_node(&setting, node)?;
            self.collect(&setting, &query.ephemeral, found)?;
            found.push(Expression { unique_id: id.clone(), name: cte_name(node), query });
        }
        Ok(())
    }

    fn render_node(&self, setting: &Setting<'_>, node: &Node) -> Result<Rendered, Diagnostic> {
        let scene = self.scene(setting);
        let mut code = node.raw_code.clone();
        let place = place_of(node);
        let work = || -> Result<(String, SourceMap), Error> {
            let frame = Frame::top(Arc::clone(&scene));
            if let Some(test) = &node.test_metadata {
                let kwargs = test.kwargs.iter().map(|(key, value)| (key.as_str(), value));
                generic_test::define_arguments(&frame, kwargs)?;
                if code.trim().is_empty() {
                    code = generic_test::template_of(test.namespace.as_deref(), &test.name);
                }
            }
            let template = Template::parse(&place.file.path, &code)?;
            let output = render(&template, &frame.context(), &scene.options)?;
            Ok((output.text, output.map))
        };
        let mut work = work;
        let (text, map) = work().map_err(|error| self.explain(&error, &scene, Some(&place)))?;
        let ephemeral = match &scene.mode {
            Mode::Run(running) => lock(&running.ephemeral).iter().cloned().collect(),
            Mode::Parse(_) => Vec::new(),
        };
        Ok(Rendered { text, map, place, ephemeral })
    }

    /// Calls a macro by name (`get_incremental_x_sql`, `dbt_utils.y`), as code of the node's package sees it. Arguments and
    /// result are template values: [`super::relation_value`] makes one of a relation.
    ///
    /// # Errors
    /// There is no such macro, or it raises.
    pub fn call_macro(
        &self,
        node: &Node,
        compiled: &Compiled,
        connection: &SharedConnection,
        name: &str,
        args: &[Value],
        kwargs: &[(&str, Value)],
    ) -> Result<Value, Diagnostic> {
        let scene = self.scene(&Setting::with(node, compiled, connection));
        self.call(&scene, name, args, kwargs).map_err(|error| self.explain(&error, &scene, Some(&place_of(node))))
    }

    /// Calls a macro that belongs to no node: `run-operation`.
    ///
    /// # Errors
    /// There is no such macro, or it raises.
    pub fn run_operation(
        &self,
        connection: &SharedConnection,
        name: &str,
        arguments: &IndexMap<String, serde_json::Value>,
    ) -> Result<Value, Diagnostic> {
        let (package, transaction) = (self.project.name.as_str(), Transaction::Foreign);
        let scene = self.scene(&Setting {
            node: None,
            connection,
            package,
            batch: None,
            compiled: None,
            mock: None,
            transaction,
        });
        let kwargs: Vec<(&str, Value)> =
            arguments.iter().map(|(key, value)| (key.as_str(), from_json(value))).collect();
        self.call(&scene, name, &[], &kwargs).map_err(|error| self.explain(&error, &scene, None))
    }

    /// Runs a materialization that is written in Jinja; `unique_id` is what [`Macros::materialization`] found. Its
    /// statements share a transaction, as it asks for; what is left open at its end is committed, or rolled back when it
    /// failed.
    ///
    /// # Errors
    /// Whatever it raises.
    pub fn call_materialization(
        &self,
        node: &Node,
        compiled: &Compiled,
        connection: &SharedConnection,
        unique_id: &str,
    ) -> Result<Materialized, Diagnostic> {
        let setting = Setting { transaction: Transaction::Closed, ..Setting::with(node, compiled, connection) };
        let scene = self.scene(&setting);
        for name in ["sql", "compiled_code"] {
            scene.define(name, Value::from(compiled.sql.as_str()));
        }
        let name = unique_id.strip_prefix("macro.").unwrap_or(unique_id);
        let mut outcome = self.call(&scene, name, &[], &[]);
        if let Some(running) = scene.running()
            && *lock(&running.transaction) == Transaction::Open
        {
            let ended = running.on_connection(|connection| match &outcome {
                Ok(_) => connection.commit(),
                Err(_) => connection.rollback(),
            });
            outcome = outcome.and_then(|value| ended.map(|()| value));
        }
        let returned = outcome.map_err(|error| self.explain(&error, &scene, Some(&place_of(node))))?;
        Ok(Materialized { returned, written: std::mem::take(&mut *lock(&scene.written)) })
    }

    fn call(&self, scene: &Arc<Scene>, name: &str, args: &[Value], kwargs: &[(&str, Value)]) -> Result<Value, Error> {
        let frame = Frame::top(Arc::clone(scene));
        let found = match name.split_once('.') {
            Some((package, bare)) => self.macros.find(package, bare).map(|entry| frame.callable(entry)),
            None => frame.macro_named(name),
        };
        let callable = found.ok_or_else(|| {
            let fault = Fault::new("HW0310", format!("no macro '{name}' was found"));
            match self.macros.nearest(&scene.subject.package, name) {
                Some(near) => fault.help(format!("did you mean {near}?")),
                None => fault,
            }
        })?;
        call(&callable, args, kwargs)
    }

    /// Renders a text: hooks (with the node they belong to), inline SQL, `run-operation`.
    ///
    /// # Errors
    /// The text does not parse, or raises.
    pub fn render(
        &self,
        node: Option<&Node>,
        connection: &SharedConnection,
        package: &str,
        file: &str,
        text: &str,
    ) -> Result<String, Diagnostic> {
        self.render_with(node, connection, package, file, text, &[])
    }

    /// Renders a text that knows further names: `results` and `schemas` at the end of a run.
    ///
    /// # Errors
    /// The text does not parse, or raises.
    pub fn render_with(
        &self,
        node: Option<&Node>,
        connection: &SharedConnection,
        package: &str,
        file: &str,
        text: &str,
        names: &[(&str, Value)],
    ) -> Result<String, Diagnostic> {
        let (scene, rendered) = self.attempt(node, connection, package, file, text, names);
        rendered.map_err(|error| self.explain_text(&error, &scene, file, text))
    }

    /// Renders a text of dbt_project.yml that is the body of a macro: `return()` may end it.
    ///
    /// # Errors
    /// The text does not parse, or raises.
    pub(super) fn render_returned(
        &self,
        connection: &SharedConnection,
        text: &str,
        names: &[(&str, Value)],
    ) -> Result<String, Diagnostic> {
        let file = "dbt_project.yml";
        let (scene, rendered) = self.attempt(None, connection, &self.project.name, file, text, names);
        rendered.or_else(|error| match error.returned() {
            Some(value) => Ok(value.to_string()),
            None => Err(self.explain_text(&error, &scene, file, text)),
        })
    }

    pub(super) fn project(&self) -> &Project {
        &self.project
    }

    fn attempt(
        &self,
        node: Option<&Node>,
        connection: &SharedConnection,
        package: &str,
        file: &str,
        text: &str,
        names: &[(&str, Value)],
    ) -> (Arc<Scene>, Result<String, Error>) {
        let scene = self.scene(&Setting {
            node,
            connection,
            package,
            batch: None,
            compiled: None,
            mock: None,
            transaction: Transaction::Foreign,
        });
        for (name, value) in names {
            scene.define(name, value.clone());
        }
        let frame = Frame::top(Arc::clone(&scene));
        let rendered = Template::parse(file, text)
            .and_then(|template| render(&template, &frame.context(), &scene.options))
            .map(|output| output.text);
        (scene, rendered)
    }

    fn explain_text(&self, error: &Error, scene: &Scene, file: &str, text: &str) -> Diagnostic {
        let source = SourceFile { path: file.to_owned(), text: text.to_owned() };
        self.explain(error, scene, Some(&Place { file: Arc::new(source), shift: 0 }))
    }

    /// A database error as a diagnostic that points into the template.
    pub fn diagnose(&self, node: &Node, compiled: &Compiled, error: &EngineError) -> Diagnostic {
        diagnose::diagnose(&self.manifest, node, compiled, error)
    }

    fn scene(&self, setting: &Setting<'_>) -> Arc<Scene> {
        let subject = setting.node.map_or_else(
            || Subject::package(setting.package),
            |node| Subject {
                package: setting.package.to_owned(),
                name: node.unique_id.clone(),
                model: Some(describe::lazy_model(node, setting.batch, setting.compiled)),
                config: node.config.clone(),
                this: Some(RelationValue::of(&node.relation, None).bare(node.bare)),
            },
        );
        let restricted = setting.node.filter(|node| node.resource_type != ResourceType::Operation);
        let running = Running {
            manifest: Arc::clone(&self.manifest),
            index: Arc::clone(&self.index),
            connection: Arc::clone(setting.connection),
            flags: self.flags.clone(),
            allowed: restricted.map(|node| node.depends_on.nodes.iter().cloned().collect()),
            ephemeral: Mutex::default(),
            transaction: Mutex::new(setting.transaction),
            batch: setting.batch.cloned(),
            mock: setting.mock.clone(),
            graph: Arc::clone(&self.graph),
            deferral: self.deferral.clone(),
            selected: Arc::clone(&self.selected),
        };
        Arc::new(Scene {
            project: Arc::clone(&self.project),
            macros: Arc::clone(&self.macros),
            subject,
            mode: Mode::Run(Box::new(running)),
            extras: Mutex::default(),
            results: Mutex::default(),
            written: Mutex::default(),
            started_at: self.started_at,
            options: options(UndefinedPolicy::Default),
            messages: Arc::clone(&self.messages),
        })
    }

    fn explain(&self, error: &Error, scene: &Scene, place: Option<&Place>) -> Diagnostic {
        let find = |name: &str| {
            let own = place.filter(|place| place.file.path == name).cloned();
            own.or_else(|| self.macros.place(name))
        };
        explain(diagnostic(error, &scene.subject.name, find), error, scene)
    }
}

/// A node's file; when its template is a part of the file, or the file begins with blank lines, where it begins.
pub(crate) fn place_of(node: &Node) -> Place {
    let whole = std::fs::read_to_string(node.root.join(&node.original_file_path)).ok();
    let found = whole.and_then(|text| {
        let shift = text.find(&node.raw_code).filter(|_| !node.raw_code.is_empty())?;
        Some((text, shift))
    });
    let (text, shift) = found.unwrap_or_else(|| (node.raw_code.clone(), 0));
    Place { file: Arc::new(SourceFile { path: node.original_file_path.clone(), text }), shift }
}
