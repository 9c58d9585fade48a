//! Look: what changed since the last run, and what that calls for. Writes nothing but temporary tables.

use highwater_sql::{Finding, Partitioning};

use crate::engine::{Column, RelationKind, quote_literal};
use crate::manifest::Policy;

use super::axis::within;
use super::cost::{self, FEW_ROWS, Forecast, spoken};
use super::detect::audit::due;
use super::detect::digest::is_untouched;
use super::detect::{Observation, observe};
use super::dirty::{Dirty, dirty};
use super::error::ExactError;
use super::foresee::{Foreseen, foresee};
use super::job::{Job, number};
use super::ledger::{self, ModelRow};
use super::logic::{column_change, columns_of, logic_change, pairs};
use super::prepare::{Prepared, located};
use super::reserved::{Reserved, reserved};
use super::scans;
use super::slice::Filter;
use super::swap::{changed_by_hand, partitions};

/// Tables of at most so many partitions are never rebuilt whole for cost's sake: there is nothing to gain.
pub(crate) const FEW_PARTITIONS: u64 = 8;

/// What happened to a table that the ledger knows and the database does not have.
pub(crate) const GONE: &str = "its table is gone: it was dropped, or renamed by hand";

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
    /// Fingerprints of all partitions of the table, if it was compared partition by partition.
    here: Option<String>,
    /// The day up to which the table was compared with the ledger, if that went on.
    pub audited: Option<i64>,
    /// What the inputs' detectors said; empty for a model that is built whole every time.
    pub observations: Vec<Observation>,
    /// What is dirty; none when everything is built for another reason.
    pub dirty: Option<Dirty>,
    /// What backfills have reserved.
    pub reserved: Reserved,
    /// Whether it is built only because a parent is going to be.
    pub awaited: bool,
    /// What building takes, by what it took before.
    pub forecast: Forecast,
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
    let mut look = look_at(job, prepared, foreseen)?;
    // What is reserved to the last partition is the backfill's alone: nothing is to be built here, and nothing taken down.
    if matches!(look.choice, Choice::Whole { .. }) && !job.model.full_refresh && all_reserved(job, prepared, &look)? {
        look.choice = Choice::Nothing;
    }
    Ok(look)
}

/// Whether a backfill reserves everything that the table holds.
fn all_reserved(job: &mut Job, prepared: &Prepared, look: &Look) -> Result<bool, ExactError> {
    let Some(set) = &look.reserved.set else { return Ok(false) };
    let column = prepared.axis.ledger_column();
    let others = job.count(&format!(
        "select count(*) from {}.partitions where model = {} and row_count > 0 and not {}",
        ledger::schema(&job.model.relation),
        job.id(),
        within(column, set)
    ))?;
    Ok(others == 0)
}

fn look_at(job: &mut Job, prepared: &Prepared, foreseen: &Foreseen) -> Result<Look, ExactError> {
    let relation = job.model.relation.clone();
    let known = ledger::model(job, &relation)?;
    let target = target(job)?;
    let salt = match &known {
        Some(known) => known.salt,
        None => scans::salt(job)?,
    };
    let same_columns = target.kind == Some(RelationKind::Table) && same_columns(&target.columns, &prepared.output);
    let forced = forced(job, prepared, known.as_ref(), &target, same_columns);
    let mut observations = if prepared.analysis.unstable.is_empty() {
        observe(job, prepared, salt, forced.is_some())?
    } else {
        Vec::new()
    };
    let awaited = if forced.is_none() { foresee(job, prepared, &mut observations, foreseen)? } else { None };
    let waits = awaited.is_some();
    let forced = forced.or_else(|| awaited.map(|parent| Choice::whole(format!("{parent} is built whole first"))));
    let mut look = Look {
        target,
        known,
        salt,
        here: None,
        audited: None,
        observations,
        dirty: None,
        reserved: Reserved::default(),
        awaited: waits,
        forecast: Forecast::default(),
        choice: Choice::Nothing,
    };
    if look.known.is_some() {
        look.reserved = reserved(job, &prepared.axis)?;
    }
    if let Some(choice) = forced {
        look.choice = choice;
        return Ok(look);
    }
    let by_hand = compare_table(job, prepared, &mut look)?;
    let dirty = dirty(job, prepared, &look.observations, by_hand.as_deref(), &look.reserved)?;
    let size = if dirty.count > 0 { size(job, prepared, &dirty)? } else { Size::default() };
    if dirty.count > 0 {
        look.forecast = cost::history(job)?.forecast(dirty.count, size.partitions);
    }
    let audited = look.audited.is_some();
    look.choice = choose(job, prepared, &look, &dirty, size)?;
    look.dirty = Some(dirty);
    if audited && look.choice == Choice::Nothing {
        look.choice = Choice::Note;
    }
    Ok(look)
}

