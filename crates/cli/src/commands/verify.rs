//! `hw verify`: tables compared with an independent rebuild.

use std::fmt::Write as _;

use clap::Args;
use highwater::backfill::{ApplyOptions, Request, What};
use highwater::diagnostics::{Diagnostic, json};
use highwater::exact::{Cut, RunIdentity};
use highwater::manifest::graph;
use highwater::manifest::select::Selection;
use highwater::run::{self, Command, RunOptions};
use highwater::session::Session;
use highwater::verify::{self, Cause, ChangedRow, Mismatch, Outcome as Finding, Verdict, VerifyOptions};
use serde_json::{Value, json};

use super::backfill::{apply, files, plan};
use super::{exact, nodes};
use crate::arguments::{GlobalArguments, OutputArguments, SelectionArguments};
use crate::exit::{Exit, Failure, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::words::{bad, count, faint, good, partitions, strong, thousands, warn};

/// Compares incremental models with an independent rebuild, partition by partition
///
/// The rebuild runs the model's query as a full refresh would, so it costs about as much. Models of any incremental strategy are compared:
/// by interval with `event_time`, by key with `unique_key`, else as one. Verdicts are kept in the ledger; no table is changed, except by
/// --repair. Exit code 1 when a table differs, or could not be compared although it should; a model that is only named as not compared
/// does not change it.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Models, by name or any selector
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    #[command(flatten)]
    selection: SelectionArguments,

    /// Compare about so many partitions of each table, those compared longest ago; says what that is worth
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,

    /// Build what differs: exact models by a run of those partitions; others that have an event time by a backfill of them, which is only
    /// planned where approvals are wanted
    #[arg(long)]
    repair: bool,

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
    let session = nodes::open(global, ui)?;
    let mut selection = project::selection(&arguments.selection, &session)?;
    selection.select.extend(arguments.models.iter().cloned());
    let options = VerifyOptions {
        examples: arguments.examples,
        tolerance: arguments.tolerance,
        sample: arguments.sample,
        repair: arguments.repair,
        ..VerifyOptions::default()
    };
    let mut checks = compare(&session, &selection, &options)?;
    // What was repaired, as it was before.
    let mut repaired: Vec<Verdict> = Vec::new();
    let mut mended: Vec<String> = Vec::new();
    let mut planned = None;
    // What was found is told in any case.
    let mut problems: Vec<Diagnostic> = Vec::new();
    if arguments.repair {
        mended = repair(&session, &checks)?;
        match backfill(&session, &checks, ui) {
            Ok(done) => planned = done,
            Err(Failure::Problems(found)) => problems = found,
            Err(gone) => return Err(gone),
        }
        mended.extend(planned.iter().filter(|planned| planned.applied).flat_map(|planned| planned.models.clone()));
    }
    if !mended.is_empty() {
        let again = Selection { select: mended, ..Selection::default() };
        let options = VerifyOptions { repair: false, sample: None, ..options };
        for (unique_id, check) in compare(&session, &again, &options)? {
            for other in checks.iter_mut().filter(|(other, _)| *other == unique_id) {
                let before = std::mem::replace(&mut other.1, check.clone());
                repaired.extend(before.ok());
            }
        }
    }
    let exit = exit_of(&checks);
    if ui.answers_json() {
        let mut answer = answer(&checks, &repaired, planned.as_ref());
        if !problems.is_empty() {
            answer["diagnostics"] = json!(json::values(&problems));
        }
        ui.answer_json(&answer)?;
    } else {
        ui.answer(&screen(&checks, &repaired, planned.as_ref()))?;
        for problem in checks.iter().filter_map(|(_, check)| check.as_ref().err()).chain(&problems) {
            ui.problem(problem);
        }
    }
    Ok(exit)
}

type Check = (String, Result<Verdict, Diagnostic>);

/// Compares the incremental models of a selection.
fn compare(session: &Session, selection: &Selection, options: &VerifyOptions) -> Result<Vec<Check>, Vec<Diagnostic>> {
    let one = |problem: Diagnostic| vec![problem];
    let run_options = RunOptions { selection: selection.clone(), ..RunOptions::new(Command::Run) };
    let (models, around) = run::verify_inputs(session, &run_options)?;
    let engine = session.engine().map_err(one)?;
    let mut connection = engine.connect().map_err(|error| one(exact::refused(&error)))?;
    let identity: RunIdentity = exact::identity(session, engine.version()).map_err(one)?;
    let mut checks = Vec::new();
    for model in models {
        let options = VerifyOptions { strategy: model.strategy, ..options.clone() };
        let found = verify::verify_and_record(connection.as_mut(), &model.model, &around, &options, &identity);
        checks.push((model.model.unique_id.clone(), found.map_err(|error| error.diagnostic())));
    }
    Ok(checks)
}

