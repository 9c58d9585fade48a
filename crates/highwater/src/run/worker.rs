//! What the threads of a run share, and what each has of its own.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use highwater_jinja::Value;
use indexmap::IndexSet;
use jiff::Timestamp;

use super::catalog::Catalog;
use super::failure::Failure;
use super::transaction::lock;
use super::{Event, Level, RunOptions};
use crate::artifacts;
use crate::context::{Compiled, Compiler, Flags, Message, Messages, Purpose, SharedConnection};
use crate::diagnostics::Diagnostic;
use crate::engine::{Connection, Ddl, Engine, RelationKind, Table};
use crate::exact::{Functions, Scans};
use crate::manifest::{Node, ResourceType};
use crate::session::Session;

/// What the threads of a run share.
pub(crate) struct Shared<'a> {
    pub(crate) session: &'a Session,
    pub(crate) options: &'a RunOptions,
    pub(crate) events: &'a (dyn Fn(Event) + Sync),
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) compiler: Compiler,
    pub(crate) catalog: Catalog,
    pub(crate) started_at: Timestamp,
    /// Asked for by the first exact model.
    pub(crate) functions: Functions,
    /// What exact models found out about the tables they read.
    pub(crate) scans: Scans,
    compiled: Mutex<HashMap<String, Arc<Compiled>>>,
    problems: Mutex<Vec<Diagnostic>>,
    said: Arc<Mutex<Vec<(Message, String)>>>,
    /// Warnings that one command gives once.
    warned_of: Mutex<HashSet<String>>,
}

impl<'a> Shared<'a> {
    /// Opens the database and makes ready.
    ///
    /// # Errors
    /// When the database cannot be opened, or `HW_NOW` is no moment.
    pub(crate) fn new(
        session: &'a Session,
        options: &'a RunOptions,
        events: &'a (dyn Fn(Event) + Sync),
        selected: &IndexSet<String>,
    ) -> Result<Self, Diagnostic> {
        let engine = session.engine()?;
        let catalog = Catalog::new(engine.ddl());
        let started_at = crate::clock::now().map_err(|text| {
            Diagnostic::error("HW0414", format!("{} is no moment: {text}", crate::clock::VARIABLE))
                .help("write it as 2026-02-01T10:00:00Z, or unset it")
        })?;
        let flags = Flags {
            full_refresh: options.full_refresh,
            empty: options.empty,
            store_failures: options.store_failures,
            sample: options.sample.map(|window| (window.start, window.end)),
            which: options.command.word().to_owned(),
            arguments: options.arguments.clone(),
            warned: options.warned.clone(),
        };
        let said: Arc<Mutex<Vec<(Message, String)>>> = Arc::default();
        let keep = Arc::clone(&said);
        let messages: Messages = Arc::new(move |kind, text: &str| {
            keep.lock().unwrap_or_else(PoisonError::into_inner).push((kind, text.to_owned()));
        });
        let compiler = Compiler::new(
            Arc::clone(&session.project),
            Arc::clone(&session.manifest),
            Arc::clone(&session.macros),
            Arc::clone(&engine),
            flags,
            started_at,
        )
        .with_messages(messages)
        .with_deferral(options.deferral.as_ref().map(|deferral| Arc::new(deferral.for_command(selected))))
        .with_selected(selected.iter().cloned().collect());
        Ok(Self {
            session,
            options,
            events,
            engine,
            compiler,
            catalog,
            started_at,
            functions: Functions::default(),
            scans: Scans::default(),
            compiled: Mutex::default(),
            problems: Mutex::default(),
            said,
            warned_of: Mutex::default(),
        })
    }

    /// Warns of a run that writes its artifacts over those it is compared with.
    pub(crate) fn warn_of_own_state(&self) {
        let Some(state) = &self.options.selection.state else { return };
        let folder = |path: &Path| path.canonicalize().ok();
        let own = folder(&self.session.project.target_path);
        if own.is_some() && own == folder(&state.folder) {
            let text = format!(
                "The state and target directories are the same: '{}': this run writes over what it is compared with",
                state.folder.display()
            );
            (self.events)(Event::Message { level: Level::Warn, text });
        }
    }

