//! Filters that give text.

use minijinja::value::ValueKind;

use super::{flag_argument, integer_argument, size_argument};
use crate::lexer::is_space;
use crate::value::{Number, as_integer, entries, iterate, text};
use crate::{Arguments, Error, ErrorKind, Value, format as formatting, methods};

fn made(text: String) -> Result<Value, Error> {
    Ok(Value::from(text))
}

fn text_argument(arguments: &Arguments, index: usize, name: &str, default: &str) -> String {
    arguments.get(index, name).filter(|value| !value.is_none()).map_or_else(|| default.to_string(), text::text)
}

pub(super) fn capitalize(value: &Value, _: &Arguments) -> Result<Value, Error> {
    methods::call(&Value::from(text::text(value)), "capitalize", Arguments::default())
}

pub(super) fn center(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let width = size_argument(arguments, 0, "width", 80)?;
    methods::call(&Value::from(text::text(value)), "center", Arguments::new(&[Value::from(width)], &[]))
}

pub(super) fn escape(value: &Value, _: &Arguments) -> Result<Value, Error> {
    Ok(Value::from_safe_string(escaped(&text::text(value))))
}

fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => result.push_str("&amp;"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '"' => result.push_str("&#34;"),
            '\'' => result.push_str("&#39;"),
            _ => result.push(character),
        }
    }
    result
}

pub(super) fn file_size(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let binary = flag_argument(arguments, 0, "binary");
    let bytes = match (Number::of(value), value.as_str().map(str::parse::<f64>)) {
        (Some(number), _) => number.float(),
        (None, Some(Ok(number))) => number,
        _ => {
            return Err(Error::new(ErrorKind::Value, "could not convert the value to a number of bytes"));
        }
    };
    let base = if binary { 1024.0 } else { 1000.0 };
    let units = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    if bytes == 1.0 {
        return made("1 Byte".into());
    }
    if bytes < base {
        return made(format!("{} Bytes", bytes.trunc()));
    }
    let mut scaled = bytes;
    let mut unit = units[0];
    for candidate in units {
        scaled /= base;
        unit = candidate;
        if scaled < base {
            break;
        }
    }
    made(format!("{scaled:.1} {unit}"))
}

pub(super) fn format(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if !arguments.positional.is_empty() && !arguments.keyword.is_empty() {
        return Err(Error::new(ErrorKind::Arguments, "format takes positional or keyword arguments, not both"));
    }
    let values = if arguments.keyword.is_empty() {
        crate::value::tuple(arguments.positional.clone())
    } else {
        let pairs = arguments.keyword.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone()));
        crate::value::dict(pairs.collect())
    };
    formatting::percent(&text::text(value), &values).map(Value::from)
}

/// Lines without their ends, as `str.splitlines` gives them.
fn lines(text: &str) -> Vec<String> {
    let lines = methods::call(&Value::from(text), "splitlines", Arguments::default());
    lines.and_then(|lines| iterate(&lines)).unwrap_or_default().iter().map(text::text).collect()
}

pub(super) fn indent(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["width", "first", "blank"])?;
    let prefix = match arguments.get(0, "width") {
        Some(width) if width.kind() == ValueKind::String => text::text(width),
        _ => " ".repeat(size_argument(arguments, 0, "width", 4)?),
    };
    let (first, blank) = (flag_argument(arguments, 1, "first"), flag_argument(arguments, 2, "blank"));
    let mut result = if first { prefix.clone() } else { String::new() };
    for (index, line) in lines(&(text::text(value) + "\n")).iter().enumerate() {
        if index > 0 {
            result.push('\n');
            if blank || !line.is_empty() {
                result.push_str(&prefix);
            }
        }
        result.push_str(line);
    }
    made(result)
}

pub(super) fn join(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["d", "attribute"])?;
    let separator = text_argument(arguments, 0, "d", "");
    let mut items = iterate(value)?;
    if let Some(path) = arguments.get(1, "attribute").filter(|path| !path.is_none()) {
        items = items.iter().map(|item| super::sequences::by_path(item, path)).collect::<Result<_, _>>()?;
    }
    made(items.iter().map(text::text).collect::<Vec<_>>().join(&separator))
}

pub(super) fn replace(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["old", "new", "count"])?;
    let old = text::text(arguments.required(0, "old")?);
    let new = text::text(arguments.required(1, "new")?);
    let count = arguments.get(2, "count").and_then(as_integer).and_then(|count| usize::try_from(count).ok());
    let input = text::text(value);
    made(count.map_or_else(|| input.replace(&old, &new), |count| input.replacen(&old, &new, count)))
}

pub(super) fn strip_tags(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let mut rest = text::text(value);
    for (open, close) in [("<!--", "-->"), ("<", ">")] {
        while let Some(start) = rest.find(open)
            && let Some(length) = rest[start..].find(close)
        {
            rest.replace_range(start..start + length + close.len(), "");
        }
    }
    let words = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&quot;", "\""), ("&amp;", "&")];
    made(entities.iter().fold(words, |text, (entity, plain)| text.replace(entity, plain)))
}

