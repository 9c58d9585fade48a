//! Backfills against rebuilds, on a small shop; and with a rule left out, which must be noticed.

mod random;
mod steps;
mod workshop;

/// A rule left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naive {
    /// Nobody asks whether what the plan saw is still so.
    NoToken,
    /// A child is staged from its parent's live rows.
    LiveParent,
}
