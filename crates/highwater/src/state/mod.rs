//! What an earlier run left behind (`--state`): its manifest and results, and what differs from them.
//!
//! Written by `hw` or by dbt alike: only what dbt's own schemas promise is read.
//!
//! | file | what |
//! | --- | --- |
//! | here | the folder of artifacts |
//! | `manifest.rs` | the part of a manifest that comparing and deferring need |
//! | `modified.rs` | `state:modified` and its parts |
//! | `defer.rs` | where a reference leads when its own table is not built |

mod defer;
mod manifest;
mod modified;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use defer::Deferral;
pub use manifest::{PreviousManifest, PreviousNode};
pub(crate) use modified::{Comparison, Part};

use crate::diagnostics::Diagnostic;

/// The artifacts of a folder; each is there or not.
#[derive(Debug, Default)]
pub struct PreviousState {
    /// The folder, as it was named.
    pub folder: PathBuf,
    /// `manifest.json`.
    pub manifest: Option<PreviousManifest>,
    /// Of `run_results.json`: every node's status.
    pub results: Option<IndexMap<String, String>>,
    /// Of `sources.json`: when the newest row of each source was loaded; none where asking failed.
    pub sources: Option<HashMap<String, Option<String>>>,
    /// The same of the project's own target folder, now.
    pub sources_now: Option<HashMap<String, Option<String>>>,
}

impl PreviousState {
    /// Reads a folder of artifacts; `target` is where the project keeps its own.
    ///
    /// # Errors
    /// `HW0235` when the folder is not there, or holds an artifact that cannot be read.
    pub fn read(folder: &Path, target: &Path) -> Result<Self, Diagnostic> {
        if !folder.is_dir() {
            return Err(Diagnostic::error(
                "HW0235",
                format!("there is no folder {} to compare with", folder.display()),
            )
            .help("--state takes a folder with the manifest.json of an earlier run, such as a copy of target/"));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            manifest: artifact(&folder.join("manifest.json"))?,
            results: statuses(&folder.join("run_results.json"))?,
            sources: load_times(&folder.join("sources.json"))?,
            sources_now: load_times(&target.join("sources.json"))?,
        })
    }

    /// The manifest.
    ///
    /// # Errors
    /// `HW0235` when the folder has none.
    pub fn manifest(&self) -> Result<&PreviousManifest, Diagnostic> {
        self.manifest.as_ref().ok_or_else(|| self.without("manifest.json"))
    }

    /// Unique ids of the nodes that ended with this status.
    ///
    /// # Errors
    /// `HW0235` when the folder has no results.
    pub(crate) fn with_status(&self, status: &str) -> Result<HashSet<&str>, Diagnostic> {
        let results = self.results.as_ref().ok_or_else(|| self.without("run_results.json"))?;
        Ok(results.iter().filter(|(_, found)| *found == status).map(|(id, _)| id.as_str()).collect())
    }

    /// Unique ids of the sources that were loaded since.
    ///
    /// # Errors
    /// `HW0235` when one of the two `sources.json` is missing.
    pub(crate) fn fresher_sources(&self) -> Result<HashSet<&str>, Diagnostic> {
        let before = self.sources.as_ref().ok_or_else(|| self.without("sources.json"))?;
        let now = self.sources_now.as_ref().ok_or_else(|| {
            Diagnostic::error("HW0235", "the project's own target folder has no sources.json")
                .help("run `hw source freshness` first")
        })?;
        let fresher = now.iter().filter_map(|(id, loaded)| {
            let loaded = loaded.as_ref()?;
            match before.get(id) {
                None => Some(id.as_str()),
                Some(Some(earlier)) => (loaded > earlier).then_some(id.as_str()),
                Some(None) => None,
            }
        });
        Ok(fresher.collect())
    }

    fn without(&self, name: &str) -> Diagnostic {
        Diagnostic::error("HW0235", format!("{} has no {name}", self.folder.display()))
            .help("--state takes a folder with the artifacts of an earlier run, such as a copy of target/")
    }
}

/// An artifact, when it is there.
fn artifact<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Diagnostic> {
    let Ok(text) = fs::read(path) else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Diagnostic::error("HW0235", format!("{} cannot be read: {error}", path.display()))
            .help("it must be an artifact of hw or of dbt 1.8 or later, as it was written")
    })
}

fn statuses(path: &Path) -> Result<Option<IndexMap<String, String>>, Diagnostic> {
    let document: Option<Value> = artifact(path)?;
    let status = |result: &Value| {
        let text = |key: &str| result.get(key).and_then(Value::as_str).map(str::to_owned);
        Some((text("unique_id")?, text("status")?))
    };
    Ok(document.map(|document| results(&document).iter().filter_map(status).collect()))
}

fn load_times(path: &Path) -> Result<Option<HashMap<String, Option<String>>>, Diagnostic> {
    let document: Option<Value> = artifact(path)?;
    let time = |result: &Value| {
        let text = |key: &str| result.get(key).and_then(Value::as_str).map(str::to_owned);
        Some((text("unique_id")?, text("max_loaded_at")))
    };
    Ok(document.map(|document| results(&document).iter().filter_map(time).collect()))
}

fn results(document: &Value) -> &[Value] {
    document.get("results").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
