//! Verify: compare a table with an independent rebuild, by partition.
//!
//! Nothing of the exact strategy's reasoning is used: the model's query runs as it is, into a temporary table, and both sides are
//! summed up per partition. Only partitions that were compared are ever called equal.
//!
//! | file | what |
//! | --- | --- |
//! | `report.rs` | what was found |

mod report;

pub use report::{Cause, ExampleRow, Mismatch, Outcome, Verdict, VerifyOptions};

use crate::engine::Connection;
use crate::exact::{ExactError, ExactModel, Surroundings};

/// Compares a model's table with a rebuild. Writes nothing.
///
/// # Errors
/// When the query or the database cannot be read.
pub fn verify(
    _connection: &mut dyn Connection,
    model: &ExactModel,
    _around: &Surroundings,
    _options: &VerifyOptions,
) -> Result<Verdict, ExactError> {
    Err(ExactError::Assertion { model: model.unique_id.clone(), message: "verify is not built in yet".to_owned() })
}
