//! Explain: how a model is treated, and why, in words.

use highwater_sql::{Effect, Group, Partitioning, Term};

use super::axis::Axis;
use super::detect::feed::{self, Parent};
use super::detect::{part, tuples};
use super::dirty::plural;
use super::error::ExactError;
use super::job::Job;
use super::look::target;
use super::model::{ExactModel, Surroundings};
use super::partials::{self, Pair};
use super::prepare::{Analyse, Input, Prepared, look};
use super::report::{Class, ExplainedInput, Explanation};
use crate::engine::{Connection, RelationKind};

/// Explains a model, and its partials if it has some; see [`super::explain`].
pub(crate) fn with_partials(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
    analyse: Analyse,
) -> Result<Explanation, ExactError> {
    let mut explanation = explain(&mut Job::new(connection, model, around, "hw"), analyse)?;
    let Some(size) = model.partials else {
        explanation.notes.extend(partials::suggestion(connection, model, around, explanation.rows));
        return Ok(explanation);
    };
    match partials::pair(connection, model, around) {
        Ok(Pair { stored, around, .. }) => {
            let behind = explain(&mut Job::new(connection, &stored, &around, "hw"), analyse)?;
            let (unit, moment) = (size.word(), model.moment.as_deref().unwrap_or_default());
            explanation.statement = format!(
                "{}, from partials by {unit} of {moment} in {}",
                explanation.statement,
                stored.relation.sql().replace('"', "")
            );
            explanation.inputs = behind.inputs;
            explanation.findings.extend(behind.findings.into_iter().filter(|finding| finding.place.is_none()));
        }
        Err(ExactError::Partials { finding, .. }) => {
            explanation.class = Class::Refused;
            explanation.statement = "not built: it asks for partials, and its query cannot be split".to_owned();
            explanation.findings.extend(finding.into_iter().map(|located| located.finding));
        }
        Err(error) => return Err(error),
    }
    Ok(explanation)
}

/// Explains a model by its own query.
pub(crate) fn explain(job: &mut Job, analyse: Analyse) -> Result<Explanation, ExactError> {
    let prepared = look(job, "", analyse)?;
    let class = class(&prepared);
    let rows = match target(job)?.kind {
        Some(RelationKind::Table) => Some(job.count(&format!("select count(*) from {}", job.model.relation.sql()))?),
        _ => None,
    };
    let analysis = &prepared.analysis;
    let mut findings = analysis.refusals.clone();
    findings.extend(analysis.unstable.iter().cloned());
    for term in &analysis.terms {
        if let Effect::All(finding) = &term.effect
            && !findings.contains(finding)
        {
            findings.push(finding.clone());
        }
    }
    let keys = &job.model.unique_key;
    Ok(Explanation {
        unique_id: job.model.unique_id.clone(),
        label: job.label.clone(),
        class,
        cut: prepared.axis.cut(),
        statement: statement(&prepared, class),
        inputs: inputs(job, &prepared)?,
        findings,
        notes: analysis.notes.clone(),
        grain: (!keys.is_empty())
            .then(|| format!("one row per {} (declared unique_key, checked at every swap)", keys.join(", "))),
        rows,
        sql: job.model.sql.clone(),
        views: job.around.views.iter().map(|(relation, view)| (job.around.label(relation), view.sql.clone())).collect(),
    })
}

/// The class of a model.
fn class(prepared: &Prepared) -> Class {
    let analysis = &prepared.analysis;
    let widened = analysis.terms.iter().filter(|term| matches!(term.effect, Effect::All(_))).count();
    if !analysis.refusals.is_empty() {
        Class::Refused
    } else if !analysis.unstable.is_empty() || analysis.slice.is_none() {
        Class::Full
    } else {
        match &prepared.axis.partitioning {
            Partitioning::Whole => Class::Full,
            _ if widened == analysis.terms.len() && widened > 0 => Class::Full,
            _ if widened > 0 => Class::ExactWidened,
            Partitioning::Interval { .. } => Class::ExactInterval,
            Partitioning::Key { .. } => Class::ExactKey,
        }
    }
}

fn statement(prepared: &Prepared, class: Class) -> String {
    let parts = match &prepared.axis.partitioning {
        Partitioning::Interval { column, unit } => {
            format!("rebuilt by {0} of {column}, only the {0}s that changed", unit.word())
        }
        Partitioning::Key { columns } => format!("rebuilt by {}, only the keys that changed", columns.join(", ")),
        Partitioning::Whole => "rebuilt whole whenever an input changes".to_owned(),
    };
    match class {
        Class::ExactInterval | Class::ExactKey => parts,
        Class::ExactWidened => {
            let mut tables: Vec<&str> = Vec::new();
            for (term, input) in prepared.analysis.terms.iter().zip(&prepared.term_inputs) {
                let label = prepared.inputs[*input].label.as_str();
                if matches!(term.effect, Effect::All(_)) && !tables.contains(&label) {
                    tables.push(label);
                }
            }
            format!("{parts}; whole when {} changes", tables.join(" or "))
        }
        Class::Full if !prepared.analysis.unstable.is_empty() => "rebuilt whole on every run".to_owned(),
        Class::Full => "rebuilt whole whenever an input changes".to_owned(),
        Class::Refused => "not built: two rebuilds of it may differ".to_owned(),
    }
}

