//! `asof` joins from moments that may be NULL: rule 12's condition, and section 2.5.
//!
//! What such a join finds for a row whose own moment is NULL depends, in DuckDB, on the plan and not on the data: nothing where it compares row by
//! row (below 64 rows), the last row of the key where it sorts both sides. A slice of the rows may have another plan than the whole. So every row
//! that is kept must have a moment. One has when
//!
//! - the rows before the join say so: a filter that NULL does not pass, a partner found by equality, a declared `not_null`;
//! - or a filter above it drops the row, whatever the join has found for it.
//!
//! Otherwise the model is refused. NULL on the other side is of no matter: no row of it is found.

use std::collections::BTreeSet;

use sqlparser::ast::{
    BinaryOperator, CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use crate::Finding;
use crate::tree::{Id, JoinKind, Nearest, Node, SetKind, Tree, as_column, columns_of};

/// What has to be said of the query's `asof` joins.
pub(crate) fn open(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    look(tree, &tree.root, &BTreeSet::new(), &mut findings);
    findings
}

/// `kept` are columns that are NULL in no row that is kept above, whatever else the row holds.
fn look(tree: &Tree, node: &Node, kept: &BTreeSet<Id>, findings: &mut Vec<Finding>) {
    let nothing = BTreeSet::new();
    match node {
        Node::Scan(_) | Node::Constant { .. } => {}
        Node::Filter { input, conjuncts } => look(tree, input, &(kept | &met(conjuncts)), findings),
        Node::Project { input, items } => look(tree, input, &below(items, kept), findings),
        Node::Join { kind: JoinKind::Full, left, right, .. } => {
            look(tree, left, &nothing, findings);
            look(tree, right, &nothing, findings);
        }
        Node::Join { kind, left, right, equalities, others, .. } => {
            let both = kept | &(&paired(equalities) | &met(others));
            look(tree, left, if *kind == JoinKind::Inner { &both } else { kept }, findings);
            look(tree, right, &both, findings);
        }
        Node::Depend { input, on, tie, .. } => {
            if let Some(nearest) = &tie.nearest
                && !is_present(&nearest.own, &(kept | &present(tree, input)))
            {
                let finding = finding(tree, nearest);
                findings.extend((!findings.contains(&finding)).then_some(finding));
            }
            look(tree, input, kept, findings);
            look(tree, on, &nothing, findings);
        }
        Node::Expand { input, .. } | Node::Distinct { input } => look(tree, input, kept, findings),
        Node::Group { input, keys, .. } => look(tree, input, &below(keys, kept), findings),
        // A function over rows reads those, too, that a filter above drops.
        Node::Window { input, .. } => look(tree, input, &nothing, findings),
        Node::Set { branches, ids, .. } => {
            for (branch, columns) in branches {
                let kept = ids.iter().zip(columns).filter(|(id, _)| kept.contains(id)).map(|(_, column)| *column);
                look(tree, branch, &kept.collect(), findings);
            }
        }
        Node::Recursive { seed, step, .. } => {
            look(tree, seed, &nothing, findings);
            look(tree, step, &nothing, findings);
        }
        Node::Opaque { inputs, .. } => inputs.iter().for_each(|input| look(tree, input, &nothing, findings)),
    }
}

/// The columns that are NULL in no row of the relation.
fn present(tree: &Tree, node: &Node) -> BTreeSet<Id> {
    let declared =
        |ids: &mut dyn Iterator<Item = Id>| -> BTreeSet<Id> { ids.filter(|id| tree.present.contains(id)).collect() };
    match node {
        Node::Scan(scan) => declared(&mut tree.scans[*scan].ids.iter().copied()),
        Node::Constant { .. } | Node::Recursive { .. } | Node::Opaque { .. } => BTreeSet::new(),
        Node::Filter { input, conjuncts } => &present(tree, input) | &met(conjuncts),
        Node::Project { input, items } => {
            let known = present(tree, input);
            let made = items.iter().filter(|(_, item)| is_present(item, &known)).map(|(id, _)| *id);
            made.chain(declared(&mut items.iter().map(|(id, _)| *id))).collect()
        }
        Node::Join { kind: JoinKind::Full, .. } => BTreeSet::new(),
        Node::Join { kind: JoinKind::Left, left, .. } => present(tree, left),
        Node::Join { left, right, equalities, others, .. } => {
            &(&present(tree, left) | &present(tree, right)) | &(&paired(equalities) | &met(others))
        }
        Node::Depend { input, .. }
        | Node::Expand { input, .. }
        | Node::Distinct { input }
        | Node::Window { input, .. } => present(tree, input),
        Node::Group { input, keys, aggregates } => {
            let known = present(tree, input);
            let made = keys.iter().filter(|(_, key)| is_present(key, &known));
            // A group has a row. Without keys there is one even of no rows.
            let taken = aggregates.iter().filter(|(_, item)| !keys.is_empty() && is_taken(item, &known));
            made.chain(taken).map(|(id, _)| *id).collect()
        }
        Node::Set { branches, ids, kind } => {
            let counted = if matches!(kind, SetKind::Except | SetKind::Intersect) { 1 } else { branches.len() };
            let known: Vec<_> = branches[..counted].iter().map(|(node, at)| (present(tree, node), at)).collect();
            let everywhere = |at: usize| known.iter().all(|(known, columns)| known.contains(&columns[at]));
            ids.iter().enumerate().filter(|(at, _)| everywhere(*at)).map(|(_, id)| *id).collect()
        }
    }
}

/// The columns without which none of the items named in `kept` has a value.
fn below(items: &[(Id, Expr)], kept: &BTreeSet<Id>) -> BTreeSet<Id> {
    items.iter().filter(|(id, _)| kept.contains(id)).flat_map(|(_, item)| needed(item)).collect()
}

/// The columns that have a value wherever all of the conditions hold.
fn met(conditions: &[Expr]) -> BTreeSet<Id> {
    conditions.iter().flat_map(met_by).collect()
}

fn met_by(condition: &Expr) -> BTreeSet<Id> {
    use BinaryOperator as Op;
    match condition {
        Expr::Nested(inner) => met_by(inner),
        Expr::IsNotNull(inner) => needed(inner),
        Expr::BinaryOp { left, op: Op::And, right } => &met_by(left) | &met_by(right),
        Expr::BinaryOp { left, op: Op::Eq | Op::NotEq | Op::Gt | Op::GtEq | Op::Lt | Op::LtEq, right } => {
            &needed(left) | &needed(right)
        }
        Expr::Between { expr, negated: false, low, high } => &needed(expr) | &(&needed(low) | &needed(high)),
        Expr::InList { expr, negated: false, .. } => needed(expr),
        _ => BTreeSet::new(),
    }
}

fn paired(equalities: &[(Expr, Expr)]) -> BTreeSet<Id> {
    equalities.iter().flat_map(|(one, other)| &needed(one) | &needed(other)).collect()
}

/// The columns without which an expression has no value.
fn needed(expression: &Expr) -> BTreeSet<Id> {
    match expression {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => needed(inner),
        Expr::BinaryOp { left, op: BinaryOperator::Plus | BinaryOperator::Minus, right } => {
            &needed(left) | &needed(right)
        }
        Expr::Function(function) if is_trunc(function) => arguments(function).into_iter().flat_map(needed).collect(),
        other => as_column(other).into_iter().collect(),
    }
}

/// Whether an expression has a value wherever these columns have.
fn is_present(expression: &Expr, known: &BTreeSet<Id>) -> bool {
    use BinaryOperator as Op;
    let all = |parts: &[&Expr]| parts.iter().all(|part| is_present(part, known));
    match expression {
        Expr::Nested(inner) => is_present(inner, known),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, .. } => is_present(expr, known),
        Expr::Value(value) => !matches!(value.value, Value::Null | Value::Placeholder(_)),
        Expr::TypedString(_) => true,
        Expr::Interval(interval) => is_present(&interval.value, known),
        Expr::BinaryOp { left, op: Op::Plus | Op::Minus, right } => all(&[left, right]),
        Expr::Case { conditions, else_result: Some(otherwise), .. } => {
            is_present(otherwise, known) && conditions.iter().all(|case| is_present(&case.result, known))
        }
        Expr::Function(function) if is_trunc(function) => all_present(function, known),
        Expr::Function(function) if is_named(function, &["coalesce", "ifnull"]) => {
            arguments(function).into_iter().any(|argument| is_present(argument, known))
        }
        other => as_column(other).is_some_and(|id| known.contains(&id)),
    }
}

