//! DuckDB, embedded: one database file, one process, many sessions.

mod errors;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;
use highwater_sql::Dialect;
use jiff::civil;

use self::errors::{is_missing, message_of, statement_error};
use super::comment::Sent;
use super::quiet::{AsOf, Quiet, UnderWay, Writes, may_write};
use super::{
    Cell, Column, Comment, Connection, Engine, EngineError, Obstacle, Relation, RelationKind, Remarks, Table,
    quote_literal,
};

/// A DuckDB database: a file, or memory.
pub struct DuckDb {
    first: Mutex<duckdb::Connection>,
    path: PathBuf,
    version: String,
    prologue: String,
    writes: Arc<Writes>,
}

impl DuckDb {
    /// Opens (and if need be creates) the database file; `:memory:` keeps it in memory. `prologue` runs in every new session:
    /// the profile's settings, extensions and attached databases.
    ///
    /// # Errors
    /// [`EngineError::Locked`] when another process holds the file, [`EngineError::Open`] when it is no database.
    pub fn open(path: &Path, prologue: &str) -> Result<Self, EngineError> {
        let opened = if path == Path::new(":memory:") {
            duckdb::Connection::open_in_memory()
        } else {
            duckdb::Connection::open(path)
        };
        let first = opened.map_err(|error| {
            let (path, message) = (path.display().to_string(), message_of(&error));
            if message.contains("Could not set lock") || message.contains("being used by another process") {
                EngineError::Locked { path, message }
            } else {
                EngineError::Open { path, message, obstacle: Obstacle::File }
            }
        })?;
        let version = first.version().map_err(|error| statement_error(&error, &Sent::plain("select version()")))?;
        Ok(Self {
            first: Mutex::new(first),
            path: path.to_path_buf(),
            version,
            prologue: prologue.to_owned(),
            writes: Arc::default(),
        })
    }

    /// The name DuckDB gives the database: the file's stem.
    pub fn database(&self) -> String {
        match self.path.to_str() {
            Some(":memory:") => "memory".to_owned(),
            _ => self.path.file_stem().map_or_else(|| "memory".to_owned(), |stem| stem.to_string_lossy().into_owned()),
        }
    }
}

impl Engine for DuckDb {
    fn connect(&self) -> Result<Box<dyn Connection>, EngineError> {
        // Held to the end: two sessions must not attach the same database, or make the same secret, at once.
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let session = first.try_clone().map_err(|error| EngineError::Open {
            path: self.path.display().to_string(),
            message: message_of(&error),
            obstacle: Obstacle::File,
        })?;
        let writes = Arc::clone(&self.writes);
        let mut session =
            Session { session, writes, exclusive: self.exclusive(), swaps: false, keeps_books: true, comment: None };
        // Casts between instants and days must not depend on where the command runs.
        session.execute("set TimeZone = 'UTC'")?;
        if !self.prologue.trim().is_empty() {
            session.execute(&self.prologue)?;
        }
        session.keeps_books = false;
        Ok(Box::new(session))
    }

    fn adapter(&self) -> &'static str {
        "duckdb"
    }

    fn title(&self) -> &'static str {
        "DuckDB"
    }

    fn exclusive(&self) -> Option<String> {
        // The file is locked as long as it is open for writing. What is attached besides, or lies on a server, is another matter.
        (self.path == Path::new(":memory:") || self.path.is_file()).then(|| self.database())
    }

    fn free_bytes(&self) -> Option<u64> {
        let folder = match self.path.parent() {
            Some(folder) if folder == Path::new("") => Path::new("."),
            Some(folder) => folder,
            None => return None,
        };
        if !self.path.is_file() {
            return None;
        }
        let room = rustix::fs::statvfs(folder).ok()?;
        room.f_bavail.checked_mul(room.f_frsize)
    }

    fn version(&self) -> &str {
        &self.version
    }
}

