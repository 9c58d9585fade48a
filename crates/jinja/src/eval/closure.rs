//! Macros and `caller`: a routine with what it sees, the binding of arguments and `return`.

use std::fmt;
use std::sync::Arc;

use minijinja::State;
use minijinja::value::{Object, ObjectRepr};

use super::Frame;
use crate::ast::Routine;
use crate::scope::Scope;
use crate::value::{dict, tuple};
use crate::{Arguments, Error, ErrorKind, TraceEntry, Value, stack};

/// A routine with the names it sees. A macro has no scope but its own; a `caller` sees that of its `{% call %}`.
pub(crate) struct Closure {
    pub routine: Arc<Routine>,
    pub frame: Frame,
    pub scope: Option<Arc<Scope>>,
}

impl Closure {
    /// Calls the routine.
    pub(crate) fn invoke(&self, arguments: Arguments) -> Result<Value, Error> {
        let result = stack::call(self.frame.options.recursion_limit, || {
            let scope = self.bind(arguments)?;
            self.frame.text_of(&self.routine.body, &scope).map(Value::from)
        });
        match result {
            Err(error) if self.scope.is_none() => match error.returned() {
                Some(value) => Ok(value),
                None => Err(error.in_macro(TraceEntry {
                    macro_name: self.routine.name.clone(),
                    template: self.routine.source.name.clone(),
                    span: self.routine.span,
                    called_from: None,
                })),
            },
            other => other,
        }
    }

    /// A scope with the parameters set. What a routine accepts beyond them depends on which of `varargs`, `kwargs`
    /// and `caller` it reads.
    fn bind(&self, mut arguments: Arguments) -> Result<Arc<Scope>, Error> {
        let routine = &*self.routine;
        let scope = self.scope.as_ref().map_or_else(Scope::root, Scope::child);
        let mut positional = arguments.positional.into_iter();
        let mut takes_caller = false;
        for parameter in &routine.parameters {
            let given = match positional.next() {
                Some(value) => Some(value),
                None => arguments.keyword.shift_remove(&parameter.name),
            };
            takes_caller |= parameter.name == "caller";
            let value = match (given, &parameter.default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.frame.evaluate(default, &scope)?,
                (None, None) => Value::UNDEFINED,
            };
            scope.set(&parameter.name, value);
        }
        if routine.reads.caller && !takes_caller {
            let caller = arguments.keyword.shift_remove("caller");
            if let Some(caller) = caller {
                scope.set("caller", caller);
            } else if self.scope.is_none() {
                scope.set("caller", Value::UNDEFINED);
            }
        }
        if routine.reads.kwargs {
            let rest = arguments.keyword.into_iter().map(|(name, value)| (Value::from(name), value));
            scope.set("kwargs", dict(rest.collect()));
        } else if let Some(name) = arguments.keyword.keys().next() {
            let message = match name.as_str() {
                "caller" => format!("macro '{}' does not use caller()", routine.name),
                _ => format!("macro '{}' takes no keyword argument '{name}'", routine.name),
            };
            return Err(Error::new(ErrorKind::Arguments, message));
        }
        let rest: Vec<Value> = positional.collect();
        if routine.reads.varargs {
            scope.set("varargs", tuple(rest));
        } else if !rest.is_empty() {
            let count = routine.parameters.len();
            let message = format!("macro '{}' takes not more than {count} argument(s)", routine.name);
            return Err(Error::new(ErrorKind::Arguments, message));
        }
        Ok(scope)
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<macro {}>", self.routine.name)
    }
}

impl Object for Closure {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "name" => Some(Value::from(self.routine.name.as_str())),
            _ => None,
        }
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, values: &[Value]) -> Result<Value, minijinja::Error> {
        Ok(self.invoke(Arguments::from_values(values))?)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}
