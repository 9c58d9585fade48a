//! The rebuild: the query as it is, beside the table itself.

use highwater_sql::Partitioning;

use crate::engine::Column;
use crate::exact::job::Job;
use crate::exact::logic::{column_change, pairs};
use crate::exact::prepare::{Prepared, embedded};

/// What is compared.
pub(crate) struct Sides {
    /// The model's table, in SQL.
    pub table: String,
    /// The model's query, as what stands after `from`.
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

/// The sides of the comparison. The query is not run yet.
pub(crate) fn sides(job: &Job, prepared: &Prepared, standing: &[Column]) -> Sides {
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
    Sides {
        table: job.model.relation.sql(),
        rebuild: format!("(\n{}\n) as hw_rebuild", embedded(&job.model.sql)),
        columns,
        other_columns,
        partitioned,
        notes,
    }
}
