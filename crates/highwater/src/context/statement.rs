//! Results of statements, kept by name for the rest of the rendering.

use highwater_jinja::{Value, dict, function, list};

use super::scene::{Frame, lock};

/// `load_result(name)`: `response`, `data`, `table`; none when there was no such statement.
pub(crate) fn load_result(frame: &Frame) -> Value {
    let scene = frame.scene.clone();
    function("load_result", move |arguments| {
        let name = arguments.required_text(0, "name")?;
        let found = lock(&scene.results).get(&name).cloned();
        Ok(found.unwrap_or_else(|| Value::from(())))
    })
}

/// `store_result(name, response, agate_table)`.
pub(crate) fn store_result(frame: &Frame) -> Value {
    let scene = frame.scene.clone();
    function("store_result", move |arguments| {
        let name = arguments.required_text(0, "name")?;
        let response = arguments.required(1, "response")?.clone();
        let table = arguments.get(2, "agate_table").cloned().unwrap_or_else(|| Value::from(()));
        lock(&scene.results).insert(name, result(response, table));
        Ok(Value::from(""))
    })
}

/// `store_raw_result(name, message, code, rows_affected, agate_table)`.
pub(crate) fn store_raw_result(frame: &Frame) -> Value {
    let scene = frame.scene.clone();
    function("store_raw_result", move |arguments| {
        let name = arguments.required_text(0, "name")?;
        let given = |index, key| arguments.get(index, key).cloned().unwrap_or_else(|| Value::from(()));
        let response = response(&given(1, "message"), &given(2, "code"), given(3, "rows_affected"));
        lock(&scene.results).insert(name, result(response, given(4, "agate_table")));
        Ok(Value::from(""))
    })
}

/// What the database said about a statement.
pub(crate) fn response(message: &Value, code: &Value, rows: Value) -> Value {
    dict(vec![
        (Value::from("_message"), message.clone()),
        (Value::from("code"), code.clone()),
        (Value::from("rows_affected"), rows),
    ])
}

fn result(response: Value, table: Value) -> Value {
    let rows = table.get_attr("rows").ok().filter(|rows| !rows.is_undefined());
    let data = rows.and_then(|rows| rows.try_iter().ok().map(|rows| list(rows.map(row_values).collect())));
    dict(vec![
        (Value::from("response"), response),
        (Value::from("data"), data.unwrap_or_else(|| list(Vec::new()))),
        (Value::from("table"), table),
    ])
}

fn row_values(row: Value) -> Value {
    row.try_iter().map(|values| list(values.collect())).unwrap_or(row)
}
