//! The stories under `scenarios/`, told for real: files, SQL, `hw` on them, and a rebuild to compare with. `support/story.rs` says how
//! they are written.
//!
//! The stories of `scenarios/controls` are wrong on purpose. Each must stop where it says; if one goes through, these tests cannot fail.
//! Those of `scenarios/known-gaps` are right, and not yet true: when one becomes true its test fails, until it is moved to `situations`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

mod support;

use support::project::repository;
use support::story;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for folder in ["classes", "situations"] {
        for path in stories(folder) {
            if std::fs::read_to_string(&path).expect("a story").contains(story::ON_POSTGRES) {
                let path = path.clone();
                let name = name(&format!("{folder}-on-postgres"), &path);
                trials.push(Trial::test(name, move || Ok(story::tell_on_postgres(&path)?)));
            }
            trials.push(Trial::test(name(folder, &path), move || Ok(story::tell(&path)?)));
        }
    }
    for path in stories("controls") {
        trials.push(Trial::test(name("controls", &path), move || is_caught(&path)));
    }
    for path in stories("known-gaps") {
        trials.push(Trial::test(name("known-gaps", &path), move || match story::tell(&path) {
            Ok(()) => Err("the gap is closed: move the story to `situations`".into()),
            Err(_) => Ok(()),
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A control stops with the words of its line `Must stop at: …`.
fn is_caught(path: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let wanted =
        text.lines().find_map(|line| line.strip_prefix("Must stop at: ")).ok_or("it says not where to stop")?;
    let told = if text.contains(story::ON_POSTGRES) { story::tell_on_postgres(path) } else { story::tell(path) };
    match told {
        Ok(()) => Err("it went through".into()),
        Err(stopped) if stopped.contains(wanted) => Ok(()),
        Err(stopped) => Err(format!("it stopped for another reason: {stopped}").into()),
    }
}

/// The stories of a folder, by name.
fn stories(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository("scenarios").join(folder)).expect("the folder of scenarios");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths
}

fn name(folder: &str, path: &Path) -> String {
    format!("{folder}::{}", path.file_stem().unwrap_or_default().to_string_lossy())
}
