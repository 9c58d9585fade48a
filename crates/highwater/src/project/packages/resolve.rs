//! From what is asked for to one version of everything, what packages ask for included.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use indexmap::map::Entry;
use serde_json::Value;

use super::super::LoadOptions;
use super::super::package::{self, PROJECT_FILE};
use super::hub::{Hub, Release};
use super::wanted::{Origin, Wanted, wanted};
use super::{git, tools};
use crate::diagnostics::{Diagnostic, SourceFile};

/// A repository and what was asked for of it.
type Revision = (String, Option<String>);
/// The folder it lies in, and its commit.
type Checkout = (PathBuf, String);

/// Fetches, each thing once, into a folder for the time being.
pub(super) struct Fetcher<'a> {
    options: &'a LoadOptions,
    root: &'a Path,
    folder: &'a Path,
    hub: Hub<'a>,
    checkouts: RefCell<HashMap<Revision, Checkout>>,
    archives: RefCell<HashMap<String, PathBuf>>,
}

/// One version of a package.
pub(super) struct Pinned {
    /// What was asked for.
    pub wanted: Wanted,
    /// Its entry in package-lock.yml, without the name.
    pub entry: Vec<(&'static str, String)>,
    /// Name of the package.
    pub name: String,
}

/// What is asked of one package by everyone.
struct Asked {
    wanted: Wanted,
    from: PathBuf,
    versions: Vec<String>,
    revisions: Vec<String>,
}

impl<'a> Fetcher<'a> {
    /// A fetcher for the project in `root` that puts things into `folder`.
    pub(super) fn new(options: &'a LoadOptions, root: &'a Path, folder: &'a Path) -> Self {
        let (checkouts, archives) = (RefCell::default(), RefCell::default());
        Self { options, root, folder, hub: Hub::new(folder), checkouts, archives }
    }

    /// One version of everything.
    ///
    /// # Errors
    /// `HW0121` for what cannot be had, `HW0122` for what cannot be used.
    pub(super) fn resolve(&self, asked: Vec<Wanted>) -> Result<Vec<Pinned>, Vec<Diagnostic>> {
        let mut all: IndexMap<String, Asked> = IndexMap::new();
        let mut waiting: Vec<(PathBuf, Wanted)> =
            asked.into_iter().map(|wanted| (self.root.to_path_buf(), wanted)).collect();
        while !waiting.is_empty() {
            let mut next = Vec::new();
            for (from, wanted) in waiting {
                let key = key(&wanted.origin);
                if add(&mut all, &key, &from, wanted) {
                    next.extend(self.asked_by(&all[&key])?);
                }
            }
            waiting = next;
        }
        let pinned: Result<Vec<Pinned>, Diagnostic> = all.values().map(|asked| self.pin(asked)).collect();
        let pinned = pinned.map_err(|error| vec![error])?;
        self.check_names(&pinned).map_err(|error| vec![error])?;
        Ok(pinned)
    }

    /// The folder or archive's folder that holds a package, to be copied or moved from.
    ///
    /// # Errors
    /// `HW0121`, `HW0122`.
    pub(super) fn place(&self, wanted: &Wanted, from: &Path) -> Result<PathBuf, Diagnostic> {
        match &wanted.origin {
            Origin::Local(path) => {
                // As in dbt, what packages ask for may also be meant from the project.
                let beside = from.join(path);
                let place = if beside.join(PROJECT_FILE).is_file() { beside } else { self.root.join(path) };
                Ok(std::fs::canonicalize(&place).unwrap_or(place))
            }
            Origin::Git { url, revision, subdirectory } => {
                let (checkout, _) = self.checkout(wanted, url, revision.as_deref())?;
                git::inside(&checkout, subdirectory.as_deref()).map_err(|text| wanted.problem("HW0122", text))
            }
            Origin::Hub { .. } => {
                let release = self.release(wanted)?;
                let url = release.metadata.pointer("/downloads/tarball").and_then(Value::as_str);
                let url = url.ok_or_else(|| unfetched(wanted, "the hub names no archive".to_owned()))?;
                self.archive(wanted, url)
            }
            Origin::Tarball { url, .. } => self.archive(wanted, url),
        }
    }

    /// The version of a package of the hub, and the newest there is.
    ///
    /// # Errors
    /// `HW0121`.
    pub(super) fn release(&self, wanted: &Wanted) -> Result<Release, Diagnostic> {
        let Origin::Hub { name, versions, prerelease } = &wanted.origin else {
            return Err(wanted.problem("HW0121", "not a package of the hub"));
        };
        self.hub.choose(name, versions, *prerelease).map_err(|text| unfetched(wanted, text))
    }

