//! Rust functions as template values, their arguments, and calling template values from Rust.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::State;
use minijinja::value::{Kwargs, Object, ObjectRepr};

use crate::{Error, ErrorKind, Value};

/// The arguments of one call, as the template gave them.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// Arguments by position.
    pub positional: Vec<Value>,
    /// Arguments by name, in the order of the call.
    pub keyword: IndexMap<String, Value>,
}

impl Arguments {
    /// Arguments from parts.
    pub fn new(positional: &[Value], keyword: &[(&str, Value)]) -> Arguments {
        Arguments {
            positional: positional.to_vec(),
            keyword: keyword.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect(),
        }
    }

    /// Takes the engine's form apart: positional values, then at most one bundle of keyword arguments.
    pub fn from_values(values: &[Value]) -> Arguments {
        let mut arguments = Arguments::default();
        for value in values {
            if value.is_kwargs()
                && let Ok(bundle) = Kwargs::try_from(value.clone())
            {
                for name in bundle.args() {
                    if let Ok(item) = bundle.get::<Value>(name) {
                        arguments.keyword.insert(name.to_string(), item);
                    }
                }
            } else {
                arguments.positional.push(value.clone());
            }
        }
        arguments
    }

    /// The engine's form, for objects and filters.
    pub fn into_values(self) -> Vec<Value> {
        let mut values = self.positional;
        if !self.keyword.is_empty() {
            values.push(Value::from(self.keyword.into_iter().collect::<Kwargs>()));
        }
        values
    }

    /// The argument at this position or of this name, if it was given.
    pub fn get(&self, index: usize, name: &str) -> Option<&Value> {
        self.positional.get(index).or_else(|| self.keyword.get(name))
    }

    /// The argument at this position or of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Arguments`] when it was not given.
    pub fn required(&self, index: usize, name: &str) -> Result<&Value, Error> {
        self.get(index, name)
            .ok_or_else(|| Error::new(ErrorKind::Arguments, format!("missing required argument '{name}'")))
    }

    /// The argument as text, if it was given and is not none.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] when it is not a string.
    pub fn text(&self, index: usize, name: &str) -> Result<Option<String>, Error> {
        match self.get(index, name) {
            None => Ok(None),
            Some(value) if value.is_none() || value.is_undefined() => Ok(None),
            Some(value) => match value.as_str() {
                Some(text) => Ok(Some(text.to_string())),
                None => Err(Error::new(
                    ErrorKind::Type,
                    format!("argument '{name}' must be a string, not {}", crate::value::type_name(value)),
                )),
            },
        }
    }

    /// The argument as text.
    ///
    /// # Errors
    /// When it was not given or is not a string.
    pub fn required_text(&self, index: usize, name: &str) -> Result<String, Error> {
        self.text(index, name)?
            .ok_or_else(|| Error::new(ErrorKind::Arguments, format!("missing required argument '{name}'")))
    }

    /// Refuses arguments beyond the named ones: more positions than names, or keywords that are not among them.
    ///
    /// # Errors
    /// [`ErrorKind::Arguments`], naming the first one too many.
    pub fn reject_unknown(&self, names: &[&str]) -> Result<(), Error> {
        if self.positional.len() > names.len() {
            let message = format!("takes at most {} argument(s), {} given", names.len(), self.positional.len());
            return Err(Error::new(ErrorKind::Arguments, message));
        }
        match self.keyword.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err(Error::new(ErrorKind::Arguments, format!("unexpected keyword argument '{name}'"))),
            None => Ok(()),
        }
    }
}

type Body = dyn Fn(&Arguments) -> Result<Value, Error> + Send + Sync;

/// A Rust closure behind a name.
struct Function {
    name: String,
    body: Box<Body>,
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<function {}>", self.name)
    }
}

impl Object for Function {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, values: &[Value]) -> Result<Value, minijinja::Error> {
        Ok((self.body)(&Arguments::from_values(values))?)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<function {}>", self.name)
    }
}

/// A Rust function as a template value. It may itself call macros with [`call`].
pub fn function(name: &str, body: impl Fn(&Arguments) -> Result<Value, Error> + Send + Sync + 'static) -> Value {
    Value::from_object(Function { name: name.to_string(), body: Box::new(body) })
}

/// Calls a callable value (macro, function, object) with arguments from Rust.
///
/// # Errors
/// Whatever the call raises; [`ErrorKind::Type`] when the value cannot be called.
pub fn call(value: &Value, positional: &[Value], keyword: &[(&str, Value)]) -> Result<Value, Error> {
    crate::eval::call_value(value, Arguments::new(positional, keyword))
}

/// Calls a callable object that is no macro.
pub(crate) fn call_with(value: &Value, arguments: Arguments) -> Result<Value, Error> {
    if let Some(function) = value.downcast_object_ref::<Function>() {
        return (function.body)(&arguments);
    }
    let mut state = crate::eval::environment().empty_state();
    Ok(value.call(&mut state, &arguments.into_values())?)
}
