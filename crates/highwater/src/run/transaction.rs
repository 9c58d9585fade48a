//! One transaction around a node's work, tried again when another thread's commit was first.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::failure::Failure;
use crate::context::SharedConnection;
use crate::engine::Connection;

/// Attempts in all.
const ATTEMPTS: u32 = 6;
/// Before the second attempt; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(15);

/// The session, for as long as one statement takes. Never held while a template is rendered.
pub(crate) fn lock(connection: &SharedConnection) -> MutexGuard<'_, Box<dyn Connection>> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` in a transaction: everything it writes becomes visible at once, or nothing does.
///
/// # Errors
/// What `work` or the commit said; the transaction is rolled back then.
pub(crate) fn in_transaction<T>(
    connection: &SharedConnection,
    mut work: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    again_on_conflict(|| {
        lock(connection).begin()?;
        let outcome = work().and_then(|value| lock(connection).commit().map(|()| value).map_err(Failure::from));
        if outcome.is_err() {
            // After a failed commit there is nothing left to roll back, and the engine says so.
            let _ = lock(connection).rollback();
        }
        outcome
    })
}

/// Runs `work` until it does not conflict, a few times at most.
///
/// # Errors
/// What the last attempt said.
pub(crate) fn again_on_conflict<T>(mut work: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match work() {
            Err(failure) if failure.is_conflict() => std::thread::sleep(pause),
            outcome => return outcome,
        }
        pause *= 2;
    }
    work()
}
