//! A parsed template and what can be asked of it without rendering.

use std::sync::Arc;

use crate::ast::{
    Body, CallArguments, Expression, ExpressionKind, Routine, Source, Statement, walk_body, walk_routine,
};
use crate::parser::{self, Parsed, ParsedBlock};
use crate::{Error, SourceMap, Span, Value, blocks, value};

/// A parsed template: immutable, cheap to clone, shared between threads.
#[derive(Debug, Clone)]
pub struct Template {
    source: Arc<Source>,
    body: Arc<Body>,
    contents: Arc<Contents>,
}

/// What a template defines without rendering it.
#[derive(Debug, Default)]
struct Contents {
    macros: Vec<Arc<MacroDef>>,
    blocks: Vec<ParsedBlock>,
}

/// What a macro was declared as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MacroKind {
    /// `{% macro %}`
    Macro,
    /// `{% test %}` or `{% data_test %}`; the macro is called `test_<name>`.
    Test,
    /// `{% materialization %}`; the macro is called `materialization_<name>_<adapter>`.
    Materialization {
        /// Name of the materialization.
        name: String,
        /// The adapter it is for, or `default`.
        adapter: String,
        /// Languages of models it takes; `sql` unless declared.
        supported_languages: Vec<String>,
    },
}

/// A macro, test or materialization at the top level of a template.
#[derive(Debug, Clone)]
pub struct MacroDef {
    /// Name by which it is called.
    pub name: String,
    /// What it was declared as.
    pub kind: MacroKind,
    /// Names of the arguments.
    pub arguments: Vec<String>,
    /// The whole block, from `{% macro` to the end of `endmacro %}`.
    pub span: Span,
    /// Name of the template that holds it.
    pub template: String,
    routine: Arc<Routine>,
}

/// Kinds of named blocks that are not macros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// `{% docs name %}`
    Docs,
    /// `{% snapshot name %}`
    Snapshot,
}

/// A `{% docs %}` or `{% snapshot %}` block.
#[derive(Debug, Clone)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its name.
    pub name: String,
    /// The whole block with its tags.
    pub span: Span,
    /// The text between the tags.
    pub body_span: Span,
    /// The body as a template of its own; its spans count in the whole file.
    pub body: Template,
}

/// A call somewhere in a template, in any branch.
#[derive(Debug, Clone)]
pub struct StaticCall {
    /// The dotted name: `["ref"]`, `["dbt_utils", "pivot"]`, `["adapter", "dispatch"]`.
    pub name: Vec<String>,
    /// Positional arguments; `None` where not literal.
    pub positional: Vec<Option<Value>>,
    /// Keyword arguments; `None` where not literal.
    pub keyword: Vec<(String, Option<Value>)>,
    /// The call with its name and arguments.
    pub span: Span,
}

/// Rendered text and where it came from.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The text.
    pub text: String,
    /// Offset in the text to place in the template.
    pub map: SourceMap,
}

impl Template {
    /// Parses a template; `name` is what errors and spans refer to, for instance `models/orders.sql`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Syntax`] with the place.
    pub fn parse(name: &str, source: &str) -> Result<Template, Error> {
        let source = Arc::new(Source { name: name.to_string(), text: source.to_string() });
        Ok(Template::of(parser::parse(&source)?, source))
    }

    /// Parses a file of which only blocks of these kinds count, such as `macro`. What stands around them need be no template.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Syntax`] with the place, when a block is none.
    pub fn parse_blocks(name: &str, source: &str, kinds: &[&str]) -> Result<Template, Error> {
        let whole = Template::parse(name, source);
        if whole.is_ok() {
            return whole;
        }
        let Some(blocks) = blocks::only(source, kinds) else { return whole };
        let source = Arc::new(Source { name: name.to_string(), text: source.to_string() });
        Ok(Template::of(parser::parse_instead(&source, &blocks)?, source))
    }

    fn of(parsed: Parsed, source: Arc<Source>) -> Template {
        let contents = Contents { macros: parsed.macros, blocks: parsed.blocks };
        Template { source, body: Arc::new(parsed.body), contents: Arc::new(contents) }
    }

    /// The name given to [`Template::parse`].
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// The source text.
    pub fn source(&self) -> &str {
        &self.source.text
    }

    /// Macros, tests and materializations at the top level. Rendering the template skips them.
    pub fn macros(&self) -> &[Arc<MacroDef>] {
        &self.contents.macros
    }

    /// Docs and snapshot blocks at the top level. Rendering the template skips them.
    pub fn blocks(&self) -> Vec<Block> {
        let block = |block: &ParsedBlock| Block {
            kind: block.kind,
            name: block.name.clone(),
            span: block.span,
            body_span: block.body_span,
            body: Template {
                source: self.source.clone(),
                body: block.body.clone(),
                contents: Arc::new(Contents::default()),
            },
        };
        self.contents.blocks.iter().map(block).collect()
    }

