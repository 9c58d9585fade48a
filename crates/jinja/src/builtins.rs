//! Names every template knows unless its context says otherwise.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use md5::{Digest, Md5};
use minijinja::State;
use minijinja::value::{Object, ObjectRepr};

use crate::filters::json;
use crate::methods::entries_of;
use crate::scope::Namespace;
use crate::value::{self, Range, as_integer, dict, iterate, list, none, text, tuple};
use crate::{Arguments, Error, ErrorKind, Lookup, Options, Value, function, modules};

/// The longest `range` dbt's sandbox allows.
const RANGE_LIMIT: usize = 100_000;

/// The value of a built-in name.
pub(crate) fn lookup(name: &str, context: &Arc<dyn Lookup>, options: &Arc<Options>) -> Option<Value> {
    Some(match name {
        "context" => Value::from_object(Context { context: context.clone(), options: options.clone() }),
        "modules" => modules::with_clock(&options.clock),
        "range" => function(name, range),
        "dict" => function(name, |arguments| entries_of(arguments).map(dict)),
        "namespace" => function(name, namespace),
        "cycler" => function(name, cycler),
        "joiner" => function(name, joiner),
        "lipsum" => function(name, lipsum),
        "set" => function(name, |arguments| or_default(set(arguments), arguments)),
        "set_strict" => function(name, set),
        "zip" => function(name, |arguments| {
            let default = arguments.keyword.get("default").cloned().unwrap_or_else(none);
            zip(arguments).or(Ok(default))
        }),
        "zip_strict" => function(name, zip),
        "return" => function(name, |arguments| {
            arguments.reject_unknown(&["data"])?;
            Err(Error::returning(arguments.required(0, "data")?.clone()))
        }),
        "tojson" => function(name, to_json),
        "fromjson" => function(name, from_json),
        "local_md5" => function(name, local_md5),
        "try_or_compiler_error" => function(name, try_or_compiler_error),
        _ => return None,
    })
}

/// What `context` is when the caller does not say: its items are the names.
struct Context {
    context: Arc<dyn Lookup>,
    options: Arc<Options>,
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<context>")
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        self.context.lookup(name).or_else(|| lookup(name, &self.context, &self.options))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let arguments = Arguments::from_values(arguments);
        if method == "update" {
            for (key, value) in entries_of(&arguments)? {
                if !self.context.define(&text::text(&key), value) {
                    return Err(minijinja::ErrorKind::UnknownMethod.into());
                }
            }
            return Ok(none());
        }
        if method != "get" {
            return Err(minijinja::ErrorKind::UnknownMethod.into());
        }
        let found = self.get_value(arguments.required(0, "key")?);
        Ok(found.or_else(|| arguments.get(1, "default").cloned()).unwrap_or_else(none))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<context>")
    }
}

fn or_default(result: Result<Value, Error>, arguments: &Arguments) -> Result<Value, Error> {
    result.or_else(|_| Ok(arguments.get(1, "default").cloned().unwrap_or_else(none)))
}

fn range(arguments: &Arguments) -> Result<Value, Error> {
    let mut numbers = Vec::new();
    for value in &arguments.positional {
        let number = as_integer(value).and_then(|number| i64::try_from(number).ok());
        numbers.push(number.ok_or_else(|| {
            let message = format!("'{}' object cannot be interpreted as an integer", value::type_name(value));
            Error::new(ErrorKind::Type, message)
        })?);
    }
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        _ => {
            return Err(Error::new(ErrorKind::Arguments, "range expects 1 to 3 arguments"));
        }
    };
    if step == 0 {
        return Err(Error::new(ErrorKind::Value, "range() arg 3 must not be zero"));
    }
    let range = Range { start, stop, step };
    if range.len() > RANGE_LIMIT {
        return Err(Error::new(ErrorKind::Value, format!("range too big: more than {RANGE_LIMIT} items")));
    }
    Ok(Value::from_object(range))
}