/// Whether an aggregate over a row or more has a value: it takes one of values that are all there, or counts.
fn is_taken(aggregate: &Expr, known: &BTreeSet<Id>) -> bool {
    match aggregate {
        Expr::Nested(inner) => is_taken(inner, known),
        Expr::Function(function) if function.filter.is_none() => {
            is_named(function, &["count"]) || is_named(function, &["min", "max"]) && all_present(function, known)
        }
        _ => false,
    }
}

fn is_trunc(function: &Function) -> bool {
    is_named(function, &["date_trunc", "datetrunc"])
}

fn is_named(function: &Function, names: &[&str]) -> bool {
    matches!(function.name.0.as_slice(), [name] if names.iter().any(|known| name.to_string().eq_ignore_ascii_case(known)))
}

/// The arguments of a call, where they are plain expressions; else none.
fn arguments(function: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let plain = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expression)) => Some(expression),
        _ => None,
    };
    list.args.iter().map(plain).collect::<Option<_>>().unwrap_or_default()
}

/// Whether a call has arguments and all have a value.
fn all_present(function: &Function, known: &BTreeSet<Id>) -> bool {
    let arguments = arguments(function);
    !arguments.is_empty() && arguments.into_iter().all(|argument| is_present(argument, known))
}

fn finding(tree: &Tree, nearest: &Nearest) -> Finding {
    let named: Vec<String> = columns_of(&nearest.own).iter().map(|id| tree.columns[*id].name.clone()).collect();
    let (what, filter) = match named.as_slice() {
        [one] => (format!("`{one}`"), format!("where {one} is not null")),
        _ => ("its moment".to_owned(), "where ... is not null".to_owned()),
    };
    Finding {
        rule: "asof-null",
        message: format!(
            "{what} may be NULL, and what an asof join finds for such a row depends on how the engine goes about it, so two rebuilds may differ"
        ),
        help: format!("add `{filter}`, or declare the column with a not_null test"),
        place: nearest.place.clone(),
    }
}
