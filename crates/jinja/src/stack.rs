//! Deep recursion without exhausting the stack: at chosen depths, work moves to a thread with a stack of its own.

use std::cell::Cell;

use crate::{Error, ErrorKind};

/// After how many open calls the next one moves.
const CALLS_PER_STACK: usize = 32;
/// Which of those calls moves.
const MOVING_CALL: usize = 12;
/// Bytes of a fresh stack; the system only gives what is touched.
const STACK_BYTES: usize = 64 << 20;

thread_local! {
    /// Calls open on this thread and on the threads it runs for.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Runs on a fresh stack and waits for it.
pub(crate) fn fresh<T: Send>(run: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let depth = DEPTH.get();
    std::thread::scope(|scope| {
        let inner = || {
            DEPTH.set(depth);
            run()
        };
        match std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, inner) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => Err(Error::external(error)),
        }
    })
}

/// Runs one macro call deeper; refuses to go beyond the limit.
pub(crate) fn call<T: Send>(limit: usize, run: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let depth = DEPTH.get();
    if depth > limit {
        let message = format!("more than {limit} macro calls are open: is a macro calling itself without end?");
        return Err(Error::new(ErrorKind::Recursion, message));
    }
    DEPTH.set(depth + 1);
    let result = if depth % CALLS_PER_STACK == MOVING_CALL { fresh(run) } else { run() };
    DEPTH.set(depth);
    result
}
