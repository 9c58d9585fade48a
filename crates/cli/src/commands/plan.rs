//! `hw plan`: what a run would do, and why.

use std::fmt::Write as _;

use clap::Args;
use highwater::exact::{Cut, ModelPlan, Plan, PlanState};

use super::{exact, nodes};
use crate::arguments::{GlobalArguments, OutputArguments, SelectionArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::words::{about, bad, count, faint, good, partitions, strong, thousands, warn};

/// A rebuild that reads fewer rows is not worth comparing with.
const WORTH_SAYING: u64 = 100_000;

/// Partitions of one model that are listed before it is summed up.
const LISTED: usize = 8;

/// Shows what a run would do with exact models, and why; touches nothing
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: SelectionArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Plans.
///
/// # Errors
/// When the project or the database cannot be read.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let plan = exact::plan(&session, &project::selection(&arguments.selection, &session)?)?;
    if ui.answers_json() {
        ui.answer_json(&plan)?;
    } else if plan.models.is_empty() {
        ui.answer(&no_models(&session))?;
    } else {
        ui.answer(&screen(&plan, &exact::selection_words(&arguments.selection)))?;
    }
    Ok(if refused(&plan) > 0 { Exit::Failed } else { Exit::Ok })
}

/// What the work reads and takes, against a rebuild; nothing where that is hardly anything.
fn reading(plan: &Plan) -> String {
    let sum = |count: fn(&ModelPlan) -> u64| plan.models.iter().map(count).sum::<u64>();
    let (rows, all) = (sum(|model| model.rows_read), sum(|model| model.rows_rebuild));
    if all < WORTH_SAYING || plan.models.iter().all(|model| model.state == PlanState::New) {
        return String::new();
    }
    let (bytes, bytes_all) = (sum(|model| model.bytes_read), sum(|model| model.bytes_rebuild));
    let mut text =
        format!("; reads about {} of {} rows ({} of {})", about(rows), about(all), size(bytes), size(bytes_all));
    let timed = || plan.models.iter().filter_map(|model| model.milliseconds.zip(model.milliseconds_rebuild));
    if timed().next().is_some() {
        let (some, whole) = timed().fold((0, 0), |(some, whole), (a, b)| (some + a, whole + b));
        let _ = write!(text, ", about {} against {} for a rebuild", seconds(some), seconds(whole));
    }
    text
}

