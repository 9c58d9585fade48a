//! A project parsed: anew, or as an earlier command of the same project left it.
//!
//! What an earlier command parsed lies under the target folder. It is used only when nothing a parse depends on has changed, and
//! what can tell lies in what is kept:
//!
//! | what a parse depends on | how a change of it is seen |
//! | --- | --- |
//! | files of the project and its packages, seeds and `.dbtignore` included | the list of files, each with its stamp; where a stamp may lie, the content |
//! | `dbt_project.yml`, profile, target, variables, flags, packages, paths | all settings, as they came out of reading those files, in one digest |
//! | variables of the environment that templates and YAML read | a digest of each one's value |
//! | what is different every time: the clock, chance, `invocation_id`, words for people | the files that asked are read anew every time |
//! | Highwater itself | version, and the stamp of the binary |
//!
//! A few files that changed are read by themselves when nobody else can be affected ([`crate::manifest`], `update.rs`); in every other case,
//! and whenever there is doubt, all is parsed anew. What is kept is then written anew, too: beside its place and renamed, so that two
//! commands at once, or one that was killed, leave something whole behind or nothing; of several commands at once only one keeps what it parsed.
//!
//! `manifest.json` is written by every command that builds or parses. Entries of nodes that are as they were are copied from the one before
//! (`artifacts/manifest/earlier.rs`), which a third file says the layout of.
//!
//! | file | what |
//! | --- | --- |
//! | here | the decision |
//! | `key.rs` | settings in one digest, and whether what is kept is wanted |
//! | `index.rs` | what is kept of files: small, read first |
//! | `body.rs` | what is kept of the manifest: large, read when the files agree |
//! | `frame.rs` | a file with a head, a version and a sum over all |

mod body;
mod frame;
mod index;
mod key;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artifacts::Lineage;
use crate::context::{Macros, load_macros};
use crate::diagnostics::Diagnostic;
use crate::manifest::{self, Files, Manifest, Outdated, Updated};
use crate::project::{self, FileKind, Found, Listing, LoadOptions, Project};

use index::{Index, Place};

/// More files than these are not worth reading one by one.
const FEW: usize = 200;

/// A project and its graph.
pub(crate) struct Parsed {
    /// Settings; the texts of its files are not kept.
    pub project: Project,
    pub macros: Arc<Macros>,
    pub manifest: Manifest,
    /// Found while building the manifest.
    pub warnings: Vec<Diagnostic>,
    /// What follows from what is kept; nothing when nothing is.
    pub lineage: Option<Lineage>,
}

/// Data of others that follows from what is kept; nothing when there is none.
pub(crate) fn read_part<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut reader = frame::Reader::open(path)?;
    let part = reader.part()?;
    reader.end()?;
    frame::decode(&part)
}

/// Keeps such data.
///
/// # Errors
/// Those of the file system.
pub(crate) fn write_part(path: &Path, data: &impl Serialize) -> io::Result<()> {
    let bytes = frame::encode(data)?;
    frame::write(path, |writer| writer.part(&bytes))
}

/// Reads and parses a project.
///
/// # Errors
/// Everything found wrong in the files.
pub(crate) fn parse(options: &LoadOptions) -> Result<Parsed, Vec<Diagnostic>> {
    let settings = project::settings(options)?;
    let place = if key::is_wanted(options, &settings) { Place::of(&settings) } else { None };
    let Some(place) = place else { return anew(settings.clone(), &Listing::of(&settings), None) };
    let (listing, kept) = rayon::join(|| Listing::of(&settings), || kept(&place));
    match kept.and_then(|kept| again(&place, kept, &settings, &listing)) {
        Ok(parsed) => Ok(parsed),
        Err(Outdated(reason)) => {
            tracing::debug!(target: "highwater::parse", "everything is parsed: {reason}");
            anew(settings, &listing, Some(&place))
        }
    }
}

