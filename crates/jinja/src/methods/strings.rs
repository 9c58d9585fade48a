//! Methods of `str`.

use std::collections::HashMap;

use crate::lexer::is_space;
use crate::value::{as_integer, dict, entries, from_integer, iterate, list, none, text, tuple, type_name};
use crate::{Arguments, Error, ErrorKind, Value, format};

/// All of them.
pub(super) const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// Calls a method.
pub(super) fn call(receiver: &str, method: &str, arguments: &Arguments) -> Result<Value, Error> {
    let every = |test: fn(char) -> bool| Ok(Value::from(!receiver.is_empty() && receiver.chars().all(test)));
    let made = |text: String| Ok(Value::from(text));
    match method {
        "upper" => made(receiver.to_uppercase()),
        "lower" | "casefold" => made(receiver.to_lowercase()),
        "capitalize" => made(capitalize(receiver)),
        "title" => made(title(receiver)),
        "swapcase" => made(swapcase(receiver)),
        "strip" | "lstrip" | "rstrip" => strip(receiver, method, arguments),
        "split" | "rsplit" => split(receiver, method == "rsplit", arguments),
        "splitlines" => Ok(list(splitlines(receiver, arguments.get(0, "keepends").is_some_and(Value::is_true)))),
        "partition" | "rpartition" => partition(receiver, method == "rpartition", arguments),
        "join" => join(receiver, arguments),
        "replace" => replace(receiver, arguments),
        "startswith" => prefixes(arguments, |prefix| receiver.starts_with(prefix)),
        "endswith" => prefixes(arguments, |suffix| receiver.ends_with(suffix)),
        "removeprefix" => {
            let prefix = required(arguments, 0, "prefix")?;
            made(receiver.strip_prefix(&prefix).unwrap_or(receiver).to_string())
        }
        "removesuffix" => {
            let suffix = required(arguments, 0, "suffix")?;
            made(receiver.strip_suffix(&suffix).unwrap_or(receiver).to_string())
        }
        "find" | "rfind" | "index" | "rindex" => find(receiver, method, arguments),
        "count" => {
            let (window, _) = window(receiver, arguments)?;
            let needle = required(arguments, 0, "sub")?;
            let empty = needle.is_empty();
            Ok(Value::from(if empty { window.chars().count() + 1 } else { window.matches(&needle).count() }))
        }
        "zfill" | "ljust" | "rjust" | "center" => justify(receiver, method, arguments),
        "expandtabs" => {
            let size = arguments.get(0, "tabsize").and_then(as_integer).unwrap_or(8);
            made(expand_tabs(receiver, usize::try_from(size.clamp(0, 1000)).unwrap_or(8)))
        }
        "format" => format::braces(receiver, arguments).map(Value::from),
        "format_map" => {
            let mut named = Arguments::default();
            for (key, value) in entries(arguments.required(0, "mapping")?)? {
                named.keyword.insert(text::text(&key), value);
            }
            format::braces(receiver, &named).map(Value::from)
        }
        "maketrans" => maketrans(arguments),
        "translate" => translate(receiver, arguments.required(0, "table")?),
        "encode" => Ok(Value::from_bytes(receiver.as_bytes().to_vec())),
        "isalnum" => every(char::is_alphanumeric),
        "isalpha" => every(char::is_alphabetic),
        "isascii" => Ok(Value::from(receiver.is_ascii())),
        "isdecimal" | "isdigit" => every(|character| character.is_ascii_digit()),
        "isnumeric" => every(char::is_numeric),
        "isspace" => every(is_space),
        "isprintable" => Ok(Value::from(!receiver.chars().any(char::is_control))),
        "isidentifier" => {
            let first = receiver.chars().next().is_some_and(|first| first == '_' || first.is_alphabetic());
            let rest = receiver.chars().all(|character| character == '_' || character.is_alphanumeric());
            Ok(Value::from(first && rest))
        }
        "islower" => Ok(Value::from(cased(receiver, char::is_lowercase, char::is_uppercase))),
        "isupper" => Ok(Value::from(cased(receiver, char::is_uppercase, char::is_lowercase))),
        "istitle" => Ok(Value::from(receiver.chars().any(char::is_alphabetic) && title(receiver) == receiver)),
        _ => Err(Error::new(ErrorKind::Unknown, format!("'str' object has no method '{method}'"))),
    }
}

