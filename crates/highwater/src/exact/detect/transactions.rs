//! Transactions as versions: a column of PostgreSQL's `xid8`, into which every write puts the id of its transaction.
//!
//! Ids are given out when transactions begin to write and seen when they commit, so "beyond the newest id" loses rows of whoever took long. What
//! was seen is therefore kept as the snapshot itself: rows that it could not see are new, whatever their ids. Ids that only one server gives out
//! say nothing on another, so the snapshot goes with the name of the server and of its database.
//!
//! The system column `xmin` does not do: behind a savepoint it holds the id of a subtransaction, of which snapshots know nothing.

use crate::engine::{Cell, quote_literal};
use crate::exact::error::ExactError;
use crate::exact::job::Job;

/// What the session sees now: `server/database/snapshot`.
pub(super) fn seen_now(job: &mut Job) -> Result<Option<String>, ExactError> {
    let table = job.query(
        "select (select system_identifier::text from pg_control_system()) || '/' \
         || (select oid::text from pg_database where datname = current_database()) || '/' || pg_current_snapshot()::text",
    )?;
    Ok(table.scalar().and_then(Cell::as_text).map(str::to_owned))
}

/// Whether one view of the transactions goes on from another: the same database, and later.
pub(super) fn continues(before: &str, now: &str) -> bool {
    let parts = |seen: &str| {
        let (place, snapshot) = seen.rsplit_once('/')?;
        let end: u64 = snapshot.split(':').nth(1)?.parse().ok()?;
        Some((place.to_owned(), end))
    };
    match (parts(before), parts(now)) {
        (Some((old_place, old)), Some((place, new))) => old_place == place && old <= new,
        _ => false,
    }
}

/// Rows that a view of the transactions did not hold, and those without an id. The bound below serves an index.
pub(super) fn unseen(column: &str, seen: &str) -> String {
    let snapshot = seen.rsplit_once('/').map_or(seen, |(_, snapshot)| snapshot);
    let oldest = snapshot.split(':').next().unwrap_or("0");
    format!(
        "(({column} >= {}::xid8 and not pg_visible_in_snapshot({column}, {}::pg_snapshot)) or {column} is null)",
        quote_literal(oldest),
        quote_literal(snapshot)
    )
}

#[cfg(test)]
mod tests {
    use super::{continues, unseen};

    #[test]
    fn a_view_goes_on_from_an_earlier_one_of_the_same_database() {
        let before = "7001/16384/740:745:741,743";
        assert!(continues(before, before));
        assert!(continues(before, "7001/16384/745:745:"));
        assert!(!continues(before, "7001/16384/700:701:"), "ids that went back");
        assert!(!continues(before, "7002/16384/745:745:"), "another server");
        assert!(!continues(before, "7001/16385/745:745:"), "another database");
        assert!(!continues("17", before), "a number");
    }

    #[test]
    fn rows_are_unseen_by_snapshot_and_by_index() {
        insta::assert_snapshot!(
            unseen("\"xid\"", "7001/16384/740:745:741,743"),
            @r#"(("xid" >= '740'::xid8 and not pg_visible_in_snapshot("xid", '740:745:741,743'::pg_snapshot)) or "xid" is null)"#
        );
    }
}
