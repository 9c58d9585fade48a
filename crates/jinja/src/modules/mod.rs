//! `modules`: `datetime`, `re`, `pytz` and `itertools` as dbt offers them.

use std::cmp::Ordering;

use crate::ast::BinaryOperator;
use crate::{Clock, Error, Value};

/// The value of `modules` with the system's clock.
pub fn modules() -> Value {
    with_clock(&Clock::default())
}

/// The value of `modules` with this clock.
pub(crate) fn with_clock(_clock: &Clock) -> Value {
    Value::UNDEFINED
}

/// Python's name of the type, for values of these modules.
pub(crate) fn type_name(_value: &Value) -> Option<&'static str> {
    None
}

/// `repr()`, for values of these modules.
pub(crate) fn repr(_value: &Value) -> Option<String> {
    None
}

/// The order of two values of these modules; the outer `None` when they have none in Python.
pub(crate) fn order(_left: &Value, _right: &Value) -> Option<Option<Ordering>> {
    None
}

/// An operator, when one side is a value of these modules.
pub(crate) fn arithmetic(
    _operator: BinaryOperator,
    _left: &Value,
    _right: &Value,
) -> Option<Result<Value, Error>> {
    None
}

/// A sign before a value of these modules.
pub(crate) fn negate(_value: &Value, _negative: bool) -> Option<Result<Value, Error>> {
    None
}

/// `abs()` of a value of these modules.
pub(crate) fn absolute(_value: &Value) -> Option<Value> {
    None
}

/// `'{:...}'.format(value)` of a value of these modules.
pub(crate) fn format(_value: &Value, _specification: &str) -> Option<Result<String, Error>> {
    None
}
