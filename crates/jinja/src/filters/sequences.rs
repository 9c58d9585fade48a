//! Filters over sequences and maps.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};

use super::{apply, flag_argument, items_of, size_argument};
use crate::ast::BinaryOperator;
use crate::value::{arithmetic, as_integer, compare, entries, item, iterate, list, text, tuple};
use crate::{Arguments, Error, ErrorKind, Value, predicates};

/// The arguments behind the first `count` positional ones.
fn behind(arguments: &Arguments, count: usize) -> Arguments {
    Arguments {
        positional: arguments.positional.iter().skip(count).cloned().collect(),
        keyword: arguments.keyword.clone(),
    }
}

/// One step of a path: item, else attribute.
fn step(value: &Value, key: &Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::Undefined, format!("{} of an undefined value", text::repr(key))));
    }
    let found = item(value, key);
    Ok(match key.as_str() {
        Some(name) if found.is_undefined() => crate::eval::attribute(value, name),
        _ => found,
    })
}

/// `a.b.0` below a value.
pub(super) fn by_path(value: &Value, path: &Value) -> Result<Value, Error> {
    let Some(path) = path.as_str() else {
        return step(value, path);
    };
    path.split('.').try_fold(value.clone(), |current, part| {
        let key = part.parse::<i64>().map_or_else(|_| Value::from(part), Value::from);
        step(&current, &key)
    })
}

/// Text in lower case unless case counts; other values as they are.
fn fold_case(value: Value, case_sensitive: bool) -> Value {
    match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    }
}

/// What the argument `attribute` picks, or the item itself.
fn picked(item: &Value, attribute: Option<&Value>) -> Result<Value, Error> {
    match attribute {
        Some(path) if !path.is_none() => by_path(item, path),
        _ => Ok(item.clone()),
    }
}

pub(super) fn attr(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let name = arguments.required_text(0, "name")?;
    Ok(crate::eval::attribute(value, &name))
}

pub(super) fn items(value: &Value, _: &Arguments) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(list(Vec::new()));
    }
    Ok(list(entries(value)?.into_iter().map(|(key, item)| tuple(vec![key, item])).collect()))
}

pub(super) fn first(value: &Value, _: &Arguments) -> Result<Value, Error> {
    Ok(iterate(value)?.into_iter().next().unwrap_or_default())
}

pub(super) fn last(value: &Value, _: &Arguments) -> Result<Value, Error> {
    Ok(iterate(value)?.pop().unwrap_or_default())
}

pub(super) fn random(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let mut items = iterate(value)?;
    if items.is_empty() {
        return Ok(Value::UNDEFINED);
    }
    crate::purity::note_impure();
    let index = RandomState::new().hash_one(items.len()) % items.len() as u64;
    Ok(items.swap_remove(usize::try_from(index).unwrap_or(0)))
}

pub(super) fn reverse(value: &Value, _: &Arguments) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let mut items = iterate(value)?;
    items.reverse();
    Ok(list(items))
}

/// Rows of `linecount` items.
pub(super) fn batch(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.required(0, "linecount")?;
    let size = size_argument(arguments, 0, "linecount", 1)?.max(1);
    let fill = arguments.get(1, "fill_with").filter(|fill| !fill.is_none());
    let items = iterate(value)?;
    let mut rows = Vec::new();
    for row in items.chunks(size) {
        let mut row = row.to_vec();
        if let Some(fill) = fill {
            row.resize(size, fill.clone());
        }
        rows.push(list(row));
    }
    Ok(list(rows))
}

