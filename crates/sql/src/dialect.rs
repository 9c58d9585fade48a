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

/// Row count and sum of salted row hashes over some columns: `count(*), sum(...)`, as `BIGINT` and `HUGEINT`.
///
/// The row hash is hashed once more before the sum: DuckDB combines the columns' hashes by exclusive or, and a plain sum of such
/// values is blind to values that change places between rows.
pub fn fingerprint(columns: &[String], salt: u64) -> String {
    let row = if columns.is_empty() { "hash(0)".to_owned() } else { key_hash(columns) };
    format!("count(*), coalesce(sum(hash({row}, {salt}::ubigint)), 0::hugeint)")
}

/// The intervals around those of a set (a table with one column `p`), as a query with one column `p`. What the calendar has no room for is
/// left out; NULL stays NULL, and the infinite moments stay where they are.
pub fn shifted(set: &str, unit: IntervalUnit, back: u32, ahead: u32) -> String {
    let word = unit.word();
    format!(
        "select coalesce(try(p + to_{word}s(n::int)), p) as p from {set} cross join (select unnest(range(-{back}, {ahead} + 1)) as n) as hw_near"
    )
}