fn required(arguments: &Arguments, index: usize, name: &str) -> Result<String, Error> {
    let value = arguments.required(index, name)?;
    value
        .as_str()
        .map(str::to_string)
        .ok_or_else(|| Error::new(ErrorKind::Type, format!("argument '{name}' must be str, not {}", type_name(value))))
}

/// `Hello world`
pub(crate) fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

/// `Hello World`: a capital wherever letters start.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_alphabetic() {
            inside = false;
            result.push(character);
        } else if inside {
            result.extend(character.to_lowercase());
        } else {
            inside = true;
            result.extend(character.to_uppercase());
        }
    }
    result
}

fn swapcase(text: &str) -> String {
    let swap = |character: char| -> String {
        if character.is_uppercase() { character.to_lowercase().collect() } else { character.to_uppercase().collect() }
    };
    text.chars().map(swap).collect()
}

fn cased(text: &str, wanted: fn(char) -> bool, refused: fn(char) -> bool) -> bool {
    text.chars().any(wanted) && !text.chars().any(refused)
}

fn strip(receiver: &str, method: &str, arguments: &Arguments) -> Result<Value, Error> {
    let set = match arguments.get(0, "chars") {
        Some(value) if !value.is_none() => Some(required(arguments, 0, "chars")?),
        _ => None,
    };
    let strips = |character: char| match &set {
        Some(set) => set.contains(character),
        None => is_space(character),
    };
    let mut text = receiver;
    if method != "rstrip" {
        text = text.trim_start_matches(strips);
    }
    if method != "lstrip" {
        text = text.trim_end_matches(strips);
    }
    Ok(Value::from(text))
}

fn split(receiver: &str, from_right: bool, arguments: &Arguments) -> Result<Value, Error> {
    arguments.reject_unknown(&["sep", "maxsplit"])?;
    let separator = match arguments.get(0, "sep") {
        Some(value) if !value.is_none() => Some(required(arguments, 0, "sep")?),
        _ => None,
    };
    let limit = arguments.get(1, "maxsplit").and_then(as_integer).and_then(|limit| usize::try_from(limit).ok());
    let parts: Vec<&str> = match &separator {
        Some(separator) if separator.is_empty() => {
            return Err(Error::new(ErrorKind::Value, "empty separator"));
        }
        Some(separator) => match (limit, from_right) {
            (None, _) => receiver.split(separator.as_str()).collect(),
            (Some(limit), false) => receiver.splitn(limit + 1, separator.as_str()).collect(),
            (Some(limit), true) => {
                let mut parts: Vec<&str> = receiver.rsplitn(limit + 1, separator.as_str()).collect();
                parts.reverse();
                parts
            }
        },
        None => words(receiver, limit, from_right),
    };
    Ok(list(parts.into_iter().map(Value::from).collect()))
}

/// Words between runs of whitespace, at most `limit` splits.
fn words(receiver: &str, limit: Option<usize>, from_right: bool) -> Vec<&str> {
    let Some(limit) = limit else {
        return receiver.split(is_space).filter(|word| !word.is_empty()).collect();
    };
    let mut parts = Vec::new();
    let mut rest = receiver.trim_matches(is_space);
    while !rest.is_empty() && parts.len() < limit {
        let found = if from_right { rest.rfind(is_space) } else { rest.find(is_space) };
        let Some(at) = found else { break };
        let width = rest[at..].chars().next().map_or(1, char::len_utf8);
        if from_right {
            parts.push(&rest[at + width..]);
            rest = rest[..at].trim_end_matches(is_space);
        } else {
            parts.push(&rest[..at]);
            rest = rest[at..].trim_start_matches(is_space);
        }
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    if from_right {
        parts.reverse();
    }
    parts
}

fn splitlines(receiver: &str, keep_ends: bool) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut rest = receiver;
    while !rest.is_empty() {
        let end = rest.find(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']);
        let Some(at) = end else {
            lines.push(Value::from(rest));
            break;
        };
        let width =
            if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(1, char::len_utf8) };
        lines.push(Value::from(&rest[..if keep_ends { at + width } else { at }]));
        rest = &rest[at + width..];
    }
    lines
}

