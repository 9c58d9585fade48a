//! How far a backfill is, in a file below the target path: for those who cannot ask its database, because DuckDB lets in one process at a time.

use std::fs;
use std::path::PathBuf;

use highwater::session::Session;
use serde::{Deserialize, Serialize};

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// The process at work.
    pub process: u32,
    /// What it did last.
    pub step: String,
    /// Batches staged.
    pub done: u64,
    /// Batches there are; 0 before that is known.
    pub of: u64,
    /// Seconds until all are staged, if they take as long as those before.
    pub seconds_left: Option<f64>,
    /// When that was, in UTC.
    pub at: String,
}

/// The file that says so.
#[derive(Debug)]
pub struct PaceFile {
    path: PathBuf,
}

impl PaceFile {
    /// The file of a backfill.
    pub fn new(session: &Session, id: &str) -> Self {
        Self { path: session.project.target_path.join("backfills").join(format!("{id}.json")) }
    }

    /// Writes it. Nothing depends on it.
    pub fn write(&self, pace: &Pace) {
        let Some(folder) = self.path.parent() else { return };
        let beside = self.path.with_extension("new");
        let written = serde_json::to_vec(pace)
            .map_err(std::io::Error::other)
            .and_then(|text| fs::create_dir_all(folder).and_then(|()| fs::write(&beside, text)))
            .and_then(|()| fs::rename(&beside, &self.path));
        if let Err(error) = written {
            tracing::debug!(%error, "no file says how far the backfill is");
        }
    }

    /// Reads it, while somebody is at work.
    pub fn read(&self) -> Option<Pace> {
        serde_json::from_slice(&fs::read(&self.path).ok()?).ok()
    }

    /// Takes it away: nobody is at work any more.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
