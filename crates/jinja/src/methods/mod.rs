//! Methods of Python's built-in types.
//!
//! | module | what |
//! | --- | --- |
//! | here | which type has which methods, bound methods |
//! | [`strings`] | `str` |
//! | [`collections`] | `list`, `tuple`, `dict`, `set` |

mod collections;
mod strings;

pub(crate) use collections::{entries_of, set_of};
use minijinja::value::ValueKind;

use crate::value::{self, Set, type_name};
use crate::{Arguments, Error, ErrorKind, Value, function};

/// The methods of the value's type, if it is one of Python's.
fn names(value: &Value) -> &'static [&'static str] {
    match value.kind() {
        ValueKind::String => strings::NAMES,
        ValueKind::Bytes => &["decode", "hex"],
        ValueKind::Number if !value.is_integer() => &["is_integer"],
        ValueKind::Seq if value.is_tuple() => collections::TUPLE,
        ValueKind::Seq if value::is_list(value) => collections::LIST,
        ValueKind::Map if value::is_dict(value) => collections::DICT,
        ValueKind::Iterable if value.downcast_object_ref::<Set>().is_some() => collections::SET,
        _ => &[],
    }
}

/// Whether the value's type has a method of this name.
pub(crate) fn has(value: &Value, method: &str) -> bool {
    names(value).contains(&method)
}

/// The method as a value of its own.
pub(crate) fn bound(value: &Value, method: &str) -> Value {
    let receiver = value.clone();
    let name = method.to_string();
    function(method, move |arguments| call(&receiver, &name, arguments.clone()))
}

/// Calls a method of a built-in type.
pub(crate) fn call(receiver: &Value, method: &str, arguments: Arguments) -> Result<Value, Error> {
    let result = match receiver.kind() {
        ValueKind::String => strings::call(receiver.as_str().unwrap_or_default(), method, &arguments),
        ValueKind::Bytes => bytes(receiver.as_bytes().unwrap_or_default(), method),
        ValueKind::Number if method == "is_integer" => {
            let number = f64::try_from(receiver.clone()).unwrap_or(f64::NAN);
            Ok(Value::from(number.fract() == 0.0))
        }
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => collections::call(receiver, method, &arguments),
        _ => Err(unknown(receiver, method)),
    };
    result.map_err(|error| match error.kind() {
        ErrorKind::Arguments => Error::new(ErrorKind::Arguments, format!("{method}(): {}", error.message())),
        _ => error,
    })
}

fn unknown(receiver: &Value, method: &str) -> Error {
    Error::new(ErrorKind::Unknown, format!("'{}' object has no method '{method}'", type_name(receiver)))
}

/// A method of `list` or `dict` on an object of the caller's that is a sequence or a map, on a copy of what it holds.
pub(crate) fn on_foreign(receiver: &Value, method: &str, arguments: Arguments) -> Option<Result<Value, Error>> {
    let (copy, allowed): (_, &[&str]) = match receiver.kind() {
        ValueKind::Map => (value::entries(receiver).map(value::dict), &["items", "keys", "values", "get", "copy"]),
        ValueKind::Seq | ValueKind::Iterable => {
            (value::iterate(receiver).map(value::list), &["index", "count", "copy"])
        }
        _ => return None,
    };
    if !allowed.contains(&method) {
        return None;
    }
    Some(copy.and_then(|copy| call(&copy, method, arguments)))
}

fn bytes(bytes: &[u8], method: &str) -> Result<Value, Error> {
    match method {
        "decode" => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::from(text)),
            Err(error) => Err(Error::new(ErrorKind::Value, format!("bytes are not UTF-8: {error}"))),
        },
        _ => Ok(Value::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
    }
}