fn namespace(arguments: &Arguments) -> Result<Value, Error> {
    let namespace = Namespace::default();
    for (key, value) in entries_of(arguments)? {
        namespace.set(&text::text(&key), value);
    }
    Ok(Value::from_object(namespace))
}

fn set(arguments: &Arguments) -> Result<Value, Error> {
    value::set(arguments.required(0, "value")?)
}

fn zip(arguments: &Arguments) -> Result<Value, Error> {
    let columns = arguments.positional.iter().map(iterate).collect::<Result<Vec<_>, _>>()?;
    let length = columns.iter().map(Vec::len).min().unwrap_or(0);
    let row = |index: usize| tuple(columns.iter().map(|column| column[index].clone()).collect());
    Ok(list((0..length).map(row).collect()))
}

fn to_json(arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["value", "default", "sort_keys"])?;
    let sorted = arguments.get(2, "sort_keys").is_some_and(Value::is_true);
    json::write(arguments.required(0, "value")?, None, sorted).map(Value::from)
}

fn from_json(arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.required_text(0, "string")?;
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(parsed) => Ok(value::from_json(&parsed)),
        Err(_) => Ok(arguments.get(1, "default").cloned().unwrap_or_else(none)),
    }
}

fn local_md5(arguments: &Arguments) -> Result<Value, Error> {
    let digest = Md5::digest(arguments.required_text(0, "value")?.as_bytes());
    Ok(Value::from(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// `try_or_compiler_error(message, function, *arguments, **keywords)`
fn try_or_compiler_error(arguments: &Arguments) -> Result<Value, Error> {
    let message = text::text(arguments.required(0, "message_if_exception")?);
    let function = arguments.required(1, "func")?;
    let rest = Arguments {
        positional: arguments.positional.iter().skip(2).cloned().collect(),
        keyword: arguments.keyword.clone(),
    };
    crate::eval::call_value(function, rest).map_err(|error| Error::raised(message).with_source(error))
}

/// Something with a position that moves: `cycler` and `joiner`.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    position: Mutex<usize>,
}

impl Cycler {
    fn change(&self, change: impl FnOnce(&mut usize)) -> Value {
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.items[*position].clone();
        change(&mut position);
        current
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "current").then(|| self.change(|_| {}))
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        _arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        match method {
            "next" => Ok(self.change(|position| *position = (*position + 1) % self.items.len())),
            "reset" => {
                self.change(|position| *position = 0);
                Ok(none())
            }
            _ => Err(minijinja::ErrorKind::UnknownMethod.into()),
        }
    }
}

fn cycler(arguments: &Arguments) -> Result<Value, Error> {
    if arguments.positional.is_empty() {
        return Err(Error::new(ErrorKind::Arguments, "cycler() needs at least one item"));
    }
    Ok(Value::from_object(Cycler { items: arguments.positional.clone(), position: Mutex::new(0) }))
}

fn joiner(arguments: &Arguments) -> Result<Value, Error> {
    let separator = arguments.get(0, "sep").cloned().unwrap_or_else(|| Value::from(", "));
    let used = Mutex::new(false);
    Ok(function("joiner", move |_| {
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(if std::mem::replace(&mut used, true) { separator.clone() } else { Value::from("") })
    }))
}

/// Filler text; always the same, so that what a project renders does not change from run to run.
fn lipsum(arguments: &Arguments) -> Result<Value, Error> {
    let count = arguments.get(0, "n").and_then(as_integer).unwrap_or(5).clamp(0, 100);
    let sentence = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt.";
    let html = arguments.get(1, "html").is_none_or(Value::is_true);
    let paragraph = if html { format!("<p>{sentence}</p>") } else { sentence.to_string() };
    let paragraphs = vec![paragraph; usize::try_from(count).unwrap_or(0)];
    Ok(Value::from(paragraphs.join(if html { "\n" } else { "\n\n" })))
}
