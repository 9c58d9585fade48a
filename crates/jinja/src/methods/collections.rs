//! Methods of `list`, `tuple`, `dict` and `set`.
//!
//! Arguments are read before a container is locked, so that `a.extend(a)` works.

use indexmap::{IndexMap, IndexSet};

use crate::value::{
    self, Dict, List, Set, View, as_integer, check_hashable, compare, dict, entries, is_dict, iterate, list, none,
    shared, text, tuple,
};
use crate::{Arguments, Error, ErrorKind, Value};

pub(super) const LIST: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
pub(super) const TUPLE: &[&str] = &["count", "index"];
pub(super) const DICT: &[&str] =
    &["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
pub(super) const SET: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "difference_update",
    "discard",
    "intersection",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "union",
    "update",
];

/// Calls a method.
pub(super) fn call(receiver: &Value, method: &str, arguments: &Arguments) -> Result<Value, Error> {
    if let Some(list) = receiver.downcast_object::<List>() {
        return on_list(&list, method, arguments);
    }
    if let Some(dict) = receiver.downcast_object::<Dict>() {
        return on_dict(&dict, method, arguments);
    }
    if let Some(set) = receiver.downcast_object::<Set>() {
        return on_set(&set, method, arguments);
    }
    if is_dict(receiver) {
        return call(&dict(entries(receiver)?), method, arguments);
    }
    let items = iterate(receiver)?;
    match method {
        "count" | "index" => search(&items, method, arguments),
        _ => call(&list(items), method, arguments),
    }
}

fn out_of_range(message: &str) -> Error {
    Error::new(ErrorKind::Value, message)
}

fn search(items: &[Value], method: &str, arguments: &Arguments) -> Result<Value, Error> {
    let wanted = arguments.required(0, "value")?;
    if method == "count" {
        return Ok(Value::from(items.iter().filter(|item| *item == wanted).count()));
    }
    match items.iter().position(|item| item == wanted) {
        Some(index) => Ok(Value::from(index)),
        None => Err(out_of_range(&format!("{} is not in list", text::repr(wanted)))),
    }
}

fn on_list(list: &std::sync::Arc<List>, method: &str, arguments: &Arguments) -> Result<Value, Error> {
    let items = list.items();
    match method {
        "append" => {
            arguments.reject_unknown(&["object"])?;
            let item = arguments.required(0, "object")?.clone();
            list.change(|items| items.push(item));
        }
        "extend" => {
            let more = iterate(arguments.required(0, "iterable")?)?;
            list.change(|items| items.extend(more));
        }
        "insert" => {
            let index = as_integer(arguments.required(0, "index")?)
                .ok_or_else(|| Error::new(ErrorKind::Type, "the index of insert() must be an integer"))?;
            let item = arguments.required(1, "object")?.clone();
            let length = items.len() as i128;
            let index = if index < 0 { (index + length).max(0) } else { index.min(length) };
            list.change(|items| {
                items.insert(usize::try_from(index).unwrap_or(0).min(items.len()), item);
            });
        }
        "pop" => {
            let index = match arguments.get(0, "index") {
                None => -1,
                Some(index) => as_integer(index)
                    .ok_or_else(|| Error::new(ErrorKind::Type, "the index of pop() must be an integer"))?,
            };
            let index = if index < 0 { index + items.len() as i128 } else { index };
            let index = usize::try_from(index).ok().filter(|index| *index < items.len());
            let message = if items.is_empty() { "pop from empty list" } else { "pop index out of range" };
            let index = index.ok_or_else(|| out_of_range(message))?;
            return Ok(list.change(|items| items.remove(index)));
        }
        "remove" => {
            let wanted = arguments.required(0, "value")?;
            match items.iter().position(|item| item == wanted) {
                Some(index) => drop(list.change(|items| items.remove(index))),
                None => return Err(out_of_range("list.remove(x): x not in list")),
            }
        }
        "sort" => {
            let reverse = arguments.keyword.get("reverse").is_some_and(Value::is_true);
            let key = arguments.keyword.get("key").filter(|key| !key.is_none());
            let mut keyed = Vec::with_capacity(items.len());
            for item in items {
                let by = match key {
                    Some(key) => crate::call(key, std::slice::from_ref(&item), &[])?,
                    None => item.clone(),
                };
                keyed.push((by, item));
            }
            compare::sort_by_key(&mut keyed, reverse)?;
            list.change(|items| *items = keyed.into_iter().map(|(_, item)| item).collect());
        }
        "clear" => list.change(Vec::clear),
        "reverse" => list.change(|items| items.reverse()),
        "copy" => return Ok(value::list(items)),
        "count" | "index" => return search(&items, method, arguments),
        _ => return Err(super::unknown(&shared(list.clone()), method)),
    }
    Ok(none())
}

/// Entries of the mapping or the pairs given to `update()` or `dict()`, then the keywords.
pub(crate) fn entries_of(arguments: &Arguments) -> Result<Vec<(Value, Value)>, Error> {
    let mut pairs = Vec::new();
    if let Some(source) = arguments.positional.first() {
        if source.kind() == minijinja::value::ValueKind::Map {
            pairs = entries(source)?;
        } else {
            for pair in iterate(source)? {
                let pair = iterate(&pair)?;
                let [key, value] = pair.as_slice() else {
                    let message = format!("expected pairs of key and value, found {} value(s)", pair.len());
                    return Err(Error::new(ErrorKind::Value, message));
                };
                check_hashable(key)?;
                pairs.push((key.clone(), value.clone()));
            }
        }
    }
    pairs.extend(arguments.keyword.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone())));
    Ok(pairs)
}

