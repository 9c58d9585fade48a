//! How far a window looks along its order, and whether what it finds is some row's own value.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, OrderByExpr, OrderBySort, Value, WindowFrameBound,
    WindowFrameUnits, WindowSpec,
};

use super::function_name;
use crate::tree::{Along, Side, Stretch};

/// The expression along which a window looks, and how far, when both ends are fixed distances of time.
pub(super) fn along(spec: &WindowSpec, ascends: bool) -> Option<Along> {
    let frame = spec.window_frame.as_ref().filter(|frame| frame.units == WindowFrameUnits::Range)?;
    let [item] = spec.order_by.as_slice() else { return None };
    let start = distance(&frame.start_bound)?;
    let end = frame.end_bound.as_ref().map_or(Some((Stretch::default(), Stretch::default())), distance)?;
    let (back, ahead) = (longer(start.0, end.0), longer(start.1, end.1));
    let descending = descends(item, ascends)?;
    let (back, ahead) = if descending { (ahead, back) } else { (back, ahead) };
    Some(Along { by: item.expr.clone(), back, ahead })
}

/// Functions that look at the whole partition, however their frame is.
const BOTH_SIDES: &[&str] = &["percent_rank", "cume_dist", "ntile", "fill"];

/// To which side a window function looks, when it looks to one only: at rows before its own in the order, and at those equal to it; or the
/// other way round.
pub(super) fn side(function: &Function, spec: &WindowSpec, ascends: bool) -> Option<Side> {
    let first = spec.order_by.first()?;
    let descending = descends(first, ascends)?;
    let FunctionArguments::List(list) = &function.args else { return None };
    let name = function_name(function);
    let before = match name.as_str() {
        // An order among the arguments would be another one than the window's.
        _ if !list.clauses.is_empty() || !function.within_group.is_empty() || BOTH_SIDES.contains(&name.as_str()) => {
            return None;
        }
        "row_number" | "rank" | "dense_rank" => true,
        "lag" | "lead" if list.args.get(1).is_none_or(is_count) => name == "lag",
        "lag" | "lead" => return None,
        _ => frame_before(spec)?,
    };
    Some(Side { by: first.expr.clone(), back: before != descending })
}

/// Whether an order descends; none when that takes more than we know to tell. `ascends` is whether it surely ascends where nothing is said.
fn descends(item: &OrderByExpr, ascends: bool) -> Option<bool> {
    match item.options.sort {
        None => ascends.then_some(false),
        Some(OrderBySort::Asc) => Some(false),
        Some(OrderBySort::Desc) => Some(true),
        Some(OrderBySort::Using(_)) => None,
    }
}

fn is_count(argument: &FunctionArg) -> bool {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) = argument else { return false };
    matches!(value.value, Value::Number(..))
}

/// Whether a frame ends at its row or before, or begins there or later; none when it does neither.
fn frame_before(spec: &WindowSpec) -> Option<bool> {
    let Some(frame) = &spec.window_frame else { return Some(true) };
    let counted = |length: &Option<Box<Expr>>| {
        let constant = |length: &Expr| match length {
            Expr::Value(value) => matches!(value.value, Value::Number(..)),
            other => stretch(other).is_some(),
        };
        length.as_deref().is_none_or(constant)
    };
    let before = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => true,
        WindowFrameBound::Preceding(length) => counted(length),
        WindowFrameBound::Following(_) => false,
    };
    let after = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => true,
        WindowFrameBound::Following(length) => counted(length),
        WindowFrameBound::Preceding(_) => false,
    };
    match &frame.end_bound {
        end if end.as_ref().is_none_or(before) => Some(true),
        _ if after(&frame.start_bound) => Some(false),
        _ => None,
    }
}

/// What a window function takes from some row of its partition, when it always takes something: its value is that row's own.
pub(super) fn carried(function: &Function, spec: &WindowSpec) -> Option<Expr> {
    let takes = matches!(function_name(function).as_str(), "min" | "max" | "first_value" | "last_value");
    carried_value(function).filter(|_| takes && spec.window_frame.is_none())
}

/// The same of an aggregate over groups, none of which is empty.
pub(crate) fn carried_by_group(function: &Function) -> Option<Expr> {
    let takes =
        matches!(function_name(function).as_str(), "min" | "max" | "any_value" | "first" | "last" | "arbitrary");
    carried_value(function).filter(|_| takes).or_else(|| ranked(function))
}

/// What `percentile_disc` takes from the row at a certain place.
fn ranked(function: &Function) -> Option<Expr> {
    let (FunctionArguments::List(list), [order]) = (&function.args, function.within_group.as_slice()) else {
        return None;
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(place)))] = list.args.as_slice() else { return None };
    let plain = function.filter.is_none() && function.over.is_none() && matches!(place.value, Value::Number(..));
    (plain && function_name(function) == "percentile_disc").then(|| order.expr.clone())
}

fn carried_value(function: &Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let plain = function.filter.is_none() && function.null_treatment.is_none() && list.clauses.is_empty();
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] if plain => Some(value.clone()),
        _ => None,
    }
}

fn longer(one: Stretch, other: Stretch) -> Stretch {
    Stretch { months: one.months.max(other.months), seconds: one.seconds.max(other.seconds) }
}

/// How far a bound lies before and after the row.
fn distance(bound: &WindowFrameBound) -> Option<(Stretch, Stretch)> {
    let none = Stretch::default();
    match bound {
        WindowFrameBound::CurrentRow => Some((none, none)),
        WindowFrameBound::Preceding(Some(length)) => Some((stretch(length)?, none)),
        WindowFrameBound::Following(Some(length)) => Some((none, stretch(length)?)),
        WindowFrameBound::Preceding(None) | WindowFrameBound::Following(None) => None,
    }
}

/// A constant length of time.
fn stretch(expression: &Expr) -> Option<Stretch> {
    let Expr::Interval(interval) = expression else {
        let Expr::Nested(inner) = expression else { return None };
        return stretch(inner);
    };
    if interval.last_field.is_some() {
        return None;
    }
    let Expr::Value(value) = interval.value.as_ref() else { return None };
    match (&value.value, &interval.leading_field) {
        (Value::Number(number, _), Some(field)) | (Value::SingleQuotedString(number), Some(field)) => {
            unit(&field.to_string(), number.trim().parse().ok()?)
        }
        (Value::SingleQuotedString(text), None) => {
            let words: Vec<&str> = text.split_whitespace().collect();
            let pairs = words.chunks(2).map(|pair| match pair {
                [number, word] => unit(word, number.parse().ok()?),
                _ => None,
            });
            pairs.collect::<Option<Vec<Stretch>>>().map(|parts| {
                parts.iter().fold(Stretch::default(), |sum, part| Stretch {
                    months: sum.months + part.months,
                    seconds: sum.seconds + part.seconds,
                })
            })
        }
        _ => None,
    }
}

fn unit(word: &str, number: u32) -> Option<Stretch> {
    // Longer than a thousand years is no length to count with.
    if number > 400_000 {
        return None;
    }
    let seconds = |each: u64| Some(Stretch { months: 0, seconds: u64::from(number) * each });
    let months = |each: u32| Some(Stretch { months: number.checked_mul(each)?, seconds: 0 });
    match word.to_ascii_lowercase().trim_end_matches('s') {
        "second" => seconds(1),
        "minute" => seconds(60),
        "hour" => seconds(3_600),
        "day" => seconds(86_400),
        "week" => seconds(7 * 86_400),
        "month" => months(1),
        "quarter" => months(3),
        "year" => months(12),
        _ => None,
    }
}
