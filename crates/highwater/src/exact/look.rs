//! Look: what changed since the last run, and what that calls for. Writes nothing but temporary tables.

use highwater_sql::{Finding, Partitioning};

use crate::engine::{Column, RelationKind, quote_literal};
use crate::manifest::Policy;

use super::detect::{Observation, observe};
use super::dirty::{Dirty, dirty};
use super::error::ExactError;
use super::foresee::{Foreseen, foresee};
use super::job::{Job, number};
use super::ledger::{self, ModelRow};
use super::logic::{column_change, columns_of, logic_change, pairs};
use super::prepare::{Prepared, located};
use super::swap::{changed_by_hand, partitions};

/// Tables of at most so many partitions are never rebuilt whole for cost's sake: there is nothing to gain.
pub(crate) const FEW_PARTITIONS: u64 = 8;

/// What stands where the model's table should be.
pub(crate) struct Target {
    /// A table, a view, or nothing.
    pub kind: Option<RelationKind>,
    /// Its columns.
    pub columns: Vec<Column>,
}

/// Everything the look at a model found, before anything is built.
pub(crate) struct Look {
    /// What stands there.
    pub target: Target,
    /// What the ledger knows.
    pub known: Option<ModelRow>,
    /// Salt of the fingerprints.
    pub salt: u64,
    /// Fingerprints of the table, when it has the right columns.
    pub here: Option<String>,
    /// What the inputs' detectors said; empty for a model that is built whole every time.
    pub observations: Vec<Observation>,
    /// What is dirty; none when everything is built for another reason.
    pub dirty: Option<Dirty>,
    /// Whether it is built only because a parent is going to be.
    pub awaited: bool,
    /// What to do.
    pub choice: Choice,
}

/// What to do about a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choice {
    /// First build.
    New,
    /// Build everything; the reason, and whether the policy `strict` forbids it.
    Whole {
        /// Why.
        reason: String,
        /// Whether this is a widening that `strict` stops.
        widened: bool,
        /// The operators behind it.
        findings: Vec<Finding>,
    },
    /// Build the dirty partitions.
    Incremental,
    /// Take down what was seen: no partition is dirty, but an input changed.
    Note,
    /// Nothing.
    Nothing,
}

impl Choice {
    fn whole(reason: impl Into<String>) -> Self {
        Self::Whole { reason: reason.into(), widened: false, findings: Vec::new() }
    }

    fn widened(reason: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self::Whole { reason: reason.into(), widened: true, findings }
    }
}

/// Finds out what changed and what that calls for. Writes only temporary tables. The ledger must exist. `foreseen` is what a plan expects of parents.
///
/// # Errors
/// When an input or the ledger cannot be read.
pub(crate) fn look(job: &mut Job, prepared: &Prepared, foreseen: &Foreseen) -> Result<Look, ExactError> {
    let relation = job.model.relation.clone();
    let known = ledger::model(job, &relation, &job.model.unique_id)?;
    let target = target(job)?;
    let salt = known.as_ref().map_or_else(new_salt, |known| known.salt);
    let same_columns = target.kind == Some(RelationKind::Table) && same_columns(&target.columns, &prepared.output);
    let here = if same_columns { Some(partitions(job, prepared, "here", &relation.sql(), salt)?) } else { None };
    let forced = forced(job, prepared, known.as_ref(), &target, same_columns);
    let mut observations = if prepared.analysis.unstable.is_empty() {
        observe(job, prepared, salt, forced.is_some())?
    } else {
        Vec::new()
    };
    let awaited = if forced.is_none() { foresee(job, prepared, &mut observations, foreseen)? } else { None };
    let waits = awaited.is_some();
    let forced = forced.or_else(|| awaited.map(|parent| Choice::whole(format!("{parent} is built whole first"))));
    let mut look =
        Look { target, known, salt, here, observations, dirty: None, awaited: waits, choice: Choice::Nothing };
    if let Some(choice) = forced {
        look.choice = choice;
        return Ok(look);
    }
    let by_hand = match &look.here {
        Some(here) => Some(changed_by_hand(job, prepared, here)?),
        None => None,
    };
    let by_hand = by_hand.filter(|(_, count)| *count > 0).map(|(table, _)| table);
    let dirty = dirty(job, prepared, &look.observations, by_hand.as_deref())?;
    look.choice = choose(job, prepared, &look.observations, &dirty)?;
    look.dirty = Some(dirty);
    Ok(look)
}

/// What stands where the model's table should be.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn target(job: &mut Job) -> Result<Target, ExactError> {
    let relation = job.model.relation.clone();
    let kind = job.connection.kind(&relation).map_err(|error| job.error(error))?;
    let columns = if kind.is_some() { job.columns(&relation)? } else { Vec::new() };
    Ok(Target { kind, columns })
}

/// Whether two lists of columns are one.
pub(crate) fn same_columns(one: &[Column], other: &[Column]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.name.eq_ignore_ascii_case(&other.name) && one.data_type.eq_ignore_ascii_case(&other.data_type)
        })
}

fn new_salt() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low.rotate_left(32)
}

