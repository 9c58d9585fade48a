//! Equality, order and membership.

use std::cmp::Ordering;

use minijinja::value::ValueKind;

use super::{Number, iterate, type_name};
use crate::{Error, ErrorKind, Value};

/// `left < right` and the like: the order of two values, or an error for types Python does not order. `None` for
/// values without an order among them (not a number).
pub(crate) fn order(left: &Value, right: &Value, operator: &str) -> Result<Option<Ordering>, Error> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return Ok(match (left, right) {
            (Number::Integer(left), Number::Integer(right)) => Some(left.cmp(&right)),
            (left, right) => left.float().partial_cmp(&right.float()),
        });
    }
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(Some(left.cmp(right)));
    }
    let refuse = || {
        let kind = if left.is_undefined() || right.is_undefined() { ErrorKind::Undefined } else { ErrorKind::Type };
        let message =
            format!("'{operator}' not supported between instances of '{}' and '{}'", type_name(left), type_name(right));
        Error::new(kind, message)
    };
    if left.kind() == ValueKind::Seq && right.kind() == ValueKind::Seq && left.is_tuple() == right.is_tuple() {
        let (left, right) = (iterate(left)?, iterate(right)?);
        for (one, other) in left.iter().zip(&right) {
            if one != other {
                return order(one, other, operator);
            }
        }
        return Ok(Some(left.len().cmp(&right.len())));
    }
    crate::modules::order(left, right).ok_or_else(refuse)
}

/// Sorts by a key that was computed for each item; stable.
pub(crate) fn sort_by_key(items: &mut [(Value, Value)], reverse: bool) -> Result<(), Error> {
    let mut failure = None;
    items.sort_by(|(left, _), (right, _)| {
        let order = match order(left, right, "<") {
            Ok(order) => order.unwrap_or(Ordering::Equal),
            Err(error) => {
                failure.get_or_insert(error);
                Ordering::Equal
            }
        };
        if reverse { order.reverse() } else { order }
    });
    failure.map_or(Ok(()), Err)
}

/// `item in container`
pub(crate) fn contains(container: &Value, item: &Value) -> Result<bool, Error> {
    match container.kind() {
        ValueKind::String => match item.as_str() {
            Some(needle) => Ok(container.as_str().unwrap_or_default().contains(needle)),
            None => {
                let message = format!("'in <string>' requires string as left operand, not {}", type_name(item));
                Err(Error::new(ErrorKind::Type, message))
            }
        },
        ValueKind::Map => match container.downcast_object_ref::<super::Dict>() {
            Some(dict) => {
                super::check_hashable(item)?;
                Ok(dict.get(item).is_some())
            }
            None => Ok(iterate(container)?.contains(item)),
        },
        ValueKind::Undefined => Ok(false),
        ValueKind::Seq | ValueKind::Iterable => Ok(iterate(container)?.contains(item)),
        // What has names besides its items, such as a column of a result.
        ValueKind::Plain if container.try_iter().is_ok() => Ok(iterate(container)?.contains(item)),
        _ => {
            let message = format!("argument of type '{}' is not iterable", type_name(container));
            Err(Error::new(ErrorKind::Type, message))
        }
    }
}
