//! `modules.re` on the `fancy-regex` crate: Python's functions and patterns, look-around and back-references included.

use std::fmt;
use std::sync::Arc;

use fancy_regex::{Regex, RegexBuilder};
use minijinja::State;
use minijinja::value::{Object, ObjectRepr};

use crate::value::{as_integer, dict, list, none, text, tuple, type_name};
use crate::{Arguments, Error, ErrorKind, Value, function};

/// What a match captured in a text.
type Captures<'t> = fancy_regex::Captures<'t, str>;

/// Functions that take a pattern first; a compiled pattern has them as methods.
const FUNCTIONS: [&str; 8] = ["match", "search", "fullmatch", "findall", "finditer", "sub", "subn", "split"];

const IGNORE_CASE: i128 = 2;
const MULTI_LINE: i128 = 8;
const DOT_ALL: i128 = 16;
const VERBOSE: i128 = 64;

/// Members of `re`.
pub(super) fn member(name: &str) -> Option<Value> {
    let flag = match name {
        "I" | "IGNORECASE" => Some(IGNORE_CASE),
        "M" | "MULTILINE" => Some(MULTI_LINE),
        "S" | "DOTALL" => Some(DOT_ALL),
        "X" | "VERBOSE" => Some(VERBOSE),
        "A" | "ASCII" => Some(256),
        "U" | "UNICODE" => Some(32),
        _ => None,
    };
    if let Some(flag) = flag {
        return Some(crate::value::from_integer(flag));
    }
    if let Some(known) = FUNCTIONS.into_iter().find(|known| *known == name) {
        return Some(function(known, move |arguments| {
            let (pattern, rest) = split_pattern(arguments, flags_position(known))?;
            pattern.function(known, &rest)
        }));
    }
    match name {
        "compile" => Some(function("compile", |arguments| {
            let (pattern, _) = split_pattern(arguments, Some(1))?;
            Ok(Value::from_object(pattern))
        })),
        "escape" => Some(function("escape", |arguments| {
            let mut escaped = String::new();
            for character in arguments.required_text(0, "pattern")?.chars() {
                if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(character) {
                    escaped.push('\\');
                }
                escaped.push(character);
            }
            Ok(Value::from(escaped))
        })),
        _ => None,
    }
}

/// Where `flags` stand among the positional arguments.
fn flags_position(function: &str) -> Option<usize> {
    match function {
        "sub" | "subn" => Some(4),
        "split" => Some(3),
        _ => Some(2),
    }
}

/// Takes pattern and flags off the arguments.
fn split_pattern(arguments: &Arguments, flags_at: Option<usize>) -> Result<(Pattern, Arguments), Error> {
    let given = arguments.required(0, "pattern")?;
    let mut rest = arguments.clone();
    if !rest.positional.is_empty() {
        rest.positional.remove(0);
    }
    rest.keyword.shift_remove("pattern");
    let flags = flags_at.and_then(|at| arguments.get(at, "flags")).and_then(as_integer).unwrap_or(0);
    rest.keyword.shift_remove("flags");
    if let Some(pattern) = given.downcast_object_ref::<Pattern>() {
        return Ok((pattern.clone(), rest));
    }
    let Some(source) = given.as_str() else {
        let message = format!("first argument must be string or compiled pattern, not {}", type_name(given));
        return Err(Error::new(ErrorKind::Type, message));
    };
    Ok((Pattern::compile(source, flags)?, rest))
}

/// A compiled pattern.
#[derive(Debug, Clone)]
struct Pattern {
    source: String,
    regex: Regex,
    /// The pattern, anchored at both ends.
    whole: Regex,
}

