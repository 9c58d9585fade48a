//! What packages.yml or dependencies.yml ask for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::super::LoadOptions;
use super::super::render::Renderer;
use super::super::yaml::{self, Yaml};
use crate::diagnostics::{Diagnostic, SourceFile};

/// The files that may ask, the first that is there counts.
pub(super) const FILES: [&str; 2] = ["packages.yml", "dependencies.yml"];

/// One package asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it comes from.
    pub origin: Origin,
    /// The entry with its templates rendered.
    pub entry: Value,
    /// The entry as written: what people see of it, for it may hide a password.
    pub written: Value,
    /// The file that asks.
    pub file: Arc<SourceFile>,
    /// First byte of the entry.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A folder, relative to the project or package that asks.
    Local(PathBuf),
    /// A package of the hub.
    Hub {
        /// `dbt-labs/dbt_utils`
        name: String,
        /// `>=1.0.0`, `<2.0.0`: all must hold.
        versions: Vec<String>,
        /// Whether a prerelease will do.
        prerelease: bool,
    },
    /// A git repository.
    Git {
        /// Where it is.
        url: String,
        /// A tag, a branch or a commit; the default branch without.
        revision: Option<String>,
        /// The folder of the package in it.
        subdirectory: Option<String>,
    },
    /// An archive.
    Tarball {
        /// Where it is.
        url: String,
        /// Name of the package.
        name: String,
    },
}

impl Wanted {
    /// As the file names it.
    pub fn name(&self) -> &str {
        let of = |key: &str| self.written.get(key).and_then(Value::as_str);
        ["local", "package", "git", "tarball"].into_iter().find_map(of).unwrap_or_default()
    }

    /// A problem with this entry.
    pub(super) fn problem(&self, code: &'static str, title: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, title.into()).at(&self.file, self.start, self.end, "")
    }
}

/// The packages that the project or package in a folder asks for.
///
/// # Errors
/// `HW0102`, `HW0103` for a malformed file.
pub fn wanted(root: &Path, options: &LoadOptions) -> Result<Vec<Wanted>, Vec<Diagnostic>> {
    let read = |name: &&str| std::fs::read_to_string(root.join(name)).ok().map(|text| ((*name).to_owned(), text));
    let Some((path, text)) = FILES.iter().find_map(read) else { return Ok(Vec::new()) };
    // dependencies.yml is read before anything else is known and stays as written, as in dbt.
    let renders = path != FILES[1];
    parse(&Arc::new(SourceFile { path, text }), options, renders)
}

/// The packages of a text.
pub(super) fn parse(
    file: &Arc<SourceFile>,
    options: &LoadOptions,
    renders: bool,
) -> Result<Vec<Wanted>, Vec<Diagnostic>> {
    let (written, _) = yaml::parse(file).map_err(|error| vec![error])?;
    let renderer = Renderer::with_vars(&options.vars, None);
    let rendered = renderer.tree(file, &written, &|_| !renders).map_err(|error| vec![error])?;
    let items = |yaml: &Yaml| yaml.get("packages").map(Yaml::items).unwrap_or_default().to_vec();
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for (entry, written) in items(&rendered).iter().zip(items(&written)) {
        match origin(entry) {
            Ok(origin) => {
                let (start, end) = entry.place(file);
                let (entry, written) = (entry.json(), written.json());
                found.push(Wanted { origin, entry, written, file: Arc::clone(file), start, end });
            }
            Err((title, help)) => errors.push(yaml::error_at("HW0103", file, entry, title).help(help)),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

fn origin(entry: &Yaml) -> Result<Origin, (String, &'static str)> {
    let text = |key: &str| entry.text_of(key);
    if let Some(path) = text("local") {
        return Ok(Origin::Local(PathBuf::from(path)));
    }
    if let Some(name) = text("package") {
        let versions = entry.texts_of("version");
        if versions.is_empty() {
            let title = format!("`{name}` is asked for without a version");
            return Err((title, "a package of the hub needs one: version: [\">=1.0.0\", \"<2.0.0\"]"));
        }
        if !name.contains('/') {
            let title = format!("`{name}` has no namespace");
            return Err((title, "packages of the hub are named as in dbt-labs/dbt_utils"));
        }
        let flag = |key: &str| entry.get(key).map(Yaml::json).and_then(|flag| flag.as_bool());
        return Ok(Origin::Hub { name, versions, prerelease: flag("install_prerelease").unwrap_or(false) });
    }
    if let Some(url) = text("git") {
        return Ok(Origin::Git { url, revision: text("revision"), subdirectory: text("subdirectory") });
    }
    match (text("tarball"), text("name")) {
        (Some(url), Some(name)) => Ok(Origin::Tarball { url, name }),
        (Some(url), None) => Err((format!("the archive {url} has no `name`"), "add `name:`, the name of the package")),
        (None, _) => Err((
            "a package must say `local`, `package`, `git` or `tarball`".to_owned(),
            "for instance: - local: ../shared_models",
        )),
    }
}
