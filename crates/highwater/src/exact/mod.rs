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
//! | `prepare.rs` | columns, analysis, inputs, version of the logic |
//! | `detect/` | what changed in the inputs |
//! | `dirty.rs` | which partitions that dirties, and why |
//! | `slice.rs` | the query for those partitions only |
//! | `swap.rs` | staging, comparing, replacing |
//! | `ledger.rs` | the tables in schema `highwater` |
//! | `axis.rs` | partitions in SQL |
//! | `job.rs` | the connection and temporary tables of one piece of work |

mod axis;
mod build;
mod detect;
mod dirty;
mod error;
mod job;
mod ledger;
mod model;
mod prepare;
mod report;
mod slice;
mod swap;
#[cfg(test)]
mod tests;

pub use error::{ExactError, LocatedFinding};
pub use model::{ExactModel, ExactParent, RunIdentity, Surroundings, ViewText};
pub use report::{
    Class, Cut, DirtyPartition, ExplainedInput, Explanation, LISTED, Mode, ModelPlan, Plan, PlanCause, PlanState,
    PlannedPartition, SwapReport,
};

use highwater_sql::{Analysis, Finding, Request};

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

/// Brings a model's table to what a full rebuild would hold now, in one transaction.
///
/// # Errors
/// See [`ExactError`]; the database is as it was then.
pub fn run(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
    run: &RunIdentity,
) -> Result<SwapReport, ExactError> {
    build::build(&mut Job::new(connection, model, around, "hw"), run, &unread)
}

/// Until queries are read: whatever changed, everything is built.
fn unread(request: &Request) -> Analysis {
    let finding = Finding {
        rule: "unread",
        message: "its query is not looked into".to_owned(),
        help: String::new(),
        place: None,
    };
    Analysis {
        occurrences: Vec::new(),
        terms: Vec::new(),
        slice: None,
        refusals: Vec::new(),
        unstable: vec![finding],
        notes: Vec::new(),
        canonical: request.sql.to_owned(),
    }
}

/// What [`run`] would do with models, parents first. Writes nothing.
///
/// # Errors
/// When the ledger or the database cannot be read; what is wrong with one model stands in its [`ModelPlan::problem`].
pub fn plan(
    _connection: &mut dyn Connection,
    _models: &[PlannedModel],
    _around: &Surroundings,
    _run: &RunIdentity,
) -> Result<Plan, ExactError> {
    Err(not_yet("plan"))
}

/// How a model is treated, and why. Writes nothing.
///
/// # Errors
/// When its query does not bind.
pub fn explain(
    _connection: &mut dyn Connection,
    model: &ExactModel,
    _around: &Surroundings,
) -> Result<Explanation, ExactError> {
    Err(not_yet(&model.unique_id))
}

fn not_yet(model: &str) -> ExactError {
    ExactError::Assertion { model: model.to_owned(), message: "the exact strategy is not built in yet".to_owned() }
}
