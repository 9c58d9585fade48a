//! What is known about a model before looking at any data: its columns, its analysis, its inputs, and the version of its logic.

use std::cell::RefCell;
use std::sync::Arc;

use highwater_sql::{Analysis, ColumnType, Dialect, Finding, Partitioning, Place, Probe, Request, look_through};
use serde_json::Value;

use crate::diagnostics::SourceFile;
use crate::engine::{Column, Relation};

use super::axis::Axis;
use super::declare::Declared;
use super::error::{ExactError, LocatedFinding};
use super::files::Files;
use super::job::Job;
use super::logic::{logic, sha256};
use super::model::{Surroundings, ViewText, same};
use super::names::{Cached, Places, Tables};
use super::overlay::Overlay;

/// The analysis of a query; tests give their own.
pub(crate) type Analyse<'a> = &'a dyn Fn(&Request) -> Analysis;

/// A model, looked at.
#[derive(Clone)]
pub(crate) struct Prepared {
    /// The query with the project's views put in place of their names, as they are written now: what a whole build runs.
    pub text: String,
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
    /// The table; where the probe looks at what is computed from several, the first.
    pub relation: Relation,
    /// All of them.
    pub reads: Vec<Relation>,
    /// The word for it.
    pub label: String,
    /// How its writers promise to write it, when they do; of tables that swaps fill no promise is needed.
    pub declared: Option<Declared>,
    /// The files behind it, as SQL: a text or a list of texts.
    pub files: Option<String>,
    /// What is hashed per row: the columns, and the sign of zero where two equal values may differ.
    pub hashed: Vec<String>,
}

impl Input {
    /// What the probe looks at, as what stands after `from`.
    pub fn rows(&self) -> String {
        match &self.probe.rows {
            Some(rows) => format!("(\n{}\n) as hw_probed", rows.sql),
            None => self.relation.sql(),
        }
    }

    /// Whether it depends on a table.
    pub fn reads(&self, relation: &Relation) -> bool {
        self.reads.iter().any(|own| same(own, relation))
    }
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
    let places = Places::new(job)?;
    let files = Files::stand_in(job)?;
    let session = RefCell::new(Cached::new(job.connection, &job.around.scans, job.scans.quiet.clone()));
    let catalog = Tables { places: &places, around: job.around, files: &files, session };
    let text = look_through(&files.text, &catalog).unwrap_or_else(|| embedded(&files.text).to_owned());
    let known = catalog.session.into_inner().into_columns();
    let output = describe(job, &text)?;
    let axis = Axis { partitioning: named_as_in(job.model.partitioning(), &output), dialect: job.dialect };
    check_columns(job, &axis.partitioning, &output)?;
    let types: Vec<ColumnType> = output.iter().map(column_type).collect();
    let cached = Cached::new(job.connection, &job.around.scans, job.scans.quiet.clone());
    let session = RefCell::new(cached.with(known));
    let catalog = Tables { places: &places, around: job.around, files: &files, session };
    let mut analysis =
        analyse(&Request { sql: &files.text, catalog: &catalog, output: &types, partitioning: &axis.partitioning });
    let mut cached = catalog.session.into_inner();
    let (mut inputs, term_inputs) = inputs(&analysis, &places, job.around, &files, &mut cached);
    job.known = cached.into_columns();
    settle_detectors(job, &mut inputs)?;
    refuse_itself(job, &inputs, &mut analysis);
    let logic = logic(job, &axis, &types, &analysis, &inputs, engine_version)?;
    let logic_version = sha256(&logic.to_string());
    Ok(Prepared { text, output, axis, analysis, inputs, term_inputs, logic, logic_version })
}

/// The result's columns, as a table made of it has them: a column of nothing but NULL becomes one of integers.
fn describe(job: &mut Job, text: &str) -> Result<Vec<Column>, ExactError> {
    let described = job.connection.describe(text).map_err(|error| {
        // The same fault in the compiled text is told in lines that lead back to the model's file.
        let source = job.connection.describe(embedded(&job.model.sql)).err().unwrap_or(error);
        ExactError::Unbound { model: job.label.clone(), source }
    });
    let mut output = described?;
    for column in output.iter_mut().filter(|column| column.data_type.trim_matches('"') == "NULL") {
        column.data_type = "INTEGER".to_owned();
    }
    Ok(output)
}

