//! The stories under `scenarios/`, told for real on each engine: files, SQL, `hw` on them, and a rebuild to compare with.
//! `support/story.rs` says how they are written.
//!
//! The stories of `scenarios/controls` are wrong on purpose. Each must stop where it says; if one goes through, these tests cannot fail.
//! Those of `scenarios/known-gaps` are right, and not yet true: when one becomes true its test fails, until it is moved to `situations`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

mod support;

use support::project::repository;
use support::story::{self, Place};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for place in Place::ALL {
        for folder in ["classes", "situations"] {
            for path in stories(folder, place) {
                trials.push(Trial::test(name(folder, &path, place), move || Ok(story::tell(&path, place)?)));
            }
        }
        for path in stories("controls", place) {
            trials.push(Trial::test(name("controls", &path, place), move || is_caught(&path, place)));
        }
        for path in stories("known-gaps", place) {
            trials.push(Trial::test(name("known-gaps", &path, place), move || match story::tell(&path, place) {
                Ok(()) => Err("the gap is closed: move the story to `situations`".into()),
                Err(_) => Ok(()),
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A control stops with the words of its line `Must stop at: …`.
fn is_caught(path: &Path, place: Place) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let wanted =
        text.lines().find_map(|line| line.strip_prefix("Must stop at: ")).ok_or("it says not where to stop")?;
    match story::tell(path, place) {
        Ok(()) => Err("it went through".into()),
        Err(stopped) if stopped.contains(wanted) => Ok(()),
        Err(stopped) => Err(format!("it stopped for another reason: {stopped}").into()),
    }
}

/// The stories of a folder that can happen on an engine, by name.
fn stories(folder: &str, place: Place) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository("scenarios").join(folder)).expect("the folder of scenarios");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.retain(|path| place.suits(&std::fs::read_to_string(path).expect("a story")));
    paths.sort();
    paths
}

fn name(folder: &str, path: &Path, place: Place) -> String {
    let engine = format!("{place:?}").to_lowercase();
    format!("{folder}::{}::{engine}", path.file_stem().unwrap_or_default().to_string_lossy())
}
