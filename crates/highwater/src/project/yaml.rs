//! YAML with the place of every value, so that whatever is wrong with a value can be shown where it stands.
//!
//! A file becomes a tree of [`Yaml`]; scalars are JSON values, as everywhere else in the library. Of a key given twice
//! the last one counts, as in dbt, and a warning says so.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use crate::diagnostics::{Diagnostic, SourceFile};

/// A value and where it stands in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Yaml {
    /// The value.
    pub node: Node,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Null, true or false, a number, a text.
    Scalar(Value),
    /// A list.
    List(Vec<Yaml>),
    /// A mapping, in the order of the file.
    Map(IndexMap<String, Entry>),
}

/// A value of a mapping, with the place of its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// First byte of the key.
    pub key_start: usize,
    /// One past its last byte.
    pub key_end: usize,
    /// The value.
    pub value: Yaml,
}

/// Reads a file. An empty one is null.
///
/// # Errors
/// `HW0102` with line and column.
pub fn parse(file: &Arc<SourceFile>) -> Result<(Yaml, Vec<Diagnostic>), Diagnostic> {
    if is_blank(&file.text) {
        return Ok((Yaml::null(), Vec::new()));
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        budget: None,
    };
    let text = file.text.trim_end();
    let tree: Spanned<Tree> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax_error(file, &error))?;
    let mut reader = Reader { file, warnings: Vec::new() };
    let mut yaml = reader.convert(tree);
    end_without_break(&mut yaml, text);
    Ok((yaml, reader.warnings))
}

/// White space at the end is no part of the file, as in dbt: a description in a block there has no line break behind it, though the parser gives it one.
fn end_without_break(yaml: &mut Yaml, text: &str) {
    match &mut yaml.node {
        Node::Scalar(Value::String(last)) if !text[yaml.start..].starts_with('"') => {
            last.truncate(last.trim_end_matches('\n').len());
        }
        Node::Scalar(_) => {}
        Node::List(items) => items.last_mut().into_iter().for_each(|last| end_without_break(last, text)),
        Node::Map(entries) => {
            entries.values_mut().last().into_iter().for_each(|last| end_without_break(&mut last.value, text));
        }
    }
}

/// Reads text that stands in no file, such as the value of `--vars`.
///
/// # Errors
/// `HW0102`.
pub fn parse_text(name: &str, text: &str) -> Result<Value, Diagnostic> {
    let file = Arc::new(SourceFile { path: name.to_owned(), text: text.to_owned() });
    parse(&file).map(|(yaml, _)| yaml.json())
}

impl Yaml {
    /// Null, nowhere.
    pub fn null() -> Self {
        Self { node: Node::Scalar(Value::Null), start: 0, end: 0 }
    }

