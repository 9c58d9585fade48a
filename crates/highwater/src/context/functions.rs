//! Functions that need nothing but their arguments (data, text), and those that only talk.

use std::fmt::Write as _;

use highwater_jinja::value::Tuple;
use highwater_jinja::{Arguments, Error, Template, Value, call, from_json, function, list, set as set_of, to_json};
use md5::{Digest as _, Md5};

use super::Message;
use super::scene::{Frame, lock};
use crate::project::python_json;

/// The function of this name.
pub(crate) fn lookup(name: &str) -> Option<Value> {
    let body: fn(&Arguments) -> Result<Value, Error> = match name {
        "tojson" => to_json_text,
        "fromjson" => from_json_text,
        "toyaml" => to_yaml_text,
        "fromyaml" => from_yaml_text,
        "set" => set,
        "set_strict" => set_strict,
        "zip" => zip,
        "zip_strict" => zip_strict,
        "local_md5" => local_md5,
        "try_or_compiler_error" => try_or_compiler_error,
        "diff_of_two_dicts" => diff_of_two_dicts,
        "submit_python_job" => |_| Err(Error::raised("Python models need an engine that runs Python")),
        _ => return None,
    };
    Some(function(name, body))
}

/// `log(message, info=false)`.
pub(crate) fn log(frame: &Frame) -> Value {
    let scene = frame.scene.clone();
    function("log", move |arguments| {
        let info = arguments.get(1, "info").is_some_and(Value::is_true);
        let kind = if info { Message::Info } else { Message::Debug };
        scene.say(kind, &arguments.required(0, "msg")?.to_string());
        Ok(Value::from(""))
    })
}

/// `print(message)`; silent while parsing, as everything there runs twice.
pub(crate) fn print(frame: &Frame) -> Value {
    let scene = frame.scene.clone();
    function("print", move |arguments| {
        if scene.running().is_some() {
            scene.say(Message::Print, &arguments.required(0, "msg")?.to_string());
        }
        Ok(Value::from(""))
    })
}

/// `render(text)`: a text of the configuration as a template.
pub(crate) fn render(frame: &Frame) -> Value {
    let frame = frame.clone();
    function("render", move |arguments| {
        let template = Template::parse("a text that is rendered", &arguments.required(0, "string")?.to_string())?;
        Ok(Value::from(highwater_jinja::render(&template, &frame.context(), &frame.scene.options)?.text))
    })
}

/// `write(text)`: what a node has run, for `target/run`.
pub(crate) fn write(frame: &Frame) -> Value {
    let scene = frame.scene.clone();
    function("write", move |arguments| {
        lock(&scene.written).push(arguments.required(0, "payload")?.to_string());
        Ok(Value::from(""))
    })
}

fn none() -> Value {
    Value::from(())
}

fn fallback(arguments: &Arguments) -> Value {
    arguments.get(1, "default").cloned().unwrap_or_else(none)
}

fn to_json_text(arguments: &Arguments) -> Result<Value, Error> {
    let Ok(mut json) = to_json(arguments.required(0, "value")?) else { return Ok(fallback(arguments)) };
    if arguments.get(2, "sort_keys").is_some_and(Value::is_true) {
        json.sort_all_objects();
    }
    Ok(Value::from(python_json(&json)))
}

fn from_json_text(arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.required_text(0, "string")?;
    Ok(serde_json::from_str(&text).map_or_else(|_| fallback(arguments), |json| from_json(&json)))
}

fn to_yaml_text(arguments: &Arguments) -> Result<Value, Error> {
    let Ok(mut json) = to_json(arguments.required(0, "value")?) else { return Ok(fallback(arguments)) };
    if arguments.get(2, "sort_keys").is_some_and(Value::is_true) {
        json.sort_all_objects();
    }
    Ok(serde_saphyr::to_string(&json).map_or_else(|_| fallback(arguments), Value::from))
}

fn from_yaml_text(arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.required_text(0, "value")?;
    let parsed: Result<serde_json::Value, _> = serde_saphyr::from_str(&text);
    Ok(parsed.map_or_else(|_| fallback(arguments), |json| from_json(&json)))
}

fn items(value: &Value) -> Option<Vec<Value>> {
    if value.as_str().is_some() || value.is_none() || value.is_undefined() {
        return None;
    }
    value.try_iter().ok().map(Iterator::collect)
}

fn set(arguments: &Arguments) -> Result<Value, Error> {
    let value = arguments.required(0, "value")?;
    Ok(set_of(value).unwrap_or_else(|_| fallback(arguments)))
}

fn set_strict(arguments: &Arguments) -> Result<Value, Error> {
    let value = arguments.required(0, "value")?;
    set_of(value).map_err(|_| Error::raised(format!("set_strict needs something to iterate over, not '{value}'")))
}

/// The columns of several sequences side by side, as long as the shortest; `None` when one is no sequence.
fn zipped(values: &[Value]) -> Option<Value> {
    let sequences = values.iter().map(items).collect::<Option<Vec<_>>>()?;
    let length = sequences.iter().map(Vec::len).min().unwrap_or(0);
    let rows = (0..length).map(|index| sequences.iter().map(|items| items[index].clone()).collect::<Vec<_>>());
    Some(list(rows.map(|row| Value::from(Tuple::from(row))).collect()))
}

fn zip(arguments: &Arguments) -> Result<Value, Error> {
    let default = arguments.keyword.get("default").cloned().unwrap_or_else(none);
    Ok(zipped(&arguments.positional).unwrap_or(default))
}

fn zip_strict(arguments: &Arguments) -> Result<Value, Error> {
    zipped(&arguments.positional).ok_or_else(|| Error::raised("zip_strict needs sequences"))
}

fn local_md5(arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.required(0, "value")?.to_string();
    let mut digits = String::new();
    for byte in Md5::digest(text.as_bytes()) {
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(Value::from(digits))
}

fn try_or_compiler_error(arguments: &Arguments) -> Result<Value, Error> {
    let message = arguments.required(0, "message_if_exception")?;
    let callable = arguments.required(1, "func")?;
    let rest = arguments.positional.get(2..).unwrap_or_default();
    let keyword: Vec<(&str, Value)> =
        arguments.keyword.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    call(callable, rest, &keyword).map_err(|_| Error::raised(message.to_string()))
}

fn folded(value: &Value) -> String {
    value.to_string().to_lowercase()
}

/// The entries of the first that the second does not have alike.
fn diff_of_two_dicts(arguments: &Arguments) -> Result<Value, Error> {
    let (left, right) = (arguments.required(0, "dict_a")?, arguments.required(1, "dict_b")?);
    let mut entries = Vec::new();
    for key in left.try_iter()? {
        let value = left.get_item(&key)?;
        // What databases answer in capitals is what configurations have in small letters.
        let same = right.try_iter()?.find(|other| folded(other) == folded(&key));
        let others = same.and_then(|key| items(&right.get_item(&key).ok()?)).unwrap_or_default();
        let others: Vec<String> = others.iter().map(folded).collect();
        let values = items(&value).unwrap_or_default().into_iter();
        let new: Vec<Value> = values.filter(|item| !others.contains(&folded(item))).collect();
        if !new.is_empty() {
            entries.push((key, list(new)));
        }
    }
    Ok(highwater_jinja::dict(entries))
}
