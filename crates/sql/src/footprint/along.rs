//! Windows along time, by range: rules 24 and 27.
//!
//! - **What**: `sum(x) over (order by day range between interval 6 days preceding and current row)`, with or without `partition by`.
//! - **Footprint**: the slice, widened by as many intervals before and after it as the frame reaches.
//! - **Dirty map**: dirt grows forward by what the frame looks back, and backward by what it looks ahead.
//! - **Condition**: one order, by the moment that cuts the table; both ends of the frame constant. Lengths are rounded up to whole intervals; a
//!   month counts as 31 days where days are counted, and as 28 where days fill months.
//! - **Fallback**: the window's key (`window.rs`).

use super::{Partial, Shape, Target, Walk};
use crate::dialect::type_of;
use crate::tree::{Stretch, WindowFunction, as_column};
use crate::{Effect, IntervalUnit, Step};

use super::target::bare_moment;

/// How many intervals before and after a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Margin {
    pub back: u32,
    pub ahead: u32,
}

impl Margin {
    /// Far enough for both.
    pub fn or(self, other: Self) -> Self {
        Self { back: self.back.max(other.back), ahead: self.ahead.max(other.ahead) }
    }

    /// As far as one and the other after it.
    pub fn and(self, other: Self) -> Self {
        Self { back: self.back + other.back, ahead: self.ahead + other.ahead }
    }
}

/// More intervals than this are no margin any more.
const FARTHEST: u64 = 20_000;

/// How far a window looks around a slice of the target; none when it does not look along the target.
pub(super) fn margin(walk: &Walk<'_>, function: &WindowFunction, target: &Target) -> Option<Margin> {
    let along = function.along.as_ref()?;
    let Shape::Interval(unit) = target.shape else { return None };
    let columns = &walk.tree.columns;
    let moment = bare_moment(&along.by, unit, columns);
    let known = matches!(type_of(&moment, columns).as_deref(), Some("TIMESTAMP" | "DATE"));
    let same = moment.to_string() == bare_moment(&target.expressions[0], unit, columns).to_string();
    if !known || !same {
        return None;
    }
    Some(Margin { back: intervals(along.back, unit)?, ahead: intervals(along.ahead, unit)? })
}

/// The number of intervals that a length of time can reach into.
fn intervals(stretch: Stretch, unit: IntervalUnit) -> Option<u32> {
    let (months, seconds) = (u64::from(stretch.months), stretch.seconds);
    const DAY: u64 = 86_400;
    let count = match unit {
        IntervalUnit::Hour => months * 31 * 24 + seconds.div_ceil(3_600),
        IntervalUnit::Day => months * 31 + seconds.div_ceil(DAY),
        IntervalUnit::Month => months + seconds.div_ceil(28 * DAY),
        IntervalUnit::Year => months.div_ceil(12) + seconds.div_ceil(365 * DAY),
    };
    let farthest = if unit == IntervalUnit::Year { 1_000 } else { FARTHEST };
    u32::try_from(count).ok().filter(|_| count <= farthest)
}

/// The dirt around what is dirty itself.
pub(super) fn around(walk: &Walk<'_>, target: &Target, margin: Margin, terms: &[Partial]) -> Vec<Partial> {
    let Shape::Interval(unit) = target.shape else { return Vec::new() };
    if margin == Margin::default() {
        return Vec::new();
    }
    let name = as_column(&bare_moment(&target.expressions[0], unit, &walk.tree.columns))
        .map_or_else(|| unit.word().to_owned(), |id| walk.tree.columns[id].name.clone());
    let far = margin.back.max(margin.ahead);
    let plural = if far == 1 { "" } else { "s" };
    let step = Step {
        sql: walk.tree.columns.dialect.around("{changed}", unit, margin.ahead, margin.back),
        reason: format!("{name} within {far} {}{plural}", unit.word()),
    };
    let partitions = terms.iter().filter(|term| term.effect == Effect::Partitions);
    partitions.cloned().map(|term| term.then(&step)).collect()
}
