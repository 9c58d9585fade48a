//! Scope: which partitions of one model a backfill reaches, on the snapshot of its plan, and what the plan saw there.

use highwater_sql::analyse;

use crate::engine::{Column, Relation, RelationKind, quote_literal};
use crate::exact::axis::Axis;
use crate::exact::detect::{Observation, observe};
use crate::exact::dirty::{Dirty, dirty, listed};
use crate::exact::foresee::{Shown, Work, foresee};
use crate::exact::job::Job;
use crate::exact::ledger::{self, ModelRow};
use crate::exact::logic::{logic_change, sha256};
use crate::exact::look::{Choice, look, same_columns, target};
use crate::exact::overlay::Overlay;
use crate::exact::prepare::{Prepared, prepare};
use crate::exact::reserved::{Reserved, reserved};
use crate::exact::slice::Filter;
use crate::verify;

use super::error::BackfillError;
use super::request::{Request, What};
use super::shape;
use super::site::{BackfillModel, Site};

/// The name under which the ledger has nothing.
pub(crate) const FORESEEN: &str = "foreseen";

/// Reasons that are told of one model.
const REASONS: usize = 4;

/// What a backfill does with one model.
pub(crate) struct Scoped {
    /// The model, looked at.
    pub prepared: Prepared,
    /// Salt of its fingerprints.
    pub salt: u64,
    /// Temporary table `(p)`: the partitions.
    pub set: String,
    /// Temporary table `(p, n, f)`: what stands there.
    pub before: String,
    /// Why all of it.
    pub whole: Option<String>,
    /// How its columns change, in words.
    pub columns: Option<String>,
    /// Why.
    pub why: Vec<String>,
    /// The inputs as they are.
    pub observations: Vec<Observation>,
}

/// What the scope of a model came to.
pub(crate) enum Outcome {
    /// Some partitions.
    Scoped(Box<Scoped>),
    /// None.
    Untouched,
    /// It is downstream, and the next run has to rebuild it.
    Owed,
}

/// Partitions that were found, before anything is known of their rows.
struct Found {
    /// A query with one column `p`; none for the whole table.
    set: Option<String>,
    whole: Option<String>,
    why: Vec<String>,
}

/// What the backfill does with the models before one.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Their work.
    pub work: Vec<(Relation, Work)>,
    /// The columns that some of their tables get.
    pub shapes: Vec<(Relation, Vec<Column>)>,
}

/// Finds the partitions of a model. `before` is what the backfill does with the models before it.
///
/// # Errors
/// When it was asked for and cannot be backfilled.
pub(crate) fn scope(
    site: &mut Site,
    place: usize,
    request: &Request,
    before: &Ahead,
) -> Result<Outcome, BackfillError> {
    let models = site.models;
    let model = &models[place];
    let version = site.run.engine_version.clone();
    let (ahead, unread) = (before.work.as_slice(), site.takes_children_unread());
    let mut job = site.job(place);
    let reads_ahead = !ahead.is_empty();
    if !model.selected && !reads_ahead {
        return Ok(Outcome::Untouched);
    }
    let target = target(&mut job)?;
    let known = if model.is_exact { ledger::model(&mut job, &model.model.relation)? } else { None };
    if target.kind != Some(RelationKind::Table) || (model.is_exact && known.is_none()) {
        return unless_selected(
            &job,
            model,
            "it has no table yet that a run has built",
            format!("hw run --select {}", job.label),
        );
    }
    let prepared = match prepare(&mut job, &version, &analyse) {
        Ok(prepared) => prepared,
        Err(_) if !model.selected => return Ok(Outcome::Owed),
        Err(error) => return Err(waits_for_columns(&mut job, before)?.unwrap_or_else(|| error.into())),
    };
    if let Some(unstable) = prepared.analysis.unstable.first() {
        return unless_selected(
            &job,
            model,
            &unstable.message.clone(),
            format!("it is rebuilt at every run: hw run --select {}", job.label),
        );
    }
    let columns = shape::change(&mut job, &prepared)?;
    if let Some((reason, help)) = keeps_its_shape(&mut job, &prepared, model, columns.as_deref())? {
        return unless_selected(&job, model, &reason, help);
    }
    if let Some((reason, help)) = reads_otherwise(&mut job, &prepared, before, unread)? {
        return unless_selected(&job, model, &reason, help);
    }
    let salt = known.as_ref().map_or_else(|| steady_salt(model), |known| known.salt);
    if model.is_exact
        && let Some(other) = reserved(&mut job, &prepared.axis)?.backfill
    {
        return Err(BackfillError::Open { other, model: job.label.clone() });
    }
    let reshaped = columns.is_some().then(|| "the columns of its table were changed by hand".to_owned());
    let Some(found) = find(&mut job, &prepared, model, known.as_ref(), request, ahead, reshaped)? else {
        return Ok(Outcome::Untouched);
    };
    if found.whole.is_some() && (model.protected || !model.is_exact) {
        let reason = format!("all of it would be rebuilt ({})", found.whole.unwrap_or_default());
        let help = if model.protected {
            "its full_refresh is false: set it to true for this"
        } else {
            "rebuild it with hw run --full-refresh"
        };
        return unless_selected(&job, model, &reason, help.to_owned());
    }
    let (set, before) = stand(&mut job, &prepared, found.set.as_deref(), salt)?;
    if job.count(&format!("select count(*) from {set}"))? == 0 {
        return Ok(Outcome::Untouched);
    }
    let mut seen = Job::new(site.connection, &model.model, site.around, &format!("hwb_{place}_seen"));
    seen.moment = site.run.started_at;
    let observations = observe(&mut seen, &prepared, salt, true)?;
    let Found { whole, why, .. } = found;
    Ok(Outcome::Scoped(Box::new(Scoped { prepared, salt, set, before, whole, columns, why, observations })))
}

