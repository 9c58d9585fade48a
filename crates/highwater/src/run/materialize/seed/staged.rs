//! Seeds of an engine that reads files itself.
//!
//! The file is read once, as text, into a temporary table; types are found there ([`super::staged_types`]) and the rows
//! cast on their way into the table.

use super::super::table;
use super::staged_types::{self, Inferred};
use super::{Rows, Task, configured_types, unquoted, unreadable};
use crate::diagnostics::Diagnostic;
use crate::engine::{EngineError, Relation, quote_identifier, quote_literal};
use crate::run::failure::Failure;

/// A file in a temporary table.
pub(super) struct Staged {
    table: Relation,
    columns: Vec<SeedColumn>,
}

/// Reads the file and finds the types of its columns.
pub(super) fn read(task: &Task<'_>) -> Result<Staged, Failure> {
    let table = stage(task)?;
    let columns = typed_columns(task, &table)?;
    Ok(Staged { table, columns })
}

impl Staged {
    fn query(&self, task: &Task<'_>) -> String {
        let values: Vec<String> = self.columns.iter().map(SeedColumn::value).collect();
        let limit = if task.shared.options.empty { "\nlimit 0" } else { "" };
        format!("select\n    {}\nfrom {}{limit}", values.join(",\n    "), self.table)
    }
}

impl Rows for Staged {
    fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| unquoted(&column.written).unwrap_or_else(|| column.name.clone())).collect()
    }

    fn build(&self, task: &Task<'_>, relation: &Relation) -> Result<u64, Failure> {
        table::replace(task, relation, &format!("as (\n{}\n)", self.query(task)))
    }

    fn insert(&self, task: &Task<'_>, relation: &Relation) -> Result<u64, Failure> {
        let names: Vec<&str> = self.columns.iter().map(|column| column.written.as_str()).collect();
        task.execute(&format!("insert into {relation} ({})\n{}", names.join(", "), self.query(task)))
    }

    fn clean_up(&self, task: &Task<'_>) -> Result<(), Failure> {
        task.connection().execute(&format!("drop table if exists {}", self.table))?;
        Ok(())
    }
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
            (true, data_type) => format!("cast({} as {data_type}) as {written}", staged_types::meant(&name)),
            (false, data_type) => format!("cast({name} as {data_type}) as {written}"),
        }
    }
}

/// Reads the file as text.
fn stage(task: &Task<'_>) -> Result<Relation, Failure> {
    let node = task.node;
    let path = node.root.join(&node.original_file_path);
    let staged = task.connection().temporary(&format!("{}__csv", node.relation.identifier));
    let delimiter = quote_literal(node.config.text("delimiter").unwrap_or(","));
    let path = quote_literal(&path.to_string_lossy());
    let quote = match node.config.text("quote") {
        Some(quote) => quote.to_owned(),
        None => quote_found(task, &path, &delimiter),
    };
    let sql = format!(
        "create or replace temp table {staged} as select * from read_csv({path}, all_varchar = true, header = true, \
         delim = {delimiter}, quote = {}, escape = '\"', nullstr = '', skip = 0)",
        quote_literal(&quote)
    );
    match task.connection().execute(&sql) {
        Ok(_) => Ok(staged),
        Err(EngineError::Statement { message, .. }) => Err(refused(task, &message).into()),
        Err(error) => Err(error.into()),
    }
}

/// By which character the values of a file seem to be quoted: the copy that dbt makes lets the engine find out.
fn quote_found(task: &Task<'_>, path: &str, delimiter: &str) -> String {
    let sql = format!(
        "select quote from sniff_csv({path}, all_varchar = true, header = true, delim = {delimiter}, skip = 0)"
    );
    let found = task.connection().query(&sql).ok().and_then(|table| Some(table.rows.first()?.first()?.to_string()));
    found.filter(|quote| quote == "'").unwrap_or_else(|| "\"".to_owned())
}

fn refused(task: &Task<'_>, message: &str) -> Diagnostic {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut diagnostic = unreadable(task, lines.next().unwrap_or_default());
    // What follows are the engine's own settings, which nobody who writes a seed can change.
    for line in lines.take_while(|line| !line.starts_with("Possible") && !line.starts_with("file ")) {
        diagnostic = diagnostic.note(line);
    }
    diagnostic
}

fn typed_columns(task: &Task<'_>, staged: &Relation) -> Result<Vec<SeedColumn>, Failure> {
    let names: Vec<String> = task.connection().columns(staged)?.into_iter().map(|column| column.name).collect();
    let configured = configured_types(task);
    let quoted = task.node.config.flag("quote_columns").unwrap_or(true);
    let inferred = staged_types::infer(task.connection().as_mut(), staged, &names)?;
    Ok(names
        .into_iter()
        .zip(inferred)
        .map(|(name, inferred)| {
            let written = if quoted { quote_identifier(&name) } else { name.clone() };
            match configured.get(&name) {
                Some(data_type) => SeedColumn { name, written, data_type: data_type.clone(), inferred: false },
                None => SeedColumn { name, written, data_type: Inferred::sql(inferred).to_owned(), inferred: true },
            }
        })
        .collect())
}
