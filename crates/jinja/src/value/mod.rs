//! Python-like values over [`minijinja::Value`].
//!
//! | where | what |
//! | --- | --- |
//! | here | making values, their types, iteration, items, JSON |
//! | [`containers`] | the mutable `List`, `Dict`, `Set` and the read-only `Range`, `View` |
//! | [`text`] | `str()` and `repr()` |
//! | [`compare`] | equality, order, membership |
//! | [`arithmetic`] | the operators |

pub(crate) mod arithmetic;
pub(crate) mod compare;
pub(crate) mod containers;
pub(crate) mod text;

use std::sync::Arc;

use indexmap::IndexMap;
pub use minijinja::value::{DynObject, Enumerator, Kwargs, Object, ObjectExt, ObjectRepr, Tuple, ValueKind};

use crate::{Error, ErrorKind, Value};

pub(crate) use containers::{Dict, List, Range, Set, View};

/// A mutable list.
pub fn list(items: Vec<Value>) -> Value {
    Value::from_object(List::new(items))
}

/// A mutable dictionary that keeps its order.
pub fn dict(entries: Vec<(Value, Value)>) -> Value {
    Value::from_object(Dict::new(entries.into_iter().collect()))
}

/// An immutable tuple.
pub fn tuple(items: Vec<Value>) -> Value {
    Value::from(Tuple::new(items))
}

/// A mutable set of what a value iterates over.
///
/// # Errors
/// When it cannot be looped over, or an item may change: lists and dictionaries.
pub fn set(iterable: &Value) -> Result<Value, Error> {
    Ok(Value::from_object(Set::new(crate::methods::set_of(iterable)?)))
}

/// Python's none.
pub(crate) fn none() -> Value {
    Value::from(())
}

/// An integer from its decimal digits; one beyond 128 bits becomes the string of its digits.
pub(crate) fn integer(digits: &str) -> Value {
    match digits.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) => digits.parse::<i128>().map_or_else(|_| Value::from(digits), Value::from),
    }
}

/// An integer, small where it fits.
pub(crate) fn from_integer(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

/// A value from JSON; lists and objects are mutable.
pub fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => none(),
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Value::from(number),
            (_, Some(number), _) => Value::from(number),
            (_, _, number) => Value::from(number.unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => list(items.iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => {
            dict(entries.iter().map(|(key, value)| (Value::from(key.as_str()), from_json(value))).collect())
        }
    }
}

/// A value as JSON. Tuples become arrays, keys that are numbers, flags or none become strings.
///
/// # Errors
/// [`ErrorKind::Type`] when the value holds something JSON has no form for (undefined, functions, dates, sets).
pub fn to_json(value: &Value) -> Result<serde_json::Value, Error> {
    to_json_within(value, 0)
}

fn to_json_within(value: &Value, depth: usize) -> Result<serde_json::Value, Error> {
    if depth > 100 {
        return Err(Error::new(ErrorKind::Recursion, "value is nested too deeply for JSON"));
    }
    let refuse = || Error::new(ErrorKind::Type, format!("{} cannot be written as JSON", type_name(value)));
    Ok(match value.kind() {
        ValueKind::None => serde_json::Value::Null,
        ValueKind::Bool => serde_json::Value::Bool(value.is_true()),
        ValueKind::Number => match Number::of(value) {
            Some(Number::Integer(number)) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) => number.into(),
                _ => serde_json::Value::from(number as f64),
            },
            Some(Number::Float(number)) => serde_json::Number::from_f64(number).map(Into::into).ok_or_else(refuse)?,
            None => return Err(refuse()),
        },
        ValueKind::String => value.as_str().unwrap_or_default().into(),
        ValueKind::Seq if value.downcast_object_ref::<Range>().is_none() => {
            let items = iterate(value)?;
            items.iter().map(|item| to_json_within(item, depth + 1)).collect::<Result<Vec<_>, _>>()?.into()
        }
        ValueKind::Map => {
            let mut object = serde_json::Map::new();
            for (key, item) in entries(value)? {
                let name = match key.kind() {
                    ValueKind::String => key.as_str().unwrap_or_default().to_string(),
                    ValueKind::None => "null".into(),
                    ValueKind::Bool => if key.is_true() { "true" } else { "false" }.into(),
                    ValueKind::Number => text::text(&key),
                    _ => return Err(refuse()),
                };
                object.insert(name, to_json_within(&item, depth + 1)?);
            }
            object.into()
        }
        _ => return Err(refuse()),
    })
}

