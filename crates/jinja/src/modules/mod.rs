//! `modules`: `datetime`, `re`, `pytz` and `itertools` as dbt offers them, on jiff and regex.
//!
//! | module | what |
//! | --- | --- |
//! | here | the namespaces, and how values of these modules take part in operators and printing |
//! | [`datetime`] | `datetime`, `date`, `time`, `timedelta` and time zones |
//! | [`re`] | regular expressions |
//! | [`itertools`] | combinations of lists |

pub(crate) mod datetime;
mod itertools;
mod re;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::State;
use minijinja::value::{Object, ObjectRepr};

use crate::ast::BinaryOperator;
use crate::value::{Number, as_integer, from_integer};
use crate::{Arguments, Clock, Error, ErrorKind, Value};

use datetime::{Date, DateTime, TimeDelta, TimeOfDay, Zone};

/// The value of `modules` with the system's clock.
pub fn modules() -> Value {
    with_clock(&Clock::default())
}

/// The value of `modules` with this clock.
pub(crate) fn with_clock(clock: &Clock) -> Value {
    Value::from_object(Module { name: "modules", clock: clock.clone() })
}

/// A namespace of functions and classes.
#[derive(Debug)]
struct Module {
    name: &'static str,
    clock: Clock,
}

impl Module {
    fn member(&self, name: &str) -> Option<Value> {
        let module = |name| Some(Value::from_object(Module { name, clock: self.clock.clone() }));
        match (self.name, name) {
            ("modules", "datetime") => module("datetime"),
            ("modules", "re") => module("re"),
            ("modules", "pytz") => module("pytz"),
            ("modules", "itertools") => module("itertools"),
            ("datetime", _) => datetime::classes::class(name, &self.clock),
            ("pytz", _) => datetime::zone::member(name),
            ("re", _) => re::member(name),
            ("itertools", _) => itertools::member(name),
            _ => None,
        }
    }
}

impl Object for Module {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.member(key.as_str()?)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        match self.member(method) {
            Some(member) => Ok(crate::eval::call_value(&member, Arguments::from_values(arguments))?),
            None => Err(minijinja::ErrorKind::UnknownMethod.into()),
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<module '{}'>", self.name)
    }

    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }
}

/// Python's name of the type, for values of these modules.
pub(crate) fn type_name(value: &Value) -> Option<&'static str> {
    if value.downcast_object_ref::<DateTime>().is_some() {
        Some("datetime.datetime")
    } else if value.downcast_object_ref::<Date>().is_some() {
        Some("datetime.date")
    } else if value.downcast_object_ref::<TimeOfDay>().is_some() {
        Some("datetime.time")
    } else if value.downcast_object_ref::<TimeDelta>().is_some() {
        Some("datetime.timedelta")
    } else if value.downcast_object_ref::<Zone>().is_some() {
        Some("tzinfo")
    } else {
        None
    }
}

/// How a value of these modules shows inside of a container, where that differs from how it prints.
pub(crate) fn repr(value: &Value) -> Option<String> {
    if let Some(moment) = value.downcast_object_ref::<DateTime>() {
        return Some(moment.repr());
    }
    if let Some(date) = value.downcast_object_ref::<Date>() {
        return Some(date.repr());
    }
    if let Some(time) = value.downcast_object_ref::<TimeOfDay>() {
        return Some(time.repr());
    }
    value.downcast_object_ref::<TimeDelta>().map(TimeDelta::repr)
}

/// The order of two values of these modules; the outer `None` when they have none in Python.
pub(crate) fn order(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    if let (Some(left), Some(right)) = (left.downcast_object_ref::<DateTime>(), right.downcast_object_ref::<DateTime>())
    {
        return left.order(right).map(Some);
    }
    if let (Some(left), Some(right)) = (left.downcast_object_ref::<Date>(), right.downcast_object_ref::<Date>()) {
        return Some(Some(left.0.cmp(&right.0)));
    }
    if let (Some(left), Some(right)) =
        (left.downcast_object_ref::<TimeOfDay>(), right.downcast_object_ref::<TimeOfDay>())
    {
        return Some(Some(left.0.cmp(&right.0)));
    }
    let left = left.downcast_object_ref::<TimeDelta>()?;
    Some(Some(left.0.cmp(&right.downcast_object_ref::<TimeDelta>()?.0)))
}

