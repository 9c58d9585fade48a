//! Rows made from one row: `unnest`, series: rule 2.
//!
//! - **What**: every row, as often as a list or a series made from itself has elements: a subscription for each of its days.
//! - **Footprint**: when the target is a column of the row, the row's own slice. When it is an element, everything.
//! - **Dirty map**: of an element, all slices that the series of a changed row runs through, before and after: the series is run on the values
//!   that changed.
//! - **Condition**: the values that the series is made of come back from their texts as they were (moments and numbers do, lists do not).
//! - **Fallback**: everything.

use super::mutant::Mutant;
use super::rows::CHANGED;
use super::tie::changed_values;
use super::{Partial, Target, Walk};
use crate::tree::{Id, Node, Series, column, column_name};
use crate::{Finding, Step};

pub(super) fn dirty_expand(
    walk: &Walk<'_>,
    input: &Node,
    ids: &[Id],
    series: Option<&Series>,
    target: &Target,
) -> Vec<Partial> {
    if target.columns().iter().all(|id| !ids.contains(id)) {
        return walk.dirty(input, target);
    }
    if let (Some(Mutant::SeriesByItsStart), Some(first)) = (walk.mutant, series.and_then(|series| series.given.first()))
    {
        return walk.dirty(input, &target.substitute(&|id| ids.contains(&id).then(|| column(*first))));
    }
    let found = series.and_then(|series| run(walk, ids, series, target));
    match found {
        Some((values, step)) => walk.dirty(input, &values).into_iter().map(|term| term.then(&step)).collect(),
        None => walk.everything(
            input,
            &Finding {
                rule: "unnest",
                message: "the partition comes from the elements of a list; any change rebuilds the whole table"
                    .to_owned(),
                help: "partition by a column of the row that holds the list, or unnest a series between two moments"
                    .to_owned(),
                place: None,
            },
        ),
    }
}

/// The series of changed rows.
fn run(walk: &Walk<'_>, ids: &[Id], series: &Series, target: &Target) -> Option<(Target, Step)> {
    let columns = &walk.tree.columns;
    let own = target.columns().into_iter().filter(|id| !ids.contains(id));
    let named: Vec<Id> =
        own.chain(series.given.iter().copied()).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let values = Target::values(&named, columns)?;
    let changed = changed_values(walk, &named, CHANGED);
    let mut rows = format!("select * from ({changed}) as hw_changed, {}", series.call);
    if series.outer {
        let nulls: Vec<String> = ids.iter().map(|id| format!("null as {}", column_name(*id))).collect();
        rows.push_str(&format!(" union all select *, {} from ({changed}) as hw_changed", nulls.join(", ")));
    }
    let sql = format!("select distinct {} from ({rows}) as hw_rows", target.output(columns, &|_| None));
    let names: Vec<&str> = named.iter().map(|id| columns[*id].name.as_str()).collect();
    Some((values, Step { sql, reason: names.join(", ") }))
}
