//! Whatever happens to a project, what comes of what was kept is what a whole parse makes of it.
//!
//! | file | what |
//! | --- | --- |
//! | here | opening a project both ways |
//! | `project.rs` | a project that has something of everything |
//! | `edits.rs` | what happens to projects |
//! | `forged.rs` | naive variants: what is kept, altered so that one kind of change goes unseen |
//! | `random.rs` | random edits, compared after each; the naive variants must be caught |
//! | `overlooked.rs` | naive variants: a reason to give up what is kept goes unseen; for each the edit that shows it |
//! | `broken.rs` | files that were cut short or altered, folders that cannot be written, commands at once |

mod broken;
mod edits;
mod forged;
mod overlooked;
mod project;
mod random;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use crate::artifacts;
use crate::manifest::LazyNode;
use crate::project::LoadOptions;
use crate::session::Session;

/// The variables of the environment are one for all tests.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a command is called.
#[derive(Debug, Clone, Default)]
struct Call {
    vars: IndexMap<String, serde_json::Value>,
    target: Option<String>,
}

impl Call {
    fn options(&self, folder: &Path, partial_parse: bool) -> LoadOptions {
        LoadOptions {
            project_dir: folder.to_path_buf(),
            profiles_dir: Some(folder.to_path_buf()),
            vars: self.vars.clone(),
            target: self.target.clone(),
            partial_parse: Some(partial_parse),
            ..LoadOptions::default()
        }
    }

    /// What a command sees of the project, written out: with what is kept, or without.
    fn see(&self, folder: &Path, partial_parse: bool) -> String {
        match Session::glance(&self.options(folder, partial_parse)) {
            Ok(session) => {
                // Before anything is read to be shown; the graph is made, which is shown with the rest.
                let nodes = session.manifest.nodes.values().chain(session.manifest.disabled.values());
                let outlines: Vec<String> = nodes.map(LazyNode::outline).collect();
                session.manifest.parents();
                let macros = session.macros.nodes();
                let macros: Vec<&String> = macros.keys().collect();
                let seen = format!("{:?}\n{:?}\n{macros:?}\n{outlines:?}", session.manifest, session.warnings);
                let seen = format!("{seen}\n{}", written(folder, &session, partial_parse));
                // What is other every time must be that of this time.
                seen.replace(&session.project.invocation_id, "[invocation]")
            }
            Err(problems) => format!("{problems:?}"),
        }
    }
}

/// `manifest.json` as a command writes it, without its head and the moments at which entries were made.
fn written(folder: &Path, session: &Session, partial_parse: bool) -> String {
    let path = folder.join(if partial_parse { "target/manifest.json" } else { "target/anew.json" });
    artifacts::write_manifest(&path, session, &HashMap::new()).expect("written");
    let text = std::fs::read_to_string(path).expect("written");
    let (_, body) = text.split_once(",\"nodes\":").expect("a manifest");
    let mut parts = body.split("\"created_at\":");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|letter: char| ".0123456789".contains(letter)))
}

/// Where two texts begin to differ.
fn difference(left: &str, right: &str) -> String {
    let same = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
    let around = |text: &str| text.chars().skip(same.saturating_sub(300)).take(600).collect::<String>();
    format!("with what is kept:\n{}\nanew:\n{}", around(left), around(right))
}
