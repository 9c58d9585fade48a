//! `.dbtignore`: files that lie in a project's folders and are no part of it, in the patterns of `.gitignore`.

use std::path::Path;

use regex::Regex;

/// The file's rules, in its order.
pub(super) struct Ignored {
    rules: Vec<(Regex, bool)>,
}

impl Ignored {
    /// Reads the rules of a package; none when it has no such file.
    pub(super) fn of(root: &Path) -> Self {
        let text = std::fs::read_to_string(root.join(".dbtignore")).unwrap_or_default();
        Self { rules: text.lines().filter_map(rule).collect() }
    }

    /// Whether a path below the package's folder is left out: the last rule that fits it decides.
    pub(super) fn holds(&self, path: &str) -> bool {
        self.rules.iter().rev().find(|(pattern, _)| pattern.is_match(path)).is_some_and(|(_, out)| *out)
    }
}

/// A line as what it fits and whether that is left out; none for comments, empty lines and what is no pattern.
fn rule(line: &str) -> Option<(Regex, bool)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (pattern, out) = line.strip_prefix('!').map_or((line, true), |pattern| (pattern, false));
    let (pattern, folder) = pattern.strip_suffix('/').map_or((pattern, false), |pattern| (pattern, true));
    // With a slash inside, a pattern is about the whole path; without, about a name wherever it lies.
    let start = if pattern.contains('/') { "^" } else { "^(?:.*/)?" };
    let end = if folder { "/.*$" } else { "(?:/.*)?$" };
    let body = expression(pattern.strip_prefix('/').unwrap_or(pattern));
    Regex::new(&format!("{start}{body}{end}")).ok().map(|pattern| (pattern, out))
}

/// The wildcards of a pattern as a regular expression.
fn expression(pattern: &str) -> String {
    let mut result = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let class = rest.starts_with('[').then(|| rest[1..].find(']')).flatten();
        let taken = if let Some(after) = rest.strip_prefix("**/") {
            result.push_str("(?:.*/)?");
            rest.len() - after.len()
        } else if rest.starts_with("**") {
            result.push_str(".*");
            2
        } else if let Some(end) = class {
            let inside = &rest[1..=end];
            result.push_str(&format!(
                "[{}]",
                inside.strip_prefix('!').map_or(inside.to_owned(), |set| format!("^{set}"))
            ));
            end + 2
        } else {
            match first {
                '*' => result.push_str("[^/]*"),
                '?' => result.push_str("[^/]"),
                '\\' => {}
                letter => result.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
            }
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    result
}
