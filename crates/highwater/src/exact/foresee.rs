//! Foresee: what a parent's planned work will change in its children, before it has been done.

use highwater_sql::{Group, Partitioning};

use crate::engine::Relation;

use super::axis::{Axis, quoted};
use super::detect::feed::{self, Parent};
use super::detect::{Observation, carried, group_id};
use super::error::ExactError;
use super::job::Job;
use super::model::same;
use super::prepare::{Input, Prepared};

/// What a run will do to an exact model that others read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    /// It will build some partitions: a temporary table `(p)`.
    Partitions {
        /// The table.
        set: String,
        /// How the parent is cut.
        axis: Axis,
        /// A table of the rows that will stand there, when they are known already.
        staged: Option<String>,
    },
    /// It will build everything.
    Everything,
}

/// The planned work on tables.
pub(crate) type Foreseen = [(Relation, Work)];

/// Adds what parents' planned work may change to what was observed. Returns the label of a parent that will be built whole.
///
/// # Errors
/// When a parent cannot be read.
pub(crate) fn foresee(
    job: &mut Job,
    prepared: &Prepared,
    observations: &mut [Observation],
    foreseen: &Foreseen,
) -> Result<Option<String>, ExactError> {
    for (index, (input, observation)) in prepared.inputs.iter().zip(observations).enumerate() {
        let Some((_, work)) = foreseen.iter().find(|(relation, _)| input.reads(relation)) else { continue };
        let Work::Partitions { set, axis, staged } = work else { return Ok(Some(input.label.clone())) };
        let groups = groups(input, set, axis, staged.as_deref());
        let before = observation
            .delta
            .as_ref()
            .map_or_else(String::new, |delta| format!(" union all select p, rows_before, rows_now, v from {delta}"));
        let (delta, changed) = job.store_and_count(
            &format!("foreseen_{index}"),
            &format!(
                "select distinct p, null::bigint as rows_before, null::bigint as rows_now, v from ({groups}) as groups{before}"
            ),
        )?;
        observation.changed = changed;
        observation.set =
            Some(job.store(&format!("foreseen_set_{index}"), &format!("select distinct p, v from {delta}"))?);
        observation.delta = Some(delta);
        observation.foreseen = true;
    }
    Ok(None)
}

/// The query for the groups of an input that lie in partitions of the parent.
fn groups(input: &Input, set: &str, axis: &Axis, staged: Option<&str>) -> String {
    let parent = Parent { id: String::new(), axis: axis.clone(), change_seq: 0 };
    let (group, carried) = (group_id(axis.dialect, &input.probe.group), carried(axis.dialect, &input.probe.group));
    match feed::groups(&parent, &input.probe) {
        Some(groups) => {
            let column = axis.ledger_column();
            format!("select {groups} as p, {carried} as v from (select p as {column} from {set}) as parents")
        }
        // What will come out of a computation over that table cannot be known: any of it may change.
        None if input.probe.rows.is_some() => format!("select {group} as p, {carried} as v from {}", input.rows()),
        // The keys of rows that will be there cannot be known; those that are there now are the best guess.
        None => {
            let coming = staged
                .map_or_else(String::new, |rows| format!(" union all select {group} as p, {carried} as v from {rows}"));
            format!(
                "select {group} as p, {carried} as v from {} where {}{coming}",
                input.relation.sql(),
                axis.within(set)
            )
        }
    }
}

/// Whether a name is among tables.
pub(crate) fn among(relation: &Relation, tables: &[(Relation, String)]) -> Option<String> {
    tables.iter().find(|(other, _)| same(other, relation)).map(|(_, label)| label.clone())
}

/// Places where the values of keys can be looked up: a table and expressions over its columns.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// The table, in SQL.
    pub table: String,
    /// One expression per column of the key.
    pub expressions: Vec<String>,
}

impl Shown {
    /// A table that has the output's columns.
    pub fn output(table: String, axis: &Axis) -> Self {
        let expressions = match &axis.partitioning {
            Partitioning::Key { columns } => quoted(axis.dialect, columns),
            _ => Vec::new(),
        };
        Self { table, expressions }
    }

    /// The inputs whose own keys are the result's.
    pub fn inputs(prepared: &Prepared) -> Vec<Self> {
        let terms = prepared.analysis.terms.iter().zip(&prepared.term_inputs);
        terms
            .filter(|(term, _)| term.steps.is_empty())
            .filter_map(|(term, input)| match &term.probe.group {
                Group::Key { expressions } => {
                    Some(Self { table: prepared.inputs[*input].relation.sql(), expressions: expressions.clone() })
                }
                _ => None,
            })
            .collect()
    }
}
