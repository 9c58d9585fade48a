//! The server's transactions that are this process's own, and whether those of others came between two snapshots.
//!
//! A snapshot says which transactions had ended when it was taken. What had ended in a later one and not in an earlier one may have written any table,
//! unless this process did it and knows what it wrote. Other databases of a server count with it: their transactions have ids of one sequence.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Ids of transactions that this process did, and that wrote a swap or the ledger.
#[derive(Debug, Default)]
pub(super) struct Own(Mutex<BTreeSet<u64>>);

/// The question for what a session sees now: the life of the server, and its snapshot. After a crash a server may have emptied tables that are
/// not logged, in no transaction at all.
pub(super) const SEEN_NOW: &str =
    "select extract(epoch from pg_postmaster_start_time())::text || '/' || pg_current_snapshot()::text";

/// The question for the id of a transaction that has written something.
pub(super) const ID: &str = "select pg_current_xact_id_if_assigned()::text";

impl Own {
    /// Says that a transaction that is about to end is ours.
    pub fn add(&self, id: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Whether every transaction that ended between two answers to [`SEEN_NOW`] is ours.
    pub fn alone(&self, before: &str, now: &str) -> bool {
        let (Some(before), Some(now)) = (Seen::parse(before), Seen::parse(now)) else { return false };
        if before.server != now.server || now.end < before.end {
            return false;
        }
        let own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = before.open.iter().copied().chain(before.end..now.end).filter(|id| !now.open.contains(id));
        ended.all(|id| own.contains(&id))
    }
}

/// A snapshot of a server's transactions: all before the end had ended, but those that are open.
struct Seen<'a> {
    server: &'a str,
    end: u64,
    open: BTreeSet<u64>,
}

impl<'a> Seen<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (server, snapshot) = text.rsplit_once('/')?;
        let mut parts = snapshot.split(':').skip(1);
        let end = parts.next()?.parse().ok()?;
        let open: Result<_, _> = parts.next()?.split(',').filter(|id| !id.is_empty()).map(str::parse).collect();
        Some(Self { server, end, open: open.ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Own;

    #[test]
    fn nobody_else_may_have_ended_a_transaction() {
        let own = Own::default();
        own.add(742);
        own.add(745);
        let before = "17/741:745:741,742";
        for now in [before, "17/741:745:741", "17/741:746:741", "17/741:748:741,746,747"] {
            assert!(own.alone(before, now), "{now}");
        }
        for now in [
            "17/745:745:",    // 741 ended
            "17/741:747:741", // 746 came and ended
            "17/741:748:741,747",
            "18/741:745:741,742", // another life of the server
            "17/740:744:740",     // before
            "nonsense",
            "",
        ] {
            assert!(!own.alone(before, now), "{now}");
        }
    }
}
