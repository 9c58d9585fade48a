//! One rendering: whose code it is, what is known of its node, and what it has done so far.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use highwater_jinja::purity::note_impure;
use highwater_jinja::{Error, Lookup, Options, Value, macro_value};
use indexmap::{IndexMap, IndexSet};
use jiff::Timestamp;

use super::compile::{Flags, SharedConnection};
use super::library::{MacroEntry, Macros};
use super::parse::Captured;
use super::reference::Index;
use super::relation::RelationValue;
use super::unit_test::Mock;
use super::{Batch, Message, names};
use crate::engine::{Connection, EngineError};
use crate::manifest::{Config, Manifest};
use crate::project::Project;
use crate::state::Deferral;

/// Locks, whatever happened to the thread that held the lock before.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where words for people go: `log`, `print`, `exceptions.warn`.
pub type Messages = Arc<dyn Fn(Message, &str) + Send + Sync>;

/// `model`, made when a template asks for it: most never do, and it costs more than the rest of a rendering.
pub(crate) type LazyModel = LazyLock<Value, Box<dyn FnOnce() -> Value + Send>>;

/// The node whose template is rendered.
pub(crate) struct Subject {
    /// Package whose code it is.
    pub(crate) package: String,
    /// Unique id, or what stands in for one in messages.
    pub(crate) name: String,
    /// The node in the shape of dbt's manifest; nothing where there is no node.
    pub(crate) model: Option<LazyModel>,
    /// Its configuration.
    pub(crate) config: Config,
    /// Where it is built.
    pub(crate) this: Option<RelationValue>,
}

impl Subject {
    /// Code of a package that belongs to no node.
    pub(crate) fn package(name: &str) -> Self {
        let name = name.to_owned();
        Self { package: name.clone(), name, model: None, config: Config::default(), this: None }
    }
}

/// Reading before anything runs, or running.
pub(crate) enum Mode {
    /// `execute` is false; calls are noted.
    Parse(Mutex<Captured>),
    /// `execute` is true.
    Run(Box<Running>),
}

/// What a rendering with `execute` true works with.
pub(crate) struct Running {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) index: Arc<Index>,
    pub(crate) connection: SharedConnection,
    pub(crate) flags: Flags,
    /// Unique ids the node may refer to; `None` where anything goes (hooks, inline SQL).
    pub(crate) allowed: Option<HashSet<String>>,
    /// Ephemeral models referred to, in order.
    pub(crate) ephemeral: Mutex<IndexSet<String>>,
    /// Whether statements open transactions, and whether one is open: only in materializations written in Jinja.
    pub(crate) transaction: Mutex<Transaction>,
    /// The window of a batch.
    pub(crate) batch: Option<Batch>,
    /// What a unit test puts in the place of inputs and macros.
    pub(crate) mock: Option<Arc<Mock>>,
    /// `graph`, made once for all renderings.
    pub(crate) graph: Arc<OnceLock<Value>>,
    /// Where references lead when their own tables are not built.
    pub(crate) deferral: Option<Arc<Deferral>>,
    /// `selected_resources`
    pub(crate) selected: Arc<Vec<String>>,
}

/// How statements with `auto_begin` treat transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transaction {
    /// Somebody else's business.
    Foreign,
    /// None is open; the next statement with `auto_begin` opens one.
    Closed,
    /// Open.
    Open,
}

impl Running {
    /// Does something on the connection.
    ///
    /// # Errors
    /// The engine's own.
    pub(crate) fn on_connection<T>(
        &self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, EngineError>,
    ) -> Result<T, Error> {
        work(&mut **lock(&self.connection)).map_err(super::fault::database_fault)
    }
}

/// One rendering.
pub(crate) struct Scene {
    pub(crate) project: Arc<Project>,
    pub(crate) macros: Arc<Macros>,
    pub(crate) subject: Subject,
    pub(crate) mode: Mode,
    /// Names that only this rendering knows; they win over all others.
    pub(crate) extras: Mutex<IndexMap<String, Value>>,
    /// Results of statements, by name.
    pub(crate) results: Mutex<IndexMap<String, Value>>,
    /// What the rendering wants kept under `target/run`.
    pub(crate) written: Mutex<Vec<String>>,
    pub(crate) started_at: Timestamp,
    pub(crate) options: Options,
    pub(crate) messages: Messages,
}