/// Jinja's own `title`: words start behind spaces, dashes and opening brackets.
pub(super) fn title(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let mut inside = false;
    let mut result = String::new();
    for character in text::text(value).chars() {
        if is_space(character) || "-({[<".contains(character) {
            inside = false;
            result.push(character);
        } else if inside {
            result.extend(character.to_lowercase());
        } else {
            inside = true;
            result.extend(character.to_uppercase());
        }
    }
    made(result)
}

pub(super) fn trim(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let characters =
        Arguments { positional: arguments.get(0, "chars").cloned().into_iter().collect(), ..Default::default() };
    methods::call(&Value::from(text::text(value)), "strip", characters)
}

pub(super) fn truncate(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["length", "killwords", "end", "leeway"])?;
    let length = size_argument(arguments, 0, "length", 255)?;
    let end = text_argument(arguments, 2, "end", "...");
    let leeway = match arguments.get(3, "leeway") {
        Some(value) if !value.is_none() => size_argument(arguments, 3, "leeway", 5)?,
        _ => 5,
    };
    let input = text::text(value);
    let end_length = end.chars().count();
    if length < end_length {
        return Err(Error::new(ErrorKind::Value, format!("expected length >= {end_length}, got {length}")));
    }
    if input.chars().count() <= length + leeway {
        return made(input);
    }
    let cut: String = input.chars().take(length - end_length).collect();
    if flag_argument(arguments, 1, "killwords") {
        return made(cut + &end);
    }
    made(cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words).to_string() + &end)
}

fn percent_encoded(text: &str, keep: &str) -> String {
    let mut result = String::new();
    for byte in text.bytes() {
        let character = char::from(byte);
        if character.is_ascii_alphanumeric() || "_.-~".contains(character) || keep.contains(character) {
            result.push(character);
        } else {
            result.push_str(&format!("%{byte:02X}"));
        }
    }
    result
}

pub(super) fn url_encode(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let query = |text: String| percent_encoded(&text, " ").replace(' ', "+");
    if value.kind() == ValueKind::Map {
        let pairs = entries(value)?;
        let pairs = pairs.iter().map(|(key, item)| format!("{}={}", query(text::text(key)), query(text::text(item))));
        return made(pairs.collect::<Vec<_>>().join("&"));
    }
    if value.kind() == ValueKind::Seq {
        let mut pairs = Vec::new();
        for pair in iterate(value)? {
            if let [key, item] = iterate(&pair)?.as_slice() {
                pairs.push(format!("{}={}", query(text::text(key)), query(text::text(item))));
            }
        }
        return made(pairs.join("&"));
    }
    made(percent_encoded(&text::text(value), "/"))
}

pub(super) fn word_count(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let input = text::text(value);
    let words = input.split(|character: char| !character.is_alphanumeric() && character != '_');
    Ok(Value::from(words.filter(|word| !word.is_empty()).count()))
}

pub(super) fn word_wrap(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let width = usize::try_from(integer_argument(arguments, 0, "width", 79)?).unwrap_or(0).max(1);
    let breaks = arguments.get(1, "break_long_words").is_none_or(Value::is_true);
    let separator = text_argument(arguments, 2, "wrapstring", "\n");
    let wrapped: Vec<String> =
        lines(&text::text(value)).iter().map(|line| wrap_line(line, width, breaks).join(&separator)).collect();
    made(wrapped.join(&separator))
}

/// Fills lines up to the width, breaking at spaces; keeps the spaces inside of a line.
fn wrap_line(line: &str, width: usize, break_long_words: bool) -> Vec<String> {
    let mut result: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut spaces = String::new();
    for word in line.split_inclusive(is_space).flat_map(|piece| {
        let word = piece.trim_end_matches(is_space);
        [word, &piece[word.len()..]]
    }) {
        if word.is_empty() {
            continue;
        }
        if word.chars().all(is_space) {
            spaces.push_str(word);
            continue;
        }
        let fits = current.chars().count() + spaces.chars().count() + word.chars().count() <= width;
        if fits || current.is_empty() && result.is_empty() && spaces.is_empty() && word.chars().count() <= width {
            current.push_str(&spaces);
            current.push_str(word);
        } else {
            if !current.is_empty() {
                result.push(std::mem::take(&mut current));
            }
            let mut rest: Vec<char> = word.chars().collect();
            while break_long_words && rest.len() > width {
                result.push(rest.drain(..width).collect());
            }
            current = rest.into_iter().collect();
        }
        spaces.clear();
    }
    if !current.is_empty() {
        result.push(current);
    }
    result
}

pub(super) fn xml_attributes(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let mut attributes = Vec::new();
    for (key, item) in entries(value)? {
        if !item.is_none() && !item.is_undefined() {
            attributes.push(format!("{}=\"{}\"", escaped(&text::text(&key)), escaped(&text::text(&item))));
        }
    }
    let joined = attributes.join(" ");
    let space = arguments.get(0, "autospace").is_none_or(Value::is_true) && !joined.is_empty();
    made(if space { format!(" {joined}") } else { joined })
}
