//! Unit tests: a model's query over given rows, compared with the rows that are expected.

use highwater_jinja::{Value, dict, from_json, list};

use super::diff;
use super::failure::Failure;
use super::result::Status;
use super::worker::{Outcome, Task};
use crate::engine::{Cell, Column, quote_identifier};
use crate::manifest::UnitTest;

/// What came of a unit test.
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) failures: u64,
    pub(crate) outcome: Outcome,
}

/// Runs a unit test, whose compiled SQL is its model's query over the given rows.
///
/// # Errors
/// When a query fails: of the model, or one that makes rows of what is expected.
pub(crate) fn run(task: &Task<'_>, test: &UnitTest) -> Result<Verdict, Failure> {
    let columns = task.connection().describe(&task.compiled.sql)?;
    let named = named(test, &columns);
    let expected = match test.expect.rows.as_str() {
        Some(sql) => sql.to_owned(),
        None => expected(task, test, &columns)?,
    };
    let names = list(named.iter().map(|name| Value::from(name.as_str())).collect());
    let arguments = [Value::from(task.compiled.sql.as_str()), Value::from(expected), names];
    let table = task.query(&task.macro_text("get_unit_test_sql", &arguments)?)?;
    let last = table.columns.len().saturating_sub(1);
    let rows_of = |side: &str| {
        let rows = table.rows.iter().filter(|row| row.get(last).and_then(Cell::as_text) == Some(side));
        rows.map(|row| row[..last].iter().map(shown).collect()).collect::<Vec<Vec<String>>>()
    };
    let names: Vec<String> = table.columns[..last].iter().map(|column| column.name.clone()).collect();
    let difference = diff::draw(&names, rows_of("expected"), rows_of("actual"));
    let status = if difference.is_some() { Status::Fail } else { Status::Pass };
    let failures = u64::from(difference.is_some());
    let message = difference.map(|drawn| format!("\n\nactual differs from expected:\n\n{drawn}\n"));
    Ok(Verdict { status, failures, outcome: Outcome { message, ..Outcome::default() } })
}

fn shown(cell: &Cell) -> String {
    if cell.is_null() { "NULL".to_owned() } else { cell.to_string() }
}

/// The columns that are compared, quoted: those of the first expected row, else all.
fn named(test: &UnitTest, columns: &[Column]) -> Vec<String> {
    let first = test.expect.rows.as_array().and_then(|rows| rows.first()).and_then(serde_json::Value::as_object);
    match first {
        None => columns.iter().map(|column| quote_identifier(&column.name)).collect(),
        Some(row) => row
            .keys()
            .filter_map(|name| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
            .map(|column| quote_identifier(&column.name))
            .collect(),
    }
}

/// The expected rows as a query.
fn expected(task: &Task<'_>, test: &UnitTest, columns: &[Column]) -> Result<String, Failure> {
    let by_name = |value: fn(&Column) -> String| {
        dict(columns.iter().map(|column| (column.name.to_lowercase().into(), value(column).into())).collect())
    };
    let types = by_name(|column| column.data_type.clone());
    let quoted = by_name(|column| quote_identifier(&column.name));
    task.macro_text("get_expected_sql", &[from_json(&test.expect.rows), types, quoted])
}
