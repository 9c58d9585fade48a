//! What is known about a model before looking at any data: its columns, its analysis, its inputs, and the version of its logic.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use highwater_sql::dialect::quote;
use highwater_sql::{
    Analysis, Catalog, ColumnType, Finding, FunctionKind, Partitioning, Place, Probe, Request, TableInfo,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::diagnostics::SourceFile;
use crate::engine::{Column, Connection, Relation, quote_literal};

use super::axis::Axis;
use super::error::{ExactError, LocatedFinding};
use super::job::Job;
use super::model::{ExactModel, Surroundings, same};

/// Raised whenever the rules behind dirty sets, slices or fingerprints change: what was built by other rules is built anew.
const RULES: u32 = 1;

/// The analysis of a query; tests give their own.
pub(crate) type Analyse<'a> = &'a dyn Fn(&Request) -> Analysis;

/// A model, looked at.
#[derive(Clone)]
pub(crate) struct Prepared {
    /// The result's columns.
    pub output: Vec<Column>,
    /// How the table is cut.
    pub axis: Axis,
    /// What the query means.
    pub analysis: Analysis,
    /// Its probes, each once.
    pub inputs: Vec<Input>,
    /// For every term of the analysis, its place in `inputs`.
    pub term_inputs: Vec<usize>,
    /// What the logic version is made of, part by part.
    pub logic: Value,
    /// Its hash.
    pub logic_version: String,
}

/// A table to look into, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    /// Names the probe in the ledger, by its content.
    pub id: String,
    /// How.
    pub probe: Probe,
    /// The table.
    pub relation: Relation,
    /// The word for it.
    pub label: String,
    /// What is hashed per row: the columns, and the sign of zero where two equal values may differ.
    pub hashed: Vec<String>,
}

/// Reads the query: binds it, analyses it, finds its inputs.
///
/// # Errors
/// When it does not bind, is refused, or names columns that are not there.
pub(crate) fn prepare(job: &mut Job, engine_version: &str, analyse: Analyse) -> Result<Prepared, ExactError> {
    let prepared = look(job, engine_version, analyse)?;
    if prepared.analysis.refusals.is_empty() {
        Ok(prepared)
    } else {
        let findings = located(job, &prepared.analysis.refusals);
        Err(ExactError::Refused { model: job.label.clone(), findings })
    }
}

/// As [`prepare`], for those who want to see what would be refused.
pub(crate) fn look(job: &mut Job, engine_version: &str, analyse: Analyse) -> Result<Prepared, ExactError> {
    let output = describe(job)?;
    let axis = Axis { partitioning: named_as_in(job.model.partitioning(), &output) };
    check_columns(job, &axis.partitioning, &output)?;
    let places = Places::new(job)?;
    let types: Vec<ColumnType> = output.iter().map(column_type).collect();
    let catalog = Tables { places: &places, around: job.around, session: RefCell::new(Cached::new(job.connection)) };
    let mut analysis =
        analyse(&Request { sql: &job.model.sql, catalog: &catalog, output: &types, partitioning: &axis.partitioning });
    let mut cached = catalog.session.into_inner();
    let (inputs, term_inputs) = inputs(&analysis, &places, job.around, &mut cached);
    refuse_itself(job, &inputs, &mut analysis);
    let logic = logic(job, &axis, &types, &analysis, &inputs, engine_version)?;
    let logic_version = sha256(&logic.to_string());
    Ok(Prepared { output, axis, analysis, inputs, term_inputs, logic, logic_version })
}

/// The result's columns, as a table made of it has them: a column of nothing but NULL becomes one of integers.
fn describe(job: &mut Job) -> Result<Vec<Column>, ExactError> {
    let mut output = job
        .connection
        .describe(&job.model.sql)
        .map_err(|error| ExactError::Unbound { model: job.label.clone(), message: error.to_string() })?;
    for column in output.iter_mut().filter(|column| column.data_type.trim_matches('"') == "NULL") {
        column.data_type = "INTEGER".to_owned();
    }
    Ok(output)
}

