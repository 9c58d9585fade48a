//! Functions whose value depends on which of two rows comes first, and what they go by.
//!
//! Where rows tie that differ in what matters, nobody decides, and two rebuilds may differ (exact.md, rule 33 and section 2.5). Here is said
//! which functions ask for an order, and what they are given; whether it is enough is found out in `footprint/ties.rs`.
//!
//! | functions | two rows that tie must agree in |
//! | --- | --- |
//! | `row_number`, `ntile`, `lag`, `lead`, and any over a frame of rows | everything that is kept of them |
//! | `first_value`, `last_value`, `nth_value`, `any_value`, `first`, `last`, `arg_max`, `arg_min`, `mode`, lists | the value taken |

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, OrderByExpr, WindowFrame,
    WindowFrameBound, WindowFrameUnits, WindowSpec,
};

use super::function_name;
use crate::tree::Order;

/// Window functions that give two tied rows different values.
const APART: &[&str] = &["row_number", "ntile", "lag", "lead", "fill"];

/// Window functions that take the value of one row of the frame.
const TAKEN: &[&str] = &["first_value", "last_value", "nth_value"];

/// Aggregates that take one row's value, or keep values in the order of their rows.
const PICKED: &[&str] = &[
    "any_value",
    "arbitrary",
    "first",
    "last",
    "mode",
    "list",
    "array_agg",
    "string_agg",
    "listagg",
    "group_concat",
    "json_group_array",
    "json_group_object",
    "json_object_agg",
    "json_group_structure",
    "variant_group_array",
    "histogram_values",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
    "json_arrayagg",
    "json_objectagg",
    "xmlagg",
];

/// Aggregates that take the value of the row in which another expression is greatest or least.
const EXTREME: &[&str] = &[
    "arg_max",
    "arg_min",
    "argmax",
    "argmin",
    "max_by",
    "min_by",
    "arg_max_null",
    "arg_min_null",
    "arg_max_nulls_last",
    "arg_min_nulls_last",
];

/// Functions of a list for which the order of its elements does not matter.
pub(super) const BLIND: &[&str] = &[
    "list_sort",
    "array_sort",
    "list_reverse_sort",
    "array_reverse_sort",
    "len",
    "length",
    "array_length",
    "cardinality",
    "list_sum",
    "list_min",
    "list_max",
    "list_count",
    "list_unique",
    "array_unique",
    "list_contains",
    "array_contains",
    "list_has",
    "list_has_any",
    "list_has_all",
    "list_bool_and",
    "list_bool_or",
    "list_median",
];

/// What a window function has to be told, if it depends on the order of rows. Names are bound.
pub(super) fn of_window(function: &Function, spec: &WindowSpec, blind: bool) -> Option<Order> {
    let name = function_name(function);
    let rows = spec.window_frame.as_ref().filter(|frame| frame.units == WindowFrameUnits::Rows);
    let picked = PICKED.contains(&name.as_str()) || EXTREME.contains(&name.as_str());
    let values = if APART.contains(&name.as_str()) {
        None
    } else if TAKEN.contains(&name.as_str()) {
        rows.is_none_or(|frame| steady(frame, &name)).then(|| arguments(function))
    } else {
        match rows {
            Some(frame) if !(from_the_start(frame) && to_the_end(frame)) => None,
            _ if picked && !blind => Some(taken(function, &name)),
            _ => return None,
        }
    };
    let mut by: Vec<Expr> =
        spec.partition_by.iter().chain(spec.order_by.iter().map(|item| &item.expr)).cloned().collect();
    by.extend(own_order(function, &name));
    Some(Order { name, by, values })
}

/// The same for an aggregate; what tells rows apart does not yet hold the grouping keys.
pub(super) fn of_aggregate(function: &Function, blind: bool) -> Option<Order> {
    let name = function_name(function);
    let picked = PICKED.contains(&name.as_str()) || EXTREME.contains(&name.as_str());
    (picked && !blind).then(|| Order { by: own_order(function, &name), values: Some(taken(function, &name)), name })
}

/// Whether the row that the function takes from a frame of rows is the same for all rows that tie.
fn steady(frame: &WindowFrame, name: &str) -> bool {
    let backwards = matches!(frame.end_bound, Some(WindowFrameBound::Preceding(_)));
    match name {
        "first_value" => from_the_start(frame) && !backwards,
        _ => from_the_start(frame) && to_the_end(frame),
    }
}

fn from_the_start(frame: &WindowFrame) -> bool {
    matches!(frame.start_bound, WindowFrameBound::Preceding(None))
}

fn to_the_end(frame: &WindowFrame) -> bool {
    matches!(frame.end_bound, Some(WindowFrameBound::Following(None)))
}

fn arguments(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let plain = list.args.iter().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression))
        | FunctionArg::Named { arg: FunctionArgExpr::Expr(expression), .. } => Some(expression.clone()),
        _ => None,
    });
    plain.collect()
}

/// The value that is taken: without what it is chosen by.
fn taken(function: &Function, name: &str) -> Vec<Expr> {
    let mut arguments = arguments(function);
    if EXTREME.contains(&name) {
        arguments.truncate(1);
    }
    arguments
}

/// The order a function brings along: `string_agg(x order by y)`, `listagg(x) within group (order by y)`, `arg_max(x, y)`.
fn own_order(function: &Function, name: &str) -> Vec<Expr> {
    let mut by: Vec<Expr> = function.within_group.iter().map(|item| item.expr.clone()).collect();
    if let FunctionArguments::List(list) = &function.args {
        for clause in &list.clauses {
            if let FunctionArgumentClause::OrderBy(items) = clause {
                by.extend(items.iter().map(|item: &OrderByExpr| item.expr.clone()));
            }
        }
    }
    if EXTREME.contains(&name) {
        match arguments(function).get(1) {
            Some(Expr::Tuple(parts)) => by.extend(parts.iter().cloned()),
            Some(Expr::Function(row))
                if matches!(function_name(row).as_str(), "row" | "struct_pack" | "list_value") =>
            {
                by.extend(arguments(row));
            }
            Some(other) => by.push(other.clone()),
            None => {}
        }
    }
    by
}
