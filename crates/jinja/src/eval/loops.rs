//! `{% for %}` and what `loop` knows.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::State;
use minijinja::value::{Object, ObjectRepr};

use super::{Flow, Frame, Sink};
use crate::ast::ForLoop;
use crate::scope::Scope;
use crate::value::iterate;
use crate::{Arguments, Error, ErrorKind, Span, Value, stack};

impl Frame {
    pub(super) fn for_loop(&self, each: &Arc<ForLoop>, scope: &Arc<Scope>, sink: &mut Sink) -> Result<Flow, Error> {
        let iterable = self.evaluate(&each.iterable, scope)?;
        self.loop_over(each, &iterable, 0, scope, sink)
    }

    fn loop_over(
        &self,
        each: &Arc<ForLoop>,
        iterable: &Value,
        depth: usize,
        scope: &Arc<Scope>,
        sink: &mut Sink,
    ) -> Result<Flow, Error> {
        let items = iterate(iterable).map_err(|error| self.place(error, each.iterable.span))?;
        let items = Arc::new(self.matching(each, items, scope)?);
        if items.is_empty() {
            return self.body(&each.otherwise, scope, sink);
        }
        let recursion = each.recursive.then(|| Arc::new((self.clone(), each.clone(), scope.clone())));
        let changed = Arc::new(Mutex::new(None));
        for (index, item) in items.iter().enumerate() {
            let inner = scope.child();
            let state =
                Loop { index, items: items.clone(), depth, changed: changed.clone(), recursion: recursion.clone() };
            inner.set("loop", Value::from_object(state));
            self.assign(&each.target, item.clone(), &inner)?;
            if self.body(&each.body, &inner, sink)? == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    /// The items for which the condition of the loop holds.
    fn matching(&self, each: &ForLoop, items: Vec<Value>, scope: &Arc<Scope>) -> Result<Vec<Value>, Error> {
        let Some(condition) = &each.condition else {
            return Ok(items);
        };
        let mut kept = Vec::new();
        for item in items {
            let inner = scope.child();
            self.assign(&each.target, item.clone(), &inner)?;
            if self.evaluate(condition, &inner)?.is_true() {
                kept.push(item);
            }
        }
        Ok(kept)
    }
}

/// What a recursive loop runs again: where, which loop, and in what scope.
type Recursion = (Frame, Arc<ForLoop>, Arc<Scope>);

/// The `loop` variable in one round.
struct Loop {
    index: usize,
    items: Arc<Vec<Value>>,
    depth: usize,
    changed: Arc<Mutex<Option<Vec<Value>>>>,
    recursion: Option<Arc<Recursion>>,
}

impl fmt::Debug for Loop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<LoopContext {}/{}>", self.index + 1, self.items.len())
    }
}

impl Object for Loop {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let length = self.items.len();
        Some(match key.as_str()? {
            "index" => Value::from(self.index + 1),
            "index0" => Value::from(self.index),
            "revindex" => Value::from(length - self.index),
            "revindex0" => Value::from(length - self.index - 1),
            "first" => Value::from(self.index == 0),
            "last" => Value::from(self.index + 1 == length),
            "length" => Value::from(length),
            "depth" => Value::from(self.depth + 1),
            "depth0" => Value::from(self.depth),
            "previtem" => self.index.checked_sub(1).and_then(|index| self.items.get(index).cloned())?,
            "nextitem" => self.items.get(self.index + 1).cloned()?,
            _ => return None,
        })
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        match method {
            "cycle" if arguments.is_empty() => {
                Err(Error::new(ErrorKind::Arguments, "loop.cycle() needs at least one value").into())
            }
            "cycle" => Ok(arguments[self.index % arguments.len()].clone()),
            "changed" => {
                let mut last = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
                let changed = last.as_deref() != Some(arguments);
                *last = Some(arguments.to_vec());
                Ok(Value::from(changed))
            }
            _ => Err(minijinja::ErrorKind::UnknownMethod.into()),
        }
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, values: &[Value]) -> Result<Value, minijinja::Error> {
        let Some(recursion) = &self.recursion else {
            let message = "the loop is not recursive: write '{% for ... recursive %}'";
            return Err(Error::new(ErrorKind::Type, message).into());
        };
        let (frame, each, scope) = &**recursion;
        let arguments = Arguments::from_values(values);
        let iterable = arguments.required(0, "iterable")?;
        let text = stack::call(frame.options.recursion_limit, || {
            let mut sink = Sink::default();
            frame.loop_over(each, iterable, self.depth + 1, scope, &mut sink)?;
            Ok(sink.text)
        });
        Ok(Value::from(text.map_err(|error| frame.place(error, Span::default()))?))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}
