//! Expressions: names, operators, attributes, calls.

use std::cmp::Ordering;
use std::sync::Arc;

use minijinja::ErrorKind as EngineErrorKind;
use minijinja::value::ValueKind;

use super::closure::Closure;
use super::statements::excerpt;
use super::{Frame, environment, native};
use crate::ast::{Application, BinaryOperator, CallArguments, Comparison, Expression, ExpressionKind};
use crate::scope::Scope;
use crate::stack;
use crate::value::{self, arithmetic, compare, text};
use crate::{Arguments, Error, ErrorKind, Span, UndefinedPolicy, Value, builtins, filters, methods, predicates};

/// After how many levels an expression moves to a fresh stack.
const DEPTH_PER_STACK: u16 = 64;

impl Frame {
    /// The value of an expression; errors point at the innermost one that failed.
    pub(super) fn evaluate(&self, expression: &Expression, scope: &Arc<Scope>) -> Result<Value, Error> {
        let result = if expression.depth.is_multiple_of(DEPTH_PER_STACK) {
            stack::fresh(|| self.evaluate_kind(expression, scope))
        } else {
            self.evaluate_kind(expression, scope)
        };
        result.map_err(|error| self.place(error, expression.span))
    }

    fn evaluate_kind(&self, expression: &Expression, scope: &Arc<Scope>) -> Result<Value, Error> {
        match &expression.kind {
            ExpressionKind::Constant(value) => Ok(value.clone()),
            ExpressionKind::Name(name) => Ok(self.name(name, scope)),
            ExpressionKind::Tuple(items) => Ok(value::tuple(self.all(items, scope)?)),
            ExpressionKind::List(items) => Ok(value::list(self.all(items, scope)?)),
            ExpressionKind::Dict(entries) => self.dict(entries, scope),
            ExpressionKind::Not(inner) => Ok(Value::from(!self.evaluate(inner, scope)?.is_true())),
            ExpressionKind::Negative(inner) => self.signed(inner, true, scope),
            ExpressionKind::Positive(inner) => self.signed(inner, false, scope),
            ExpressionKind::Binary(operator, left, right) => self.binary(*operator, left, right, scope),
            ExpressionKind::And(items) => self.until(items, false, scope),
            ExpressionKind::Or(items) => self.until(items, true, scope),
            ExpressionKind::Concat(items) => {
                let items = self.all(items, scope)?;
                Ok(Value::from(items.iter().map(text::text).collect::<String>()))
            }
            ExpressionKind::Compare(first, rest) => self.compare(first, rest, scope),
            ExpressionKind::Conditional { test, value, otherwise } => {
                if self.evaluate(test, scope)?.is_true() {
                    return self.evaluate(value, scope);
                }
                otherwise.as_ref().map_or(Ok(Value::UNDEFINED), |otherwise| self.evaluate(otherwise, scope))
            }
            ExpressionKind::Filter(input, filter) => {
                let input = self.evaluate(input, scope)?;
                self.filter(filter, input, scope)
            }
            ExpressionKind::Test { input, test, negated } => {
                let input = self.evaluate(input, scope)?;
                let arguments = self.arguments(&test.arguments, scope)?;
                Ok(Value::from(predicates::perform(&test.name, &input, &arguments)? != *negated))
            }
            ExpressionKind::Attribute(object, name) => {
                let value = self.evaluate(object, scope)?;
                if value.is_undefined() {
                    return self.undefined(object);
                }
                Ok(attribute(&value, name))
            }
            ExpressionKind::Item(object, index) => {
                let value = self.evaluate(object, scope)?;
                let index = self.evaluate(index, scope)?;
                if value.is_undefined() {
                    return self.undefined(object);
                }
                let found = value::item(&value, &index);
                match index.as_str() {
                    Some(name) if found.is_undefined() => Ok(attribute(&value, name)),
                    _ => Ok(found),
                }
            }
            ExpressionKind::Slice { object, bounds } => self.slice(object, bounds, scope),
            ExpressionKind::Call(callee, arguments) => self.call(callee, arguments, expression.span, scope, None),
        }
    }

    fn all(&self, items: &[Expression], scope: &Arc<Scope>) -> Result<Vec<Value>, Error> {
        items.iter().map(|item| self.evaluate(item, scope)).collect()
    }

    /// The first operand whose truth is `stop`, else the last one: `and` and `or`.
    fn until(&self, items: &[Expression], stop: bool, scope: &Arc<Scope>) -> Result<Value, Error> {
        let mut last = Value::UNDEFINED;
        for item in items {
            last = self.evaluate(item, scope)?;
            if last.is_true() == stop {
                break;
            }
        }
        Ok(last)
    }

