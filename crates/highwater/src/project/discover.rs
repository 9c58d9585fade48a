//! Which files belong to a package, and as what: first they are listed, then those are read, in parallel, that somebody needs.

use std::collections::{HashMap, HashSet};
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::Arc;
use std::time::SystemTime;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::ignore::Ignored;
use super::stamp::Stamp;
use super::{FileKind, Package, Project, ProjectFile, packages};
use crate::diagnostics::{Diagnostic, SourceFile};

/// A file of the project or of a package, found and not read.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Which package: a position in [`Project::all_packages`].
    pub package: usize,
    /// What it is.
    pub kind: FileKind,
    /// Path relative to the package's root.
    pub path: String,
    /// Path relative to the folder its kind lives in.
    pub inner_path: String,
    /// What the file system says of it; nothing when it says nothing.
    pub stamp: Option<Stamp>,
}

/// Every file of the project and its packages, in the order in which they are read.
#[derive(Debug)]
pub(crate) struct Listing {
    pub files: Vec<Found>,
    /// Before the first was looked at.
    pub taken_at: SystemTime,
}

impl Listing {
    /// Looks through the folders.
    pub fn of(project: &Project) -> Self {
        let taken_at = SystemTime::now();
        let packages: Vec<&Package> = project.all_packages().collect();
        let files = packages.into_par_iter().enumerate().flat_map_iter(|(number, package)| find(number, package));
        Self { files: files.collect(), taken_at }
    }
}

/// Reads files into their packages.
///
/// # Errors
/// `HW0107` for each that cannot be read or is no text.
pub(crate) fn read_into<'a>(
    project: &mut Project,
    files: impl IntoIterator<Item = &'a Found>,
) -> Result<(), Vec<Diagnostic>> {
    let files: Vec<&Found> = files.into_iter().collect();
    let read: Vec<Result<ProjectFile, Diagnostic>> = files.par_iter().map(|found| read(project, found)).collect();
    let mut errors = Vec::new();
    for (found, file) in files.into_iter().zip(read) {
        match file {
            Ok(file) => project.package_at(found.package).files.push(file),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Files by kind, each kind in the order of the paths.
fn find(number: usize, package: &Package) -> Vec<Found> {
    let paths = &package.paths;
    let generic: Vec<String> = paths.test.iter().map(|folder| format!("{folder}/generic")).collect();
    let fixtures: Vec<String> = paths.test.iter().map(|folder| format!("{folder}/fixtures")).collect();
    let searches: [(&[String], &[&str], FileKind); 11] = [
        (&paths.r#macro, &["sql"], FileKind::Macro),
        (&generic, &["sql"], FileKind::GenericTest),
        (&fixtures, &["csv", "sql"], FileKind::Fixture),
        (&paths.model, &["sql"], FileKind::Model),
        (&paths.model, &["py"], FileKind::PythonModel),
        (&paths.snapshot, &["sql"], FileKind::Snapshot),
        (&paths.analysis, &["sql"], FileKind::Analysis),
        (&paths.test, &["sql"], FileKind::SingularTest),
        (&paths.seed, &["csv"], FileKind::Seed),
        (&paths.docs, &["md"], FileKind::Docs),
        (&paths.all_sources(), &["yml", "yaml"], FileKind::Properties),
    ];
    let ignored = Ignored::of(&package.root);
    let mut walks: HashMap<&str, Vec<(String, Option<Stamp>)>> = HashMap::new();
    let mut found = Vec::new();
    let mut seen: HashSet<(FileKind, String)> = HashSet::new();
    for (folders, extensions, kind) in searches {
        for folder in folders {
            let walk = walks.entry(folder).or_insert_with(|| files_below(&package.root.join(folder)));
            for (inner_path, stamp) in walk.iter().filter(|(path, _)| extensions.contains(&extension(path))) {
                let fixture = inner_path.starts_with("generic/") || inner_path.starts_with("fixtures/");
                if kind == FileKind::SingularTest && fixture {
                    continue;
                }
                let path = if folder == "." { inner_path.clone() } else { format!("{folder}/{inner_path}") };
                if !ignored.holds(&path) && seen.insert((kind, path.clone())) {
                    let (inner_path, stamp) = (inner_path.clone(), *stamp);
                    found.push(Found { package: number, kind, path, inner_path, stamp });
                }
            }
        }
    }
    found
}

/// Paths below a folder, sorted, with forward slashes; hidden files and backups of editors left out.
fn files_below(folder: &Path) -> Vec<(String, Option<Stamp>)> {
    let entries: Vec<DirEntry> = WalkDir::new(folder)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with(['.', '#', '~']))
        .collect();
    let look = |entry: &DirEntry| {
        let path = entry.path().strip_prefix(folder).ok().map(slashed)?;
        Some((path, entry.metadata().ok().as_ref().map(Stamp::of)))
    };
    entries.par_iter().filter_map(look).collect()
}

fn extension(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn slashed(path: &Path) -> String {
    let path = path.to_string_lossy();
    if MAIN_SEPARATOR == '/' { path.into_owned() } else { path.replace(MAIN_SEPARATOR, "/") }
}

fn read(project: &Project, found: &Found) -> Result<ProjectFile, Diagnostic> {
    let package = project.all_packages().nth(found.package).expect("a file of a package of the project");
    let shown = if found.package == 0 { String::new() } else { packages::shown(&project.main, &package.root) };
    let shown_path = format!("{shown}{}", found.path);
    let unreadable = |error: String| {
        Diagnostic::error("HW0107", format!("cannot read {shown_path}: {error}"))
            .help("check the permissions of the file and that it is UTF-8 text")
    };
    let bytes = std::fs::read(package.root.join(&found.path)).map_err(|error| unreadable(error.to_string()))?;
    let (checksum, margins) = (checksum(&bytes), margins(&bytes));
    let text = if found.kind == FileKind::Seed {
        String::new()
    } else {
        String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?
    };
    let source = Arc::new(SourceFile { path: shown_path, text });
    let (path, inner_path) = (found.path.clone(), found.inner_path.clone());
    Ok(ProjectFile { kind: found.kind, path, inner_path, source, checksum, margins })
}

/// What tells this content from every other; nothing when the file cannot be read.
pub(crate) fn digest(root: &Path, found: &Found) -> Option<(String, Vec<u8>)> {
    let bytes = std::fs::read(root.join(&found.path)).ok()?;
    Some((checksum(&bytes), margins(&bytes)))
}

/// The white space before a text, a zero, the white space behind it.
fn margins(bytes: &[u8]) -> Vec<u8> {
    let before = bytes.len() - bytes.trim_ascii_start().len();
    let behind = bytes.trim_ascii_end().len().max(before);
    [&bytes[..before], &[0], &bytes[behind..]].concat()
}

/// SHA-256 of a text without the white space around it, as dbt computes it.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes.trim_ascii());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
