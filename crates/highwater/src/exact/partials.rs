//! Partials: a model that is kept by way of a table of partial aggregates per interval (`meta.highwater.partials: day`).
//!
//! Its query is split in two (`highwater_sql::split`), and each half is an exact model: the partials by interval, in a table beside the ledger that is
//! nobody's but theirs, and the model over them by its own partitions. So nothing here needs an argument of its own: the partials are a parent
//! like any other, built in a transaction of its own before the model; a run that dies between the two leaves a parent that has moved on,
//! which the next run finds in the ledger. `hw verify` compares with the query as it was written.

use std::cell::RefCell;

use highwater_sql::{ColumnType, Finding, INTERVAL, Partitioning, Split, SplitRequest};

use crate::engine::{Connection, Relation};
use crate::manifest::{BatchSize, Policy};

use super::PlannedModel;
use super::error::ExactError;
use super::failpoint;
use super::job::Job;
use super::ledger;
use super::logic::sha256;
use super::model::{ExactModel, ExactParent, Surroundings};
use super::names::Cached;
use super::prepare::{embedded, located};
use super::report::{Mode, SwapReport};

/// The step of a run between its partials and the model.
pub(crate) const COMBINING: &str = "combining";

/// As many bytes of a table's name as stand in that of its partials: PostgreSQL's names end at 63.
const NAME_BYTES: usize = 36;

/// A table of at most so many rows is likely to gain by partials (`docs/design/exact.md` has the figures).
const FEW_KEYS: u64 = 200;

/// The two models that a model with partials is.
pub(crate) struct Pair {
    /// The partials.
    pub stored: ExactModel,
    /// The model over them.
    pub combined: ExactModel,
    /// What stands around the model, with the partials among it.
    pub around: Surroundings,
}

/// Builds one exact model.
type Step<'s> = dyn FnMut(&mut dyn Connection, &ExactModel, &Surroundings) -> Result<SwapReport, ExactError> + 's;

/// Where the partials of a table lie: beside the ledger.
pub(crate) fn table(relation: &Relation) -> Relation {
    let mut length = relation.identifier.len().min(NAME_BYTES);
    while !relation.identifier.is_char_boundary(length) {
        length -= 1;
    }
    let name = format!("partials_of_{}_{}", &relation.identifier[..length], &sha256(&ledger::id(relation))[..8]);
    Relation::new(&relation.database, "highwater", &name)
}

/// Splits a model that asks for partials; outside of a transaction.
///
/// # Errors
/// When its query does not bind, or cannot be split.
pub(crate) fn pair(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
) -> Result<Pair, ExactError> {
    let size = model.partials.unwrap_or(BatchSize::Day);
    let split = split(connection, model, around, size)?;
    let relation = table(&model.relation);
    let label = format!("partials of {}", around.label(&model.relation));
    let stored = ExactModel {
        relation: relation.clone(),
        sql: split.stored.clone(),
        event_time: Some(INTERVAL.to_owned()),
        batch_size: Some(size),
        begin: None,
        unique_key: Vec::new(),
        on_schema_change: "ignore".to_owned(),
        audits: Vec::new(),
        partials: None,
        ..model.clone()
    };
    let combined = ExactModel { sql: split.over(&relation.sql()), ..model.clone() };
    let mut around = around.clone();
    let parent = ExactParent {
        unique_id: model.unique_id.clone(),
        event_time: stored.event_time.clone(),
        batch_size: stored.batch_size,
        unique_key: Vec::new(),
    };
    around.labels.insert(relation.clone(), label);
    around.exact.insert(relation, parent);
    Ok(Pair { stored, combined, around })
}

/// The query of a model as two.
fn split(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
    size: BatchSize,
) -> Result<Split, ExactError> {
    let label = around.label(&model.relation);
    let sql = embedded(&model.sql);
    connection.describe(sql).map_err(|source| ExactError::Unbound { model: label.clone(), source })?;
    let dialect = connection.dialect();
    let outcome = match &model.moment {
        None => Err(Finding {
            rule: "partials",
            message: "which moment says when its rows happened is not declared, or declared in several ways".to_owned(),
            help: "declare event_time of the table it aggregates, or name it: partials: {batch_size: day, event_time: ordered_at}"
                .to_owned(),
            place: None,
        }),
        Some(moment) => {
            let session = RefCell::new(Cached::new(connection, &around.scans, None));
            let describe = |text: &str| -> Option<Vec<ColumnType>> { session.borrow_mut().describe(text) };
            let function = |name: &str| Some(session.borrow_mut().function(around, name));
            highwater_sql::split(&SplitRequest {
                sql,
                event_time: moment,
                unit: size.into(),
                dialect,
                describe: &describe,
                function: &function,
            })
        }
    };
    outcome.map_err(|finding| {
        let job = Job::new(connection, model, around, "hw");
        ExactError::Partials { model: label, finding: located(&job, &[finding]) }
    })
}

