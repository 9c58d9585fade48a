//! The exact strategy: keep a table equal to what a full rebuild of its query would hold.
//!
//! A run detects what changed in the inputs since the ledger's snapshot, maps that to the partitions of the table that may differ
//! (dirty), builds only those, and swaps them in one transaction together with the ledger. `docs/design/exact.md` says why it is right.
//!
//! | file | what |
//! | --- | --- |
//! | `model.rs` | what is asked: a model and what stands around it |
//! | `report.rs` | what is answered |
//! | `error.rs` | why nothing was done |
//! | `build.rs` | a run, from looking to committing |
//! | `look.rs` | what changed, and what that calls for |
//! | `plan.rs`, `foresee.rs` | what a run would do, parents' work included |
//! | `explain.rs` | how a model is treated |
//! | `files.rs` | files that stand where tables do |
//! | `prepare.rs`, `names.rs`, `logic.rs` | columns, analysis, inputs, version of the logic |
//! | `detect/` | what changed in the inputs |
//! | `dirty.rs` | which partitions that dirties, and why |
//! | `slice.rs`, `overlay.rs` | the query for those partitions only, and what it reads in place of a table |
//! | `cost.rs`, `reads.rs` | what a build takes and reads, against a build of everything |
//! | `swap.rs` | staging, comparing, replacing |
//! | `turn.rs` | a lock before the transaction, so that a second run looks after the first |
//! | `hold.rs` | staged partitions that fail a test, taken out of the swap |
//! | `marks.rs` | partitions that stay dirty whatever their inputs say |
//! | `ledger.rs` | the tables in schema `highwater` |
//! | `declare.rs` | what is declared of inputs |
//! | `reserved.rs` | partitions that a backfill keeps runs away from |
//! | `partials.rs` | partial aggregates per interval behind a model by key |
//! | `scans.rs` | what a look at a source tells the other models of a run |
//! | `lease.rs` | who is building a model |
//! | `failpoint.rs` | where tests stop a run |
//! | `axis.rs` | partitions in SQL |
//! | `job.rs` | the connection and temporary tables of one piece of work |

pub(crate) mod axis;
pub(crate) mod build;
pub(crate) mod cost;
mod declare;
pub(crate) mod detect;
pub(crate) mod dirty;
mod error;
mod explain;
pub mod failpoint;
pub(crate) mod files;
pub(crate) mod foresee;
mod hold;
pub(crate) mod job;
mod lease;
pub(crate) mod ledger;
pub(crate) mod logic;
pub(crate) mod look;
pub(crate) mod marks;
pub(crate) mod model;
mod names;
pub(crate) mod overlay;
pub(crate) mod partials;
mod plan;
pub(crate) mod prepare;
pub(crate) mod reads;
mod report;
pub(crate) mod reserved;
pub(crate) mod scans;
pub(crate) mod slice;
pub(crate) mod swap;
#[cfg(test)]
pub(crate) mod tests;
mod turn;

pub use declare::{Declared, Detect, declared};
pub use error::{ExactError, LocatedFinding};
pub use hold::HeldPartition;
pub use lease::{Holder, TIME_TO_LIVE, Writers};
pub use model::{ExactModel, ExactParent, Functions, RunIdentity, Surroundings, ViewText};
pub use report::{
    Class, Cut, DirtyPartition, ExplainedInput, Explanation, LISTED, Mode, ModelPlan, Plan, PlanCause, PlanState,
    PlannedPartition, SwapReport,
};
pub use scans::{Counts, Scans};

use highwater_sql::analyse;

use crate::engine::{Connection, Relation};
use job::Job;

/// A model of the run that is planned, parents first.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedModel {
    /// An exact model.
    Exact(Box<ExactModel>),
    /// A table that the run rebuilds by other means; what it will hold is not known before.
    Rebuilt {
        /// `model.<package>.<name>`.
        unique_id: String,
        /// The table.
        relation: Relation,
    },
}

/// Brings a model's table to what a full rebuild would hold now, in one transaction, and its partials before it in another. With `writers`, other runs of the model are waited for.
///
/// # Errors
/// See [`ExactError`]; the database is as it was then.
pub fn run(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
    run: &RunIdentity,
    writers: Option<&Writers>,
) -> Result<SwapReport, ExactError> {
    partials::build(connection, model, around, &mut |connection, model, around| {
        let mut job = Job::new(connection, model, around, "hw");
        job.writers = writers.cloned();
        build::build(&mut job, run, &analyse)
    })
}

/// What [`run`] would do with models, parents first. Writes nothing.
///
/// # Errors
/// When the ledger or the database cannot be read; what is wrong with one model stands in its [`ModelPlan::problem`].
pub fn plan(
    connection: &mut dyn Connection,
    models: &[PlannedModel],
    around: &Surroundings,
    run: &RunIdentity,
) -> Result<Plan, ExactError> {
    plan::plan(connection, models, around, run, &|_, request| analyse(request))
}

/// How a model is treated, and why. Writes nothing.
///
/// # Errors
/// When its query does not bind.
pub fn explain(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
) -> Result<Explanation, ExactError> {
    explain::with_partials(connection, model, around, &analyse)
}
