//! Seeds: the rows of a CSV file.
//!
//! The file is read once, as text, into a temporary table; types are found there ([`super::seed_types`]) and the rows
//! cast on their way into the table. A first run and a full refresh build a new table and swap it in; every other run
//! replaces the rows of the table there is, in one transaction.

use indexmap::IndexMap;
use serde_json::Value;

use super::super::failure::Failure;
use super::super::worker::{Outcome, Task};
use super::seed_types::{self, Inferred};
use super::{full_refresh, kind, table};
use crate::diagnostics::Diagnostic;
use crate::engine::{Column, EngineError, Relation, RelationKind, quote_identifier, quote_literal};

/// Loads the file into the seed's table.
pub(crate) fn build(task: &Task<'_>) -> Result<Outcome, Failure> {
    let node = task.node;
    let relation = &node.relation;
    let staged = stage(task)?;
    let columns = typed_columns(task, &staged)?;
    let fresh = kind(task, relation)? != Some(RelationKind::Table) || full_refresh(task);
    let values: Vec<String> = columns.iter().map(SeedColumn::value).collect();
    let limit = if task.shared.options.empty { "\nlimit 0" } else { "" };
    let rows = if fresh {
        let definition = format!("as (\nselect\n    {}\nfrom {staged}{limit}\n)", values.join(",\n    "));
        table::replace(task, relation, &definition)?
    } else {
        fits(task, relation, &columns)?;
        let names: Vec<&str> = columns.iter().map(|column| column.written.as_str()).collect();
        task.execute(&format!("delete from {relation}"))?;
        task.execute(&format!(
            "insert into {relation} ({})\nselect\n    {}\nfrom {staged}{limit}",
            names.join(", "),
            values.join(",\n    ")
        ))?
    };
    task.connection().execute(&format!("drop table if exists {staged}"))?;
    let code = if full_refresh(task) { "CREATE" } else { "INSERT" };
    Ok(Outcome {
        message: Some(format!("{code} {rows}")),
        code: Some(code),
        ..Outcome::built(RelationKind::Table, Some(rows))
    })
}

/// A column of the file, and what its values become.
struct SeedColumn {
    name: String,
    /// The name as it is written in SQL: quoted, unless `quote_columns` says no.
    written: String,
    data_type: String,
    inferred: bool,
}

impl SeedColumn {
    /// The expression that turns the text into the value.
    fn value(&self) -> String {
        let (name, written) = (quote_identifier(&self.name), &self.written);
        match (self.inferred, self.data_type.as_str()) {
            (true, "VARCHAR") if name == *written => name,
            (true, "VARCHAR") => format!("{name} as {written}"),
            (true, data_type) => format!("cast({} as {data_type}) as {written}", seed_types::meant(&name)),
            (false, data_type) => format!("cast({name} as {data_type}) as {written}"),
        }
    }
}

/// Reads the file as text.
fn stage(task: &Task<'_>) -> Result<Relation, Failure> {
    let node = task.node;
    let path = node.root.join(&node.original_file_path);
    let staged = Relation::new("temp", "main", format!("{}__csv", node.relation.identifier));
    if node.config.text("delimiter") == Some("") {
        return Err(Diagnostic::error("HW0208", format!("the delimiter of the seed `{}` is empty", node.name))
            .help("set `delimiter` to the character between the values, such as \";\"")
            .into());
    }
    let sql = format!(
        "create or replace temp table {staged} as select * from read_csv({}, all_varchar = true, header = true, \
         delim = {}, quote = {}, escape = '\"', nullstr = '', skip = 0)",
        quote_literal(&path.to_string_lossy()),
        quote_literal(node.config.text("delimiter").unwrap_or(",")),
        quote_literal(node.config.text("quote").unwrap_or("\""))
    );
    match task.connection().execute(&sql) {
        Ok(_) => Ok(staged),
        Err(EngineError::Statement { message, .. }) => Err(unreadable(task, &message).into()),
        Err(error) => Err(error.into()),
    }
}

fn unreadable(task: &Task<'_>, message: &str) -> Diagnostic {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let mut diagnostic =
        Diagnostic::error("HW0420", format!("cannot read {} as CSV", task.node.original_file_path)).note(first);
    // What follows are the engine's own settings, which nobody who writes a seed can change.
    for line in lines.take_while(|line| !line.starts_with("Possible") && !line.starts_with("file ")) {
        diagnostic = diagnostic.note(line);
    }
    diagnostic.help("every line needs as many values as the header; set `delimiter` when it is not a comma")
}

fn typed_columns(task: &Task<'_>, staged: &Relation) -> Result<Vec<SeedColumn>, Failure> {
    let names: Vec<String> = task.connection().columns(staged)?.into_iter().map(|column| column.name).collect();
    let configured = configured_types(task);
    let quoted = task.node.config.flag("quote_columns").unwrap_or(true);
    let inferred = seed_types::infer(task.connection().as_mut(), staged, &names)?;
    Ok(names
        .into_iter()
        .zip(inferred)
        .map(|(name, inferred)| {
            let written = if quoted { quote_identifier(&name) } else { name.clone() };
            match configured.get(&name.to_lowercase()) {
                Some(data_type) => SeedColumn { name, written, data_type: data_type.clone(), inferred: false },
                None => SeedColumn { name, written, data_type: Inferred::sql(inferred).to_owned(), inferred: true },
            }
        })
        .collect())
}

/// `column_types`, by lower-case name.
fn configured_types(task: &Task<'_>) -> IndexMap<String, String> {
    let map = task.node.config.get("column_types").and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(name, data_type)| Some((name.to_lowercase(), data_type.as_str()?.to_owned())))
        .collect()
}

/// Refuses to load a file into a table with other columns.
fn fits(task: &Task<'_>, relation: &Relation, columns: &[SeedColumn]) -> Result<(), Failure> {
    let in_table: Vec<Column> = task.connection().columns(relation)?;
    let missing =
        columns.iter().find(|column| !in_table.iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)));
    let Some(missing) = missing else { return Ok(()) };
    Err(Diagnostic::error(
        "HW0421",
        format!("{} has a column that its table lacks: {}", task.node.original_file_path, missing.name),
    )
    .note("a seed's table keeps its columns from run to run")
    .help(format!("hw seed --select {} --full-refresh", task.node.name))
    .into())
}
