//! The types of DuckDB's functions: one table, and those that need a word more.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value};

use super::decimal;
use super::infer::found;
use super::meet::{Found, is_whole, meet};
use crate::tree::ColumnFacts;

/// How the result's type comes from the arguments'.
#[derive(Clone, Copy)]
enum Result {
    /// Always this.
    Is(&'static str),
    /// That of the argument at this place.
    Like(usize),
    /// That in which all arguments meet, from this place on.
    Meet(usize),
    /// `TIMESTAMP` or `DATE` or `TIMESTAMP WITH TIME ZONE`, as the argument at this place; dates become timestamps.
    Moment(usize),
}

const RESULTS: &[(Result, &[&str])] = &[
    (
        Result::Is("VARCHAR"),
        &[
            "lower",
            "upper",
            "trim",
            "ltrim",
            "rtrim",
            "concat",
            "concat_ws",
            "md5",
            "replace",
            "substring",
            "substr",
            "left",
            "right",
            "lpad",
            "rpad",
            "split_part",
            "regexp_replace",
            "strftime",
            "sha256",
            "sha1",
            "string_agg",
            "listagg",
            "group_concat",
            "reverse",
            "repeat",
            "format",
            "printf",
            "chr",
            "dayname",
            "monthname",
            "json_extract_string",
            "lcase",
            "ucase",
            "translate",
            "left_grapheme",
            "right_grapheme",
            "strip_accents",
        ],
    ),
    (
        Result::Is("BIGINT"),
        &[
            "count",
            "row_number",
            "rank",
            "dense_rank",
            "ntile",
            "year",
            "month",
            "day",
            "week",
            "quarter",
            "dayofweek",
            "isodow",
            "hour",
            "minute",
            "second",
            "dayofyear",
            "weekofyear",
            "yearweek",
            "dayofmonth",
            "weekday",
            "length",
            "strlen",
            "char_length",
            "character_length",
            "strpos",
            "instr",
            "date_diff",
            "datediff",
            "levenshtein",
            "count_star",
        ],
    ),
    (
        Result::Is("DOUBLE"),
        &[
            "sqrt",
            "ln",
            "log",
            "log10",
            "log2",
            "exp",
            "power",
            "pow",
            "pi",
            "sin",
            "cos",
            "tan",
            "cbrt",
            "percent_rank",
            "cume_dist",
            "stddev",
            "stddev_samp",
            "stddev_pop",
            "variance",
            "var_samp",
            "var_pop",
            "corr",
            "covar_pop",
            "covar_samp",
            "radians",
            "degrees",
        ],
    ),
    (
        Result::Is("BOOLEAN"),
        &[
            "bool_and",
            "bool_or",
            "regexp_matches",
            "contains",
            "starts_with",
            "prefix",
            "suffix",
            "isnan",
            "isfinite",
            "isinf",
        ],
    ),
    (Result::Is("DATE"), &["last_day", "make_date"]),
    (Result::Is("UBIGINT"), &["hash"]),
    (Result::Is("INTEGER"), &["ascii", "unicode"]),
    (Result::Is("INTERVAL"), &["to_days", "to_months", "to_years", "to_hours", "to_minutes", "to_weeks"]),
    (
        Result::Like(0),
        &[
            "any_value",
            "first",
            "last",
            "arbitrary",
            "first_value",
            "last_value",
            "nth_value",
            "lag",
            "lead",
            "nullif",
            "mode",
            "arg_max",
            "arg_min",
            "max_by",
            "min_by",
            "quantile_disc",
            "abs",
        ],
    ),
    (Result::Meet(0), &["coalesce", "ifnull", "greatest", "least"]),
    (Result::Meet(1), &["if"]),
    (Result::Moment(1), &["date_trunc", "datetrunc"]),
    (Result::Moment(0), &["date_add"]),
];

/// The type of a call; none when it takes more than we know to tell.
pub(super) fn result(function: &Function, columns: &[ColumnFacts]) -> Option<Found> {
    let name = function.name.0.last()?.to_string().trim_matches('"').to_ascii_lowercase();
    let arguments = arguments(function)?;
    // Each argument is looked at once: calls nest, and twice at every level would be without end.
    let known: Vec<Option<Found>> = arguments.iter().map(|argument| found(argument, columns)).collect();
    let at = |place: usize| known.get(place).cloned().flatten();
    let is = |name: &str| Some(Found::Type(name.to_owned()));
    match name.as_str() {
        // `max(x, 3)` and `min(x, 3)` are lists.
        "min" | "max" | "median" | "sum" | "avg" | "mean" if arguments.len() != 1 => return None,
        "min" | "max" => return at(0).map(|found| Found::Type(found.settled())),
        "sum" => return sum(&at(0)?.settled()).map(Found::Type),
        "avg" | "mean" => {
            return is("DOUBLE").filter(|_| at(0).is_some_and(|found| super::meet::is_number(&found.settled())));
        }
        "round" => return round(&at(0)?.settled(), arguments.get(1).copied()).map(Found::Type),
        "floor" | "ceil" | "ceiling" => return rounded_to_whole(&at(0)?.settled()).map(Found::Type),
        "date_part" | "datepart" => return date_part(arguments.first()?).map(|name| Found::Type(name.to_owned())),
        "mod" => {
            let both = [at(0)?, at(1)?];
            return meet(&both)
                .filter(|_| both.iter().all(|side| is_whole(&side.settled())))
                .map(|found| Found::Type(found.settled()));
        }
        "regexp_extract" if arguments.len() <= 2 => return is("VARCHAR"),
        "date" if arguments.len() == 1 => return is("DATE"),
        "len" | "length" if at(0).is_none_or(|found| found.settled() != "VARCHAR") => return None,
        "concat" | "reverse" | "repeat" | "contains"
            if !known.iter().all(|found| found.as_ref().is_some_and(|found| !found.settled().ends_with(']'))) =>
        {
            return None;
        }
        "abs" if at(0).is_none_or(|found| !super::meet::is_number(&found.settled())) => return None,
        "first" | "last" | "arg_max" | "arg_min" | "max_by" | "min_by" | "quantile_disc" | "mode" | "any_value"
            if arguments.len() > 2 || matches!(arguments.get(1), Some(Expr::Array(_))) =>
        {
            return None;
        }
        // With a number of rows they make a list.
        "first" | "last" if arguments.len() > 1 => return None,
        _ => {}
    }
    let (rule, _) = RESULTS.iter().find(|(_, names)| names.contains(&name.as_str()))?;
    match rule {
        Result::Is(name) => is(name),
        Result::Like(place) => at(*place).map(|found| Found::Type(found.settled())),
        Result::Meet(first) => {
            let values: Vec<Found> = known.get(*first..)?.iter().cloned().collect::<Option<_>>()?;
            meet(&values)
        }
        Result::Moment(place) => match at(*place)?.settled().as_str() {
            "TIMESTAMP" | "DATE" => is("TIMESTAMP"),
            "TIMESTAMP WITH TIME ZONE" => is("TIMESTAMP WITH TIME ZONE"),
            _ => None,
        },
    }
}

/// The plain arguments; none when one of them is named or a query. A star is no argument.
fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    match &function.args {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::Subquery(_) => None,
        FunctionArguments::List(list) => list
            .args
            .iter()
            .filter(|argument| !matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Wildcard)))
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
                _ => None,
            })
            .collect(),
    }
}