    /// What a package asks for, and the folder from which its own paths go.
    fn asked_by(&self, asked: &Asked) -> Result<Vec<(PathBuf, Wanted)>, Vec<Diagnostic>> {
        let wanted = asked.merged().map_err(|error| vec![error])?;
        if matches!(wanted.origin, Origin::Hub { .. }) {
            let release = self.release(&wanted).map_err(|error| vec![error])?;
            let packages = release.metadata.get("packages").cloned().unwrap_or_default();
            let text = serde_json::json!({ "packages": packages }).to_string();
            let path = format!("{} {} on the hub", wanted.name(), release.version);
            let file = std::sync::Arc::new(SourceFile { path, text });
            let inner = super::wanted::parse(&file, self.options, false)?;
            return Ok(inner.into_iter().map(|inner| (self.root.to_path_buf(), inner)).collect());
        }
        let place = self.place(&wanted, &asked.from).map_err(|error| vec![error])?;
        let inner = self::wanted(&place, self.options)?;
        Ok(inner.into_iter().map(|inner| (place.clone(), inner)).collect())
    }

    fn pin(&self, asked: &Asked) -> Result<Pinned, Diagnostic> {
        let wanted = asked.merged()?;
        let shown = |key: &str| wanted.written.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let place = || self.place(&wanted, &asked.from);
        let (entry, name) = match &wanted.origin {
            Origin::Local(_) => {
                let place = place()?;
                (vec![("local", relative(&place, self.root))], name_in(&wanted, &place)?)
            }
            Origin::Hub { name, .. } => {
                let release = self.release(&wanted)?;
                let own = release.metadata.get("name").and_then(Value::as_str).unwrap_or(name).to_owned();
                (vec![("package", name.clone()), ("version", release.version)], own)
            }
            Origin::Git { url, revision, subdirectory } => {
                let (_, commit) = self.checkout(&wanted, url, revision.as_deref())?;
                let mut entry = vec![("git", shown("git")), ("revision", commit)];
                entry.extend(subdirectory.clone().map(|folder| ("subdirectory", folder)));
                (entry, name_in(&wanted, &place()?)?)
            }
            Origin::Tarball { name, .. } => (vec![("tarball", shown("tarball"))], name.clone()),
        };
        Ok(Pinned { wanted, entry, name })
    }

    fn checkout(&self, wanted: &Wanted, url: &str, revision: Option<&str>) -> Result<Checkout, Diagnostic> {
        let key = (url.to_owned(), revision.map(str::to_owned));
        if let Some(known) = self.checkouts.borrow().get(&key) {
            return Ok(known.clone());
        }
        let to = self.folder.join(format!("checkout-{}", self.checkouts.borrow().len()));
        // A path may be meant from the project.
        let beside = self.root.join(url);
        let from = if beside.exists() { beside.to_string_lossy().into_owned() } else { url.to_owned() };
        let commit =
            git::fetch(&from, revision, &to).map_err(|text| unfetched(wanted, text.replace(url, wanted.name())))?;
        self.checkouts.borrow_mut().insert(key, (to.clone(), commit.clone()));
        Ok((to, commit))
    }

    /// An archive, unpacked: the only folder in it, or all of it.
    fn archive(&self, wanted: &Wanted, url: &str) -> Result<PathBuf, Diagnostic> {
        if let Some(known) = self.archives.borrow().get(url) {
            return Ok(known.clone());
        }
        let number = self.archives.borrow().len();
        let (file, to) = (self.folder.join(format!("{number}.tar.gz")), self.folder.join(format!("archive-{number}")));
        let fetch = || -> Result<PathBuf, String> {
            tools::download(url, &file)?;
            std::fs::create_dir_all(&to).map_err(|error| error.to_string())?;
            tools::unpack(&file, &to)?;
            let entries = std::fs::read_dir(&to).map_err(|error| error.to_string())?;
            let folders: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
            Ok(match folders.as_slice() {
                [only] if only.is_dir() => only.clone(),
                _ => to.clone(),
            })
        };
        let place = fetch().map_err(|text| unfetched(wanted, text))?;
        self.archives.borrow_mut().insert(url.to_owned(), place.clone());
        Ok(place)
    }

