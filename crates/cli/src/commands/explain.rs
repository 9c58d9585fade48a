//! `hw explain`: how a model is treated, and why.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use highwater::diagnostics::{Diagnostic, Severity, SourceFile, full, json};
use highwater::exact::{self as library, Class, ExplainedInput, Explanation};
use highwater::manifest::select::Selection;
use highwater::manifest::{Node, ResourceType};
use highwater::session::Session;
use serde_json::{Value, json};

use super::{exact, nodes};
use crate::arguments::{GlobalArguments, OutputArguments, SelectionArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;
use crate::ui::words::{bad, faint, good, strong, thousands, warn};

/// Says how a model is kept, what a change in each of its inputs dirties, and what stands in the way of better
#[derive(Debug, Args)]
pub struct Arguments {
    /// Models, by name or any selector
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    #[command(flatten)]
    selection: SelectionArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Explains.
///
/// # Errors
/// When the project or the database cannot be read, or a named model does not exist.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::open(global, ui)?;
    let mut selection = project::selection(&arguments.selection, &session)?;
    selection.select.extend(arguments.models.iter().cloned());
    let nodes = selected_models(&session, &selection)?;
    let mut inputs = exact::inputs(&session, &selection)?;
    let mut answers = Vec::new();
    let mut screens = Vec::new();
    let mut exit = Exit::Ok;
    for node in nodes {
        let Some(model) = inputs.models.iter().find(|model| model.unique_id == node.unique_id) else {
            screens.push(not_exact(node));
            answers.push(json!({ "unique_id": node.unique_id, "class": Value::Null, "materialized": node.config.materialized() }));
            continue;
        };
        match library::explain(inputs.connection.as_mut(), model, &inputs.around) {
            Ok(explanation) => {
                screens.push(screen(&explanation, node));
                answers.push(serde_json::to_value(&explanation).unwrap_or_default());
            }
            Err(error) => {
                let problem = error.diagnostic();
                answers.push(json!({ "unique_id": node.unique_id, "diagnostic": json::value(&problem) }));
                ui.problem(&problem);
                exit = Exit::Failed;
            }
        }
    }
    if ui.answers_json() {
        ui.answer_json(&answers)?;
    } else {
        ui.answer(&screens.join("\n"))?;
    }
    Ok(exit)
}

/// The models of the selection, in the order of the manifest.
fn selected_models<'a>(session: &'a Session, selection: &Selection) -> Result<Vec<&'a Node>, Diagnostic> {
    let selected = highwater::manifest::select::select(&session.manifest, selection)?;
    let everything = selection.select.is_empty() && selection.exclude.is_empty() && selection.selector.is_none();
    let models: Vec<&Node> = session
        .manifest
        .nodes
        .values()
        .map(AsRef::as_ref)
        .filter(|node| node.resource_type == ResourceType::Model && selected.contains(&node.unique_id))
        .filter(|node| !everything || node.config.is_exact())
        .collect();
    if models.is_empty() {
        let problem = if everything {
            Diagnostic::error("HW0704", "no model of this project is exact")
                .help("name a model to see how it is treated: hw explain MODEL")
        } else {
            Diagnostic::error("HW0705", format!("no model is called `{}`", selection.select.join(" ")))
                .help("hw ls --resource-type model lists the models there are")
        };
        return Err(problem);
    }
    Ok(models)
}

/// A model on another materialization: what happens to it, and how it could become exact.
fn not_exact(node: &Node) -> String {
    let name = strong(&node.name);
    match node.config.materialized() {
        "view" => format!("{name} is a view: nothing is stored, so it is always what its query says.\n"),
        "ephemeral" => format!("{name} is ephemeral: its query is put into the models that read it.\n"),
        "incremental" => {
            let strategy = node.config.text("incremental_strategy").unwrap_or("the adapter's default strategy");
            format!(
                "{name} is {} ({strategy}): it runs as dbt runs it; late, moved and deleted rows stay as they were.\n  \
                 to make it exact: incremental_strategy='exact', with event_time and batch_size, or unique_key\n",
                warn("incremental but not exact")
            )
        }
        "table" => format!("{name} is a table: rebuilt whole by every run.\n"),
        other => format!("{name} is materialized as {other}: that macro decides what happens.\n"),
    }
}

