//! Group by: rules 17 and 18. (Distinct without `on` groups by every column: the target passes through.)
//!
//! - **Footprint**: when the target is made of grouping keys, the rows whose keys lie in the slice: whole groups, so that any aggregate
//!   is right, median and count distinct included.
//! - **Dirty map**: the keys of every changed row, before and after.
//! - **Fallback**: when the target is made of an aggregate (the day of the first order), everything.

use sqlparser::ast::Expr;

use super::{Partial, Reaches, Source, Target, Walk, read_whole};
use crate::tree::{Id, Node};
use crate::{Finding, Piece};

fn carried(keys: &[(Id, Expr)], target: &Target) -> bool {
    target.columns().iter().all(|id| keys.iter().any(|(key, _)| key == id))
}

pub(super) fn dirty_group(walk: &Walk<'_>, input: &Node, keys: &[(Id, Expr)], target: &Target) -> Vec<Partial> {
    if carried(keys, target) && !(keys.is_empty()) {
        return walk.dirty(input, &target.through_items(keys));
    }
    let (rule, message) = if keys.is_empty() {
        ("scalar-aggregate", "an aggregate over all rows belongs to no partition; any change rebuilds the whole table")
    } else {
        ("aggregated-partition", "the partition is computed by an aggregate; any change rebuilds the whole table")
    };
    let finding = Finding {
        rule,
        message: message.to_owned(),
        help: "group by the column that partitions the table, or declare the grouping key as unique_key".to_owned(),
        place: None,
    };
    walk.everything(input, &finding)
}

pub(super) fn restrict_group(
    walk: &Walk<'_>,
    input: &Node,
    keys: &[(Id, Expr)],
    target: &Target,
    source: Source,
    reaches: &mut Reaches,
    drivers: &mut Vec<Vec<Piece>>,
) {
    if carried(keys, target) && !keys.is_empty() {
        walk.restrict(input, &target.through_items(keys), source, reaches, drivers);
    } else {
        read_whole(input, reaches);
    }
}
