//! Joins whose partition is made of both sides: Theorem 3b.
//!
//! - **What**: a key of two tables' columns, `greatest(a.day, b.day)`, a window's key over a join.
//! - **Dirty map**: the changed rows of either side, as they were and as they are, with the rows of the other side they meet in its new state;
//!   and the changed rows of one side with the changed rows of the other: a pair of which both are gone is found nowhere else. Where a side may be
//!   missing, the same with NULL in its place.
//! - **Footprint**: both sides whole.
//! - **Condition**: the columns of the target and of the conditions between the two come back from their texts as they were.
//! - **Fallback**: everything.

use sqlparser::ast::Expr;

use super::mutant::Mutant;
use super::rows::{CHANGED, null_like, rows_sql};
use super::tie::changed_values;
use super::{Partial, Target, Walk};
use crate::tree::{Id, JoinKind, Node, column_name, columns_of, columns_of_all};
use crate::{Effect, Step};

pub(super) fn dirty_both(walk: &Walk<'_>, node: &Node, target: &Target) -> Option<Vec<Partial>> {
    let Node::Join { kind, left, right, others, .. } = node else { return None };
    let (lefts, rights) = (left.ids(&walk.tree.scans), right.ids(&walk.tree.scans));
    let both = &lefts | &rights;
    let wanted = target.columns();
    if !wanted.is_subset(&both) {
        return None;
    }
    let meets = |condition: &&Expr| {
        let columns = columns_of(condition);
        columns.is_subset(&both) && !columns.is_disjoint(&lefts) && !columns.is_disjoint(&rights)
    };
    let conditions: Vec<&Expr> = others.iter().filter(meets).collect();
    let named = &wanted | &columns_of_all(conditions.iter().copied());
    let (own, theirs) = (&named & &lefts, &named & &rights);
    let (left_ids, right_ids): (Vec<Id>, Vec<Id>) = (own.iter().copied().collect(), theirs.iter().copied().collect());
    let left_values = Target::values(&left_ids, &walk.tree.columns)?;
    let right_values = Target::values(&right_ids, &walk.tree.columns)?;
    let (left_rows, right_rows) = (rows_sql(walk, left, &own)?, rows_sql(walk, right, &theirs)?);
    let set = walk.new_set();
    let on = if conditions.is_empty() {
        "true".to_owned()
    } else {
        conditions.iter().map(|condition| format!("({condition})")).collect::<Vec<_>>().join(" and ")
    };
    let meeting = if walk.mutant == Some(Mutant::BothChangedForgotten) {
        right_rows
    } else {
        format!("{right_rows} union all {}", changed_values(walk, &right_ids, &format!("{{kept_{set}}}")))
    };
    let sides = Sides { walk, target, kind: *kind, left: &left_ids, right: &right_ids, on };
    let from_left = sides.step(&changed_values(walk, &left_ids, CHANGED), &meeting, true);
    let from_right = sides.step(&left_rows, &changed_values(walk, &right_ids, CHANGED), false);
    let of_right = walk.dirty(right, &right_values);
    let mut terms: Vec<Partial> = of_right
        .iter()
        .cloned()
        .map(|mut term| {
            if term.effect == Effect::Partitions {
                term.effect = Effect::Kept(set);
            }
            term
        })
        .collect();
    terms.extend(walk.dirty(left, &left_values).into_iter().map(|term| term.then(&from_left)));
    let partitions = of_right.into_iter().filter(|term| term.effect == Effect::Partitions);
    terms.extend(partitions.map(|term| term.then(&from_right)));
    Some(terms)
}

struct Sides<'s, 't> {
    walk: &'s Walk<'t>,
    target: &'s Target,
    kind: JoinKind,
    left: &'s [Id],
    right: &'s [Id],
    on: String,
}

impl Sides<'_, '_> {
    /// The slices of the pairs that two sets of rows make, one of which has changed.
    fn step(&self, left: &str, right: &str, left_changed: bool) -> Step {
        let columns = &self.walk.tree.columns;
        let named = |ids: &[Id]| ids.iter().map(|id| column_name(*id)).collect::<Vec<_>>();
        let nulls = |ids: &[Id]| {
            let null = |id: &Id| {
                let null = null_like(self.walk, columns[*id].data_type.as_deref());
                format!("{null} as {}", column_name(*id))
            };
            ids.iter().map(null).collect::<Vec<_>>()
        };
        let list = |left: Vec<String>, right: Vec<String>| [left, right].concat().join(", ");
        let both = list(named(self.left), named(self.right));
        let left_alone = list(named(self.left), nulls(self.right));
        let right_alone = list(nulls(self.left), named(self.right));
        let mut found = vec![format!("select {both} from hw_pairs")];
        if self.kind != JoinKind::Inner {
            let from = if left_changed { "hw_left" } else { "hw_pairs" };
            found.push(format!("select {left_alone} from {from}"));
        }
        if self.kind == JoinKind::Full {
            let from = if left_changed { "hw_pairs" } else { "hw_right" };
            found.push(format!("select {right_alone} from {from}"));
        }
        let sql = format!(
            "with hw_left as ({left}), hw_right as ({right}), \
             hw_pairs as (select {both} from hw_left join hw_right on {}) \
             select distinct {} from ({}) as hw_met",
            self.on,
            self.target.output(columns, &|_| None),
            found.join(" union all ")
        );
        let names: Vec<&str> = self.left.iter().chain(self.right).map(|id| columns[*id].name.as_str()).collect();
        Step { sql, reason: names.join(", ") }
    }
}
