//! DuckDB's types: what the engine makes of an expression, as far as that can be told without asking it.
//!
//! They are needed where hashes meet: those of -1 as `SMALLINT` and as `BIGINT` differ, so a key can be followed across a join only when
//! the types of both sides are known. `none` always means "takes more than we know to tell", and whoever asks must then widen. A wrong
//! answer would lose changes in silence: a test of the library holds every rule here against the engine's own `describe`, and
//! [`crate::analyse()`] holds what it finds for the result's columns against what the engine says of them.
//!
//! | file | what |
//! | --- | --- |
//! | `infer.rs` | operators, literals, `case`, casts |
//! | `functions.rs` | results of DuckDB's functions: one table |
//! | `meet.rs` | the type in which values of several types meet: in `coalesce`, in a union, in a comparison |

mod functions;
mod infer;
mod meet;

use sqlparser::ast::{CastKind, DataType, Expr, Ident};

use crate::tree::ColumnFacts;

pub(in crate::dialect) use infer::{type_of, type_of_values};
pub(in crate::dialect) use meet::common;

/// Integer types whose values a `BIGINT` can hold.
const WITHIN_BIGINT: &[&str] = &["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"];

/// A type's name without what does not matter to a comparison of hashes.
pub(in crate::dialect) fn normalised(data_type: &str) -> String {
    // The labels of an enum are values: their case counts.
    if data_type.trim_start().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("enum")) {
        return data_type.trim().to_owned();
    }
    let upper = data_type.trim().to_ascii_uppercase();
    let bare = upper.split('(').next().unwrap_or(&upper).trim();
    if upper.ends_with(']') {
        return upper;
    }
    match bare {
        "TEXT" | "STRING" | "CHAR" | "BPCHAR" | "CHARACTER VARYING" | "NVARCHAR" | "VARCHAR" => "VARCHAR".into(),
        "INT" | "INT4" | "SIGNED" | "INTEGER" => "INTEGER".into(),
        "INT8" | "LONG" | "BIGINT" => "BIGINT".into(),
        "INT2" | "SHORT" | "SMALLINT" => "SMALLINT".into(),
        "INT1" | "TINYINT" => "TINYINT".into(),
        "INT16" | "INT128" | "HUGEINT" => "HUGEINT".into(),
        "FLOAT8" | "DOUBLE PRECISION" | "DOUBLE" => "DOUBLE".into(),
        "FLOAT4" | "REAL" | "FLOAT" => "FLOAT".into(),
        "BOOL" | "LOGICAL" | "BOOLEAN" => "BOOLEAN".into(),
        "DATETIME" | "TIMESTAMP WITHOUT TIME ZONE" | "TIMESTAMP" => "TIMESTAMP".into(),
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => "TIMESTAMP WITH TIME ZONE".into(),
        "NUMERIC" | "DEC" | "DECIMAL" => {
            let scale = upper.strip_prefix(bare).unwrap_or("").replace(' ', "");
            match scale.as_str() {
                "" => "DECIMAL(18,3)".to_owned(),
                whole if !whole.contains(',') => format!("DECIMAL({},0)", whole.trim_matches(['(', ')'])),
                _ => format!("DECIMAL{scale}"),
            }
        }
        _ => upper,
    }
}

/// Digits and scale of a decimal type.
fn decimal(data_type: &str) -> Option<(u32, u32)> {
    let (width, scale) = data_type.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    Some((width.parse().ok()?, scale.parse().ok()?))
}

/// Two expressions that are compared, written so that equal values have equal hashes; none when that takes more than we know. A hash
/// depends on the type: that of -1 is another as `SMALLINT` and as `BIGINT`.
pub(in crate::dialect) fn comparable(left: &Expr, right: &Expr, columns: &[ColumnFacts]) -> Option<(Expr, Expr)> {
    let (own, other) = (type_of(left, columns)?, type_of(right, columns)?);
    if own == other {
        return Some((left.clone(), right.clone()));
    }
    let both = |cast: &dyn Fn(Expr) -> Expr| Some((cast(left.clone()), cast(right.clone())));
    let integer = |name: &str| WITHIN_BIGINT.contains(&name) || matches!(name, "HUGEINT" | "UBIGINT");
    if integer(&own) && integer(&other) {
        let wide = [&own, &other].iter().any(|name| !WITHIN_BIGINT.contains(&name.as_str()));
        return both(&|side| cast_to(side, if wide { "HUGEINT" } else { "BIGINT" }));
    }
    let numeric = |name: &str| integer(name) || name == "DOUBLE" || decimal(name).is_some();
    match (own.as_str(), other.as_str()) {
        ("DATE", "TIMESTAMP") | ("TIMESTAMP", "DATE") => both(&|side| cast_to(side, "TIMESTAMP")),
        ("DOUBLE", name) | (name, "DOUBLE") if numeric(name) => both(&|side| cast_to(side, "DOUBLE")),
        (own, other) if numeric(own) && numeric(other) => {
            let scale = [own, other].iter().filter_map(|name| decimal(name)).map(|(_, scale)| scale).max()?;
            // What does not fit becomes NULL, and is equal to no value of the other side.
            both(&|side| cast(CastKind::TryCast, side, &format!("DECIMAL(38,{scale})")))
        }
        _ => None,
    }
}

/// The expression, cast.
fn cast_to(expression: Expr, data_type: &str) -> Expr {
    cast(CastKind::Cast, expression, data_type)
}

fn cast(kind: CastKind, expression: Expr, data_type: &str) -> Expr {
    Expr::Cast {
        kind,
        expr: Box::new(expression),
        data_type: DataType::Custom(vec![Ident::new(data_type)].into(), Vec::new()),
        format: None,
    }
}
