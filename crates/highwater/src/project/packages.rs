//! Packages: what `packages.yml` or `dependencies.yml` ask for, what is installed, and installing local ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use super::package::{self, PROJECT_FILE};
use super::render::Renderer;
use super::yaml::{self, Yaml};
use super::{LoadOptions, Package};
use crate::diagnostics::{Diagnostic, SourceFile};

/// One package asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it comes from.
    pub origin: Origin,
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
    /// A folder, relative to the project.
    Local(PathBuf),
    /// `dbt-labs/dbt_utils` of the package hub.
    Hub(String),
    /// A git repository.
    Git(String),
    /// A tarball.
    Tarball(String),
}

impl Origin {
    /// As the file names it.
    pub fn name(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Hub(name) | Self::Git(name) | Self::Tarball(name) => name.clone(),
        }
    }
}

/// What `hw deps` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Name of the package.
    pub name: String,
    /// Folder it came from.
    pub from: PathBuf,
    /// Folder it is in now.
    pub to: PathBuf,
}

/// The packages a project asks for.
///
/// # Errors
/// `HW0102`, `HW0103` for a malformed file.
pub fn wanted(root: &Path, options: &LoadOptions) -> Result<Vec<Wanted>, Vec<Diagnostic>> {
    let Some((name, text)) = ["packages.yml", "dependencies.yml"]
        .into_iter()
        .find_map(|name| std::fs::read_to_string(root.join(name)).ok().map(|text| (name, text)))
    else {
        return Ok(Vec::new());
    };
    let file = Arc::new(SourceFile { path: name.to_owned(), text });
    let (yaml, _) = yaml::parse(&file).map_err(|error| vec![error])?;
    let renderer = Renderer::with_vars(&options.vars, None);
    // dependencies.yml is read before anything else is known and stays as written, as in dbt.
    let as_written = name == "dependencies.yml";
    let yaml = renderer.tree(&file, &yaml, &|_| as_written).map_err(|error| vec![error])?;
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for entry in yaml.get("packages").map(Yaml::items).unwrap_or_default() {
        match origin(entry) {
            Some(origin) => {
                let (start, end) = entry.place(&file);
                found.push(Wanted { origin, file: Arc::clone(&file), start, end });
            }
            None => errors.push(
                yaml::error_at("HW0103", &file, entry, "a package must say `local`, `package`, `git` or `tarball`")
                    .help("for instance: - local: ../shared_models"),
            ),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

fn origin(entry: &Yaml) -> Option<Origin> {
    let text = |key: &str| entry.text_of(key);
    text("local")
        .map(|path| Origin::Local(PathBuf::from(path)))
        .or_else(|| text("package").map(Origin::Hub))
        .or_else(|| text("git").map(Origin::Git))
        .or_else(|| text("tarball").map(Origin::Tarball))
}

/// Copies the local packages a project asks for, and those they ask for, into its packages folder.
///
/// # Errors
/// `HW0121` for packages that would have to be fetched and are not there, `HW0122` for folders that hold no package.
pub fn install(options: &LoadOptions) -> Result<Vec<Installed>, Vec<Diagnostic>> {
    let root = super::load::absolute_root(options).map_err(|error| vec![error])?;
    let raw = package::read(&root, PROJECT_FILE).map_err(|error| vec![error])?;
    let renderer = Renderer::with_vars(&options.vars, None);
    let folder = raw.yaml.text_of("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned());
    let folder = renderer.value(PROJECT_FILE, &folder).ok().and_then(|value| value.as_str().map(str::to_owned));
    let folder = root.join(folder.unwrap_or_else(|| "dbt_packages".to_owned()));

    let mut installed: Vec<Installed> = Vec::new();
    let mut errors = Vec::new();
    let mut waiting: Vec<(PathBuf, Wanted)> =
        wanted(&root, options)?.into_iter().map(|wanted| (root.clone(), wanted)).collect();
    while !waiting.is_empty() {
        let (asking, wanted) = waiting.remove(0);
        let Origin::Local(path) = &wanted.origin else {
            if !is_present(&folder, &wanted.origin) {
                errors.push(must_be_fetched(&wanted, &folder));
            }
            continue;
        };
        let from = std::path::absolute(asking.join(path)).unwrap_or_else(|_| asking.join(path));
        match install_local(&from, &folder, &wanted) {
            Ok(done) if installed.iter().any(|other| other.name == done.name) => {}
            Ok(done) => {
                let inner = self::wanted(&done.from, options)?;
                waiting.extend(inner.into_iter().map(|wanted| (done.from.clone(), wanted)));
                installed.push(done);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(installed) } else { Err(errors) }
}

/// Whether a package of the hub or of git already lies in the packages folder, put there by hand or by dbt.
fn is_present(folder: &Path, origin: &Origin) -> bool {
    let name = origin.name();
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().trim_end_matches(".git").to_owned();
    [last.clone(), last.replace('-', "_")].iter().any(|name| folder.join(name).join(PROJECT_FILE).is_file())
}

fn must_be_fetched(wanted: &Wanted, folder: &Path) -> Diagnostic {
    let name = wanted.origin.name();
    Diagnostic::error("HW0121", format!("`{name}` must be fetched, and this version installs local packages only"))
        .at(&wanted.file, wanted.start, wanted.end, "")
        .help(format!(
            "put a copy of the package into {} (`dbt deps` does), or use `local:` with its folder",
            folder.display()
        ))
}

fn install_local(from: &Path, folder: &Path, wanted: &Wanted) -> Result<Installed, Diagnostic> {
    let failed = |code: &'static str, title: String, help: &str| {
        Diagnostic::error(code, title).at(&wanted.file, wanted.start, wanted.end, "").help(help)
    };
    let raw = package::read(from, PROJECT_FILE).map_err(|error| {
        failed(
            "HW0122",
            format!("{} holds no package", from.display()),
            "`local:` must name a folder with a dbt_project.yml",
        )
        .note(error.title)
    })?;
    let name = raw.yaml.text_of("name").ok_or_else(|| {
        failed("HW0122", format!("{} has no name", from.join(PROJECT_FILE).display()), "add `name:` to it")
    })?;
    let to = folder.join(&name);
    let unwritten = |error: std::io::Error| {
        failed(
            "HW0122",
            format!("cannot copy {} to {}: {error}", from.display(), to.display()),
            "check the permissions of the folders",
        )
    };
    if to.exists() {
        std::fs::remove_dir_all(&to).or_else(|_| std::fs::remove_file(&to)).map_err(unwritten)?;
    }
    copy(from, &to).map_err(unwritten)?;
    Ok(Installed { name, from: from.to_path_buf(), to })
}

/// Copies a folder without what was built or installed in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let ours = |name: &str| !matches!(name, "target" | "dbt_packages" | "logs" | ".git" | ".venv");
    let entries = WalkDir::new(from)
        .follow_links(true)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || (ours(&entry.file_name().to_string_lossy()) && entry.path() != to));
    for entry in entries {
        let entry = entry?;
        let place = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&place)?;
        } else {
            std::fs::copy(entry.path(), &place)?;
        }
    }
    Ok(())
}

/// Reads the packages that are installed, without their files.
pub(super) fn installed(
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
pub(super) fn shown(main: &Package, root: &Path) -> String {
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
        other => !is_present(folder, other),
    });
    let mut errors = Vec::new();
    for wanted in absent {
        let diagnostic = |code, title| Diagnostic::error(code, title).at(&wanted.file, wanted.start, wanted.end, "");
        errors.push(match &wanted.origin {
            Origin::Local(_) => {
                diagnostic("HW0120", format!("the package `{}` is not installed", wanted.origin.name()))
                    .help("run `hw deps`")
            }
            _ => must_be_fetched(wanted, folder),
        });
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