/// Compares the table with what the last swaps wrote: all of it, or with `audit` the partitions whose turn it is, unless the number of rows already
/// says that it was changed by hand. Returns the table of partitions that differ, if any do.
fn compare_table(job: &mut Job, prepared: &Prepared, look: &mut Look) -> Result<Option<String>, ExactError> {
    let relation = job.model.relation.clone();
    let audited = look.known.as_ref().map_or(0, |known| known.audited);
    let due = due(audited, job.today(), job.model.audit_days);
    let audits_in_turns = job.model.audit_days.is_some() && same_count(job, prepared)?;
    if !audits_in_turns {
        // Hardly ever is a table changed by hand: one sum over all of it says so at half the price of one for every partition.
        let tuples = look.known.as_ref().and_then(|known| known.tuples.as_deref());
        if is_untouched(job, prepared, look.salt, tuples)? {
            return Ok(None);
        }
        let here = partitions(job, prepared, "here", &relation.sql(), "true", look.salt)?;
        let (table, count) = changed_by_hand(job, prepared, &here, |_| "true".to_owned())?;
        look.here = Some(here);
        return Ok((count > 0).then_some(table));
    }
    let Some(due) = due else { return Ok(None) };
    let dialect = job.dialect;
    look.audited = Some(job.today());
    let rows = due.condition(job.dialect, &prepared.axis.partition());
    let here = partitions(job, prepared, "audited", &relation.sql(), &rows, look.salt)?;
    let (table, count) = changed_by_hand(job, prepared, &here, |id| due.condition(dialect, id))?;
    Ok((count > 0).then_some(table))
}

/// Whether the table has as many rows as the ledger says.
fn same_count(job: &mut Job, prepared: &Prepared) -> Result<bool, ExactError> {
    let rows = job.count(&format!("select count(*) from {}", job.model.relation.sql()))?;
    Ok(rows == kept(job, prepared)?.rows)
}

