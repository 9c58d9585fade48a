//! Statements: what writes output and what sets variables.

use std::sync::Arc;

use super::closure::Closure;
use super::{Flow, Frame, Sink};
use crate::ast::{Application, CallArguments, Expression, Routine, Statement, Target};
use crate::scope::{Namespace, Scope};
use crate::value::{iterate, text};
use crate::{Error, ErrorKind, Span, Value};

impl Frame {
    /// An error that points at this span unless it points somewhere already.
    pub(super) fn place(&self, error: Error, span: Span) -> Error {
        error.at(&self.source.name, &self.source.text, span)
    }

    /// Runs statements in order.
    pub(super) fn body(&self, body: &[Statement], scope: &Arc<Scope>, sink: &mut Sink) -> Result<Flow, Error> {
        for statement in body {
            let flow = self.statement(statement, scope, sink)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&self, statement: &Statement, scope: &Arc<Scope>, sink: &mut Sink) -> Result<Flow, Error> {
        match statement {
            Statement::Text { text, span, verbatim } => sink.literal(text, *span, *verbatim),
            Statement::Emit { value, span, constant } => {
                let result = self.evaluate(value, scope)?;
                sink.value(result, *constant, *span);
            }
            Statement::If { branches, otherwise } => {
                for (test, body) in branches {
                    if self.evaluate(test, scope)?.is_true() {
                        return self.body(body, scope, sink);
                    }
                }
                return self.body(otherwise, scope, sink);
            }
            Statement::For(each) => return self.for_loop(each, scope, sink),
            Statement::Set { target, value } => {
                let value = self.evaluate(value, scope)?;
                self.assign(target, value, scope)?;
            }
            Statement::SetBlock { target, filters, body } => {
                let value = self.captured(body, filters, &scope.child(), scope)?;
                self.assign(target, value, scope)?;
            }
            Statement::With { bindings, body } => {
                let inner = scope.child();
                for (target, value) in bindings {
                    let value = self.evaluate(value, scope)?;
                    self.assign(target, value, &inner)?;
                }
                return self.body(body, &inner, sink);
            }
            Statement::FilterBlock { filters, body, span } => {
                let value = self.captured(body, filters, &scope.child(), scope)?;
                sink.value(value, false, *span);
            }
            Statement::CallBlock { callee, arguments, caller, span } => {
                let value = self.call_block(callee, arguments, caller, *span, scope)?;
                sink.value(value, false, *span);
            }
            Statement::Do(expression) => {
                self.evaluate(expression, scope)?;
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    /// What a body writes, as a value, with filters applied.
    fn captured(
        &self,
        body: &[Statement],
        filters: &[Application],
        inner: &Arc<Scope>,
        outer: &Arc<Scope>,
    ) -> Result<Value, Error> {
        let mut sink = Sink::default();
        self.body(body, inner, &mut sink)?;
        let mut value = Value::from(sink.text);
        for filter in filters {
            value = self.filter(filter, value, outer)?;
        }
        Ok(value)
    }

    fn call_block(
        &self,
        callee: &Expression,
        arguments: &CallArguments,
        caller: &Arc<Routine>,
        span: Span,
        scope: &Arc<Scope>,
    ) -> Result<Value, Error> {
        let caller = Closure { routine: caller.clone(), frame: self.clone(), scope: Some(scope.clone()) };
        self.call(callee, arguments, span, scope, Some(Value::from_object(caller)))
            .map_err(|error| self.place(error, span))
    }

    /// Assigns a value to a target.
    pub(super) fn assign(&self, target: &Target, value: Value, scope: &Arc<Scope>) -> Result<(), Error> {
        match target {
            Target::Name(name) => scope.set(name, value),
            Target::Attribute { object, attribute, span } => {
                let holder = self.name(object, scope);
                let Some(namespace) = holder.downcast_object_ref::<Namespace>() else {
                    let message = format!("cannot assign to '{object}.{attribute}': '{object}' is not a namespace()");
                    return Err(self.place(Error::new(ErrorKind::Type, message), *span));
                };
                namespace.set(attribute, value);
            }
            Target::Tuple(targets, span) => {
                let items = iterate(&value).map_err(|error| self.place(error, *span))?;
                if items.len() != targets.len() {
                    let message = format!("cannot unpack {} value(s) into {} variable(s)", items.len(), targets.len());
                    return Err(self.place(Error::new(ErrorKind::Value, message), *span));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item, scope)?;
                }
            }
        }
        Ok(())
    }

    /// What a body writes, as text.
    pub(super) fn text_of(&self, body: &[Statement], scope: &Arc<Scope>) -> Result<String, Error> {
        let mut sink = Sink::default();
        self.body(body, scope, &mut sink)?;
        Ok(sink.text)
    }
}

/// How messages show the source of an expression.
pub(super) fn excerpt(source: &str, span: Span) -> String {
    let excerpt = source.get(span.start..span.end).unwrap_or_default();
    let one_line = excerpt.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= 60 {
        return text::quoted(&one_line);
    }
    let short: String = one_line.chars().take(57).collect();
    text::quoted(&format!("{short}..."))
}
