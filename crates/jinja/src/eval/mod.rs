//! The evaluator: walks the tree of a template.
//!
//! | module | what |
//! | --- | --- |
//! | here | entry points, [`Frame`] (what code of one template sees), [`Sink`] (where output goes) |
//! | [`statements`] | text, `{{ }}` and `{% %}` |
//! | [`expressions`] | operators, attributes, calls, names |
//! | [`closure`] | macros and `caller`: binding of arguments, `return` |
//! | [`loops`] | `for` and the `loop` variable |
//! | [`native`] | values instead of text, for configuration in YAML |

pub(crate) mod closure;
mod expressions;
mod loops;
mod native;
mod statements;

use std::sync::{Arc, OnceLock};

use minijinja::Environment;

use crate::ast::Source;
use crate::scope::Scope;
use crate::value::text;
use crate::{Error, Lookup, MacroDef, Options, Output, SourceMap, Span, Template, Value, stack};

use closure::Closure;
pub(crate) use expressions::{attribute, call_value};

/// The engine that callers' objects get to see when they are called.
pub(crate) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(Environment::new)
}

/// What the code of one template sees while it runs.
#[derive(Clone)]
pub(crate) struct Frame {
    pub source: Arc<Source>,
    pub context: Arc<dyn Lookup>,
    pub options: Arc<Options>,
    /// Whether values are wanted instead of text.
    pub native: bool,
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// Where output goes: text with or without a map, or single values.
#[derive(Default)]
struct Sink {
    text: String,
    map: Option<SourceMap>,
    nodes: Option<Vec<Value>>,
}

impl Sink {
    fn literal(&mut self, literal: &str, span: Span, verbatim: bool) {
        if let Some(nodes) = &mut self.nodes {
            nodes.push(Value::from(literal));
            return;
        }
        if let Some(map) = &mut self.map {
            map.mark(self.text.len(), span, verbatim);
        }
        self.text.push_str(literal);
    }

    fn value(&mut self, value: Value, constant: bool, span: Span) {
        if let Some(nodes) = &mut self.nodes {
            nodes.push(if constant { Value::from(text::text(&value)) } else { value });
            return;
        }
        if let Some(map) = &mut self.map {
            map.mark(self.text.len(), span, false);
        }
        self.text.push_str(&text::text(&value));
    }
}

impl Frame {
    fn new(source: &Arc<Source>, context: &Arc<dyn Lookup>, options: &Options, native: bool) -> Frame {
        Frame { source: source.clone(), context: context.clone(), options: Arc::new(options.clone()), native }
    }

    /// Runs the body of a template from the start.
    fn run(&self, template: &Template, sink: &mut Sink) -> Result<(), Error> {
        stack::call(self.options.recursion_limit, || self.body(template.body(), &Scope::root(), sink).map(|_| ()))
    }
}

/// Renders a template.
///
/// # Errors
/// Whatever the template raises, with the place and the macros that were being called.
pub fn render(template: &Template, context: &Arc<dyn Lookup>, options: &Options) -> Result<Output, Error> {
    let frame = Frame::new(template.shared_source(), context, options, false);
    let mut sink = Sink { map: Some(SourceMap::new(template.name())), ..Sink::default() };
    frame.run(template, &mut sink)?;
    Ok(Output { text: sink.text, map: sink.map.unwrap_or_default() })
}

/// Renders a template of exactly one expression to its value, everything else to text.
///
/// The filters `as_bool`, `as_number` and `as_native` turn text into values, `as_text` keeps it text. An expression of
/// literals alone is text, as in dbt.
///
/// # Errors
/// Whatever the template raises; text that `as_bool` or `as_number` cannot turn into what they promise.
pub fn render_native(template: &Template, context: &Arc<dyn Lookup>, options: &Options) -> Result<Value, Error> {
    let frame = Frame::new(template.shared_source(), context, options, true);
    let mut sink = Sink { nodes: Some(Vec::new()), ..Sink::default() };
    frame.run(template, &mut sink)?;
    native::concatenate(sink.nodes.unwrap_or_default())
}

/// A macro as a callable value, bound to the names its package sees.
pub fn macro_value(definition: &Arc<MacroDef>, context: &Arc<dyn Lookup>, options: &Options) -> Value {
    let routine = definition.routine().clone();
    let frame = Frame::new(&routine.source, context, options, false);
    Value::from_object(Closure { routine, frame, scope: None })
}
