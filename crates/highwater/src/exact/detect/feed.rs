//! The swap feed: another exact model's swaps recorded which of its partitions really changed, so nobody need look at its rows.
//!
//! It sees what Highwater wrote. A parent that was changed by hand is mended by its own next run, and the mending is what comes down the feed.

use highwater_sql::{Dialect, Group, IntervalUnit, Partitioning, Probe};

use crate::engine::quote_literal;
use crate::exact::axis::{Axis, whole};
use crate::exact::error::ExactError;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::prepare::Input;

/// An exact model that another one reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parent {
    /// What it goes by in the ledger.
    pub id: String,
    /// How its table is cut.
    pub axis: Axis,
    /// Number of its last change.
    pub change_seq: u64,
}

/// The exact model behind an input, if its swaps are in the ledger that this model's run reads.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn parent(job: &mut Job, input: &Input) -> Result<Option<Parent>, ExactError> {
    // What is computed from several tables is told by none of them alone, and what time makes by no table at all.
    if input.probe.rows.as_ref().is_some_and(|rows| rows.tables.len() != 1) {
        return Ok(None);
    }
    let Some((relation, exact)) = job.around.parent_table(&input.relation) else { return Ok(None) };
    let (relation, exact) = (relation.clone(), exact.clone());
    let own = job.model.relation.clone();
    if !own.database.eq_ignore_ascii_case(&input.relation.database) || !ledger::exists(job, &own)? {
        return Ok(None);
    }
    Ok(ledger::model(job, &relation)?.map(|row| Parent {
        id: ledger::id(&relation),
        axis: Axis { partitioning: exact.partitioning(), dialect: job.dialect },
        change_seq: row.change_seq,
    }))
}

/// The group of a partition of the parent for a probe: none, too, when rows come and go in the probe without a swap.
pub(crate) fn fed(parent: &Parent, probe: &Probe) -> Option<String> {
    if probe.moving { None } else { groups(parent, probe) }
}

/// The group of a partition of the parent, as an expression over the ledger's `partitions`; none when partitions do not lie within groups.
pub(crate) fn groups(parent: &Parent, probe: &Probe) -> Option<String> {
    if probe.rows.is_some() {
        return None;
    }
    match (&probe.group, &parent.axis.partitioning) {
        (Group::Whole, _) => Some(whole(parent.axis.dialect)),
        (Group::Interval { column: Some(column), unit, .. }, Partitioning::Interval { column: own, unit: step })
            if column.eq_ignore_ascii_case(own) && rank(*step) <= rank(*unit) =>
        {
            Some(format!("date_trunc('{}', interval_start)", unit.word()))
        }
        (Group::Key { expressions }, Partitioning::Key { columns })
            if same_columns(parent.axis.dialect, expressions, columns) =>
        {
            Some("key_hash".to_owned())
        }
        _ => None,
    }
}

fn rank(unit: IntervalUnit) -> u8 {
    match unit {
        IntervalUnit::Hour => 0,
        IntervalUnit::Day => 1,
        IntervalUnit::Month => 2,
        IntervalUnit::Year => 3,
    }
}

fn same_columns(dialect: Dialect, expressions: &[String], columns: &[String]) -> bool {
    expressions.len() == columns.len()
        && expressions.iter().zip(columns).all(|(expression, column)| {
            expression.eq_ignore_ascii_case(column) || expression.eq_ignore_ascii_case(&dialect.quote(column))
        })
}

/// The query for the changed groups since a number: `(p, rows_before, rows_now)`, with counts that nobody knows.
pub(crate) fn changed(job: &Job, parent: &Parent, groups: &str, seen: u64) -> String {
    format!(
        "select distinct {groups} as p, null::bigint as rows_before, null::bigint as rows_now, null::varchar[] as v from {}.partitions \
         where model = {} and changed_seq > {seen}",
        ledger::schema(&job.model.relation),
        quote_literal(&parent.id)
    )
}
