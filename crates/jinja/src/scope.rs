//! Variables of a template: scopes that know their parent, and `namespace(...)`.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use crate::Value;
use crate::value::text;

/// Variables set in one part of a template, and the scope around it. A macro starts a scope without a parent.
pub(crate) struct Scope {
    variables: Mutex<Vec<(String, Value)>>,
    parent: Option<Arc<Scope>>,
}

impl Scope {
    /// A scope that sees nothing but itself.
    pub(crate) fn root() -> Arc<Scope> {
        Arc::new(Scope { variables: Mutex::default(), parent: None })
    }

    /// A scope inside of this one.
    pub(crate) fn child(self: &Arc<Self>) -> Arc<Scope> {
        Arc::new(Scope { variables: Mutex::default(), parent: Some(self.clone()) })
    }

    /// The value of a variable here or further out.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            let variables = scope.variables.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, value)) = variables.iter().find(|(known, _)| known == name) {
                return Some(value.clone());
            }
            drop(variables);
            scope = scope.parent.as_deref()?;
        }
    }

    /// Sets a variable in this scope.
    pub(crate) fn set(&self, name: &str, value: Value) {
        let mut variables = self.variables.lock().unwrap_or_else(PoisonError::into_inner);
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => variables.push((name.to_string(), value)),
        }
    }
}

/// `namespace(a=1)`: attributes that `{% set ns.a = 2 %}` changes from any scope.
#[derive(Default)]
pub(crate) struct Namespace(Mutex<IndexMap<String, Value>>);

impl Namespace {
    /// Sets an attribute.
    pub(crate) fn set(&self, name: &str, value: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), value);
    }

    fn entries(&self) -> Vec<(Value, Value)> {
        let attributes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attributes.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone())).collect()
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.entries()).finish()
    }
}

impl Object for Namespace {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<Namespace ")?;
        text::write_entries(formatter, Arc::as_ptr(self).cast::<()>() as usize, &self.entries())?;
        formatter.write_str(">")
    }
}