/// A number, flags included, as Python's arithmetic sees them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// The value as a number, if it is one.
    pub(crate) fn of(value: &Value) -> Option<Number> {
        match value.kind() {
            ValueKind::Bool => Some(Number::Integer(i128::from(value.is_true()))),
            ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok().map(Number::Integer),
            ValueKind::Number => f64::try_from(value.clone()).ok().map(Number::Float),
            _ => None,
        }
    }

    /// The number as a float.
    pub(crate) fn float(self) -> f64 {
        match self {
            Number::Integer(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

/// The value as an integer, flags included.
pub(crate) fn as_integer(value: &Value) -> Option<i128> {
    match Number::of(value)? {
        Number::Integer(number) => Some(number),
        Number::Float(_) => None,
    }
}

/// Python's name of a value's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    if value.is_tuple() {
        return "tuple";
    }
    match value.kind() {
        ValueKind::Undefined => "Undefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq if value.downcast_object_ref::<Range>().is_some() => "range",
        ValueKind::Seq => "list",
        ValueKind::Iterable if value.downcast_object_ref::<Set>().is_some() => "set",
        ValueKind::Map if is_dict(value) => "dict",
        _ => crate::modules::type_name(value).unwrap_or("object"),
    }
}

/// Whether the value is a dictionary of ours or of the engine, not an object of the caller's.
pub(crate) fn is_dict(value: &Value) -> bool {
    value.downcast_object_ref::<Dict>().is_some()
        || value.downcast_object_ref::<IndexMap<Value, Value>>().is_some()
        || value.downcast_object_ref::<IndexMap<String, Value>>().is_some()
        || value.is_kwargs()
}

/// Whether the value is a list of ours or of the engine.
pub(crate) fn is_list(value: &Value) -> bool {
    value.downcast_object_ref::<List>().is_some() || value.downcast_object_ref::<Vec<Value>>().is_some()
}

/// Makes what comes from Rust behave like Python: sequences and plain maps become mutable.
pub(crate) fn normalise(value: Value) -> Value {
    let ours = |object: &DynObject| {
        object.downcast_ref::<List>().is_some()
            || object.downcast_ref::<Dict>().is_some()
            || object.downcast_ref::<Range>().is_some()
            || object.downcast_ref::<View>().is_some()
            || object.downcast_ref::<Set>().is_some()
    };
    let Some(object) = value.as_object() else {
        return value;
    };
    if ours(object) || value.is_tuple() {
        return value;
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => match value.try_iter() {
            Ok(items) => list(items.collect()),
            Err(_) => value,
        },
        ValueKind::Map if is_dict(&value) => match entries(&value) {
            Ok(entries) => dict(entries),
            Err(_) => value,
        },
        _ => value,
    }
}

/// The items of anything that can be looped over; a snapshot, so the loop may change the container.
pub(crate) fn iterate(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(Vec::new()),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            Ok(text.chars().map(|character| Value::from(character.to_string())).collect())
        }
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(value.try_iter()?.collect()),
        ValueKind::Plain if value.try_iter().is_ok() => Ok(value.try_iter()?.collect()),
        _ => Err(Error::new(ErrorKind::Type, format!("'{}' object is not iterable", type_name(value)))),
    }
}

/// Keys and values of a map.
pub(crate) fn entries(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if let Some(dict) = value.downcast_object_ref::<Dict>() {
        return Ok(dict.entries());
    }
    if value.kind() != ValueKind::Map {
        return Err(Error::new(ErrorKind::Type, format!("'{}' object is not a mapping", type_name(value))));
    }
    let mut entries = Vec::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        entries.push((key, item));
    }
    Ok(entries)
}