/// Findings with the compiled texts that their places point into.
pub(crate) fn located(job: &Job, findings: &[Finding]) -> Vec<LocatedFinding> {
    let own = source(&job.label, &job.model.sql);
    let find = |place: &Option<Place>| {
        let view = place.as_ref().and_then(|place| place.view.as_ref())?;
        let (relation, text) = job.around.views.iter().find(|(relation, _)| job.around.label(relation) == *view)?;
        Some(source(&job.around.label(relation), &text.sql))
    };
    findings
        .iter()
        .map(|finding| LocatedFinding {
            finding: finding.clone(),
            file: find(&finding.place).unwrap_or_else(|| Arc::clone(&own)),
        })
        .collect()
}

fn source(label: &str, text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { path: format!("{label} (compiled)"), text: text.to_owned() })
}

/// A query that reads the table it fills has no rebuild to be equal to: what it yields depends on what was there before.
fn refuse_itself(job: &Job, inputs: &[Input], analysis: &mut Analysis) {
    let Some(input) = inputs.iter().position(|input| same(&input.relation, &job.model.relation)) else { return };
    let table = &inputs[input].probe.table;
    let place =
        analysis.occurrences.iter().find(|occurrence| occurrence.table == *table).and_then(|found| found.place.clone());
    analysis.refusals.push(Finding {
        rule: "reads-itself",
        message: format!(
            "the query reads {}, the table it fills: what it yields depends on what was there before",
            job.label
        ),
        help: "write the plain select over the sources; finding out what changed is the exact strategy's work"
            .to_owned(),
        place,
    });
}

/// The partitioning with its columns written as the result writes them.
fn named_as_in(partitioning: Partitioning, output: &[Column]) -> Partitioning {
    let written = |name: String| {
        output.iter().find(|column| column.name.eq_ignore_ascii_case(&name)).map_or(name, |column| column.name.clone())
    };
    match partitioning {
        Partitioning::Interval { column, unit } => Partitioning::Interval { column: written(column), unit },
        Partitioning::Key { columns } => Partitioning::Key { columns: columns.into_iter().map(written).collect() },
        Partitioning::Whole => Partitioning::Whole,
    }
}

fn check_columns(job: &Job, partitioning: &Partitioning, output: &[Column]) -> Result<(), ExactError> {
    let find = |name: &str| output.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    let missing = |key, column: &str| ExactError::MissingColumn {
        model: job.label.clone(),
        key,
        column: column.to_owned(),
        columns: output.iter().map(|column| column.name.clone()).collect(),
    };
    if let Partitioning::Interval { column, .. } = partitioning {
        let found = find(column).ok_or_else(|| missing("event_time", column))?;
        let data_type = found.data_type.to_uppercase();
        if data_type != "DATE" && !data_type.starts_with("TIMESTAMP") {
            return Err(ExactError::EventTimeType {
                model: job.label.clone(),
                column: found.name.clone(),
                data_type: found.data_type.clone(),
            });
        }
    }
    match job.model.unique_key.iter().find(|column| find(column).is_none()) {
        Some(column) => Err(missing("unique_key", column)),
        None => Ok(()),
    }
}

/// Where unqualified names lead.
struct Places {
    database: String,
    schema: String,
}

impl Places {
    fn new(job: &mut Job) -> Result<Self, ExactError> {
        let table = job.query("select current_database(), current_schema()")?;
        let text = |index: usize| table.rows.first().map(|row| row[index].to_string()).unwrap_or_default();
        Ok(Self { database: text(0), schema: text(1) })
    }

    /// What a name of one to three parts may mean, best first.
    fn candidates(&self, parts: &[String]) -> Vec<Relation> {
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
struct Cached<'a> {
    connection: &'a mut dyn Connection,
    columns: HashMap<Relation, Vec<Column>>,
}

impl<'a> Cached<'a> {
    fn new(connection: &'a mut dyn Connection) -> Self {
        Self { connection, columns: HashMap::new() }
    }

    fn columns(&mut self, relation: &Relation) -> Vec<Column> {
        if let Some(columns) = self.columns.get(relation) {
            return columns.clone();
        }
        let columns = self.connection.columns(relation).unwrap_or_else(|error| {
            // Nobody knows the table then, and the analysis takes it for one it cannot look into.
            tracing::debug!(%relation, %error, "columns");
            Vec::new()
        });
        self.columns.insert(relation.clone(), columns.clone());
        columns
    }