struct Session {
    session: duckdb::Connection,
    /// What all sessions write.
    writes: Arc<Writes>,
    /// The database that no other process can write.
    exclusive: Option<String>,
    /// Whether it is in a transaction of [`Connection::begin_snapshot`].
    swaps: bool,
    /// See [`Connection::keep_books`].
    keeps_books: bool,
    /// See [`Connection::set_comment`].
    comment: Option<Comment>,
}

impl Session {
    /// Counts a statement that may write, from now until what is returned goes.
    fn counted(&self, sql: &str) -> Option<UnderWay> {
        (!self.swaps && !self.keeps_books && may_write(sql)).then(|| self.writes.begin())
    }

    fn send(&self, sent: &Sent<'_>) -> Result<u64, EngineError> {
        let _under_way = self.counted(sent.sql);
        let changed = self.session.execute(&sent.text, []).map_err(|error| statement_error(&error, sent))?;
        Ok(changed as u64)
    }
}

impl Connection for Session {
    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn set_comment(&mut self, comment: Option<Comment>) {
        self.comment = comment;
    }

    fn comment(&self) -> Option<&Comment> {
        self.comment.as_ref()
    }

    fn execute(&mut self, sql: &str) -> Result<u64, EngineError> {
        self.send(&Sent::new(sql, self.comment()))
    }