impl Pattern {
    fn compile(source: &str, flags: i128) -> Result<Pattern, Error> {
        let rust = source.replace("\\Z", "\\z");
        let inline = source.trim_start().strip_prefix("(?").and_then(|rest| rest.split_once(')'));
        let inline = inline.filter(|(letters, _)| letters.chars().all(char::is_alphabetic));
        let verbose = flags & VERBOSE != 0 || inline.is_some_and(|(letters, _)| letters.contains('x'));
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(flags & IGNORE_CASE != 0)
                .multi_line(flags & MULTI_LINE != 0)
                .dot_matches_new_line(flags & DOT_ALL != 0)
                .ignore_whitespace(verbose)
                .build()
                .map_err(|error| refused(source, error))
        };
        Ok(Pattern {
            source: source.to_string(),
            regex: build(&rust)?,
            // On a line of its own the bracket is not part of a comment.
            whole: build(&format!("\\A(?:{rust}{}\\z", if verbose { "\n)" } else { ")" }))?,
        })
    }

    /// The matches from left to right, no more than `most`.
    fn matches<'t>(&self, subject: &'t str, most: usize) -> Result<Vec<Captures<'t>>, Error> {
        let found = self.regex.captures_iter(subject).take(most).collect::<Result<_, _>>();
        found.map_err(|error| refused(&self.source, error))
    }

    fn matched(&self, captures: &Captures<'_>) -> Value {
        let names = self.regex.capture_names().map(|name| name.map(str::to_string)).collect();
        let full = captures.get(0).map_or("", |full| full.as_str());
        let groups = captures
            .iter()
            .map(|group| group.map(|group| (group.as_str().to_string(), group.start(), group.end())))
            .collect();
        Value::from_object(Match { groups, names, text: full.to_string() })
    }

    /// What `findall` gives for one match: the match, its only group, or all groups.
    fn found(&self, captures: &Captures<'_>) -> Value {
        let group = |index: usize| Value::from(captures.get(index).map_or("", |group| group.as_str()));
        match captures.len() {
            1 => group(0),
            2 => group(1),
            count => tuple((1..count).map(group).collect()),
        }
    }

    fn function(&self, name: &str, arguments: &Arguments) -> Result<Value, Error> {
        if matches!(name, "sub" | "subn") {
            return self.substitute(arguments, name == "subn");
        }
        let subject = arguments.required_text(0, "string")?;
        let single = |regex: &Regex| match regex.captures(subject.as_str()) {
            Ok(captures) => Ok(captures.map_or_else(none, |captures| self.matched(&captures))),
            Err(error) => Err(refused(&self.source, error)),
        };
        let every = |shown: &dyn Fn(&Captures<'_>) -> Value| {
            Ok(list(self.matches(&subject, usize::MAX)?.iter().map(shown).collect()))
        };
        match name {
            "search" => single(&self.regex),
            // What is leftmost begins at the beginning, if anything does.
            "match" => {
                let found = self.regex.captures(subject.as_str()).map_err(|error| refused(&self.source, error))?;
                let found = found.filter(|captures| captures.get(0).is_some_and(|full| full.start() == 0));
                Ok(found.map_or_else(none, |captures| self.matched(&captures)))
            }
            "fullmatch" => single(&self.whole),
            "findall" => every(&|captures| self.found(captures)),
            "finditer" => every(&|captures| self.matched(captures)),
            _ => self.split(&subject, arguments.get(1, "maxsplit").and_then(as_integer).unwrap_or(0)),
        }
    }

    fn split(&self, subject: &str, most: i128) -> Result<Value, Error> {
        let most = usize::try_from(most).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        let mut last = 0;
        for captures in self.matches(subject, most)? {
            let Some(whole) = captures.get(0) else { continue };
            parts.push(Value::from(&subject[last..whole.start()]));
            for group in captures.iter().skip(1) {
                parts.push(group.map_or_else(none, |group| Value::from(group.as_str())));
            }
            last = whole.end();
        }
        parts.push(Value::from(&subject[last..]));
        Ok(list(parts))
    }

    fn substitute(&self, arguments: &Arguments, with_count: bool) -> Result<Value, Error> {
        let replacement = arguments.required(0, "repl")?;
        let subject = arguments.required_text(1, "string")?;
        let most = arguments.get(2, "count").and_then(as_integer).unwrap_or(0);
        let most = usize::try_from(most).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
        let mut result = String::new();
        let mut last = 0;
        let mut count = 0i64;
        for captures in self.matches(&subject, most)? {
            let Some(whole) = captures.get(0) else { continue };
            result.push_str(&subject[last..whole.start()]);
            match replacement.as_str() {
                Some(template) => expand(template, &captures, &mut result)?,
                None => {
                    let made = crate::call(replacement, &[self.matched(&captures)], &[])?;
                    result.push_str(&text::text(&made));
                }
            }
            last = whole.end();
            count += 1;
        }
        result.push_str(&subject[last..]);
        let result = Value::from(result);
        Ok(if with_count { tuple(vec![result, Value::from(count)]) } else { result })
    }
}

/// A pattern that cannot be read, or that goes back and forth for too long.
fn refused(source: &str, error: fancy_regex::Error) -> Error {
    let message = format!("cannot use the regular expression {}", text::quoted(source));
    Error::new(ErrorKind::Value, message).with_source(error)
}

