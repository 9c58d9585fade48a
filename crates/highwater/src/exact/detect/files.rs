//! Files by their list: names, sizes and times of writing. Where these are what they were, nobody has to read the rows.
//!
//! Times come in steps, so a file that was written a moment ago may be written again unseen. Such a list is not remembered, and the next run reads
//! the rows: what git calls racily clean.

use jiff::Timestamp;

use crate::engine::Cell;
use crate::exact::error::ExactError;
use crate::exact::job::Job;
use crate::exact::prepare::Input;

use super::Observation;

/// Within so many seconds a file may be written twice and keep its time.
const STEP: i64 = 3;

/// The files of an input at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    /// Of names, sizes and times.
    digest: String,
    /// When the newest was written, in seconds since 1970.
    newest: i64,
}

impl List {
    /// The digest, if a list that is equal tomorrow means files that are.
    pub(super) fn settled(&self) -> Option<String> {
        (self.newest < Timestamp::now().as_second() - STEP).then(|| self.digest.clone())
    }
}

/// The list of an input's files; none when it has none, or when the list cannot be had.
pub(super) fn list(job: &mut Job, input: &Input) -> Option<List> {
    let path = input.files.as_deref()?;
    let parts = if job.names_only() { "filename" } else { "filename || '/' || size || '/' || epoch_us(last_modified)" };
    let listed = job.query(&format!(
        "select md5(string_agg({parts}, chr(10) order by filename)), max(epoch(last_modified))::bigint from read_blob({path})"
    ));
    let table = listed.map_err(|error| tracing::debug!(path, %error, "no list of files")).ok()?;
    let row = table.rows.first()?;
    let newest = row.get(1)?.as_integer().and_then(|seconds| i64::try_from(seconds).ok())?;
    Some(List { digest: row.first().and_then(Cell::as_text)?.to_owned(), newest })
}

/// Says when files are not what they were before their rows were read: no database holds them still for a run.
///
/// # Errors
/// Then: what was built may be neither the old nor the new.
pub(crate) fn held_still(job: &mut Job, inputs: &[Input], observations: &[Observation]) -> Result<(), ExactError> {
    for (input, observation) in inputs.iter().zip(observations) {
        if observation.list.is_some() && list(job, input) != observation.list {
            return Err(ExactError::FilesMoved { model: job.label.clone(), files: input.label.clone() });
        }
    }
    Ok(())
}
