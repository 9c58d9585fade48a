//! The logic of a model: everything that decides what a partition holds besides the data. When it changes, everything is built anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use highwater_sql::{Analysis, ColumnType};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::engine::Column;

use super::axis::Axis;
use super::error::ExactError;
use super::job::Job;
use super::prepare::Input;

/// Raised whenever the rules behind dirty sets, slices or fingerprints change: what was built by other rules is built anew.
const RULES: u32 = 3;

/// Everything that decides what a partition holds besides the data, part by part, so that a run can say which part changed.
pub(super) fn logic(
    job: &mut Job,
    axis: &Axis,
    output: &[ColumnType],
    analysis: &Analysis,
    inputs: &[Input],
    engine_version: &str,
) -> Result<Value, ExactError> {
    let names = job.dialect.settings();
    // Each for itself, because to list all that there are takes longer than a look at a small table.
    let asked: Vec<String> = names.iter().map(|name| job.dialect.setting(name)).collect();
    let told = job.query(&format!("select {}", asked.join(", ")))?;
    let told = names.iter().zip(told.rows.into_iter().flatten()).filter(|(_, value)| !value.is_null());
    let mut settings: BTreeMap<&str, String> = told.map(|(name, value)| (*name, value.to_string())).collect();
    let zone = settings.remove("TimeZone");
    let mut sources = serde_json::Map::new();
    for input in inputs {
        let columns = job.columns(&input.relation)?;
        let used: Vec<String> = columns
            .iter()
            .filter(|column| input.probe.columns.iter().any(|name| name.eq_ignore_ascii_case(&column.name)))
            .map(|column| format!("{} {}", column.name, column.data_type))
            .collect();
        let entry = sources.entry(input.label.clone()).or_insert_with(|| json!([]));
        if let Value::Array(all) = entry {
            all.extend(used.into_iter().map(Value::String).filter(|text| !all.contains(text)).collect::<Vec<_>>());
        }
    }
    Ok(json!({
        "query": sha256(&analysis.canonical),
        "partitioning": axis.partitioning,
        "columns": output,
        "grain": job.model.unique_key,
        "sources": sources,
        "engine": engine_version,
        "time_zone": zone,
        "settings": settings,
        "rules": RULES,
    }))
}

/// What changed between two versions of a model's logic, in words.
pub(crate) fn logic_change(before: &Value, now: &Value) -> String {
    let part = |key: &str| (before.get(key), now.get(key));
    let differs = |key: &str| before.get(key) != now.get(key);
    if differs("query") {
        return "the query changed".to_owned();
    }
    if differs("columns") {
        return format!("its columns changed: {}", column_change(&columns_of(before), &columns_of(now)));
    }
    if differs("partitioning") {
        return "its partitioning changed".to_owned();
    }
    if differs("grain") {
        return "its unique_key changed".to_owned();
    }
    if let (Some(before), Some(now)) = part("sources")
        && before != now
    {
        let changed = now
            .as_object()
            .and_then(|tables| tables.iter().find(|(table, columns)| before.get(table) != Some(columns)));
        return changed.map_or_else(
            || "the tables it reads changed".to_owned(),
            |(table, _)| format!("the columns of {table} changed"),
        );
    }
    if let (Some(Value::String(before)), Some(Value::String(now))) = part("engine")
        && before != now
    {
        return format!("the engine changed from {before} to {now}");
    }
    if differs("settings") {
        return "a setting of the session changed".to_owned();
    }
    if differs("time_zone") {
        return "the session's time zone changed".to_owned();
    }
    "it was built by the rules of another version of Highwater".to_owned()
}

/// The columns in a recorded logic.
pub(crate) fn columns_of(logic: &Value) -> Vec<(String, String)> {
    let text = |column: &Value, key: &str| column.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let columns = logic.get("columns").and_then(Value::as_array).cloned().unwrap_or_default();
    columns.iter().map(|column| (text(column, "name"), text(column, "data_type"))).collect()
}

/// How one list of columns became another: `+discount DECIMAL(9,2), -note, id INTEGER to BIGINT`.
pub(crate) fn column_change(before: &[(String, String)], now: &[(String, String)]) -> String {
    let find = |columns: &[(String, String)], name: &str| columns.iter().find(|(other, _)| other == name).cloned();
    let mut changes = Vec::new();
    for (name, data_type) in now {
        match find(before, name) {
            None => changes.push(format!("+{name} {data_type}")),
            Some((_, old)) if old != *data_type => changes.push(format!("{name} {old} to {data_type}")),
            Some(_) => {}
        }
    }
    changes.extend(before.iter().filter(|(name, _)| find(now, name).is_none()).map(|(name, _)| format!("-{name}")));
    if changes.is_empty() { "their order".to_owned() } else { changes.join(", ") }
}

/// Columns as pairs of name and type.
pub(crate) fn pairs(columns: &[Column]) -> Vec<(String, String)> {
    columns.iter().map(|column| (column.name.clone(), column.data_type.clone())).collect()
}

/// A SHA-256, in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
