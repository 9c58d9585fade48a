//! The swap: staged rows take the place of dirty partitions, and the ledger says so, in the caller's transaction.
//!
//! With D a cover of the partitions that differ and S the slice of D, `(V - σ_D V) + S` is the rebuild. Partitions whose staged fingerprint
//! equals the table's are not written, and nothing downstream runs because of them; nor are those that `hold.rs` holds back.

use crate::engine::{Column, RelationKind, quote_literal};

use super::axis::{Axis, quoted, within};
use super::dirty::Dirty;
use super::error::ExactError;
use super::job::{Job, number};
use super::ledger::{self, ModelRow};
use super::model::RunIdentity;
use super::prepare::{Prepared, column_names, hashed};
use super::slice::Filter;

/// How many example keys an error about the grain shows.
const EXAMPLES: usize = 5;

/// What a swap came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Swapped {
    /// Partitions looked at: those staged, those in the table, those in the ledger.
    pub considered: u64,
    /// Partitions written.
    pub replaced: u64,
    /// Partitions the ledger has to learn about.
    pub recorded: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows inserted.
    pub inserted: u64,
    /// Whether the table was made anew.
    pub recreated: bool,
}

/// Staged rows and how they compare.
pub(crate) struct Staged {
    /// Temporary table of the rows.
    pub stage: String,
    /// Temporary table `(p, n_here, n_new, f_new, write, record)`.
    pub diff: String,
    /// Whether the table is there, with the right columns.
    pub standing: bool,
    /// Whether a table or a view is there, whatever its columns.
    pub over_something: bool,
    /// Whether everything was built.
    everything: bool,
    /// Temporary table with the partitions `p` that are not published; their old rows stay.
    held: Option<String>,
    /// Whether it is known that no two rows will share a key.
    pub grain_holds: bool,
    /// What it came to, once written.
    pub outcome: Swapped,
}

/// Fingerprints of the rows that pass a condition, in a table that has the output's columns: temporary table `(p, n, f)`.
///
/// # Errors
/// When the table cannot be read.
pub(crate) fn partitions(
    job: &mut Job,
    prepared: &Prepared,
    name: &str,
    table: &str,
    rows: &str,
    salt: u64,
) -> Result<String, ExactError> {
    fingerprints(job, &prepared.axis, &prepared.output, name, table, rows, salt)
}

/// The same of a table that has other columns.
///
/// # Errors
/// When the table cannot be read.
pub(crate) fn fingerprints(
    job: &mut Job,
    axis: &Axis,
    columns: &[Column],
    name: &str,
    table: &str,
    rows: &str,
    salt: u64,
) -> Result<String, ExactError> {
    let names = column_names(columns);
    let (group, id) = axis.group();
    job.store(
        name,
        &format!(
            "select {id} as p, n, f from (select {group}, {} from {table} where {rows} group by 1) as taken(p, n, f)",
            job.dialect.fingerprint(&hashed(job.dialect, &names, columns), salt)
        ),
    )
}

/// The partitions whose content is not what the ledger says, among those whose id passes a condition: temporary table
/// `(p, rows_before, rows_now)` and their number.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn changed_by_hand(
    job: &mut Job,
    prepared: &Prepared,
    here: &str,
    among: impl Fn(&str) -> String,
) -> Result<(String, u64), ExactError> {
    let table = job.store(
        "by_hand",
        &format!(
            "select p, coalesce(sum(n) filter (where not now), 0)::bigint as rows_before, coalesce(sum(n) filter (where now), 0)::bigint as rows_now \
             from (select p, n, f, true as now from {here} \
             union all select {}, row_count, fingerprint, false from {}.partitions where model = {} and row_count > 0 and {}) as sides \
             group by p having count(*) <> 2 or min(n) <> max(n) or min(f) <> max(f)",
            prepared.axis.ledger_column(),
            ledger::schema(&job.model.relation),
            job.id(),
            among(prepared.axis.ledger_column())
        ),
    )?;
    let count = job.count(&format!("select count(*) from {table}"))?;
    Ok((table, count))
}

/// Runs a query into the stage and compares it with the table and the ledger, partition by partition. `dirty` is none for a whole build; `here`
/// is none when the table is missing or has other columns, so that all of it counts as changed.
///
/// # Errors
/// When the query fails, or a staged row lies outside the dirty partitions.
pub(crate) fn stage(
    job: &mut Job,
    prepared: &Prepared,
    query: &str,
    dirty: Option<&Dirty>,
    here: Option<&str>,
    salt: u64,
    over_something: bool,
) -> Result<Staged, ExactError> {
    let stage = job.store("stage", query)?;
    let mut staged = compare(job, prepared, stage, dirty.map(|dirty| dirty.set.as_str()), here, salt)?;
    staged.over_something = over_something;
    Ok(staged)
}

