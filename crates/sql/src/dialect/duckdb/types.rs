//! DuckDB's types, as far as keys need them: two hashes can be compared only when both sides have the same type.

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Value,
};

use crate::tree::{ColumnFacts, as_column};

/// A type's name without what does not matter to a comparison of hashes.
pub(in crate::dialect) fn normalised(data_type: &str) -> String {
    // The labels of an enum are values: their case counts.
    if data_type.trim_start().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("enum")) {
        return data_type.trim().to_owned();
    }
    let upper = data_type.trim().to_ascii_uppercase();
    let bare = upper.split('(').next().unwrap_or(&upper).trim();
    match bare {
        "TEXT" | "STRING" | "CHAR" | "BPCHAR" | "CHARACTER VARYING" | "NVARCHAR" | "VARCHAR" => "VARCHAR".into(),
        "INT" | "INT4" | "SIGNED" | "INTEGER" => "INTEGER".into(),
        "INT8" | "LONG" | "BIGINT" => "BIGINT".into(),
        "INT2" | "SHORT" | "SMALLINT" => "SMALLINT".into(),
        "INT1" | "TINYINT" => "TINYINT".into(),
        "FLOAT8" | "DOUBLE PRECISION" | "DOUBLE" => "DOUBLE".into(),
        "FLOAT4" | "REAL" | "FLOAT" => "FLOAT".into(),
        "BOOL" | "LOGICAL" | "BOOLEAN" => "BOOLEAN".into(),
        "DATETIME" | "TIMESTAMP WITHOUT TIME ZONE" | "TIMESTAMP" => "TIMESTAMP".into(),
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => "TIMESTAMP WITH TIME ZONE".into(),
        "NUMERIC" | "DEC" | "DECIMAL" => {
            let scale = upper.strip_prefix(bare).unwrap_or("").replace(' ', "");
            format!("DECIMAL{}", if scale.is_empty() { "(18,3)".to_owned() } else { scale })
        }
        _ => upper,
    }
}

/// Two expressions that are compared, written so that equal values have equal hashes; none when that takes more than we know. A hash
/// depends on the type: that of -1 is another as `SMALLINT` and as `BIGINT`.
pub(in crate::dialect) fn comparable(left: &Expr, right: &Expr, columns: &[ColumnFacts]) -> Option<(Expr, Expr)> {
    let (own, other) = (type_of(left, columns)?, type_of(right, columns)?);
    if own == other {
        return Some((left.clone(), right.clone()));
    }
    let integer = |name: &str| {
        matches!(name, "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "UTINYINT" | "USMALLINT" | "UINTEGER")
    };
    let widest = |side: &Expr| cast_to(side.clone(), "BIGINT");
    (integer(&own) && integer(&other)).then(|| (widest(left), widest(right)))
}

/// The expression, cast.
fn cast_to(expression: Expr, data_type: &str) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expression),
        data_type: DataType::Custom(vec![Ident::new(data_type)].into(), Vec::new()),
        format: None,
    }
}

const WIDTHS: [&str; 4] = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT"];

fn width(name: &str) -> Option<usize> {
    WIDTHS.iter().position(|other| *other == name)
}

/// The type of a column whose branches have these; none when it takes more than we know to tell.
pub(in crate::dialect) fn common(left: &str, right: &str) -> Option<String> {
    Some(match (left, right) {
        _ if left == right => left.to_owned(),
        ("NULL", other) | (other, "NULL") => other.to_owned(),
        ("DATE", "TIMESTAMP") | ("TIMESTAMP", "DATE") => "TIMESTAMP".to_owned(),
        ("DOUBLE", other) | (other, "DOUBLE") if width(other).is_some() => "DOUBLE".to_owned(),
        _ => WIDTHS[width(left)?.max(width(right)?)].to_owned(),
    })
}

/// The type of an expression; none when it takes more than we know to tell.
pub(in crate::dialect) fn type_of(expression: &Expr, columns: &[ColumnFacts]) -> Option<String> {
    match expression {
        Expr::Identifier(_) => columns.get(as_column(expression)?)?.data_type.clone(),
        Expr::Nested(inner) => type_of(inner, columns),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon | CastKind::TryCast, data_type, .. } => {
            Some(normalised(&data_type.to_string()))
        }
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(_) => Some("VARCHAR".to_owned()),
            Value::Null => Some("NULL".to_owned()),
            Value::Boolean(_) => Some("BOOLEAN".to_owned()),
            Value::Number(digits, _) if digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.len() < 10 => {
                Some("INTEGER".to_owned())
            }
            _ => None,
        },
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            let text = |side: &Expr| type_of(side, columns).as_deref() == Some("VARCHAR");
            (text(left) || text(right)).then(|| "VARCHAR".to_owned())
        }
        Expr::Case { conditions, else_result, .. } => {
            let results = conditions.iter().map(|when| &when.result).chain(else_result.as_deref());
            let mut types: Vec<Option<String>> = results.map(|result| type_of(result, columns)).collect();
            types.retain(|found| found.as_deref() != Some("NULL"));
            types.dedup();
            if types.len() == 1 { types.pop().flatten() } else { None }
        }
        Expr::TypedString(typed) => Some(normalised(&typed.data_type.to_string())),
        Expr::Trim { .. } | Expr::Substring { .. } => Some("VARCHAR".to_owned()),
        Expr::Function(function) => {
            let name = function.name.0.last()?.to_string().to_ascii_lowercase();
            let arguments: Vec<&Expr> = match &function.args {
                FunctionArguments::List(list) => list
                    .args
                    .iter()
                    .map(|argument| match argument {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
                        _ => None,
                    })
                    .collect::<Option<_>>()?,
                _ => return None,
            };
            function_type(&name, &arguments, columns)
        }
        _ => None,
    }
}

fn function_type(name: &str, arguments: &[&Expr], columns: &[ColumnFacts]) -> Option<String> {
    match name {
        "lower" | "upper" | "trim" | "ltrim" | "rtrim" | "concat" | "concat_ws" | "md5" | "replace" | "substring"
        | "substr" | "left" | "right" | "lpad" | "rpad" | "split_part" | "regexp_replace" | "regexp_extract"
        | "strftime" | "sha256" | "string_agg" | "listagg" => Some("VARCHAR".to_owned()),
        // In this engine a date truncated may be a date or a timestamp; for timestamps there is no doubt.
        "date_trunc" => type_of(arguments.get(1)?, columns).filter(|found| found == "TIMESTAMP"),
        "count" => Some("BIGINT".to_owned()),
        "min" | "max" | "any_value" | "first" | "last" if arguments.len() == 1 => type_of(arguments[0], columns),
        "coalesce" | "ifnull" | "nullif" => {
            let mut types = arguments.iter().map(|argument| type_of(argument, columns));
            let first = types.next()??;
            (name == "nullif" || types.all(|other| other.as_deref() == Some(&first))).then_some(first)
        }
        _ => None,
    }
}