/// Parses everything, and keeps it where that is said.
fn anew(mut project: Project, listing: &Listing, place: Option<&Place>) -> Result<Parsed, Vec<Diagnostic>> {
    project::read_into(&mut project, &listing.files)?;
    let macros = load_macros(&project)?;
    let mut built = manifest::build(&project, &macros)?;
    let mut lineage = None;
    let place = place.filter(|_| !built.stability.unknown);
    if let Some((place, _turn)) = place.and_then(|place| Some((place, place.turn()?))) {
        let number = uuid::Uuid::new_v4().to_string();
        let index = Index::new(place, &number, &project, listing, &built);
        // What is written needs room, and the texts of the files none any longer.
        without_files(&mut project);
        // Without it the next command takes longer; that is no reason to fail.
        let kept = body::write(&place.body(), &number, &mut built.manifest).and_then(|()| index.write(place));
        match kept {
            Ok(()) => lineage = Some(following(place, &number, Updated::nothing())),
            Err(problem) => tracing::debug!(target: "highwater::parse", "what was parsed is not kept: {problem}"),
        }
    }
    without_files(&mut project);
    Ok(Parsed { project, macros, manifest: built.manifest, warnings: built.warnings, lineage })
}

/// What follows from what is kept under a number, but for what was updated since.
fn following(place: &Place, number: &str, updated: Updated) -> Lineage {
    let Updated { changed, is_rest_same } = updated;
    Lineage { place: place.layout(), number: number.to_owned(), changed, is_rest_same }
}

/// What an earlier command parsed.
fn kept(place: &Place) -> Result<(Index, Manifest), Outdated> {
    let both = || {
        let index = Index::read(place)?;
        index.check_environment()?;
        let manifest = body::read(&place.body(), &index.number)?;
        Ok((index, manifest))
    };
    // Another command may have replaced one and then the other between the two.
    both().or_else(|_: Outdated| both())
}

/// What an earlier command parsed, brought up to date.
fn again(
    place: &Place,
    (mut index, mut manifest): (Index, Manifest),
    settings: &Project,
    listing: &Listing,
) -> Result<Parsed, Outdated> {
    let changed = index.changed(settings, listing)?;
    let others_depend = changed.files.iter().any(|found| !manifest::may_change(found.kind));
    Outdated::when(others_depend, "a file that others depend on changed")?;
    let mut project = settings.clone();
    let is_macro = |found: &&Found| matches!(found.kind, FileKind::Macro | FileKind::GenericTest);
    let unread = |_| Outdated("a file cannot be read");
    project::read_into(&mut project, listing.files.iter().filter(is_macro)).map_err(unread)?;
    let macros = load_macros(&project).map_err(|_| Outdated("a macro does not hold together"))?;
    without_files(&mut project);

    let mut names = index.moving();
    for found in &changed.files {
        names.insert(&package(settings, found).name, &found.path);
    }
    let mut updated = Updated::nothing();
    if names.len() > 0 {
        let files = manifest::together(&manifest, &names);
        if files.len() > FEW {
            return Err(Outdated("many files changed"));
        }
        let warned =
            |warning: &Diagnostic| warning.labels.iter().any(|label| is_one_of(&files, settings, &label.file.path));
        let warnings = index.warnings();
        Outdated::when(warnings.iter().any(warned), "there was something to say about a file")?;
        let mut part = settings.clone();
        let wanted = |found: &&Found| files.contains(&package(settings, found).name, &found.path);
        let found: Vec<&Found> = listing.files.iter().filter(|found| !is_macro(found)).filter(wanted).collect();
        project::read_into(&mut part, found).map_err(unread)?;
        updated = manifest::update(&mut manifest, &part, &macros, &names, &files)?;
    }
    if changed.unsettled {
        index.renew(place, changed);
    }
    let lineage = Some(following(place, &index.number, updated));
    Ok(Parsed { project, macros, manifest, warnings: index.warnings(), lineage })
}

/// Whether a path for people is one of these files.
fn is_one_of(files: &Files, project: &Project, shown: &str) -> bool {
    project.all_packages().any(|package| {
        let folder = package.root.strip_prefix(&project.main.root).unwrap_or(&package.root);
        let path = Path::new(shown).strip_prefix(folder);
        path.is_ok_and(|path| files.contains(&package.name, &path.to_string_lossy().replace('\\', "/")))
    })
}

fn package<'a>(project: &'a Project, found: &Found) -> &'a project::Package {
    project.all_packages().nth(found.package).expect("a file of a package of the project")
}

fn without_files(project: &mut Project) {
    project.main.files = Vec::new();
    for package in &mut project.packages {
        package.files = Vec::new();
    }
}
