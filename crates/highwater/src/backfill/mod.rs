//! Backfills: rebuilding chosen partitions and what hangs on them as a thing with an id, a reason, a reviewed plan, and an undo.
//!
//! A plan is computed on one snapshot and written down twice: as a document for people, and as rows in the ledger that hold what it saw. Applying
//! it stages the new rows in tables of their own, batch by batch; audits them; swaps them into all models in one transaction, which fails when
//! anything the staged rows were made of has moved; and keeps the old rows, so that the swap can be undone. Between planning and publishing the
//! partitions are reserved: runs leave them alone (`exact/reserved.rs`).
//!
//! Why what is published equals a rebuild: a batch is built only if nothing that dirties its partitions has changed since the plan, by the same
//! detectors and the same footprints that runs use, in the snapshot that builds it; the swap looks once more, in its own. A change that was taken
//! back in between is caught where it was read. What nobody else can write while the process works, a table of a database file that it has locked,
//! is looked at once: when it begins, and again when it goes on (`token::Still`).
//!
//! | file | what |
//! | --- | --- |
//! | `request.rs` | what is asked for: which partitions, and why |
//! | `plan.rs`, `scope.rs` | which partitions of which models, downstream included, and what the plan saw |
//! | `shape.rs` | tables that get other columns |
//! | `document.rs` | the plan as a file: JSON with its hash, and Markdown made of it |
//! | `approval.rs` | who agreed |
//! | `store.rs` | the rows of a backfill in the ledger |
//! | `token.rs` | what has moved since the plan |
//! | `stage.rs` | side tables, batches, and children that read their parents' staged rows |
//! | `threads.rs` | several batches at the same time |
//! | `audit.rs` | what is checked of staged rows before anyone sees them |
//! | `metrics.rs` | metrics of the semantic layer before and after |
//! | `publish.rs` | the swap of all models, in one transaction |
//! | `rollback.rs` | its undo |
//! | `apply.rs` | these steps in their order, from the beginning or from where they stopped |
//! | `site.rs` | the database and the models a backfill works on |
//! | `error.rs` | why nothing was done |

mod apply;
mod approval;
mod audit;
mod document;
mod error;
mod metrics;
mod plan;
mod publish;
mod request;
mod rollback;
mod scope;
mod shape;
mod site;
mod stage;
mod store;
#[cfg(test)]
mod tests;
mod threads;
mod token;

pub use apply::{Applied, ApplyOptions, Verification, apply};
pub use approval::{Approval, approve};
pub use audit::{AuditReport, ColumnChange, ColumnDelta, ModelAudit};
pub use document::{Document, File, InputPart, ModelPart, Room, read, size, written};
pub use error::BackfillError;
pub use metrics::{BackfillMetric, Formula, Measure, MetricDelta};
pub use plan::plan;
pub use publish::PublishedModel;
pub use request::{Request, What};
pub use rollback::{RolledBack, abandon, rollback};
pub use site::{BackfillModel, Event, Reached, Site};
pub use store::{Entry, State, entries, entry};