/// Why everything has to be built before any input is compared, if so.
fn forced(
    job: &Job,
    prepared: &Prepared,
    known: Option<&ModelRow>,
    target: &Target,
    same_columns: bool,
) -> Option<Choice> {
    let known = match (target.kind, known) {
        (None, _) => return Some(Choice::New),
        (Some(RelationKind::View | RelationKind::MaterializedView), _) => {
            return Some(Choice::whole("a view stands where its table should be"));
        }
        (Some(RelationKind::Table), None) => {
            return Some(Choice::whole("its table was not built by the exact strategy"));
        }
        (Some(RelationKind::Table), Some(known)) => known,
    };
    if job.model.full_refresh {
        return Some(Choice::whole("a full refresh was asked for"));
    }
    if known.logic_version != prepared.logic_version {
        return Some(Choice::whole(logic_change(&known.logic, &prepared.logic)));
    }
    if !same_columns {
        return Some(Choice::whole("the columns of its table were changed by hand"));
    }
    let unstable = &prepared.analysis.unstable;
    unstable.first().map(|first| Choice::widened(first.message.clone(), unstable.clone()))
}

/// What the dirty set calls for.
fn choose(
    job: &mut Job,
    prepared: &Prepared,
    observations: &[Observation],
    dirty: &Dirty,
) -> Result<Choice, ExactError> {
    let unseen = prepared.inputs.iter().zip(observations).find(|(_, observation)| !observation.seen);
    if let Some((input, _)) = unseen {
        return Ok(Choice::whole(format!("{} has not been looked at before", input.label)));
    }
    if !dirty.all.is_empty() {
        let (table, first) = &dirty.all[0];
        let findings = dirty.all.iter().map(|(_, finding)| finding.clone()).collect();
        return Ok(Choice::widened(format!("{table} changed: {}", first.message), findings));
    }
    if dirty.count == 0 {
        let news = observations.iter().any(Observation::news);
        return Ok(if news { Choice::Note } else { Choice::Nothing });
    }
    if prepared.axis.partitioning == Partitioning::Whole {
        return Ok(Choice::widened(
            "it has neither event_time with batch_size nor unique_key, so it is one partition",
            Vec::new(),
        ));
    }
    if prepared.analysis.slice.is_none() {
        return Ok(Choice::widened("its query cannot be cut into partitions", prepared.analysis.notes.clone()));
    }
    match job.model.policy {
        Policy::Full => Ok(Choice::whole("its policy is full")),
        Policy::Incremental | Policy::Strict => Ok(Choice::Incremental),
        Policy::Auto => {
            let all = job.count(&format!(
                "select count(*) from (select {0} from {1}.partitions where model = {2} and row_count > 0 union select p from {3})",
                prepared.axis.ledger_column(),
                ledger::schema(&job.model.relation),
                quote_literal(&job.model.unique_id),
                dirty.set
            ))?;
            let cut = prepared.axis.cut();
            Ok(if all > FEW_PARTITIONS && dirty.count * 2 > all {
                Choice::whole(format!("{} of {all} are dirty, more than half", cut.count(dirty.count)))
            } else {
                Choice::Incremental
            })
        }
    }
}

/// Stops what the configuration forbids, before anything is built.
///
/// # Errors
/// [`ExactError::Strict`], [`ExactError::SchemaChange`].
pub(crate) fn refuse(job: &Job, prepared: &Prepared, look: &Look) -> Result<(), ExactError> {
    if let (Choice::Whole { reason, widened: true, findings }, Policy::Strict) = (&look.choice, job.model.policy) {
        return Err(ExactError::Strict {
            model: job.label.clone(),
            reason: reason.clone(),
            findings: located(job, findings),
        });
    }
    if let Some(change) = schema_change(prepared, look)
        && job.model.on_schema_change == "fail"
        && !job.model.full_refresh
    {
        return Err(ExactError::SchemaChange { model: job.label.clone(), change });
    }
    Ok(())
}

/// How the columns of the table will change, if they will.
pub(crate) fn schema_change(prepared: &Prepared, look: &Look) -> Option<String> {
    let now = pairs(&prepared.output);
    let before = match (&look.target.kind, &look.known) {
        (Some(RelationKind::Table), Some(known)) if same_columns(&look.target.columns, &prepared.output) => {
            columns_of(&known.logic)
        }
        (Some(RelationKind::Table), _) => pairs(&look.target.columns),
        _ => return None,
    };
    (before != now).then(|| column_change(&before, &now))
}

/// What the ledger says the table holds.
pub(crate) struct Kept {
    /// Partitions with rows.
    pub partitions: u64,
    /// Rows.
    pub rows: u64,
    /// Rows without event time.
    pub null_rows: u64,
    /// Label of the latest interval with rows.
    pub latest: Option<String>,
}

/// Reads what the ledger says the table holds.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn kept(job: &mut Job, prepared: &Prepared) -> Result<Kept, ExactError> {
    let by_time = prepared.axis.unit().is_some();
    let (null, latest) = if by_time {
        (
            "interval_start is null",
            format!(
                "(select {} from (select max(interval_start) as p from mine) where p is not null)",
                prepared.axis.label("p")
            ),
        )
    } else {
        ("false", "null".to_owned())
    };
    let table = job.query(&format!(
        "with mine as (select * from {}.partitions where model = {} and row_count > 0) \
         select count(*), sum(row_count)::bigint, (sum(row_count) filter ({null}))::bigint, {latest} from mine",
        ledger::schema(&job.model.relation),
        quote_literal(&job.model.unique_id)
    ))?;
    let Some(row) = table.rows.first() else { return Err(job.broken("the ledger did not answer")) };
    Ok(Kept {
        partitions: number(&row[0]),
        rows: number(&row[1]),
        null_rows: number(&row[2]),
        latest: row[3].as_text().map(str::to_owned),
    })
}
