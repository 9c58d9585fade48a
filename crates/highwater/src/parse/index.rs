//! What is kept of files and everything else a parse depends on. Small, so that it can be read and written at every command.

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{key, package};
use crate::diagnostics::{Diagnostic, Label, Severity, SourceFile, codes};
use crate::environment;
use crate::manifest::{Built, Files, Outdated};
use crate::project::stamp::Stamp;
use crate::project::{self, FileKind, Found, Listing, Project, ProjectFile};

/// Where everything is kept, and for which settings.
pub(super) struct Place {
    folder: PathBuf,
    pub key: String,
}

impl Place {
    /// The place for a project; nothing when its settings cannot be told from others.
    pub fn of(settings: &Project) -> Option<Self> {
        Some(Self { folder: settings.target_path.join("parsed"), key: key::key(settings)? })
    }

    /// Keeps other commands from writing there meanwhile; nothing when one of them is writing.
    pub fn turn(&self) -> Option<Turn> {
        let folder = std::fs::create_dir_all(&self.folder).and_then(|()| File::open(&self.folder)).ok();
        match folder.as_ref().map(File::try_lock) {
            Some(Err(TryLockError::WouldBlock)) => None,
            // Where nothing can be locked, files still come from one command each, and say so.
            _ => Some(Turn { _folder: folder }),
        }
    }

    /// The file of the manifest.
    pub fn body(&self) -> PathBuf {
        self.folder.join("nodes")
    }

    /// The file of the layout of `manifest.json`.
    pub fn layout(&self) -> PathBuf {
        self.folder.join("entries")
    }

    pub fn index(&self) -> PathBuf {
        self.folder.join("files")
    }
}

/// The right to write, for as long as it lives.
pub(super) struct Turn {
    _folder: Option<File>,
}

/// What is kept besides the manifest.
#[derive(Serialize, Deserialize)]
pub(super) struct Index {
    /// The manifest it belongs to.
    pub number: String,
    pub key: String,
    /// Variables of the environment that were read, with digests of their values.
    pub environment: Vec<(String, Option<String>)>,
    /// Files to read every time: package and path.
    pub moving: Vec<(String, String)>,
    pub warnings: Warnings,
    pub files: Vec<Record>,
}

/// A file as it was read.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    package: usize,
    kind: FileKind,
    path: String,
    /// The stamp, when it was taken long enough after the file's last change.
    pub stamp: Option<Stamp>,
    pub checksum: String,
    pub margins: Vec<u8>,
}

impl Record {
    fn new(found: &Found, listing: &Listing, checksum: String, margins: Vec<u8>) -> Self {
        let stamp = found.stamp.filter(|stamp| stamp.is_settled(listing.taken_at));
        Self { package: found.package, kind: found.kind, path: found.path.clone(), stamp, checksum, margins }
    }

    pub fn is_of(&self, found: &Found) -> bool {
        self.package == found.package && self.kind == found.kind && self.path == found.path
    }
}

/// Files that are not as they were.
pub(super) struct Changed<'a> {
    pub files: Vec<&'a Found>,
    /// Whether a file had to be read to know that it is as it was.
    pub unsettled: bool,
    /// What is known now of each such file, by its position.
    renewed: Vec<(usize, Record)>,
}

impl Index {
    /// What is to be kept of a parse; the project has its files still.
    pub fn new(place: &Place, number: &str, project: &Project, listing: &Listing, built: &Built) -> Self {
        let mut read: Vec<std::slice::Iter<'_, ProjectFile>> =
            project.all_packages().map(|package| package.files.iter()).collect();
        // Files are read in the order of the listing.
        let record = |found: &Found| {
            let file = read[found.package].next().expect("every file that was found was read");
            Record::new(found, listing, file.checksum.clone(), file.margins.clone())
        };
        Self {
            number: number.to_owned(),
            key: place.key.clone(),
            files: listing.files.iter().map(record).collect(),
            environment: environment::asked(),
            moving: built.stability.moving.iter().cloned().collect(),
            warnings: Warnings::of(&built.warnings),
        }
    }

    /// # Errors
    /// Those of the file system.
    pub fn write(&self, place: &Place) -> io::Result<()> {
        super::write_part(&place.index(), self)
    }

    /// # Errors
    /// When there is none, or it is not of these settings.
    pub fn read(place: &Place) -> Result<Self, Outdated> {
        if !place.index().exists() {
            return Err(Outdated("nothing is kept"));
        }
        let index: Self = super::read_part(&place.index()).ok_or(Outdated("what is kept is of no use"))?;
        if index.key == place.key { Ok(index) } else { Err(Outdated("the settings, or Highwater, are others")) }
    }

