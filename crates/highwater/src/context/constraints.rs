//! Constraints of columns and tables as SQL, and what to say when a contract is broken.

use highwater_jinja::{Arguments, Error, Value, list, to_json};
use serde_json::Value as Json;

use super::fault::Fault;
use super::generic_test;
use super::relation::RelationValue;
use super::scene::Frame;
use crate::engine::quote_identifier;

/// `adapter.render_raw_columns_constraints(raw_columns)`: one line per column, `id integer not null`.
pub(crate) fn of_columns(frame: &Frame, arguments: &Arguments) -> Result<Value, Error> {
    let columns = written(frame, arguments.required(0, "raw_columns")?)?;
    let lines = columns.as_object().into_iter().flat_map(|columns| columns.values()).map(|column| {
        let name = text(column, "name");
        let name = if column["quote"].as_bool() == Some(true) { quote_identifier(name) } else { name.to_owned() };
        let mut words = vec![name, text(column, "data_type").to_owned()];
        words.extend(items(&column["constraints"]).iter().filter_map(of_column));
        Value::from(words.join(" "))
    });
    Ok(list(lines.collect()))
}

/// `adapter.render_raw_model_constraints(raw_constraints)`: `primary key (a, b)`.
pub(crate) fn of_model(frame: &Frame, arguments: &Arguments) -> Result<Value, Error> {
    let constraints = written(frame, arguments.required(0, "raw_constraints")?)?;
    Ok(list(items(&constraints).iter().filter_map(of_table).map(Value::from).collect()))
}

/// Constraints as data; what foreign keys refer to (`to: ref('x')`) is looked up.
fn written(frame: &Frame, value: &Value) -> Result<Json, Error> {
    let mut json = json(value);
    look_up(frame, &mut json)?;
    Ok(json)
}

fn look_up(frame: &Frame, json: &mut Json) -> Result<(), Error> {
    match json {
        Json::Array(items) => items.iter_mut().try_for_each(|item| look_up(frame, item)),
        Json::Object(entries) => entries.iter_mut().try_for_each(|(key, value)| {
            if key == "to" && value.is_string() {
                *value = Json::String(referred(frame, &generic_test::rendered(frame, value)?));
                return Ok(());
            }
            look_up(frame, value)
        }),
        _ => Ok(()),
    }
}

/// The name of the table that a foreign key refers to.
fn referred(frame: &Frame, table: &Value) -> String {
    match RelationValue::from_value(table) {
        // To DuckDB a name with a database is one of another database, even when it is the same.
        Ok(relation) if frame.scene.project.target.adapter == "duckdb" => relation.without_database().name(),
        Ok(relation) => relation.name(),
        Err(_) => table.to_string(),
    }
}

fn json(value: &Value) -> Json {
    to_json(value).unwrap_or(Json::Null)
}

fn items(value: &Json) -> &[Json] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'j>(value: &'j Json, key: &str) -> &'j str {
    value[key].as_str().unwrap_or_default()
}

fn texts(value: &Json, key: &str) -> String {
    items(&value[key]).iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
}

/// The words of a constraint that stands behind its column.
fn of_column(constraint: &Json) -> Option<String> {
    let expression = text(constraint, "expression");
    let words = match text(constraint, "type") {
        "check" if !expression.is_empty() => format!("check ({expression})"),
        "not_null" => format!("not null {expression}"),
        "unique" => format!("unique {expression}"),
        "primary_key" => format!("primary key {expression}"),
        "foreign_key" => match (text(constraint, "to"), texts(constraint, "to_columns")) {
            ("", _) => format!("references {expression}"),
            (to, columns) => format!("references {to} ({columns})"),
        },
        "custom" => expression.to_owned(),
        _ => return None,
    };
    Some(words.trim().to_owned())
}