/// Writes a replacement with `\1`, `\g<name>` and escapes.
fn expand(template: &str, captures: &Captures<'_>, result: &mut String) -> Result<(), Error> {
    let invalid = |what: &str| Error::new(ErrorKind::Value, format!("invalid group reference {what}"));
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        match characters.next() {
            Some('g') if characters.peek() == Some(&'<') => {
                characters.next();
                let name: String = characters.by_ref().take_while(|character| *character != '>').collect();
                let group = match name.parse::<usize>() {
                    Ok(index) if index < captures.len() => captures.get(index),
                    Ok(_) => return Err(invalid(&name)),
                    Err(_) => captures.name(&name),
                };
                result.push_str(group.map_or("", |group| group.as_str()));
            }
            Some(digit @ '1'..='9') => {
                let mut index = digit.to_digit(10).unwrap_or(0) as usize;
                if let Some(next) = characters.peek().and_then(|next| next.to_digit(10)) {
                    index = index * 10 + next as usize;
                    characters.next();
                }
                if index >= captures.len() {
                    return Err(invalid(&index.to_string()));
                }
                result.push_str(captures.get(index).map_or("", |group| group.as_str()));
            }
            Some('n') => result.push('\n'),
            Some('t') => result.push('\t'),
            Some('r') => result.push('\r'),
            Some('\\') | None => result.push('\\'),
            Some(other) if other.is_ascii_alphabetic() => {
                return Err(Error::new(ErrorKind::Value, format!("bad escape \\{other}")));
            }
            Some(other) => {
                result.push('\\');
                result.push(other);
            }
        }
    }
    Ok(())
}

impl Object for Pattern {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "pattern").then(|| Value::from(self.source.as_str()))
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        if !FUNCTIONS.contains(&method) {
            return Err(minijinja::ErrorKind::UnknownMethod.into());
        }
        Ok(self.function(method, &Arguments::from_values(values))?)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "re.compile({})", text::quoted(&self.source))
    }
}

/// One match.
#[derive(Debug)]
struct Match {
    /// Text, start and end of each group; the first is the whole match.
    groups: Vec<Option<(String, usize, usize)>>,
    names: Vec<Option<String>>,
    text: String,
}

impl Match {
    fn index(&self, key: &Value) -> Result<usize, Error> {
        let index = match key.as_str() {
            Some(name) => self.names.iter().position(|known| known.as_deref() == Some(name)),
            None => as_integer(key).and_then(|index| usize::try_from(index).ok()),
        };
        index
            .filter(|index| *index < self.groups.len())
            .ok_or_else(|| Error::new(ErrorKind::Value, format!("no such group: {}", text::repr(key))))
    }

    fn group(&self, index: usize, default: &Value) -> Value {
        self.groups[index].as_ref().map_or_else(|| default.clone(), |(text, _, _)| Value::from(text.as_str()))
    }

    fn method(&self, method: &str, arguments: &Arguments) -> Option<Result<Value, Error>> {
        let first = || arguments.positional.first().map_or(Ok(0), |key| self.index(key));
        let place = |end: bool| {
            first().map(|index| match &self.groups[index] {
                Some((_, start, stop)) => Value::from(if end { *stop } else { *start }),
                None => Value::from(-1),
            })
        };
        let default = arguments.get(0, "default").cloned().unwrap_or_else(none);
        Some(match method {
            "group" if arguments.positional.len() > 1 => {
                let groups = arguments.positional.iter().map(|key| Ok(self.group(self.index(key)?, &none())));
                groups.collect::<Result<Vec<_>, Error>>().map(tuple)
            }
            "group" => first().map(|index| self.group(index, &none())),
            "groups" => Ok(tuple((1..self.groups.len()).map(|index| self.group(index, &default)).collect())),
            "groupdict" => {
                let named = self.names.iter().enumerate().filter_map(|(index, name)| Some((index, name.as_ref()?)));
                Ok(dict(named.map(|(index, name)| (Value::from(name.as_str()), self.group(index, &default))).collect()))
            }
            "start" => place(false),
            "end" => place(true),
            "span" => place(false).and_then(|start| Ok(tuple(vec![start, place(true)?]))),
            _ => return None,
        })
    }
}

impl Object for Match {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.index(key).ok().map(|index| self.group(index, &none()))
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        match self.method(method, &Arguments::from_values(values)) {
            Some(result) => Ok(result?),
            None => Err(minijinja::ErrorKind::UnknownMethod.into()),
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = self.groups[0].as_ref().map_or((0, 0), |(_, start, end)| (*start, *end));
        write!(formatter, "<re.Match object; span=({start}, {end}), match={}>", text::quoted(&self.text))
    }
}