    /// No two packages, and none and the project, may have one name.
    fn check_names(&self, pinned: &[Pinned]) -> Result<(), Diagnostic> {
        let own = package::read(self.root, PROJECT_FILE)?.yaml.text_of("name").unwrap_or_default();
        for (index, package) in pinned.iter().enumerate() {
            let twice = pinned[..index].iter().any(|other| other.name == package.name) || package.name == own;
            if twice {
                let title = format!("two packages are called `{}`", package.name);
                return Err(package.wanted.problem("HW0122", title).help("remove one of them"));
            }
        }
        Ok(())
    }
}

impl Asked {
    /// What is asked for, with what everyone says of its version.
    fn merged(&self) -> Result<Wanted, Diagnostic> {
        let mut wanted = self.wanted.clone();
        match &mut wanted.origin {
            Origin::Hub { versions, .. } => versions.clone_from(&self.versions),
            Origin::Git { revision, .. } => match self.revisions.as_slice() {
                [] => *revision = None,
                [only] => *revision = Some(only.clone()),
                several => {
                    let title =
                        format!("`{}` is asked for in several revisions: {}", self.wanted.name(), several.join(", "));
                    return Err(self.wanted.problem("HW0122", title).help("ask for the same one everywhere"));
                }
            },
            Origin::Local(_) | Origin::Tarball { .. } => {}
        }
        Ok(wanted)
    }
}

/// Adds what is asked for; whether that said anything new.
fn add(all: &mut IndexMap<String, Asked>, key: &str, from: &Path, wanted: Wanted) -> bool {
    let (versions, revisions) = match &wanted.origin {
        Origin::Hub { versions, .. } => (versions.clone(), Vec::new()),
        Origin::Git { revision, .. } => (Vec::new(), revision.iter().cloned().collect()),
        Origin::Local(_) | Origin::Tarball { .. } => (Vec::new(), Vec::new()),
    };
    match all.entry(key.to_owned()) {
        Entry::Vacant(slot) => {
            slot.insert(Asked { wanted, from: from.to_path_buf(), versions, revisions });
            true
        }
        Entry::Occupied(mut slot) => {
            let known = slot.get_mut();
            let before = known.versions.len() + known.revisions.len();
            known.versions.extend(versions);
            known.versions.dedup();
            revisions.into_iter().for_each(|new| {
                if !known.revisions.contains(&new) {
                    known.revisions.push(new);
                }
            });
            let unique: Vec<String> = known.versions.iter().fold(Vec::new(), |mut unique, version| {
                if !unique.contains(version) {
                    unique.push(version.clone());
                }
                unique
            });
            known.versions = unique;
            known.versions.len() + known.revisions.len() > before
        }
    }
}

/// What makes two wishes one package.
fn key(origin: &Origin) -> String {
    match origin {
        Origin::Local(path) => path.display().to_string(),
        Origin::Hub { name, .. } => name.clone(),
        Origin::Git { url, subdirectory, .. } => {
            let url = url.strip_suffix(".git").unwrap_or(url);
            subdirectory.as_ref().map_or(url.to_owned(), |folder| format!("{url}/{folder}"))
        }
        Origin::Tarball { url, .. } => url.clone(),
    }
}

/// The name of the package in a folder.
pub(super) fn name_in(wanted: &Wanted, folder: &Path) -> Result<String, Diagnostic> {
    let help = "a package is a folder with a dbt_project.yml that has a `name`";
    let raw = package::read(folder, PROJECT_FILE).map_err(|error| {
        wanted.problem("HW0122", format!("`{}` holds no package", wanted.name())).note(error.title).help(help)
    })?;
    let name = raw.yaml.text_of("name").filter(|name| name.chars().all(|it| it.is_alphanumeric() || it == '_'));
    name.ok_or_else(|| wanted.problem("HW0122", format!("the package `{}` has no name", wanted.name())).help(help))
}

fn unfetched(wanted: &Wanted, why: String) -> Diagnostic {
    wanted
        .problem("HW0121", format!("`{}` cannot be fetched", wanted.name()))
        .note(why)
        .help("what is installed stays as it is; without a network, use `local:` with the folder of a copy")
}

/// A path as it is written from a folder.
fn relative(path: &Path, from: &Path) -> String {
    let shared = path.components().zip(from.components()).take_while(|(left, right)| left == right).count();
    let up = from.components().skip(shared).map(|_| PathBuf::from(".."));
    let down = path.components().skip(shared).map(|part| PathBuf::from(part.as_os_str()));
    let whole: PathBuf = up.chain(down).collect();
    whole.display().to_string().replace('\\', "/")
}
