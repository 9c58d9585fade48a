//! Windows that look to one side along time: rules 25 to 27.
//!
//! - **What**: a running total, `lag`, `row_number`, `rank`, a frame that ends at the row or begins there, in the order of the moment that cuts
//!   the table; over the rows of a key, or over all rows.
//! - **Footprint**: the history of the keys that occur in the slice; without a key, everything.
//! - **Dirty map**: dirt grows one way. A value that looks back reads rows of its own slice and of earlier ones, so nothing before the first slice
//!   with a changed row can differ. With a key: the later slices in which a dirty key occurs. The slice of rows without a moment may come
//!   before all others or after them: it is dirty with any other, and when it is dirty, all are.
//! - **Condition**: the order begins with the moment, and the partition is that of the row itself.
//! - **Fallback**: the key's whole history (`window.rs`); without a key, everything.
//! - **Source**: exact.md 2.3, Theorem 4: what a frame of rows reads is found among its successors, of which this takes all.

use super::mutant::Mutant;
use super::rows::{CHANGED, rows_sql};
use super::target::bare_moment;
use super::{Partial, Shape, Target, Walk};
use crate::dialect::type_of;
use crate::tree::{Node, WindowFunction, as_column};
use crate::{Effect, Step};

/// Which way dirt grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Onward {
    Later,
    Earlier,
}

impl Onward {
    /// The bound of some changed slices, how slices compare with it, and the way in a word.
    fn words(self, walk: &Walk<'_>) -> (&'static str, &'static str, &'static str) {
        let turned = walk.mutant == Some(Mutant::RunningTurned);
        match self {
            Self::Later if !turned => ("min", ">=", "later"),
            Self::Earlier if turned => ("min", ">=", "later"),
            _ => ("max", "<=", "earlier"),
        }
    }
}

/// Which way dirt grows through a window function; none when it looks to both sides, or not along the target.
pub(super) fn onward(walk: &Walk<'_>, function: &WindowFunction, target: &Target) -> Option<Onward> {
    let side = function.side.as_ref()?;
    let Shape::Interval(unit) = target.shape else { return None };
    let columns = &walk.tree.columns;
    let moment = bare_moment(&side.by, unit, columns);
    let known = matches!(type_of(&moment, columns).as_deref(), Some("TIMESTAMP" | "DATE"));
    let same = moment.to_string() == bare_moment(&target.expressions[0], unit, columns).to_string();
    (known && same).then_some(if side.back { Onward::Later } else { Onward::Earlier })
}

/// From changed slices to all that lie beyond the first of them.
pub(super) fn beyond(walk: &Walk<'_>, input: &Node, target: &Target, onward: Onward) -> Option<Step> {
    let rows = rows_sql(walk, input, &target.columns())?;
    let (bound, compared, word) = onward.words(walk);
    let sql = format!(
        "select distinct hw_slices.p from (select {} from ({rows}) as hw_rows) as hw_slices, \
         (select {bound}(p) as bound, count(*) as n, count(p) as told from {CHANGED}) as hw_bound \
         where hw_bound.n > 0 and (hw_slices.p {compared} hw_bound.bound or hw_slices.p is null or hw_bound.told < hw_bound.n)",
        target.output(&walk.tree.columns, &|_| None),
    );
    Some(Step { sql, reason: format!("{} and {word}", name(walk, target)) })
}

/// Keeps the changed slices among some terms for others to read: the number of the set, and the terms that fill it.
pub(super) fn kept(walk: &Walk<'_>, terms: &[Partial]) -> (usize, Vec<Partial>) {
    let set = walk.new_set();
    let key_type = walk.tree.columns.dialect.key_type();
    let sql = format!("select distinct cast(0 as {key_type}) as p, array[cast(p as varchar)] as v from {CHANGED}");
    let step = Step { sql, reason: String::new() };
    let own = terms.iter().filter(|term| term.effect == Effect::Partitions);
    let fill = |term: &Partial| Partial { effect: Effect::Kept(set), ..term.clone().then(&step) };
    (set, own.map(fill).collect())
}

/// Of the slices that a step finds, those beyond the first of the kept ones.
pub(super) fn beyond_kept(walk: &Walk<'_>, step: Step, set: usize, onward: Onward) -> Step {
    let (bound, compared, word) = onward.words(walk);
    let sql = format!(
        "select hw_found.p from ({}) as hw_found, (select {bound}(cast(v[1] as timestamp)) as bound, count(*) as n, count(v[1]) as told \
         from {{kept_{set}}}) as hw_bound where hw_bound.n = 0 or hw_bound.told < hw_bound.n or hw_found.p is null \
         or cast(hw_found.p as timestamp) {compared} hw_bound.bound",
        step.sql
    );
    Step { sql, reason: format!("{} and {word}", step.reason) }
}

fn name(walk: &Walk<'_>, target: &Target) -> String {
    let Shape::Interval(unit) = target.shape else { return String::new() };
    let columns = &walk.tree.columns;
    as_column(&bare_moment(&target.expressions[0], unit, columns))
        .map_or_else(|| unit.word().to_owned(), |id| columns[id].name.clone())
}