fn partition(receiver: &str, from_right: bool, arguments: &Arguments) -> Result<Value, Error> {
    let separator = required(arguments, 0, "sep")?;
    if separator.is_empty() {
        return Err(Error::new(ErrorKind::Value, "empty separator"));
    }
    let parts = if from_right {
        receiver.rsplit_once(&separator).map_or(["", "", receiver], |(head, tail)| [head, &separator, tail])
    } else {
        receiver.split_once(&separator).map_or([receiver, "", ""], |(head, tail)| [head, &separator, tail])
    };
    Ok(tuple(parts.into_iter().map(Value::from).collect()))
}

fn join(receiver: &str, arguments: &Arguments) -> Result<Value, Error> {
    let mut parts = Vec::new();
    for (index, item) in iterate(arguments.required(0, "iterable")?)?.iter().enumerate() {
        match item.as_str() {
            Some(text) => parts.push(text.to_string()),
            None => {
                let message = format!("sequence item {index}: expected str instance, {} found", type_name(item));
                return Err(Error::new(ErrorKind::Type, message));
            }
        }
    }
    Ok(Value::from(parts.join(receiver)))
}

fn replace(receiver: &str, arguments: &Arguments) -> Result<Value, Error> {
    let old = required(arguments, 0, "old")?;
    let new = required(arguments, 1, "new")?;
    let count = arguments.get(2, "count").and_then(as_integer).and_then(|count| usize::try_from(count).ok());
    Ok(Value::from(match count {
        Some(count) => receiver.replacen(&old, &new, count),
        None => receiver.replace(&old, &new),
    }))
}

/// `str.maketrans`: code points to what they become, from a dictionary or from two texts of one length and a third of what goes.
fn maketrans(arguments: &Arguments) -> Result<Value, Error> {
    let code = |character: char| from_integer(i128::from(u32::from(character)));
    let refused = |message: &str| Error::new(ErrorKind::Value, message);
    let mut table: Vec<(Value, Value)> = Vec::new();
    if arguments.get(1, "y").is_none() {
        for (key, becomes) in entries(arguments.required(0, "x")?)? {
            let mut characters = key.as_str().unwrap_or_default().chars();
            match (characters.next(), characters.next()) {
                (Some(only), None) => table.push((code(only), becomes)),
                _ if key.is_integer() => table.push((key, becomes)),
                _ => return Err(refused("string keys in translate table must be of length 1")),
            }
        }
        return Ok(dict(table));
    }
    let (from, to) = (required(arguments, 0, "x")?, required(arguments, 1, "y")?);
    if from.chars().count() != to.chars().count() {
        return Err(refused("the first two maketrans arguments must have equal length"));
    }
    table.extend(from.chars().map(code).zip(to.chars().map(code)));
    if arguments.get(2, "z").is_some() {
        table.extend(required(arguments, 2, "z")?.chars().map(|character| (code(character), none())));
    }
    Ok(dict(table))
}

/// `str.translate`: every character as the table has it by code point; what is not in the table stays.
fn translate(receiver: &str, table: &Value) -> Result<Value, Error> {
    let table: HashMap<i128, Value> =
        entries(table)?.into_iter().filter_map(|(key, becomes)| Some((as_integer(&key)?, becomes))).collect();
    let mut result = String::with_capacity(receiver.len());
    for character in receiver.chars() {
        let Some(becomes) = table.get(&i128::from(u32::from(character))) else {
            result.push(character);
            continue;
        };
        match (becomes.as_str(), as_integer(becomes)) {
            (Some(text), _) => result.push_str(text),
            (None, Some(code)) => {
                let code = u32::try_from(code).ok().and_then(char::from_u32);
                result.push(
                    code.ok_or_else(|| Error::new(ErrorKind::Value, "character mapping must be in range(0x110000)"))?,
                );
            }
            (None, None) if becomes.is_none() => {}
            _ => return Err(Error::new(ErrorKind::Type, "character mapping must return integer, None or str")),
        }
    }
    Ok(Value::from(result))
}