/// Bytes, as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Milliseconds, as seconds.
fn seconds(milliseconds: u64) -> String {
    let seconds = milliseconds as f64 / 1000.0;
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

/// Models that a run would refuse: it would fail, so does the plan.
fn refused(plan: &Plan) -> u64 {
    plan.models.iter().filter(|model| model.state == PlanState::Refused).count() as u64
}

fn no_models(session: &highwater::session::Session) -> String {
    match exact::exact_nodes(session).count() as u64 {
        0 => "nothing to plan: no model of this project is exact (incremental_strategy='exact')\n".to_owned(),
        number => format!("nothing to plan: none of the {} is selected\n", count(number, "exact model")),
    }
}

/// The whole answer.
fn screen(plan: &Plan, selection: &str) -> String {
    let mut out = verdict(plan);
    let working: Vec<&ModelPlan> = plan.models.iter().filter(|model| model.state != PlanState::Unchanged).collect();
    if !working.is_empty() {
        out.push('\n');
        let name = width(&working, |model| model.label.clone());
        let kind = width(&working, |model| cut_words(&model.cut));
        for model in &working {
            describe(&mut out, model, name, kind);
        }
        out.push('\n');
    }
    footer(&mut out, plan, selection, !working.is_empty());
    out
}

/// The first line: the answer.
fn verdict(plan: &Plan) -> String {
    let models = plan.models.len() as u64;
    if plan.with_work == 0
        && !plan.models.iter().any(|model| matches!(model.state, PlanState::Waits | PlanState::Refused))
    {
        return format!(
            "{}: no input of {} changed ({}, {} rows)\n",
            good("nothing to do"),
            count(models, "exact model"),
            count(plan.partition_count, "partition"),
            about(plan.rows_total)
        );
    }
    let verb = if plan.with_work == 1 { "has" } else { "have" };
    let mut line = format!("{} of {} {verb} work", plan.with_work, count(models, "exact model"));
    if plan.dirty_count > 0 {
        let partitions = count(plan.partition_count.max(plan.dirty_count), "partition");
        let (some, all) = (about(plan.rows_dirty), about(plan.rows_total));
        let _ = write!(line, ": {} of {partitions}, about {some} of {all} rows", thousands(plan.dirty_count));
    }
    line.push_str(&reading(plan));
    if refused(plan) > 0 {
        let _ = write!(line, "; {} refused", thousands(refused(plan)));
    }
    format!("{}\n", strong(&line))
}

fn width(models: &[&ModelPlan], text: impl Fn(&ModelPlan) -> String) -> usize {
    models.iter().map(|model| text(model).chars().count()).max().unwrap_or(0)
}

/// How a table is cut, after the word exact.
fn cut_words(cut: &Cut) -> String {
    match cut {
        Cut::Interval { unit, .. } => format!("exact by {unit}"),
        Cut::Key { .. } => "exact by key".to_owned(),
        Cut::Whole => "exact, whole".to_owned(),
    }
}

/// One model: its line, and its partitions where naming them helps.
fn describe(out: &mut String, model: &ModelPlan, name: usize, kind: usize) {
    let listed = list_partitions(model);
    let _ = writeln!(
        out,
        "  {}  {}  {}",
        strong(&format!("{:name$}", model.label)),
        faint(&format!("{:kind$}", cut_words(&model.cut))),
        work(model, listed)
    );
    if !listed {
        return;
    }
    let label =
        model.partitions.iter().take(LISTED).map(|partition| partition.label.chars().count()).max().unwrap_or(0);
    for partition in model.partitions.iter().take(LISTED) {
        let why = if partition.reasons.is_empty() { "new".to_owned() } else { partition.reasons.join("; ") };
        let _ = writeln!(out, "    {:label$}  {why}", partition.label);
    }
    let more = model.dirty_count.saturating_sub(LISTED.min(model.partitions.len()) as u64);
    if more > 0 {
        let _ = writeln!(
            out,
            "    {}",
            faint(&format!("and {} more: hw plan --select {} --output json", thousands(more), model.label))
        );
    }
}

/// Partitions are worth naming when their reasons differ or there are few; not when one parent explains them all.
fn list_partitions(model: &ModelPlan) -> bool {
    model.state == PlanState::Dirty
        && matches!(model.cut, Cut::Interval { .. })
        && !model.partitions.is_empty()
        && !(model.causes.len() == 1 && model.causes[0].reason.starts_with("from "))
}

/// What would happen, in words.
fn work(model: &ModelPlan, listed: bool) -> String {
    let causes = || model.causes.iter().map(|cause| cause.reason.as_str()).collect::<Vec<_>>().join("; ");
    match model.state {
        PlanState::New if model.rows_read > 0 => {
            format!("new: built whole from {}", count(model.rows_read, "row"))
        }
        PlanState::New => "new: built whole".to_owned(),
        PlanState::Unchanged => "unchanged".to_owned(),
        PlanState::Waits => format!("looked at after {} rebuilt in this run", are(&model.waits_for)),
        PlanState::Refused => {
            let problem = model.problem.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
            format!("{}: {problem}", bad("refused"))
        }
        PlanState::Whole => {
            let why = model.whole.clone().unwrap_or_else(causes);
            format!("{}: {why}", warn(&format!("rebuilt whole ({} rows)", about(model.rows_total))))
        }
        PlanState::Dirty => {
            let mut text = match &model.cut {
                Cut::Key { .. } => {
                    format!("{} of {}", thousands(model.dirty_count), count(model.partition_count, "key"))
                }
                cut => partitions(cut, model.dirty_count),
            };
            if listed {
                let old = model.dirty_count - model.new_count.min(model.dirty_count);
                let parts = [(model.new_count, "new"), (old, "dirty")];
                let parts: Vec<String> = parts
                    .iter()
                    .filter(|(number, _)| *number > 0)
                    .map(|(number, word)| format!("{number} {word}"))
                    .collect();
                text.push_str(&format!("   {}", parts.join(", ")));
            } else {
                text.push_str(&format!("   {}", causes()));
            }
            if model.estimate {
                text.push_str(&faint("   (foreseen)"));
            }
            text
        }
    }
}

fn are(tables: &[String]) -> String {
    format!("{} {}", tables.join(", "), if tables.len() == 1 { "is" } else { "are" })
}

/// What stays, what is left out, and how to apply exactly this.
fn footer(out: &mut String, plan: &Plan, selection: &str, has_work: bool) {
    let unchanged = plan.models.iter().filter(|model| model.state == PlanState::Unchanged).count() as u64;
    if has_work && unchanged > 0 {
        let _ = writeln!(out, "  unchanged: {}", count(unchanged, "model"));
    }
    for model in &plan.models {
        odd_rows(out, model);
        for finding in model.findings.iter().filter(|finding| finding.rule == "reserved") {
            let _ = writeln!(out, "  {}: {}", model.label, finding.message);
        }
    }
    if plan.with_work > 0 {
        let hash = exact::short(&plan.hash);
        let _ = writeln!(out, "  plan {}   apply exactly this with: hw run{selection} --plan {hash}", strong(hash));
    }
}

/// Rows that people may not expect in the table: without a day, of days before its beginning, of days to come.
fn odd_rows(out: &mut String, model: &ModelPlan) {
    let Cut::Interval { column, unit } = &model.cut else { return };
    let verb = |rows: u64, one: &'static str, many: &'static str| if rows == 1 { one } else { many };
    let mut line = |rows: u64, head: &str, what: String| {
        if rows > 0 {
            let _ = writeln!(out, "  {head}: {} of {} {what}", count(rows, "row"), model.label);
        }
    };
    let nulls = model.null_rows;
    line(nulls, &format!("no {column}"), format!("{} none (kept in the NULL {unit})", verb(nulls, "has", "have")));
    let (early, future) = (model.early_rows, model.future_rows);
    line(
        early,
        "before begin",
        format!("{} of {unit}s before it (kept: a rebuild has them)", verb(early, "is", "are")),
    );
    line(
        future,
        "to come",
        format!("{} of {unit}s that have not begun (kept: a rebuild has them)", verb(future, "is", "are")),
    );
}
