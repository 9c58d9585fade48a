//! package-lock.yml: the versions that were chosen, and a digest of what was asked for, both as dbt has them.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

use super::super::LoadOptions;
use super::super::python_json::python_json;
use super::super::yaml;
use super::resolve::Pinned;
use super::wanted::{Origin, Wanted, parse};
use crate::diagnostics::{Diagnostic, SourceFile};

/// Name of the file.
pub(super) const FILE: &str = "package-lock.yml";

/// What was chosen.
pub(super) struct Lock {
    /// Digest of what was asked for then.
    pub digest: String,
    /// What was chosen, as wishes that one version fulfils.
    pub packages: Vec<Wanted>,
}

/// Reads the file; nothing when there is none.
///
/// # Errors
/// `HW0102`, `HW0103` for a malformed file.
pub(super) fn read(root: &Path, options: &LoadOptions) -> Result<Option<Lock>, Vec<Diagnostic>> {
    let Ok(text) = std::fs::read_to_string(root.join(FILE)) else { return Ok(None) };
    let file = Arc::new(SourceFile { path: FILE.to_owned(), text });
    let (yaml, _) = yaml::parse(&file).map_err(|error| vec![error])?;
    let digest = yaml.text_of("sha1_hash").unwrap_or_default();
    Ok(Some(Lock { digest, packages: parse(&file, options, true)? }))
}

/// The text of the file.
pub(super) fn text(packages: &[Pinned], digest: &str) -> String {
    let mut text = String::from("packages:\n");
    for package in packages {
        let mut fields = package.entry.clone();
        fields.push(("name", package.name.clone()));
        fields.sort_unstable();
        for (index, (key, value)) in fields.iter().enumerate() {
            let lead = if index == 0 { "  - " } else { "    " };
            let _ = writeln!(text, "{lead}{key}: {}", scalar(value));
        }
    }
    let _ = writeln!(text, "sha1_hash: {}", scalar(digest));
    text
}

/// A text that YAML reads as the same text.
pub(super) fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_alphanumeric() || "./_".contains(first))
        && text.chars().all(|character| character.is_alphanumeric() || "./_-:@+~".contains(character))
        && !text.ends_with(':');
    let is_text = yaml::parse_text(FILE, text).is_ok_and(|value| value.as_str() == Some(text));
    // Some readers take 1e10 and the like for numbers.
    let is_number = text.parse::<f64>().is_ok();
    if plain && is_text && !is_number { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// The digest of what is asked for, in whatever order.
pub(super) fn digest(wanted: &[Wanted]) -> String {
    let mut entries: Vec<String> = wanted
        .iter()
        .map(|wanted| {
            let mut fields = fields(wanted);
            fields.sort_all_objects();
            python_json(&fields)
        })
        .collect();
    entries.sort_unstable();
    Sha1::digest(entries.join("\n")).iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// An entry with everything it could say.
fn fields(wanted: &Wanted) -> Value {
    let of = |key: &str| wanted.entry.get(key).cloned().unwrap_or_default();
    let mut fields = Map::new();
    let keys: &[&str] = match &wanted.origin {
        Origin::Local(_) => &["local"],
        Origin::Hub { .. } => &["package", "version"],
        Origin::Git { .. } => &["git", "revision", "subdirectory", "warn-unpinned"],
        Origin::Tarball { .. } => &["tarball"],
    };
    fields.extend(keys.iter().map(|key| ((*key).to_owned(), of(key))));
    if let Origin::Hub { prerelease, .. } = wanted.origin {
        fields.insert("install_prerelease".to_owned(), json!(prerelease));
    }
    if !of("name").is_null() {
        fields.insert("name".to_owned(), of("name"));
    }
    fields.insert("unrendered".to_owned(), wanted.written.clone());
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest that dbt 1.11 writes for the same file.
    #[test]
    fn the_digest_is_dbts() {
        let text = "packages:
  - local: ../a
  - {git: 'https://x/y.git', revision: 1.0}
  - {git: 'https://x/z.git', revision: abc, warn-unpinned: false, subdirectory: s}
  - {package: dbt-labs/dbt_utils, version: ['>=1.0.0', '<2.0.0']}
  - {package: a/b, version: 1.0.0, install_prerelease: true}
  - {package: a/c, version: 1.1}
  - {tarball: 'https://t', name: tt}
";
        let file = Arc::new(SourceFile { path: "packages.yml".to_owned(), text: text.to_owned() });
        let wanted = parse(&file, &LoadOptions::default(), true).expect("readable");
        assert_eq!(digest(&wanted), "707f8c6160a0284aa8204262727709971c398234");
    }

    #[test]
    fn what_could_be_read_as_something_else_stands_in_quotes() {
        let shown =
            ["1.2.3", "1.2", "0123456", "12e34567", "https://x/y.git", "true", "a b", "{{ x }}", "../a"].map(scalar);
        assert_eq!(shown.join(" "), "1.2.3 '1.2' '0123456' '12e34567' https://x/y.git 'true' 'a b' '{{ x }}' ../a");
    }
}
