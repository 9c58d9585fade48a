//! Which nodes `state:`, `result:` and `source_status:` mean: those that differ from an earlier run, or ended in a way in it.

use super::criterion::Criterion;
use crate::diagnostics::Diagnostic;
use crate::manifest::Manifest;
use crate::state::{Comparison, Part, PreviousState};

const STATES: [&str; 10] = [
    "new",
    "old",
    "modified",
    "unmodified",
    "modified.body",
    "modified.configs",
    "modified.persisted_descriptions",
    "modified.relation",
    "modified.macros",
    "modified.contract",
];

/// Unique ids that fit.
///
/// # Errors
/// `HW0232` without `--state`, `HW0231` for a word that is no state.
pub(super) fn search<'m>(
    manifest: &'m Manifest,
    state: Option<&PreviousState>,
    criterion: &Criterion,
) -> Result<Vec<&'m str>, Diagnostic> {
    let state = state.ok_or_else(|| {
        Diagnostic::error("HW0232", format!("`{}` compares with an earlier run, and none is named", criterion.raw))
            .help("name the folder with its artifacts: --state path/to/artifacts")
    })?;
    let ids = || manifest.parents().keys().map(String::as_str);
    match criterion.method.as_str() {
        "result" => {
            let found = state.with_status(&criterion.value)?;
            Ok(ids().filter(|id| found.contains(id)).collect())
        }
        "source_status" if criterion.value == "fresher" => {
            let found = state.fresher_sources()?;
            Ok(ids().filter(|id| found.contains(id)).collect())
        }
        "state" => compared(manifest, state, criterion),
        _ => Err(Diagnostic::error("HW0231", format!("`{}`: there is no such status", criterion.raw))
            .help("write source_status:fresher")),
    }
}

fn compared<'m>(
    manifest: &'m Manifest,
    state: &PreviousState,
    criterion: &Criterion,
) -> Result<Vec<&'m str>, Diagnostic> {
    let comparison = Comparison::new(manifest, state.manifest()?);
    let part = match criterion.value.as_str() {
        "modified.body" => Part::Body,
        "modified.configs" => Part::Configs,
        "modified.persisted_descriptions" => Part::Descriptions,
        "modified.relation" => Part::Relation,
        "modified.macros" => Part::Macros,
        "modified.contract" => Part::Contract,
        _ => Part::Any,
    };
    let mut found = Vec::new();
    for id in manifest.parents().keys().map(String::as_str) {
        let fits = match criterion.value.as_str() {
            "new" => !comparison.is_known(id),
            "old" => comparison.is_known(id),
            "unmodified" => !comparison.is_modified(id, Part::Any)?,
            word if STATES.contains(&word) => comparison.is_modified(id, part)?,
            word => {
                return Err(Diagnostic::error("HW0231", format!("`{}`: there is no state `{word}`", criterion.raw))
                    .help(format!("the states are {}", STATES.join(", "))));
            }
        };
        if fits {
            found.push(id);
        }
    }
    Ok(found)
}