    /// # Errors
    /// When a variable that was read has another value.
    pub fn check_environment(&self) -> Result<(), Outdated> {
        let mut read = self.environment.iter();
        if read.all(|(name, digest)| environment::digest(name) == *digest) {
            Ok(())
        } else {
            Err(Outdated("a variable of the environment has another value"))
        }
    }

    /// Files to read every time.
    pub fn moving(&self) -> Files {
        let mut files = Files::default();
        for (package, path) in &self.moving {
            files.insert(package, path);
        }
        files
    }

    pub fn warnings(&self) -> Vec<Diagnostic> {
        self.warnings.diagnostics()
    }

    /// The files whose content is not what it was.
    ///
    /// # Errors
    /// When there are other files.
    pub fn changed<'a>(&self, settings: &Project, listing: &'a Listing) -> Result<Changed<'a>, Outdated> {
        let same = self.files.len() == listing.files.len()
            && self.files.iter().zip(&listing.files).all(|(record, found)| record.is_of(found));
        if !same {
            return Err(Outdated("files came or went"));
        }
        let look = |(position, (record, found)): (usize, (&Record, &'a Found))| {
            if record.stamp.is_some() && record.stamp == found.stamp {
                return None;
            }
            match project::digest(&package(settings, found).root, found) {
                Some((checksum, margins)) if checksum == record.checksum && margins == record.margins => {
                    Some(Ok((position, Record::new(found, listing, checksum, margins))))
                }
                _ => Some(Err(found)),
            }
        };
        let looked: Vec<Result<(usize, Record), &Found>> =
            self.files.par_iter().zip(&listing.files).enumerate().filter_map(look).collect();
        let mut changed = Changed { files: Vec::new(), unsettled: false, renewed: Vec::new() };
        for outcome in looked {
            match outcome {
                Ok(renewed) => changed.renewed.push(renewed),
                Err(found) => changed.files.push(found),
            }
        }
        changed.unsettled = changed.renewed.iter().any(|(_, record)| record.stamp.is_some());
        Ok(changed)
    }

    /// Remembers the stamps of files that had to be read, so that they need not be next time.
    pub fn renew(&mut self, place: &Place, changed: Changed<'_>) {
        for (position, record) in changed.renewed {
            self.files[position] = record;
        }
        let Some(_turn) = place.turn() else { return };
        // Another command may have kept a parse of its own since.
        if !Self::read(place).is_ok_and(|kept| kept.number == self.number) {
            return;
        }
        if let Err(problem) = self.write(place) {
            tracing::debug!(target: "highwater::parse", "stamps are not kept: {problem}");
        }
    }
}

/// Warnings, and the texts they point into.
#[derive(Serialize, Deserialize)]
pub(super) struct Warnings {
    files: Vec<(String, String)>,
    pub warnings: Vec<Warning>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Warning {
    code: String,
    severity: Severity,
    title: String,
    /// File, first byte, one past the last, words.
    labels: Vec<(usize, usize, usize, String)>,
    notes: Vec<String>,
    help: Vec<String>,
}

impl Warnings {
    fn of(diagnostics: &[Diagnostic]) -> Self {
        let mut files: Vec<(String, String)> = Vec::new();
        let mut label = |label: &Label| {
            let known = files.iter().position(|(path, text)| *path == label.file.path && *text == label.file.text);
            let file = known.unwrap_or_else(|| {
                files.push((label.file.path.clone(), label.file.text.clone()));
                files.len() - 1
            });
            (file, label.start, label.end, label.message.clone())
        };
        let warning = |diagnostic: &Diagnostic| Warning {
            code: diagnostic.code.to_owned(),
            severity: diagnostic.severity,
            title: diagnostic.title.clone(),
            labels: diagnostic.labels.iter().map(&mut label).collect(),
            notes: diagnostic.notes.clone(),
            help: diagnostic.help.clone(),
        };
        let warnings = diagnostics.iter().map(warning).collect();
        Self { files, warnings }
    }

    fn diagnostics(&self) -> Vec<Diagnostic> {
        let file = |(path, text): &(String, String)| Arc::new(SourceFile { path: path.clone(), text: text.clone() });
        let files: Vec<Arc<SourceFile>> = self.files.iter().map(file).collect();
        let diagnostic = |warning: &Warning| {
            let labels = warning.labels.iter().filter_map(|(file, start, end, message)| {
                let file = Arc::clone(files.get(*file)?);
                Some(Label { file, start: *start, end: *end, message: message.clone() })
            });
            Diagnostic {
                code: codes::PAGES.iter().find(|page| page.code == warning.code).map_or("", |page| page.code),
                severity: warning.severity,
                title: warning.title.clone(),
                labels: labels.collect(),
                notes: warning.notes.clone(),
                help: warning.help.clone(),
            }
        };
        self.warnings.iter().map(diagnostic).collect()
    }
}
