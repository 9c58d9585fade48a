//! Jinja's filters, with dbt's `as_*` and `is_list`.
//!
//! | module | what |
//! | --- | --- |
//! | here | the table of names, values and numbers |
//! | [`text`] | filters that give text |
//! | [`sequences`] | filters over sequences and maps |
//! | [`json`] | `tojson` |

pub(crate) mod json;
mod sequences;
mod text;

use crate::value::{self, Number, arithmetic, as_integer, from_integer, iterate, length, type_name};
use crate::{Arguments, Error, ErrorKind, Value};

type Filter = fn(&Value, &Arguments) -> Result<Value, Error>;

/// The filter of this name.
fn find(name: &str) -> Option<Filter> {
    Some(match name {
        "abs" => |value, _| absolute(value),
        "as_text" | "as_bool" | "as_number" | "as_native" | "safe" => |value, _| Ok(value.clone()),
        "attr" => sequences::attr,
        "batch" => sequences::batch,
        "capitalize" => text::capitalize,
        "center" => text::center,
        "count" | "length" => |value, _| length(value).map(Value::from),
        "d" | "default" => default,
        "dictsort" => sequences::dictsort,
        "e" | "escape" | "forceescape" => text::escape,
        "filesizeformat" => text::file_size,
        "first" => sequences::first,
        "float" => float,
        "format" => text::format,
        "groupby" => sequences::groupby,
        "indent" => text::indent,
        "int" => integer,
        "is_list" => |value, _| Ok(Value::from(value::is_list(value))),
        "items" => sequences::items,
        "join" => text::join,
        "last" => sequences::last,
        "list" => |value, _| Ok(value::list(iterate(value)?)),
        "lower" => |value, _| Ok(Value::from(value::text::text(value).to_lowercase())),
        "map" => sequences::map,
        "max" => |value, arguments| sequences::extreme(value, arguments, true),
        "min" => |value, arguments| sequences::extreme(value, arguments, false),
        "pprint" => |value, _| Ok(Value::from(value::text::repr(value))),
        "random" => sequences::random,
        "reject" => |value, arguments| sequences::select(value, arguments, false),
        "rejectattr" => |value, arguments| sequences::select_by_attribute(value, arguments, false),
        "replace" => text::replace,
        "reverse" => sequences::reverse,
        "round" => round,
        "select" => |value, arguments| sequences::select(value, arguments, true),
        "selectattr" => |value, arguments| sequences::select_by_attribute(value, arguments, true),
        "slice" => sequences::slice,
        "sort" => sequences::sort,
        "string" => |value, _| Ok(Value::from(value::text::text(value))),
        "striptags" => text::strip_tags,
        "sum" => sequences::sum,
        "title" => text::title,
        "tojson" => json::filter,
        "trim" => text::trim,
        "truncate" => text::truncate,
        "unique" => sequences::unique,
        "upper" => |value, _| Ok(Value::from(value::text::text(value).to_uppercase())),
        "urlencode" => text::url_encode,
        "wordcount" => text::word_count,
        "wordwrap" => text::word_wrap,
        "xmlattr" => text::xml_attributes,
        _ => return None,
    })
}

/// Filters that take nothing but their input.
const WITHOUT_ARGUMENTS: &[&str] = &[
    "abs",
    "capitalize",
    "count",
    "e",
    "escape",
    "first",
    "forceescape",
    "items",
    "length",
    "list",
    "lower",
    "pprint",
    "random",
    "reverse",
    "safe",
    "string",
    "striptags",
    "title",
    "upper",
    "urlencode",
    "wordcount",
];

/// Whether there is a filter of this name.
pub(crate) fn exists(name: &str) -> bool {
    find(name).is_some()
}

/// Applies a filter.
pub(crate) fn apply(name: &str, input: &Value, arguments: &Arguments) -> Result<Value, Error> {
    match find(name) {
        Some(filter) => {
            if WITHOUT_ARGUMENTS.contains(&name) {
                arguments.reject_unknown(&[])?;
            }
            filter(input, arguments)
        }
        None => Err(Error::new(ErrorKind::Unknown, format!("no filter named '{name}'"))),
    }
}

/// A whole-number argument.
fn integer_argument(arguments: &Arguments, index: usize, name: &str, default: i128) -> Result<i128, Error> {
    match arguments.get(index, name) {
        None => Ok(default),
        Some(value) => as_integer(value).ok_or_else(|| {
            Error::new(ErrorKind::Type, format!("argument '{name}' must be an integer, not {}", type_name(value)))
        }),
    }
}

/// A width or count: a whole-number argument between 0 and a million.
fn size_argument(arguments: &Arguments, index: usize, name: &str, default: i128) -> Result<usize, Error> {
    Ok(usize::try_from(integer_argument(arguments, index, name, default)?.clamp(0, 1_000_000)).unwrap_or(0))
}

fn flag_argument(arguments: &Arguments, index: usize, name: &str) -> bool {
    arguments.get(index, name).is_some_and(Value::is_true)
}

fn refuse_undefined(value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::Undefined, "the value given to the filter is undefined"));
    }
    Ok(())
}

