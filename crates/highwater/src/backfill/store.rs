//! The rows of a backfill in the ledger: where it is, what it reaches, where its rows lie.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::engine::{Cell, Connection, quote_literal};
use crate::exact::job::number;
use crate::exact::ledger;

use super::error::BackfillError;
use super::site::Site;

/// Where a backfill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Planned, and nothing else.
    Planned,
    /// Rows are being staged; its partitions are held.
    Staging,
    /// All rows are staged.
    Staged,
    /// Staged rows failed their audit.
    Failed,
    /// Swapped in; the old rows are kept.
    Published,
    /// Undone; its partitions are held.
    RolledBack,
    /// Given up.
    Abandoned,
}

impl State {
    const ALL: [Self; 7] =
        [Self::Planned, Self::Staging, Self::Staged, Self::Failed, Self::Published, Self::RolledBack, Self::Abandoned];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Staging => "staging",
            Self::Staged => "staged",
            Self::Failed => "failed",
            Self::Published => "published",
            Self::RolledBack => "rolled back",
            Self::Abandoned => "abandoned",
        }
    }

    fn read(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.word() == word).unwrap_or(Self::Abandoned)
    }

    /// What can be done from here.
    pub fn next(self, id: &str) -> String {
        match self {
            Self::Planned => format!("hw backfill apply {id}"),
            Self::Staging | Self::Staged | Self::Failed => {
                format!("hw backfill resume {id}, or hw backfill abandon {id}")
            }
            Self::Published => format!("hw backfill rollback {id} undoes it"),
            Self::RolledBack => format!("hw backfill apply {id} does it again, hw backfill abandon {id} gives it up"),
            Self::Abandoned => "plan it again: hw backfill plan".to_owned(),
        }
    }

    /// Whether its partitions are held, so that no other backfill may begin on its models.
    pub fn holds(self) -> bool {
        matches!(self, Self::Staging | Self::Staged | Self::Failed | Self::RolledBack)
    }
}

/// The word for a step of the record: somebody asked it to stop.
pub(crate) const PAUSED: &str = "paused";

/// A backfill as the ledger has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// The hash of its plan.
    pub hash: String,
    /// Where it is.
    pub state: State,
    /// What was done, step by step.
    pub record: Value,
    /// When it was planned, in UTC.
    pub planned_at: String,
    /// When its state last changed, in UTC.
    pub changed_at: String,
    /// Batches staged, and batches there are; none before staging.
    pub batches: (u64, u64),
    /// Partitions it reaches.
    pub partitions: u64,
}

impl Entry {
    /// Why, as far as it was begun.
    pub fn reason(&self) -> Option<&str> {
        self.record.as_array()?.iter().find_map(|step| step.get("reason")?.as_str())
    }

    /// The last day on which its old rows are kept, as far as it was published.
    pub fn kept_until(&self) -> Option<&str> {
        let steps = self.record.as_array().into_iter().flatten();
        steps.filter_map(|step| step.get("kept_until")?.as_str()).next_back()
    }

    /// What can be done from where it is.
    pub fn next(&self) -> String {
        match (self.state, self.kept_until()) {
            (State::Published, Some(until)) => format!("{}, until {until}", self.state.next(&self.id)),
            _ => self.state.next(&self.id),
        }
    }

    /// Whether it waits for somebody to go on with it, rather than being at work.
    pub fn is_paused(&self) -> bool {
        let last = self.record.as_array().and_then(|steps| steps.last());
        self.state.holds() && last.and_then(|step| step.get("step")?.as_str()) == Some(PAUSED)
    }
}

const COLUMNS: &str = "backfill, hash, state, record, cast(planned_at as varchar), cast(changed_at as varchar)";

/// All backfills in a ledger, the newest first; nothing where there is no ledger yet.
///
/// # Errors
/// The engine's own message.
pub fn entries(connection: &mut dyn Connection, ledger: &str) -> Result<Vec<Entry>, crate::engine::EngineError> {
    let Ok(table) =
        connection.query(&format!("select {COLUMNS} from {ledger}.backfills order by changed_at desc, backfill"))
    else {
        return Ok(Vec::new());
    };
    table.rows.iter().map(|row| read(connection, ledger, row)).collect()
}

