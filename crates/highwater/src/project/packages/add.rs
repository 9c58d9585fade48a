//! A further line in packages.yml; everything else in it stays as it is, comments too.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::LoadOptions;
use super::super::load::absolute_root;
use super::super::yaml::{self, Yaml};
use super::lock::scalar;
use super::wanted::FILES;
use crate::diagnostics::{Diagnostic, SourceFile};

/// Where the package to add comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The package hub.
    Hub,
    /// A git repository.
    Git,
    /// A folder.
    Local,
}

/// Adds `dbt-labs/dbt_utils@1.3.0` or the like to the packages a project asks for, in place of what it said of it before;
/// the file that says so now.
///
/// # Errors
/// `HW0102` for a malformed file, `HW0103` when a version is missing, `HW0122` when it cannot be written.
pub fn add(options: &LoadOptions, package: &str, source: Source) -> Result<PathBuf, Diagnostic> {
    let root = absolute_root(options)?;
    let path = FILES.iter().map(|name| root.join(name)).find(|path| path.is_file()).unwrap_or(root.join(FILES[0]));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let changed = with_package(&path, &text, package, source)?;
    std::fs::write(&path, changed).map_err(|error| {
        Diagnostic::error("HW0122", format!("cannot write {}: {error}", path.display()))
            .help("check the permissions of the file")
    })?;
    Ok(path)
}

fn with_package(path: &Path, text: &str, package: &str, source: Source) -> Result<String, Diagnostic> {
    let (name, version) = match source {
        // The address of a repository may have a name before its host.
        Source::Git => match package.rsplit_once('@') {
            Some((name, version)) if !version.contains([':', '/']) => (name, Some(version)),
            _ => (package, None),
        },
        _ => package.split_once('@').map_or((package, None), |(name, version)| (name, Some(version))),
    };
    let fields = fields(name, version, source)?;
    let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let without = match named(&shown, text, name)? {
        Some(range) => format!("{}{}", &text[..range.start], &text[range.end..]),
        None => text.to_owned(),
    };
    appended(&shown, &without, &fields)
}

fn fields(name: &str, version: Option<&str>, source: Source) -> Result<Vec<(&'static str, String)>, Diagnostic> {
    let bounds = |version: &str| match version.contains(',') {
        false => scalar(version),
        true => format!("[{}]", version.split(',').map(|it| format!("'{}'", it.trim())).collect::<Vec<_>>().join(", ")),
    };
    Ok(match (source, version) {
        (Source::Hub, Some(version)) => vec![("package", scalar(name)), ("version", bounds(version))],
        (Source::Hub, None) => {
            return Err(Diagnostic::error("HW0103", format!("`{name}` is added without a version"))
                .help(format!("write --add-package {name}@1.0.0 or {name}@'>=1.0.0,<2.0.0'")));
        }
        (Source::Git, Some(revision)) => vec![("git", scalar(name)), ("revision", scalar(revision))],
        (Source::Git, None) => vec![("git", scalar(name))],
        (Source::Local, _) => vec![("local", scalar(name))],
    })
}

fn read(shown: &str, text: &str) -> Result<Option<Yaml>, Diagnostic> {
    let file = Arc::new(SourceFile { path: shown.to_owned(), text: text.to_owned() });
    Ok(yaml::parse(&file)?.0.get("packages").cloned())
}

/// The lines of the entry that asks for the package already.
fn named(shown: &str, text: &str, name: &str) -> Result<Option<Range<usize>>, Diagnostic> {
    let plain = |text: &str| {
        let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        last.trim_end_matches(".git").replace('-', "_")
    };
    let list = read(shown, text)?;
    let same = |entry: &&Yaml| {
        let known = ["package", "git", "local"].into_iter().find_map(|key| entry.text_of(key));
        known.is_some_and(|known| plain(&known) == plain(name))
    };
    let Some(entry) = list.as_ref().and_then(|list| list.items().iter().find(same)) else { return Ok(None) };
    let start = text[..entry.start].rfind('\n').map_or(0, |at| at + 1);
    // In a list on one line an entry goes with the comma behind it.
    if !text[start..entry.start].trim_start().starts_with('-') {
        let behind = &text[entry.end..];
        let comma = behind.trim_start().strip_prefix(',').map_or(0, |rest| behind.len() - rest.trim_start().len());
        return Ok(Some(entry.start..entry.end + comma));
    }
    let end = text[entry.end..].find('\n').map_or(text.len(), |at| entry.end + at + 1);
    Ok(Some(start..end))
}

