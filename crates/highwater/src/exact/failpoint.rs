//! Failpoints: named steps of a run at which a test can stop the process, to kill it there or to let others go first.
//!
//! `HW_STOP_AT=<step>=<file>` makes the process write the file when it gets to the step, and wait there until the file is gone. With
//! `<step>:<model>=<file>` only that model stops. Nothing else ever does, and a process without the variable pays one comparison a step.
//!
//! | step | what has been done |
//! | --- | --- |
//! | `looked` | changes have been found, and what they call for |
//! | `leased` | the lease is held |
//! | `staged` | the new rows are in a temporary table and compared with the old |
//! | `fenced` | the fence is raised |
//! | `deleted` | the rows of the dirty partitions are deleted |
//! | `inserted` | the new ones are inserted |
//! | `recorded` | the ledger has the partitions |
//! | `committing` | everything is written |
//! | `committed` | the transaction has been committed, and nobody told |
//! | `combining` | the partials of a model that has some are committed, and the model over them has not been looked at |
//!
//! A backfill has steps of its own, and those of a swap from `deleted` to `recorded`:
//!
//! | step | what has been done |
//! | --- | --- |
//! | `planned` | the plan is in the ledger, and not committed |
//! | `begun` | its partitions are reserved |
//! | `batch`, `batched` | the rows of a batch are staged; so is its record, and neither is committed |
//! | `auditing` | staged rows of a model have been audited, and nobody told |
//! | `audited` | all rows are staged and audited |
//! | `publishing`, `published` | all models are swapped; that is committed |
//! | `verifying` | a model is about to be compared with a rebuild |
//! | `verified` | the tables were compared with a rebuild |
//! | `undoing`, `undone` | the old rows are back; that is committed |

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

/// The variable that names the step.
pub const VARIABLE: &str = "HW_STOP_AT";

/// Every step, in order.
pub const STEPS: [&str; 9] =
    ["looked", "leased", "staged", "fenced", "deleted", "inserted", "recorded", "committing", "committed"];

/// Every step of a backfill that changes something or has changed it, in order.
pub const BACKFILL_STEPS: [&str; 15] = [
    "planned",
    "begun",
    "batch",
    "batched",
    "auditing",
    "audited",
    "deleted",
    "inserted",
    "recorded",
    "publishing",
    "published",
    "verifying",
    "verified",
    "undoing",
    "undone",
];

/// Where to stop.
struct Stop {
    step: String,
    model: Option<String>,
    file: PathBuf,
}

fn stop() -> Option<&'static Stop> {
    static STOP: OnceLock<Option<Stop>> = OnceLock::new();
    STOP.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (place, file) = text.split_once('=')?;
        let (step, model) = place.split_once(':').map_or((place, None), |(step, model)| (step, Some(model)));
        Some(Stop { step: step.to_owned(), model: model.map(str::to_owned), file: file.into() })
    })
    .as_ref()
}

/// Says that a model's run has got to a step.
pub(crate) fn reach(step: &str, model: &str) {
    let Some(stop) = stop() else { return };
    if stop.step != step || stop.model.as_ref().is_some_and(|name| name != model) {
        return;
    }
    if std::fs::write(&stop.file, model).is_ok() {
        while stop.file.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