    fn dict(&self, entries: &[(Expression, Expression)], scope: &Arc<Scope>) -> Result<Value, Error> {
        let mut evaluated = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.evaluate(key, scope)?;
            value::check_hashable(&key)?;
            evaluated.push((key, self.evaluate(value, scope)?));
        }
        Ok(value::dict(evaluated))
    }

    fn signed(&self, inner: &Expression, negative: bool, scope: &Arc<Scope>) -> Result<Value, Error> {
        let value = self.evaluate(inner, scope)?;
        if value.is_undefined() {
            return Err(self.undefined_error(inner));
        }
        arithmetic::signed(&value, negative)
    }

    fn binary(
        &self,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
        scope: &Arc<Scope>,
    ) -> Result<Value, Error> {
        let one = self.evaluate(left, scope)?;
        let other = self.evaluate(right, scope)?;
        let formats = operator == BinaryOperator::Modulo && one.as_str().is_some();
        if one.is_undefined() {
            return Err(self.undefined_error(left));
        }
        if other.is_undefined() && !formats {
            return Err(self.undefined_error(right));
        }
        arithmetic::binary(operator, &one, &other)
    }

    fn compare(
        &self,
        first: &Expression,
        rest: &[(Comparison, Expression)],
        scope: &Arc<Scope>,
    ) -> Result<Value, Error> {
        let mut left = native::unmarked(self.evaluate(first, scope)?);
        let mut left_expression = first;
        for (comparison, operand) in rest {
            let right = native::unmarked(self.evaluate(operand, scope)?);
            let ordered = |symbol: &str, accept: fn(Ordering) -> bool| {
                if left.is_undefined() {
                    return Err(self.undefined_error(left_expression));
                }
                if right.is_undefined() {
                    return Err(self.undefined_error(operand));
                }
                Ok(compare::order(&left, &right, symbol)?.is_some_and(accept))
            };
            let holds = match comparison {
                Comparison::Equal => left == right,
                Comparison::NotEqual => left != right,
                Comparison::Less => ordered("<", Ordering::is_lt)?,
                Comparison::LessOrEqual => ordered("<=", Ordering::is_le)?,
                Comparison::Greater => ordered(">", Ordering::is_gt)?,
                Comparison::GreaterOrEqual => ordered(">=", Ordering::is_ge)?,
                Comparison::In => compare::contains(&right, &left)?,
                Comparison::NotIn => !compare::contains(&right, &left)?,
            };
            if !holds {
                return Ok(Value::from(false));
            }
            left = right;
            left_expression = operand;
        }
        Ok(Value::from(true))
    }

    fn slice(
        &self,
        object: &Expression,
        bounds: &[Option<Box<Expression>>; 3],
        scope: &Arc<Scope>,
    ) -> Result<Value, Error> {
        let sliced = self.evaluate(object, scope)?;
        let mut values = [value::none(), value::none(), value::none()];
        for (slot, bound) in values.iter_mut().zip(bounds) {
            if let Some(bound) = bound {
                *slot = self.evaluate(bound, scope)?;
            }
        }
        if sliced.is_undefined() {
            return self.undefined(object);
        }
        value::slice(&sliced, [&values[0], &values[1], &values[2]])
    }

    /// The value of a name: variables, then the context, then what is built in.
    pub(super) fn name(&self, name: &str, scope: &Arc<Scope>) -> Value {
        if let Some(value) = scope.get(name) {
            return value;
        }
        if let Some(value) = self.context.lookup(name) {
            return value::normalise(value);
        }
        builtins::lookup(name, &self.context, &self.options).unwrap_or_default()
    }

    /// Applies a filter with its arguments.
    pub(super) fn filter(&self, filter: &Application, input: Value, scope: &Arc<Scope>) -> Result<Value, Error> {
        let arguments = self.arguments(&filter.arguments, scope)?;
        if self.native
            && let Some(marked) = native::mark(&filter.name, &input)
        {
            return Ok(marked);
        }
        filters::apply(&filter.name, &input, &arguments).map_err(|error| self.place(error, filter.span))
    }

    fn arguments(&self, arguments: &CallArguments, scope: &Arc<Scope>) -> Result<Arguments, Error> {
        let mut evaluated = Arguments { positional: self.all(&arguments.positional, scope)?, ..Arguments::default() };
        for (name, value) in &arguments.keyword {
            evaluated.keyword.insert(name.clone(), self.evaluate(value, scope)?);
        }
        if let Some(splat) = &arguments.splat {
            evaluated.positional.extend(value::iterate(&self.evaluate(splat, scope)?)?);
        }
        if let Some(splat) = &arguments.keyword_splat {
            for (key, value) in value::entries(&self.evaluate(splat, scope)?)? {
                let name = text::text(&key);
                if evaluated.keyword.contains_key(&name) {
                    let message = format!("multiple values for keyword argument '{name}'");
                    return Err(Error::new(ErrorKind::Arguments, message));
                }
                evaluated.keyword.insert(name, value);
            }
        }
        Ok(evaluated)
    }

    /// Evaluates a call; `caller` comes from a `{% call %}` block.
    pub(super) fn call(
        &self,
        callee: &Expression,
        arguments: &CallArguments,
        span: Span,
        scope: &Arc<Scope>,
        caller: Option<Value>,
    ) -> Result<Value, Error> {
        let result = match &callee.kind {
            ExpressionKind::Attribute(object, method) => {
                let receiver = self.evaluate(object, scope)?;
                let arguments = self.call_arguments(arguments, scope, caller)?;
                if receiver.is_undefined() {
                    return self.undefined(object);
                }
                match call_method(&receiver, method, arguments) {
                    Some(result) => result,
                    None => return self.undefined(callee),
                }
            }
            _ => {
                let function = self.evaluate(callee, scope)?;
                let arguments = self.call_arguments(arguments, scope, caller)?;
                if function.is_undefined() {
                    return self.undefined(callee);
                }
                call_value(&function, arguments)
            }
        };
        result.map_err(|error| error.called_from(&self.source.name, span))
    }

    fn call_arguments(
        &self,
        arguments: &CallArguments,
        scope: &Arc<Scope>,
        caller: Option<Value>,
    ) -> Result<Arguments, Error> {
        let mut arguments = self.arguments(arguments, scope)?;
        if let Some(caller) = caller {
            arguments.keyword.insert("caller".into(), caller);
        }
        Ok(arguments)
    }

    /// What using an undefined value gives: undefined again, or an error that names the expression.
    fn undefined(&self, expression: &Expression) -> Result<Value, Error> {
        match self.options.undefined {
            UndefinedPolicy::Chainable => Ok(Value::UNDEFINED),
            UndefinedPolicy::Default => Err(self.undefined_error(expression)),
        }
    }

    fn undefined_error(&self, expression: &Expression) -> Error {
        let message = format!("{} is undefined", excerpt(&self.source.text, expression.span));
        self.place(Error::new(ErrorKind::Undefined, message), expression.span)
    }
}