/// Why a table cannot get the columns of its query in a backfill, and what to do; none when it can, or has them. Downstream of what was asked for
/// nobody has asked for them.
fn keeps_its_shape(
    job: &mut Job,
    prepared: &Prepared,
    model: &BackfillModel,
    change: Option<&str>,
) -> Result<Option<(String, String)>, BackfillError> {
    let Some(change) = change else { return Ok(None) };
    let words = format!("its columns are no longer those of its table: a rebuild has {change}");
    if !model.is_exact {
        let help = format!(
            "hw run --select {0} adds them where its on_schema_change is append_new_columns, and then its rows can be backfilled; \
             otherwise hw run --select {0} --full-refresh",
            job.label
        );
        return Ok(Some((words, help)));
    }
    if !model.selected {
        return Ok(Some((words, format!("select it, too: --select {}", job.label))));
    }
    Ok(shape::reshape(job, prepared)?.err().map(|impossible| (impossible.reason, impossible.help)))
}

/// Why the query cannot be read with other rows in place of the tables of the models before, or reads something else out of them, and what to do.
fn reads_otherwise(
    job: &mut Job,
    prepared: &Prepared,
    before: &Ahead,
    unread: bool,
) -> Result<Option<(String, String)>, BackfillError> {
    let plain = |(relation, _): &(Relation, Work)| Overlay {
        relation: relation.clone(),
        sql: format!("select * from {}", relation.sql()),
    };
    let overlays: Vec<Overlay> = before.work.iter().map(plain).collect();
    if !overlays.is_empty() && shape::columns_over(job, &overlays)?.is_none() {
        return Ok(Some((
            "its query names columns by the schema of a table that is in the same backfill".to_owned(),
            "give that table an alias in the query".to_owned(),
        )));
    }
    let Some((changed, _)) = before.shapes.first().filter(|_| !unread) else { return Ok(None) };
    let found = columns_over_shapes(job, before)?;
    if found.is_some_and(|columns| same_columns(&columns, &prepared.output)) {
        return Ok(None);
    }
    let changed = job.around.label(changed);
    Ok(Some((format!("its columns change with those of {changed}"), backfill_first(&changed, &job.label))))
}

/// Whether the query of a model that does not bind is one that reads columns which the backfill gives to a table before it.
fn waits_for_columns(job: &mut Job, before: &Ahead) -> Result<Option<BackfillError>, BackfillError> {
    let Some((changed, _)) = before.shapes.first() else { return Ok(None) };
    let changed = job.around.label(changed);
    Ok(columns_over_shapes(job, before)?.map(|_| BackfillError::Impossible {
        model: job.label.clone(),
        reason: format!("its query reads columns that {changed} does not have yet"),
        help: backfill_first(&changed, &job.label),
    }))
}

