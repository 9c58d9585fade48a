//! PostgreSQL's types, as far as keys need them. A hash belongs to a family of types: all integers share one, and so do both kinds of
//! binary fractions, all decimals whatever their scale, and texts with and without a length.

use sqlparser::ast::{BinaryOperator, CastKind, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value};

use crate::tree::{ColumnFacts, as_column};

/// A type's name in the words that the rules use. Types whose equal values have equal hashes whatever stands in their parentheses lose it;
/// a moment of less than microseconds does not, because a cast to it rounds.
pub(super) fn normalised(data_type: &str) -> String {
    let upper = data_type.trim().to_ascii_uppercase();
    let upper = upper.strip_prefix("PG_CATALOG.").unwrap_or(&upper);
    let (before, rest) = upper.split_once('(').unwrap_or((upper, ""));
    let (inside, after) = rest.split_once(')').unwrap_or(("", ""));
    if after.contains("[]") || before.contains("[]") {
        return upper.to_owned();
    }
    let bare = format!("{} {}", before.trim(), after.trim());
    let bare = bare.trim();
    let rounded = |word: &str| {
        if matches!(inside.trim(), "" | "6") { word.to_owned() } else { format!("{word}({})", inside.trim()) }
    };
    match bare {
        "TEXT" | "CHARACTER VARYING" | "VARCHAR" | "CHAR VARYING" => "VARCHAR".into(),
        "CHARACTER" | "CHAR" | "BPCHAR" => "CHARACTER".into(),
        "INT" | "INT4" | "INTEGER" | "SERIAL" | "SERIAL4" => "INTEGER".into(),
        "INT8" | "BIGINT" | "BIGSERIAL" | "SERIAL8" => "BIGINT".into(),
        "INT2" | "SMALLINT" | "SMALLSERIAL" | "SERIAL2" => "SMALLINT".into(),
        "FLOAT" => match inside.trim().parse::<u32>() {
            Ok(bits) if bits <= 24 => "FLOAT".into(),
            _ => "DOUBLE".into(),
        },
        "FLOAT8" | "DOUBLE PRECISION" | "DOUBLE" => "DOUBLE".into(),
        "FLOAT4" | "REAL" => "FLOAT".into(),
        "BOOL" | "BOOLEAN" => "BOOLEAN".into(),
        "TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE" => rounded("TIMESTAMP"),
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => rounded("TIMESTAMP WITH TIME ZONE"),
        "NUMERIC" | "DEC" | "DECIMAL" => "DECIMAL".into(),
        _ => upper.to_owned(),
    }
}

/// Such a word as a type's name in SQL.
pub(super) fn written(normalised: &str) -> &str {
    match normalised {
        "DOUBLE" => "DOUBLE PRECISION",
        "FLOAT" => "REAL",
        other => other,
    }
}

fn is_integer(name: &str) -> bool {
    matches!(name, "SMALLINT" | "INTEGER" | "BIGINT")
}

fn is_exact(name: &str) -> bool {
    is_integer(name) || name == "DECIMAL"
}

fn is_fraction(name: &str) -> bool {
    matches!(name, "FLOAT" | "DOUBLE")
}

/// The type in which two types are compared; none when it takes more than we know to tell.
fn meet(one: &str, other: &str) -> Option<&'static str> {
    let both = |is: fn(&str) -> bool| is(one) && is(other);
    if both(is_integer) {
        Some("BIGINT")
    } else if both(is_exact) {
        Some("DECIMAL")
    } else if both(|name| is_exact(name) || is_fraction(name)) {
        Some("DOUBLE")
    } else {
        matches!((one, other), ("DATE", "TIMESTAMP") | ("TIMESTAMP", "DATE")).then_some("TIMESTAMP")
    }
}

/// The type in which values of two types are compared.
pub(super) fn meeting(own: &str, other: &str) -> Option<String> {
    meet(own, other).map(str::to_owned)
}

/// The type of a set operation's column whose branches have these.
pub(super) fn common(left: &str, right: &str) -> Option<String> {
    const WIDTHS: [&str; 3] = ["SMALLINT", "INTEGER", "BIGINT"];
    let width = |name: &str| WIDTHS.iter().position(|other| *other == name);
    Some(match (left, right) {
        _ if left == right => left.to_owned(),
        ("NULL", other) | (other, "NULL") => other.to_owned(),
        _ if is_integer(left) && is_integer(right) => WIDTHS[width(left)?.max(width(right)?)].to_owned(),
        _ => meet(left, right)?.to_owned(),
    })
}