fn on_dict(dictionary: &std::sync::Arc<Dict>, method: &str, arguments: &Arguments) -> Result<Value, Error> {
    let default = || arguments.get(1, "default").cloned();
    let key = || {
        let key = arguments.required(0, "key")?;
        check_hashable(key).map(|()| key)
    };
    match method {
        "get" => Ok(dictionary.get(key()?).or_else(default).unwrap_or_else(none)),
        "items" => {
            let items = dictionary.entries().into_iter().map(|(key, value)| tuple(vec![key, value])).collect();
            Ok(Value::from_object(View { name: "dict_items", items }))
        }
        "keys" => {
            let items = dictionary.entries().into_iter().map(|(key, _)| key).collect();
            Ok(Value::from_object(View { name: "dict_keys", items }))
        }
        "values" => {
            let items = dictionary.entries().into_iter().map(|(_, value)| value).collect();
            Ok(Value::from_object(View { name: "dict_values", items }))
        }
        "update" => {
            let pairs = entries_of(arguments)?;
            dictionary.change(|entries| entries.extend(pairs));
            Ok(none())
        }
        "pop" => {
            let key = key()?;
            let removed = dictionary.change(|entries| entries.shift_remove(key));
            removed.or_else(default).ok_or_else(|| out_of_range(&format!("key {} not found", text::repr(key))))
        }
        "popitem" => match dictionary.change(IndexMap::pop) {
            Some((key, value)) => Ok(tuple(vec![key, value])),
            None => Err(out_of_range("popitem(): dictionary is empty")),
        },
        "setdefault" => {
            let key = key()?.clone();
            let value = default().unwrap_or_else(none);
            Ok(dictionary.change(|entries| entries.entry(key).or_insert(value).clone()))
        }
        "copy" => Ok(dict(dictionary.entries())),
        "clear" => {
            dictionary.change(IndexMap::clear);
            Ok(none())
        }
        "fromkeys" => {
            let value = arguments.get(1, "value").cloned().unwrap_or_else(none);
            let keys = iterate(arguments.required(0, "iterable")?)?;
            keys.iter().try_for_each(check_hashable)?;
            Ok(dict(keys.into_iter().map(|key| (key, value.clone())).collect()))
        }
        _ => Err(super::unknown(&shared(dictionary.clone()), method)),
    }
}

/// The items of an iterable as a set.
pub(crate) fn set_of(iterable: &Value) -> Result<IndexSet<Value>, Error> {
    let items = iterate(iterable)?;
    items.iter().try_for_each(check_hashable)?;
    Ok(items.into_iter().collect())
}

fn on_set(set: &std::sync::Arc<Set>, method: &str, arguments: &Arguments) -> Result<Value, Error> {
    let ours = set.items();
    let others = || arguments.positional.iter().map(set_of).collect::<Result<Vec<_>, _>>();
    let made = |items: IndexSet<Value>| Ok(Value::from_object(Set::new(items)));
    let item = || {
        let item = arguments.required(0, "item")?;
        check_hashable(item).map(|()| item.clone())
    };
    let other = || set_of(arguments.required(0, "other")?);
    match method {
        "add" => {
            let item = item()?;
            set.change(|items| items.insert(item));
        }
        "discard" => {
            let item = item()?;
            set.change(|items| items.shift_remove(&item));
        }
        "remove" => {
            let item = item()?;
            if !set.change(|items| items.shift_remove(&item)) {
                return Err(out_of_range(&format!("key {} not found", text::repr(&item))));
            }
        }
        "pop" => {
            let first = set.change(|items| items.shift_remove_index(0));
            return first.ok_or_else(|| out_of_range("pop from an empty set"));
        }
        "clear" => set.change(IndexSet::clear),
        "update" => {
            let others = others()?;
            set.change(|items| others.into_iter().for_each(|other| items.extend(other)));
        }
        "difference_update" => {
            let others = others()?;
            set.change(|items| {
                items.retain(|item| !others.iter().any(|other| other.contains(item)));
            });
        }
        "copy" => return made(ours),
        "union" => {
            return made(ours.into_iter().chain(others()?.into_iter().flatten()).collect());
        }
        "intersection" => {
            let others = others()?;
            return made(ours.into_iter().filter(|item| others.iter().all(|other| other.contains(item))).collect());
        }
        "difference" => {
            let others = others()?;
            return made(ours.into_iter().filter(|item| !others.iter().any(|other| other.contains(item))).collect());
        }
        "symmetric_difference" => {
            let other = other()?;
            let rest: Vec<Value> = other.iter().filter(|item| !ours.contains(*item)).cloned().collect();
            return made(ours.into_iter().filter(|item| !other.contains(item)).chain(rest).collect());
        }
        "issubset" => {
            return other().map(|other| Value::from(ours.iter().all(|item| other.contains(item))));
        }
        "issuperset" => {
            return other().map(|other| Value::from(other.iter().all(|item| ours.contains(item))));
        }
        "isdisjoint" => {
            return other().map(|other| Value::from(!ours.iter().any(|item| other.contains(item))));
        }
        _ => return Err(super::unknown(&shared(set.clone()), method)),
    }
    Ok(none())
}
