//! Python-like values.

pub use minijinja::value::{
    DynObject, Enumerator, Kwargs, Object, ObjectExt, ObjectRepr, Tuple, ValueKind,
};

use crate::{Error, Value};

/// A mutable list.
pub fn list(items: Vec<Value>) -> Value {
    Value::from(items)
}

/// A mutable dictionary that keeps its order.
pub fn dict(entries: Vec<(Value, Value)>) -> Value {
    entries.into_iter().collect()
}

/// A value from JSON; lists and objects are mutable.
pub fn from_json(value: &serde_json::Value) -> Value {
    Value::from(minijinja::value::Serde(value))
}

/// A value as JSON.
///
/// # Errors
/// When the value is not made of JSON's kinds.
pub fn to_json(value: &Value) -> Result<serde_json::Value, Error> {
    serde_json::to_value(value).map_err(Error::external)
}

/// Python's name of a value's type.
pub(crate) fn type_name(value: &Value) -> String {
    value.kind().to_string()
}
