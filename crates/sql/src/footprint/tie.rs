//! Which rows of another relation matter to a row: rules 9 to 12, and what rules 3, 4, 7, 8, 13, 29 and 30 have in common; Theorem 3.
//!
//! A join, an `exists`, an `in`, a lookup tie rows of the anchor to rows of another relation. When those change, the slices are found in which
//! an anchor row is tied to one of them, in the anchor's new state.
//!
//! - **By the slice itself**: an equality carries the target over (both sides have the day). The other side's slices are the anchor's.
//! - **By key**: equalities, compared by hash. Keys are dirty by fingerprint, so a deleted row's key is among them.
//! - **By condition** (rule 11): `between`, `<`, `or`, anything. The values that the condition names are kept beside their fingerprints, so that
//!   it can be held against what a row was and what it is. Of the columns named, every type must come back from its text as it was.
//! - **By nearness** (rule 12, `asof`): as by condition; and no row of the other side's new state lies nearer. A row that was nearer and is gone
//!   has changed itself. Where the other side's rows cannot be written exactly, all rows beyond are taken.
//! - **Unknown** (rule 9, `not in`, `in` as a value): an anchor row is tied to equal values and to NULLs, and one whose own value is NULL to
//!   everything. So a NULL that comes or goes dirties every slice, and any change dirties the rows without a value.
//!
//! Other conditions may come on top; leaving them out only widens. So what names a value that was computed across rows, the end of a period that
//! is the next one's beginning, is left out where changes of such values cannot be followed. **Fallback**: the other side's result is watched as a whole, where it can be
//! computed alone (rule 30: a scalar subquery changes nothing as long as its value stays); else its tables. Any change of it dirties everything.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr, Ident};

use super::band::is_one_row;
use super::computed::{dirty_computed, whole_computed};
use super::mutant::Mutant;
use super::rows::{CHANGED, exact_rows, rows_sql, step};
use super::window::stacked;
use super::{Partial, Target, Walk};
use crate::tree::{Id, Nearest, Node, Tie, column_name, columns_of, columns_of_all, substitute};
use crate::{Effect, Finding, Step};

/// How changes of `other` become dirty slices of `anchor`.
pub(super) fn dirty_tied(walk: &Walk<'_>, anchor: &Node, other: &Node, tie: &Tie, target: &Target) -> Vec<Partial> {
    if !tie.unknown
        && let Some(carried) = target.through_equalities(&tie.equalities, &walk.tree.columns)
    {
        return changes_of(walk, other, &carried);
    }
    let terms = tied_by(walk, anchor, other, tie, target);
    if !is_lost(&terms) {
        return terms;
    }
    let coarser = coarser(anchor, other, tie).map(|tie| tied_by(walk, anchor, other, &tie, target));
    coarser.filter(|terms| !is_lost(terms)).unwrap_or(terms)
}

fn tied_by(walk: &Walk<'_>, anchor: &Node, other: &Node, tie: &Tie, target: &Target) -> Vec<Partial> {
    let found = by_condition(walk, anchor, other, tie, target).or_else(|| by_key(walk, anchor, tie, target));
    match found {
        Some((key, step)) => changes_of(walk, other, &key).into_iter().map(|term| term.then(&step)).collect(),
        None => whole_computed(walk, other, &untied()).unwrap_or_else(|| walk.everything(other, &untied())),
    }
}

fn is_lost(terms: &[Partial]) -> bool {
    terms.iter().any(|term| matches!(term.effect, Effect::All(_)))
}

/// The tie without what names values that were computed across rows (the end of a period is the next one's beginning): it ties more rows, not
/// fewer. None when that leaves nothing of it, or all.
fn coarser(anchor: &Node, other: &Node, tie: &Tie) -> Option<Tie> {
    if tie.unknown || stacked(other) > MOST_STACKED_TIED {
        return None;
    }
    let mut across = across_rows(other);
    across.extend(across_rows(anchor));
    let plain = |expression: &Expr| columns_of(expression).is_disjoint(&across);
    let equalities: Vec<(Expr, Expr)> =
        tie.equalities.iter().filter(|(own, theirs)| plain(own) && plain(theirs)).cloned().collect();
    let others: Vec<Expr> = tie.others.iter().filter(|condition| plain(condition)).cloned().collect();
    let (left, before) = (equalities.len() + others.len(), tie.equalities.len() + tie.others.len());
    (left > 0 && left < before).then(|| Tie { equalities, others, ..Tie::default() })
}

