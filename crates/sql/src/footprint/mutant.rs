//! Deliberately wrong variants of the rules: what people do by hand. The random tests must catch every one of them; a mutant that survives
//! says that the tests cannot see its rule.
//!
//! A rule comes with its mutant: a variant, a line in [`Mutant::ALL`], and a place in the rule that asks for it. The tests then say what else
//! is missing, and `docs/design/mutants.md` shows how often each one is caught.

/// A rule to get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Only the anchor's changes count; a changed dimension row reaches nothing.
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
    /// Deduplication looks only at the partitions of new rows, not at where else their key occurs.
    WindowNewRowsOnly,
    /// The slice reads only its own rows, not the full history of its keys.
    WindowSliceOnly,
    /// Every window is taken to lie within the partitions.
    WindowAlwaysAligned,
    /// Rule 22: of several windows with keys of their own, only the first counts.
    FirstWindowOnly,
    /// Rule 24: a window along time reaches no other slice than its own.
    RangeNotForward,
    /// Rules 25 and 26: what a running total is told late matters to the rows before it, not to those after.
    RunningTurned,
    /// Rule 19: a group lies where its new rows lie, and was never anywhere else.
    CarriedNewRowsOnly,
    /// Rule 32: only changes of the data count; that a condition reads the clock does not.
    ClockStandsStill,
}

impl Mutant {
    /// All of them, with the operators whose rule is meant and what is done instead.
    pub const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (
            Self::JoinAnchorOnly,
            "inner and left join",
            "only the fact's changes count, not those of what it is joined to",
        ),
        (Self::SubqueryIgnored, "exists, in, anti join", "what the subquery looks into does not count"),
        (Self::SeriesByItsStart, "series and lists", "a series matters only to the slice of its first value"),
        (Self::OrphansForgotten, "right and full join", "rows without a partner are forgotten"),
        (Self::FullJoinLeftOnly, "full join by time", "only the left side counts"),
        (Self::NotInAsAnti, "not in", "taken for not exists: a NULL or an empty list changes nothing"),
        (Self::BandByEnd, "range, history and asof join", "a changed row matters only to rows at its very bounds"),
        (Self::BothChangedForgotten, "partition of two tables", "rows of both sides that changed at once do not meet"),
        (Self::ResultTakenForGiven, "subquery computed as a whole", "what it computes is taken for given"),
        (Self::RecursionSeedOnly, "recursion", "only the seed counts"),
        (Self::UnionFirstBranchOnly, "union, except, intersect", "only the first branch counts"),
        (
            Self::WindowNewRowsOnly,
            "deduplication, window by key",
            "only where new rows are, not where else their key occurs",
        ),
        (
            Self::WindowSliceOnly,
            "deduplication, window by key",
            "a slice reads its own rows, not the history of its keys",
        ),
        (Self::WindowAlwaysAligned, "window", "every window is taken to lie within a partition"),
        (Self::FirstWindowOnly, "several windows", "of several windows with keys of their own, only the first counts"),
        (Self::RangeNotForward, "window along time", "a window along time reaches no other slice than its own"),
        (
            Self::RunningTurned,
            "running total, lag, rank",
            "a late row matters to the slices before it, not to those after",
        ),
        (
            Self::CarriedNewRowsOnly,
            "aggregated event time",
            "a group lies where its new rows lie, and was never elsewhere",
        ),
        (
            Self::ClockStandsStill,
            "the clock",
            "only changes of the data count; that a condition reads the clock does not",
        ),
    ];
}