fn backfill_first(first: &str, then: &str) -> String {
    format!("backfill {first} first, without {then}; then {then}, or leave it to the next run")
}

/// The columns of the query over tables as they will be.
fn columns_over_shapes(job: &mut Job, before: &Ahead) -> Result<Option<Vec<Column>>, BackfillError> {
    let overlay = |(relation, _): &(Relation, Work)| {
        let shape = before.shapes.iter().find(|(other, _)| other == relation);
        match shape {
            Some((_, columns)) => shape::empty(relation, columns, job),
            None => Overlay { relation: relation.clone(), sql: format!("select * from {}", relation.sql()) },
        }
    };
    let overlays: Vec<Overlay> = before.work.iter().map(overlay).collect();
    Ok(shape::columns_over(job, &overlays)?)
}

/// A model that was asked for is refused; one that is only downstream is left to the next run.
fn unless_selected(job: &Job, model: &BackfillModel, reason: &str, help: String) -> Result<Outcome, BackfillError> {
    if !model.selected {
        return Ok(Outcome::Owed);
    }
    Err(BackfillError::Impossible { model: job.label.clone(), reason: reason.to_owned(), help })
}

/// The salt of a model that the ledger has none for: the same at every planning.
fn steady_salt(model: &BackfillModel) -> u64 {
    u64::from_str_radix(&sha256(&model.model.unique_id)[..15], 16).unwrap_or(1)
}

fn find(
    job: &mut Job,
    prepared: &Prepared,
    model: &BackfillModel,
    known: Option<&ModelRow>,
    request: &Request,
    ahead: &[(Relation, Work)],
    reshaped: Option<String>,
) -> Result<Option<Found>, BackfillError> {
    let changed = known.filter(|known| known.logic_version != prepared.logic_version);
    let changed = changed.map(|known| logic_change(&known.logic, &prepared.logic)).or(reshaped);
    if let Some(reason) = changed
        && model.selected
    {
        return Ok(Some(Found { set: None, whole: Some(reason.clone()), why: vec![reason] }));
    }
    if request.what == What::Dirty && model.is_exact {
        return by_look(job, prepared, ahead);
    }
    let own = if model.selected { named(job, prepared, request, !ahead.is_empty())? } else { None };
    let below = below(job, prepared, ahead)?;
    Ok(match (own, below) {
        (own, Some(Found { set: None, whole, mut why })) => {
            why.extend(own.map(|_| "asked for".to_owned()));
            Some(Found { set: None, whole, why })
        }
        (Some(own), Some(below)) => {
            let set = format!("{own} union {}", below.set.unwrap_or_default());
            let why = std::iter::once("asked for".to_owned()).chain(below.why).collect();
            Some(Found { set: Some(set), whole: None, why })
        }
        (Some(own), None) => Some(Found { set: Some(own), whole: None, why: vec!["asked for".to_owned()] }),
        (None, below) => below,
    })
}

/// The partitions that the request names. A range says nothing of a table that is not cut by time, if it is downstream of one that is.
fn named(
    job: &mut Job,
    prepared: &Prepared,
    request: &Request,
    downstream: bool,
) -> Result<Option<String>, BackfillError> {
    if prepared.axis.unit().is_none() && downstream && request.from.is_some() {
        return Ok(None);
    }
    if request.what == What::Different {
        return different(job, prepared);
    }
    request.partitions(&prepared.axis, &job.label, &job.model.relation.sql())
}

/// The partitions that the last comparisons with a rebuild found different.
fn different(job: &mut Job, prepared: &Prepared) -> Result<Option<String>, BackfillError> {
    let relation = job.model.relation.clone();
    let found = verify::differing(job.connection, &relation).map_err(|error| job.error(error))?;
    let (by_time, id_type) = (prepared.axis.unit().is_some(), prepared.axis.id_type());
    let queries: Vec<String> = found
        .iter()
        .map(|differing| {
            let id = if by_time { &differing.interval_start } else { &differing.key_hash };
            let id = id.as_deref().map_or_else(|| "null".to_owned(), quote_literal);
            format!("select cast({id} as {id_type}) as p")
        })
        .collect();
    Ok((!queries.is_empty()).then(|| queries.join(" union ")))
}

