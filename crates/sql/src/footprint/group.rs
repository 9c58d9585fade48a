//! Group by: rules 17, 18, 19, 20, 21 and 35; Theorem 5. (Distinct groups by every column: the target passes through.)
//!
//! - **Footprint**: when the target is made of grouping keys, the rows whose keys lie in the slice: whole groups, so that any aggregate
//!   is right, median and count distinct included (17, 18). When it is what an aggregate took from a row of the group, its first moment or its
//!   last (19: cohorts; 35: sessions), the full history of the groups with a row in the slice.
//! - **Dirty map**: the keys of every changed row, before and after. For rule 19 also every slice in which a row of a changed group lies: by
//!   Theorem 5 those cover where the group was and where it is now.
//! - **Grouping sets** (21) are bound as a union of one group per set. A set without the partition's column has rows in the partition NULL
//!   alone: any change makes that one dirty, and it is made from everything.
//! - **Fallback**: when the target is made of another aggregate (an average of moments), everything.
//! - **Source**: exact.md 2.3.

use sqlparser::ast::Expr;

use super::mutant::Mutant;
use super::{Partial, Reaches, Source, Target, Walk, read_whole, window};
use crate::bind::carried_by_group;
use crate::tree::{Id, Node};
use crate::{Finding, Piece};

/// How the target goes on below a group.
enum Below {
    /// It is made of keys.
    Keys(Target),
    /// It is what an aggregate took from a row of the group.
    Carried(Target, Vec<Expr>),
    /// It cannot be followed.
    Nothing,
}

fn below(keys: &[(Id, Expr)], aggregates: &[(Id, Expr)], target: &Target) -> Below {
    let columns = target.columns();
    let others: Vec<Id> = columns.into_iter().filter(|id| keys.iter().all(|(key, _)| key != id)).collect();
    match others.as_slice() {
        [] if !keys.is_empty() => Below::Keys(target.through_items(keys)),
        [id] if !keys.is_empty() => {
            let aggregate = aggregates.iter().find(|(other, _)| other == id).map(|(_, aggregate)| aggregate);
            let value = match aggregate {
                Some(Expr::Function(function)) => carried_by_group(function),
                _ => None,
            };
            match value {
                Some(value) => {
                    let row = target.substitute(&|column| (column == *id).then(|| value.clone())).through_items(keys);
                    Below::Carried(row, keys.iter().map(|(_, key)| key.clone()).collect())
                }
                None => Below::Nothing,
            }
        }
        _ => Below::Nothing,
    }
}

pub(super) fn dirty_group(
    walk: &Walk<'_>,
    input: &Node,
    keys: &[(Id, Expr)],
    aggregates: &[(Id, Expr)],
    target: &Target,
) -> Vec<Partial> {
    match below(keys, aggregates, target) {
        Below::Keys(target) => walk.dirty(input, &target),
        Below::Carried(target, _) if walk.mutant == Some(Mutant::CarriedNewRowsOnly) => walk.dirty(input, &target),
        Below::Carried(target, keys) => window::dirty_keys(walk, input, &keys, &target),
        Below::Nothing => walk.everything(input, &unfollowed(keys)),
    }
}

fn unfollowed(keys: &[(Id, Expr)]) -> Finding {
    let (rule, message) = if keys.is_empty() {
        ("scalar-aggregate", "an aggregate over all rows belongs to no partition; any change rebuilds the whole table")
    } else {
        ("aggregated-partition", "the partition is computed by an aggregate; any change rebuilds the whole table")
    };
    Finding {
        rule,
        message: message.to_owned(),
        help: "group by the column that partitions the table, or declare the grouping key as unique_key".to_owned(),
        place: None,
    }
}

#[expect(clippy::too_many_arguments, reason = "a group, a target, and where its restrictions go")]
pub(super) fn restrict_group(
    walk: &Walk<'_>,
    input: &Node,
    keys: &[(Id, Expr)],
    aggregates: &[(Id, Expr)],
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    match below(keys, aggregates, target) {
        Below::Keys(target) => walk.restrict(input, &target, source, reaches, drivers),
        Below::Carried(target, keys) => window::restrict_keys(walk, input, &keys, &target, source, reaches, drivers),
        Below::Nothing => read_whole(input, reaches),
    }
}
