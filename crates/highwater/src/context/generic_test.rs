//! Arguments of generic tests, as properties files write them: texts that may be templates, or the call of a function.

use std::sync::LazyLock;

use highwater_jinja::{Error, Template, Value, dict, from_json, render, render_native};
use regex::Regex;
use serde_json::Value as Json;

use super::scene::Frame;

/// The name under which a test's template finds its arguments.
const ARGUMENTS: &str = "_dbt_generic_test_kwargs";

/// The template of a generic test that brings none.
pub(crate) fn template_of(namespace: Option<&str>, name: &str) -> String {
    let package = namespace.map(|namespace| format!("{namespace}.")).unwrap_or_default();
    format!("{{{{ {package}test_{name}(**{ARGUMENTS}) }}}}")
}

/// Renders the arguments and puts them where the test's template looks for them.
///
/// # Errors
/// Whatever the arguments raise.
pub(crate) fn define_arguments<'a>(
    frame: &Frame,
    arguments: impl Iterator<Item = (&'a str, &'a Json)>,
) -> Result<(), Error> {
    let mut entries = Vec::new();
    for (name, value) in arguments {
        // A column is a name, whatever it looks like.
        let rendered = match value {
            Json::String(text) if name == "column_name" => text_of(frame, text)?,
            other => rendered(frame, other)?,
        };
        entries.push((Value::from(name), rendered));
    }
    frame.scene.define(ARGUMENTS, dict(entries));
    Ok(())
}

/// A value with its templates and calls of functions rendered.
///
/// # Errors
/// Whatever they raise.
pub(crate) fn rendered(frame: &Frame, value: &Json) -> Result<Value, Error> {
    static CALL: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?s)^\s*(env_var|ref|var|source|doc)\s*\(.+\)\s*$").expect("a constant pattern"));
    Ok(match value {
        Json::String(text) if CALL.is_match(text) => native(frame, &format!("{{{{ {text} }}}}"))?,
        Json::String(text) if text.contains("{{") || text.contains("{%") => native(frame, text)?,
        Json::Array(items) => {
            highwater_jinja::list(items.iter().map(|item| rendered(frame, item)).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, item)| Ok((Value::from(key.as_str()), rendered(frame, item)?)));
            dict(entries.collect::<Result<_, Error>>()?)
        }
        plain => from_json(plain),
    })
}

fn native(frame: &Frame, text: &str) -> Result<Value, Error> {
    render_native(&Template::parse("an argument of the test", text)?, &frame.context(), &frame.scene.options)
}

fn text_of(frame: &Frame, text: &str) -> Result<Value, Error> {
    let template = Template::parse("an argument of the test", text)?;
    Ok(Value::from(render(&template, &frame.context(), &frame.scene.options)?.text))
}