/// `value.name`
pub(crate) fn attribute(value: &Value, name: &str) -> Value {
    if methods::has(value, name) {
        return methods::bound(value, name);
    }
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::None | ValueKind::Bytes => {
            Value::UNDEFINED
        }
        ValueKind::Seq if value::is_list(value) || value.is_tuple() => Value::UNDEFINED,
        _ => value.get_attr(name).unwrap_or_default(),
    }
}

/// Calls a value.
pub(crate) fn call_value(function: &Value, arguments: Arguments) -> Result<Value, Error> {
    if let Some(closure) = function.downcast_object_ref::<Closure>() {
        return closure.invoke(arguments);
    }
    if function.as_object().is_none() || value::is_dict(function) || function.kind() == ValueKind::Seq {
        let message = format!("'{}' object is not callable", value::type_name(function));
        return Err(Error::new(ErrorKind::Type, message));
    }
    crate::function::call_with(function, arguments).map(value::normalise)
}

/// Calls `receiver.method(...)`; `None` when there is nothing of that name.
pub(crate) fn call_method(receiver: &Value, method: &str, arguments: Arguments) -> Option<Result<Value, Error>> {
    if methods::has(receiver, method) {
        return Some(methods::call(receiver, method, arguments));
    }
    if receiver.as_object().is_none() || receiver.is_tuple() {
        return None;
    }
    if value::is_dict(receiver) {
        let function = receiver.get_attr(method).ok().filter(|function| !function.is_undefined())?;
        return Some(call_value(&function, arguments));
    }
    let values = arguments.clone().into_values();
    let mut state = environment().empty_state();
    match receiver.call_method(&mut state, method, &values) {
        Ok(result) => Some(Ok(value::normalise(result))),
        Err(error) if error.kind() == EngineErrorKind::UnknownMethod && std::error::Error::source(&error).is_none() => {
            methods::on_foreign(receiver, method, arguments)
        }
        Err(error) => Some(Err(error.into())),
    }
}