    /// Every call of a dotted name in what rendering would run, in all branches, in order of the source; not what
    /// stands in macros and blocks, see [`MacroDef::static_calls`] and [`Block::body`].
    pub fn static_calls(&self) -> Vec<StaticCall> {
        let mut calls = Vec::new();
        walk_body(&self.body, &mut |expression| {
            calls.extend(static_call(expression));
        });
        add_call_blocks(&self.body, &mut calls);
        sorted(calls)
    }

    pub(crate) fn shared_source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(crate) fn body(&self) -> &Body {
        &self.body
    }
}

impl MacroDef {
    pub(crate) fn new(kind: MacroKind, routine: Arc<Routine>) -> MacroDef {
        MacroDef {
            name: routine.name.clone(),
            kind,
            arguments: routine.parameters.iter().map(|parameter| parameter.name.clone()).collect(),
            span: routine.span,
            template: routine.source.name.clone(),
            routine,
        }
    }

    /// Every call of a dotted name in the macro, in all branches, in order of the source.
    pub fn static_calls(&self) -> Vec<StaticCall> {
        let mut calls = Vec::new();
        walk_routine(&self.routine, &mut |expression| {
            calls.extend(static_call(expression));
        });
        add_call_blocks(&self.routine.body, &mut calls);
        sorted(calls)
    }

    /// The text of the whole block, from `{% macro` on.
    pub fn source(&self) -> &str {
        self.routine.source.text.get(self.span.start..self.span.end).unwrap_or_default()
    }

    pub(crate) fn routine(&self) -> &Arc<Routine> {
        &self.routine
    }
}

fn sorted(mut calls: Vec<StaticCall>) -> Vec<StaticCall> {
    calls.sort_by_key(|call| (call.span.start, call.span.end));
    calls
}

fn static_call(expression: &Expression) -> Option<StaticCall> {
    match &expression.kind {
        ExpressionKind::Call(callee, arguments) => call_of(callee, arguments, expression.span),
        _ => None,
    }
}

fn call_of(callee: &Expression, arguments: &CallArguments, span: Span) -> Option<StaticCall> {
    let keyword = |(name, value): &(String, Expression)| (name.clone(), literal(value));
    Some(StaticCall {
        name: dotted(callee)?,
        positional: arguments.positional.iter().map(literal).collect(),
        keyword: arguments.keyword.iter().map(keyword).collect(),
        span,
    })
}

/// The calls that `{% call %}` blocks make.
fn add_call_blocks(body: &[Statement], calls: &mut Vec<StaticCall>) {
    for statement in body {
        match statement {
            Statement::CallBlock { callee, arguments, caller, span } => {
                calls.extend(call_of(callee, arguments, *span));
                add_call_blocks(&caller.body, calls);
            }
            Statement::If { branches, otherwise } => {
                branches.iter().for_each(|(_, body)| add_call_blocks(body, calls));
                add_call_blocks(otherwise, calls);
            }
            Statement::For(each) => {
                add_call_blocks(&each.body, calls);
                add_call_blocks(&each.otherwise, calls);
            }
            Statement::SetBlock { body, .. } | Statement::With { body, .. } | Statement::FilterBlock { body, .. } => {
                add_call_blocks(body, calls);
            }
            _ => {}
        }
    }
}

fn dotted(expression: &Expression) -> Option<Vec<String>> {
    match &expression.kind {
        ExpressionKind::Name(name) => Some(vec![name.clone()]),
        ExpressionKind::Attribute(object, name) => {
            let mut names = dotted(object)?;
            names.push(name.clone());
            Some(names)
        }
        _ => None,
    }
}

/// The value of an expression made of literals alone.
fn literal(expression: &Expression) -> Option<Value> {
    let all = |items: &[Expression]| items.iter().map(literal).collect::<Option<Vec<_>>>();
    Some(match &expression.kind {
        ExpressionKind::Constant(value) => value.clone(),
        ExpressionKind::List(items) => value::list(all(items)?),
        ExpressionKind::Tuple(items) => value::tuple(all(items)?),
        ExpressionKind::Dict(entries) => {
            let pair = |(key, value): &(Expression, Expression)| Some((literal(key)?, literal(value)?));
            value::dict(entries.iter().map(pair).collect::<Option<Vec<_>>>()?)
        }
        ExpressionKind::Negative(inner) => value::arithmetic::signed(&literal(inner)?, true).ok()?,
        ExpressionKind::Concat(items) => Value::from(all(items)?.iter().map(value::text::text).collect::<String>()),
        _ => return None,
    })
}
