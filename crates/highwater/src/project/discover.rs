//! Which files belong to a package, and as what. Every file is read once, in parallel.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::ignore::Ignored;
use super::{FileKind, Package, ProjectFile};
use crate::diagnostics::{Diagnostic, SourceFile};

/// Fills `package.files`. `shown` stands before the paths of its files in diagnostics (`dbt_packages/utils/`, or nothing).
pub(super) fn discover(package: &mut Package, shown: &str) -> Vec<Diagnostic> {
    let found = find(package);
    let root = package.root.clone();
    let read: Vec<Result<ProjectFile, Diagnostic>> =
        found.into_par_iter().map(|found| read(&root, shown, found)).collect();
    let mut errors = Vec::new();
    for file in read {
        match file {
            Ok(file) => package.files.push(file),
            Err(error) => errors.push(error),
        }
    }
    errors
}

struct Found {
    kind: FileKind,
    path: String,
    inner_path: String,
}

/// Files by kind, each kind in the order of the paths.
fn find(package: &Package) -> Vec<Found> {
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
    let mut found = Vec::new();
    let mut seen: HashSet<(FileKind, String)> = HashSet::new();
    for (folders, extensions, kind) in searches {
        for folder in folders {
            for inner_path in files_below(&package.root.join(folder), extensions) {
                let fixture = inner_path.starts_with("generic/") || inner_path.starts_with("fixtures/");
                if kind == FileKind::SingularTest && fixture {
                    continue;
                }
                let path = if folder == "." { inner_path.clone() } else { format!("{folder}/{inner_path}") };
                if !ignored.holds(&path) && seen.insert((kind, path.clone())) {
                    found.push(Found { kind, path, inner_path });
                }
            }
        }
    }
    found
}

/// Paths below a folder, sorted, with forward slashes; hidden files and backups of editors left out.
fn files_below(folder: &Path, extensions: &[&str]) -> Vec<String> {
    WalkDir::new(folder)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy();
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            !name.starts_with(['.', '#', '~']) && extensions.contains(&extension)
        })
        .filter_map(|entry| entry.path().strip_prefix(folder).ok().map(slashed))
        .collect()
}

fn slashed(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn read(root: &Path, shown: &str, found: Found) -> Result<ProjectFile, Diagnostic> {
    let absolute: PathBuf = root.join(&found.path);
    let shown_path = format!("{shown}{}", found.path);
    let unreadable = |error: String| {
        Diagnostic::error("HW0107", format!("cannot read {shown_path}: {error}"))
            .help("check the permissions of the file and that it is UTF-8 text")
    };
    let bytes = std::fs::read(&absolute).map_err(|error| unreadable(error.to_string()))?;
    let checksum = checksum(&bytes);
    let text = if found.kind == FileKind::Seed {
        String::new()
    } else {
        String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?
    };
    let source = Arc::new(SourceFile { path: shown_path, text });
    Ok(ProjectFile { kind: found.kind, path: found.path, inner_path: found.inner_path, source, checksum })
}

/// SHA-256 of a text without the white space around it, as dbt computes it.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes.trim_ascii());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