/// An operator, when one side is a value of these modules.
pub(crate) fn arithmetic(operator: BinaryOperator, left: &Value, right: &Value) -> Option<Result<Value, Error>> {
    let moved = |delta: &TimeDelta, other: &Value, sign: i128| -> Option<Result<Value, Error>> {
        if let Some(moment) = other.downcast_object_ref::<DateTime>() {
            return Some(moment.shifted(sign * delta.0).map(Value::from_object));
        }
        if let Some(date) = other.downcast_object_ref::<Date>() {
            return Some(date.shifted(sign * delta.0).map(Value::from_object));
        }
        let other = other.downcast_object_ref::<TimeDelta>()?;
        Some(TimeDelta::checked(other.0 + sign * delta.0))
    };
    match (operator, left.downcast_object_ref::<TimeDelta>(), right.downcast_object_ref::<TimeDelta>()) {
        (BinaryOperator::Add, _, Some(delta)) => moved(delta, left, 1),
        (BinaryOperator::Add, Some(delta), None) => moved(delta, right, 1),
        (BinaryOperator::Subtract, _, Some(delta)) => moved(delta, left, -1),
        (BinaryOperator::Subtract, None, None) => difference(left, right),
        (BinaryOperator::Multiply, Some(delta), None) => scaled(delta, Number::of(right)?),
        (BinaryOperator::Multiply, None, Some(delta)) => scaled(delta, Number::of(left)?),
        (BinaryOperator::Divide | BinaryOperator::FloorDivide, Some(delta), divisor) => {
            divided(operator, delta, divisor, right)
        }
        _ => None,
    }
}

fn difference(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
    if let (Some(left), Some(right)) = (left.downcast_object_ref::<DateTime>(), right.downcast_object_ref::<DateTime>())
    {
        return Some(left.since(right).and_then(TimeDelta::checked));
    }
    let (left, right) = (left.downcast_object_ref::<Date>()?, right.downcast_object_ref::<Date>()?);
    Some(TimeDelta::checked(left.0.duration_since(right.0).as_micros()))
}

fn scaled(delta: &TimeDelta, factor: Number) -> Option<Result<Value, Error>> {
    Some(match factor {
        Number::Integer(factor) => TimeDelta::checked(delta.0.saturating_mul(factor)),
        Number::Float(factor) => TimeDelta::checked((delta.0 as f64 * factor).round_ties_even() as i128),
    })
}

fn divided(
    operator: BinaryOperator,
    delta: &TimeDelta,
    divisor: Option<&TimeDelta>,
    right: &Value,
) -> Option<Result<Value, Error>> {
    let floor = operator == BinaryOperator::FloorDivide;
    let amount = match (divisor, Number::of(right)) {
        (Some(divisor), _) => Number::Integer(divisor.0),
        (None, Some(number)) => number,
        (None, None) => return None,
    };
    if amount.float() == 0.0 {
        return Some(Err(Error::new(ErrorKind::Value, "division by zero")));
    }
    Some(match (divisor, as_integer(right)) {
        (Some(divisor), _) if floor => Ok(from_integer(delta.0.div_euclid(divisor.0))),
        (Some(divisor), _) => Ok(Value::from(delta.0 as f64 / divisor.0 as f64)),
        (None, Some(whole)) if floor => TimeDelta::checked(delta.0.div_euclid(whole)),
        _ if floor => return None,
        _ => TimeDelta::checked((delta.0 as f64 / amount.float()).round_ties_even() as i128),
    })
}

/// A sign before a value of these modules.
pub(crate) fn negate(value: &Value, negative: bool) -> Option<Result<Value, Error>> {
    let delta = value.downcast_object_ref::<TimeDelta>()?;
    Some(TimeDelta::checked(if negative { -delta.0 } else { delta.0 }))
}

/// `abs()` of a value of these modules.
pub(crate) fn absolute(value: &Value) -> Option<Value> {
    value.downcast_object_ref::<TimeDelta>().map(|delta| Value::from_object(TimeDelta(delta.0.abs())))
}

/// `'{:...}'.format(value)` of a date or time: the specification is a pattern of `strftime`.
pub(crate) fn format(value: &Value, specification: &str) -> Option<Result<String, Error>> {
    if let Some(moment) = value.downcast_object_ref::<DateTime>() {
        return Some(Ok(moment.strftime(specification)));
    }
    if let Some(date) = value.downcast_object_ref::<Date>() {
        return Some(Ok(date.strftime(specification)));
    }
    value.downcast_object_ref::<TimeOfDay>().map(|time| Ok(time.strftime(specification)))
}
