//! Why a partition probably differs.
//!
//! Certain evidence comes first: the ledger (what our last swap wrote, what a run held back, which logic built it), the detectors (what
//! changed in which input since), and what a rebuild gave when the table was last found equal to it. Where none of these knows, as with
//! tables that dbt's strategies fill, the differing rows themselves are looked at.

use std::collections::BTreeMap;

use highwater_sql::Group;
use serde::Serialize;

use crate::engine::quote_literal;
use crate::exact::ExactError;
use crate::exact::dirty::reason;
use crate::exact::job::{Job, number};
use crate::exact::ledger::{self, ModelRow};
use crate::exact::look::{Choice, look};
use crate::exact::marks::Mark;
use crate::exact::prepare::Prepared;
use crate::exact::reserved::reserved;
use crate::exact::swap::{changed_by_hand, partitions};

use super::clock::hours;
use super::evidence::{Evidence, from_rows, lateness};
use super::rebuild::Sides;
use super::record;
use super::report::{Mismatch, Verdict, VerifyOptions};

/// Why a partition probably differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Rows reached an input after the partition had been built.
    Late,
    /// They did so one interval after the last run that looks back that far.
    LookbackTooShort,
    /// The partition was never built, and later ones were.
    Gap,
    /// The partition is newer than any that was built.
    New,
    /// Rows of an input are gone.
    Deleted,
    /// Rows went from one partition to another.
    Moved,
    /// Rows of an input changed in their place.
    Updated,
    /// A table that is joined changed.
    Dimension,
    /// The model changed since the partition was built.
    LogicChanged,
    /// The table's content is not what the last run wrote.
    ChangedByHand,
    /// A run held its new rows back, because they failed a test.
    HeldBack,
    /// A backfill is at work on it, or was rolled back: runs leave it alone.
    Reserved,
    /// An hour at its edge is missing, or there twice, in a zone whose clocks change.
    ClockChange,
    /// Rows without a key, which a merge never finds again.
    NullKey,
    /// Rows without event time, which no batch ever loads.
    NoEventTime,
    /// Two rebuilds differ.
    Nondeterministic,
    /// An input changed, in a way that was not looked into.
    SourceChanged,
    /// The ledger knows nothing of this table.
    NotOurs,
    /// Nothing is known.
    Unknown,
}

impl Cause {
    /// The word in JSON and in the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::LookbackTooShort => "lookback_too_short",
            Self::Gap => "gap",
            Self::New => "new",
            Self::Deleted => "deleted",
            Self::Moved => "moved",
            Self::Updated => "updated",
            Self::Dimension => "dimension",
            Self::LogicChanged => "logic_changed",
            Self::ChangedByHand => "changed_by_hand",
            Self::HeldBack => "held_back",
            Self::Reserved => "reserved",
            Self::ClockChange => "clock_change",
            Self::NullKey => "null_key",
            Self::NoEventTime => "no_event_time",
            Self::Nondeterministic => "nondeterministic",
            Self::SourceChanged => "source_changed",
            Self::NotOurs => "not_ours",
            Self::Unknown => "unknown",
        }
    }

    /// In words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Late => "rows arrived late, after it was built",
            Self::LookbackTooShort => "the lookback is one step too short",
            Self::Gap => "it was never built, though later ones were",
            Self::New => "it is new, and not built yet",
            Self::Deleted => "rows were deleted from a source",
            Self::Moved => "rows moved to another partition",
            Self::Updated => "rows of a source changed",
            Self::Dimension => "a joined table changed",
            Self::LogicChanged => "the model changed since it was built",
            Self::ChangedByHand => "changed by hand: no run of ours wrote this",
            Self::HeldBack => "held back by a run: its new rows failed a test",
            Self::Reserved => "runs leave it alone: a backfill is at work on it, or was rolled back",
            Self::ClockChange => "the clocks changed, and the filter for new rows did not",
            Self::NullKey => "rows without a key: a merge never finds them again",
            Self::NoEventTime => "rows without event time: no batch ever loads them",
            Self::Nondeterministic => "two rebuilds differ: the query is not deterministic",
            Self::SourceChanged => "a source changed since the last run",
            Self::NotOurs => "the table was not built by the exact strategy",
            Self::Unknown => "the cause is unknown",
        }
    }
}

