//! What the differing rows themselves say about the cause.

use std::collections::HashMap;

use highwater_sql::Group;

use crate::exact::ExactError;
use crate::exact::dirty::plural;
use crate::exact::job::{Job, number};
use crate::exact::prepare::{Input, Prepared};

use super::cause::Cause;
use super::report::{Mismatch, VerifyOptions};
use super::scope::unit_seconds;

/// What was found about a differing partition besides its counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    /// Rows only in the table whose `unique_key` is NULL.
    pub null_keys: u64,
    /// Whether the table has rows in later partitions.
    pub earlier: bool,
    /// Whether it is the partition of rows without event time.
    pub null: bool,
    /// Whether two rebuilds of it differ.
    pub nondeterministic: bool,
}

/// How late the latest row of a partition reached its source.
#[derive(Debug, Clone)]
pub(crate) struct Lateness {
    /// Steps of the model's time.
    pub steps: u64,
    /// In words.
    pub words: String,
}

/// How late the latest rows of the listed partitions were loaded, where the source that drives the partitions says when its rows were, and that is
/// later than is usual for partitions that are equal. By place.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn lateness(job: &mut Job, prepared: &Prepared, labels: &str) -> Result<HashMap<u64, Lateness>, ExactError> {
    let Some(unit) = prepared.axis.unit() else { return Ok(HashMap::new()) };
    let Some((input, expression, loaded)) = driver(job, prepared) else { return Ok(HashMap::new()) };
    let label = input.label.clone();
    let interval = job.dialect.interval(&expression, unit);
    let table = job.query(&format!(
        "with late as (select p, cast(floor(extract(epoch from (date_trunc('{}', cast(l as timestamp)) - p)) / {}) as bigint) as steps \
         from (select {interval} as p, max({}) as l from {} group by 1) as loaded where isfinite(p)), \
         usual as (select percentile_disc(0.5) within group (order by late.steps) as steps from late join {} as compared on compared.p = late.p \
         where not compared.differs) \
         select labels.place, late.steps from {labels} as labels join late on late.p = labels.p cross join usual \
         where late.steps > coalesce(usual.steps, 0)",
        unit.word(),
        unit_seconds(unit),
        job.dialect.quote(&loaded),
        input.rows(),
        job.temp("compared")
    ))?;
    let late = table.rows.iter().map(|row| {
        let steps = number(&row[1]);
        let words = format!("a row of {label} was loaded {} after its own", plural(steps, unit.word()));
        (number(&row[0]), Lateness { steps, words })
    });
    Ok(late.filter(|(_, late)| late.steps > 0).collect())
}

/// The input that drives the partitions, with the expression of its time and the column that tells when its rows were loaded.
fn driver(job: &Job, prepared: &Prepared) -> Option<(Input, String, String)> {
    let terms = prepared.analysis.terms.iter().zip(&prepared.term_inputs);
    for (term, at) in terms.filter(|(term, _)| term.steps.is_empty()) {
        let input = &prepared.inputs[*at];
        if let (Group::Interval { expression, .. }, None) = (&term.probe.group, &term.probe.rows)
            && let Some(loaded) = job.around.loaded_at(&input.relation)
        {
            return Some((input.clone(), expression.clone(), loaded.to_owned()));
        }
    }
    None
}

/// The cause that the rows of a mismatch suggest.
pub(crate) fn from_rows(
    prepared: &Prepared,
    options: &VerifyOptions,
    mismatch: &Mismatch,
    evidence: &Evidence,
    late: Option<&Lateness>,
    all_over: bool,
) -> (Cause, Option<String>) {
    let Mismatch { missing, extra, changed, moved, .. } = *mismatch;
    if all_over {
        return (Cause::LogicChanged, Some(format!("every row differs in {}", mismatch.columns.join(", "))));
    }
    if evidence.null && missing > 0 {
        return (Cause::NoEventTime, None);
    }
    if evidence.null_keys > 0 {
        return (Cause::NullKey, Some(plural(evidence.null_keys, "row")));
    }
    if moved > 0 {
        return (Cause::Moved, Some(plural(moved, "row")));
    }
    if mismatch.rows_here == 0 && prepared.axis.unit().is_some() {
        return (if evidence.earlier { Cause::Gap } else { Cause::New }, None);
    }
    if extra > 0 && missing == 0 && changed == 0 {
        return (Cause::Deleted, Some(plural(extra, "row")));
    }
    if let Some(table) = dimension(prepared, &mismatch.columns).filter(|_| changed > 0 && missing + extra == 0) {
        return (Cause::Dimension, Some(table));
    }
    if missing > 0 || changed > 0 {
        if let Some(late) = late {
            let lookback = options.strategy.as_ref().and_then(|strategy| strategy.lookback);
            let short = lookback.is_some_and(|lookback| late.steps == u64::from(lookback) + 1);
            let cause = if short { Cause::LookbackTooShort } else { Cause::Late };
            return (cause, Some(late.words.clone()));
        }
        if missing > 0 && extra == 0 {
            return (Cause::Late, Some(plural(missing, "row")));
        }
    }
    if changed > 0 {
        return (Cause::Updated, Some("or the table was changed by hand".to_owned()));
    }
    (Cause::SourceChanged, None)
}

/// The joined table that all of these columns come from, by their names.
fn dimension(prepared: &Prepared, columns: &[String]) -> Option<String> {
    if columns.is_empty() {
        return None;
    }
    let drives = |at: usize| {
        let terms = prepared.analysis.terms.iter().zip(&prepared.term_inputs);
        terms.into_iter().any(|(term, input)| *input == at && term.steps.is_empty())
    };
    let has = |input: &Input, name: &String| input.probe.columns.iter().any(|other| other.eq_ignore_ascii_case(name));
    let driving: Vec<&Input> =
        (0..prepared.inputs.len()).filter(|at| drives(*at)).map(|at| &prepared.inputs[at]).collect();
    let joined = prepared.inputs.iter().enumerate().filter(|(at, _)| !drives(*at)).map(|(_, input)| input);
    let found = joined
        .into_iter()
        .find(|input| columns.iter().all(|name| has(input, name) && !driving.iter().any(|driver| has(driver, name))));
    found.map(|input| format!("{} changed", input.label))
}
