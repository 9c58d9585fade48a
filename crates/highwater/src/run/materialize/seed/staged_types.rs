//! Which type a CSV column has: the narrowest that holds all its values, in dbt's order.
//!
//! | order | type | values |
//! | --- | --- | --- |
//! | 1 | integer | `7`, `-7`, `007`, `7.0`, `7e2`; also when there is no value at all |
//! | 2 | double | `1.5`, `1e-6` |
//! | 3 | date | `2026-02-01` |
//! | 4 | timestamp | `2026-02-01 10:00:00`, `2026-2-1 4:05:00` |
//! | 5 | timestamp | `2026-02-01T10:00:00.5Z` |
//! | 6 | boolean | `true`, `false` in any case |
//! | 7 | text | everything else: both forms of a timestamp in one column, too, and fractions of a second behind a space |
//!
//! Empty values and the word `null` fit everywhere. Integers that need more than 32 bits get a wider type, where dbt
//! would fail.

use crate::engine::{Connection, EngineError, Relation, quote_identifier};

/// A type found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inferred {
    Integer,
    BigInteger,
    HugeInteger,
    Double,
    Date,
    Timestamp,
    Boolean,
    Text,
}

impl Inferred {
    /// The engine's name for it.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::BigInteger => "BIGINT",
            Self::HugeInteger => "HUGEINT",
            Self::Double => "DOUBLE",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Boolean => "BOOLEAN",
            Self::Text => "VARCHAR",
        }
    }
}

/// The value without white space around it; NULL where nothing is meant.
pub(crate) fn meant(column: &str) -> String {
    format!("case when lower(trim({column})) not in ('', 'null') then trim({column}) end")
}

/// The tests of a column, each true when all its values pass, in the order of [`decide`].
fn tests(column: &str) -> String {
    let value = meant(column);
    let all = |test: &str| format!("coalesce(bool_and({value} is null or ({test})), true)");
    let number = r"[+-]?(\d+(\.\d*)?|\.\d+)";
    let whole = format!(
        "regexp_full_match({value}, '[+-]?\\d+(\\.0*)?') or (regexp_full_match({value}, '{number}[eE][+-]?\\d+') \
         and try_cast({value} as double) = trunc(try_cast({value} as double)))"
    );
    let fits = |data_type: &str| all(&format!("({whole}) and try_cast({value} as {data_type}) is not null"));
    let shaped = |pattern: &str, data_type: &str| {
        all(&format!("regexp_full_match({value}, '{pattern}') and try_cast({value} as {data_type}) is not null"))
    };
    [
        fits("integer"),
        fits("bigint"),
        fits("hugeint"),
        shaped(&format!(r"{number}([eE][+-]?\d+)?"), "double"),
        shaped(r"\d{4}-\d{1,2}-\d{1,2}", "date"),
        shaped(r"\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}", "timestamp"),
        shaped(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?", "timestamp"),
        all(&format!("lower({value}) in ('true', 'false')")),
    ]
    .join(", ")
}

const ORDER: [Inferred; 8] = [
    Inferred::Integer,
    Inferred::BigInteger,
    Inferred::HugeInteger,
    Inferred::Double,
    Inferred::Date,
    Inferred::Timestamp,
    Inferred::Timestamp,
    Inferred::Boolean,
];

/// The types of a staged file's columns, in order.
///
/// # Errors
/// The engine's own message.
pub(crate) fn infer(
    connection: &mut dyn Connection,
    staged: &Relation,
    columns: &[String],
) -> Result<Vec<Inferred>, EngineError> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let tests: Vec<String> = columns.iter().map(|column| tests(&quote_identifier(column))).collect();
    let table = connection.query(&format!("select {} from {staged}", tests.join(",\n")))?;
    let answers = table.rows.first().map(Vec::as_slice).unwrap_or_default();
    Ok(answers
        .chunks(ORDER.len())
        .map(|answers| {
            let passed = answers.iter().position(|cell| *cell == crate::engine::Cell::Boolean(true));
            passed.map_or(Inferred::Text, |index| ORDER[index])
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::{DuckDb, Engine};

    /// The type of a column with these values.
    fn type_of(values: &[&str]) -> &'static str {
        let engine = DuckDb::open(Path::new(":memory:"), "").expect("memory");
        let mut connection = engine.connect().expect("session");
        let rows: Vec<String> =
            values.iter().map(|value| format!("(nullif({}, ''))", crate::engine::quote_literal(value))).collect();
        connection.execute(&format!("create temp table s as from (values {}) v(c)", rows.join(", "))).expect("staged");
        let staged = Relation::new("temp", "main", "s");
        infer(connection.as_mut(), &staged, &["c".to_owned()]).expect("types")[0].sql()
    }

    #[test]
    fn the_narrowest_type_that_holds_all_values() {
        let cases: [(&[&str], &str); 19] = [
            (&["1", "-2", ""], "INTEGER"),
            (&["007", "null"], "INTEGER"),
            (&["1", "2.0", "1e5", "1.5e1"], "INTEGER"),
            (&["", ""], "INTEGER"),
            (&["3000000000"], "BIGINT"),
            (&["30000000000000000000"], "HUGEINT"),
            (&["1", "1.5", "1e6"], "DOUBLE"),
            (&["15e-1"], "DOUBLE"),
            (&["2026-02-01", ""], "DATE"),
            (&["2026-02-31"], "VARCHAR"),
            (&["2026-02-01T10:00:00Z", "2026-02-01T10:00:00.5"], "TIMESTAMP"),
            (&["2026-02-01 10:00:00", "2026-02-01T10:00:00"], "VARCHAR"),
            (&["2026-02-01 10:00:00.5"], "VARCHAR"),
            (&["2026-02-01 10:00:00 UTC"], "VARCHAR"),
            (&["2026-02-01 4:05:00", "2026-2-1 10:00:00"], "TIMESTAMP"),
            (&["2026-02-01", "2026-02-01 10:00:00"], "VARCHAR"),
            (&["true", "False"], "BOOLEAN"),
            (&["1", "true"], "VARCHAR"),
            (&["1", "a"], "VARCHAR"),
        ];
        for (values, expected) in cases {
            assert_eq!(type_of(values), expected, "{values:?}");
        }
    }
}
