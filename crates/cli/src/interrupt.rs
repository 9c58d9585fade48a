//! Ctrl-C as a request: the first one asks for a stop where it is good to stop, the second one ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// A flag that Ctrl-C, or a scheduler's polite signal, sets. `told` is called when it does, in a thread of its own; the next signal does what it
/// always does. Where signals cannot be watched, all of them do.
pub fn request(told: impl Fn() + Send + 'static) -> Arc<AtomicBool> {
    let asked = Arc::new(AtomicBool::new(false));
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return asked };
    let flag = Arc::clone(&asked);
    thread::spawn(move || {
        for signal in signals.forever() {
            if flag.swap(true, Ordering::Relaxed) {
                // What dies here is no worse off than what is killed: every batch is a transaction.
                let _ = emulate_default_handler(signal);
            } else {
                told();
            }
        }
    });
    asked
}