/// The whole query, views put in place of their names, with other rows in place of some tables.
///
/// # Errors
/// When the database does not say where names lead.
pub(crate) fn text_over(job: &mut Job, overlays: &[Overlay]) -> Result<String, ExactError> {
    let places = Places::new(job)?;
    let files = Files::stand_in(job)?;
    let mut around = job.around.clone();
    let token = |index: usize| format!("hw_overlay_{index}_of_{}", overlays.len());
    for (index, overlay) in overlays.iter().enumerate() {
        let sql = format!("select * from {}", token(index));
        around.views.insert(overlay.relation.clone(), ViewText { unique_id: String::new(), sql });
    }
    let session = RefCell::new(Cached::new(job.connection, &job.around.scans, job.scans.quiet.clone()));
    let catalog = Tables { places: &places, around: &around, files: &files, session };
    let mut text = look_through(&files.text, &catalog).unwrap_or_else(|| embedded(&files.text).to_owned());
    for (index, overlay) in overlays.iter().enumerate() {
        text = text.replace(&token(index), &format!("({}) as hw_over", overlay.sql));
    }
    Ok(text)
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

/// Whether the columns that detectors were declared with can do what is asked of them, and what they are.
fn settle_detectors(job: &mut Job, inputs: &mut [Input]) -> Result<(), ExactError> {
    for input in inputs {
        let Some(declared) = &mut input.declared else { continue };
        let columns = job.columns(&input.relation)?;
        declared.settle(&columns, job.dialect).map_err(|problem| ExactError::Detector {
            model: job.label.clone(),
            table: input.label.clone(),
            detect: declared.detect.word(),
            problem,
        })?;
    }
    Ok(())
}

/// A query that reads the table it fills has no rebuild to be equal to: what it yields depends on what was there before.
fn refuse_itself(job: &Job, inputs: &[Input], analysis: &mut Analysis) {
    let Some(input) = inputs.iter().position(|input| input.reads(&job.model.relation)) else { return };
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

/// A column as the analysis wants it.
pub(super) fn column_type(column: &Column) -> ColumnType {
    ColumnType { name: column.name.clone(), data_type: column.data_type.clone() }
}

/// The distinct probes of an analysis, and for every term which one it is.
fn inputs(
    analysis: &Analysis,
    places: &Places,
    around: &Surroundings,
    files: &Files,
    cached: &mut Cached,
) -> (Vec<Input>, Vec<usize>) {
    let mut inputs: Vec<Input> = Vec::new();
    let mut term_inputs = Vec::new();
    for term in &analysis.terms {
        let known = inputs.iter().position(|input| input.probe == term.probe);
        term_inputs.push(known.unwrap_or(inputs.len()));
        if known.is_none() {
            let mut find = |table: &[String]| {
                cached
                    .resolve(places, table)
                    .or_else(|| places.candidates(table).into_iter().next())
                    .unwrap_or_else(|| Relation::new("", "", table.join(".")))
            };
            let relation = find(&term.probe.table);
            let reads = match &term.probe.rows {
                Some(rows) => rows.tables.iter().map(|table| find(table)).collect(),
                None => vec![relation.clone()],
            };
            // Rows that are computed have columns of their own, whatever the table's are called.
            let columns = if term.probe.rows.is_some() { Vec::new() } else { cached.columns(&relation) };
            inputs.push(Input {
                id: probe_id(&term.probe),
                label: around.label(&relation),
                // No version tells that a row passes a filter today which it did not pass yesterday, and the promise is about a table's own rows.
                declared: around
                    .declared(&relation)
                    .filter(|_| !term.probe.moving && term.probe.rows.is_none())
                    .cloned(),
                files: files.path(&relation).map(str::to_owned),
                hashed: hashed(cached.dialect(), &term.probe.columns, &columns),
                probe: term.probe.clone(),
                relation,
                reads,
            });
        }
    }
    (inputs, term_inputs)
}

fn probe_id(probe: &Probe) -> String {
    let text = serde_json::to_string(probe).unwrap_or_else(|_| format!("{probe:?}"));
    sha256(&text)[..16].to_owned()
}

/// What to hash for columns so that two rows with one hash are one row to every query.
pub(crate) fn hashed(dialect: Dialect, names: &[String], columns: &[Column]) -> Vec<String> {
    let images = names.iter().map(|name| {
        let quoted = dialect.quote(name);
        match columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)) {
            Some(column) => dialect.image(&quoted, &column.data_type),
            // Nobody knows the type: the text shows what equality does not.
            None => vec![format!("cast({quoted} as varchar)"), quoted],
        }
    });
    images.flatten().collect()
}

/// Names of columns.
pub(crate) fn column_names(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}

/// The query as a part of another statement: without its last semicolon.
pub(crate) fn embedded(sql: &str) -> &str {
    sql.trim_end().trim_end_matches(';').trim_end()
}
