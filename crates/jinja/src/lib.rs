//! dbt's Jinja: parse a template once, render it many times, know where each byte of the output came from.
//!
//! This crate knows no dbt: names such as `ref` or `config` come from the caller through [`Lookup`], macros are
//! [`macro_value`]s the caller puts there.
//!
//! ```
//! use std::sync::Arc;
//! use highwater_jinja::{Lookup, Options, Template, Value, render};
//!
//! let template = Template::parse("models/greeting.sql", "select '{{ name | upper }}'")?;
//! let context: Arc<dyn Lookup> = Arc::new(|name: &str| (name == "name").then(|| Value::from("ada")));
//! let output = render(&template, &context, &Options::default())?;
//! assert_eq!(output.text, "select 'ADA'");
//! # Ok::<(), highwater_jinja::Error>(())
//! ```

mod ast;
mod blocks;
mod builtins;
mod error;
mod eval;
mod filters;
mod format;
mod function;
mod lexer;
mod methods;
mod modules;
mod options;
mod parser;
mod predicates;
pub mod purity;
mod scope;
mod sourcemap;
mod stack;
mod template;
pub mod value;

pub use minijinja::Value;

pub use error::{Error, ErrorKind, Span, TraceEntry};
pub use eval::{macro_value, render, render_native};
pub use function::{Arguments, call, function};
pub use modules::datetime::{date, naive_datetime, utc_datetime};
pub use modules::modules;
pub use options::{Clock, Lookup, Options, UndefinedPolicy};
pub use sourcemap::SourceMap;
pub use template::{Block, BlockKind, MacroDef, MacroKind, Output, StaticCall, Template};
pub use value::{dict, from_json, list, set, to_json, tuple};
