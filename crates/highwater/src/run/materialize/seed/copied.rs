//! Seeds of an engine behind a connection: the file is read here and sent as a copy, in which every value that is not
//! NULL stands in quotes.

use super::super::table;
use super::copied_types::{Inferred, infer, is_null, written};
use super::{Rows, Task, configured_types, unquoted, unreadable};
use crate::diagnostics::Diagnostic;
use crate::engine::{Relation, RelationKind, quote_identifier};
use crate::run::failure::Failure;

/// A file in memory.
pub(super) struct Copied {
    columns: Vec<SeedColumn>,
    records: Vec<csv::StringRecord>,
}

/// A column of the file: a type found, or one that the configuration names.
struct SeedColumn {
    name: String,
    /// The name as it is written where the table is made: quoted, unless `quote_columns` says no.
    written: String,
    inferred: Option<Inferred>,
    data_type: String,
}

/// Reads the file and finds the types of its columns.
pub(super) fn read(task: &Task<'_>) -> Result<Copied, Failure> {
    let (names, mut records) = parse(task)?;
    let configured = configured_types(task);
    let folds = task.node.config.flag("quote_columns") == Some(false);
    let columns = names.into_iter().enumerate().map(|(index, name)| {
        let configured = configured.get(&name).cloned();
        let inferred = match configured {
            Some(_) => None,
            None => Some(infer(records.iter().filter_map(|record| record.get(index)))),
        };
        let data_type = configured.unwrap_or_else(|| inferred.map_or("text", Inferred::sql).to_owned());
        // A name without quotes is folded by the engine, and refused where it is no name.
        let written = if folds { name.clone() } else { quote_identifier(&name) };
        let name = if folds { unquoted(&name).unwrap_or_else(|| name.to_lowercase()) } else { name };
        SeedColumn { name, written, inferred, data_type }
    });
    let columns = columns.collect();
    if task.shared.options.empty {
        records.clear();
    }
    Ok(Copied { columns, records })
}

fn parse(task: &Task<'_>) -> Result<(Vec<String>, Vec<csv::StringRecord>), Diagnostic> {
    let config = &task.node.config;
    let byte = |key: &str, default: u8| match config.text(key).map(str::as_bytes) {
        None => Ok(default),
        Some([byte]) => Ok(*byte),
        Some(_) => Err(unreadable(task, &format!("`{key}` must be one character"))),
    };
    let path = task.node.root.join(&task.node.original_file_path);
    let bytes = std::fs::read(&path).map_err(|error| unreadable(task, &error.to_string()))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new();
    reader.delimiter(byte("delimiter", b',')?).quote(byte("quote", b'"')?).flexible(true);
    let mut reader = reader.from_reader(text);
    let names: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) => return Err(unreadable(task, &error.to_string())),
    };
    if let Some(twice) = (1..names.len()).find(|&index| names[..index].contains(&names[index])) {
        return Err(unreadable(task, &format!("two columns are called {}", names[twice])));
    }
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(task, &error.to_string()))?;
        if record.len() > names.len() {
            let line = record.position().map_or(0, csv::Position::line);
            let text = format!("line {line} has {} values, the header {}", record.len(), names.len());
            return Err(unreadable(task, &text));
        }
        records.push(record);
    }
    Ok((names, records))
}

impl Copied {
    /// The rows as the engine reads them. Lines that are too short end with NULLs.
    fn csv(&self) -> String {
        let mut text = String::new();
        for record in &self.records {
            for (index, column) in self.columns.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                if let Some(value) = record.get(index).filter(|value| !is_null(value)) {
                    text.push('"');
                    text.push_str(&written(value, column.inferred).replace('"', "\"\""));
                    text.push('"');
                }
            }
            text.push('\n');
        }
        text
    }
}

impl Rows for Copied {
    fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    fn build(&self, task: &Task<'_>, relation: &Relation) -> Result<u64, Failure> {
        let draft = table::draft_of(task, relation);
        table::drop_existing(task, &draft)?;
        let columns = self.columns.iter().map(|column| format!("{} {}", column.written, column.data_type));
        let unlogged = if task.node.config.flag("unlogged") == Some(true) { "unlogged " } else { "" };
        let columns: Vec<String> = columns.collect();
        task.execute(&format!("create {unlogged}table {draft} (\n    {}\n)", columns.join(",\n    ")))?;
        let rows = self.insert(task, &draft)?;
        table::swap(task, relation, &draft, RelationKind::Table)?;
        Ok(rows)
    }

    fn insert(&self, task: &Task<'_>, relation: &Relation) -> Result<u64, Failure> {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        Ok(task.connection().copy_in(relation, &names, &self.csv())?)
    }

    fn clean_up(&self, _task: &Task<'_>) -> Result<(), Failure> {
        Ok(())
    }
}
