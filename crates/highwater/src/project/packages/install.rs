//! The work of `hw deps`: choose versions, write package-lock.yml, fetch, and put the packages in their folder.
//!
//! Everything is fetched into a folder beside it first. Only when all is there does the new folder take the place of the
//! old one, so that a failure leaves what was installed.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::super::LoadOptions;
use super::super::load::absolute_root;
use super::super::package::{self, PROJECT_FILE};
use super::super::render::Renderer;
use super::lock;
use super::resolve::{Fetcher, name_in};
use super::wanted::{Origin, Wanted, wanted};
use crate::diagnostics::Diagnostic;

/// What to do besides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Steps {
    /// Choose versions anew, whatever package-lock.yml says.
    pub upgrade: bool,
    /// Write package-lock.yml and install nothing.
    pub lock_only: bool,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The file of versions, when it was written.
    pub locked: Option<PathBuf>,
    /// What is installed now.
    pub installed: Vec<Installed>,
}

/// One package that was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Name of the package.
    pub name: String,
    /// Where it came from, as package-lock.yml says it.
    pub from: String,
    /// The version, revision or folder, in words.
    pub version: String,
    /// A newer version, when there is one.
    pub latest: Option<String>,
    /// Folder it is in now.
    pub to: PathBuf,
}

/// Installs the packages a project asks for, and those they ask for, into its packages folder.
///
/// # Errors
/// `HW0121` for packages that cannot be had, `HW0122` for what is no package; then nothing is changed.
pub fn install(options: &LoadOptions, steps: Steps) -> Result<Done, Vec<Diagnostic>> {
    let one = |error: Diagnostic| vec![error];
    let root = absolute_root(options).map_err(one)?;
    let wanted = wanted(&root, options)?;
    if wanted.is_empty() {
        return Ok(Done::default());
    }
    let staging = Staging::new(&root).map_err(one)?;
    let downloads = staging.folder("downloads").map_err(one)?;
    let fetcher = Fetcher::new(options, &root, &downloads);
    let (digest, known) = (lock::digest(&wanted), lock::read(&root, options)?);
    let mut done = Done::default();
    let chosen = match known.filter(|lock| !steps.upgrade && lock.digest == digest) {
        Some(lock) => lock.packages,
        None => {
            let pinned = fetcher.resolve(wanted)?;
            let path = root.join(lock::FILE);
            std::fs::write(&path, lock::text(&pinned, &digest)).map_err(|error| one(unwritten(&path, &error)))?;
            done.locked = Some(path);
            lock::read(&root, options)?.map(|lock| lock.packages).unwrap_or_default()
        }
    };
    if steps.lock_only {
        return Ok(done);
    }
    let (folder, fresh) = (packages_folder(&root, options).map_err(one)?, staging.folder("packages").map_err(one)?);
    for wanted in &chosen {
        done.installed.push(put(&fetcher, wanted, &root, &fresh, &folder).map_err(one)?);
    }
    take_over(&fresh, &folder, &staging.0).map_err(|error| one(unwritten(&folder, &error)))?;
    Ok(done)
}

/// The folder that packages are installed in.
fn packages_folder(root: &Path, options: &LoadOptions) -> Result<PathBuf, Diagnostic> {
    let raw = package::read(root, PROJECT_FILE)?;
    let written = raw.yaml.text_of("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned());
    let rendered = Renderer::with_vars(&options.vars, None).value(PROJECT_FILE, &written).ok();
    Ok(root.join(rendered.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or(written)))
}

/// Fetches one package into the fresh folder.
fn put(
    fetcher: &Fetcher<'_>,
    wanted: &Wanted,
    root: &Path,
    fresh: &Path,
    folder: &Path,
) -> Result<Installed, Diagnostic> {
    let from = fetcher.place(wanted, root)?;
    let name = name_in(wanted, &from)?;
    let to = fresh.join(&name);
    copy(&from, &to, folder).map_err(|error| unwritten(&to, &error))?;
    let (version, latest) = match &wanted.origin {
        Origin::Local(path) => (format!("local @ {}", path.display()), None),
        Origin::Hub { versions, .. } => {
            let latest = fetcher.release(&newest_of(wanted))?.latest;
            (format!("version {}", versions.join(",")), Some(latest).filter(|latest| !versions.contains(latest)))
        }
        Origin::Git { revision, .. } => (format!("revision {}", revision.as_deref().unwrap_or("HEAD")), None),
        Origin::Tarball { .. } => ("archive".to_owned(), None),
    };
    Ok(Installed { to: folder.join(&name), name, from: wanted.name().to_owned(), version, latest })
}

/// The same package without a bound on its version.
fn newest_of(wanted: &Wanted) -> Wanted {
    let mut wanted = wanted.clone();
    if let Origin::Hub { versions, .. } = &mut wanted.origin {
        versions.clear();
    }
    wanted
}

/// Copies a folder without what was built or installed in it.
fn copy(from: &Path, to: &Path, installed: &Path) -> std::io::Result<()> {
    let ours = |name: &str| {
        !matches!(name, "target" | "dbt_packages" | "logs" | ".git" | ".venv") && !name.starts_with(Staging::PREFIX)
    };
    let entries = WalkDir::new(from).follow_links(true).into_iter().filter_entry(|entry| {
        entry.depth() == 0 || (ours(&entry.file_name().to_string_lossy()) && entry.path() != installed)
    });
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

/// The fresh folder in the place of the old one, which goes into the staging folder and with it.
fn take_over(fresh: &Path, folder: &Path, staging: &Path) -> std::io::Result<()> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let old = staging.join("old");
    let there = folder.symlink_metadata().is_ok();
    if there {
        std::fs::rename(folder, &old)?;
    }
    std::fs::rename(fresh, folder).inspect_err(|_| {
        if there {
            let _ = std::fs::rename(&old, folder);
        }
    })
}

fn unwritten(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("HW0122", format!("cannot write {}: {error}", path.display()))
        .help("check the permissions of the folders")
}

/// A folder for the time of the work, beside the one that packages are installed in.
struct Staging(PathBuf);

impl Staging {
    const PREFIX: &str = ".highwater-deps-";

    fn new(root: &Path) -> Result<Self, Diagnostic> {
        let path = root.join(format!("{}{}", Self::PREFIX, uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).map_err(|error| unwritten(&path, &error))?;
        Ok(Self(path))
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).map_err(|error| unwritten(&path, &error))?;
        Ok(path)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
