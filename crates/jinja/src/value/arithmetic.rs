//! The operators, with Python's types: integers stay integers, `/` makes floats, `//` and `%` follow the sign of the
//! divisor, `+` joins strings and lists, `*` repeats them.

use minijinja::value::ValueKind;

use super::{Number, as_integer, from_integer, iterate, list, tuple, type_name};
use crate::ast::BinaryOperator;
use crate::{Error, ErrorKind, Value};

/// How many characters or items a repetition may make.
const REPEAT_LIMIT: usize = 10_000_000;

/// `left operator right`
pub(crate) fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, Error> {
    if operator == BinaryOperator::Modulo
        && let Some(pattern) = left.as_str()
    {
        return crate::format::percent(pattern, right).map(Value::from);
    }
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return numbers(operator, left, right);
    }
    if let Some(result) = crate::modules::arithmetic(operator, left, right) {
        return result;
    }
    match operator {
        BinaryOperator::Add => add(left, right),
        BinaryOperator::Multiply => repeat(left, right),
        BinaryOperator::Subtract => subtract(left, right),
        _ => Err(refuse(operator, left, right)),
    }
}

fn refuse(operator: BinaryOperator, left: &Value, right: &Value) -> Error {
    let symbol = match operator {
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::FloorDivide => "//",
        BinaryOperator::Modulo => "%",
        BinaryOperator::Power => "**",
    };
    let message = format!("unsupported operand type(s) for {symbol}: '{}' and '{}'", type_name(left), type_name(right));
    let undefined = left.is_undefined() || right.is_undefined();
    Error::new(if undefined { ErrorKind::Undefined } else { ErrorKind::Type }, message)
}

fn too_large() -> Error {
    Error::new(ErrorKind::Value, "integer too large: more than 128 bits")
}

fn numbers(operator: BinaryOperator, left: Number, right: Number) -> Result<Value, Error> {
    if let (Number::Integer(left), Number::Integer(right)) = (left, right) {
        return integers(operator, left, right);
    }
    let (left, right) = (left.float(), right.float());
    let divides = matches!(operator, BinaryOperator::Divide | BinaryOperator::FloorDivide | BinaryOperator::Modulo);
    if divides && right == 0.0 {
        return Err(Error::new(ErrorKind::Value, "float division by zero"));
    }
    Ok(Value::from(match operator {
        BinaryOperator::Add => left + right,
        BinaryOperator::Subtract => left - right,
        BinaryOperator::Multiply => left * right,
        BinaryOperator::Divide => left / right,
        BinaryOperator::FloorDivide => (left / right).floor(),
        BinaryOperator::Modulo => {
            let rest = left % right;
            if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest }
        }
        BinaryOperator::Power => left.powf(right),
    }))
}

fn integers(operator: BinaryOperator, left: i128, right: i128) -> Result<Value, Error> {
    let divides = matches!(operator, BinaryOperator::Divide | BinaryOperator::FloorDivide | BinaryOperator::Modulo);
    if divides && right == 0 {
        return Err(Error::new(ErrorKind::Value, "division by zero"));
    }
    let result = match operator {
        BinaryOperator::Add => left.checked_add(right),
        BinaryOperator::Subtract => left.checked_sub(right),
        BinaryOperator::Multiply => left.checked_mul(right),
        BinaryOperator::Divide => return Ok(Value::from(left as f64 / right as f64)),
        BinaryOperator::FloorDivide => left
            .checked_div(right)
            .map(|quotient| quotient - i128::from(left % right != 0 && (left % right < 0) != (right < 0))),
        BinaryOperator::Modulo => {
            left.checked_rem(right).map(|rest| if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
        }
        BinaryOperator::Power => match u32::try_from(right) {
            Ok(exponent) => left.checked_pow(exponent),
            Err(_) if right < 0 && left == 0 => {
                return Err(Error::new(ErrorKind::Value, "0.0 cannot be raised to a negative power"));
            }
            Err(_) if right < 0 => return Ok(Value::from((left as f64).powf(right as f64))),
            Err(_) => None,
        },
    };
    result.map(from_integer).ok_or_else(too_large)
}

fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(Value::from(format!("{left}{right}")));
    }
    let sequences = left.kind() == ValueKind::Seq && right.kind() == ValueKind::Seq;
    if !sequences || left.is_tuple() != right.is_tuple() {
        return Err(refuse(BinaryOperator::Add, left, right));
    }
    let mut items = iterate(left)?;
    items.extend(iterate(right)?);
    Ok(if left.is_tuple() { tuple(items) } else { list(items) })
}

fn subtract(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) =
        (left.downcast_object_ref::<super::Set>(), right.downcast_object_ref::<super::Set>())
    {
        let right = right.items();
        let rest = left.items().into_iter().filter(|item| !right.contains(item)).collect();
        return Ok(Value::from_object(super::Set::new(rest)));
    }
    Err(refuse(BinaryOperator::Subtract, left, right))
}

fn repeat(left: &Value, right: &Value) -> Result<Value, Error> {
    let (repeated, count) = match (as_integer(left), as_integer(right)) {
        (None, Some(count)) => (left, count),
        (Some(count), None) => (right, count),
        _ => return Err(refuse(BinaryOperator::Multiply, left, right)),
    };
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    let check = |length: usize| match length.checked_mul(count) {
        Some(total) if total <= REPEAT_LIMIT => Ok(()),
        _ => Err(Error::new(ErrorKind::Value, "repetition is too large")),
    };
    if let Some(text) = repeated.as_str() {
        check(text.len())?;
        return Ok(Value::from(text.repeat(count)));
    }
    if repeated.kind() != ValueKind::Seq {
        return Err(refuse(BinaryOperator::Multiply, left, right));
    }
    let items = iterate(repeated)?;
    check(items.len())?;
    let repeated_items = items.iter().cloned().cycle().take(items.len() * count).collect();
    Ok(if repeated.is_tuple() { tuple(repeated_items) } else { list(repeated_items) })
}

/// `-value` or `+value`
pub(crate) fn signed(value: &Value, negative: bool) -> Result<Value, Error> {
    match Number::of(value) {
        Some(Number::Integer(number)) if negative => number.checked_neg().map(from_integer).ok_or_else(too_large),
        Some(Number::Integer(number)) => Ok(from_integer(number)),
        Some(Number::Float(number)) => Ok(Value::from(if negative { -number } else { number })),
        None => crate::modules::negate(value, negative).unwrap_or_else(|| {
            let sign = if negative { '-' } else { '+' };
            let kind = if value.is_undefined() { ErrorKind::Undefined } else { ErrorKind::Type };
            Err(Error::new(kind, format!("bad operand type for unary {sign}: '{}'", type_name(value))))
        }),
    }
}