/// Compares rows that have been staged already with the table and the ledger, partition by partition.
///
/// # Errors
/// When a staged row lies outside the dirty partitions.
pub(crate) fn compare(
    job: &mut Job,
    prepared: &Prepared,
    stage: String,
    dirty: Option<&str>,
    here: Option<&str>,
    salt: u64,
) -> Result<Staged, ExactError> {
    let new = partitions(job, prepared, "new", &stage, "true", salt)?;
    if let Some(dirty) = dirty {
        let outside = job.count(&format!("select count(*) from {new} where not {}", within("p", dirty)))?;
        if outside > 0 {
            return Err(job.broken(format!("{outside} staged partitions are not among the dirty ones")));
        }
    }
    let scope = |id: &str| dirty.map_or_else(|| "true".to_owned(), |dirty| within(id, dirty));
    let column = prepared.axis.ledger_column();
    let here_rows = here.map_or_else(String::new, |here| {
        format!("select p, n, f, 0 as side from {here} where {} union all ", scope("p"))
    });
    let (write, record) = if here.is_some() {
        let write = "n_here <> n_new or f_here is distinct from f_new";
        (write.to_owned(), format!("{write} or n_ledger <> n_new or f_ledger is distinct from f_new"))
    } else {
        ("n_new > 0".to_owned(), "true".to_owned())
    };
    let diff = job.store(
        "diff",
        &format!(
            "with sides as ({here_rows}select p, n, f, 1 as side from {new} \
             union all select {column}, row_count, fingerprint, 2 from {}.partitions \
               where model = {} and row_count > 0 and {} is null and {}), \
             compared as (select p, \
               coalesce(sum(n) filter (where side = 0), 0)::bigint as n_here, max(f) filter (where side = 0) as f_here, \
               coalesce(sum(n) filter (where side = 1), 0)::bigint as n_new, max(f) filter (where side = 1) as f_new, \
               coalesce(sum(n) filter (where side = 2), 0)::bigint as n_ledger, max(f) filter (where side = 2) as f_ledger \
               from sides group by p) \
             select p, n_here, n_new, f_new, {write} as write, {record} as record from compared",
            ledger::schema(&job.model.relation),
            job.id(),
            prepared.axis.unused_column(),
            scope(column)
        ),
    )?;
    let mut staged = Staged {
        stage,
        diff,
        standing: here.is_some(),
        over_something: true,
        everything: dirty.is_none(),
        held: None,
        grain_holds: false,
        outcome: Swapped::default(),
    };
    staged.count(job)?;
    Ok(staged)
}

impl Staged {
    /// Adds up what is to be written.
    fn count(&mut self, job: &mut Job) -> Result<(), ExactError> {
        let [considered, replaced, recorded, deleted, inserted] = job.numbers(&format!(
            "select count(*), count(*) filter (where write), count(*) filter (where record), sum(n_here) filter (where write), sum(n_new) filter (where write) from {}",
            self.diff
        ))?;
        // What is held back keeps its old rows, so that a table that has any cannot be made anew.
        let anew = !self.standing || (self.everything && replaced * 2 > considered && self.held.is_none());
        self.outcome = Swapped { considered, replaced, recorded, deleted, inserted, recreated: anew };
        Ok(())
    }

    /// Takes partitions out of the swap: a table with a column `p`.
    ///
    /// # Errors
    /// When the comparison cannot be written.
    pub fn keep_back(&mut self, job: &mut Job, held: &str) -> Result<(), ExactError> {
        let diff = &self.diff;
        job.execute(&format!("update {diff} set write = false, record = false where {}", within("p", held)))?;
        self.held = Some(held.to_owned());
        self.count(job)
    }

    /// The staged rows that are published, in SQL.
    fn published(&self, prepared: &Prepared) -> String {
        match &self.held {
            Some(held) => format!("select * from {} where not {}", self.stage, prepared.axis.within(held)),
            None => format!("select * from {}", self.stage),
        }
    }
}

/// Writes what differs: data, then partitions in the ledger. Returns the staged outcome, with row counts as written.
///
/// # Errors
/// When a statement fails, or rows share a key that should be unique.
pub(crate) fn swap(
    job: &mut Job,
    prepared: &Prepared,
    staged: &Staged,
    kind: Option<RelationKind>,
    known: &ModelRow,
    run: &RunIdentity,
) -> Result<Swapped, ExactError> {
    let outcome = write(job, prepared, staged, kind)?;
    record(job, prepared, staged, known, run)?;
    job.reach("recorded");
    check_grain(job, prepared, staged, outcome)?;
    Ok(outcome)
}