/// The type of an expression; none when it takes more than we know to tell.
pub(super) fn type_of(expression: &Expr, columns: &[ColumnFacts]) -> Option<String> {
    let words = |word: &str| Some(word.to_owned());
    match expression {
        Expr::Identifier(_) => columns.get(as_column(expression)?)?.data_type.clone(),
        Expr::Nested(inner) => type_of(inner, columns),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, data_type, .. } => {
            Some(normalised(&data_type.to_string()))
        }
        Expr::Value(value) => match &value.value {
            // A string has no type until something asks for one.
            Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) => words("UNKNOWN"),
            Value::Null => words("NULL"),
            Value::Boolean(_) => words("BOOLEAN"),
            Value::Number(digits, _) if digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.len() < 10 => {
                words("INTEGER")
            }
            _ => None,
        },
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            // A text and an array make an array.
            let sides = [left, right].map(|side| type_of(side, columns));
            let plain = |name: &str| is_exact(name) || matches!(name, "VARCHAR" | "CHARACTER" | "UNKNOWN" | "DATE");
            let text = sides.iter().flatten().any(|name| name == "VARCHAR");
            (text && sides.iter().all(|side| side.as_deref().is_some_and(plain))).then(|| "VARCHAR".to_owned())
        }
        Expr::Case { conditions, else_result, .. } => {
            let results = conditions.iter().map(|when| &when.result).chain(else_result.as_deref());
            same(results.map(|result| type_of(result, columns)).collect())
        }
        Expr::TypedString(typed) => Some(normalised(&typed.data_type.to_string())),
        Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::IsTrue(_) | Expr::IsFalse(_) => words("BOOLEAN"),
        Expr::Function(function) if function.over.is_none() => {
            let name = function.name.0.last()?.as_ident()?.value.to_ascii_lowercase();
            let FunctionArguments::List(list) = &function.args else { return None };
            let arguments: Vec<&Expr> = list
                .args
                .iter()
                .map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
                    _ => None,
                })
                .collect::<Option<_>>()
                .or_else(|| (name == "count").then(Vec::new))?;
            function_type(&name, &arguments, columns)
        }
        _ => None,
    }
}

/// The one type of several values. Nulls and bare strings take that of the others.
fn same(mut types: Vec<Option<String>>) -> Option<String> {
    types.retain(|found| !matches!(found.as_deref(), Some("NULL" | "UNKNOWN")));
    types.dedup();
    match types.len() {
        0 => Some("VARCHAR".to_owned()),
        1 => types.pop().flatten(),
        _ => None,
    }
}

fn function_type(name: &str, arguments: &[&Expr], columns: &[ColumnFacts]) -> Option<String> {
    let of = |index: usize| arguments.get(index).and_then(|argument| type_of(argument, columns));
    match name {
        "concat" | "concat_ws" | "initcap" | "left" | "lpad" | "md5" | "regexp_replace" | "replace" | "right"
        | "rpad" | "split_part" | "to_char" => Some("VARCHAR".to_owned()),
        // Of other types than text these give other types than text.
        "btrim" | "lower" | "ltrim" | "rtrim" | "string_agg" | "substr" | "trim" | "upper" => {
            of(0).filter(|found| found == "VARCHAR")
        }
        // A date truncated is a moment with a zone.
        "date_trunc" => of(1).filter(|found| found == "TIMESTAMP"),
        "count" => Some("BIGINT".to_owned()),
        "max" | "min" if arguments.len() == 1 => of(0).filter(|found| found != "UNKNOWN"),
        "coalesce" | "greatest" | "least" => {
            same(arguments.iter().map(|argument| type_of(argument, columns)).collect())
        }
        "nullif" => of(0).filter(|found| found != "UNKNOWN" && Some(found) == of(1).as_ref()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn types_keep_what_a_hash_or_a_cast_depends_on() {
        let cases = [
            ("character varying(20)", "VARCHAR"),
            ("character(3)", "CHARACTER"),
            ("numeric(9,2)", "DECIMAL"),
            ("timestamp without time zone", "TIMESTAMP"),
            ("timestamp(0) without time zone", "TIMESTAMP(0)"),
            ("TIMESTAMP(6)", "TIMESTAMP"),
            ("timestamp(3) with time zone", "TIMESTAMP WITH TIME ZONE(3)"),
            ("FLOAT(24)", "FLOAT"),
            ("integer[]", "INTEGER[]"),
            ("numeric(9,2)[]", "NUMERIC(9,2)[]"),
        ];
        for (written, wanted) in cases {
            assert_eq!(normalised(written), wanted, "{written}");
        }
    }
}