/// Builds the partials, and then the model over them. `step` builds one exact model.
///
/// # Errors
/// When either cannot be built; what was built before stays.
pub(crate) fn build(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
    step: &mut Step,
) -> Result<SwapReport, ExactError> {
    if model.partials.is_none() {
        let report = step(connection, model, around)?;
        // Whatever makes a model one without partials changes its query.
        if matches!(report.mode, Mode::New | Mode::Whole) {
            forget(&mut Job::new(connection, model, around, "hw"))?;
        }
        return Ok(report);
    }
    let Pair { stored, combined, around } = pair(connection, model, around)?;
    let partials = step(connection, &stored, &around)?;
    failpoint::reach(COMBINING, &around.label(&model.relation));
    let mut report = step(connection, &combined, &around)?;
    report.partials = Some(Box::new(partials));
    Ok(report)
}

/// Drops partials that a model had once, and what the ledger knows of them.
fn forget(job: &mut Job) -> Result<(), ExactError> {
    let partials = table(&job.model.relation);
    if !ledger::exists(job, &partials)? || ledger::model(job, &partials)?.is_none() {
        return Ok(());
    }
    job.connection.begin().map_err(|error| job.error(error))?;
    let dropped = job
        .execute(&format!("drop table if exists {}", partials.sql()))
        .and_then(|_| ledger::forget(job, &partials))
        .and_then(|()| job.connection.commit().map_err(|error| job.error(error)));
    if dropped.is_err() {
        ledger::rollback(job);
    }
    dropped
}

/// The models of a plan with the partials that stand behind some of them, what stands around all of them, and what is wrong with some.
pub(crate) struct Spread {
    /// The models in order.
    pub models: Vec<(PlannedModel, Option<ExactError>)>,
    /// What stands around them.
    pub around: Surroundings,
}

/// Puts the partials of every model that has some before it.
pub(crate) fn spread(connection: &mut dyn Connection, models: &[PlannedModel], around: &Surroundings) -> Spread {
    let mut spread = Spread { models: Vec::new(), around: around.clone() };
    for planned in models {
        match planned {
            PlannedModel::Exact(model) if model.partials.is_some() => match pair(connection, model, &spread.around) {
                Ok(Pair { stored, combined, around }) => {
                    spread.around = around;
                    let both = [stored, combined].map(|model| (PlannedModel::Exact(Box::new(model)), None));
                    spread.models.extend(both);
                }
                // What it reads is not there yet.
                Err(ExactError::Unbound { .. }) => spread.models.push((planned.clone(), None)),
                Err(error) => spread.models.push((planned.clone(), Some(error))),
            },
            _ => spread.models.push((planned.clone(), None)),
        }
    }
    spread
}

/// What to say to a model that could have partials, does not ask for them, and would be built faster with them: one of few rows, for with many keys
/// the partials are as long as what they were made of. `rows` is how many it has.
pub(crate) fn suggestion(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
    rows: Option<u64>,
) -> Option<Finding> {
    let few = rows.is_some_and(|rows| (1..=FEW_KEYS).contains(&rows));
    let by_key = few && !matches!(model.partitioning(), Partitioning::Interval { .. });
    let moment =
        model.moment.as_ref().filter(|_| by_key && model.partials.is_none() && model.policy != Policy::Full)?;
    split(connection, model, around, BatchSize::Day).ok()?;
    Some(Finding {
        rule: "partials-possible",
        message: format!(
            "its aggregates can be kept per day of {moment}: a changed day would then be read alone, and what it changes put together from all days' partials"
        ),
        help: "if a key has many rows a day, write meta: {highwater: {partials: day}} (hw help HW0517)".to_owned(),
        place: None,
    })
}
