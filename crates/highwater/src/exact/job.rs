//! One piece of work on one model: the connection, the names of its temporary tables, and errors that say which model it was.

use highwater_sql::Dialect;
use jiff::Timestamp;

use crate::engine::{Cell, Column, Connection, EngineError, Relation, Table, quote_literal};

use super::error::ExactError;
use super::failpoint;
use super::lease::Writers;
use super::ledger;
use super::model::{ExactModel, Surroundings};
use super::names::Columns;
use super::scans::Known;

/// Inputs whose fingerprints stand in the ledger under another name, and are those of their rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// That name, as a literal; see [`Job::id`].
    pub under: String,
    /// The inputs, by their places.
    pub inputs: Vec<usize>,
}

/// A model being worked on.
pub(crate) struct Job<'a> {
    /// The session.
    pub connection: &'a mut dyn Connection,
    /// The model.
    pub model: &'a ExactModel,
    /// What stands around it.
    pub around: &'a Surroundings,
    /// The word for it in messages.
    pub label: String,
    /// What is to be known about others who write the same tables; none in tests that are alone.
    pub writers: Option<Writers>,
    /// The moment of the run, by which audits take turns.
    pub moment: Timestamp,
    /// Whose SQL the session reads.
    pub dialect: Dialect,
    /// The name under which the ledger keeps another view of the inputs than that of the last run: what a backfill was planned on.
    pub shadow: Option<String>,
    /// Partitions, a table with one column `p`, beside which nothing of the inputs matters: for looking whether they have moved, never for
    /// taking down what was seen.
    pub focus: Option<String>,
    /// Inputs that hold what the ledger keeps of them under another name, so that nobody need read them.
    pub remembered: Option<Remembered>,
    /// What other models' scans had told when the transaction began.
    pub scans: Known,
    /// The columns of the tables that the query reads, as they were when it was prepared.
    pub known: Columns,
    prefix: String,
    temporary: Vec<String>,
    /// A way to look for changes that is not enough.
    #[cfg(test)]
    pub naive: Option<super::detect::fingerprint::Naive>,
    /// Called at every step that has a name.
    #[cfg(test)]
    pub reached: Option<&'a mut dyn FnMut(&str)>,
}

impl<'a> Job<'a> {
    /// Work on a model. `prefix` keeps the temporary tables of several models apart within one transaction.
    pub fn new(
        connection: &'a mut dyn Connection,
        model: &'a ExactModel,
        around: &'a Surroundings,
        prefix: &str,
    ) -> Self {
        let label = around.label(&model.relation);
        let dialect = connection.dialect();
        Self {
            connection,
            model,
            around,
            label,
            writers: None,
            moment: Timestamp::now(),
            dialect,
            shadow: None,
            focus: None,
            remembered: None,
            scans: Known::default(),
            known: Columns::new(),
            prefix: prefix.to_owned(),
            temporary: Vec::new(),
            #[cfg(test)]
            naive: None,
            #[cfg(test)]
            reached: None,
        }
    }

    /// What the model goes by in the ledger, as a literal.
    pub fn id(&self) -> String {
        match &self.shadow {
            Some(shadow) => quote_literal(&format!("{shadow}/{}", ledger::id(&self.model.relation))),
            None => quote_literal(&ledger::id(&self.model.relation)),
        }
    }

    /// Says that the work has got to a step at which tests may want to stop it.
    pub fn reach(&mut self, step: &str) {
        failpoint::reach(step, &self.label);
        #[cfg(test)]
        if let Some(reached) = &mut self.reached {
            reached(step);
        }
    }

    /// The day of the run, in days since 1970.
    pub fn today(&self) -> i64 {
        self.moment.as_second().div_euclid(24 * 60 * 60)
    }

    /// Whether promises about a table are checked: always, but in a test that must notice when they are not.
    pub fn audits(&self) -> bool {
        #[cfg(test)]
        return self.naive != Some(super::detect::fingerprint::Naive::NoAudit);
        #[cfg(not(test))]
        true
    }

    /// Whether rows that share the newest version seen are passed over: never, but in a test that must notice it.
    pub fn strictly_beyond(&self) -> bool {
        #[cfg(test)]
        return self.naive == Some(super::detect::fingerprint::Naive::BeyondTheVersion);
        #[cfg(not(test))]
        false
    }

    /// Whether another model's scan counts although the table has been written since: never, but in a test that must notice it.
    pub fn shares_what_was_written(&self) -> bool {
        #[cfg(test)]
        return self.naive == Some(super::detect::fingerprint::Naive::SharesWhatWasWritten);
        #[cfg(not(test))]
        false
    }

    /// Whether digests are made of counts alone: never, but in a test that must notice it.
    pub fn counts_only(&self) -> bool {
        #[cfg(test)]
        return self.naive == Some(super::detect::fingerprint::Naive::CountsOnly);
        #[cfg(not(test))]
        false
    }

    /// Whether files are told apart by their names alone: never, but in a test that must notice it.
    pub fn names_only(&self) -> bool {
        #[cfg(test)]
        return self.naive == Some(super::detect::fingerprint::Naive::NamesOnly);
        #[cfg(not(test))]
        false
    }

