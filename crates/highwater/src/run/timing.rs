//! When things happened, as artifacts write it.

use super::result::Timing;

/// The present moment of the machine, in UTC with microseconds. Not `HW_NOW`: it measures work, it decides nothing.
pub(crate) fn moment() -> String {
    written(jiff::Timestamp::now())
}

/// A moment as `2026-11-22T06:43:49.447648Z`.
pub(crate) fn written(timestamp: jiff::Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// The two phases of a node: compiling until `compiled`, running until now.
pub(crate) fn phases(started: &str, compiled: &str) -> Vec<Timing> {
    let phase = |name: &str, started: &str, completed: &str| Timing {
        name: name.to_owned(),
        started_at: started.to_owned(),
        completed_at: completed.to_owned(),
    };
    vec![phase("compile", started, compiled), phase("execute", compiled, &moment())]
}