fn prefixes(arguments: &Arguments, test: impl Fn(&str) -> bool) -> Result<Value, Error> {
    let affix = arguments.required(0, "prefix")?;
    if affix.is_tuple() {
        return Ok(Value::from(iterate(affix)?.iter().any(|one| one.as_str().is_some_and(&test))));
    }
    required(arguments, 0, "prefix").map(|affix| Value::from(test(&affix)))
}

/// The part of the text between the optional `start` and `end`, and how many characters stand before it.
fn window<'t>(receiver: &'t str, arguments: &Arguments) -> Result<(&'t str, usize), Error> {
    let length = receiver.chars().count() as i128;
    let bound = |index: usize, name: &str, default: i128| match arguments.get(index, name).and_then(as_integer) {
        Some(number) if number < 0 => (number + length).max(0),
        Some(number) => number.min(length),
        None => default,
    };
    let (start, end) = (bound(1, "start", 0), bound(2, "end", length));
    let offset = |characters: i128| {
        let characters = usize::try_from(characters).unwrap_or(0);
        receiver.char_indices().nth(characters).map_or(receiver.len(), |(offset, _)| offset)
    };
    let window = receiver.get(offset(start)..offset(end)).unwrap_or("");
    Ok((window, usize::try_from(start).unwrap_or(0)))
}

fn find(receiver: &str, method: &str, arguments: &Arguments) -> Result<Value, Error> {
    let needle = required(arguments, 0, "sub")?;
    let (window, before) = window(receiver, arguments)?;
    let found = if method.starts_with('r') { window.rfind(&needle) } else { window.find(&needle) };
    match found {
        Some(at) => Ok(Value::from(before + window[..at].chars().count())),
        None if method.ends_with("index") => Err(Error::new(ErrorKind::Value, "substring not found")),
        None => Ok(Value::from(-1)),
    }
}

fn justify(receiver: &str, method: &str, arguments: &Arguments) -> Result<Value, Error> {
    let width = arguments.required(0, "width")?;
    let width = as_integer(width)
        .ok_or_else(|| Error::new(ErrorKind::Type, format!("'{}' object is not an integer", type_name(width))))?;
    let width = usize::try_from(width.clamp(0, 1_000_000)).unwrap_or(0);
    let fill = match arguments.get(1, "fillchar") {
        Some(_) if method != "zfill" => required(arguments, 1, "fillchar")?,
        _ if method == "zfill" => "0".into(),
        _ => " ".into(),
    };
    if fill.chars().count() != 1 {
        return Err(Error::new(ErrorKind::Type, "the fill character must be exactly one character long"));
    }
    let missing = width.saturating_sub(receiver.chars().count());
    Ok(Value::from(match method {
        "zfill" => {
            let sign = if receiver.starts_with(['-', '+']) { &receiver[..1] } else { "" };
            format!("{sign}{}{}", fill.repeat(missing), &receiver[sign.len()..])
        }
        "ljust" => format!("{receiver}{}", fill.repeat(missing)),
        "rjust" => format!("{}{receiver}", fill.repeat(missing)),
        _ => center(receiver, width, &fill),
    }))
}

/// Centred as Python does: an odd rest goes left when the width is odd.
pub(crate) fn center(receiver: &str, width: usize, fill: &str) -> String {
    let missing = width.saturating_sub(receiver.chars().count());
    let left = missing / 2 + (missing & width & 1);
    format!("{}{receiver}{}", fill.repeat(left), fill.repeat(missing - left))
}

fn expand_tabs(receiver: &str, size: usize) -> String {
    let mut result = String::new();
    let mut column = 0;
    for character in receiver.chars() {
        match character {
            '\t' if size > 0 => {
                let count = size - column % size;
                result.push_str(&" ".repeat(count));
                column += count;
            }
            '\t' => {}
            '\n' | '\r' => {
                result.push(character);
                column = 0;
            }
            _ => {
                result.push(character);
                column += 1;
            }
        }
    }
    result
}
