//! Values as Python writes them, where dbt makes names and checksums of that.

use serde_json::Value;

/// What Python's `str` makes of a value.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(written) => written.clone(),
        other => literal(other),
    }
}

/// What Python's `repr` makes of a value.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(written) => string(written),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", string(key), literal(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut literal = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            letter if letter == quote => literal.extend(['\\', letter]),
            letter if letter.is_control() => literal.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter => literal.push(letter),
        }
    }
    literal.push(quote);
    literal
}