/// Names the likely cause of every listed mismatch. What cannot be found out stays unknown. `labels` is `(p, label, place)` of them.
pub(crate) fn causes(
    job: &mut Job,
    prepared: &Prepared,
    sides: &Sides,
    labels: &str,
    evidence: &[Evidence],
    options: &VerifyOptions,
    verdict: &mut Verdict,
) {
    let named = by_ledger(job, prepared, labels, evidence, options, verdict)
        .and_then(|()| by_clock(job, prepared, sides, labels, options, verdict))
        .and_then(|()| by_rows(job, prepared, labels, evidence, options, verdict));
    if let Err(error) = named {
        tracing::debug!(%error, "no cause found");
    }
}

/// Gives a mismatch a cause, if it has none yet.
fn give(mismatch: &mut Mismatch, cause: Cause, detail: Option<String>) {
    if mismatch.cause == Cause::Unknown {
        mismatch.cause = cause;
        mismatch.detail = detail;
    }
}

/// What the ledger and the detectors know.
fn by_ledger(
    job: &mut Job,
    prepared: &Prepared,
    labels: &str,
    evidence: &[Evidence],
    options: &VerifyOptions,
    verdict: &mut Verdict,
) -> Result<(), ExactError> {
    for (mismatch, evidence) in verdict.mismatches.iter_mut().zip(evidence) {
        if evidence.nondeterministic {
            give(mismatch, Cause::Nondeterministic, None);
        }
    }
    let relation = job.model.relation.clone();
    if !ledger::exists(job, &relation)? {
        if options.strategy.is_none() {
            verdict.mismatches.iter_mut().for_each(|mismatch| give(mismatch, Cause::NotOurs, None));
        }
        return Ok(());
    }
    let Some(known) = ledger::model(job, &relation)? else {
        if options.strategy.is_none() {
            verdict.mismatches.iter_mut().for_each(|mismatch| give(mismatch, Cause::NotOurs, None));
            return Ok(());
        }
        return by_last_verdict(job, prepared, labels, verdict);
    };
    if options.strategy.is_some() {
        // It was exact once; what the ledger has of that time explains nothing now.
        return by_last_verdict(job, prepared, labels, verdict);
    }
    let same = |key: &str| known.logic.get(key) == prepared.logic.get(key);
    let has_partials = job.model.partials.is_some();
    if !has_partials && (!same("query") || !same("columns")) {
        verdict.mismatches.iter_mut().for_each(|mismatch| give(mismatch, Cause::LogicChanged, None));
        return Ok(());
    }
    let kept = reserved(job, &prepared.axis)?;
    if let (Some(set), Some(backfill)) = (kept.set, kept.backfill) {
        for place in places(job, labels, &format!("select p from {set}"))? {
            give_at(verdict, place, Cause::Reserved, Some(format!("hw backfill show {backfill}")));
        }
    }
    let here = partitions(job, prepared, "here", &relation.sql(), "true", known.salt)?;
    let (by_hand, _) = changed_by_hand(job, prepared, &here, |_| "true".to_owned())?;
    for place in places(job, labels, &format!("select p from {by_hand}"))? {
        give_at(verdict, place, Cause::ChangedByHand, None);
    }
    if has_partials {
        // What was seen of its sources stands under its partials.
        return Ok(());
    }
    by_detectors(job, prepared, &known, labels, evidence, verdict)
}

/// A reason of a dirty partition: its number among the terms, and the rows of the input before and now where they were counted.
type Reason = (usize, Option<(u64, u64)>);

