//! The package hub: which versions a package has, what each asks for, and where its archive is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use serde_json::Value;

use super::tools::download;
use super::version::{Bound, newest};

/// Another hub, for companies that keep a copy; dbt's own variable.
const VARIABLE: &str = "DBT_PACKAGE_HUB_URL";
const USUAL: &str = "https://hub.getdbt.com/";
/// The version of dbt that packages may require.
const DBT_VERSION: &str = "1.11.0";

/// The hub, each package asked for once.
pub(super) struct Hub<'a> {
    base: String,
    folder: &'a Path,
    known: RefCell<HashMap<String, Rc<Value>>>,
}

/// A version that was chosen.
pub(super) struct Release {
    /// `1.3.0`
    pub version: String,
    /// The newest one there is, which may be newer.
    pub latest: String,
    /// What the hub says of it.
    pub metadata: Value,
}

impl<'a> Hub<'a> {
    /// The hub of the environment; answers are kept in a folder.
    pub(super) fn new(folder: &'a Path) -> Self {
        let base = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty()).unwrap_or_else(|| USUAL.to_owned());
        Self { base, folder, known: RefCell::default() }
    }

    /// The newest version of a package that all bounds admit and that runs with our version of dbt.
    ///
    /// # Errors
    /// What to tell: no network, no such package, no such version.
    pub(super) fn choose(&self, name: &str, versions: &[String], prerelease: bool) -> Result<Release, String> {
        let mut bounds = Vec::new();
        for text in versions {
            let read = Bound::parse_all(text);
            bounds.extend(read.ok_or_else(|| format!("`{text}` is no version such as 1.2.3 or >=1.2.3"))?);
        }
        let package = self.package(name)?;
        let all = package.get("versions").and_then(Value::as_object).ok_or("the hub's answer has no versions")?;
        let runs = || all.iter().filter(|(_, metadata)| is_compatible(metadata)).map(|(version, _)| version.as_str());
        let Some(version) = newest(runs(), &bounds, prerelease) else {
            let mut known: Vec<&str> = runs().collect();
            known.sort_unstable();
            return Err(format!("no version fits {}; there are {}", versions.join(", "), known.join(", ")));
        };
        let latest = newest(runs(), &[], prerelease).unwrap_or(version);
        let metadata = all.get(version).cloned().unwrap_or_default();
        Ok(Release { version: version.to_owned(), latest: latest.to_owned(), metadata })
    }

    fn package(&self, name: &str) -> Result<Rc<Value>, String> {
        if let Some(package) = self.known.borrow().get(name) {
            return Ok(Rc::clone(package));
        }
        let file = self.folder.join(format!("{}.json", name.replace('/', ".")));
        download(&format!("{}api/v1/{name}.json", self.base), &file)?;
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let package = serde_json::from_str(&text).map_err(|error| format!("the hub's answer is no JSON: {error}"))?;
        let package = Rc::new(package);
        self.known.borrow_mut().insert(name.to_owned(), Rc::clone(&package));
        Ok(package)
    }
}

/// Whether `require_dbt_version` admits the version of dbt that we stand for.
fn is_compatible(metadata: &Value) -> bool {
    let required = match metadata.get("require_dbt_version") {
        Some(Value::String(text)) => vec![text.as_str()],
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let bounds = required.iter().filter_map(|text| Bound::parse_all(text)).flatten().collect::<Vec<_>>();
    newest([DBT_VERSION], &bounds, true).is_some()
}
