//! `str()` and `repr()` of values, byte for byte as Python writes them.

use std::cell::RefCell;
use std::fmt;

use minijinja::value::{Tuple, ValueKind};

use crate::Value;

/// How many containers deep a value is written; deeper ones become `...`.
const DEPTH_LIMIT: usize = 100;

thread_local! {
    /// The containers being written on this thread, so that one that holds itself ends.
    static OPEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// `str(value)`; undefined is empty.
pub(crate) fn text(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => String::new(),
        ValueKind::String => value.as_str().unwrap_or_default().to_string(),
        ValueKind::Plain => value.to_string(),
        _ => repr(value),
    }
}

/// `repr(value)`
pub(crate) fn repr(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => "Undefined".into(),
        ValueKind::None => "None".into(),
        ValueKind::Bool => if value.is_true() { "True" } else { "False" }.into(),
        ValueKind::Number if !value.is_integer() => float(f64::try_from(value.clone()).unwrap_or(f64::NAN)),
        ValueKind::String => quoted(value.as_str().unwrap_or_default()),
        ValueKind::Bytes => bytes(value.as_bytes().unwrap_or_default()),
        _ if value.is_tuple() || value.downcast_object_ref::<Vec<Value>>().is_some() => Items(value).to_string(),
        ValueKind::Map if super::is_dict(value) && value.downcast_object_ref::<super::Dict>().is_none() => {
            Items(value).to_string()
        }
        _ => crate::modules::repr(value).unwrap_or_else(|| value.to_string()),
    }
}

fn bytes(bytes: &[u8]) -> String {
    let plain: String = bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '\u{fffd}' }).collect();
    let mut high = bytes.iter().filter(|byte| !byte.is_ascii());
    let mut result = String::from("b");
    for character in quoted(&plain).chars() {
        match character {
            '\u{fffd}' => result.push_str(&high.next().map_or(String::new(), |byte| format!("\\x{byte:02x}"))),
            _ => result.push(character),
        }
    }
    result
}

/// Writes the engine's own containers as ours.
struct Items<'v>(&'v Value);

impl fmt::Display for Items<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = std::ptr::from_ref(self.0) as usize;
        if let Some(tuple) = self.0.downcast_object_ref::<Tuple>() {
            let close = if tuple.len() == 1 { ",)" } else { ")" };
            return write_items(formatter, address, ["(", close], tuple);
        }
        match super::entries(self.0) {
            Ok(entries) => write_entries(formatter, address, &entries),
            Err(_) => write_items(formatter, address, ["[", "]"], &super::iterate(self.0).unwrap_or_default()),
        }
    }
}

/// Writes items between brackets, `...` when the container is being written already.
pub(crate) fn write_items(
    formatter: &mut fmt::Formatter<'_>,
    address: usize,
    brackets: [&str; 2],
    items: &[Value],
) -> fmt::Result {
    guarded(formatter, address, brackets, |formatter| {
        for (index, item) in items.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(formatter, "{comma}{}", repr(item))?;
        }
        Ok(())
    })
}

/// Writes entries as a dictionary.
pub(crate) fn write_entries(
    formatter: &mut fmt::Formatter<'_>,
    address: usize,
    entries: &[(Value, Value)],
) -> fmt::Result {
    guarded(formatter, address, ["{", "}"], |formatter| {
        for (index, (key, value)) in entries.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(formatter, "{comma}{}: {}", repr(key), repr(value))?;
        }
        Ok(())
    })
}

fn guarded(
    formatter: &mut fmt::Formatter<'_>,
    address: usize,
    [open, close]: [&str; 2],
    write: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    formatter.write_str(open)?;
    let inside = OPEN.with_borrow(|open| open.contains(&address) || open.len() >= DEPTH_LIMIT);
    if inside {
        formatter.write_str("...")?;
    } else {
        OPEN.with_borrow_mut(|open| open.push(address));
        let result = write(formatter);
        OPEN.with_borrow_mut(Vec::pop);
        result?;
    }
    formatter.write_str(close)
}

/// A string in quotes, escaped as Python does.
pub(crate) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut result = String::with_capacity(text.len() + 2);
    result.push(quote);
    for character in text.chars() {
        match character {
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            '\r' => result.push_str("\\r"),
            '\t' => result.push_str("\\t"),
            _ if character == quote => {
                result.push('\\');
                result.push(character);
            }
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{ad}' => {
                result.push_str(&format!("\\x{:02x}", u32::from(character)));
            }
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{3000}' | '\u{feff}' => {
                result.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => result.push(character),
        }
    }
    result.push(quote);
    result
}

/// A float as Python writes it: the shortest digits, with an exponent below 1e-4 and from 1e16 on.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
