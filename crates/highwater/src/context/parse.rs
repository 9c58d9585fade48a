//! Reading a node before anything runs: which refs, sources and configuration its template calls with `execute` false.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::Macros;
use crate::diagnostics::Diagnostic;
use crate::manifest::RefCall;
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

/// Rendering before the manifest exists.
#[derive(Debug, Clone, Copy)]
pub struct ParseContext<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its macros.
    pub macros: &'a Arc<Macros>,
}

impl ParseContext<'_> {
    /// Renders `code` with `execute` false and notes what it calls. `file` is what diagnostics point into; `node` is what is
    /// known of the node so far, as JSON in the shape of dbt's manifest. When `node.test_metadata.kwargs` is there, the name
    /// `_dbt_generic_test_kwargs` holds these arguments, rendered (`to: ref('x')` included).
    ///
    /// # Errors
    /// The template does not parse, or raises.
    pub fn capture(&self, package: &str, file: &str, code: &str, node: &Value) -> Result<Captured, Diagnostic> {
        let _ = (package, file, code, node);
        Ok(Captured::default())
    }

    /// Calls `generate_database_name`, `generate_schema_name` or `generate_alias_name`, the project's own if it has one.
    ///
    /// # Errors
    /// Whatever the macro raises.
    pub fn generate_name(&self, which: NameKind, custom: Option<&str>, node: &Value) -> Result<String, Diagnostic> {
        let _ = (which, node);
        Ok(custom.unwrap_or_default().to_owned())
    }

    /// Renders a text of a properties file; a text of exactly one expression gives the expression's value.
    ///
    /// # Errors
    /// The text does not parse, or raises.
    pub fn render_text(&self, package: &str, file: &str, text: &str) -> Result<Value, Diagnostic> {
        let _ = (package, file);
        Ok(Value::String(text.to_owned()))
    }
}

/// Renders a value of `profiles.yml` or `dbt_project.yml`: only `env_var`, `var`, `target` and Jinja itself are known there.
///
/// # Errors
/// The text does not parse, or raises; `file` is named in the message.
pub fn render_profile_value(file: &str, text: &str, vars: &IndexMap<String, Value>) -> Result<Value, Diagnostic> {
    let _ = (file, vars);
    Ok(Value::String(text.to_owned()))
}