    fn query(&mut self, sql: &str) -> Result<Table, EngineError> {
        let _under_way = self.counted(sql);
        let sent = Sent::new(sql, self.comment());
        let mut statement = self.session.prepare(&sent.text).map_err(|error| statement_error(&error, &sent))?;
        let batches: Vec<_> = statement.query_arrow([]).map_err(|error| statement_error(&error, &sent))?.collect();
        let schema = statement.schema();
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column { name: field.name().clone(), data_type: type_name(field.data_type()) })
            .collect();
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                rows.push(batch.columns().iter().map(|column| cell(column, row)).collect());
            }
        }
        Ok(Table { columns, rows })
    }

    fn create_as(&mut self, sql: &str) -> Result<u64, EngineError> {
        // The statement is answered with the number of rows, as a table of one cell.
        let rows = self.query(sql)?.scalar().and_then(Cell::as_integer);
        Ok(rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, EngineError> {
        // Binding one table is much cheaper than listing the columns of all.
        match self.describe(&relation.sql()) {
            Err(EngineError::Statement { message, .. }) if is_missing(&message) => Ok(Vec::new()),
            answer => answer,
        }
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<Column>, EngineError> {
        Ok(names_and_types(&self.query(&format!("describe {}", sql.trim_end().trim_end_matches(';')))?))
    }

    fn begin(&mut self) -> Result<(), EngineError> {
        self.send(&Sent::plain("begin transaction")).map(drop)
    }

    fn begin_snapshot(&mut self) -> Result<(), EngineError> {
        self.begin()?;
        self.swaps = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), EngineError> {
        let answer = self.send(&Sent::plain("commit"));
        self.swaps = false;
        answer.map(drop)
    }

    fn rollback(&mut self) -> Result<(), EngineError> {
        self.swaps = false;
        self.send(&Sent::plain("rollback")).map(drop)
    }

    fn quiet(&mut self) -> Option<Quiet> {
        Some(Quiet { database: self.exclusive.clone()?, as_of: AsOf::Writes(self.writes.so_far()?) })
    }

    fn keep_books(&mut self, only: bool) {
        self.keeps_books = only;
    }

    fn temporary(&self, identifier: &str) -> Relation {
        Relation::new("temp", "main", identifier)
    }

    fn schemas(&mut self, database: &str) -> Result<Vec<String>, EngineError> {
        let table = self.query(&format!(
            "select schema_name from duckdb_schemas() where lower(database_name) = lower({}) order by 1",
            quote_literal(database)
        ))?;
        Ok(table.rows.iter().map(|row| row[0].to_string()).collect())
    }

    fn kind(&mut self, relation: &Relation) -> Result<Option<RelationKind>, EngineError> {
        let views = self.query(&format!(
            "select count(*) from duckdb_views() where not internal and lower(database_name) = lower({}) \
             and lower(schema_name) = lower({}) and lower(view_name) = lower({})",
            quote_literal(&relation.database),
            quote_literal(&relation.schema),
            quote_literal(&relation.identifier)
        ))?;
        if views.scalar().and_then(Cell::as_integer) > Some(0) {
            return Ok(Some(RelationKind::View));
        }
        // Binding one table is much cheaper than listing all, each with the text that would make it.
        Ok((!self.columns(relation)?.is_empty()).then_some(RelationKind::Table))
    }

    fn has_tables(&mut self, database: &str, schema: &str, names: &[&str]) -> Result<bool, EngineError> {
        let tables = names.iter().map(|name| Relation::new(database, schema, *name).sql());
        match self.query(&format!("select 1 from {} where false", tables.collect::<Vec<_>>().join(", "))) {
            Err(EngineError::Statement { message, .. }) if is_missing(&message) => Ok(false),
            answer => answer.map(|_| true),
        }
    }

    fn remarks(&mut self, relation: &Relation) -> Result<Remarks, EngineError> {
        let place = |name: &str| {
            format!(
                "lower(database_name) = lower({}) and lower(schema_name) = lower({}) and lower({name}) = lower({})",
                quote_literal(&relation.database),
                quote_literal(&relation.schema),
                quote_literal(&relation.identifier)
            )
        };
        let table = self.query(&format!(
            "select null, comment from duckdb_tables() where {} union all select null, comment from duckdb_views() where {} \
             union all select column_name, comment from duckdb_columns() where {}",
            place("table_name"),
            place("view_name"),
            place("table_name")
        ))?;
        let mut remarks = Remarks::default();
        for row in table.rows.iter().filter(|row| !row[1].is_null()) {
            match &row[0] {
                Cell::Null => remarks.comment = Some(row[1].to_string()),
                column => {
                    remarks.columns.insert(column.to_string(), row[1].to_string());
                }
            }
        }
        Ok(remarks)
    }

    fn relations(&mut self, database: &str, schema: &str) -> Result<Vec<(Relation, RelationKind)>, EngineError> {
        let table = self.query(&format!(
            "select database_name, schema_name, table_name, 'table' as kind from duckdb_tables() \
             where lower(database_name) = lower({0}) and lower(schema_name) = lower({1}) \
             union all select database_name, schema_name, view_name, 'view' from duckdb_views() \
             where not internal and lower(database_name) = lower({0}) and lower(schema_name) = lower({1}) order by 3",
            quote_literal(database),
            quote_literal(schema)
        ))?;
        let text = |cell: &Cell| cell.to_string();
        Ok(table
            .rows
            .iter()
            .map(|row| {
                let kind = if row[3].as_text() == Some("view") { RelationKind::View } else { RelationKind::Table };
                (Relation::new(text(&row[0]), text(&row[1]), text(&row[2])), kind)
            })
            .collect())
    }
}

fn names_and_types(table: &Table) -> Vec<Column> {
    table.rows.iter().map(|row| Column { name: row[0].to_string(), data_type: row[1].to_string() }).collect()
}

/// DuckDB's name for what arrived as an Arrow type.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Int8 => "TINYINT".into(),
        DataType::Int16 => "SMALLINT".into(),
        DataType::Int32 => "INTEGER".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::UInt8 => "UTINYINT".into(),
        DataType::UInt16 => "USMALLINT".into(),
        DataType::UInt32 => "UINTEGER".into(),
        DataType::UInt64 => "UBIGINT".into(),
        DataType::Float32 => "FLOAT".into(),
        DataType::Float64 => "DOUBLE".into(),
        DataType::Decimal128(38, 0) => "HUGEINT".into(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BLOB".into(),
        DataType::Date32 => "DATE".into(),
        DataType::Timestamp(_, None) => "TIMESTAMP".into(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".into(),
        other => other.to_string(),
    }
}

fn cell(column: &ArrayRef, row: usize) -> Cell {
    if column.is_null(row) {
        return Cell::Null;
    }
    match column.data_type() {
        DataType::Boolean => Cell::Boolean(column.as_boolean().value(row)),
        DataType::Int8 => Cell::Integer(column.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Cell::Integer(column.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Cell::Integer(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Cell::Integer(column.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt8 => Cell::Integer(column.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Cell::Integer(column.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Cell::Integer(column.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Cell::Integer(column.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Float32 => Cell::Float(column.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Cell::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, 0) => Cell::Integer(column.as_primitive::<Decimal128Type>().value(row)),
        DataType::Decimal128(_, _) => Cell::Decimal(written(column, row)),
        DataType::Date32 => date(column.as_primitive::<Date32Type>().value(row), column, row),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            instant(column.as_primitive::<TimestampMicrosecondType>().value(row), zone.is_some(), column, row)
        }
        _ => Cell::Text(written(column, row)),
    }
}

/// The value in Arrow's own writing: lists, structs, intervals and whatever else has no cell of its own.
fn written(column: &ArrayRef, row: usize) -> String {
    array_value_to_string(column, row).unwrap_or_default()
}

fn date(days: i32, column: &ArrayRef, row: usize) -> Cell {
    let epoch = civil::date(1970, 1, 1);
    jiff::Span::new()
        .try_days(i64::from(days))
        .and_then(|span| epoch.checked_add(span))
        .map_or_else(|_| Cell::Text(written(column, row)), Cell::Date)
}

fn instant(microseconds: i64, zoned: bool, column: &ArrayRef, row: usize) -> Cell {
    match jiff::Timestamp::from_microsecond(microseconds) {
        Ok(timestamp) if zoned => Cell::Instant(timestamp),
        Ok(timestamp) => Cell::Timestamp(timestamp.to_zoned(jiff::tz::TimeZone::UTC).datetime()),
        // Years outside -9999..9999, and infinity.
        Err(_) => Cell::Text(written(column, row)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_common_type_come_back_typed() {
        let engine = DuckDb::open(Path::new(":memory:"), "").expect("memory");
        let mut session = engine.connect().expect("session");
        let table = session
            .query(
                "select 1::tinyint, 170141183460469231731687303715884105727::hugeint % 1000, 1.50::decimal(9,2), 'x', \
                 date '2026-02-01', timestamp '2026-02-01 10:00:00', true, null, [1, 2], 0.5::double",
            )
            .expect("query");
        insta::assert_snapshot!(format!("{:?}", table.rows[0]), @r#"[Integer(1), Integer(727), Decimal("1.50"), Text("x"), Date(2026-02-01), Timestamp(2026-02-01T10:00:00), Boolean(true), Null, Text("[1, 2]"), Float(0.5)]"#);
    }

    #[test]
    fn columns_of_what_is_not_there_are_none_and_a_transaction_goes_on() {
        let engine = DuckDb::open(Path::new(":memory:"), "").expect("memory");
        let mut session = engine.connect().expect("session");
        session
            .execute("create table t (a integer, b decimal(9,2)); create view v as select b from t")
            .expect("tables");
        session.begin().expect("transaction");
        let columns = |session: &mut Box<dyn Connection>, database: &str, schema: &str, name: &str| {
            let columns = session.columns(&Relation::new(database, schema, name)).expect(name);
            columns.iter().map(|column| format!("{} {}", column.name, column.data_type)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(columns(&mut session, "memory", "main", "t"), "a INTEGER, b DECIMAL(9,2)");
        for missing in [("memory", "main", "x"), ("memory", "nowhere", "t"), ("nowhere", "main", "t")] {
            assert_eq!(columns(&mut session, missing.0, missing.1, missing.2), "", "{missing:?}");
        }
        assert_eq!(columns(&mut session, "memory", "main", "v"), "b DECIMAL(9,2)");
        session.commit().expect("commit");
    }

    #[test]
    fn a_failed_statement_keeps_its_text() {
        let engine = DuckDb::open(Path::new(":memory:"), "").expect("memory");
        let mut session = engine.connect().expect("session");
        let error = session.execute("select * from nowhere").expect_err("no such table");
        assert!(matches!(error, EngineError::Statement { ref sql, .. } if sql == "select * from nowhere"));
    }
}