/// That many columns, the first ones longer.
pub(super) fn slice(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let slices = size_argument(arguments, 0, "slices", 0)?;
    if slices == 0 {
        return Err(Error::new(ErrorKind::Value, "the number of slices must be at least 1"));
    }
    let fill = arguments.get(1, "fill_with").filter(|fill| !fill.is_none());
    let items = iterate(value)?;
    let (each, longer) = (items.len() / slices, items.len() % slices);
    let mut rest = items.as_slice();
    let mut columns = Vec::new();
    for index in 0..slices {
        let (column, behind) = rest.split_at(each + usize::from(index < longer));
        rest = behind;
        let mut column = column.to_vec();
        if let Some(fill) = fill.filter(|_| index >= longer && longer > 0) {
            column.push(fill.clone());
        }
        columns.push(list(column));
    }
    Ok(list(columns))
}

pub(super) fn map(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let items = items_of(value)?;
    if arguments.positional.is_empty() {
        let Some(path) = arguments.keyword.get("attribute") else {
            return Err(Error::new(ErrorKind::Arguments, "map requires a filter or an attribute"));
        };
        if let Some(name) = arguments.keyword.keys().find(|name| !matches!(name.as_str(), "attribute" | "default")) {
            return Err(Error::new(ErrorKind::Arguments, format!("unexpected keyword argument '{name}'")));
        }
        let default = arguments.keyword.get("default");
        let mapped = items.iter().map(|item| match (by_path(item, path), default) {
            (Ok(found), Some(default)) if found.is_undefined() => Ok(default.clone()),
            (Err(_), Some(default)) => Ok(default.clone()),
            (found, _) => found,
        });
        return Ok(list(mapped.collect::<Result<_, _>>()?));
    }
    let name = arguments.required_text(0, "filter")?;
    let rest = behind(arguments, 1);
    Ok(list(items.iter().map(|item| apply(&name, item, &rest)).collect::<Result<_, _>>()?))
}

/// Whether the item passes the test named at `index` of the arguments; its truth when there is none.
fn passes(item: &Value, arguments: &Arguments, index: usize) -> Result<bool, Error> {
    match arguments.positional.get(index) {
        None => Ok(item.is_true()),
        Some(name) => predicates::perform(&text::text(name), item, &behind(arguments, index + 1)),
    }
}

pub(super) fn select(value: &Value, arguments: &Arguments, keep: bool) -> Result<Value, Error> {
    let mut kept = Vec::new();
    for item in items_of(value)? {
        if passes(&item, arguments, 0)? == keep {
            kept.push(item);
        }
    }
    Ok(list(kept))
}

pub(super) fn select_by_attribute(value: &Value, arguments: &Arguments, keep: bool) -> Result<Value, Error> {
    let path = arguments.required(0, "attribute")?;
    let mut kept = Vec::new();
    for item in items_of(value)? {
        if passes(&by_path(&item, path)?, arguments, 1)? == keep {
            kept.push(item);
        }
    }
    Ok(list(kept))
}

pub(super) fn sort(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["reverse", "case_sensitive", "attribute"])?;
    let case_sensitive = flag_argument(arguments, 1, "case_sensitive");
    let attribute = arguments.get(2, "attribute").filter(|attribute| !attribute.is_none());
    let paths: Option<Vec<Value>> = attribute.map(|attribute| match attribute.as_str() {
        Some(paths) => paths.split(',').map(Value::from).collect(),
        None => vec![attribute.clone()],
    });
    let mut keyed = Vec::new();
    for item in iterate(value)? {
        let key = match &paths {
            None => fold_case(item.clone(), case_sensitive),
            Some(paths) => {
                let keys = paths.iter().map(|path| Ok(fold_case(by_path(&item, path)?, case_sensitive)));
                list(keys.collect::<Result<_, Error>>()?)
            }
        };
        keyed.push((key, item));
    }
    compare::sort_by_key(&mut keyed, flag_argument(arguments, 0, "reverse"))?;
    Ok(list(keyed.into_iter().map(|(_, item)| item).collect()))
}