/// What the next run would find.
fn by_detectors(
    job: &mut Job,
    prepared: &Prepared,
    known: &ModelRow,
    labels: &str,
    evidence: &[Evidence],
    verdict: &mut Verdict,
) -> Result<(), ExactError> {
    // In an engine of the version that the ledger knows.
    let then = Prepared { logic: known.logic.clone(), logic_version: known.logic_version.clone(), ..prepared.clone() };
    let look = look(job, &then, &[])?;
    match (&look.choice, &look.dirty) {
        (_, Some(dirty)) if dirty.all.is_empty() => {
            let why = job.query(&format!(
                "select distinct labels.place, why.term, why.rows_before, why.rows_now from {labels} as labels \
                 join {} as why on labels.p is not distinct from why.p order by labels.place, why.term",
                dirty.why
            ))?;
            let mut found: BTreeMap<u64, Vec<Reason>> = BTreeMap::new();
            for row in &why.rows {
                let counts = (!row[2].is_null()).then(|| (number(&row[2]), number(&row[3])));
                let term = usize::try_from(number(&row[1])).unwrap_or(usize::MAX);
                found.entry(number(&row[0])).or_default().push((term, counts));
            }
            let late = lateness(job, prepared, labels)?;
            for (place, terms) in found {
                let Some(at) = usize::try_from(place).ok().and_then(|place| place.checked_sub(1)) else { continue };
                let (Some(mismatch), Some(evidence)) = (verdict.mismatches.get_mut(at), evidence.get(at)) else {
                    continue;
                };
                let (cause, detail) = by_terms(prepared, &look.observations, &terms, mismatch, evidence);
                let detail = if cause == Cause::Late {
                    late.get(&place).map(|late| late.words.clone()).or(detail)
                } else {
                    detail
                };
                give(mismatch, cause, detail);
            }
            Ok(())
        }
        (Choice::Whole { reason, .. }, _) => {
            let detail = Some(reason.clone());
            verdict.mismatches.iter_mut().for_each(|mismatch| give(mismatch, Cause::SourceChanged, detail.clone()));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What the detectors' reasons come to.
fn by_terms(
    prepared: &Prepared,
    observations: &[crate::exact::detect::Observation],
    terms: &[Reason],
    mismatch: &Mismatch,
    evidence: &Evidence,
) -> (Cause, Option<String>) {
    if terms.iter().any(|(term, _)| Mark::of_number(*term) == Some(Mark::Held)) {
        return (Cause::HeldBack, None);
    }
    if mismatch.moved > 0 {
        return (Cause::Moved, None);
    }
    let mut others = Vec::new();
    for (term, counts) in terms {
        let Some(known) = prepared.analysis.terms.get(*term) else { continue };
        let input = &prepared.inputs[prepared.term_inputs[*term]];
        let words = reason(known, input, &observations[prepared.term_inputs[*term]], *counts);
        match counts {
            Some((before, now)) if known.steps.is_empty() => {
                let cause = match now.cmp(before) {
                    std::cmp::Ordering::Less => Cause::Deleted,
                    std::cmp::Ordering::Equal => Cause::Updated,
                    std::cmp::Ordering::Greater if mismatch.rows_here == 0 && !evidence.earlier => Cause::New,
                    std::cmp::Ordering::Greater => Cause::Late,
                };
                return (cause, Some(words));
            }
            _ => {
                let joined =
                    matches!(known.probe.group, Group::Key { .. } | Group::Values { .. }) && !known.steps.is_empty();
                others.push((if joined { Cause::Dimension } else { Cause::SourceChanged }, words));
            }
        }
    }
    match others.into_iter().next() {
        Some((cause, words)) => (cause, Some(words)),
        None => (Cause::Unknown, None),
    }
}

/// What is known from the time when the table was last compared, and found equal there: a rebuild that gives the same since then says that the
/// table was changed, another query that the logic was.
fn by_last_verdict(job: &mut Job, prepared: &Prepared, labels: &str, verdict: &mut Verdict) -> Result<(), ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let last = job.query(&format!(
        "select logic from {schema}.verdicts where model = {model} and outcome <> 'not_compared' order by verified_at desc limit 1"
    ))?;
    let Some(last) = last.rows.first().map(|row| row[0].to_string()) else { return Ok(()) };
    if last != record::logic(prepared) {
        verdict.mismatches.iter_mut().for_each(|mismatch| give(mismatch, Cause::LogicChanged, None));
        return Ok(());
    }
    let compared = job.temp("compared");
    let column = prepared.axis.ledger_column();
    let unchanged = format!(
        "select now.p from {compared} as now join {schema}.compared as before on before.model = {} and before.{column} is not distinct from now.p \
         and before.{} is null and not before.differs and before.row_count = now.n_there and before.fingerprint is not distinct from now.f_there",
        quote_literal(&ledger::id(&job.model.relation)),
        prepared.axis.unused_column()
    );
    for place in places(job, labels, &unchanged)? {
        give_at(verdict, place, Cause::ChangedByHand, Some("it was equal to the same rebuild before".to_owned()));
    }
    Ok(())
}

/// The places of the listed partitions that are in a set.
fn places(job: &mut Job, labels: &str, set: &str) -> Result<Vec<u64>, ExactError> {
    let table = job.query(&format!(
        "select labels.place from {labels} as labels join ({set}) as found on labels.p is not distinct from found.p"
    ))?;
    Ok(table.rows.iter().map(|row| number(&row[0])).collect())
}

fn give_at(verdict: &mut Verdict, place: u64, cause: Cause, detail: Option<String>) {
    let at = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
    if let Some(mismatch) = at.and_then(|at| verdict.mismatches.get_mut(at)) {
        give(mismatch, cause, detail);
    }
}

/// Whether an hour explains it, of what nobody else could explain.
fn by_clock(
    job: &mut Job,
    prepared: &Prepared,
    sides: &Sides,
    labels: &str,
    options: &VerifyOptions,
    verdict: &mut Verdict,
) -> Result<(), ExactError> {
    let candidate = |mismatch: &Mismatch| mismatch.cause == Cause::Unknown && mismatch.rows_here > 0;
    if options.strategy.is_none() || !verdict.mismatches.iter().any(candidate) {
        return Ok(());
    }
    for hour in hours(job, prepared, sides, labels)? {
        give_at(verdict, hour.place, Cause::ClockChange, Some(hour.words));
    }
    Ok(())
}

/// What the differing rows say, of what nobody else could explain.
fn by_rows(
    job: &mut Job,
    prepared: &Prepared,
    labels: &str,
    evidence: &[Evidence],
    options: &VerifyOptions,
    verdict: &mut Verdict,
) -> Result<(), ExactError> {
    let unknown = |mismatch: &Mismatch| mismatch.cause == Cause::Unknown;
    if options.strategy.is_none() || !verdict.mismatches.iter().any(unknown) {
        return Ok(());
    }
    let late = lateness(job, prepared, labels)?;
    let all_over = logic_all_over(verdict);
    for (at, (mismatch, evidence)) in verdict.mismatches.iter_mut().zip(evidence).enumerate() {
        let late = late.get(&(at as u64 + 1));
        let (cause, detail) = from_rows(prepared, options, mismatch, evidence, late, all_over);
        give(mismatch, cause, detail);
    }
    Ok(())
}

/// Whether nearly every partition differs, and nearly every row of them, and in the same columns: data does not change so.
fn logic_all_over(verdict: &Verdict) -> bool {
    let listed = &verdict.mismatches;
    let Some(first) = listed.first() else { return false };
    verdict.compared >= 3
        && verdict.mismatch_count * 10 >= verdict.compared * 9
        && !first.columns.is_empty()
        && listed.iter().all(|mismatch| {
            mismatch.columns == first.columns
                && mismatch.missing + mismatch.extra == 0
                && mismatch.changed * 10 >= mismatch.rows_here * 9
        })
}