/// With more windows and groups than this on top of each other, one look at a tie is enough.
const MOST_STACKED_TIED: usize = 3;

/// The columns of a relation whose values come from other rows than their own.
fn across_rows(node: &Node) -> BTreeSet<Id> {
    let mut across: BTreeSet<Id> = node.inputs().into_iter().flat_map(across_rows).collect();
    let reads = |across: &BTreeSet<Id>, items: &[(Id, Expr)]| -> Vec<Id> {
        items.iter().filter(|(_, item)| !columns_of(item).is_disjoint(across)).map(|(id, _)| *id).collect()
    };
    match node {
        Node::Window { functions, .. } => across.extend(functions.iter().map(|function| function.id)),
        Node::Depend { ids, .. } | Node::Expand { ids, .. } => across.extend(ids),
        Node::Project { items, .. } => across.extend(reads(&across, items)),
        Node::Group { keys, aggregates, .. } => {
            across.extend(reads(&across, keys));
            across.extend(aggregates.iter().map(|(id, _)| *id));
        }
        Node::Set { branches, ids, .. } => {
            let at = |at: &usize| branches.iter().any(|(_, columns)| across.contains(&columns[*at]));
            let found: Vec<Id> = (0..ids.len()).filter(at).map(|at| ids[at]).collect();
            across.extend(found);
        }
        _ => {}
    }
    across
}

/// How a relation's changes become dirty slices of it. One row of aggregates is looked at for itself: where it came from matters to none of them.
fn changes_of(walk: &Walk<'_>, other: &Node, target: &Target) -> Vec<Partial> {
    let computed = if is_one_row(other) { dirty_computed(walk, other, target) } else { None };
    computed.unwrap_or_else(|| walk.dirty(other, target))
}

fn by_key(walk: &Walk<'_>, anchor: &Node, tie: &Tie, target: &Target) -> Option<(Target, Step)> {
    if tie.equalities.is_empty() {
        return None;
    }
    let (own, theirs): (Vec<Expr>, Vec<Expr>) = tie.equalities.iter().cloned().unzip();
    let unknown = tie.unknown && walk.mutant != Some(Mutant::NotInAsAnti);
    Some((Target::key(theirs), step(walk, anchor, target, &own, unknown)?))
}

/// The conditions that name columns of both relations and of nothing else.
fn between(walk: &Walk<'_>, anchor: &Node, other: &Node, tie: &Tie) -> Vec<Expr> {
    let (own, theirs) = (anchor.ids(&walk.tree.scans), other.ids(&walk.tree.scans));
    let meets = |condition: &&Expr| {
        let columns = columns_of(condition);
        !columns.is_disjoint(&own)
            && !columns.is_disjoint(&theirs)
            && columns.iter().all(|id| own.contains(id) || theirs.contains(id))
    };
    tie.others.iter().filter(meets).cloned().collect()
}

fn by_condition(walk: &Walk<'_>, anchor: &Node, other: &Node, tie: &Tie, target: &Target) -> Option<(Target, Step)> {
    let mut conditions = between(walk, anchor, other, tie);
    let equalities = conditions.iter().filter(|condition| is_equality(condition)).count();
    let keys_do = equalities == conditions.len() && tie.equalities.len() >= equalities && !tie.equalities.is_empty();
    if conditions.is_empty() || keys_do || tie.unknown {
        return None;
    }
    let named = columns_of_all(&conditions);
    let theirs: Vec<Id> = (&named & &other.ids(&walk.tree.scans)).into_iter().collect();
    let values = Target::values(&theirs, &walk.tree.columns)?;
    let own = &named & &anchor.ids(&walk.tree.scans);
    let rows = rows_sql(walk, anchor, &(&target.columns() | &own))?;
    if walk.mutant == Some(Mutant::BandByEnd) {
        conditions = conditions.iter().map(met_exactly).collect();
    }
    let mut written: Vec<String> = conditions.iter().map(|condition| format!("({condition})")).collect();
    written.extend(tie.nearest.as_ref().and_then(|nearest| none_nearer(walk, other, tie, nearest)));
    let sql = format!(
        "select distinct {} from ({rows}) as hw_rows join ({}) as hw_changed on {}",
        target.output(&walk.tree.columns, &|_| None),
        changed_values(walk, &theirs, CHANGED),
        written.join(" and ")
    );
    let names: Vec<&str> = theirs.iter().map(|id| walk.tree.columns[*id].name.as_str()).collect();
    Some((values, Step { sql, reason: names.join(", ") }))
}

