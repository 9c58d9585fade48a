//! JSON as Python writes it: `", "` and `": "` between items, everything beyond ASCII escaped.

use minijinja::value::ValueKind;

use crate::value::{Number, as_integer, entries, iterate, text, type_name};
use crate::{Arguments, Error, ErrorKind, Value};

/// The filter `tojson`: sorted keys, safe inside of HTML.
pub(super) fn filter(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let indent = arguments.get(0, "indent").and_then(as_integer).and_then(|indent| usize::try_from(indent).ok());
    let plain = write(value, indent, true)?;
    let mut safe = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '<' | '>' | '&' | '\'' => safe.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => safe.push(character),
        }
    }
    Ok(Value::from(safe))
}

/// `json.dumps(value, indent=indent, sort_keys=sorted)`
pub(crate) fn write(value: &Value, indent: Option<usize>, sorted: bool) -> Result<String, Error> {
    let mut output = String::new();
    let writer = Writer { indent: indent.map(|indent| indent.min(100)), sorted };
    writer.value(value, 0, &mut output)?;
    Ok(output)
}

struct Writer {
    indent: Option<usize>,
    sorted: bool,
}

impl Writer {
    fn value(&self, value: &Value, depth: usize, output: &mut String) -> Result<(), Error> {
        if depth > 100 {
            return Err(Error::new(ErrorKind::Recursion, "value is nested too deeply for JSON"));
        }
        match value.kind() {
            ValueKind::None => output.push_str("null"),
            ValueKind::Bool => output.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => output.push_str(&number(value)),
            ValueKind::String => string(value.as_str().unwrap_or_default(), output),
            ValueKind::Seq => {
                let items = iterate(value)?;
                self.brackets(['[', ']'], items.len(), depth, output, |index, output| {
                    self.value(&items[index], depth + 1, output)
                })?;
            }
            ValueKind::Map => self.map(value, depth, output)?,
            _ => {
                let message = format!("object of type {} is not JSON serializable", type_name(value));
                return Err(Error::new(ErrorKind::Type, message));
            }
        }
        Ok(())
    }

    fn map(&self, value: &Value, depth: usize, output: &mut String) -> Result<(), Error> {
        let mut pairs = Vec::new();
        for (key, item) in entries(value)? {
            let name = match key.kind() {
                ValueKind::String => text::text(&key),
                ValueKind::None => "null".into(),
                ValueKind::Bool => if key.is_true() { "true" } else { "false" }.into(),
                ValueKind::Number => number(&key),
                _ => {
                    return Err(Error::new(ErrorKind::Type, "keys must be str, int, float, bool or None"));
                }
            };
            pairs.push((name, item));
        }
        if self.sorted {
            pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
        }
        self.brackets(['{', '}'], pairs.len(), depth, output, |index, output| {
            let (name, item) = &pairs[index];
            string(name, output);
            output.push_str(": ");
            self.value(item, depth + 1, output)
        })
    }

    fn brackets(
        &self,
        [open, close]: [char; 2],
        count: usize,
        depth: usize,
        output: &mut String,
        mut write: impl FnMut(usize, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let new_line = |depth: usize, output: &mut String| {
            if let Some(indent) = self.indent {
                output.push('\n');
                output.push_str(&" ".repeat(indent * depth));
            }
        };
        output.push(open);
        for index in 0..count {
            if index > 0 {
                output.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            new_line(depth + 1, output);
            write(index, output)?;
        }
        if count > 0 {
            new_line(depth, output);
        }
        output.push(close);
        Ok(())
    }
}

fn number(value: &Value) -> String {
    match Number::of(value) {
        Some(Number::Float(number)) if number.is_nan() => "NaN".into(),
        Some(Number::Float(number)) if number.is_infinite() => {
            if number > 0.0 { "Infinity" } else { "-Infinity" }.into()
        }
        _ => text::text(value),
    }
}

fn string(text: &str, output: &mut String) {
    output.push('"');
    for character in text.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            '\u{8}' => output.push_str("\\b"),
            '\u{c}' => output.push_str("\\f"),
            ' '..='~' => output.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    output.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    output.push('"');
}
