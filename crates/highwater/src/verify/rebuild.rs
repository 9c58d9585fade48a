//! The rebuild: the query as it is, in a temporary table, beside the table itself.

use highwater_sql::Partitioning;

use crate::engine::Column;
use crate::exact::ExactError;
use crate::exact::job::Job;
use crate::exact::logic::{column_change, pairs};
use crate::exact::prepare::{Prepared, embedded};

/// What is compared.
pub(crate) struct Sides {
    /// The model's table, in SQL.
    pub table: String,
    /// The rebuild, a temporary table, in SQL.
    pub rebuild: String,
    /// Columns that both have, with equal types.
    pub columns: Vec<Column>,
    /// Whether the sides have other columns besides, so that they differ whatever their rows hold.
    pub other_columns: bool,
    /// Whether rows can be assigned to partitions on both sides.
    pub partitioned: bool,
    /// What is worth knowing about it.
    pub notes: Vec<String>,
}

/// Runs the model's query.
///
/// # Errors
/// When it fails.
pub(crate) fn rebuild(job: &mut Job, prepared: &Prepared, standing: &[Column]) -> Result<Sides, ExactError> {
    let rebuild = job.store("rebuild", &format!("select * from (\n{}\n) as q", embedded(&job.model.sql)))?;
    let is_standing = |column: &&Column| {
        standing.iter().any(|other| {
            other.name.eq_ignore_ascii_case(&column.name) && other.data_type.eq_ignore_ascii_case(&column.data_type)
        })
    };
    let columns: Vec<Column> = prepared.output.iter().filter(is_standing).cloned().collect();
    let other_columns = columns.len() != prepared.output.len() || columns.len() != standing.len();
    let mut notes = Vec::new();
    if other_columns {
        let change = column_change(&pairs(standing), &pairs(&prepared.output));
        notes.push(format!("the columns differ: a rebuild has {change}"));
    }
    let has = |name: &String| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let partitioned = match &prepared.axis.partitioning {
        Partitioning::Interval { column, .. } => has(column),
        Partitioning::Key { columns } => columns.iter().all(has),
        Partitioning::Whole => true,
    };
    Ok(Sides { table: job.model.relation.sql(), rebuild, columns, other_columns, partitioned, notes })
}
