//! Deliberately wrong variants of the rules: what people do by hand. The differential test must catch every one of them; a mutant that
//! survives says that the test cannot see its rule.

/// A rule to get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Rules 3 and 4: only the anchor's changes count; a changed dimension row reaches nothing.
    JoinAnchorOnly,
    /// Rules 7 and 8: what `exists` and `in` look into does not count.
    SubqueryIgnored,
    /// Rules 15 and 16: only the first branch of a union counts.
    UnionFirstBranchOnly,
    /// Rule 22: deduplication looks only at the partitions of new rows, not at where else their key occurs.
    WindowNewRowsOnly,
    /// Rule 22: the slice reads only its own rows, not the full history of its keys.
    WindowSliceOnly,
    /// Rule 23: every window is taken to lie within the partitions.
    WindowAlwaysAligned,
    /// Rule 22: of several windows with keys of their own, only the first counts.
    FirstWindowOnly,
    /// Rule 24: a window along time reaches no other slice than its own.
    RangeNotForward,
    /// Rule 19: a group lies where its new rows lie, and was never anywhere else.
    CarriedNewRowsOnly,
    /// Rule 32: only changes of the data count; that a condition reads the clock does not.
    ClockStandsStill,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::JoinAnchorOnly,
        Self::SubqueryIgnored,
        Self::UnionFirstBranchOnly,
        Self::WindowNewRowsOnly,
        Self::WindowSliceOnly,
        Self::WindowAlwaysAligned,
        Self::FirstWindowOnly,
        Self::RangeNotForward,
        Self::CarriedNewRowsOnly,
        Self::ClockStandsStill,
    ];
}
