//! Files that are either the old or the new ones: written beside their place, then renamed.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::diagnostics::Diagnostic;

/// Writes a text, its folders included.
///
/// # Errors
/// `HW0451` when the file system refuses: no permission, no space.
pub fn write_text(path: &Path, text: &str) -> Result<(), Diagnostic> {
    replace(path, text.as_bytes()).map_err(|error| refused(path, &error))
}

/// Writes a value as JSON on one line, as dbt does.
///
/// # Errors
/// `HW0451` when the file system refuses: no permission, no space.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Diagnostic> {
    let text = serde_json::to_vec(value).map_err(|error| refused(path, &io::Error::other(error)))?;
    replace(path, &text).map_err(|error| refused(path, &error))
}

/// Writes what `fill` writes; the answer is the file in its place.
///
/// # Errors
/// `HW0451` when the file system refuses: no permission, no space.
pub(super) fn replace_with(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
) -> Result<fs::File, Diagnostic> {
    try_replace(path, fill).map_err(|error| refused(path, &error))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    try_replace(path, |file| file.write_all(content)).map(drop)
}

/// As [`replace_with`].
///
/// # Errors
/// Those of the file system.
pub(crate) fn try_replace(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
) -> io::Result<fs::File> {
    // Threads write side by side, and so may two processes.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let draft = folder.join(format!(".{name}.{}.{number}", std::process::id()));
    fs::create_dir_all(folder)?;
    let write = || {
        let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(&draft)?);
        fill(&mut file)?;
        file.flush()?;
        fs::rename(&draft, path)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

fn refused(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error("HW0451", format!("cannot write {}", path.display()))
        .note(error.to_string())
        .note("what was built in the database is not affected")
        .help("free space or permit writing there, or choose another folder with --target-path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_text_replaces_the_old_one_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("deep/er/file.json");
        write_text(&path, "old").expect("written");
        write_json(&path, &serde_json::json!({"new": 1})).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), r#"{"new":1}"#);
        assert_eq!(fs::read_dir(path.parent().expect("folder")).expect("list").count(), 1);
    }

    #[test]
    fn a_folder_that_is_a_file_is_a_diagnostic() {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("target"), "in the way").expect("written");
        let error = write_text(&folder.path().join("target/manifest.json"), "{}").expect_err("refused");
        assert_eq!(error.code, "HW0451");
    }
}