    /// A node by unique id.
    pub(crate) fn node(&self, id: &str) -> Option<&'a Node> {
        self.session.manifest.nodes.get(id).map(AsRef::as_ref)
    }

    /// How many threads the run has.
    pub(crate) fn threads(&self) -> usize {
        self.options.threads.unwrap_or(self.session.project.target.threads).max(1)
    }

    /// A session of the database for one thread.
    ///
    /// # Errors
    /// When the engine refuses a further one.
    pub(crate) fn connect(&self) -> Result<SharedConnection, Failure> {
        let connection = Arc::new(Mutex::new(self.engine.connect()?));
        self.comment_on(&connection, Purpose::Connection("master"))?;
        Ok(connection)
    }

    /// Has a session say with its statements what they are for.
    ///
    /// # Errors
    /// When the project's `query-comment` raises, or ends the comment itself.
    pub(crate) fn comment_on(&self, connection: &SharedConnection, purpose: Purpose<'_>) -> Result<(), Diagnostic> {
        let comment = self.compiler.comment(connection, purpose)?;
        lock(connection).set_comment(comment);
        Ok(())
    }

    /// The SQL of a node, rendered at the first call.
    ///
    /// # Errors
    /// When its template raises.
    pub(crate) fn compile(&self, node: &Node, connection: &SharedConnection) -> Result<Arc<Compiled>, Diagnostic> {
        if let Some(compiled) = self.compiled_map().get(&node.unique_id) {
            return Ok(Arc::clone(compiled));
        }
        let compiled = Arc::new(self.compiler.compile(node, connection)?);
        self.compiled_map().insert(node.unique_id.clone(), Arc::clone(&compiled));
        Ok(compiled)
    }

    /// Everything rendered so far, by unique id.
    pub(crate) fn compiled_map(&self) -> MutexGuard<'_, HashMap<String, Arc<Compiled>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the front what templates have said since the last call.
    pub(crate) fn pass_on_messages(&self) {
        let said = std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner));
        for (kind, text) in said {
            if kind == Message::WarningOnce
                && !self.warned_of.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone())
            {
                continue;
            }
            (self.events)(match kind {
                Message::Debug => Event::Message { level: Level::Debug, text },
                Message::Info => Event::Message { level: Level::Info, text },
                Message::Warning | Message::WarningOnce => Event::Message { level: Level::Warn, text },
                Message::Print => Event::Printed { text },
            });
        }
    }

    /// Keeps a problem that does not change what became of any node. Of each kind, one is enough.
    pub(crate) fn note_problem(&self, diagnostic: Diagnostic) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if !problems.iter().any(|other| other.code == diagnostic.code) {
            problems.push(diagnostic);
        }
    }

    /// The problems kept.
    pub(crate) fn take_problems(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.problems.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what a node became to `target/compiled` or `target/run`.
    pub(crate) fn write_sql(&self, folder: &str, node: &Node, sql: &str) {
        self.write_file(&output_path(folder, node), sql);
    }

    /// The same for a batch of a microbatch model: `models/x/x_2026-02-01.sql`.
    pub(crate) fn write_batch_sql(&self, folder: &str, node: &Node, label: &str, sql: &str) {
        let path = output_path(folder, node);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.write_file(&path.with_extension("").join(format!("{stem}_{label}.sql")), sql);
    }

    fn write_file(&self, path: &Path, text: &str) {
        if let Err(diagnostic) = artifacts::write_text(&self.session.project.target_path.join(path), text) {
            self.note_problem(diagnostic);
        }
    }
}

/// `compiled/<package>/models/x.sql`; generic tests lie in a folder with the name of their properties file.
pub(crate) fn output_path(folder: &str, node: &Node) -> PathBuf {
    let file = Path::new(folder).join(&node.package_name).join(&node.original_file_path);
    let in_properties =
        matches!(node.resource_type, ResourceType::Test | ResourceType::Snapshot | ResourceType::UnitTest);
    if in_properties && file.extension().is_some_and(|extension| extension != "sql") {
        return file.join(Path::new(&node.path).file_name().unwrap_or(node.name.as_ref()));
    }
    file
}

/// One node's work in one thread.
pub(crate) struct Task<'a> {
    pub(crate) shared: &'a Shared<'a>,
    pub(crate) connection: &'a SharedConnection,
    pub(crate) node: &'a Node,
    pub(crate) compiled: Arc<Compiled>,
    /// For a batch of a microbatch model: which part of the whole it is.
    pub(crate) part: Option<Part>,
    script: RefCell<Vec<String>>,
}

/// Which part of a model's work a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// What comes before the model belongs to the first batch.
    pub(crate) first: bool,
    /// What comes after it, to the last one.
    pub(crate) last: bool,
    /// Whether it goes on from the table there is, even in a full refresh.
    pub(crate) incremental: bool,
}