impl Scene {
    /// What running works with; `None` while parsing.
    pub(crate) fn running(&self) -> Option<&Running> {
        match &self.mode {
            Mode::Run(running) => Some(running),
            Mode::Parse(_) => None,
        }
    }

    /// Notes a call while parsing.
    pub(crate) fn note(&self, note: impl FnOnce(&mut Captured)) {
        if let Mode::Parse(captured) = &self.mode {
            note(&mut lock(captured));
        }
    }

    pub(crate) fn say(&self, kind: Message, text: &str) {
        // What people see at one parse they see at the next.
        if !matches!(kind, Message::Debug) {
            note_impure();
        }
        (self.messages)(kind, text);
    }

    /// Tells a statement to those who debug.
    pub(crate) fn tell_statement(&self, sql: &str) {
        let comment = self.running().and_then(|running| lock(&running.connection).comment().cloned());
        let sql = comment.map_or_else(|| sql.trim().to_owned(), |comment| comment.on(sql.trim()));
        self.say(Message::Debug, &format!("On {}: {sql}", self.subject.name));
    }

    /// Defines a name for this rendering only.
    pub(crate) fn define(&self, name: &str, value: Value) {
        lock(&self.extras).insert(name.to_owned(), value);
    }
}

/// The scene as code of one package sees it.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) scene: Arc<Scene>,
    pub(crate) package: Arc<str>,
    /// Whether this is the node's own template, not a macro it calls.
    top: bool,
}

impl Frame {
    /// The view of the node's own template.
    pub(crate) fn top(scene: Arc<Scene>) -> Frame {
        let package = scene.subject.package.as_str().into();
        Frame { scene, package, top: true }
    }

    /// As the evaluator wants it.
    pub(crate) fn context(&self) -> Arc<dyn Lookup> {
        Arc::new(self.clone())
    }

    /// A macro as a callable value; noted when the node's own template asks for it.
    pub(crate) fn callable(&self, entry: &MacroEntry) -> Value {
        if self.top {
            self.scene.note(|captured| {
                if !captured.macros.contains(&entry.unique_id) {
                    captured.macros.push(entry.unique_id.clone());
                }
            });
        }
        let mock = self.scene.running().and_then(|running| running.mock.as_ref());
        if let Some(stand_in) = mock.and_then(|mock| mock.callable(&entry.package, &entry.definition.name)) {
            return stand_in;
        }
        let package = entry.package.as_str().into();
        let inner = Frame { scene: Arc::clone(&self.scene), package, top: false };
        macro_value(&entry.definition, &inner.context(), &self.scene.options)
    }

    /// The macro this code means by an unqualified name.
    pub(crate) fn macro_named(&self, name: &str) -> Option<Value> {
        self.macro_of_node(name).or_else(|| self.macro_of_package(name))
    }

    /// As in dbt, the node's package counts, also for the macros of other packages that it calls.
    fn macro_of_node(&self, name: &str) -> Option<Value> {
        Some(self.callable(self.scene.macros.resolve(&self.scene.subject.package, name)?))
    }

    /// Where the node means nothing by a name, the package of the macro may.
    fn macro_of_package(&self, name: &str) -> Option<Value> {
        Some(self.callable(self.scene.macros.find(&self.package, name)?))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<names of {}>", self.package)
    }
}

impl Lookup for Frame {
    fn lookup(&self, name: &str) -> Option<Value> {
        let extra = lock(&self.scene.extras).get(name).cloned();
        extra
            .or_else(|| self.macro_of_node(name))
            .or_else(|| names::lookup(self, name))
            .or_else(|| self.macro_of_package(name))
    }

    fn define(&self, name: &str, value: Value) -> bool {
        self.scene.define(name, value);
        true
    }
}
