//! The folder `backfills` of the project: a plan's JSON, and the Markdown made of it.

use std::fs;
use std::path::{Path, PathBuf};

use highwater::backfill::{BackfillError, File, read, written};
use highwater::diagnostics::Diagnostic;
use highwater::session::Session;

/// The folder.
pub fn folder(session: &Session) -> PathBuf {
    session.project.main.root.join("backfills")
}

/// Reads a plan by its id, by the beginning of it, or as the `latest`.
///
/// # Errors
/// When there is none, several begin like that, or its content is not what was planned.
pub fn open(session: &Session, id: &str) -> Result<File, Diagnostic> {
    let folder = folder(session);
    let unknown = |reason: String| BackfillError::Unknown { id: id.to_owned(), reason }.diagnostic();
    let ids = ids(&folder);
    let latest = (id == "latest").then(|| latest(&folder, &ids)).flatten();
    let id = latest.as_deref().unwrap_or(id);
    let mut matching = ids.iter().filter(|known| known.starts_with(id));
    let (Some(found), None) = (matching.next(), matching.next()) else {
        return Err(unknown(if ids.iter().any(|known| known.starts_with(id)) {
            "several begin like that".to_owned()
        } else {
            format!("{} has no such file", folder.display())
        }));
    };
    let path = folder.join(format!("{found}.json"));
    let text = fs::read_to_string(&path).map_err(|error| unknown(format!("{}: {error}", path.display())))?;
    read(found, &text).map_err(|error| error.diagnostic())
}

/// The plan whose file was written last.
fn latest(folder: &Path, ids: &[String]) -> Option<String> {
    let written = |id: &&String| fs::metadata(folder.join(format!("{id}.json"))).and_then(|file| file.modified()).ok();
    ids.iter().max_by_key(written).cloned()
}

/// The ids of the plans in a folder, in order.
pub fn ids(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut ids: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    ids.sort();
    ids
}

/// Writes a plan's two files. The JSON comes last: without it there is no plan.
///
/// # Errors
/// When they cannot be written.
pub fn write(session: &Session, file: &File) -> Result<PathBuf, Diagnostic> {
    let folder = folder(session);
    let (json, markdown) = written(file);
    let path = folder.join(format!("{}.md", file.backfill));
    let failed = |error: std::io::Error| {
        Diagnostic::error("HW0003", format!("cannot write {}: {error}", path.display()))
            .help("make room there, or make the folder writable")
    };
    fs::create_dir_all(&folder).map_err(failed)?;
    fs::write(&path, markdown).map_err(failed)?;
    // Not in place: a process that is killed meanwhile leaves the old file or the new one.
    let beside = folder.join(format!(".{}.json", file.backfill));
    fs::write(&beside, json).map_err(failed)?;
    fs::rename(&beside, folder.join(format!("{}.json", file.backfill))).map_err(failed)?;
    Ok(path)
}

/// A path as people type it: from here, if it lies below.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
