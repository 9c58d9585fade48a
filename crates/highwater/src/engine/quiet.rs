//! Quiet: whether anybody may have written a database since.
//!
//! What was read in one transaction holds in a later one if nobody wrote between the two. Where this process has the database to itself, it need only
//! count its own statements that may write. Those of a swap are not counted, because whoever swaps says which table it writes; nor those that keep
//! the ledger. A server says which transactions have ended in between; those of its own swaps and books a process knows.

use std::sync::{Arc, Mutex, PoisonError};

/// A moment in the life of a database, from which on it may be quiet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// The database.
    pub database: String,
    pub(super) as_of: AsOf,
}

/// What a moment is told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AsOf {
    /// Statements of this process, which has the database to itself, that may have written.
    Writes(u64),
    /// The transactions that a server had seen end.
    Transactions(String),
}

/// The statements of all sessions that may write.
#[derive(Debug, Default)]
pub(super) struct Writes(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    done: u64,
    under_way: u64,
}

/// A statement that may write and is not done.
pub(super) struct UnderWay(Arc<Writes>);

impl Writes {
    fn change(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Says that a statement that may write begins.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.change(|counted| counted.under_way += 1);
        UnderWay(Arc::clone(self))
    }

    /// How many are done; none while one is under way.
    pub fn so_far(&self) -> Option<u64> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (counted.under_way == 0).then_some(counted.done)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.change(|counted| {
            counted.under_way -= 1;
            counted.done += 1;
        });
    }
}

/// Functions that make tables, though they are called in a `select`.
const MAKERS: &[&str] = &["dbgen", "dsdgen", "_execute"];

/// Whether statements may write rows. What is not known to read only may.
pub(super) fn may_write(sql: &str) -> bool {
    let text = without_comments(sql);
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    let reads = matches!(word.as_str(), "select" | "describe" | "show" | "set" | "begin" | "rollback" | "comment");
    if !reads || text.trim_end().trim_end_matches(';').contains(';') {
        return true;
    }
    let called = text.to_ascii_lowercase();
    MAKERS.iter().any(|maker| called.contains(maker))
}

/// What stands behind comments at the beginning.
fn without_comments(sql: &str) -> &str {
    let mut text = sql.trim_start();
    loop {
        let rest = match (text.strip_prefix("/*"), text.strip_prefix("--")) {
            (Some(comment), _) => comment.split_once("*/"),
            (_, Some(comment)) => comment.split_once('\n'),
            _ => return text,
        };
        let Some((_, rest)) = rest else { return "" };
        text = rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Writes, may_write};

    #[test]
    fn only_what_is_known_to_read_does_not_write() {
        for sql in ["select 1", " /* a; b */ -- c\nSELECT 1;", "describe t", "begin transaction", "set threads = 1"] {
            assert!(!may_write(sql), "{sql}");
        }
        for sql in [
            "insert into t values (1)",
            "with a as (select 1) insert into t from a",
            "select 1; delete from t",
            "commit",
            "call f()",
            "select * from dbgen(sf = 0.01)",
            "/* open",
        ] {
            assert!(may_write(sql), "{sql}");
        }
    }

    #[test]
    fn nothing_is_quiet_while_a_statement_writes() {
        let writes = Arc::new(Writes::default());
        assert_eq!(writes.so_far(), Some(0));
        let one = writes.begin();
        assert_eq!(writes.so_far(), None);
        drop(one);
        assert_eq!(writes.so_far(), Some(1));
    }
}
