//! A parsed template and what can be asked of it without rendering.

use std::sync::Arc;

use crate::{Error, SourceMap, Span, Value};

/// A parsed template: immutable, cheap to clone, shared between threads.
#[derive(Debug, Clone)]
pub struct Template {
    name: Arc<str>,
    source: Arc<str>,
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
        Ok(Template { name: name.into(), source: source.into() })
    }

    /// The name given to [`Template::parse`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The source text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Macros, tests and materializations at the top level.
    pub fn macros(&self) -> &[Arc<MacroDef>] {
        &[]
    }

    /// Docs and snapshot blocks at the top level.
    pub fn blocks(&self) -> Vec<Block> {
        Vec::new()
    }

    /// Every call of a dotted name, in all branches, in order of the source.
    pub fn static_calls(&self) -> Vec<StaticCall> {
        Vec::new()
    }
}