/// Fingerprints of the table as it is, when it has the right columns: of all partitions, or at least of those that will be built.
///
/// # Errors
/// When the table cannot be read.
pub(crate) fn here(job: &mut Job, prepared: &Prepared, look: &Look) -> Result<Option<String>, ExactError> {
    let is_table = look.target.kind == Some(RelationKind::Table);
    if look.here.is_some() || !is_table || !same_columns(&look.target.columns, &prepared.output) {
        return Ok(look.here.clone());
    }
    let rows = match (&look.choice, &look.dirty) {
        // The rest of the table is not this run's turn.
        (Choice::Incremental, Some(dirty)) => {
            Filter::new(job, &prepared.axis, &dirty.set, dirty.null)?.result(&prepared.axis)
        }
        _ => "true".to_owned(),
    };
    let table = job.model.relation.sql();
    partitions(job, prepared, "here", &table, &rows, look.salt).map(Some)
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

/// Why everything has to be built before any input is compared, if so.
fn forced(
    job: &Job,
    prepared: &Prepared,
    known: Option<&ModelRow>,
    target: &Target,
    same_columns: bool,
) -> Option<Choice> {
    let known = match (target.kind, known) {
        (None, None) => return Some(Choice::New),
        (None, Some(_)) => return Some(Choice::whole(GONE)),
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
fn choose(job: &mut Job, prepared: &Prepared, look: &Look, dirty: &Dirty, size: Size) -> Result<Choice, ExactError> {
    let observations = &look.observations;
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
        return Ok(Choice::widened("its query cannot be cut into partitions", Vec::new()));
    }
    match job.model.policy {
        Policy::Full => Ok(Choice::whole("its policy is full")),
        Policy::Incremental | Policy::Strict => Ok(Choice::Incremental),
        // A whole build would write over what is reserved.
        Policy::Auto if look.reserved.count > 0 => Ok(Choice::Incremental),
        Policy::Auto => Ok(by_cost(prepared, dirty, size, look.forecast)),
    }
}

/// How large a table is: partitions, the dirty ones without rows included, and rows.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    partitions: u64,
    rows: u64,
}

fn size(job: &mut Job, prepared: &Prepared, dirty: &Dirty) -> Result<Size, ExactError> {
    let [partitions, rows] = job.numbers(&format!(
        "select count(*), sum(n)::bigint from (select p, max(n) as n from (select {0} as p, row_count as n from {1}.partitions \
         where model = {2} and row_count > 0 union all select p, 0 from {3}) as both_of group by p) as all_of",
        prepared.axis.ledger_column(),
        ledger::schema(&job.model.relation),
        job.id(),
        dirty.set
    ))?;
    Ok(Size { partitions, rows })
}

/// What is cheaper: by the times of builds before, where they tell something, else by half of the partitions.
fn by_cost(prepared: &Prepared, dirty: &Dirty, size: Size, forecast: Forecast) -> Choice {
    let words = || format!("{} of {}", prepared.axis.cut().count(dirty.count), size.partitions);
    if size.partitions <= FEW_PARTITIONS {
        return Choice::Incremental;
    }
    match forecast {
        Forecast { foreseen: Some(foreseen), rebuild: Some(rebuild) } if size.rows >= FEW_ROWS => {
            if foreseen > rebuild {
                let (foreseen, rebuild) = (spoken(foreseen), spoken(rebuild));
                Choice::whole(format!("{} are dirty: about {foreseen}, and {rebuild} for everything", words()))
            } else {
                Choice::Incremental
            }
        }
        _ if dirty.count * 2 > size.partitions => Choice::whole(format!("{} are dirty, more than half", words())),
        _ => Choice::Incremental,
    }
}

/// Stops what the configuration forbids, before anything is built.
///
/// # Errors
/// [`ExactError::Strict`], [`ExactError::Reserved`], [`ExactError::SchemaChange`].
pub(crate) fn refuse(job: &Job, prepared: &Prepared, look: &Look) -> Result<(), ExactError> {
    if let (Choice::Whole { reason, widened: true, findings }, Policy::Strict) = (&look.choice, job.model.policy) {
        return Err(ExactError::Strict {
            model: job.label.clone(),
            reason: reason.clone(),
            findings: located(job, findings),
        });
    }
    if let (Choice::Whole { reason, .. }, Some(backfill)) = (&look.choice, &look.reserved.backfill)
        && !job.model.full_refresh
    {
        return Err(ExactError::Reserved {
            model: job.label.clone(),
            backfill: backfill.clone(),
            partitions: prepared.axis.cut().count(look.reserved.count),
            reason: reason.clone(),
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

/// What was promised of inputs and turned out not to be so.
pub(crate) fn broken_promises(prepared: &Prepared, look: &Look) -> Vec<Finding> {
    let broken = prepared.inputs.iter().zip(&look.observations).filter_map(|(input, observation)| {
        let (words, declared) = (observation.broken.as_ref()?, input.declared.as_ref()?);
        Some(Finding {
            rule: "broken-promise",
            message: format!(
                "{} is declared {}, but {words}: all of it was looked at",
                input.label,
                declared.detect.word()
            ),
            help: format!("find out who writes {} like that, or declare it detect: fingerprint", input.label),
            place: None,
        })
    });
    let mut findings: Vec<Finding> = Vec::new();
    for finding in broken {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// That partitions are left alone, if some are.
pub(crate) fn left_alone(prepared: &Prepared, look: &Look) -> Option<Finding> {
    let backfill = look.reserved.backfill.as_ref()?;
    let partitions = prepared.axis.cut().count(look.reserved.count);
    Some(Finding {
        rule: "reserved",
        message: format!("{partitions} reserved by backfill {backfill}: runs leave them as they are"),
        help: format!("see hw backfill show {backfill}"),
        place: None,
    })
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
    /// Rows of intervals that begin before `begin`.
    pub early_rows: u64,
    /// Rows of intervals that begin after the run.
    pub future_rows: u64,
    /// Label of the latest interval with rows.
    pub latest: Option<String>,
}

/// Reads what the ledger says the table holds.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn kept(job: &mut Job, prepared: &Prepared) -> Result<Kept, ExactError> {
    let by_time = prepared.axis.unit().is_some();
    let early = match &job.model.begin {
        Some(begin) if by_time => format!("interval_start < cast({} as timestamp)", quote_literal(begin)),
        _ => "false".to_owned(),
    };
    let future = if by_time { format!("interval_start > {}", ledger::moment(job.moment)) } else { "false".to_owned() };
    let (null, latest) = if by_time {
        (
            "interval_start is null",
            format!(
                "(select {} from (select max(interval_start) as p from mine) as newest where p is not null)",
                prepared.axis.label("p")
            ),
        )
    } else {
        ("false", "null".to_owned())
    };
    let table = job.query(&format!(
        "with mine as (select * from {}.partitions where model = {} and row_count > 0) \
         select count(*), sum(row_count)::bigint, (sum(row_count) filter (where {null}))::bigint, {latest}, \
         (sum(row_count) filter (where {early}))::bigint, (sum(row_count) filter (where {future}))::bigint from mine",
        ledger::schema(&job.model.relation),
        job.id()
    ))?;
    let Some(row) = table.rows.first() else { return Err(job.broken("the ledger did not answer")) };
    Ok(Kept {
        partitions: number(&row[0]),
        rows: number(&row[1]),
        null_rows: number(&row[2]),
        early_rows: number(&row[4]),
        future_rows: number(&row[5]),
        latest: row[3].as_text().map(str::to_owned),
    })
}