/// The whole answer on one exact model.
fn screen(explanation: &Explanation, node: &Node) -> String {
    let class = explanation.class.word();
    let class = match explanation.class {
        Class::ExactInterval | Class::ExactKey => good(class),
        Class::ExactWidened | Class::Full => warn(class),
        Class::Refused => bad(class),
    };
    let mut out =
        format!("{} is {class}: {}.\n\n", strong(&explanation.label), explanation.statement.trim_end_matches('.'));
    let width = explanation.inputs.iter().map(|input| input_name(input).chars().count()).max().unwrap_or(0).max(10);
    for input in &explanation.inputs {
        describe(&mut out, input, width);
    }
    for (severity, findings) in [(Severity::Warning, &explanation.findings), (Severity::Note, &explanation.notes)] {
        for finding in findings {
            let place = finding.place.as_ref().map(|place| (place.view.as_deref(), place.start, place.end));
            out.push('\n');
            out.push_str(&quoted(severity, &finding.message, &finding.help, place, explanation, node));
        }
    }
    if let Some(grain) = &explanation.grain {
        let _ = writeln!(out, "\n  {grain}");
    }
    if let Some(rows) = explanation.rows {
        let _ = writeln!(out, "  {} rows now", thousands(rows));
    }
    out
}

fn input_name(input: &ExplainedInput) -> String {
    if input.alias.is_empty() || input.alias.eq_ignore_ascii_case(&input.label) {
        input.label.clone()
    } else {
        format!("{} {}", input.label, input.alias)
    }
}

fn describe(out: &mut String, input: &ExplainedInput, width: usize) {
    let indent = " ".repeat(width + 5);
    let _ = writeln!(out, "  {}   {}", strong(&format!("{:width$}", input_name(input))), input.role);
    if !input.through.is_empty() {
        let _ = writeln!(out, "{indent}looked through {}", input.through.join(", "));
    }
    for line in &input.dirties {
        let _ = writeln!(out, "{indent}{line}");
    }
    let _ = writeln!(out, "{indent}{}", faint(&format!("detector: {}; {}", input.detector, input.contract)));
}

/// A finding with the text it points into: a view's, or the model's own.
fn quoted(
    severity: Severity,
    message: &str,
    help: &str,
    place: Option<(Option<&str>, usize, usize)>,
    explanation: &Explanation,
    node: &Node,
) -> String {
    let code = if severity == Severity::Note { "HW0707" } else { "HW0706" };
    let mut diagnostic = Diagnostic::error(code, message);
    diagnostic.severity = severity;
    if let Some((view, start, end)) = place {
        let text = view.map_or(Some(&explanation.sql), |view| explanation.views.get(view));
        if let Some(text) = text {
            let (file, start, end) = located(text, start, end, view, node);
            diagnostic = diagnostic.at(&file, start, end, "");
        }
    }
    if !help.is_empty() {
        diagnostic = diagnostic.help(help);
    }
    full::render(&diagnostic, true)
}

/// The template when the line stands in it word for word, once; else the compiled text.
fn located(
    compiled: &str,
    start: usize,
    end: usize,
    view: Option<&str>,
    node: &Node,
) -> (Arc<SourceFile>, usize, usize) {
    if view.is_none()
        && let Some((start, end)) = in_template(compiled, start, end, &node.raw_code)
    {
        let file = SourceFile { path: node.original_file_path.clone(), text: node.raw_code.clone() };
        return (Arc::new(file), start, end);
    }
    let name = view.unwrap_or(&node.name);
    let file = SourceFile { path: format!("{name} (compiled)"), text: compiled.to_owned() };
    (Arc::new(file), start, end)
}

fn in_template(compiled: &str, start: usize, end: usize, template: &str) -> Option<(usize, usize)> {
    let from = compiled.get(..start)?.rfind('\n').map_or(0, |found| found + 1);
    let to = compiled.get(start..)?.find('\n').map_or(compiled.len(), |found| start + found);
    let line = compiled.get(from..to)?;
    let mut places = template.match_indices(line);
    let (place, _) = places.next()?;
    if places.next().is_some() || line.trim().is_empty() {
        return None;
    }
    let start = place + (start - from);
    let end = (place + end.saturating_sub(from)).min(place + line.len());
    Some((start, end.max(start)))
}

#[cfg(test)]
mod tests {
    use super::in_template;

    #[test]
    fn a_line_that_stands_once_in_the_template_is_shown_there() {
        let template = "{{ config(x=1) }}\nselect a,\n  rank() over () as r\nfrom {{ ref('b') }}";
        let compiled = "\nselect a,\n  rank() over () as r\nfrom \"d\".\"m\".\"b\"";
        let start = compiled.find("rank").expect("it is there");
        let (from, to) = in_template(compiled, start, start + 14, template).expect("it stands once");
        assert_eq!(&template[from..to], "rank() over ()");
        let start = compiled.find("\"m\"").expect("it is there");
        assert_eq!(in_template(compiled, start, start + 3, template), None);
        assert_eq!(in_template(compiled, 999, 1000, template), None);
    }
}