/// What a node's work came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) message: Option<String>,
    pub(crate) code: Option<&'static str>,
    pub(crate) rows: Option<u64>,
    /// What the node's name stands for now.
    pub(crate) kind: Option<RelationKind>,
    pub(crate) exact: Option<crate::exact::SwapReport>,
    /// What was held back, for the user; the rest was done.
    pub(crate) held: Option<Diagnostic>,
    pub(crate) table: Option<Table>,
}

impl Outcome {
    /// dbt's `OK`, for what is now a table or a view.
    pub(crate) fn built(kind: RelationKind, rows: Option<u64>) -> Self {
        Self { message: Some("OK".to_owned()), kind: Some(kind), rows, ..Self::default() }
    }

    /// The same with the verb of the statement that did it, where the engine answers with verbs.
    pub(crate) fn by(self, verb: &'static str, ddl: &dyn Ddl) -> Self {
        if !ddl.answers_verbs() {
            return self;
        }
        let message = self.rows.map_or_else(|| verb.to_owned(), |rows| format!("{verb} {rows}"));
        Self { message: Some(message), code: Some(verb), ..self }
    }
}

impl<'a> Task<'a> {
    /// A task.
    pub(crate) fn new(
        shared: &'a Shared<'a>,
        connection: &'a SharedConnection,
        node: &'a Node,
        compiled: Arc<Compiled>,
    ) -> Self {
        Self { shared, connection, node, compiled, part: None, script: RefCell::default() }
    }

    /// The same for one batch of a microbatch model.
    pub(crate) fn of_batch(self, part: Part) -> Self {
        Self { part: Some(part), ..self }
    }

    /// The text of a macro that writes SQL: the project's, or else ours.
    ///
    /// # Errors
    /// Whatever it raises.
    pub(crate) fn macro_text(&self, name: &str, arguments: &[Value]) -> Result<String, Failure> {
        let compiler = &self.shared.compiler;
        let value = compiler.call_macro(self.node, &self.compiled, self.connection, name, arguments, &[])?;
        Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned).trim().to_owned())
    }

    /// Runs a statement that is not what the node is about, a renaming for example: not kept for `target/run`.
    ///
    /// # Errors
    /// The engine's own message.
    pub(crate) fn aside(&self, sql: &str) -> Result<u64, Failure> {
        self.tell(sql);
        Ok(self.connection().execute(sql)?)
    }

    /// The session, for one statement.
    pub(crate) fn connection(&self) -> MutexGuard<'a, Box<dyn Connection>> {
        lock(self.connection)
    }

    /// Runs a statement and keeps its text for `target/run`. Returns the rows it changed.
    ///
    /// # Errors
    /// The engine's own message.
    pub(crate) fn execute(&self, sql: &str) -> Result<u64, Failure> {
        self.tell(sql);
        self.record(sql);
        Ok(self.connection().execute(sql)?)
    }

    /// Makes a table from a query and keeps the statement's text for `target/run`. Returns the rows of the table.
    ///
    /// # Errors
    /// The engine's own message.
    pub(crate) fn create_as(&self, sql: &str) -> Result<u64, Failure> {
        self.tell(sql);
        self.record(sql);
        Ok(self.connection().create_as(sql)?)
    }

    /// Runs a query and keeps its text for `target/run`.
    ///
    /// # Errors
    /// The engine's own message.
    pub(crate) fn query(&self, sql: &str) -> Result<Table, Failure> {
        self.tell(sql);
        self.record(sql);
        Ok(self.connection().query(sql)?)
    }

    /// Keeps a text for `target/run` that others have run.
    pub(crate) fn record(&self, sql: &str) {
        self.script.borrow_mut().push(sql.to_owned());
    }

    /// Forgets the statements of an attempt that was rolled back.
    pub(crate) fn forget_script(&self) {
        self.script.borrow_mut().clear();
    }

    /// Every statement run so far.
    pub(crate) fn script(&self) -> String {
        let mut script = String::new();
        for sql in self.script.borrow().iter().map(|sql| sql.trim_end()) {
            script.push_str(match script.as_str() {
                "" => "",
                before if before.ends_with(';') => "\n\n",
                _ => ";\n\n",
            });
            script.push_str(sql);
        }
        script
    }

    /// Tells those who look for a fault of a statement, as it is sent.
    pub(crate) fn tell(&self, sql: &str) {
        let sql = self.connection().comment().map_or_else(|| sql.to_owned(), |comment| comment.on(sql));
        (self.shared.events)(Event::Statement { unique_id: self.node.unique_id.clone(), sql });
    }
}
