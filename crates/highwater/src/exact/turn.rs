//! Turns: before its transaction begins, a run takes a lock of its session on the model, and gives it back when the transaction is over.
//!
//! A snapshot is taken with a transaction's first statement. Without the lock, two runs at once would look at the same snapshot, and the one
//! that commits second would find out only then that it looked in vain. The lock saves that work and promises nothing: who builds is told by the
//! lease, and what keeps two runs from committing one work is the fence. So a run that does not get the lock goes on without it in the end,
//! and a process that sleeps with a lock in its hand keeps nobody out for ever. An engine that one process has to itself grants every lock.

use std::time::{Duration, Instant};

use super::error::ExactError;
use super::job::Job;
use super::lease::{self, Standing};

/// How long to wait for a run that has the lock and no lease: it still looks, or it sleeps.
const LOOKING: Duration = Duration::from_secs(5);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes the model's lock, waiting for a run that is at work, but not beyond `until`. Whether it was granted.
///
/// # Errors
/// When the database cannot be asked.
pub(crate) fn take(job: &mut Job, until: Instant) -> Result<bool, ExactError> {
    if job.writers.is_none() {
        return Ok(false);
    }
    let name = name(job);
    let began = Instant::now();
    loop {
        if job.connection.try_lock(&name).map_err(|error| job.error(error))? {
            return Ok(true);
        }
        let until = match lease::standing(job) {
            Standing::Held => until,
            Standing::LeftBehind => return Ok(false),
            Standing::Free => until.min(began + LOOKING),
        };
        if Instant::now() >= until {
            return Ok(false);
        }
        std::thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now())));
    }
}

/// Gives the lock back; nothing happens when it was not granted.
pub(crate) fn give_back(job: &mut Job) {
    let name = name(job);
    // A session that cannot be told ends with its locks.
    if let Err(error) = job.connection.unlock(&name) {
        tracing::debug!(%error, "unlock");
    }
}

fn name(job: &Job) -> String {
    format!("highwater model {}", job.id())
}