/// Writes the data that differs, and nothing into the ledger. Returns the staged outcome, with row counts as written.
///
/// # Errors
/// When a statement fails.
pub(crate) fn write(
    job: &mut Job,
    prepared: &Prepared,
    staged: &Staged,
    kind: Option<RelationKind>,
) -> Result<Swapped, ExactError> {
    let mut outcome = staged.outcome;
    if outcome.recreated {
        let rows_before = if kind == Some(RelationKind::Table) {
            job.count(&format!("select count(*) from {}", job.model.relation.sql()))?
        } else {
            0
        };
        if let Some(kind @ (RelationKind::View | RelationKind::MaterializedView)) = kind {
            job.execute(&job.dialect.remove(kind.sql(), &job.model.relation.sql()))?;
        }
        let query = staged.published(prepared);
        job.execute(&job.dialect.replace(&job.model.relation.sql(), &query, staged.standing))?;
        outcome.deleted = rows_before;
        outcome.inserted = job.count(&format!("select count(*) from ({query}) as published"))?;
    } else if outcome.replaced > 0 {
        replace(job, prepared, staged)?;
    }
    job.reach("inserted");
    Ok(outcome)
}

/// Deletes the differing partitions, the partition NULL included, and inserts what was staged for them.
fn replace(job: &mut Job, prepared: &Prepared, staged: &Staged) -> Result<(), ExactError> {
    let write = job.store("write", &format!("select p from {} where write", staged.diff))?;
    let null = job.count(&format!("select count(*) from {write} where p is null"))? > 0;
    let filter = Filter::new(job, &prepared.axis, &write, null)?.result(&prepared.axis);
    let columns = quoted(job.dialect, &column_names(&prepared.output)).join(", ");
    let table = job.model.relation.sql();
    let deleted = job.execute(&format!("delete from {table} where {filter}"))?;
    job.reach("deleted");
    let inserted =
        job.execute(&format!("insert into {table} ({columns}) select {columns} from {} where {filter}", staged.stage))?;
    if (deleted, inserted) != (staged.outcome.deleted, staged.outcome.inserted) {
        return Err(job.broken(format!(
            "{deleted} rows were deleted and {inserted} inserted where {} and {} were counted",
            staged.outcome.deleted, staged.outcome.inserted
        )));
    }
    Ok(())
}

/// Takes down the partitions that changed, under a new number. Emptied partitions stay, with no rows, so that children hear of it.
fn record(
    job: &mut Job,
    prepared: &Prepared,
    staged: &Staged,
    known: &ModelRow,
    run: &RunIdentity,
) -> Result<(), ExactError> {
    let schema = ledger::schema(&job.model.relation);
    let model = job.id();
    let column = prepared.axis.ledger_column();
    let version = quote_literal(&prepared.logic_version);
    if known.logic_version != prepared.logic_version && !known.logic_version.is_empty() {
        // A partitioning by another kind of id leaves nothing of the old one to compare with: its rows say only that everything changed.
        job.execute(&format!(
            "delete from {schema}.partitions where model = {model} and {} is not null",
            prepared.axis.unused_column()
        ))?;
        // What is held back still holds what the earlier logic made.
        let built =
            staged.held.as_ref().map_or_else(|| "true".to_owned(), |held| format!("not {}", within(column, held)));
        job.execute(&format!(
            "update {schema}.partitions set logic_version = {version} where model = {model} and {built}"
        ))?;
    }
    if staged.outcome.recorded == 0 {
        return Ok(());
    }
    let bumped = job.store("bumped", &format!("select p from {} where record", staged.diff))?;
    job.execute(&format!("delete from {schema}.partitions where model = {model} and {}", within(column, &bumped)))?;
    job.execute(&format!(
        "insert into {schema}.partitions (model, {column}, row_count, fingerprint, logic_version, run_id, changed_seq) \
         select {model}, p, n_new, coalesce(f_new, 0), {version}, {}, {} from {} where record",
        quote_literal(&run.run_id),
        known.change_seq + 1,
        staged.diff
    ))?;
    Ok(())
}

/// No two rows of the table may share a key that was staged.
pub(crate) fn check_grain(
    job: &mut Job,
    prepared: &Prepared,
    staged: &Staged,
    outcome: Swapped,
) -> Result<(), ExactError> {
    if job.model.unique_key.is_empty() || staged.grain_holds || (outcome.replaced == 0 && !outcome.recreated) {
        return Ok(());
    }
    let columns = job.model.unique_key.clone();
    let keys = quoted(job.dialect, &columns);
    let list = keys.join(", ");
    let staged_keys = if outcome.recreated {
        "true".to_owned()
    } else {
        {
            let hash = job.dialect.key_hash(&keys);
            format!("{hash} in (select {hash} from ({}) as published)", staged.published(prepared))
        }
    };
    let text: Vec<String> = keys.iter().map(|key| format!("coalesce(cast({key} as varchar), 'NULL')")).collect();
    let duplicates = job.query(&format!(
        "select {}, rows, count(*) over () from (select {list}, count(*) as rows from {} where {staged_keys} group by {list} having count(*) > 1) as repeated \
         order by 1 limit {EXAMPLES}",
        text.join(" || ', ' || "),
        job.model.relation.sql()
    ))?;
    let Some(first) = duplicates.rows.first() else { return Ok(()) };
    Err(ExactError::Grain {
        model: job.label.clone(),
        columns,
        duplicates: number(&first[2]),
        examples: duplicates.rows.iter().map(|row| (row[0].to_string(), number(&row[1]))).collect(),
    })
}
