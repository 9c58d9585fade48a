//! `hw show`: the first rows of a node or a query.

use clap::Args;
use highwater::manifest::select::Indirect;
use highwater::run::{self, Command, NodeResult};
use highwater::session::Session;
use serde_json::{Value, json};

use super::nodes;
use crate::arguments::{GlobalArguments, OutputArguments, SelectionArguments};
use crate::exit::Outcome;
use crate::project;
use crate::ui::words::strong;
use crate::ui::{Ui, table};

/// Shows the first rows that a model's query, or a query given here, returns; writes nothing
#[derive(Debug, Args)]
pub struct Arguments {
    /// Models, by name or any selector
    #[arg(value_name = "MODEL", conflicts_with = "inline")]
    models: Vec<String>,
    #[command(flatten)]
    selection: SelectionArguments,
    /// Query, as a template, instead of a node
    #[arg(long, value_name = "SQL", conflicts_with = "select")]
    inline: Option<String>,
    /// Rows to show; -1 shows all
    #[arg(long, value_name = "N", default_value_t = 5, allow_negative_numbers = true)]
    limit: i64,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Shows.
///
/// # Errors
/// When nothing could be run.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut options = nodes::plain_options(Command::Show, global, &session)?;
    options.selection = project::selection(&arguments.selection, &session)?;
    options.deferral = project::deferral(&arguments.selection, &options.selection, &session)?;
    options.selection.select.extend(arguments.models.iter().cloned());
    options.inline.clone_from(&arguments.inline);
    if arguments.selection.indirect_selection.is_none() {
        // Who names a model wants its rows, not those of its tests.
        options.selection.indirect = Indirect::Empty;
    }
    options.limit = u64::try_from(arguments.limit).ok();
    options.arguments.insert("limit".to_owned(), json!(arguments.limit));
    if options.inline.is_none() && options.selection.select.is_empty() && options.selection.selector.is_none() {
        return Err(highwater::diagnostics::Diagnostic::error("HW0708", "nothing to show")
            .help("name a model: hw show MODEL; or give a query: hw show --inline \"select 1\"")
            .into());
    }
    let results = run::execute(&session, &options, &|_| {})?;
    if options.inline.is_some()
        && let Some(problem) = results.results.iter().find_map(|result| result.diagnostic.clone())
    {
        return Err(problem.into());
    }
    for problem in results.results.iter().filter_map(|result| result.diagnostic.as_ref()) {
        ui.problem(problem);
    }
    ui.warnings(&results.diagnostics);
    let shown: Vec<&NodeResult> = results.results.iter().filter(|result| result.table.is_some()).collect();
    if ui.answers_json() {
        let inline = options.inline.is_some();
        let mut documents: Vec<Value> = shown.iter().map(|result| document(&session, result, inline)).collect();
        match documents.len() {
            1 => ui.answer_json(&documents.remove(0))?,
            _ => ui.answer_json(&documents)?,
        }
    } else {
        for result in &shown {
            if shown.len() > 1 {
                ui.answer(&format!("{}\n", strong(&name_of(&session, result))))?;
            }
            if let Some(rows) = &result.table {
                ui.answer(&table::draw(rows))?;
            }
        }
    }
    Ok(nodes::exit_of_asking(&results))
}

/// The rows in the shape `dbt show --output json` has.
fn document(session: &Session, result: &NodeResult, inline: bool) -> Value {
    let rows = result.table.as_ref().map(table::objects).unwrap_or_default();
    if inline { json!({ "show": rows }) } else { json!({ "node": name_of(session, result), "show": rows }) }
}

fn name_of(session: &Session, result: &NodeResult) -> String {
    session.manifest.nodes.get(&result.unique_id).map_or_else(|| result.unique_id.clone(), |node| node.name.clone())
}
