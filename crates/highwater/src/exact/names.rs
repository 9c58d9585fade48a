//! Names: where the tables and functions of a query lead. The catalog that the analysis asks.

use std::cell::RefCell;
use std::collections::HashMap;

use highwater_sql::{Catalog, ColumnType, FunctionKind, TableInfo};

use crate::engine::{Column, Connection, Relation};

use super::error::ExactError;
use super::job::Job;
use super::model::Surroundings;
use super::prepare::column_type;

/// Where unqualified names lead.
pub(super) struct Places {
    database: String,
    schema: String,
}

impl Places {
    /// The session's own database and schema.
    pub fn new(job: &mut Job) -> Result<Self, ExactError> {
        let table = job.query("select current_database(), current_schema()")?;
        let text = |index: usize| table.rows.first().map(|row| row[index].to_string()).unwrap_or_default();
        Ok(Self { database: text(0), schema: text(1) })
    }

    /// What a name of one to three parts may mean, best first.
    pub fn candidates(&self, parts: &[String]) -> Vec<Relation> {
        match parts {
            [database, schema, name] => vec![Relation::new(database, schema, name)],
            [first, name] => {
                vec![Relation::new(&self.database, first, name), Relation::new(first, "main", name)]
            }
            [name] => vec![Relation::new(&self.database, &self.schema, name)],
            _ => Vec::new(),
        }
    }
}

/// Columns of tables, each asked for once.
pub(super) struct Cached<'a> {
    connection: &'a mut dyn Connection,
    columns: HashMap<Relation, Vec<Column>>,
    collated: Option<Collated>,
}

/// Where texts that differ may be equal.
struct Collated {
    /// Everywhere.
    by_default: bool,
    /// In these tables and views: database, schema, name.
    relations: Vec<(String, String, String)>,
}

/// Asks the database which of its tables and views may have a collation. Where any table has, any view may.
fn collated(connection: &mut dyn Connection) -> Collated {
    let everywhere = Collated { by_default: true, relations: Vec::new() };
    let Ok(default) = connection.query("select coalesce(current_setting('default_collation'), '')") else {
        return everywhere;
    };
    let by_default = default.scalar().is_some_and(|value| !value.to_string().is_empty());
    let found = connection.query(
        "with made as (select database_name, schema_name, table_name as name, sql, false as is_view from duckdb_tables() \
         union all select database_name, schema_name, view_name, sql, true from duckdb_views() where not internal) \
         select database_name, schema_name, name from made \
         where sql ilike '%collate%' or (is_view and (select bool_or(sql ilike '%collate%') from made))",
    );
    let Ok(table) = found else { return everywhere };
    let relations = table.rows.iter().map(|row| (row[0].to_string(), row[1].to_string(), row[2].to_string()));
    Collated { by_default, relations: relations.collect() }
}

impl<'a> Cached<'a> {
    /// Nothing asked for yet.
    pub fn new(connection: &'a mut dyn Connection) -> Self {
        Self::with(connection, HashMap::new())
    }

    /// With what is known already.
    pub fn with(connection: &'a mut dyn Connection, columns: HashMap<Relation, Vec<Column>>) -> Self {
        Self { connection, columns, collated: None }
    }

    /// What has been asked for so far.
    pub fn into_columns(self) -> HashMap<Relation, Vec<Column>> {
        self.columns
    }

    /// Columns of a relation; none when nobody knows it.
    pub fn columns(&mut self, relation: &Relation) -> Vec<Column> {
        if let Some(columns) = self.columns.get(relation) {
            return columns.clone();
        }
        let columns = self.connection.columns(relation).unwrap_or_else(|error| {
            // Nobody knows the table then, and the analysis takes it for one it cannot look into.
            tracing::debug!(%relation, %error, "columns");
            Vec::new()
        });
        let columns = if columns.is_empty() { columns } else { self.with_collation(relation, columns) };
        self.columns.insert(relation.clone(), columns.clone());
        columns
    }