/// The words of a constraint of the table as a whole.
fn of_table(constraint: &Json) -> Option<String> {
    let (expression, columns) = (text(constraint, "expression"), texts(constraint, "columns"));
    let space = if expression.is_empty() { "" } else { " " };
    let words = match text(constraint, "type") {
        "check" if !expression.is_empty() => format!("check ({expression})"),
        "unique" => format!("unique{space}{expression} ({columns})"),
        "primary_key" => format!("primary key{space}{expression} ({columns})"),
        "foreign_key" => match (text(constraint, "to"), texts(constraint, "to_columns")) {
            ("", _) => format!("foreign key ({columns}) references {expression}"),
            (to, to_columns) => format!("foreign key ({columns}) references {to} ({to_columns})"),
        },
        "custom" if !expression.is_empty() => expression.to_owned(),
        _ => return None,
    };
    match text(constraint, "name") {
        "" => Some(words),
        name => Some(format!("constraint {name} {words}")),
    }
}

/// `exceptions.raise_contract_error(yaml_columns, sql_columns)`: a table of the columns that differ, dbt's words in it.
pub(crate) fn broken(arguments: &Arguments) -> Result<Error, Error> {
    let promised = json(arguments.required(0, "yaml_columns")?);
    let given = json(arguments.required(1, "sql_columns")?);
    if items(&promised).is_empty() {
        return Ok(Fault::new("HW0422", "the contract is enforced, and no columns are promised")
            .help("list the model's `columns` with `name` and `data_type` in its properties file")
            .into());
    }
    let mut rows = differences(items(&promised), items(&given));
    rows.sort();
    let mut lines = vec![["column_name", "definition_type", "contract_type", "mismatch_reason"].map(str::to_owned)];
    lines.extend(rows);
    let widths: Vec<usize> =
        (0..4).map(|cell| lines.iter().map(|line| line[cell].chars().count()).max().unwrap_or(0)).collect();
    lines.insert(1, [0, 1, 2, 3].map(|cell| "-".repeat(widths[cell])));
    let shown = |line: &[String; 4]| {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let table = lines.iter().map(shown).collect::<Vec<_>>().join("\n");
    let title = "the query's columns are not those that the model's contract promises";
    Ok(Fault::new("HW0422", format!("{title}\n{table}"))
        .help("correct the query, or the `columns` of its properties: their name, data_type and number")
        .into())
}

/// Name, type in the query, type in the contract, and what is wrong.
fn differences(promised: &[Json], given: &[Json]) -> Vec<[String; 4]> {
    let named = |columns: &[Json], name: &str| columns.iter().find(|column| text(column, "name") == name).cloned();
    let mut rows = Vec::new();
    for column in given {
        let (name, data_type) = (text(column, "name"), text(column, "data_type"));
        let row = |contract: &str, reason: &str| [name, data_type, contract, reason].map(str::to_owned);
        match named(promised, name) {
            None => rows.push(row("", "missing in contract")),
            Some(other) if text(&other, "formatted") != text(column, "formatted") => {
                rows.push(row(text(&other, "data_type"), "data type mismatch"));
            }
            Some(_) => {}
        }
    }
    for column in promised.iter().filter(|column| named(given, text(column, "name")).is_none()) {
        let reason = "missing in definition";
        rows.push([text(column, "name"), "", text(column, "data_type"), reason].map(str::to_owned));
    }
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn constraints_of_columns_and_tables() {
        let column = |json: Json| of_column(&json).unwrap_or_default();
        assert_eq!(column(json!({"type": "not_null"})), "not null");
        assert_eq!(column(json!({"type": "check", "expression": "id > 0"})), "check (id > 0)");
        assert_eq!(column(json!({"type": "foreign_key", "to": "t", "to_columns": ["id"]})), "references t (id)");
        assert_eq!(column(json!({"type": "custom", "expression": "collate nocase"})), "collate nocase");
        let table = |json: Json| of_table(&json).unwrap_or_default();
        assert_eq!(table(json!({"type": "primary_key", "columns": ["a", "b"]})), "primary key (a, b)");
        assert_eq!(table(json!({"type": "unique", "name": "once", "columns": ["a"]})), "constraint once unique (a)");
    }
}