/// What a run would build, with what the models before have in store.
fn by_look(job: &mut Job, prepared: &Prepared, ahead: &[(Relation, Work)]) -> Result<Option<Found>, BackfillError> {
    let found = look(job, prepared, ahead)?;
    match (&found.choice, &found.dirty) {
        (Choice::Nothing | Choice::Note, _) => Ok(None),
        (Choice::Incremental, Some(dirty)) => {
            let why = reasons(job, prepared, &found.observations, dirty)?;
            Ok(Some(Found { set: Some(format!("select p from {}", dirty.set)), whole: None, why }))
        }
        (Choice::Whole { reason, .. }, _) => {
            Ok(Some(Found { set: None, whole: Some(reason.clone()), why: vec![reason.clone()] }))
        }
        _ => Ok(Some(Found { set: None, whole: Some("it is built anew".to_owned()), why: Vec::new() })),
    }
}

/// What the backfill's work on the models before reaches here, and nothing else.
fn below(job: &mut Job, prepared: &Prepared, ahead: &[(Relation, Work)]) -> Result<Option<Found>, BackfillError> {
    let mut observations: Vec<Observation> = prepared.inputs.iter().map(|_| Observation::unlooked()).collect();
    // What the ledger has marked is no part of it.
    job.shadow = Some(FORESEEN.to_owned());
    let found = reached(job, prepared, &mut observations, ahead);
    job.shadow = None;
    found
}

/// What is reached, for a job that looks past the marks in the ledger.
fn reached(
    job: &mut Job,
    prepared: &Prepared,
    observations: &mut [Observation],
    ahead: &[(Relation, Work)],
) -> Result<Option<Found>, BackfillError> {
    if let Some(parent) = foresee(job, prepared, observations, ahead)? {
        let reason = format!("{parent} is rebuilt whole");
        return Ok(Some(Found { set: None, whole: Some(reason.clone()), why: vec![reason] }));
    }
    let dirty = dirty(job, prepared, observations, None, &Reserved::default())?;
    if let Some((table, finding)) = dirty.all.first() {
        let reason = format!("{table} changes: {}", finding.message);
        return Ok(Some(Found { set: None, whole: Some(reason.clone()), why: vec![reason] }));
    }
    if dirty.count == 0 {
        return Ok(None);
    }
    let why = reasons(job, prepared, observations, &dirty)?;
    let set = job.store("below", &format!("select p from {}", dirty.set))?;
    Ok(Some(Found { set: Some(format!("select p from {set}")), whole: None, why }))
}

/// The first few reasons of a dirty set.
pub(crate) fn reasons(
    job: &mut Job,
    prepared: &Prepared,
    observations: &[Observation],
    dirty: &Dirty,
) -> Result<Vec<String>, BackfillError> {
    let mut reasons: Vec<String> = Vec::new();
    let shown = [Shown::output(job.model.relation.sql(), &prepared.axis)];
    for partition in listed(job, prepared, observations, dirty, &shown)? {
        for reason in partition.reasons {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    let more = reasons.len().saturating_sub(REASONS);
    reasons.truncate(REASONS);
    if more > 0 {
        reasons.push(format!("and {more} more reasons"));
    }
    Ok(reasons)
}

/// The partitions as a table, and what stands there: of a set, or of everything.
pub(crate) fn stand(
    job: &mut Job,
    prepared: &Prepared,
    set: Option<&str>,
    salt: u64,
) -> Result<(String, String), BackfillError> {
    match set {
        Some(query) => {
            let set = job.store("scope", &format!("select distinct p from ({query}) as named"))?;
            let rows = rows_in(job, &prepared.axis, &set)?;
            let before = shape::partitions(job, prepared, "before", &rows, salt)?;
            Ok((set, before))
        }
        None => {
            let before = shape::partitions(job, prepared, "before", "true", salt)?;
            let set = job.store("scope", &format!("select p from {before}"))?;
            Ok((set, before))
        }
    }
}

/// The condition on a row of the table that its partition is in a set.
pub(crate) fn rows_in(job: &mut Job, axis: &Axis, set: &str) -> Result<String, BackfillError> {
    let null = job.count(&format!("select count(*) from {set} where p is null"))? > 0;
    Ok(Filter::new(job, axis, set, null)?.result(axis))
}