fn sum(argument: &str) -> Option<String> {
    match argument {
        "DOUBLE" | "FLOAT" => Some("DOUBLE".to_owned()),
        name if is_whole(name) || name == "BOOLEAN" => Some("HUGEINT".to_owned()),
        name => decimal(name).map(|(_, scale)| format!("DECIMAL(38,{scale})")),
    }
}

/// `floor` and `ceil`.
pub(super) fn rounded_to_whole(argument: &str) -> Option<String> {
    match argument {
        "DOUBLE" | "FLOAT" => Some(argument.to_owned()),
        name if is_whole(name) && name != "HUGEINT" => Some("DOUBLE".to_owned()),
        name => decimal(name).map(|(digits, _)| format!("DECIMAL({digits},0)")),
    }
}

fn round(argument: &str, places: Option<&Expr>) -> Option<String> {
    if argument == "DOUBLE" || argument == "FLOAT" || is_whole(argument) {
        return Some(argument.to_owned());
    }
    let (digits, scale) = decimal(argument)?;
    let places = match places {
        None => 0,
        Some(Expr::Value(value)) => match &value.value {
            Value::Number(places, _) => places.parse::<u32>().ok()?,
            _ => return None,
        },
        Some(_) => return None,
    };
    Some(format!("DECIMAL({digits},{})", places.min(scale)))
}

fn date_part(part: &Expr) -> Option<&'static str> {
    let Expr::Value(value) = part else { return None };
    let Value::SingleQuotedString(word) = &value.value else { return None };
    match word.to_ascii_lowercase().as_str() {
        "year" | "month" | "day" | "week" | "quarter" | "hour" | "minute" | "second" | "dow" | "isodow" | "doy"
        | "dayofweek" | "dayofyear" => Some("BIGINT"),
        "epoch" => Some("DOUBLE"),
        _ => None,
    }
}
