//! Which partitions the rows are in that a test found.
//!
//! Rows that have the columns of the partitioning say it themselves. dbt's own tests on a column return the column's values instead:
//! then all rows with such a value count.

use super::{AuditTest, Staged};
use crate::engine::{Connection, EngineError};

/// The names under which dbt's tests return the values of the column they test.
const VALUES: [&str; 3] = ["unique_field", "value_field", "from_field"];

/// A query for the partitions `p` of the rows that a test finds; none when they do not say. `sql` is the test over the rows of `query`.
///
/// # Errors
/// When the engine cannot describe the test's result.
pub(super) fn partitions(
    connection: &mut dyn Connection,
    test: &AuditTest,
    sql: &str,
    query: &str,
    staged: &Staged<'_>,
) -> Result<Option<String>, EngineError> {
    let Some(partition) = &staged.partition else { return Ok(None) };
    let sql = sql.trim().trim_end_matches(';');
    let columns = connection.describe(sql)?;
    let has = |name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    if !staged.columns.is_empty() && staged.columns.iter().all(|column| has(column)) {
        return Ok(Some(format!("select distinct {partition} as p from (\n{sql}\n) as hw_failing")));
    }
    let Some(column) = &test.column else { return Ok(None) };
    let bare = column.trim_matches('"');
    let Some(field) = VALUES.into_iter().chain([bare]).find(|name| has(name)) else { return Ok(None) };
    let dialect = connection.dialect();
    let rows = match &test.condition {
        Some(condition) => format!("select * from (\n{query}\n) as hw_tested where {condition}"),
        None => query.to_owned(),
    };
    Ok(Some(format!(
        "select distinct {partition} as p from (\n{rows}\n) as hw_rows where {} in (select {} from (\n{sql}\n) as hw_failing)",
        dialect.key_hash(std::slice::from_ref(column)),
        dialect.key_hash(&[dialect.quote(field)]),
    )))
}