/// `len(value)`
pub(crate) fn length(value: &Value) -> Result<usize, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(0),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().chars().count()),
        _ => match value.len() {
            Some(length) => Ok(length),
            None if value.kind() == ValueKind::Iterable => Ok(iterate(value)?.len()),
            None => Err(Error::new(ErrorKind::Type, format!("object of type '{}' has no len()", type_name(value)))),
        },
    }
}

/// `value[key]`, undefined where there is nothing.
pub(crate) fn item(value: &Value, key: &Value) -> Value {
    let at = |length: usize| {
        let index = as_integer(key)?;
        let index = if index < 0 { index + length as i128 } else { index };
        usize::try_from(index).ok().filter(|index| *index < length)
    };
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            let character = at(text.chars().count()).and_then(|index| text.chars().nth(index));
            character.map_or(Value::UNDEFINED, |character| Value::from(character.to_string()))
        }
        ValueKind::Seq => match at(value.len().unwrap_or(0)) {
            Some(index) => value.get_item_by_index(index).unwrap_or_default(),
            None if as_integer(key).is_none() => value.get_item(key).unwrap_or_default(),
            None => Value::UNDEFINED,
        },
        ValueKind::None | ValueKind::Undefined | ValueKind::Bool | ValueKind::Number => Value::UNDEFINED,
        _ => value.get_item(key).unwrap_or_default(),
    }
}

/// `value[from:to:step]`
pub(crate) fn slice(value: &Value, bounds: [&Value; 3]) -> Result<Value, Error> {
    let mut numbers = [None; 3];
    for (number, bound) in numbers.iter_mut().zip(bounds) {
        if !bound.is_none() {
            *number = Some(as_integer(bound).ok_or_else(|| {
                Error::new(ErrorKind::Type, format!("slice indices must be integers, not '{}'", type_name(bound)))
            })?);
        }
    }
    let text = value.kind() == ValueKind::String;
    if !text && value.kind() != ValueKind::Seq {
        return Ok(Value::UNDEFINED);
    }
    let items = iterate(value)?;
    let length = items.len() as i128;
    let step = numbers[2].unwrap_or(1);
    if step == 0 {
        return Err(Error::new(ErrorKind::Value, "slice step cannot be zero"));
    }
    let clamp = |index: i128| {
        let index = if index < 0 { index.saturating_add(length) } else { index };
        if step > 0 { index.clamp(0, length) } else { index.clamp(-1, length - 1) }
    };
    let (first, end) = if step > 0 {
        (numbers[0].map_or(0, clamp), numbers[1].map_or(length, clamp))
    } else {
        (numbers[0].map_or(length - 1, clamp), numbers[1].map_or(-1, clamp))
    };
    let mut picked = Vec::new();
    let mut index = first;
    while (step > 0 && index < end) || (step < 0 && index > end) {
        if let Ok(position) = usize::try_from(index) {
            picked.extend(items.get(position).cloned());
        }
        index = index.saturating_add(step);
    }
    if text {
        return Ok(Value::from(picked.iter().map(text::text).collect::<String>()));
    }
    Ok(if value.is_tuple() { tuple(picked) } else { list(picked) })
}

/// Refuses what Python cannot hash as a key of a dictionary or set.
pub(crate) fn check_hashable(key: &Value) -> Result<(), Error> {
    let unhashable = match key.kind() {
        ValueKind::Seq if key.is_tuple() => {
            return iterate(key)?.iter().try_for_each(check_hashable);
        }
        ValueKind::Seq => is_list(key),
        ValueKind::Map => is_dict(key),
        _ => key.downcast_object_ref::<Set>().is_some(),
    };
    if unhashable {
        return Err(Error::new(ErrorKind::Type, format!("unhashable type: '{}'", type_name(key))));
    }
    Ok(())
}

/// A value from an object already shared.
pub(crate) fn shared<T: Object + 'static>(object: Arc<T>) -> Value {
    Value::from_dyn_object(object)
}