    /// What a function is. The engine is asked, because macros of the database hide its own functions, and extensions bring aggregates that
    /// no list of ours can know.
    fn function(&mut self, around: &Surroundings, name: &str) -> FunctionKind {
        let kind = around.functions.get_or_init(|| functions(self.connection)).get(name).copied();
        let listed = builtin(name);
        match (listed, kind) {
            (_, Some(FunctionKind::Macro)) => FunctionKind::Macro,
            (FunctionKind::Scalar, Some(kind)) if !UNREMARKABLE.contains(&name) => kind,
            _ => listed,
        }
    }

    fn resolve(&mut self, places: &Places, parts: &[String]) -> Option<Relation> {
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
        "select lower(function_name), function_type, stability from duckdb_functions() \
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
        functions.insert(row[0].to_string(), kind);
    }
    functions
}

/// The catalog the analysis asks: views of the project first, then what the database has.
struct Tables<'a> {
    places: &'a Places,
    around: &'a Surroundings,
    session: RefCell<Cached<'a>>,
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

    fn function(&self, name: &str) -> Option<FunctionKind> {
        Some(self.session.borrow_mut().function(self.around, name))
    }
}

fn column_type(column: &Column) -> ColumnType {
    ColumnType { name: column.name.clone(), data_type: column.data_type.clone() }
}

/// The distinct probes of an analysis, and for every term which one it is.
fn inputs(
    analysis: &Analysis,
    places: &Places,
    around: &Surroundings,
    cached: &mut Cached,
) -> (Vec<Input>, Vec<usize>) {
    let mut inputs: Vec<Input> = Vec::new();
    let mut term_inputs = Vec::new();
    for term in &analysis.terms {
        let known = inputs.iter().position(|input| input.probe == term.probe);
        term_inputs.push(known.unwrap_or(inputs.len()));
        if known.is_none() {
            let relation = cached
                .resolve(places, &term.probe.table)
                .or_else(|| places.candidates(&term.probe.table).into_iter().next())
                .unwrap_or_else(|| Relation::new("", "", term.probe.table.join(".")));
            let columns = cached.columns(&relation);
            inputs.push(Input {
                id: probe_id(&term.probe),
                label: around.label(&relation),
                hashed: hashed(&term.probe.columns, &columns),
                probe: term.probe.clone(),
                relation,
            });
        }
    }
    (inputs, term_inputs)
}

fn probe_id(probe: &Probe) -> String {
    let text = serde_json::to_string(probe).unwrap_or_else(|_| format!("{probe:?}"));
    sha256(&text)[..16].to_owned()
}

/// What to hash for columns so that two rows with one hash are one row to every query. Zero and minus zero are equal, and so are one month and
/// thirty days, but queries can tell them apart.
pub(crate) fn hashed(names: &[String], columns: &[Column]) -> Vec<String> {
    let mut expressions = Vec::new();
    for name in names {
        let quoted = quote(name);
        let data_type = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        match data_type.map(|column| column.data_type.to_uppercase()).unwrap_or_default() {
            data_type if data_type == "DOUBLE" || data_type == "FLOAT" => {
                expressions.push(format!("signbit({quoted})"));
                expressions.push(quoted);
            }
            data_type if data_type.contains("INTERVAL") => expressions.push(format!("cast({quoted} as varchar)")),
            _ => expressions.push(quoted),
        }
    }
    expressions
}

/// Everything that decides what a partition holds besides the data, part by part, so that a run can say which part changed.
fn logic(
    job: &mut Job,
    axis: &Axis,
    output: &[ColumnType],
    analysis: &Analysis,
    inputs: &[Input],
    engine_version: &str,
) -> Result<Value, ExactError> {
    let zone = job.query("select current_setting('TimeZone')")?;
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
        "time_zone": zone.scalar().map(ToString::to_string),
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

/// Names of columns.
pub(crate) fn column_names(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}

/// A SHA-256, in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The query as a part of another statement: without its last semicolon.
pub(crate) fn embedded(model: &ExactModel) -> &str {
    model.sql.trim_end().trim_end_matches(';').trim_end()
}
