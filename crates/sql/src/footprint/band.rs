//! Rows held against the value of a subquery: rule 30.
//!
//! - **What**: `where created_at >= (select max(loaded_at) from batches)`: one value, computed from other tables, in a condition on the rows; or a
//!   row of such values that is joined to all of them, `cross join (select min(day) as first, max(day) as last from days) as bounds`.
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
use crate::tree::{Id, JoinKind, Node, column, column_name, columns_of, columns_of_all, substitute};

/// The dirty map of a filter over rows with values of subqueries, or beside a row of such values.
pub(super) fn dirty_filter(walk: &Walk<'_>, input: &Node, conjuncts: &[Expr], target: &Target) -> Vec<Partial> {
    let (mut node, mut terms) = (input, Vec::new());
    while let Some((found, rest)) =
        looked_up(walk, node, conjuncts, target).or_else(|| beside(walk, node, conjuncts, target))
    {
        terms.extend(found);
        node = rest;
    }
    terms.extend(walk.dirty(node, target));
    terms
}

/// Rows of a relation, held against values that are computed from other rows.
struct Held<'n> {
    rows: &'n Node,
    on: &'n Node,
    /// The values, as columns of `on`.
    values: Vec<Id>,
    /// The conditions, over those columns.
    conditions: Vec<Expr>,
}

/// A value of a subquery that the conditions use and nothing else does: the terms, and the rows that it stands beside.
fn looked_up<'n>(
    walk: &Walk<'_>,
    node: &'n Node,
    conjuncts: &[Expr],
    target: &Target,
) -> Option<(Vec<Partial>, &'n Node)> {
    let Node::Depend { input, on, tie, ids } = node else { return None };
    let [value] = ids.as_slice() else { return None };
    let computed: Vec<Id> = on.ids(&walk.tree.scans).into_iter().collect();
    let ([theirs], true) = (computed.as_slice(), tie.equalities.is_empty() && tie.others.is_empty()) else {
        return None;
    };
    let holding: Vec<&Expr> = conjuncts.iter().filter(|conjunct| columns_of(conjunct).contains(value)).collect();
    let elsewhere = walk.tree.reads(*value) != holding.len() || target.columns().contains(value);
    if holding.is_empty() || elsewhere || tie.nearest.is_some() || tie.unknown {
        return None;
    }
    let as_theirs = |id: Id| (id == *value).then(|| column(*theirs));
    let conditions = holding.into_iter().map(|condition| substitute(condition, &as_theirs)).collect();
    Some((band(walk, &Held { rows: input, on, values: vec![*theirs], conditions }, target)?, input))
}

/// A join with one row (`cross join (select max(day) as newest from days) as bounds`) that conditions use and nothing else does.
pub(super) fn beside<'n>(
    walk: &Walk<'_>,
    node: &'n Node,
    conjuncts: &[Expr],
    target: &Target,
) -> Option<(Vec<Partial>, &'n Node)> {
    let Node::Join { kind, left, right, others, .. } = node else { return None };
    let lies_in = |side: &Node| target.columns().is_subset(&side.ids(&walk.tree.scans));
    let (rows, on) = match kind {
        JoinKind::Inner | JoinKind::Left if is_one_row(right) && lies_in(left) => (left, right),
        JoinKind::Inner if is_one_row(left) && lies_in(right) => (right, left),
        _ => return None,
    };
    let values: Vec<Id> = on.ids(&walk.tree.scans).into_iter().filter(|id| walk.tree.reads(*id) > 0).collect();
    let uses = |condition: &&Expr| values.iter().any(|value| columns_of(condition).contains(value));
    let mut conditions: Vec<Expr> = Vec::new();
    for condition in conjuncts.iter().chain(others).filter(uses) {
        if !conditions.contains(condition) {
            conditions.push(condition.clone());
        }
    }
    if conditions.is_empty() || !values.iter().all(|value| walk.tree.reads_only_in(*value, &conditions)) {
        return None;
    }
    Some((band(walk, &Held { rows, on, values, conditions }, target)?, rows))
}

/// Whether a relation is one row at most, whatever its tables hold.
pub(super) fn is_one_row(node: &Node) -> bool {
    match node {
        Node::Group { keys, .. } => keys.is_empty(),
        Node::Filter { input, .. } | Node::Project { input, .. } | Node::Distinct { input } => is_one_row(input),
        _ => false,
    }
}

/// The slices with a row for which the conditions hold with the values as they were and not as they are, or the other way round.
fn band(walk: &Walk<'_>, held: &Held<'_>, target: &Target) -> Option<Vec<Partial>> {
    let Held { rows, on, values, conditions } = held;
    let of_values = |part: &Expr| values.iter().any(|value| columns_of(part).contains(value));
    let own: Vec<Expr> = conditions.iter().flat_map(simple).filter(of_values).collect();
    let named: BTreeSet<Id> = columns_of_all(&own).into_iter().filter(|id| !values.contains(id)).collect();
    if !named.is_subset(&rows.ids(&walk.tree.scans)) || own.iter().any(holds_against_many) {
        return None;
    }
    let target_of_values = Target::values(values, &walk.tree.columns)?;
    let sql = rows_sql(walk, rows, &(&target.columns() | &named))?;
    let written: Vec<String> = own.iter().map(|condition| format!("({condition})")).collect();
    let holds = written.join(" and ");
    let changed = changed_values(walk, values, CHANGED);
    let fails = format!("({holds}) is not true");
    let names: Vec<&str> = values.iter().map(|id| walk.tree.columns[*id].name.as_str()).collect();
    let step = Step {
        sql: format!(
            "select distinct {} from ({sql}) as hw_rows where (select count(*) from {CHANGED}) = 1 \
             or exists (select 1 from ({changed}) as hw_changed where {holds}) and exists (select 1 from ({changed}) as hw_changed where {fails})",
            target.output(&walk.tree.columns, &|_| None),
        ),
        reason: names.join(", "),
    };
    let mut terms = dirty_computed(walk, on, &target_of_values)?;
    for term in &mut terms {
        // What else stands beside the values is read by nobody.
        if let Some(computed) = &mut term.rows {
            computed.columns = values.iter().map(|id| column_name(*id)).collect();
        }
    }
    Some(terms.into_iter().map(|term| term.then(&step)).collect())
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
