//! The database and the models a backfill works on, and what it tells while it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use highwater_sql::analyse;

use crate::audit::AuditTest;
use crate::engine::Connection;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::prepare::{Prepared, prepare};
use crate::exact::{ExactModel, RunIdentity, Surroundings, Writers};

use super::error::BackfillError;
use super::metrics::BackfillMetric;

/// A model that a backfill can reach.
#[derive(Debug, Clone, PartialEq)]
pub struct BackfillModel {
    /// What it is to the exact strategy; for a model on one of dbt's strategies, what it would be.
    pub model: ExactModel,
    /// Whether it is on the exact strategy, so that the ledger knows it.
    pub is_exact: bool,
    /// The word for its strategy: `exact`, `microbatch`, `merge`.
    pub strategy: String,
    /// Whether it was asked for, rather than being downstream of one that was.
    pub selected: bool,
    /// Whether `full_refresh: false` forbids rebuilding it whole.
    pub protected: bool,
    /// The tests that are asked about its staged rows, compiled.
    pub tests: Vec<AuditTest>,
    /// By how much the sum of a column, or the number of `rows`, may move: a fraction of what it was.
    pub tolerance: Vec<(String, f64)>,
    /// Approvals that its configuration wants.
    pub approvals: u32,
    /// Days after which a plan that touches it is too old to apply.
    pub expires_days: u32,
    /// Days for which the old rows are kept.
    pub keep_days: u32,
}

/// What else of the project a backfill's models reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reached {
    /// Exposures, with their owners: `dashboard weekly_revenue (Ana, ana@example.com)`.
    pub exposures: Vec<String>,
    /// Metrics, by name.
    pub metrics: Vec<String>,
    /// Owners of models and exposures.
    pub owners: Vec<String>,
    /// Tables downstream that the next run rebuilds, because nothing else brings them up to date.
    pub owed: Vec<String>,
}

/// Where a backfill works.
pub struct Site<'a> {
    /// The session.
    pub connection: &'a mut dyn Connection,
    /// The models, parents first: those asked for and everything downstream of them that can be rebuilt by partitions.
    pub models: &'a [BackfillModel],
    /// What stands around them.
    pub around: &'a Surroundings,
    /// The invocation.
    pub run: &'a RunIdentity,
    /// What is to be known about others who write the same tables.
    pub writers: Option<Writers>,
    /// A database that nobody else can write while this site works on it: [`Engine::exclusive`](crate::engine::Engine::exclusive), and no other
    /// session of this process writes it. What was looked at once need not be looked at again then.
    pub alone: Option<String>,
    /// Who does it, for the record.
    pub by: String,
    /// The metrics that rest on them.
    pub metrics: Vec<BackfillMetric>,
    /// Told of what happens.
    pub events: &'a dyn Fn(Event),
    /// Set by whoever wants it to stop: it does behind the batches that are at work.
    pub pause: Arc<AtomicBool>,
    /// A rule left out, for a test that must notice.
    #[cfg(test)]
    pub naive: Vec<super::tests::Naive>,
}

/// What happens while a backfill is applied.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A batch was staged.
    Staged {
        /// The model's label.
        model: String,
        /// Batches done of all models.
        done: u64,
        /// Batches of all models.
        of: u64,
        /// Rows it came to.
        rows: u64,
        /// Whether it was the canary.
        canary: bool,
        /// Seconds it took.
        seconds: f64,
    },
    /// Staged rows were audited.
    Audited {
        /// The model's label.
        model: String,
        /// Whether only the canary's rows were.
        canary: bool,
        /// What was wrong, if anything.
        failures: Vec<String>,
    },
    /// All models were swapped.
    Published,
    /// A model was compared with a rebuild.
    Verified {
        /// The model's label.
        model: String,
        /// Whether what was compared is equal.
        equal: bool,
    },
}

impl<'a> Site<'a> {
    /// A site without others who write.
    pub fn new(
        connection: &'a mut dyn Connection,
        models: &'a [BackfillModel],
        around: &'a Surroundings,
        run: &'a RunIdentity,
        events: &'a dyn Fn(Event),
    ) -> Self {
        Self {
            connection,
            models,
            around,
            run,
            writers: None,
            alone: None,
            by: String::new(),
            metrics: Vec::new(),
            events,
            pause: Arc::default(),
            #[cfg(test)]
            naive: Vec::new(),
        }
    }

