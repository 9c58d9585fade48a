//! How templates are evaluated, and where free names come from.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::Value;

/// Where a free name comes from: the context of a node, macros, namespaces of packages.
pub trait Lookup: Send + Sync {
    /// The value of a name, or `None` when it is not defined here.
    ///
    /// Asked before the built-in names (`range`, `dict`, `modules`, ...), so that a context may override them. The
    /// name `context` is asked too; without an answer it is an object whose items are the answers of this method.
    fn lookup(&self, name: &str) -> Option<Value>;

    /// Defines a name from now on, for `context.update(...)`; false where names are given once and for all.
    fn define(&self, _name: &str, _value: Value) -> bool {
        false
    }
}

impl<F: Fn(&str) -> Option<Value> + Send + Sync> Lookup for F {
    fn lookup(&self, name: &str) -> Option<Value> {
        self(name)
    }
}

/// What an undefined value allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UndefinedPolicy {
    /// Attributes, items and calls of an undefined value are undefined again: reading a project before it can run.
    Chainable,
    /// Jinja's default: prints as nothing, is false and empty, and raises on attributes, calls and arithmetic.
    #[default]
    Default,
}

/// The present moment, as templates see it through `modules.datetime`.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks this function.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// A clock that stands still.
    pub fn fixed(at: Timestamp) -> Clock {
        Clock::new(move || at)
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        crate::purity::note_impure();
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// Settings of one rendering.
#[derive(Debug, Clone)]
pub struct Options {
    /// What undefined values allow.
    pub undefined: UndefinedPolicy,
    /// How many macro calls may be open at the same time.
    pub recursion_limit: usize,
    /// The present moment for `modules.datetime`.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Options {
        Options { undefined: UndefinedPolicy::Default, recursion_limit: 200, clock: Clock::default() }
    }
}