/// What was kept of changed rows, as columns again.
pub(super) fn changed_values(walk: &Walk<'_>, ids: &[Id], set: &str) -> String {
    let value = |(at, id): (usize, &Id)| {
        let columns = &walk.tree.columns;
        let data_type = columns[*id].data_type.as_deref().unwrap_or("VARCHAR");
        format!("{} as {}", columns.dialect.reading().carried(at, data_type), column_name(*id))
    };
    let values: Vec<String> = ids.iter().enumerate().map(value).collect();
    if values.is_empty() {
        return format!("select 1 as hw_nothing from {set}");
    }
    format!("select distinct {} from {set}", values.join(", "))
}

/// No row of the other relation's new state, tied in the same way, lies nearer than the changed one.
fn none_nearer(walk: &Walk<'_>, other: &Node, tie: &Tie, nearest: &Nearest) -> Option<String> {
    let theirs = other.ids(&walk.tree.scans);
    let keys: Vec<&Expr> = tie.equalities.iter().map(|(_, theirs)| theirs).collect();
    let equalities = tie.others.iter().filter(|condition| is_equality(condition)).count();
    if tie.equalities.len() < equalities || tie.others.len() != equalities + 1 {
        return None;
    }
    let wanted = columns_of_all(keys.iter().copied().chain([&nearest.theirs]));
    let rows = exact_rows(walk, other, &(&wanted & &theirs))?;
    let from = |table: &'static str| {
        let theirs = theirs.clone();
        move |id: Id| {
            let names = vec![Ident::new(table), Ident::new(column_name(id))];
            theirs.contains(&id).then_some(Expr::CompoundIdentifier(names))
        }
    };
    let (near, far) = (from("hw_nearer"), from("hw_changed"));
    let mut conditions: Vec<String> = keys
        .iter()
        .map(|key| format!("{} is not distinct from {}", substitute(key, &near), substitute(key, &far)))
        .collect();
    conditions.push(format!(
        "{} {} {}",
        substitute(&nearest.theirs, &near),
        nearest.nearer,
        substitute(&nearest.theirs, &far)
    ));
    conditions.push(format!("({})", substitute(&nearest.condition, &near)));
    Some(format!("not exists (select 1 from ({rows}) as hw_nearer where {})", conditions.join(" and ")))
}

pub(super) fn is_equality(condition: &Expr) -> bool {
    match condition {
        Expr::BinaryOp { op: BinaryOperator::Eq, .. } | Expr::IsNotDistinctFrom(..) => true,
        Expr::Nested(inner) => is_equality(inner),
        _ => false,
    }
}

/// A condition got wrong on purpose: an inequality holds only where its two sides meet.
fn met_exactly(condition: &Expr) -> Expr {
    use BinaryOperator as Op;
    match condition {
        Expr::BinaryOp { left, op: Op::Gt | Op::GtEq | Op::Lt | Op::LtEq, right } => {
            Expr::BinaryOp { left: left.clone(), op: Op::Eq, right: right.clone() }
        }
        Expr::Between { expr, low, .. } => Expr::BinaryOp { left: expr.clone(), op: Op::Eq, right: low.clone() },
        other => other.clone(),
    }
}

fn untied() -> Finding {
    Finding {
        rule: "join-without-key",
        message: "nothing that could be followed ties this table to the partition, so any of its rows may matter to any row; \
                  any change of it rebuilds the whole table"
            .to_owned(),
        help: "join on a key, or on columns of plain types".to_owned(),
        place: None,
    }
}