/// One entry per occurrence.
fn inputs(job: &mut Job, prepared: &Prepared) -> Result<Vec<ExplainedInput>, ExactError> {
    let analysis = &prepared.analysis;
    let mut explained = Vec::new();
    for (index, occurrence) in analysis.occurrences.iter().enumerate() {
        let terms: Vec<(&Term, &Input)> = analysis
            .terms
            .iter()
            .zip(&prepared.term_inputs)
            .filter(|(term, _)| term.occurrence == index)
            .map(|(term, input)| (term, &prepared.inputs[*input]))
            .collect();
        let mut detectors: Vec<String> = Vec::new();
        let mut dirties: Vec<String> = Vec::new();
        let mut contract = "no promise needed".to_owned();
        for (term, input) in &terms {
            let (detector, promise) = detector(job, input)?;
            if !detectors.contains(&detector) {
                detectors.push(detector);
            }
            if let Some(promise) = promise {
                contract = promise;
            }
            let sentence = consequence(term, &prepared.axis);
            if !dirties.contains(&sentence) {
                dirties.push(sentence);
            }
        }
        explained.push(ExplainedInput {
            label: terms.first().map_or_else(|| occurrence.table.join("."), |(_, input)| input.label.clone()),
            alias: occurrence.alias.clone(),
            through: occurrence.through.clone(),
            role: occurrence.role.clone(),
            detector: detectors.join(" and "),
            contract,
            dirties,
            place: occurrence.place.clone(),
        });
    }
    Ok(explained)
}

/// How changes of an input are found, and what that relies on, if on anything.
fn detector(job: &mut Job, input: &Input) -> Result<(String, Option<String>), ExactError> {
    let by = match &input.probe.group {
        Group::Interval { unit, .. } => format!(" by {}", unit.word()),
        Group::Key { expressions } | Group::Values { expressions } => {
            format!(" by {}", expressions.join(", ").replace('"', ""))
        }
        Group::Whole => " as a whole".to_owned(),
    };
    let columns = input.probe.columns.len() as u64;
    let fingerprint = match columns {
        0 => format!("row count{by}"),
        _ => format!("fingerprint of {}{by}", plural(columns, "column")),
    };
    if input.files.is_some() {
        let promise = "a file's size or time of writing changes when its rows do";
        return Ok((format!("list of files, then {fingerprint}"), Some(promise.to_owned())));
    }
    if let Some(declared) = &input.declared {
        let audited = declared.audit_days.map_or_else(String::new, |_| format!(", and {fingerprint} in turns"));
        let detector = format!("{} by {}{audited}", declared.detect.word(), declared.version);
        return Ok((detector, Some(declared.contract(&part(&input.probe.group)))));
    }
    let Some(exact) = job.around.parent(&input.relation) else {
        let tuples = if tuples::tells(job, input)? { "tuples, then " } else { "" };
        return Ok((format!("{tuples}{fingerprint}"), None));
    };
    let parent = Parent {
        id: String::new(),
        axis: Axis { partitioning: exact.partitioning(), dialect: job.dialect },
        change_seq: 0,
    };
    let promise = format!("sees what runs of {0} wrote; a change by hand is mended by {0}'s next run", input.label);
    let detector = match feed::fed(&parent, &input.probe) {
        None if input.probe.moving => fingerprint,
        Some(_) => format!("swap feed of {}", input.label),
        None => format!("{fingerprint}, when a run has changed {}", input.label),
    };
    Ok((detector, Some(promise)))
}

/// What a change dirties, in words.
fn consequence(term: &Term, axis: &Axis) -> String {
    let what = match &term.probe.group {
        Group::Interval { unit, .. } => format!("a changed {}", unit.word()),
        Group::Key { expressions } | Group::Values { expressions } => {
            format!("a changed {}", expressions.join(", ").replace('"', ""))
        }
        Group::Whole => "any change".to_owned(),
    };
    match (&term.effect, term.steps.last()) {
        (Effect::All(finding), _) => format!("{what} dirties everything: {}", finding.message),
        (Effect::Partitions | Effect::Kept(_), Some(_)) => {
            let slices = axis.unit().map_or_else(|| "keys".to_owned(), |unit| format!("{}s", unit.word()));
            let ways: Vec<&str> = term.steps.iter().skip(1).map(|step| step.reason.as_str()).collect();
            let by = if ways.is_empty() { String::new() } else { format!(", by way of {}", ways.join(" and ")) };
            format!("{what} dirties the {slices} it occurs in{by}")
        }
        (Effect::Kept(_), None) => format!("{what} dirties what it is joined with"),
        (Effect::Partitions, None) => match axis.unit() {
            Some(unit) => format!("a changed row dirties its {}", unit.word()),
            None => "a changed row dirties its key".to_owned(),
        },
    }
}
