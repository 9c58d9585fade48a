//! Which aggregates can be combined from those of their parts, and how.
//!
//! | aggregate | parts | combined |
//! | --- | --- | --- |
//! | `count`, `count_if` | itself | the sum, 0 where there is none |
//! | `sum` of whole or decimal numbers | itself | the sum |
//! | `min`, `max`, `bool_and`, `bool_or`, `every`, `bit_and`, `bit_or`, `bit_xor` | itself | itself |
//! | `avg` of whole or decimal numbers | sum and count | the quotient |
//!
//! A sum of binary fractions depends on the order of its rows, so that one of sums is another. Medians, lists and distinct values are not
//! made of those of parts at all.

use sqlparser::ast::{DuplicateTreatment, FunctionArguments};

use super::edit::Aggregate;
use super::{SplitRequest, finding};
use crate::{Dialect, Finding};

/// How an aggregate comes from its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Counted,
    Added,
    Same,
    Averaged,
}

/// An aggregate in terms of its parts, in SQL.
pub(super) type Combined = String;

/// How a function's results are combined; none when they cannot be.
pub(super) fn manner(function: &str, dialect: Dialect) -> Option<Manner> {
    let of_duckdb = dialect == Dialect::DuckDb;
    match function {
        "count" => Some(Manner::Counted),
        "count_if" | "countif" if of_duckdb => Some(Manner::Counted),
        "sum" => Some(Manner::Added),
        "min" | "max" | "bool_and" | "bool_or" | "bit_and" | "bit_or" | "bit_xor" => Some(Manner::Same),
        "every" if !of_duckdb => Some(Manner::Same),
        "avg" => Some(Manner::Averaged),
        "mean" if of_duckdb => Some(Manner::Averaged),
        _ => None,
    }
}

/// Refuses calls whose result is not made of those of parts.
///
/// # Errors
/// Why not.
pub(super) fn check(aggregate: &Aggregate) -> Result<(), Finding> {
    let no =
        |message: &str, help: &str| Err(finding(format!("{} {message}", aggregate.text), help, Some(aggregate.range)));
    let function = &aggregate.call;
    let FunctionArguments::List(list) = &function.args else {
        return no("is not followed", "write it as a plain call");
    };
    if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
        return no(
            "counts no value twice, and an interval does not know of the others",
            "leave it to a model of its own, rebuilt by key without partials",
        );
    }
    let is_plain = list.clauses.is_empty()
        && list.args.len() <= 1
        && function.within_group.is_empty()
        && function.null_treatment.is_none()
        && function.over.is_none()
        && matches!(function.parameters, FunctionArguments::None);
    if is_plain { Ok(()) } else { no("is more than a plain aggregate", "write it with one argument, without an order") }
}

/// What is kept of an aggregate, in SQL.
pub(super) fn parts(aggregate: &Aggregate) -> Vec<String> {
    match aggregate.manner {
        Manner::Averaged => {
            let rest = &aggregate.text[aggregate.name_length..];
            vec![format!("sum{rest}"), format!("count{rest}")]
        }
        _ => vec![aggregate.text.clone()],
    }
}

/// An aggregate in terms of its parts: their names and types.
///
/// # Errors
/// When sums of that type depend on their order.
pub(super) fn combined(
    aggregate: &Aggregate,
    parts: &[(&str, &str)],
    request: &SplitRequest,
) -> Result<Combined, Finding> {
    let &[(part, data_type), ref rest @ ..] = parts else {
        return Err(finding(format!("{} has no parts", aggregate.text), "report the query", Some(aggregate.range)));
    };
    let adds = matches!(aggregate.manner, Manner::Added | Manner::Averaged);
    if adds && !is_exact(&data_type.to_uppercase()) {
        return Err(finding(
            format!("{} adds up {data_type}, and what comes out depends on the order", aggregate.text),
            "cast what is added up to a decimal: sum(cast(amount as decimal(18, 2)))",
            Some(aggregate.range),
        ));
    }
    Ok(match (aggregate.manner, rest) {
        (Manner::Counted, _) => format!("cast(coalesce(sum({part}), 0) as {data_type})"),
        (Manner::Added, _) => format!("cast(sum({part}) as {data_type})"),
        (Manner::Averaged, [(count, _), ..]) => match request.dialect {
            Dialect::DuckDb => format!("(cast(sum({part}) as double) / cast(sum({count}) as double))"),
            Dialect::Postgres => format!("(cast(sum({part}) as numeric) / cast(sum({count}) as numeric))"),
        },
        _ => format!("{}({part})", &aggregate.text[..aggregate.name_length]),
    })
}

/// Whether sums of a type do not depend on their order.
fn is_exact(data_type: &str) -> bool {
    ["DECIMAL", "NUMERIC"].iter().any(|exact| data_type.starts_with(exact))
        || (data_type.contains("INT") && !data_type.contains("INTERVAL"))
}
