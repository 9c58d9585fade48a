//! Entry points of rendering.

use std::sync::{Arc, OnceLock};

use minijinja::Environment;

use crate::{Error, ErrorKind, Lookup, MacroDef, Options, Output, Template, Value};

/// The engine whose filters, tests and methods are used.
pub(crate) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(Environment::new)
}

fn unfinished<T>() -> Result<T, Error> {
    Err(Error::new(ErrorKind::Unknown, "not finished yet"))
}

/// Renders a template.
///
/// # Errors
/// Whatever the template raises, with place and macro trace.
pub fn render(
    _template: &Template,
    _context: &Arc<dyn Lookup>,
    _options: &Options,
) -> Result<Output, Error> {
    unfinished()
}

/// Renders a template of exactly one expression to its value, everything else to text.
///
/// # Errors
/// Whatever the template raises.
pub fn render_native(
    _template: &Template,
    _context: &Arc<dyn Lookup>,
    _options: &Options,
) -> Result<Value, Error> {
    unfinished()
}

/// A macro as a callable value, bound to the names its package sees.
pub fn macro_value(
    definition: &Arc<MacroDef>,
    _context: &Arc<dyn Lookup>,
    _options: &Options,
) -> Value {
    Value::from(definition.name.as_str())
}

/// The value of `modules`: `datetime`, `re`, `pytz`, `itertools`.
pub fn modules() -> Value {
    Value::UNDEFINED
}
