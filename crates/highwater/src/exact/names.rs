//! Names: where the tables and functions of a query lead. The catalog that the analysis asks.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use highwater_sql::{Catalog, ColumnType, Dialect, FunctionKind, TableInfo};

use crate::engine::{Cell, Column, Connection, Quiet, Relation, quote_literal};

use super::error::ExactError;
use super::files::Files;
use super::job::Job;
use super::model::Surroundings;
use super::prepare::column_type;
use super::scans::{Blurred, Scans};

/// Where unqualified names lead.
pub(crate) struct Places {
    database: String,
    /// Schemas, best first.
    schemas: Vec<String>,
    dialect: Dialect,
}

impl Places {
    /// The session's own database and schemas.
    pub fn new(job: &mut Job) -> Result<Self, ExactError> {
        let table = job.query(job.dialect.search_path())?;
        let database = table.rows.first().map(|row| row[0].to_string()).unwrap_or_default();
        let schemas = table.rows.iter().map(|row| row[1].to_string()).collect();
        Ok(Self { database, schemas, dialect: job.dialect })
    }

    /// What a name of one to three parts may mean, best first.
    pub fn candidates(&self, parts: &[String]) -> Vec<Relation> {
        match parts {
            [database, schema, name] => vec![Relation::new(database, schema, name)],
            [first, name] => {
                let own = Relation::new(&self.database, first, name);
                let default = self.dialect.default_schema().map(|schema| Relation::new(first, schema, name));
                std::iter::once(own).chain(default).collect()
            }
            [name] => self.schemas.iter().map(|schema| Relation::new(&self.database, schema, name)).collect(),
            _ => Vec::new(),
        }
    }
}

/// The columns of tables, as far as they have been asked for.
pub(crate) type Columns = HashMap<Relation, KnownColumns>;

/// The columns of a table; none when nobody knows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownColumns {
    /// As the database has them.
    pub plain: Vec<Column>,
    /// As the analysis wants them: with a collation where texts that differ may be equal.
    collated: Vec<Column>,
}

/// Columns of tables, each asked for once.
pub(crate) struct Cached<'a> {
    connection: &'a mut dyn Connection,
    scans: (&'a Scans, Option<Quiet>),
    columns: Columns,
    collated: Option<Collated>,
    ascends: Option<bool>,
}

/// Where texts that differ may be equal.
struct Collated {
    /// Everywhere.
    by_default: bool,
    /// In these.
    relations: Arc<Blurred>,
}

/// Asks the database which of its tables and views may have a collation. Where any table has, any view may.
fn collated(connection: &mut dyn Connection, (scans, since): &(&Scans, Option<Quiet>)) -> Collated {
    let everywhere = Collated { by_default: true, relations: Arc::default() };
    let blurred = connection.dialect().blurred();
    let Ok(default) = connection.query(blurred.everywhere) else { return everywhere };
    let by_default = default.scalar() != Some(&Cell::Boolean(false));
    if let Some(relations) = scans.blurred(connection) {
        return Collated { by_default, relations };
    }
    let Ok(table) = connection.query(blurred.relations) else { return everywhere };
    let relations = table.rows.iter().map(|row| (row[0].to_string(), row[1].to_string(), row[2].to_string()));
    let relations = Arc::new(relations.collect());
    scans.keep_blurred(&relations, since.as_ref());
    Collated { by_default, relations }
}

impl<'a> Cached<'a> {
    /// Nothing asked for yet, by a session that sees the database as it was later than a moment.
    pub fn new(connection: &'a mut dyn Connection, scans: &'a Scans, since: Option<Quiet>) -> Self {
        Self { connection, scans: (scans, since), columns: HashMap::new(), collated: None, ascends: None }
    }

    /// With what is known already.
    pub fn with(self, columns: Columns) -> Self {
        Self { columns, ..self }
    }

    /// Whose SQL the session reads.
    pub fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    /// What has been asked for so far.
    pub fn into_columns(self) -> Columns {
        self.columns
    }

    /// Columns of a relation; none when nobody knows it.
    pub fn columns(&mut self, relation: &Relation) -> Vec<Column> {
        if let Some(known) = self.columns.get(relation) {
            return known.collated.clone();
        }
        let plain = self.connection.columns(relation).unwrap_or_else(|error| {
            // Nobody knows the table then, and the analysis takes it for one it cannot look into.
            tracing::debug!(%relation, %error, "columns");
            Vec::new()
        });
        let collated = if plain.is_empty() { Vec::new() } else { self.with_collation(relation, plain.clone()) };
        self.columns.insert(relation.clone(), KnownColumns { plain, collated: collated.clone() });
        collated
    }

    /// The engine does not tell a column's collation, only the text that made its table. A view, or a table whose text names one, may have
    /// one in any text column; so does everything while one is the default.
    fn with_collation(&mut self, relation: &Relation, mut columns: Vec<Column>) -> Vec<Column> {
        let dialect = self.dialect();
        let known = self.collated.get_or_insert_with(|| collated(self.connection, &self.scans));
        let named = |(database, schema, name): &(String, String, String)| {
            database.eq_ignore_ascii_case(&relation.database)
                && schema.eq_ignore_ascii_case(&relation.schema)
                && name.eq_ignore_ascii_case(&relation.identifier)
        };
        if known.by_default || known.relations.iter().any(named) {
            for column in columns.iter_mut().filter(|column| dialect.is_text(&column.data_type)) {
                column.data_type.push_str(" COLLATE unknown");
            }
        }
        columns
    }

    /// Whether an order ascends that does not say.
    fn ascends(&mut self) -> bool {
        let ask = |connection: &mut dyn Connection| {
            let answer = connection.query(connection.dialect().ascends());
            answer.is_ok_and(|table| table.scalar() == Some(&Cell::Boolean(true)))
        };
        *self.ascends.get_or_insert_with(|| ask(self.connection))
    }

