//! Holding back: staged partitions whose rows fail the model's tests are taken out of the swap.
//!
//! What is published has passed: whenever something is held back, the tests are asked again about the table as it would be with the
//! old rows of the held partitions, because a row that moved from a held partition to a published one would stand in both. Where the
//! failing rows of a test do not say in which partitions they are, nothing is published.

use serde::Serialize;

use super::axis::{quoted, within};
use super::dirty::labelled;
use super::error::ExactError;
use super::foresee::Shown;
use super::job::{Job, number};
use super::prepare::{Prepared, column_names};
use super::report::LISTED;
use super::swap::Staged;
use crate::audit::{self, Audited};
use crate::engine::{EngineError, quote_literal};

/// How often the tests are asked about what is left before everything is held back.
const ROUNDS: usize = 4;

/// A partition that was held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldPartition {
    /// As in [`super::DirtyPartition::label`].
    pub label: String,
    /// The tests that its rows fail, by name.
    pub tests: Vec<String>,
}

/// What the tests said, and what was held back for it.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Every test's answer about everything that was staged.
    pub audits: Vec<Audited>,
    /// Temporary table `(p, detail)` of what is held back, a row per test.
    pub table: Option<String>,
    /// Partitions held back.
    pub count: u64,
    /// The first of them.
    pub listed: Vec<HeldPartition>,
}

/// Asks the model's tests about the staged rows, and holds back what fails.
///
/// # Errors
/// When a test cannot be run.
pub(crate) fn hold(job: &mut Job, prepared: &Prepared, staged: &mut Staged) -> Result<Held, ExactError> {
    if job.model.audits.is_empty() || staged.outcome.replaced == 0 || job.publishes_first() {
        return Ok(Held::default());
    }
    let written = job.store("written", &format!("select p from {} where write", staged.diff))?;
    let empty =
        format!("select cast(null as {}) as p, cast(null as varchar) as detail where false", prepared.axis.id_type());
    let table = job.store("held", &empty)?;
    let mut held = Held::default();
    for round in 0.. {
        let left = job.store(
            "published",
            &format!("select p from {written} where not {}", within("p", &format!("(select p from {table}) as held"))),
        )?;
        let audits = ask(job, prepared, staged, &left)?;
        let before = job.count(&format!("select count(*) from {table}"))?;
        for failed in audits.iter().filter(|audited| audited.failed()) {
            add(job, &table, &left, failed, round >= ROUNDS)?;
        }
        if before > 0 {
            add_doubles(job, prepared, staged, &table, &left)?;
        }
        if round == 0 {
            held.audits = audits;
        }
        if job.asks_once() || job.count(&format!("select count(*) from {table}"))? == before {
            break;
        }
    }
    held.count = job.count(&format!("select count(distinct coalesce(cast(p as varchar), 'NULL')) from {table}"))?;
    if held.count == 0 {
        return Ok(held);
    }
    let replaces_whole = !staged.standing && staged.over_something;
    if replaces_whole {
        // The old rows do not have the new columns: there is no table that could hold both.
        let names = names(&held.audits);
        job.execute(&format!("insert into {table} select p, {} from {written}", quote_literal(&names)))?;
        held.count = staged.outcome.replaced;
    }
    staged.keep_back(job, &table)?;
    held.listed = listed(job, prepared, staged, &table)?;
    held.table = Some(table);
    Ok(held)
}

/// The failing tests' names.
fn names(audits: &[Audited]) -> String {
    let failed = audits.iter().filter(|audited| audited.failed()).map(|audited| audited.name.as_str());
    failed.collect::<Vec<_>>().join(", ")
}