    /// Stops here, if somebody wants that.
    ///
    /// # Errors
    /// [`BackfillError::Paused`].
    pub(crate) fn go_on(&self) -> Result<(), BackfillError> {
        if self.pause.load(Ordering::Relaxed) { Err(BackfillError::Paused) } else { Ok(()) }
    }

    /// Work on one of the models, by its place.
    pub(crate) fn job(&mut self, place: usize) -> Job<'_> {
        let mut job = Job::new(self.connection, &self.models[place].model, self.around, &format!("hwb_{place}"));
        job.moment = self.run.started_at;
        job.writers.clone_from(&self.writers);
        #[cfg(test)]
        if self.naive.contains(&super::tests::Naive::NarrowFocus) {
            job.naive = Some(crate::exact::detect::fingerprint::Naive::NarrowFocus);
        }
        job
    }

    /// Whether what was seen is not taken down when something is left: never, but in a test that must notice it.
    pub(crate) fn forgets_beside(&self) -> bool {
        #[cfg(test)]
        return self.naive.contains(&super::tests::Naive::ForgetsBeside);
        #[cfg(not(test))]
        false
    }

    /// Whether models are staged from tables of other columns without asking whether they read the same out of them: never, but in a test that
    /// must notice it.
    pub(crate) fn takes_children_unread(&self) -> bool {
        #[cfg(test)]
        return self.naive.contains(&super::tests::Naive::UnreadChild);
        #[cfg(not(test))]
        false
    }

    /// Whether rolling back leaves a table the columns it has got: never, but in a test that must notice it.
    pub(crate) fn keeps_new_columns(&self) -> bool {
        #[cfg(test)]
        return self.naive.contains(&super::tests::Naive::KeepsColumns);
        #[cfg(not(test))]
        false
    }

    /// Whether old rows are put back however old they are: never, but in a test that must notice it.
    pub(crate) fn undoes_at_any_time(&self) -> bool {
        #[cfg(test)]
        return self.naive.contains(&super::tests::Naive::NeverTooLate);
        #[cfg(not(test))]
        false
    }

    /// Whether a swap leaves the fence as it is: never, but in a test that must notice it.
    pub(crate) fn swaps_unfenced(&self) -> bool {
        #[cfg(test)]
        return self.naive.contains(&super::tests::Naive::Unfenced);
        #[cfg(not(test))]
        false
    }

    /// Whether rolling back leaves the ledger as it is: never, but in a test that must notice it.
    pub(crate) fn puts_rows_back_only(&self) -> bool {
        #[cfg(test)]
        return self.naive.contains(&super::tests::Naive::RowsOnly);
        #[cfg(not(test))]
        false
    }

    /// A model, looked at; `refuse` what two rebuilds may differ in.
    pub(crate) fn prepared(&mut self, place: usize) -> Result<Prepared, BackfillError> {
        let version = self.run.engine_version.clone();
        Ok(prepare(&mut self.job(place), &version, &analyse)?)
    }

    /// The schema of the ledger, in SQL.
    ///
    /// # Errors
    /// When there is no model, or they lie in several databases: then no transaction covers them all.
    pub(crate) fn ledger(&self) -> Result<String, BackfillError> {
        let Some(first) = self.models.first() else {
            return Err(BackfillError::nothing("no model is selected that can be backfilled"));
        };
        let relation = &first.model.relation;
        match self.models.iter().find(|model| !model.model.relation.database.eq_ignore_ascii_case(&relation.database)) {
            None => Ok(ledger::schema(relation)),
            Some(other) => Err(BackfillError::Impossible {
                model: self.around.label(&other.model.relation),
                reason: format!(
                    "it lies in the database {}, others in {}: no transaction swaps both",
                    other.model.relation.database, relation.database
                ),
                help: "backfill them one by one".to_owned(),
            }),
        }
    }

    /// Ends a transaction for good.
    pub(crate) fn commit(&mut self) -> Result<(), BackfillError> {
        let job = self.job(0);
        job.connection.commit().map_err(|error| job.error(error))?;
        Ok(())
    }

    /// Starts a transaction on one snapshot.
    pub(crate) fn begin(&mut self) -> Result<(), BackfillError> {
        Ok(self.job(0).begin()?)
    }

    /// Does something in one transaction, which is given up when that fails.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, BackfillError>,
    ) -> Result<T, BackfillError> {
        self.begin()?;
        let result = work(self).and_then(|value| self.commit().map(|()| value));
        if result.is_err() {
            ledger::rollback(&mut self.job(0));
        }
        result
    }
}
