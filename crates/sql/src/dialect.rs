//! How DuckDB writes what the core needs: intervals, key hashes, fingerprints.

use crate::IntervalUnit;

/// An identifier in double quotes.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The start of the interval an expression falls into, as `TIMESTAMP`; NULL stays NULL.
pub fn interval(expression: &str, unit: IntervalUnit) -> String {
    format!("date_trunc('{}', cast({expression} as timestamp))", unit.word())
}

/// The hash that stands for a key, as `UBIGINT`. Positions of NULLs count.
pub fn key_hash(expressions: &[String]) -> String {
    format!("hash({})", expressions.join(", "))
}

/// Values as they are kept beside a group's id: a list of texts.
pub fn carry(expressions: &[String]) -> String {
    let texts: Vec<String> = expressions.iter().map(|expression| format!("cast({expression} as varchar)")).collect();
    format!("[{}]", texts.join(", "))
}

/// The value at a position (from 0) of what [`carry`] kept in a column `v`.
pub fn carried(position: usize, data_type: &str) -> String {
    format!("cast(v[{}] as {data_type})", position + 1)
}

/// Whether values of a type come back from their texts as what they were.
pub fn carries(data_type: &str) -> bool {
    let plain = [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "VARCHAR",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "BOOLEAN",
        "DOUBLE",
        "FLOAT",
        "UUID",
        "TIME",
    ];
    plain.contains(&data_type) || data_type.starts_with("DECIMAL(")
}

/// Row count and sum of salted row hashes over some columns: `count(*), sum(...)`, as `BIGINT` and `HUGEINT`.
///
/// The row hash is hashed once more before the sum: DuckDB combines the columns' hashes by exclusive or, and a plain sum of such
/// values is blind to values that change places between rows.
pub fn fingerprint(columns: &[String], salt: u64) -> String {
    let row = if columns.is_empty() { "hash(0)".to_owned() } else { key_hash(columns) };
    format!("count(*), coalesce(sum(hash({row}, {salt}::ubigint)), 0::hugeint)")
}
