//! Jinja's tests: what stands behind `is`.

use std::cmp::Ordering;

use minijinja::value::ValueKind;

use crate::ast::BinaryOperator;
use crate::value::{Dict, List, Number, Set, arithmetic, as_integer, compare, type_name};
use crate::{Arguments, Error, ErrorKind, Value, filters};

/// All of them.
const NAMES: &[&str] = &[
    "odd",
    "even",
    "divisibleby",
    "defined",
    "undefined",
    "filter",
    "test",
    "none",
    "boolean",
    "false",
    "true",
    "integer",
    "float",
    "lower",
    "upper",
    "string",
    "mapping",
    "number",
    "sequence",
    "iterable",
    "callable",
    "sameas",
    "escaped",
    "in",
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "gt",
    "greaterthan",
    ">",
    "ge",
    ">=",
    "lt",
    "lessthan",
    "<",
    "le",
    "<=",
];

/// Whether `input is name(arguments)`.
pub(crate) fn perform(name: &str, input: &Value, arguments: &Arguments) -> Result<bool, Error> {
    let other = || arguments.required(0, "other");
    let ordered = |symbol: &str, accept: fn(Ordering) -> bool| -> Result<bool, Error> {
        Ok(compare::order(input, other()?, symbol)?.is_some_and(accept))
    };
    let rest = |divisor: &Value| -> Result<i128, Error> {
        let rest = arithmetic::binary(BinaryOperator::Modulo, input, divisor)?;
        Ok(as_integer(&rest)
            .unwrap_or_else(|| Number::of(&rest).map_or(-1, |rest| if rest.float() == 0.0 { 0 } else { 1 })))
    };
    Ok(match name {
        "defined" => !input.is_undefined(),
        "undefined" => input.is_undefined(),
        "none" => input.is_none(),
        "boolean" => input.kind() == ValueKind::Bool,
        "true" => input.kind() == ValueKind::Bool && input.is_true(),
        "false" => input.kind() == ValueKind::Bool && !input.is_true(),
        "integer" => input.kind() == ValueKind::Number && input.is_integer(),
        "float" => input.kind() == ValueKind::Number && !input.is_integer(),
        "number" => Number::of(input).is_some(),
        "string" => input.kind() == ValueKind::String,
        "mapping" => input.kind() == ValueKind::Map,
        "sequence" => matches!(
            input.kind(),
            ValueKind::String | ValueKind::Bytes | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined
        ),
        "iterable" => matches!(
            input.kind(),
            ValueKind::String
                | ValueKind::Bytes
                | ValueKind::Seq
                | ValueKind::Map
                | ValueKind::Iterable
                | ValueKind::Undefined
        ),
        "callable" => {
            let data = crate::value::is_dict(input) || input.downcast_object_ref::<Set>().is_some();
            input.as_object().is_some() && !data && matches!(input.kind(), ValueKind::Plain | ValueKind::Map)
        }
        "lower" => cased(&crate::value::text::text(input), char::is_lowercase, char::is_uppercase),
        "upper" => cased(&crate::value::text::text(input), char::is_uppercase, char::is_lowercase),
        "odd" => rest(&Value::from(2))? == 1,
        "even" => rest(&Value::from(2))? == 0,
        "divisibleby" => rest(arguments.required(0, "num")?)? == 0,
        "escaped" => input.is_safe(),
        "filter" => filters::exists(input.as_str().unwrap_or_default()),
        "test" => NAMES.contains(&input.as_str().unwrap_or_default()),
        "sameas" => same(input, other()?),
        "in" => compare::contains(arguments.required(0, "seq")?, input)?,
        "eq" | "equalto" | "==" => input == other()?,
        "ne" | "!=" => input != other()?,
        "gt" | "greaterthan" | ">" => ordered(">", Ordering::is_gt)?,
        "ge" | ">=" => ordered(">=", Ordering::is_ge)?,
        "lt" | "lessthan" | "<" => ordered("<", Ordering::is_lt)?,
        "le" | "<=" => ordered("<=", Ordering::is_le)?,
        _ => {
            return Err(Error::new(ErrorKind::Unknown, format!("no test named '{name}'")));
        }
    })
}

fn cased(text: &str, wanted: fn(char) -> bool, refused: fn(char) -> bool) -> bool {
    text.chars().any(wanted) && !text.chars().any(refused)
}

/// Python's `is`: the same container, or an equal plain value.
fn same(left: &Value, right: &Value) -> bool {
    fn address<T: 'static>(value: &Value) -> Option<usize> {
        value.downcast_object_ref::<T>().map(|object| std::ptr::from_ref(object).addr())
    }
    let container = |value: &Value| address::<List>(value).or(address::<Dict>(value)).or(address::<Set>(value));
    match (container(left), container(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => type_name(left) == type_name(right) && left == right,
        _ => false,
    }
}