pub(super) fn unique(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let case_sensitive = flag_argument(arguments, 0, "case_sensitive");
    let attribute = arguments.get(1, "attribute");
    let mut seen = indexmap::IndexSet::new();
    let mut kept = Vec::new();
    for item in iterate(value)? {
        let key = fold_case(picked(&item, attribute)?, case_sensitive);
        crate::value::check_hashable(&key)?;
        if seen.insert(key) {
            kept.push(item);
        }
    }
    Ok(list(kept))
}

pub(super) fn extreme(value: &Value, arguments: &Arguments, largest: bool) -> Result<Value, Error> {
    let case_sensitive = flag_argument(arguments, 0, "case_sensitive");
    let attribute = arguments.get(1, "attribute");
    let mut best: Option<(Value, Value)> = None;
    for item in iterate(value)? {
        let key = fold_case(picked(&item, attribute)?, case_sensitive);
        let better = match &best {
            None => true,
            Some((best, _)) => {
                let wanted = if largest { Ordering::Greater } else { Ordering::Less };
                compare::order(&key, best, if largest { ">" } else { "<" })? == Some(wanted)
            }
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map(|(_, item)| item).unwrap_or_default())
}

pub(super) fn sum(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["attribute", "start"])?;
    let attribute = arguments.get(0, "attribute");
    let start = arguments.get(1, "start").cloned().unwrap_or_else(|| Value::from(0));
    iterate(value)?
        .iter()
        .try_fold(start, |total, item| arithmetic::binary(BinaryOperator::Add, &total, &picked(item, attribute)?))
}

pub(super) fn dictsort(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["case_sensitive", "by", "reverse"])?;
    let case_sensitive = flag_argument(arguments, 0, "case_sensitive");
    let by_value = match arguments.text(1, "by")?.as_deref() {
        None | Some("key") => false,
        Some("value") => true,
        Some(_) => {
            return Err(Error::new(ErrorKind::Value, "you can only sort by either 'key' or 'value'"));
        }
    };
    let mut keyed = Vec::new();
    for (key, item) in entries(value)? {
        let by = if by_value { item.clone() } else { key.clone() };
        keyed.push((fold_case(by, case_sensitive), tuple(vec![key, item])));
    }
    compare::sort_by_key(&mut keyed, flag_argument(arguments, 2, "reverse"))?;
    Ok(list(keyed.into_iter().map(|(_, pair)| pair).collect()))
}

/// A pair of `grouper` and `list`.
#[derive(Debug)]
struct Group {
    grouper: Value,
    list: Value,
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_str(), as_integer(key)) {
            (Some("grouper"), _) | (_, Some(0 | -2)) => Some(self.grouper.clone()),
            (Some("list"), _) | (_, Some(1 | -1)) => Some(self.list.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(vec![self.grouper.clone(), self.list.clone()])
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "({}, {})", text::repr(&self.grouper), text::repr(&self.list))
    }
}

pub(super) fn groupby(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["attribute", "default", "case_sensitive"])?;
    let path = arguments.required(0, "attribute")?;
    let default = arguments.get(1, "default").filter(|default| !default.is_none());
    let case_sensitive = flag_argument(arguments, 2, "case_sensitive");
    let mut keyed = Vec::new();
    let mut originals = Vec::new();
    for item in iterate(value)? {
        let found = match by_path(&item, path)? {
            found if found.kind() == ValueKind::Undefined => default.cloned().unwrap_or(found),
            found => found,
        };
        originals.push((item.clone(), found.clone()));
        keyed.push((fold_case(found, case_sensitive), item));
    }
    compare::sort_by_key(&mut keyed, false)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in keyed {
        match groups.last_mut() {
            Some((last, members)) if *last == key => members.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let group = |(key, members): (Value, Vec<Value>)| {
        // Without regard to case, the group is called as its first member has it.
        let spelled = originals.iter().find(|(item, _)| *item == members[0]).map_or(key, |(_, found)| found.clone());
        Value::from_object(Group { grouper: spelled, list: list(members) })
    };
    Ok(list(groups.into_iter().map(group).collect()))
}