/// Runs the exact models in which something was marked, and those that were compared and read them. Returns their names.
fn repair(session: &Session, checks: &[Check]) -> Result<Vec<String>, Vec<Diagnostic>> {
    let verdicts = checks.iter().filter_map(|(_, check)| check.as_ref().ok());
    let marked: Vec<String> =
        verdicts.filter(|verdict| verdict.marked > 0).map(|verdict| verdict.unique_id.clone()).collect();
    if marked.is_empty() {
        return Ok(Vec::new());
    }
    let manifest = &session.manifest;
    let below = graph::descendants(manifest, &marked, None);
    let runs = |id: &String| {
        marked.contains(id)
            || (below.contains_key(id) && manifest.nodes.get(id).is_some_and(|node| node.config.is_exact()))
    };
    let names: Vec<String> = checks
        .iter()
        .filter(|(id, _)| runs(id))
        .filter_map(|(id, _)| manifest.nodes.get(id))
        .map(|node| node.name.clone())
        .collect();
    let selection = Selection { select: names.clone(), ..Selection::default() };
    let options = RunOptions { selection, write_json: false, ..RunOptions::new(Command::Run) };
    let results = run::execute(session, &options, &|_| {})?;
    let problems: Vec<Diagnostic> = results.results.into_iter().filter_map(|result| result.diagnostic).collect();
    if problems.is_empty() { Ok(names) } else { Err(problems) }
}

/// A backfill of what differs in models on dbt's own strategies.
#[derive(Debug, serde::Serialize)]
struct Planned {
    /// Its id.
    backfill: String,
    /// The plan, for people.
    path: String,
    /// The models whose differing partitions it was planned for.
    models: Vec<String>,
    /// Approvals that are still wanted.
    approvals_missing: u32,
    /// Whether it was applied.
    applied: bool,
}

/// Plans a backfill of exactly what was found different in models that no run of ours mends, and applies it if nobody has to agree.
fn backfill(session: &Session, checks: &[Check], ui: &Ui) -> Result<Option<Planned>, Failure> {
    let is_ours = |id: &String| session.manifest.nodes.get(id).is_none_or(|node| node.config.is_exact());
    let differs = |verdict: &&Verdict| {
        verdict.mismatch_count > 0 && matches!(verdict.cut, Cut::Interval { .. }) && !is_ours(&verdict.unique_id)
    };
    let verdicts = checks.iter().filter_map(|(_, check)| check.as_ref().ok()).filter(differs);
    let models: Vec<String> = verdicts.map(|verdict| verdict.label.clone()).collect();
    if models.is_empty() {
        return Ok(None);
    }
    let request = Request {
        what: What::Different,
        from: None,
        to: None,
        partitions: Vec::new(),
        reason: "hw verify found them different".to_owned(),
        ticket: None,
    };
    let selection = Selection { select: models.clone(), ..Selection::default() };
    let (file, path) = plan::planned(session, &selection, &request)?;
    let missing = file.plan.approvals.saturating_sub(u32::try_from(file.approvals.len()).unwrap_or(u32::MAX));
    if missing == 0 {
        let threads = session.project.target.threads;
        let options = ApplyOptions { threads, verify: false, ..ApplyOptions::default() };
        apply::steps(session, &file, options, ui)?.map_err(|error| error.diagnostic())?;
    }
    Ok(Some(Planned {
        backfill: file.backfill,
        path: files::shown(&path),
        models,
        approvals_missing: missing,
        applied: missing == 0,
    }))
}

/// A table that differs, and one that could not be compared although it should, both count as failures.
fn exit_of(checks: &[Check]) -> Exit {
    let wrong = |check: &Check| check.1.as_ref().map_or(true, |verdict| verdict.outcome == Finding::Differs);
    if checks.iter().any(wrong) { Exit::Failed } else { Exit::Ok }
}

fn answer(checks: &[Check], repaired: &[Verdict], planned: Option<&Planned>) -> Value {
    let mut not_compared = Vec::new();
    let mut models: Vec<Value> = Vec::new();
    for (unique_id, check) in checks {
        match check {
            Ok(Verdict { outcome: Finding::NotCompared { reason }, .. }) => {
                not_compared.push(json!({ "unique_id": unique_id, "reason": reason }));
            }
            Ok(verdict) => models.push(serde_json::to_value(verdict).unwrap_or_default()),
            Err(problem) => {
                models.push(json!({ "unique_id": unique_id, "outcome": "failed", "diagnostic": json::value(problem) }));
            }
        }
    }
    let whole = |check: &Check| check.1.as_ref().is_ok_and(|verdict| verdict.sampled.is_none());
    let complete = not_compared.is_empty() && checks.iter().all(whole);
    // Where nothing was compared, nothing is known.
    let equal = if models.is_empty() { Value::Null } else { Value::Bool(exit_of(checks) == Exit::Ok) };
    json!({
        "equal": equal,
        "complete": complete,
        "models": models,
        "not_compared": not_compared,
        "repaired": repaired,
        "backfill": planned,
    })
}

