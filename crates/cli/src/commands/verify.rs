//! `hw verify`: tables compared with an independent rebuild.

use std::fmt::Write as _;

use clap::Args;
use highwater::diagnostics::{Diagnostic, json};
use highwater::manifest::{Node, ResourceType};
use highwater::session::Session;
use highwater::verify::{self, Cause, Mismatch, Outcome as Finding, Verdict, VerifyOptions};
use indexmap::IndexSet;
use serde_json::{Value, json};

use super::{exact, nodes};
use crate::arguments::{GlobalArguments, OutputArguments, SelectionArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::words::{bad, count, faint, good, partitions, strong, thousands, warn};

/// Compares exact models with an independent rebuild, partition by partition; changes nothing
///
/// The rebuild runs the model's whole query, so it costs what a full refresh costs.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Models, by name or any selector
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    #[command(flatten)]
    selection: SelectionArguments,

    /// Example rows per differing partition and side
    #[arg(long, value_name = "N", default_value_t = VerifyOptions::default().examples)]
    examples: usize,

    /// Relative difference allowed between binary fractions, whose sums depend on the order of rows
    #[arg(long, value_name = "FRACTION", default_value_t = VerifyOptions::default().tolerance)]
    tolerance: f64,

    #[command(flatten)]
    pub output: OutputArguments,
}

/// Verifies.
///
/// # Errors
/// When the project or the database cannot be read.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, false, ui)?;
    let mut selection = project::selection(&arguments.selection, &session)?;
    selection.select.extend(arguments.models.iter().cloned());
    let mut inputs = exact::inputs(&session, &selection)?;
    let options =
        VerifyOptions { examples: arguments.examples, tolerance: arguments.tolerance, ..VerifyOptions::default() };
    let mut checks = Vec::new();
    for model in &inputs.models {
        let found = verify::verify(inputs.connection.as_mut(), model, &inputs.around, &options);
        checks.push((model.unique_id.clone(), found.map_err(|error| error.diagnostic())));
    }
    let selected = highwater::manifest::select::select(&session.manifest, &selection)?;
    let left_out = left_out(&session, &selected);
    let exit = exit_of(&checks);
    if ui.answers_json() {
        ui.answer_json(&answer(&checks, &left_out))?;
    } else {
        ui.answer(&screen(&checks, &left_out))?;
        for problem in checks.iter().filter_map(|(_, check)| check.as_ref().err()) {
            ui.problem(problem);
        }
    }
    Ok(exit)
}

type Check = (String, Result<Verdict, Diagnostic>);

/// A table that differs, and one that could not be compared although it should, both count as failures.
fn exit_of(checks: &[Check]) -> Exit {
    let wrong = |check: &Check| check.1.as_ref().map_or(true, |verdict| verdict.outcome == Finding::Differs);
    if checks.iter().any(wrong) { Exit::Failed } else { Exit::Ok }
}

/// Incremental models that are not exact: saying nothing of them would look like saying they are right.
fn left_out<'a>(session: &'a Session, selected: &IndexSet<String>) -> Vec<&'a Node> {
    session
        .manifest
        .nodes
        .values()
        .filter(|node| node.resource_type == ResourceType::Model && selected.contains(&node.unique_id))
        .filter(|node| node.config.materialized() == "incremental" && !node.config.is_exact())
        .collect()
}

fn answer(checks: &[Check], left_out: &[&Node]) -> Value {
    let models: Vec<Value> = checks
        .iter()
        .map(|(unique_id, check)| match check {
            Ok(verdict) => serde_json::to_value(verdict).unwrap_or_default(),
            Err(problem) => json!({ "unique_id": unique_id, "outcome": "failed", "diagnostic": json::value(problem) }),
        })
        .collect();
    let left_out: Vec<Value> =
        left_out.iter().map(|node| json!({ "unique_id": node.unique_id, "reason": reason(node) })).collect();
    json!({ "equal": exit_of(checks) == Exit::Ok, "models": models, "not_compared": left_out })
}

fn reason(node: &Node) -> String {
    format!("not exact (incremental_strategy {})", node.config.text("incremental_strategy").unwrap_or("not set"))
}