    /// The keys that the database itself keeps to in a table.
    fn constraints(&mut self, relation: &Relation) -> Vec<Vec<String>> {
        let dialect = self.dialect();
        let table = self.asked(relation, |database, schema, name| dialect.unique_keys(database, schema, name));
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in &table {
            keys.entry(row[0].to_string()).or_default().push(row[1].to_string());
        }
        keys.into_values().collect()
    }

    /// The columns of a table that the database itself keeps from being NULL.
    fn never_null(&mut self, relation: &Relation) -> Vec<String> {
        let dialect = self.dialect();
        let table = self.asked(relation, |database, schema, name| dialect.never_null(database, schema, name));
        table.iter().map(|row| row[0].to_string()).collect()
    }

    /// What the catalogue answers to a question about a relation; nothing where it does not.
    fn asked(&mut self, relation: &Relation, question: impl Fn(&str, &str, &str) -> String) -> Vec<Vec<Cell>> {
        let [database, schema, name] =
            [&relation.database, &relation.schema, &relation.identifier].map(|part| quote_literal(part));
        let asked = self.connection.query(&question(&database, &schema, &name));
        asked.map(|table| table.rows).unwrap_or_else(|error| {
            tracing::debug!(%relation, %error, "what is declared");
            Vec::new()
        })
    }

    /// The columns of a query's result; none when the engine does not understand it.
    pub fn describe(&mut self, query: &str) -> Option<Vec<ColumnType>> {
        let described = self.connection.describe(query);
        // The question was ours, and so is a wrong one: what has no answer has no type.
        let columns = described.map_err(|error| tracing::debug!(query, %error, "describe")).ok()?;
        Some(columns.iter().map(column_type).collect())
    }

    /// What a function is. The engine is asked, because macros of the database hide its own functions, and extensions bring aggregates that
    /// no list of ours can know.
    pub fn function(&mut self, around: &Surroundings, name: &str) -> FunctionKind {
        let kind = around.functions.0.get_or_init(|| functions(self.connection)).get(name).copied();
        let listed = self.dialect().builtin(name);
        match (listed, kind) {
            (_, Some(FunctionKind::Macro)) => FunctionKind::Macro,
            (FunctionKind::Scalar, Some(kind)) if !self.dialect().is_unremarkable(name) => kind,
            _ => listed,
        }
    }

    /// The relation a name means, if there is one.
    pub fn resolve(&mut self, places: &Places, parts: &[String]) -> Option<Relation> {
        places.candidates(parts).into_iter().find(|relation| !self.columns(relation).is_empty())
    }
}

/// The engine's functions by name.
fn functions(connection: &mut dyn Connection) -> HashMap<String, FunctionKind> {
    let question = connection.dialect().functions();
    let rows = connection.query(question).map(|table| table.rows).unwrap_or_else(|error| {
        tracing::debug!(%error, "functions");
        Vec::new()
    });
    let kind = |word: &str| match word {
        "scalar" => FunctionKind::Scalar,
        "aggregate" => FunctionKind::Aggregate,
        "rows" => FunctionKind::Rows,
        "clock" => FunctionKind::Clock,
        "volatile" => FunctionKind::Volatile,
        _ => FunctionKind::Macro,
    };
    // Folded here: a macro of the database may go by the name of the function that would do it there.
    rows.iter().map(|row| (row[0].to_string().to_lowercase(), kind(&row[1].to_string()))).collect()
}

/// The catalog the analysis asks: views of the project first, then what the database has.
pub(crate) struct Tables<'a> {
    /// Where names lead.
    pub places: &'a Places,
    /// Views of the project.
    pub around: &'a Surroundings,
    /// Files that stand where tables do.
    pub files: &'a Files,
    /// What the database has.
    pub session: RefCell<Cached<'a>>,
}

impl Catalog for Tables<'_> {
    fn table(&self, parts: &[String]) -> Option<TableInfo> {
        for relation in self.places.candidates(parts) {
            if let Some(view) = self.around.view(&relation) {
                let sql = self.files.view(&relation).unwrap_or(&view.sql).to_owned();
                return Some(TableInfo::View { sql, label: self.around.label(&relation) });
            }
            let columns = self.session.borrow_mut().columns(&relation);
            if !columns.is_empty() {
                return Some(TableInfo::Table { columns: columns.iter().map(column_type).collect() });
            }
        }
        None
    }

    fn unique_keys(&self, parts: &[String]) -> Vec<Vec<String>> {
        for relation in self.places.candidates(parts) {
            if self.around.view(&relation).is_some() {
                return self.around.unique_keys(&relation);
            }
            let mut session = self.session.borrow_mut();
            if !session.columns(&relation).is_empty() {
                return [self.around.unique_keys(&relation), session.constraints(&relation)].concat();
            }
        }
        Vec::new()
    }

    fn never_null(&self, parts: &[String]) -> Vec<String> {
        for relation in self.places.candidates(parts) {
            let declared = self.around.never_null(&relation);
            if self.around.view(&relation).is_some() {
                return declared.to_vec();
            }
            let mut session = self.session.borrow_mut();
            if !session.columns(&relation).is_empty() {
                return [declared, &session.never_null(&relation)].concat();
            }
        }
        Vec::new()
    }

    fn describe(&self, query: &str) -> Option<Vec<ColumnType>> {
        self.session.borrow_mut().describe(query)
    }

    fn ascends(&self) -> bool {
        self.session.borrow_mut().ascends()
    }

    fn dialect(&self) -> Dialect {
        self.places.dialect
    }

    fn function(&self, name: &str) -> Option<FunctionKind> {
        Some(self.session.borrow_mut().function(self.around, name))
    }
}