/// One backfill, by its id.
///
/// # Errors
/// The engine's own message.
pub fn entry(
    connection: &mut dyn Connection,
    ledger: &str,
    id: &str,
) -> Result<Option<Entry>, crate::engine::EngineError> {
    let table = connection
        .query(&format!("select {COLUMNS} from {ledger}.backfills where backfill = {}", quote_literal(id)))?;
    table.rows.first().map(|row| read(connection, ledger, row)).transpose()
}

fn read(connection: &mut dyn Connection, ledger: &str, row: &[Cell]) -> Result<Entry, crate::engine::EngineError> {
    let id = row[0].to_string();
    let counted = connection.query(&format!(
        "select count(distinct model || cast(batch as varchar)), count(distinct model || cast(batch as varchar)) filter (where staged), count(*) \
         from {ledger}.backfill_partitions where backfill = {}",
        quote_literal(&id)
    ))?;
    let numbers: Vec<u64> = counted.rows.first().map(|row| row.iter().map(number).collect()).unwrap_or_default();
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    let moment = |cell: &Cell| cell.to_string().split('.').next().unwrap_or_default().to_owned();
    Ok(Entry {
        id,
        hash: row[1].to_string(),
        state: State::read(&row[2].to_string()),
        record: serde_json::from_str(&row[3].to_string()).unwrap_or(Value::Null),
        planned_at: moment(&row[4]),
        changed_at: moment(&row[5]),
        batches: (at(1), at(0)),
        partitions: at(2),
    })
}

/// The tables of one model of a backfill.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tables {
    /// Its new rows.
    pub stage: String,
    /// Its old rows.
    pub kept: String,
}

/// The names of the side tables, in SQL.
pub(crate) fn tables(schema: &str, id: &str, place: usize) -> Tables {
    let name = |word: &str| format!("{schema}.\"backfill_{id}_{place}_{word}\"");
    Tables { stage: name("new"), kept: name("old") }
}

/// Moves a backfill to another state. The condition on where it was keeps two processes from doing one step.
///
/// # Errors
/// [`BackfillError::OutOfTurn`] when it is elsewhere by now.
pub(crate) fn advance(
    site: &mut Site,
    id: &str,
    from: &[State],
    to: State,
    step: &'static str,
    note: Value,
) -> Result<(), BackfillError> {
    let schema = site.ledger()?;
    let found = entry(site.connection, &schema, id).map_err(|error| site.job(0).error(error))?;
    let Some(entry) = found else {
        return Err(BackfillError::Unknown {
            id: id.to_owned(),
            reason: "this database has no record of its plan".to_owned(),
        });
    };
    if !from.contains(&entry.state) {
        return Err(out_of_turn(id, entry.state, step));
    }
    let mut record = entry.record;
    if !note.is_null() {
        match record.as_array_mut() {
            Some(steps) => steps.push(note),
            None => record = Value::Array(vec![note]),
        }
    }
    let now = moment(site.run.started_at);
    let words: Vec<String> = from.iter().map(|state| quote_literal(state.word())).collect();
    let changed = site.job(0).execute(&format!(
        "update {schema}.backfills set state = {}, record = {}, changed_at = {now} where backfill = {} and state in ({})",
        quote_literal(to.word()),
        quote_literal(&record.to_string()),
        quote_literal(id),
        words.join(", ")
    ))?;
    if changed == 0 { Err(out_of_turn(id, entry.state, step)) } else { Ok(()) }
}

/// The step does not follow from where the backfill is.
pub(crate) fn out_of_turn(id: &str, state: State, step: &'static str) -> BackfillError {
    BackfillError::OutOfTurn { id: id.to_owned(), state: state.word(), step, help: state.next(id) }
}

/// The moment of a step, as a literal.
pub(crate) fn moment(at: Timestamp) -> String {
    ledger::moment(at)
}

/// The partitions of a model in a backfill, as what stands after `from`: one column `p`. With a batch, those of that batch.
pub(crate) fn set(
    site: &mut Site,
    id: &str,
    place: usize,
    column: &str,
    batch: Option<u64>,
) -> Result<String, BackfillError> {
    let schema = site.ledger()?;
    let batch = batch.map_or_else(String::new, |batch| format!(" and batch = {batch}"));
    Ok(format!(
        "(select {column} as p from {schema}.backfill_partitions where backfill = {} and model = {}{batch}) as hw_set",
        quote_literal(id),
        site.job(place).id()
    ))
}
