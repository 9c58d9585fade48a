//! Backfills against rebuilds, on a small shop; and with a rule left out, which must be noticed.

mod generated;
mod random;
mod shapes;
mod steps;
mod workshop;
mod zombies;

/// A rule left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naive {
    /// Nobody asks whether what the plan saw is still so.
    NoToken,
    /// A child is staged from its parent's live rows.
    LiveParent,
    /// Nobody remembers that a published partition was built of other inputs than the ledger describes.
    ForgetsBeside,
    /// Rolling back puts the rows back, and leaves the ledger as it is.
    RowsOnly,
    /// Going on takes what is staged for right.
    BlindResume,
    /// Changes of a source are looked for in the partitions of the backfill, and not in those that reach into them.
    NarrowFocus,
    /// A child is staged from its parent's new columns, though its own would be others then.
    UnreadChild,
    /// Rolling back leaves the table the columns it has got.
    KeepsColumns,
    /// A swap leaves the fence as it is.
    Unfenced,
    /// Old rows are put back however old they are.
    NeverTooLate,
    /// What holds still only while nobody else writes is taken to hold still.
    NotAlone,
}
