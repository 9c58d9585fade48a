//! Ledger rows of models that are gone.
//!
//! A model that is removed from the project, or renamed, leaves its rows in the ledger, and its table in the database. They stay as long as the
//! table does: the model may come back, and goes on where it stopped. Once the table is gone, too, nothing can go on from them, and they are
//! deleted when another model is first built in that database. The record of runs and of backfills stays.

use crate::engine::{Relation, quote_literal};

use super::error::ExactError;
use super::job::Job;
use super::ledger::{id, schema};

/// Tables of the ledger whose rows are of use only together with a model's table.
const OWN: &[&str] =
    &["models", "partitions", "inputs", "fingerprints", "dirty", "verdicts", "compared", "leases", "fence"];

/// Deletes what the ledger holds of models that are no longer there, in the transaction that makes room for a new one.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(crate) fn forget(job: &mut Job) -> Result<(), ExactError> {
    let ledger = schema(&job.model.relation);
    let own = job.id();
    let known = job.query(&format!("select model, relation from {ledger}.models where model <> {own}"))?;
    for row in &known.rows {
        let Some(relation) = parsed(&row[1].to_string()) else { continue };
        // A name without quotes of its own: what the row is found by.
        let model = row[0].to_string();
        if id(&relation) != model || job.around.in_project.contains(&relation) {
            continue;
        }
        let Relation { database, schema, identifier } = &relation;
        if job.connection.has_tables(database, schema, &[identifier]).map_err(|error| job.error(error))? {
            continue;
        }
        for table in OWN {
            job.execute(&format!("delete from {ledger}.{table} where model = {}", quote_literal(&model)))?;
        }
        tracing::info!(model, "forgotten: neither the model nor its table exists");
    }
    Ok(())
}

/// `"database"."schema"."table"`, as the ledger has it.
fn parsed(sql: &str) -> Option<Relation> {
    let inner = sql.strip_prefix('"')?.strip_suffix('"')?;
    let parts: Vec<String> = inner.split("\".\"").map(|part| part.replace("\"\"", "\"")).collect();
    match parts.as_slice() {
        [database, schema, table] => Some(Relation::new(database, schema, table)),
        _ => None,
    }
}
