//! Ties that nobody broke: rule 33, and section 2.5.
//!
//! A function that depends on the order of rows has a value of its own only where that order tells apart any two rows that differ in what
//! matters. It does when what it goes by (the partition, the order, the grouping keys), and all that follows from it by declared keys,
//! joins and groups, covers
//!
//! - the value taken, for `first_value`, `any_value`, `arg_max` and their kind;
//! - every column that is kept of the row found, for an `asof` join, whose order is its keys and its moment;
//! - every column that is kept of the rows, for `row_number`, `lag` and whatever looks at a frame of rows: rows that tie are then equal, and
//!   it does not matter which of them comes first.
//!
//! Otherwise the model is refused: two rebuilds of it may differ, and no incremental run could be held against either.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, UnaryOperator};

use super::determined::closure;
use crate::tree::{Id, Node, Order, Tree, as_column, columns_of_all};
use crate::{Finding, Place};

/// What an `asof` join is called among functions that depend on an order: its keys and its moment.
pub(super) const ASOF: &str = "asof join";

/// More columns than this are not listed.
const LISTED: usize = 3;

/// What has to be said of an order, if it leaves ties that matter.
pub(super) fn open(
    tree: &Tree,
    input: &Node,
    order: &Order,
    keys: &[Expr],
    kept: &BTreeSet<Id>,
    place: Option<&Place>,
) -> Option<Finding> {
    let told: BTreeSet<Id> = order.by.iter().chain(keys).filter_map(bare).collect();
    let decides = match &order.values {
        None => kept.clone(),
        Some(values) => {
            let is_no_key = |value: &&Expr| keys.iter().all(|key| key.to_string() != value.to_string());
            columns_of_all(values.iter().filter(is_no_key))
        }
    };
    let known = closure(tree, input, told);
    let missing: Vec<Id> = decides.into_iter().filter(|id| !known.contains(id)).collect();
    (!missing.is_empty()).then(|| finding(tree, order, &missing, place))
}

/// The column of which an expression has one value each.
fn bare(expression: &Expr) -> Option<Id> {
    match expression {
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => bare(expr),
        Expr::Nested(inner) => bare(inner),
        other => as_column(other),
    }
}

fn finding(tree: &Tree, order: &Order, missing: &[Id], place: Option<&Place>) -> Finding {
    let mut names: Vec<String> = Vec::new();
    for id in missing {
        let name = format!("`{}`", tree.columns[*id].name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    let listed = names.join(", ");
    let among = if more > 0 { format!("{listed} and {more} more") } else { listed.clone() };
    let name = if order.name.contains(' ') || order.name == "limit" {
        order.name.clone()
    } else {
        format!("{}()", order.name)
    };
    let what = match (&order.values, order.by.is_empty()) {
        (Some(_), true) => format!("{name} takes whichever row comes first, and they may differ in {among}"),
        _ => format!("{name} meets rows that its order does not tell apart, and they may differ in {among}"),
    };
    let unique = tree.unique.iter().find(|unique| missing.iter().any(|id| unique.ids.contains(id)));
    let help = match unique {
        _ if order.name == ASOF => {
            let by: Vec<String> = columns_of_all(&order.by).iter().map(|id| tree.columns[*id].name.clone()).collect();
            let by = by.join(", ");
            format!(
                "join one row for each ({by}): group the right side by them, or declare with a unique test that there are no two"
            )
        }
        Some(unique) => {
            let key: Vec<String> = unique.key.iter().map(|id| format!("`{}`", tree.columns[*id].name)).collect();
            format!("add {}, the key of {}, to the order by", key.join(", "), unique.table)
        }
        None if matches!(order.name.as_str(), "any_value" | "arbitrary" | "first" | "last") => format!(
            "write min() or max() instead, or give it an order: {}(... order by {})",
            order.name,
            listed.replace('`', "")
        ),
        None => format!(
            "add {listed} to the order by, or a key of the rows; a key counts when it is declared: by a unique test of the table, or as the \
             unique_key of an exact model"
        ),
    };
    Finding {
        rule: "ties",
        message: format!("{what}; nobody decides between them, so two rebuilds may differ"),
        help,
        place: place.cloned(),
    }
}
