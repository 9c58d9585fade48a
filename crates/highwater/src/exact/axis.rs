//! How a table is cut, in SQL: the partition a row belongs to, membership in a set of partitions, and labels.
//!
//! A partition's id is an interval start (`timestamp`, or NULL for rows without event time) or a key hash; a table that is not
//! cut is the one partition 0. Every membership test here is NULL-safe: a plain `in` leaves the rows of the partition NULL behind.

use highwater_sql::{Dialect, IntervalUnit, Partitioning};

use super::report::Cut;

/// How a table is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    /// By what.
    pub partitioning: Partitioning,
    /// In whose SQL.
    pub dialect: Dialect,
}

impl Axis {
    /// The partition of a row, as an expression over the table's columns.
    pub fn partition(&self) -> String {
        match &self.partitioning {
            Partitioning::Interval { column, unit } => self.dialect.interval(&self.dialect.quote(column), *unit),
            Partitioning::Key { columns } => self.dialect.key_hash(&quoted(self.dialect, columns)),
            Partitioning::Whole => whole(self.dialect),
        }
    }

    /// The same as something that is cheap to group by, and the partition of such a group, as an expression over `p`.
    pub fn group(&self) -> (String, &'static str) {
        match &self.partitioning {
            Partitioning::Interval { column, unit } => self.dialect.interval_group(&self.dialect.quote(column), *unit),
            _ => (self.partition(), "p"),
        }
    }

    /// The columns that tell the partition of a row.
    pub fn columns(&self) -> Vec<String> {
        match &self.partitioning {
            Partitioning::Interval { column, .. } => vec![column.clone()],
            Partitioning::Key { columns } => columns.clone(),
            Partitioning::Whole => Vec::new(),
        }
    }

    /// The column of the ledger that holds partition ids.
    pub fn ledger_column(&self) -> &'static str {
        if self.unit().is_some() { "interval_start" } else { "key_hash" }
    }

    /// The other one, which stays NULL.
    pub fn unused_column(&self) -> &'static str {
        if self.unit().is_some() { "key_hash" } else { "interval_start" }
    }

    /// The type of partition ids.
    pub fn id_type(&self) -> &'static str {
        if self.unit().is_some() { "timestamp" } else { self.dialect.key_type() }
    }

    /// The step, of a table cut by time.
    pub fn unit(&self) -> Option<IntervalUnit> {
        match self.partitioning {
            Partitioning::Interval { unit, .. } => Some(unit),
            _ => None,
        }
    }

    /// Whether a row's partition is in a set, for rows of any table that has the output columns.
    pub fn within(&self, set: &str) -> String {
        within(&self.partition(), set)
    }

    /// The label of a partition id, as an expression over the id. Keys are shown by their values elsewhere.
    pub fn label(&self, id: &str) -> String {
        let Some(unit) = self.unit() else { return format!("cast({id} as varchar)") };
        let label = self.dialect.interval_label(id, unit);
        format!("coalesce(case when isfinite({id}) then {label} else cast({id} as varchar) end, 'NULL')")
    }

    /// For reports.
    pub fn cut(&self) -> Cut {
        match &self.partitioning {
            Partitioning::Interval { column, unit } => Cut::Interval { column: column.clone(), unit: unit.word() },
            Partitioning::Key { columns } => Cut::Key { columns: columns.clone() },
            Partitioning::Whole => Cut::Whole,
        }
    }
}

/// The id of the one partition of what is not cut.
pub(crate) fn whole(dialect: Dialect) -> String {
    format!("cast(0 as {})", dialect.key_type())
}

/// Whether an id is in the column `p` of a table, NULL included. Always true or false, so that it can be negated.
pub(crate) fn within(id: &str, set: &str) -> String {
    format!(
        "(({id} is not null and {id} in (select p from {set} where p is not null)) \
         or ({id} is null and (select coalesce(bool_or(p is null), false) from {set})))"
    )
}

/// Columns in double quotes.
pub(crate) fn quoted(dialect: Dialect, columns: &[String]) -> Vec<String> {
    columns.iter().map(|column| dialect.quote(column)).collect()
}
