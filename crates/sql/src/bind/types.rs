//! Types, as far as keys need them: two hashes can be compared only when both sides have the same type.

use sqlparser::ast::{CastKind, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value};

use crate::tree::{ColumnFacts, as_column};

/// A type's name without what does not matter to a comparison of hashes.
pub(crate) fn normalised(data_type: &str) -> String {
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

/// Whether equal values of the two types have equal hashes, and unequal ones are never equal after a cast.
pub(crate) fn compatible(left: Option<&str>, right: Option<&str>) -> bool {
    let (Some(left), Some(right)) = (left.map(normalised), right.map(normalised)) else { return false };
    let integer = |name: &str| {
        matches!(name, "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "UTINYINT" | "USMALLINT" | "UINTEGER")
    };
    left == right || (integer(&left) && integer(&right))
}

/// The type of an expression; none when it takes more than we know to tell.
pub(crate) fn type_of(expression: &Expr, columns: &[ColumnFacts]) -> Option<String> {
    match expression {
        Expr::Identifier(_) => columns.get(as_column(expression)?)?.data_type.clone(),
        Expr::Nested(inner) => type_of(inner, columns),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon | CastKind::TryCast, data_type, .. } => {
            Some(normalised(&data_type.to_string()))
        }
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(_) => Some("VARCHAR".to_owned()),
            Value::Boolean(_) => Some("BOOLEAN".to_owned()),
            Value::Number(digits, _) if digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.len() < 10 => {
                Some("INTEGER".to_owned())
            }
            _ => None,
        },
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
