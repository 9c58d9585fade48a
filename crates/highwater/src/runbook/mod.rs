//! The runbook: what to do when a table has to be rebuilt or repaired, for the models of this project, as a page of Markdown.
//!
//! Everything but the lines on timings follows from the project's files alone, so that a check needs no database and does not fail
//! because a run took longer than the one before.
//!
//! | file | what |
//! | --- | --- |
//! | `facts.rs` | what the project says about a model: cut, owner, readers, tests, protection |
//! | `timings.rs` | what the ledger says: how long builds took, when it was compared last |
//! | `page.rs` | the page |

mod facts;
mod page;
mod timings;

pub(crate) use facts::owner;
pub use timings::{Timings, timings};

use std::collections::BTreeMap;

use crate::session::Session;

/// The file's name, in the project's folder.
pub const FILE: &str = "RUNBOOK.md";

/// How a line with timings begins.
const TIMED: &str = "- last";

/// The page, with what is known of past runs, by unique id.
pub fn render(session: &Session, timings: &BTreeMap<String, Timings>) -> String {
    page::page(&session.project.name, &facts::facts(session), timings)
}

/// The first line, from one on, in which a runbook is not what the project says now, timings aside; none when it is current.
pub fn outdated(written: &str, page: &str) -> Option<usize> {
    let lines = |text: &str| -> Vec<(usize, String)> {
        let numbered = text.lines().enumerate().filter(|(_, line)| !line.starts_with(TIMED));
        numbered.map(|(at, line)| (at + 1, line.trim_end().to_owned())).collect()
    };
    let (written, page) = (lines(written), lines(page));
    let end = written.last().map_or(1, |(at, _)| at + 1);
    let at = (0..written.len().max(page.len()))
        .find(|at| written.get(*at).map(|(_, line)| line) != page.get(*at).map(|(_, line)| line))?;
    Some(written.get(at).map_or(end, |(number, _)| *number))
}

#[cfg(test)]
mod tests {
    use super::outdated;

    #[test]
    fn timings_do_not_make_a_page_old() {
        let page = "# Runbook\n\n- last whole build: 1 s\n- owner: ada\n";
        assert_eq!(outdated(page, page), None);
        assert_eq!(outdated("# Runbook\n\n- owner: ada\n", page), None);
        assert_eq!(outdated(&page.replace("1 s", "20 s"), page), None);
        assert_eq!(outdated(&page.replace("ada", "bob"), page), Some(4));
        assert_eq!(outdated("# Runbook\n", page), Some(2));
        assert_eq!(outdated(&format!("{page}more\n"), page), Some(5));
    }
}
