//! The shape of a table: columns that its query has by now and the table has not, or the other way round.
//!
//! A table cannot have two shapes at once, so a backfill of such a model builds all of it. What stands in the table is read by the table's own
//! columns, what is staged by the query's; the swap gives the table its new shape in the transaction that fills it, and rolling back the old one.
//! Where other things hang on a table (indexes, privileges, views, on a server), only what keeps them is done: columns are added behind the others.
//!
//! A model below is staged from rows of the new shape. It is part of the backfill if it reads the same out of them: the same columns now, and when
//! the swap has been done, the same logic.

use crate::engine::{Column, Relation, RelationKind};
use crate::exact::axis::quoted;
use crate::exact::job::Job;
use crate::exact::logic::{column_change, pairs};
use crate::exact::look::{same_columns, target};
use crate::exact::overlay::Overlay;
use crate::exact::prepare::{Prepared, column_names, text_over};
use crate::exact::swap::fingerprints;
use crate::exact::{Cut, ExactError};

/// How a table gets the columns of its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reshape {
    /// It has them.
    None,
    /// By these, behind its own: name and type.
    Append(Vec<(String, String)>),
    /// By being made anew.
    Replace,
}

/// Why a table cannot get them, and what to do.
pub(crate) struct Impossible {
    /// Why not.
    pub reason: String,
    /// What to do instead.
    pub help: String,
}

/// The table's own columns: its query's, where these are the same.
///
/// # Errors
/// When the catalog cannot be read.
pub(crate) fn standing(job: &mut Job, prepared: &Prepared) -> Result<Vec<Column>, ExactError> {
    let target = target(job)?;
    let reshaped = target.kind == Some(RelationKind::Table) && !same_columns(&target.columns, &prepared.output);
    Ok(if reshaped { target.columns } else { prepared.output.clone() })
}

/// What the change of columns comes to, in words: `+discount DECIMAL(9,2)`. None when there is none.
///
/// # Errors
/// When the catalog cannot be read.
pub(crate) fn change(job: &mut Job, prepared: &Prepared) -> Result<Option<String>, ExactError> {
    let columns = standing(job, prepared)?;
    let is_changed = !same_columns(&columns, &prepared.output);
    Ok(is_changed.then(|| column_change(&pairs(&columns), &pairs(&prepared.output))))
}

/// Fingerprints of the rows of the model's table that pass a condition, over the table's own columns: temporary table `(p, n, f)`.
///
/// # Errors
/// When the table cannot be read.
pub(crate) fn partitions(
    job: &mut Job,
    prepared: &Prepared,
    name: &str,
    rows: &str,
    salt: u64,
) -> Result<String, ExactError> {
    let (live, columns) = (job.model.relation.sql(), standing(job, prepared)?);
    fingerprints(job, &prepared.axis, &columns, name, &live, rows, salt)
}

/// How the table gets the columns of its query, or why it cannot.
///
/// # Errors
/// When the catalog cannot be read.
pub(crate) fn reshape(job: &mut Job, prepared: &Prepared) -> Result<Result<Reshape, Impossible>, ExactError> {
    let (columns, wanted) = (standing(job, prepared)?, &prepared.output);
    if same_columns(&columns, wanted) {
        return Ok(Ok(Reshape::None));
    }
    let cut_by = match prepared.axis.cut() {
        Cut::Interval { column, .. } => vec![column],
        Cut::Key { columns } => columns,
        Cut::Whole => Vec::new(),
    };
    let run = format!(
        "a run builds it anew, in one transaction, behind its tests where audits is before: hw run --select {}",
        job.label
    );
    let has = |name: &String| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    if let Some(column) = cut_by.iter().find(|column| !has(column)) {
        return Ok(Err(Impossible {
            reason: format!("it is cut by {column}, a column that its table does not have yet"),
            help: run,
        }));
    }
    if job.dialect.append_columns("", &[]).is_none() {
        return Ok(Ok(Reshape::Replace));
    }
    let is_longer = wanted.len() > columns.len() && same_columns(&wanted[..columns.len()], &columns);
    if is_longer {
        return Ok(Ok(Reshape::Append(pairs(&wanted[columns.len()..]))));
    }
    Ok(Err(Impossible {
        reason: format!(
            "its columns change ({}), and what hangs on its table, indexes, privileges and views, is kept only where new columns come behind the others",
            column_change(&pairs(&columns), &pairs(wanted))
        ),
        help: format!("write new columns last in its select; or {run}"),
    }))
}

/// Gives the table further columns, before it is filled.
///
/// # Errors
/// When the engine refuses.
pub(crate) fn append(job: &mut Job, columns: &[(String, String)]) -> Result<(), ExactError> {
    let table = job.model.relation.sql();
    match job.dialect.append_columns(&table, columns) {
        Some(sql) => job.execute(&sql).map(drop),
        None => Err(job.broken("its table is made anew, not altered")),
    }
}

/// Gives the table the columns of its old rows again. Those of its rows that have no old ones, as `rest` tells them, keep what they share. Returns
/// whether it was made anew, with its old rows in it.
///
/// # Errors
/// When the engine refuses.
pub(crate) fn restore(job: &mut Job, kept: &str, old: &[Column], rest: &str) -> Result<bool, ExactError> {
    let table = job.model.relation.sql();
    let now = target(job)?.columns;
    if same_columns(&now, old) {
        return Ok(false);
    }
    let surplus: Vec<String> = now[old.len().min(now.len())..].iter().map(|column| column.name.clone()).collect();
    if let Some(sql) = job.dialect.drop_columns(&table, &surplus) {
        job.execute(&sql)?;
        return Ok(false);
    }
    let names = column_names(old);
    let shared = names.iter().zip(old).map(|(name, column)| {
        let quoted = job.dialect.quote(name);
        match now.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            true => format!("cast({quoted} as {0}) as {quoted}", column.data_type),
            false => format!("cast(null as {}) as {quoted}", column.data_type),
        }
    });
    let shared: Vec<String> = shared.collect();
    let old_rows = format!("select {} from {kept}", quoted(job.dialect, &names).join(", "));
    let query = format!("{old_rows} union all select {} from {table} where {rest}", shared.join(", "));
    job.execute(&job.dialect.replace(&table, &query, false))?;
    Ok(true)
}

/// Rows of no table that have some columns: what a model below binds against.
pub(crate) fn empty(relation: &Relation, columns: &[Column], job: &Job) -> Overlay {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| format!("cast(null as {}) as {}", column.data_type, job.dialect.quote(&column.name)))
        .collect();
    Overlay { relation: relation.clone(), sql: format!("select {} where false", columns.join(", ")) }
}

/// The columns that the query has over other rows; none where it cannot be read over them.
///
/// # Errors
/// When the database does not say where names lead.
pub(crate) fn columns_over(job: &mut Job, overlays: &[Overlay]) -> Result<Option<Vec<Column>>, ExactError> {
    let text = text_over(job, overlays)?;
    Ok(job.connection.describe(&text).ok())
}
