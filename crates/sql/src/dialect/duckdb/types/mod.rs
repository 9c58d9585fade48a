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
//! | `meet.rs` | the type in which values of several types meet: in `coalesce`, in a union |

mod functions;
mod infer;
mod meet;

pub(in crate::dialect) use infer::{type_of, type_of_values};
pub(in crate::dialect) use meet::common;

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

/// Whether values of a type, in capitals, that are not equal have one hash where they should not: everything but plain numbers, texts, moments.
pub(in crate::dialect) fn is_hashed_carelessly(data_type: &str) -> bool {
    let plain = [
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "FLOAT",
        "DOUBLE",
        "VARCHAR",
        "BLOB",
        "BIT",
        "UUID",
        "DATE",
        "JSON",
    ];
    let is_moment = data_type.starts_with("TIME") && !data_type.ends_with(']');
    let is_enum = data_type.starts_with("ENUM") && !data_type.ends_with(']');
    let is_narrow = decimal(data_type).is_some_and(|(width, _)| width <= 18);
    !(plain.contains(&data_type) || is_moment || is_enum || is_narrow)
}

/// Digits and scale of a decimal type.
fn decimal(data_type: &str) -> Option<(u32, u32)> {
    let (width, scale) = data_type.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    Some((width.parse().ok()?, scale.parse().ok()?))
}
