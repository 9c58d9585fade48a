//! Rendering to values: the rules of dbt for configuration in YAML.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, ValueKind};

use crate::ast::{Expression, ExpressionKind, Source, Statement};
use crate::value::{Number, arithmetic, text};
use crate::{Error, ErrorKind, Value, parser};

/// What a filter promised about text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    Text,
    Bool,
    Number,
    Native,
}

/// Text marked by `as_bool` and the like.
#[derive(Debug)]
struct Marked {
    text: String,
    promise: Promise,
}

impl Object for Marked {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.text.is_empty()
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Applies `as_bool` and the like; `None` for other filters. In the middle of an expression what they give is text.
pub(super) fn mark(filter: &str, value: &Value) -> Option<Value> {
    let promise = match filter {
        "as_text" => Promise::Text,
        "as_bool" => Promise::Bool,
        "as_number" => Promise::Number,
        "as_native" => Promise::Native,
        _ => return None,
    };
    Some(Value::from_object(Marked { text: text::text(value), promise }))
}

/// A value that goes on into an operator or a test: text that was marked is text.
pub(super) fn unmarked(value: Value) -> Value {
    match value.downcast_object_ref::<Marked>() {
        Some(marked) => Value::from(marked.text.as_str()),
        None => value,
    }
}

/// The value of what a template wrote: one piece stays what it is, several become text.
pub(super) fn concatenate(mut pieces: Vec<Value>) -> Result<Value, Error> {
    if pieces.len() != 1 {
        return Ok(Value::from(pieces.iter().map(text::text).collect::<String>()));
    }
    let piece = pieces.remove(0);
    let Some(marked) = piece.downcast_object_ref::<Marked>() else {
        return Ok(piece);
    };
    let value = match marked.promise {
        Promise::Text => return Ok(Value::from(marked.text.as_str())),
        _ => python_literal(&marked.text).unwrap_or_else(|| Value::from(marked.text.as_str())),
    };
    let kept = match marked.promise {
        Promise::Bool => value.kind() == ValueKind::Bool,
        Promise::Number => value.kind() == ValueKind::Number,
        _ => true,
    };
    if kept {
        return Ok(value);
    }
    let wanted = if marked.promise == Promise::Bool { "bool" } else { "number" };
    Err(Error::new(ErrorKind::Value, format!("cannot convert '{}' into a {wanted}", marked.text)))
}

/// The value of a Python literal.
fn python_literal(literal: &str) -> Option<Value> {
    let text = format!("{{{{{}}}}}", literal.trim_start_matches([' ', '\t']));
    let source = Arc::new(Source { name: String::new(), text });
    let parsed = parser::parse(&source).ok()?;
    match parsed.body.as_slice() {
        [Statement::Emit { value, .. }] => literal_value(value, &source.text),
        _ => None,
    }
}

fn literal_value(expression: &Expression, source: &str) -> Option<Value> {
    let all = |items: &[Expression]| items.iter().map(|item| literal_value(item, source)).collect::<Option<Vec<_>>>();
    Some(match &expression.kind {
        ExpressionKind::Constant(value) => {
            // Python knows `True`, Jinja `true` as well.
            let lower = source.get(expression.span.start..)?.starts_with(['t', 'f', 'n']);
            if lower && value.as_str().is_none() {
                return None;
            }
            value.clone()
        }
        ExpressionKind::List(items) => crate::value::list(all(items)?),
        ExpressionKind::Tuple(items) => crate::value::tuple(all(items)?),
        ExpressionKind::Dict(entries) => {
            let pair = |(key, value): &(Expression, Expression)| {
                Some((literal_value(key, source)?, literal_value(value, source)?))
            };
            crate::value::dict(entries.iter().map(pair).collect::<Option<Vec<_>>>()?)
        }
        ExpressionKind::Negative(inner) | ExpressionKind::Positive(inner) => {
            let value = literal_value(inner, source)?;
            Number::of(&value)?;
            let negative = matches!(expression.kind, ExpressionKind::Negative(_));
            arithmetic::signed(&value, negative).ok()?
        }
        _ => return None,
    })
}
