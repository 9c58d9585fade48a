//! Rows held against the value of a subquery: rule 30.
//!
//! - **What**: `where created_at >= (select max(loaded_at) from batches)`: one value, computed from other tables, in a condition on the rows.
//! - **Footprint**: of the subquery, everything.
//! - **Dirty map**: the rows' own; and when the value changes, the slices of the rows for which the condition holds with one of the two values and
//!   not with the other: the band between them.
//! - **Condition**: the value is used in that condition and nowhere else, is one value (not `> all`), and has a type whose
//!   values come back from their texts.
//! - **Fallback**: everything, once the value has changed.
//! - **Source**: exact.md 2.3.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, visit_expressions};

use super::computed::dirty_computed;
use super::rows::{CHANGED, rows_sql};
use super::tie::changed_values;
use super::{Partial, Target, Walk};
use crate::Step;
use crate::tree::{Id, Node, Tie, columns_of, columns_of_all, substitute};

/// The dirty map of a filter over rows with values of subqueries.
pub(super) fn dirty_filter(walk: &Walk<'_>, input: &Node, conjuncts: &[Expr], target: &Target) -> Vec<Partial> {
    let (mut node, mut terms) = (input, Vec::new());
    while let Node::Depend { input, on, tie, ids } = node {
        let Some(found) = band(walk, (input, on), tie, ids, conjuncts, target) else { break };
        terms.extend(found);
        node = input;
    }
    terms.extend(walk.dirty(node, target));
    terms
}

fn band(
    walk: &Walk<'_>,
    (input, on): (&Node, &Node),
    tie: &Tie,
    ids: &[Id],
    conjuncts: &[Expr],
    target: &Target,
) -> Option<Vec<Partial>> {
    let [value] = ids else { return None };
    let computed: Vec<Id> = on.ids(&walk.tree.scans).into_iter().collect();
    let ([theirs], true) = (computed.as_slice(), tie.equalities.is_empty() && tie.others.is_empty()) else {
        return None;
    };
    let holding: Vec<&Expr> = conjuncts.iter().filter(|conjunct| columns_of(conjunct).contains(value)).collect();
    let elsewhere = walk.tree.reads(*value) != holding.len() || target.columns().contains(value);
    if holding.is_empty() || elsewhere || tie.nearest.is_some() || tie.unknown {
        return None;
    }
    let own: Vec<Expr> = holding.into_iter().flat_map(simple).filter(|part| columns_of(part).contains(value)).collect();
    let rows: BTreeSet<Id> = input.ids(&walk.tree.scans);
    let read = columns_of_all(&own);
    let named: BTreeSet<Id> = read.into_iter().filter(|id| id != value).collect();
    if !named.is_subset(&rows) || own.iter().any(holds_against_many) {
        return None;
    }
    let values = Target::values(&[*theirs], &walk.tree.columns)?;
    let sql = rows_sql(walk, input, &(&target.columns() | &named))?;
    let as_theirs = |id: Id| (id == *value).then(|| crate::tree::column(*theirs));
    let written: Vec<String> = own.iter().map(|condition| format!("({})", substitute(condition, &as_theirs))).collect();
    let holds = written.join(" and ");
    let changed = changed_values(walk, &[*theirs], CHANGED);
    let fails = format!("({holds}) is not true");
    let step = Step {
        sql: format!(
            "select distinct {} from ({sql}) as hw_rows where (select count(*) from {CHANGED}) = 1 \
             or exists (select 1 from ({changed}) as hw_changed where {holds}) and exists (select 1 from ({changed}) as hw_changed where {fails})",
            target.output(&walk.tree.columns, &|_| None),
        ),
        reason: walk.tree.columns[*theirs].name.clone(),
    };
    Some(dirty_computed(walk, on, &values)?.into_iter().map(|term| term.then(&step)).collect())
}

/// Whether a condition holds a row against all values of a subquery, or any of them: there is no one value then.
fn holds_against_many(condition: &Expr) -> bool {
    let found = visit_expressions(condition, |part| match part {
        Expr::AllOp { .. } | Expr::AnyOp { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// The parts of a condition: `between` is two.
fn simple(condition: &Expr) -> Vec<Expr> {
    match condition {
        Expr::Nested(inner) => simple(inner),
        Expr::Between { expr, negated: false, low, high } => {
            let part = |op, bound: &Expr| Expr::BinaryOp { left: expr.clone(), op, right: Box::new(bound.clone()) };
            vec![part(BinaryOperator::GtEq, low), part(BinaryOperator::LtEq, high)]
        }
        other => vec![other.clone()],
    }
}