    /// The value of a key of a mapping; null counts as absent.
    pub fn get(&self, key: &str) -> Option<&Yaml> {
        self.entry(key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }

    /// A key of a mapping with its value, null included.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.node {
            Node::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The entries, when it is a mapping; none otherwise.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Entry)> {
        let entries = match &self.node {
            Node::Map(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flatten()
    }

    /// The items, when it is a list; none otherwise.
    pub fn items(&self) -> &[Yaml] {
        match &self.node {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping, taken out of it; none when it is something else.
    pub fn into_entries(self) -> IndexMap<String, Entry> {
        match self.node {
            Node::Map(entries) => entries,
            _ => IndexMap::new(),
        }
    }

    /// The items of a list, taken out of it; none when it is something else.
    pub fn into_items(self) -> Vec<Yaml> {
        match self.node {
            Node::List(items) => items,
            _ => Vec::new(),
        }
    }

    /// The items of a list, or the one value it is; none when it is null.
    pub fn one_or_many(&self) -> Vec<&Yaml> {
        match &self.node {
            Node::List(items) => items.iter().collect(),
            Node::Scalar(Value::Null) => Vec::new(),
            _ => vec![self],
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.node == Node::Scalar(Value::Null)
    }

    /// Whether it is a mapping.
    pub fn is_map(&self) -> bool {
        matches!(self.node, Node::Map(_))
    }

    /// The text, when it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The text of any scalar but null: `1` is "1".
    pub fn scalar_text(&self) -> Option<String> {
        match &self.node {
            Node::Scalar(Value::String(text)) => Some(text.clone()),
            Node::Scalar(Value::Null) | Node::List(_) | Node::Map(_) => None,
            Node::Scalar(other) => Some(other.to_string()),
        }
    }

    /// The text under a key, scalars of other kinds written out.
    pub fn text_of(&self, key: &str) -> Option<String> {
        self.get(key)?.scalar_text()
    }

    /// One text or a list of texts under a key.
    pub fn texts_of(&self, key: &str) -> Vec<String> {
        let Some(value) = self.get(key) else { return Vec::new() };
        value.one_or_many().into_iter().filter_map(Yaml::scalar_text).collect()
    }

    /// The value without its places.
    pub fn json(&self) -> Value {
        match &self.node {
            Node::Scalar(value) => value.clone(),
            Node::List(items) => Value::Array(items.iter().map(Yaml::json).collect()),
            Node::Map(entries) => {
                Value::Object(entries.iter().map(|(key, entry)| (key.clone(), entry.value.json())).collect())
            }
        }
    }

    /// The value of a key without its places, null when absent.
    pub fn json_of(&self, key: &str) -> Value {
        self.get(key).map_or(Value::Null, Yaml::json)
    }

    /// A mapping without its places; empty when it is something else.
    pub fn json_map(&self) -> IndexMap<String, Value> {
        self.entries().map(|(key, entry)| (key.clone(), entry.value.json())).collect()
    }

    /// The bytes of its first line, to point at.
    pub fn place(&self, file: &SourceFile) -> (usize, usize) {
        let line = file.text[self.start..self.end].lines().next().unwrap_or_default();
        (self.start, self.start + line.trim_end().len())
    }

    /// The kind of value, in words.
    pub fn kind(&self) -> &'static str {
        match &self.node {
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
            Node::Scalar(Value::String(_)) => "text",
            Node::Scalar(Value::Number(_)) => "a number",
            Node::Scalar(Value::Bool(_)) => "true or false",
            Node::Scalar(_) => "nothing",
        }
    }
}

/// An error that points at the first line of a value.
pub fn error_at(code: &'static str, file: &Arc<SourceFile>, yaml: &Yaml, title: impl Into<String>) -> Diagnostic {
    let (start, end) = yaml.place(file);
    Diagnostic::error(code, title).at(file, start, end, "")
}

/// Whether there is nothing but blank lines, comments and document markers.
fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
    })
}

fn syntax_error(file: &Arc<SourceFile>, error: &serde_saphyr::Error) -> Diagnostic {
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default().to_owned();
    // The place is shown by the label.
    let message = message.split(" at line ").next().unwrap_or(&message).trim_end_matches([':', '.', ' ']).to_owned();
    let place = error.location().map(|location| range(&location, &file.text));
    let slip = place.and_then(|(start, _)| slip_at(&file.text, start, &message));
    let (message, help) = match slip {
        Some(Slip { what, help }) => (what.to_owned(), help),
        None => (message, "check the indentation and the quotes around this place"),
    };
    let diagnostic = Diagnostic::error("HW0102", format!("{} is not valid YAML: {message}", file.path)).help(help);
    match place {
        Some((start, end)) => diagnostic.at(file, start, end, ""),
        None => diagnostic,
    }
}

/// A slip that is made often, and its remedy.
struct Slip {
    what: &'static str,
    help: &'static str,
}

fn slip_at(text: &str, start: usize, message: &str) -> Option<Slip> {
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    if line.trim_start_matches(' ').starts_with('\t') {
        Some(Slip { what: "this line begins with a tab", help: "indent with spaces" })
    } else if line.contains(": {{") || line.contains("- {{") {
        Some(Slip {
            what: "this value begins with {{ and stands in no quotes",
            help: "put quotes around it: \"{{ ... }}\"",
        })
    } else if message.contains("mapping values are not allowed") {
        Some(Slip { what: "there is a second `: ` in this value", help: "put quotes around the value" })
    } else {
        None
    }
}

/// Byte range of a place; whole characters, inside the text.
fn range(location: &Location, text: &str) -> (usize, usize) {
    let span = location.span();
    let start = span.byte_offset().map_or_else(
        || offset_of_line(text, location.line(), location.column()),
        |offset| usize::try_from(offset).unwrap_or(usize::MAX),
    );
    let length = span.byte_len().map_or(0, |length| usize::try_from(length).unwrap_or(0));
    let start = floor_boundary(text, start);
    (start, floor_boundary(text, start.saturating_add(length)).max(start))
}

fn offset_of_line(text: &str, line: u64, column: u64) -> usize {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let before: usize = text.split_inclusive('\n').take(index).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    let characters = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
    before + rest.chars().take(characters).map(char::len_utf8).sum::<usize>()
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// What the deserializer hands over; keys are kept with their places and with repetitions.
enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    warnings: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn convert(&mut self, tree: Spanned<Tree>) -> Yaml {
        let (start, end) = range(&tree.referenced, &self.file.text);
        let node = match tree.value {
            // `y` and `n` are letters, not words for true and false.
            Tree::Scalar(Value::Bool(_)) if end - start == 1 => {
                Node::Scalar(Value::String(self.file.text[start..end].to_owned()))
            }
            Tree::Scalar(value) => Node::Scalar(value),
            Tree::List(items) => Node::List(items.into_iter().map(|item| self.convert(item)).collect()),
            Tree::Map(pairs) => Node::Map(self.entries(pairs)),
        };
        // Of lists and mappings only the beginning is reported.
        let last = match &node {
            Node::List(items) => items.last().map(|item| item.end),
            Node::Map(entries) => entries.values().map(|entry| entry.value.end.max(entry.key_end)).max(),
            Node::Scalar(_) => None,
        };
        let end = self.closed(start, last.unwrap_or(end).max(end));
        Yaml { node, start, end }
    }

    /// The end with the bracket that closes what begins at `start`.
    fn closed(&self, start: usize, end: usize) -> usize {
        let text = &self.file.text;
        let closing = match text[start..].chars().next() {
            Some('{') => '}',
            Some('[') => ']',
            _ => return end,
        };
        let rest = text[end..].trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
        if rest.starts_with(closing) { text.len() - rest.len() + 1 } else { end }
    }

    fn entries(&mut self, pairs: Vec<(Spanned<String>, Spanned<Tree>)>) -> IndexMap<String, Entry> {
        let mut entries = IndexMap::with_capacity(pairs.len());
        for (key, value) in pairs {
            let (key_start, key_end) = range(&key.referenced, &self.file.text);
            let name = key.value;
            let entry = Entry { key_start, key_end, value: self.convert(value) };
            if let Some(earlier) = entries.insert(name.clone(), entry) {
                self.warnings.push(
                    Diagnostic::warning("HW0108", format!("'{name}' is given twice; the last one counts"))
                        .at(self.file, key_start, key_end, "counts")
                        .at(self.file, earlier.key_start, earlier.key_end, "does not count")
                        .help("remove one of the two"),
                );
            }
        }
        entries
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry()? {
            pairs.push(pair);
        }
        Ok(Tree::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Arc<SourceFile> {
        Arc::new(SourceFile { path: "models/schema.yml".to_owned(), text: text.to_owned() })
    }

    fn shown(file: &Arc<SourceFile>, start: usize, end: usize) -> String {
        file.text[start..end].to_owned()
    }

    #[test]
    fn every_value_knows_its_place() {
        let file = file("models:\n  - name: größe\n    columns: [a, 'b c']\n    n: 1\n");
        let (yaml, warnings) = parse(&file).expect("valid");
        assert!(warnings.is_empty());
        let model = &yaml.get("models").expect("models").items()[0];
        let name = model.get("name").expect("name");
        assert_eq!(shown(&file, name.start, name.end), "größe");
        let second = &model.get("columns").expect("columns").items()[1];
        assert_eq!(shown(&file, second.start, second.end), "'b c'");
        let entry = model.entry("n").expect("n");
        assert_eq!(shown(&file, entry.key_start, entry.key_end), "n");
        insta::assert_snapshot!(yaml.json(), @r#"{"models":[{"name":"größe","columns":["a","b c"],"n":1}]}"#);
    }

    #[test]
    fn words_are_what_people_mean_by_them() {
        let file = file("a: yes\nb: off\nc: ~\nd:\ne: 1.5\nf: 2024-01-01\ng: '1'\n1: x\ny: n\nh: |\n  two\n  lines\n");
        let (yaml, _) = parse(&file).expect("valid");
        insta::assert_snapshot!(yaml.json(), @r#"{"a":true,"b":false,"c":null,"d":null,"e":1.5,"f":"2024-01-01","g":"1","1":"x","y":"n","h":"two\nlines"}"#);
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let file = file("base: &base {x: 1, y: 2}\nother:\n  <<: *base\n  y: 3\nlist: [*base]\n");
        let (yaml, _) = parse(&file).expect("valid");
        insta::assert_snapshot!(yaml.json(), @r#"{"base":{"x":1,"y":2},"other":{"y":3,"x":1},"list":[{"x":1,"y":2}]}"#);
    }

    #[test]
    fn a_block_at_the_end_has_no_line_break_behind_it() {
        let (yaml, _) = parse(&file("a: >\n  one\n  two\nb: |\n  three\n\n")).expect("yaml");
        assert_eq!(yaml.text_of("a").as_deref(), Some("one two\n"));
        assert_eq!(yaml.text_of("b").as_deref(), Some("three"));
        let (yaml, _) = parse(&file("a:\n- b: |\n    one\n\n- c: \"two\\n\"\n")).expect("yaml");
        insta::assert_snapshot!(yaml.json(), @r#"{"a":[{"b":"one\n"},{"c":"two\n"}]}"#);
    }

    #[test]
    fn nothing_but_comments_is_null() {
        assert!(parse(&file("# later\n---\n")).expect("valid").0.is_null());
    }

    #[test]
    fn of_a_repeated_key_the_last_counts() {
        let file = file("name: a\nname: b\n");
        let (yaml, warnings) = parse(&file).expect("valid");
        assert_eq!(yaml.text_of("name").as_deref(), Some("b"));
        insta::assert_snapshot!(warnings[0], @"HW0108: 'name' is given twice; the last one counts");
        assert_eq!(warnings[0].labels[0].start, 8);
    }

    #[test]
    fn errors_point_at_the_place() {
        let file = file("models:\n  - name: orders\n   columns: []\n");
        let error = parse(&file).expect_err("bad indentation");
        let label = &error.labels[0];
        let line = file.text[..label.start].matches('\n').count() + 1;
        insta::assert_snapshot!(format!("{error} (line {line})"), @"HW0102: models/schema.yml is not valid YAML: while parsing a block collection, did not find expected '-' indicator (line 3)");
    }
}