fn default(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["default_value", "boolean"])?;
    let replaced = value.is_undefined() || (flag_argument(arguments, 1, "boolean") && !value.is_true());
    if !replaced {
        return Ok(value.clone());
    }
    Ok(arguments.get(0, "default_value").cloned().unwrap_or_else(|| Value::from("")))
}

fn absolute(value: &Value) -> Result<Value, Error> {
    match Number::of(value) {
        Some(Number::Integer(number)) => Ok(from_integer(number.saturating_abs())),
        Some(Number::Float(number)) => Ok(Value::from(number.abs())),
        None => crate::modules::absolute(value)
            .ok_or_else(|| Error::new(ErrorKind::Type, format!("bad operand type for abs(): '{}'", type_name(value)))),
    }
}

fn integer(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    refuse_undefined(value)?;
    let default = || arguments.get(0, "default").cloned().unwrap_or_else(|| Value::from(0));
    let base = integer_argument(arguments, 1, "base", 10)?;
    let truncated = |number: f64| {
        if number.is_finite() && number.abs() < 1e38 { from_integer(number.trunc() as i128) } else { default() }
    };
    match Number::of(value) {
        Some(Number::Integer(number)) => return Ok(from_integer(number)),
        Some(Number::Float(number)) => return Ok(truncated(number)),
        None => {}
    }
    let Some(text) = value.as_str() else {
        return Ok(default());
    };
    let digits = text.trim().replace('_', "");
    let (sign, unsigned) = match digits.strip_prefix(['-', '+']) {
        Some(rest) => (if digits.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, digits.as_str()),
    };
    let lower = unsigned.to_ascii_lowercase();
    let prefix = match base {
        16 => "0x",
        8 => "0o",
        2 => "0b",
        _ => "",
    };
    let unsigned = lower.strip_prefix(prefix).unwrap_or(&lower);
    let radix = u32::try_from(base).ok().filter(|radix| (2..=36).contains(radix)).unwrap_or(10);
    if !unsigned.starts_with(['-', '+'])
        && let Ok(number) = i128::from_str_radix(unsigned, radix)
    {
        return Ok(from_integer(sign * number));
    }
    Ok(parse_float(text).map_or_else(default, truncated))
}

/// `float(text)`
fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim().replace('_', "");
    let word = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
    let known = word.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || matches!(word.as_str(), "inf" | "infinity" | "nan");
    if known { text.parse().ok() } else { None }
}

fn float(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    refuse_undefined(value)?;
    let default = || arguments.get(0, "default").cloned().unwrap_or_else(|| Value::from(0.0));
    Ok(match (Number::of(value), value.as_str()) {
        (Some(number), _) => Value::from(number.float()),
        (None, Some(text)) => parse_float(text).map_or_else(default, Value::from),
        _ => default(),
    })
}

fn round(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["precision", "method"])?;
    let precision = integer_argument(arguments, 0, "precision", 0)?.clamp(-300, 300);
    let method = arguments.text(1, "method")?.unwrap_or_else(|| "common".into());
    let Some(number) = Number::of(value) else {
        refuse_undefined(value)?;
        return Err(Error::new(ErrorKind::Type, format!("type {} cannot be rounded", type_name(value))));
    };
    let scale = 10f64.powi(i32::try_from(precision).unwrap_or(0));
    match (method.as_str(), number) {
        ("common", Number::Integer(number)) if precision >= 0 => Ok(from_integer(number)),
        ("common", Number::Integer(number)) => {
            let unit =
                arithmetic::binary(crate::ast::BinaryOperator::Power, &Value::from(10), &from_integer(-precision))?;
            let unit = as_integer(&unit).unwrap_or(i128::MAX);
            let rest = number.rem_euclid(unit);
            let down = number - rest;
            let up = rest * 2 > unit || (rest * 2 == unit && (down / unit) % 2 != 0);
            Ok(from_integer(if up { down + unit } else { down }))
        }
        ("common", Number::Float(number)) => Ok(Value::from(round_half_even(number, precision))),
        ("ceil", number) => Ok(Value::from((number.float() * scale).ceil() / scale)),
        ("floor", number) => Ok(Value::from((number.float() * scale).floor() / scale)),
        _ => Err(Error::new(ErrorKind::Value, "method must be common, ceil or floor")),
    }
}

/// Python's `round`: to the nearest decimal of the exact value, halves to even.
fn round_half_even(number: f64, precision: i128) -> f64 {
    if !number.is_finite() {
        return number;
    }
    match usize::try_from(precision) {
        Ok(decimals) => format!("{number:.decimals$}").parse().unwrap_or(number),
        Err(_) => {
            let scale = 10f64.powi(i32::try_from(-precision).unwrap_or(0));
            (number / scale).round_ties_even() * scale
        }
    }
}

/// The items of a sequence or map, for filters that look at nothing when the value is none, zero or empty.
fn items_of(value: &Value) -> Result<Vec<Value>, Error> {
    if value.is_true() { iterate(value) } else { Ok(Vec::new()) }
}