    /// Whether tests come after publishing: never, but in a test that must notice it.
    pub fn publishes_first(&self) -> bool {
        #[cfg(test)]
        return self.naive == Some(super::detect::fingerprint::Naive::PublishesFirst);
        #[cfg(not(test))]
        false
    }

    /// Whether tests are asked only about everything that is staged: never, but in a test that must notice it.
    pub fn asks_once(&self) -> bool {
        #[cfg(test)]
        return self.naive == Some(super::detect::fingerprint::Naive::AsksOnce);
        #[cfg(not(test))]
        false
    }

    /// Whether what is held back is taken for built: never, but in a test that must notice it.
    pub fn forgets_held(&self) -> bool {
        #[cfg(test)]
        return self.naive == Some(super::detect::fingerprint::Naive::ForgetsHeld);
        #[cfg(not(test))]
        false
    }

    /// Whether nothing of an input is looked at but the partitions in focus: never, but in a test that must notice it.
    pub fn narrows_focus(&self) -> bool {
        #[cfg(test)]
        return self.naive == Some(super::detect::fingerprint::Naive::NarrowFocus);
        #[cfg(not(test))]
        false
    }

    /// The name of one of this job's temporary tables, in SQL.
    pub fn temp(&self, name: &str) -> String {
        self.connection.temporary(&format!("{}_{name}", self.prefix)).sql()
    }

    /// Fills a temporary table from a query, replacing what stood there, and returns its name in SQL.
    pub fn store(&mut self, name: &str, query: &str) -> Result<String, ExactError> {
        self.store_and_count(name, query).map(|(table, _)| table)
    }

    /// As [`Job::store`], and returns the number of rows besides.
    pub fn store_and_count(&mut self, name: &str, query: &str) -> Result<(String, u64), ExactError> {
        let table = self.temp(name);
        let (sql, started) = (self.dialect.store(&table, query), std::time::Instant::now());
        let count = self.connection.create_as(&sql).map_err(|error| self.error(error));
        tracing::trace!(model = %self.label, seconds = started.elapsed().as_secs_f64(), sql, "store");
        let count = count?;
        if !self.temporary.contains(&table) {
            self.temporary.push(table.clone());
        }
        Ok((table, count))
    }

    /// Drops what [`Job::store`] filled: a commit would keep it as long as the session lives.
    pub fn drop_temporary(&mut self) -> Result<(), ExactError> {
        for table in std::mem::take(&mut self.temporary) {
            self.execute(&format!("drop table if exists {table}"))?;
        }
        Ok(())
    }

    /// Starts a transaction that reads one snapshot throughout.
    pub fn begin(&mut self) -> Result<(), ExactError> {
        self.scans = self.around.scans.known(self.connection.quiet());
        self.connection.begin_snapshot().map_err(|error| self.error(error))?;
        if let (Dialect::Postgres, Some(writers)) = (self.dialect, &self.writers) {
            // A process that is stopped in the middle of a swap must not keep its rows locked for ever.
            let milliseconds = writers.time_to_live.as_millis();
            self.execute(&format!("set local idle_in_transaction_session_timeout = {milliseconds}"))?;
        }
        Ok(())
    }

    /// Runs a statement; returns the rows it changed.
    pub fn execute(&mut self, sql: &str) -> Result<u64, ExactError> {
        let started = std::time::Instant::now();
        let answer = self.connection.execute(sql).map_err(|error| self.error(error));
        tracing::trace!(model = %self.label, seconds = started.elapsed().as_secs_f64(), sql, "execute");
        answer
    }

    /// Runs a query.
    pub fn query(&mut self, sql: &str) -> Result<Table, ExactError> {
        let started = std::time::Instant::now();
        let answer = self.connection.query(sql).map_err(|error| self.error(error));
        tracing::trace!(model = %self.label, seconds = started.elapsed().as_secs_f64(), sql, "query");
        answer
    }

    /// Runs a query for one row of integers; NULL counts as 0.
    pub fn numbers<const N: usize>(&mut self, sql: &str) -> Result<[u64; N], ExactError> {
        let table = self.query(sql)?;
        let row = table.rows.first();
        Ok(std::array::from_fn(|index| row.and_then(|cells| cells.get(index)).map_or(0, number)))
    }

    /// Runs a query for one integer; NULL counts as 0.
    pub fn count(&mut self, sql: &str) -> Result<u64, ExactError> {
        self.numbers::<1>(sql).map(|[count]| count)
    }

    /// Columns of a relation; empty when there is none.
    pub fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, ExactError> {
        if let Some(known) = self.known.get(relation) {
            return Ok(known.plain.clone());
        }
        self.connection.columns(relation).map_err(|error| self.error(error))
    }

    /// What the engine said, as what happened to this model.
    pub fn error(&self, error: EngineError) -> ExactError {
        match error {
            source @ EngineError::Conflict { .. } => ExactError::Conflict { model: self.label.clone(), source },
            source => ExactError::Engine { model: self.label.clone(), source },
        }
    }

    /// A broken promise.
    pub fn broken(&self, message: impl Into<String>) -> ExactError {
        ExactError::Assertion { model: self.label.clone(), message: message.into() }
    }
}

/// A count in a cell.
pub(crate) fn number(cell: &Cell) -> u64 {
    cell.as_integer().and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
}
