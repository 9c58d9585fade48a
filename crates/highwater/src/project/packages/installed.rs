//! The packages that lie in the packages folder, read as part of the project.

use std::path::{Path, PathBuf};

use super::super::package::{self, PROJECT_FILE};
use super::super::render::Renderer;
use super::super::{LoadOptions, Package};
use super::wanted::{Origin, wanted};
use crate::diagnostics::Diagnostic;

/// Reads the packages that are installed, without their files.
pub(in crate::project) fn installed(
    main: &Package,
    options: &LoadOptions,
    renderer: &Renderer,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<Package>, Vec<Diagnostic>> {
    let folder = main.root.join(&main.paths.packages_install);
    let mut errors = Vec::new();
    let mut packages: Vec<Package> = Vec::new();
    for root in folders_in(&folder) {
        let shown = shown(main, &root);
        let read =
            package::read(&root, &format!("{shown}{PROJECT_FILE}")).map_err(|error| vec![error]).and_then(|mut raw| {
                // What is strange in a package is its author's business.
                raw.warnings.clear();
                package::build(&raw, &root, renderer)
            });
        match read {
            Ok((package, _)) => {
                if let Some(other) = std::iter::once(main).chain(&packages).find(|other| other.name == package.name) {
                    errors.push(same_name(&package, other));
                } else {
                    packages.push(package);
                }
            }
            Err(found) => errors.extend(found),
        }
    }
    errors.extend(missing(main, options, &packages, &folder, warnings)?);
    if errors.is_empty() { Ok(packages) } else { Err(errors) }
}

/// The path of a package for people, with a slash behind it.
pub(in crate::project) fn shown(main: &Package, root: &Path) -> String {
    let relative = root.strip_prefix(&main.root).unwrap_or(root);
    format!("{}/", relative.display().to_string().replace('\\', "/"))
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.join(PROJECT_FILE).is_file())
        .collect();
    folders.sort();
    folders
}

fn same_name(package: &Package, other: &Package) -> Diagnostic {
    Diagnostic::error("HW0122", format!("two packages are called `{}`", package.name))
        .at(&package.project_file, 0, 0, "this one")
        .at(&other.project_file, 0, 0, "and this one")
        .help("remove one of them from the packages folder, or rename one")
}

/// Packages asked for and not installed.
fn missing(
    main: &Package,
    options: &LoadOptions,
    packages: &[Package],
    folder: &Path,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let wanted = wanted(&main.root, options)?;
    if wanted.len() <= packages.len() {
        return Ok(Vec::new());
    }
    let absent = wanted.iter().filter(|wanted| match &wanted.origin {
        Origin::Local(path) => {
            let name = package::read(&main.root.join(path), PROJECT_FILE).ok().and_then(|raw| raw.yaml.text_of("name"));
            !name.is_some_and(|name| packages.iter().any(|package| package.name == name))
        }
        _ => !is_present(folder, wanted.name()),
    });
    let mut errors = Vec::new();
    for wanted in absent {
        let diagnostic = |code, title| Diagnostic::error(code, title).at(&wanted.file, wanted.start, wanted.end, "");
        errors.push(
            diagnostic("HW0120", format!("the package `{}` is not installed", wanted.name())).help("run `hw deps`"),
        );
    }
    if errors.is_empty() {
        warnings.push(
            Diagnostic::warning(
                "HW0120",
                format!("{} packages are asked for, {} are installed", wanted.len(), packages.len()),
            )
            .help("run `hw deps`"),
        );
    }
    Ok(errors)
}

/// Whether a package of the hub or of git lies in the packages folder.
fn is_present(folder: &Path, name: &str) -> bool {
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().trim_end_matches(".git").to_owned();
    [last.clone(), last.replace('-', "_")].iter().any(|name| folder.join(name).join(PROJECT_FILE).is_file())
}