fn appended(shown: &str, text: &str, fields: &[(&'static str, String)]) -> Result<String, Diagnostic> {
    let list = read(shown, text)?;
    let lines = |indent: &str| {
        let field = |(index, (key, value)): (usize, &(&str, String))| {
            format!("{indent}{}{key}: {value}\n", if index == 0 { "- " } else { "  " })
        };
        fields.iter().enumerate().map(field).collect::<String>()
    };
    let newline = |text: &str| if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let Some(list) = list else {
        return Ok(match text.lines().position(|line| line.trim_end() == "packages:") {
            // All there was is gone.
            Some(index) => {
                let head: String = text.split_inclusive('\n').take(index + 1).collect();
                format!("{head}{}{}{}", newline(&head), lines("  "), &text[head.len()..])
            }
            None => format!("{text}{}packages:\n{}", newline(text), lines("  ")),
        });
    };
    if text[list.start..].starts_with('[') {
        let pairs: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        let close = text[..list.end].rfind(']').unwrap_or(list.end);
        let comma = if list.items().is_empty() { "" } else { ", " };
        let before = text[..close].trim_end().trim_end_matches(',');
        return Ok(format!("{before}{comma}{{{}}}{}", pairs.join(", "), &text[close..]));
    }
    let (Some(first), Some(last)) = (list.items().first(), list.items().last()) else { return Ok(text.to_owned()) };
    let start = text[..first.start].rfind('\n').map_or(0, |at| at + 1);
    let indent: String = text[start..].chars().take_while(|character| *character == ' ').collect();
    let end = text[last.end..].find('\n').map_or(text.len(), |at| last.end + at + 1);
    Ok(format!("{}{}{}{}", &text[..end], newline(&text[..end]), lines(&indent), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str, package: &str, source: Source) -> String {
        with_package(Path::new("packages.yml"), text, package, source).unwrap_or_else(|error| error.title)
    }

    #[test]
    fn a_line_more_and_everything_else_as_it_was() {
        let hub = |text: &str| added(text, "dbt-labs/dbt_utils@1.3.0", Source::Hub);
        let entry = "  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n";
        assert_eq!(hub(""), format!("packages:\n{entry}"));
        let own = "# ours\npackages:\n  - local: ../shared # beside\n";
        assert_eq!(hub(own), format!("{own}{entry}"));
        assert_eq!(hub(own.trim_end()), format!("{own}{entry}"));
        let old =
            format!("{own}  - git: https://example.com/dbt-labs/dbt-utils.git\n    revision: '1.0'\n  - local: b\n");
        assert_eq!(hub(&old), format!("{own}  - local: b\n{entry}"));
        assert_eq!(
            hub("packages: [{local: a}]\n"),
            "packages: [{local: a}, {package: dbt-labs/dbt_utils, version: 1.3.0}]\n"
        );
        assert_eq!(hub("packages: []\n"), "packages: [{package: dbt-labs/dbt_utils, version: 1.3.0}]\n");
        let only = "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.0.0\n";
        assert_eq!(hub(only), format!("packages:\n{entry}"));
    }

    #[test]
    fn every_source() {
        let line = |package: &str, source| added("", package, source).replace("packages:\n", "");
        assert_eq!(line("a/b@>=1.0.0,<2.0.0", Source::Hub), "  - package: a/b\n    version: ['>=1.0.0', '<2.0.0']\n");
        assert_eq!(line("a/b", Source::Hub), "`a/b` is added without a version");
        assert_eq!(line("git@example.com:a/b.git", Source::Git), "  - git: git@example.com:a/b.git\n");
        assert_eq!(
            line("https://example.com/a.git@1.0", Source::Git),
            "  - git: https://example.com/a.git\n    revision: '1.0'\n"
        );
        assert_eq!(line("../shared", Source::Local), "  - local: ../shared\n");
    }
}