    /// The engine does not tell a column's collation, only the text that made its table. A view, or a table whose text names one, may have
    /// one in any text column; so does everything while one is the default.
    fn with_collation(&mut self, relation: &Relation, mut columns: Vec<Column>) -> Vec<Column> {
        let known = self.collated.get_or_insert_with(|| collated(self.connection));
        let named = |(database, schema, name): &(String, String, String)| {
            database.eq_ignore_ascii_case(&relation.database)
                && schema.eq_ignore_ascii_case(&relation.schema)
                && name.eq_ignore_ascii_case(&relation.identifier)
        };
        if known.by_default || known.relations.iter().any(named) {
            for column in columns.iter_mut().filter(|column| column.data_type.eq_ignore_ascii_case("varchar")) {
                column.data_type.push_str(" COLLATE unknown");
            }
        }
        columns
    }

    /// What a function is. The engine is asked, because macros of the database hide its own functions, and extensions bring aggregates that
    /// no list of ours can know.
    fn function(&mut self, around: &Surroundings, name: &str) -> FunctionKind {
        let kind = around.functions.0.get_or_init(|| functions(self.connection)).get(name).copied();
        let listed = builtin(name);
        match (listed, kind) {
            (_, Some(FunctionKind::Macro)) => FunctionKind::Macro,
            (FunctionKind::Scalar, Some(kind)) if !UNREMARKABLE.contains(&name) => kind,
            _ => listed,
        }
    }

    /// The relation a name means, if there is one.
    pub fn resolve(&mut self, places: &Places, parts: &[String]) -> Option<Relation> {
        places.candidates(parts).into_iter().find(|relation| !self.columns(relation).is_empty())
    }
}

/// Functions that the engine lists among aggregates because they need a window, or among those that answer anew though they do not.
const UNREMARKABLE: &[&str] = &[
    "cume_dist",
    "dense_rank",
    "error",
    "fill",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "rank_dense",
    "row_number",
    "stats",
];

/// What our own lists say of a function.
fn builtin(name: &str) -> FunctionKind {
    highwater_sql::functions::builtin(name).unwrap_or(FunctionKind::Scalar)
}

/// The engine's functions by name. Macros that come with the engine are as known as its functions; those of the database are not.
fn functions(connection: &mut dyn Connection) -> HashMap<String, FunctionKind> {
    let table = connection.query(
        "select function_name, function_type, stability from duckdb_functions() \
         where not internal or function_type in ('scalar', 'aggregate') order by internal desc",
    );
    let rows = table.map(|table| table.rows).unwrap_or_else(|error| {
        tracing::debug!(%error, "functions");
        Vec::new()
    });
    let mut functions = HashMap::new();
    for row in &rows {
        let kind = match (row[1].as_text(), row[2].as_text()) {
            (Some("aggregate"), _) => FunctionKind::Aggregate,
            (Some("scalar"), Some("CONSISTENT")) => FunctionKind::Scalar,
            (Some("scalar"), Some("CONSISTENT_WITHIN_QUERY")) => FunctionKind::Clock,
            (Some("scalar"), _) => FunctionKind::Volatile,
            (Some("macro" | "table_macro"), _) => FunctionKind::Macro,
            _ => continue,
        };
        // Not by the engine: a macro of the database may go by the name of the function that would do it.
        functions.insert(row[0].to_string().to_lowercase(), kind);
    }
    functions
}

/// The catalog the analysis asks: views of the project first, then what the database has.
pub(super) struct Tables<'a> {
    /// Where names lead.
    pub places: &'a Places,
    /// Views of the project.
    pub around: &'a Surroundings,
    /// What the database has.
    pub session: RefCell<Cached<'a>>,
}

impl Catalog for Tables<'_> {
    fn table(&self, parts: &[String]) -> Option<TableInfo> {
        for relation in self.places.candidates(parts) {
            if let Some(view) = self.around.view(&relation) {
                return Some(TableInfo::View { sql: view.sql.clone(), label: self.around.label(&relation) });
            }
            let columns = self.session.borrow_mut().columns(&relation);
            if !columns.is_empty() {
                return Some(TableInfo::Table { columns: columns.iter().map(column_type).collect() });
            }
        }
        None
    }

    fn describe(&self, query: &str) -> Option<Vec<ColumnType>> {
        let described = self.session.borrow_mut().connection.describe(query);
        // The question was ours, and so is a wrong one: what has no answer has no type.
        let columns = described.map_err(|error| tracing::debug!(query, %error, "describe")).ok()?;
        Some(columns.iter().map(column_type).collect())
    }

    fn function(&self, name: &str) -> Option<FunctionKind> {
        Some(self.session.borrow_mut().function(self.around, name))
    }
}
