//! Containers with Python's behaviour: `List` and `Dict` and `Set` are shared and mutable, `Range` and `View` are not.
//!
//! Everything that loops takes a snapshot first, so that a template may change a container while it loops over it.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::{IndexMap, IndexSet};
use minijinja::State;
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};

use super::{as_integer, text};
use crate::{Arguments, Value};

/// Takes the lock, also after a panic elsewhere: the data is plain values.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A mutable list.
pub(crate) struct List(Mutex<Vec<Value>>);

impl List {
    pub(crate) fn new(items: Vec<Value>) -> List {
        List(Mutex::new(items))
    }

    /// A snapshot of the items.
    pub(crate) fn items(&self) -> Vec<Value> {
        guard(&self.0).clone()
    }

    /// Changes the items; `change` must not touch other containers.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Vec<Value>) -> R) -> R {
        change(&mut guard(&self.0))
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let items = guard(&self.0);
        let index = as_integer(key)?;
        let index = if index < 0 { index + items.len() as i128 } else { index };
        items.get(usize::try_from(index).ok()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(guard(&self.0).len())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let value = super::shared(self.clone());
        Ok(crate::methods::call(&value, method, Arguments::from_values(arguments))?)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_items(formatter, Arc::as_ptr(self).cast::<()>() as usize, ["[", "]"], &self.items())
    }
}

/// A mutable dictionary in order of insertion.
pub(crate) struct Dict(Mutex<IndexMap<Value, Value>>);

impl Dict {
    pub(crate) fn new(entries: IndexMap<Value, Value>) -> Dict {
        Dict(Mutex::new(entries))
    }

    /// A snapshot of the entries.
    pub(crate) fn entries(&self) -> Vec<(Value, Value)> {
        guard(&self.0).iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &Value) -> Option<Value> {
        guard(&self.0).get(key).cloned()
    }

    /// Changes the entries; `change` must not touch other containers.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut IndexMap<Value, Value>) -> R) -> R {
        change(&mut guard(&self.0))
    }
}

impl Object for Dict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(guard(&self.0).keys().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(guard(&self.0).len())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let value = super::shared(self.clone());
        Ok(crate::methods::call(&value, method, Arguments::from_values(arguments))?)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_entries(formatter, Arc::as_ptr(self).cast::<()>() as usize, &self.entries())
    }
}

/// A mutable set in order of insertion.
pub(crate) struct Set(Mutex<IndexSet<Value>>);

impl Set {
    pub(crate) fn new(items: IndexSet<Value>) -> Set {
        Set(Mutex::new(items))
    }

    /// A snapshot of the items.
    pub(crate) fn items(&self) -> IndexSet<Value> {
        guard(&self.0).clone()
    }

    /// Changes the items; `change` must not touch other containers.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut IndexSet<Value>) -> R) -> R {
        change(&mut guard(&self.0))
    }
}

impl Object for Set {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items().into_iter().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(guard(&self.0).len())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let value = super::shared(self.clone());
        Ok(crate::methods::call(&value, method, Arguments::from_values(arguments))?)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let theirs = other.downcast_ref::<Set>()?.items();
        let ours = self.items();
        let equal = ours.len() == theirs.len() && ours.iter().all(|item| theirs.contains(item));
        Some(if equal { Ordering::Equal } else { ours.iter().cmp(theirs.iter()).then(Ordering::Less) })
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<Value> = self.items().into_iter().collect();
        if items.is_empty() {
            return formatter.write_str("set()");
        }
        text::write_items(formatter, Arc::as_ptr(self).cast::<()>() as usize, ["{", "}"], &items)
    }
}

/// `range(start, stop, step)`
#[derive(Debug)]
pub(crate) struct Range {
    pub start: i64,
    pub stop: i64,
    pub step: i64,
}

impl Range {
    /// How many numbers it gives.
    pub(crate) fn len(&self) -> usize {
        let (start, stop, step) = (i128::from(self.start), i128::from(self.stop), i128::from(self.step));
        let distance = if step > 0 { stop - start } else { start - stop };
        let step = step.abs();
        usize::try_from(((distance + step - 1) / step).max(0)).unwrap_or(0)
    }

    fn at(&self, index: usize) -> Value {
        Value::from(self.start + self.step * index as i64)
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = usize::try_from(as_integer(key)?).ok()?;
        (index < self.len()).then(|| self.at(index))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values((0..self.len()).map(|index| self.at(index)).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len())
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            1 => write!(formatter, "range({}, {})", self.start, self.stop),
            step => write!(formatter, "range({}, {}, {step})", self.start, self.stop),
        }
    }
}

/// What `keys()`, `values()` and `items()` of a dictionary give.
pub(crate) struct View {
    pub name: &'static str,
    pub items: Vec<Value>,
}

impl Object for View {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items.clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items.len())
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}(", self.name)?;
        text::write_items(formatter, Arc::as_ptr(self).cast::<()>() as usize, ["[", "]"], &self.items)?;
        formatter.write_str(")")
    }
}

impl fmt::Debug for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.items()).finish()
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.entries()).finish()
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.items()).finish()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}({:?})", self.name, self.items)
    }
}