/// The whole answer: one line per model, its differences below.
fn screen(checks: &[Check], left_out: &[&Node]) -> String {
    if checks.is_empty() && left_out.is_empty() {
        return "nothing to compare: no exact model is selected\n".to_owned();
    }
    let verdicts: Vec<&Verdict> = checks.iter().filter_map(|(_, check)| check.as_ref().ok()).collect();
    let names = verdicts.iter().map(|verdict| verdict.label.chars().count());
    let width = names.chain(left_out.iter().map(|node| node.name.chars().count())).max().unwrap_or(0);
    let mut out = String::new();
    for verdict in &verdicts {
        describe(&mut out, verdict, width);
    }
    for node in left_out {
        let _ = writeln!(
            out,
            "{}  {}",
            strong(&format!("{:width$}", node.name)),
            warn(&format!("not compared: {}", reason(node)))
        );
    }
    out
}

fn describe(out: &mut String, verdict: &Verdict, width: usize) {
    let name = strong(&format!("{:width$}", verdict.label));
    let compared = format!("{} compared with a rebuild", partitions(&verdict.cut, verdict.compared));
    match &verdict.outcome {
        Finding::Equal => {
            let _ = writeln!(
                out,
                "{name}  {compared}: {} {}",
                good("equal"),
                faint(&format!("({} rows)", thousands(verdict.rows)))
            );
        }
        Finding::NotCompared { reason } => {
            let _ = writeln!(out, "{name}  {}", warn(&format!("not compared: {reason}")));
        }
        Finding::Differs => {
            let differ = if verdict.mismatch_count == 1 { "differs" } else { "differ" };
            let _ = writeln!(
                out,
                "{name}  {compared}: {}",
                bad(&format!("{} {differ}", thousands(verdict.mismatch_count)))
            );
            differences(out, verdict);
        }
    }
    for note in &verdict.notes {
        let _ = writeln!(out, "    {}", faint(note));
    }
}

/// Each differing partition: how it differs, some rows, why, and what mends it.
fn differences(out: &mut String, verdict: &Verdict) {
    let label = verdict.mismatches.iter().map(|mismatch| mismatch.label.chars().count()).max().unwrap_or(0);
    let mut causes: Vec<Cause> = Vec::new();
    for mismatch in &verdict.mismatches {
        let _ = writeln!(out, "    {:label$}  {}", mismatch.label, rows_words(mismatch));
        let indent = " ".repeat(label + 6);
        for (side, rows) in [("here only:   ", &mismatch.examples_here), ("rebuilt only:", &mismatch.examples_rebuilt)]
        {
            for row in rows {
                let _ = writeln!(out, "{indent}{side} {}", faint(&row_words(&verdict.columns, row)));
            }
        }
        if !causes.contains(&mismatch.cause) {
            causes.push(mismatch.cause);
        }
    }
    let more = verdict.mismatch_count.saturating_sub(verdict.mismatches.len() as u64);
    if more > 0 {
        let _ = writeln!(out, "    and {} more", thousands(more));
    }
    for cause in causes {
        let _ = writeln!(out, "    {}", cause.sentence());
        let refresh = if matches!(cause, Cause::SourceChanged | Cause::LogicChanged) { "" } else { " --full-refresh" };
        let _ = writeln!(out, "    mend: hw run --select {}{refresh}", verdict.label);
    }
}

fn rows_words(mismatch: &Mismatch) -> String {
    let mut text =
        format!("{} here, {} in a rebuild", count(mismatch.rows_here, "row"), thousands(mismatch.rows_rebuilt));
    let (here, rebuilt) = (thousands(mismatch.only_here), thousands(mismatch.only_rebuilt));
    text.push_str(&format!(" ({here} only here, {rebuilt} only in the rebuild)"));
    text
}

fn row_words(columns: &[String], row: &[Option<String>]) -> String {
    let cell = |(column, value): (&String, &Option<String>)| format!("{column}={}", value.as_deref().unwrap_or("NULL"));
    columns.iter().zip(row).map(cell).collect::<Vec<_>>().join(", ")
}
