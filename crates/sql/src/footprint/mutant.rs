//! Deliberately wrong variants of the rules: what people do by hand. The differential test must catch every one of them; a mutant that
//! survives says that the test cannot see its rule.

/// A rule to get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Rules 3 and 4: only the anchor's changes count; a changed dimension row reaches nothing.
    JoinAnchorOnly,
    /// Rule 2: a series matters only to the slice of its first value.
    SeriesByItsStart,
    /// Rule 5: rows without a partner are forgotten.
    OrphansForgotten,
    /// Rule 6: only the left side of a full join counts.
    FullJoinLeftOnly,
    /// Rules 7 and 8: what `exists` and `in` look into does not count.
    SubqueryIgnored,
    /// Rule 9: `not in` is taken for `not exists`.
    NotInAsAnti,
    /// Rules 11 and 12: a changed row matters only to rows at its very bounds.
    BandByEnd,
    /// Theorem 3b: rows of both sides that changed at once do not meet.
    BothChangedForgotten,
    /// Theorem 7: what a subquery computes is taken for given.
    ResultTakenForGiven,
    /// Rule 31: only the seed of a recursion counts.
    RecursionSeedOnly,
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
    pub const ALL: [Self; 18] = [
        Self::SeriesByItsStart,
        Self::OrphansForgotten,
        Self::FullJoinLeftOnly,
        Self::NotInAsAnti,
        Self::BandByEnd,
        Self::BothChangedForgotten,
        Self::ResultTakenForGiven,
        Self::RecursionSeedOnly,
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
