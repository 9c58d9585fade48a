//! JSON as Python writes it: a blank after commas and colons, everything beyond ASCII escaped.

use std::fmt::Write as _;

use serde_json::Value;

/// The text of a value.
pub(crate) fn python_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(entries) => {
            text.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write(&Value::from(key.as_str()), text);
                text.push_str(": ");
                write(value, text);
            }
            text.push('}');
        }
        plain => {
            let plain = plain.to_string();
            for unit in plain.encode_utf16() {
                match u8::try_from(unit) {
                    Ok(byte) if byte.is_ascii() => text.push(char::from(byte)),
                    _ => {
                        let _ = write!(text, "\\u{unit:04x}");
                    }
                }
            }
        }
    }
}