/// Asks every test about the table as it would be when the partitions `left` are published.
fn ask(job: &mut Job, prepared: &Prepared, staged: &Staged, left: &str) -> Result<Vec<Audited>, ExactError> {
    let model = job.model;
    let rows = staged_rows(job, prepared, staged, left);
    let asked = audit::Staged {
        relation: &model.relation,
        whole: whole(job, prepared, staged, left),
        rows,
        partition: Some(prepared.axis.partition()),
        columns: prepared.axis.columns(),
    };
    let answer = audit::audit(job.connection, &model.audits, &asked);
    answer.map_err(|error| match error {
        audit::AuditError::Engine {
            source: source @ (EngineError::Conflict { .. } | EngineError::Lost { .. }),
            ..
        } => job.error(source),
        error => ExactError::Audit { model: job.label.clone(), error: Box::new(error) },
    })
}

/// The staged rows of some partitions.
fn staged_rows(job: &Job, prepared: &Prepared, staged: &Staged, left: &str) -> String {
    let columns = quoted(job.dialect, &column_names(&prepared.output)).join(", ");
    format!("select {columns} from {} where {}", staged.stage, prepared.axis.within(left))
}

/// The table as it would be when some partitions are published.
fn whole(job: &Job, prepared: &Prepared, staged: &Staged, left: &str) -> String {
    let rows = staged_rows(job, prepared, staged, left);
    if !staged.standing {
        return rows;
    }
    let columns = quoted(job.dialect, &column_names(&prepared.output)).join(", ");
    format!(
        "select {columns} from {} where not {} union all {rows}",
        job.model.relation.sql(),
        prepared.axis.within(left)
    )
}

/// Holds back the partitions of the rows that a test found, as far as they were to be published: all of them when the rows do not say.
fn add(job: &mut Job, table: &str, left: &str, failed: &Audited, everything: bool) -> Result<(), ExactError> {
    let name = quote_literal(&failed.name);
    let query = match &failed.partitions {
        Some(partitions) if !everything => {
            let found = job.store("failing", partitions)?;
            format!("select p, {name} from {left} where {}", within("p", &found))
        }
        _ => format!("select p, {name} from {left}"),
    };
    job.execute(&format!("insert into {table} {query}")).map(drop)
}

/// Holds back what would share a key with the old rows of a partition that is held back.
fn add_doubles(job: &mut Job, prepared: &Prepared, staged: &Staged, table: &str, left: &str) -> Result<(), ExactError> {
    if job.model.unique_key.is_empty() {
        return Ok(());
    }
    let keys = quoted(job.dialect, &job.model.unique_key);
    let hash = job.dialect.key_hash(&keys);
    let whole = whole(job, prepared, staged, left);
    let partition = prepared.axis.partition();
    let found = job.store(
        "doubles",
        &format!(
            "select distinct {partition} as p from ({whole}) as hw_rows where {hash} in \
             (select {hash} from ({whole}) as hw_keys group by {} having count(*) > 1)",
            keys.join(", ")
        ),
    )?;
    job.execute(&format!("insert into {table} select p, 'unique_key' from {left} where {}", within("p", &found)))
        .map(drop)
}

/// The first partitions held back, with the tests they fail.
fn listed(job: &mut Job, prepared: &Prepared, staged: &Staged, table: &str) -> Result<Vec<HeldPartition>, ExactError> {
    let first = job.store("first", &format!("select distinct p from {table} order by p nulls last limit {LISTED}"))?;
    let shown = [&staged.stage, &job.model.relation.sql()].map(|table| Shown::output(table.clone(), &prepared.axis));
    let shown = if staged.standing { &shown[..] } else { &shown[..1] };
    let labels = labelled(job, &prepared.axis, &first, shown)?;
    let rows = job.query(&format!(
        "select distinct labels.label, held.detail, labels.place from {labels} as labels join {table} as held \
         on labels.p is not distinct from held.p order by labels.place, held.detail"
    ))?;
    let mut found: Vec<(u64, HeldPartition)> = Vec::new();
    for row in &rows.rows {
        let (label, test, place) = (row[0].to_string(), row[1].to_string(), number(&row[2]));
        match found.last_mut() {
            Some((last, partition)) if *last == place => partition.tests.push(test),
            _ => found.push((place, HeldPartition { label, tests: vec![test] })),
        }
    }
    Ok(found.into_iter().map(|(_, partition)| partition).collect())
}