/// The whole answer: one line per model, its differences below.
fn screen(checks: &[Check], repaired: &[Verdict], planned: Option<&Planned>) -> String {
    if checks.is_empty() {
        return "nothing to compare: no incremental model is selected\n".to_owned();
    }
    let verdicts: Vec<&Verdict> = checks.iter().filter_map(|(_, check)| check.as_ref().ok()).collect();
    let width = verdicts.iter().map(|verdict| verdict.label.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for verdict in repaired {
        describe(&mut out, verdict, width);
    }
    if !repaired.is_empty() {
        let _ = writeln!(out, "repaired, and compared again:");
    }
    for verdict in &verdicts {
        describe(&mut out, verdict, width);
    }
    if let Some(Planned { backfill, path, approvals_missing, applied, .. }) = planned {
        let _ = match applied {
            true => writeln!(out, "mended by backfill {backfill}; undo it with: hw backfill rollback {backfill}"),
            false => writeln!(
                out,
                "planned as backfill {backfill}, in {path}; {} wanted: hw backfill approve {backfill} --name NAME",
                count((*approvals_missing).into(), "more approval")
            ),
        };
    }
    out
}

fn describe(out: &mut String, verdict: &Verdict, width: usize) {
    let name = strong(&format!("{:width$}", verdict.label));
    let compared = match &verdict.sampled {
        Some(sampled) => format!(
            "{} of {} compared with a rebuild",
            thousands(verdict.compared),
            partitions(&verdict.cut, sampled.of)
        ),
        None => format!("{} compared with a rebuild", partitions(&verdict.cut, verdict.compared)),
    };
    match &verdict.outcome {
        Finding::Equal => {
            let _ = writeln!(
                out,
                "{name}  {compared}: {} {}",
                good("equal"),
                faint(&format!("({})", count(verdict.rows, "row")))
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
    if let Some(sampled) = &verdict.sampled {
        let _ = writeln!(out, "    {}", faint(&sampled.sentence(verdict.compared)));
    }
    for note in &verdict.notes {
        let _ = writeln!(out, "    {}", faint(note));
    }
}

/// Each differing partition: how it differs, some rows, why, and what mends it.
fn differences(out: &mut String, verdict: &Verdict) {
    let label = verdict.mismatches.iter().map(|mismatch| mismatch.label.chars().count()).max().unwrap_or(0);
    let indent = " ".repeat(label + 6);
    for (at, mismatch) in verdict.mismatches.iter().enumerate() {
        let _ = writeln!(out, "    {:label$}  {}", mismatch.label, rows_words(mismatch));
        for row in &mismatch.examples_changed {
            let _ = writeln!(out, "{indent}changed: {}", faint(&changed_words(verdict, row)));
        }
        if mismatch.examples_changed.is_empty() || mismatch.missing + mismatch.extra + mismatch.moved > 0 {
            for (side, rows) in
                [("here only:   ", &mismatch.examples_here), ("rebuilt only:", &mismatch.examples_rebuilt)]
            {
                for row in rows {
                    let _ = writeln!(out, "{indent}{side} {}", faint(&row_words(&verdict.columns, row)));
                }
            }
        }
        let said = |other: &&Mismatch| (other.because(), &other.repair) == (mismatch.because(), &mismatch.repair);
        if verdict.mismatches[at + 1..].iter().any(|other| said(&other)) {
            continue;
        }
        let _ = writeln!(out, "{indent}{}", mismatch.because());
        match (&mismatch.repair, mismatch.cause) {
            (Some(repair), _) => {
                let _ = writeln!(out, "{indent}mend: {repair}");
            }
            (None, Cause::HeldBack) => {
                let _ =
                    writeln!(out, "{indent}mend: correct the rows or the test, then hw run --select {}", verdict.label);
            }
            (None, _) => {}
        }
    }
    let more = verdict.mismatch_count.saturating_sub(verdict.mismatches.len() as u64);
    if more > 0 {
        let _ = writeln!(out, "    and {} more", thousands(more));
    }
}

fn rows_words(mismatch: &Mismatch) -> String {
    let mut text =
        format!("{} here, {} in a rebuild", count(mismatch.rows_here, "row"), thousands(mismatch.rows_rebuilt));
    let Mismatch { missing, extra, changed, moved, .. } = mismatch;
    text.push_str(&format!(
        ": {} missing, {} extra, {} changed",
        thousands(*missing),
        thousands(*extra),
        thousands(*changed)
    ));
    if !mismatch.columns.is_empty() {
        text.push_str(&format!(" ({})", mismatch.columns.join(", ")));
    }
    if *moved > 0 {
        text.push_str(&format!(", {} moved", thousands(*moved)));
    }
    text
}

fn changed_words(verdict: &Verdict, row: &ChangedRow) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    let key: Vec<String> =
        verdict.key.iter().zip(&row.key).map(|(name, value)| format!("{name}={}", shown(value))).collect();
    let values = row
        .values
        .iter()
        .map(|value| format!("{} {} here, {} in a rebuild", value.column, shown(&value.here), shown(&value.rebuilt)));
    format!("{}: {}", key.join(", "), values.collect::<Vec<_>>().join("; "))
}

fn row_words(columns: &[String], row: &[Option<String>]) -> String {
    let cell = |(column, value): (&String, &Option<String>)| format!("{column}={}", value.as_deref().unwrap_or("NULL"));
    columns.iter().zip(row).map(cell).collect::<Vec<_>>().join(", ")
}
