//! Comparing two tables by partition: one sum of row hashes per partition and side, then the rows of the partitions whose sums differ.
//!
//! Sums of binary fractions depend on the order of their rows, which a rebuild may choose anew. Such columns go into the hashes with nine
//! significant digits; where the sums differ, rows are paired by their other columns and their fractions compared by relative tolerance.

use highwater_sql::Dialect;

use crate::engine::{Cell, Column};
use crate::exact::ExactError;
use crate::exact::axis::{Axis, within};
use crate::exact::dirty::labelled;
use crate::exact::foresee::Shown;
use crate::exact::job::{Job, number};
use crate::exact::prepare::{Prepared, column_names, hashed};

use super::rebuild::Sides;
use super::report::{Cause, ExampleRow, Mismatch, Outcome, Verdict, VerifyOptions};

/// Any salt does: both sides are hashed now.
const SALT: u64 = 0x5eed;

/// Compares, and writes what was found into the verdict.
///
/// # Errors
/// When a side cannot be read.
pub(crate) fn compare(
    job: &mut Job,
    prepared: &Prepared,
    sides: &Sides,
    options: &VerifyOptions,
    verdict: &mut Verdict,
) -> Result<(), ExactError> {
    verdict.rows = job.count(&format!("select count(*) from {}", sides.rebuild))?;
    verdict.columns = column_names(&sides.columns);
    if sides.other_columns {
        verdict.outcome = Outcome::Differs;
    }
    if sides.columns.is_empty() || !sides.partitioned {
        return Ok(());
    }
    let axis = &prepared.axis;
    let here = sums(job, axis, "sums_here", &sides.table, &sides.columns)?;
    let there = sums(job, axis, "sums_there", &sides.rebuild, &sides.columns)?;
    let differ = job.store(
        "differ",
        &format!(
            "select p, coalesce(sum(n) filter (where here), 0)::bigint as n_here, coalesce(sum(n) filter (where not here), 0)::bigint as n_there, \
             count(*) <> 2 or min(n) <> max(n) or min(f) <> max(f) as differs \
             from (select p, n, f, true as here from {here} union all select p, n, f, false from {there}) as sides group by p"
        ),
    )?;
    [verdict.compared] = job.numbers(&format!("select count(*) from {differ}"))?;
    let suspects = job.store("suspects", &format!("select p, n_here, n_there from {differ} where differs"))?;
    if job.count(&format!("select count(*) from {suspects}"))? == 0 {
        return Ok(());
    }
    let rows = Rows::of(job, axis, sides, &suspects, options)?;
    // A partition whose rows all found a partner within tolerance was only summed in another order.
    let guilty = job.store(
        "guilty",
        &format!(
            "select p, n_here, n_there from {suspects} where {} or {}",
            within("p", &rows.only_here),
            within("p", &rows.only_there)
        ),
    )?;
    verdict.mismatch_count = job.count(&format!("select count(*) from {guilty}"))?;
    if rows.tolerant {
        verdict.notes.push(format!("binary fractions compared with a relative tolerance of {:e}", options.tolerance));
    }
    if verdict.mismatch_count == 0 {
        return Ok(());
    }
    verdict.outcome = Outcome::Differs;
    verdict.mismatches = mismatches(job, axis, sides, options, &guilty, &rows)?;
    Ok(())
}

/// Row count and sum of row hashes per partition: a temporary table `(p, n, f)`.
fn sums(job: &mut Job, axis: &Axis, name: &str, table: &str, columns: &[Column]) -> Result<String, ExactError> {
    let exact: Vec<String> =
        columns.iter().filter(|column| !fraction(job, column)).map(|column| column.name.clone()).collect();
    let dialect = job.dialect;
    let mut expressions = hashed(dialect, &exact, columns);
    let fractions = columns.iter().filter(|column| fraction(job, column));
    expressions.extend(fractions.map(|column| dialect.rounded(&dialect.quote(&column.name))));
    job.store(
        name,
        &format!(
            "select * from (select {}, {} from {table} group by 1) as taken(p, n, f)",
            axis.partition(),
            dialect.fingerprint(&expressions, SALT)
        ),
    )
}

/// Whether a column holds binary fractions.
fn fraction(job: &Job, column: &Column) -> bool {
    job.dialect.is_fraction(&column.data_type)
}

/// Rows of the suspect partitions that stand on one side only.
struct Rows {
    /// Temporary table: the columns, and `p`.
    only_here: String,
    /// Temporary table: the columns, and `p`.
    only_there: String,
    /// Whether a tolerance was at work.
    tolerant: bool,
}

impl Rows {
    fn of(
        job: &mut Job,
        axis: &Axis,
        sides: &Sides,
        suspects: &str,
        options: &VerifyOptions,
    ) -> Result<Self, ExactError> {
        let dialect = job.dialect;
        let columns: Vec<String> = sides.columns.iter().map(|column| dialect.quote(&column.name)).collect();
        let columns = columns.join(", ");
        let partition = axis.partition();
        let side = |table: &str| {
            format!("select {columns}, {partition} as \"hw p\" from {table} where {}", axis.within(suspects))
        };
        let (here, there) = (side(&sides.table), side(&sides.rebuild));
        let tolerant = sides.columns.iter().any(|column| fraction(job, column));
        let (here, there) = if sides.columns.iter().all(|column| equatable(dialect, column)) {
            (format!("({here}) except all ({there})"), format!("({there}) except all ({here})"))
        } else {
            (here, there)
        };
        let only_here = job.store("left_here", &here)?;
        let only_there = job.store("left_there", &there)?;
        if !tolerant && sides.columns.iter().all(|column| equatable(dialect, column)) {
            let renamed = |table: &str| format!("select {columns}, \"hw p\" as p from {table}");
            return Ok(Self {
                only_here: job.store("only_here", &renamed(&only_here))?,
                only_there: job.store("only_there", &renamed(&only_there))?,
                tolerant,
            });
        }
        Self::paired(job, &sides.columns, &only_here, &only_there, options.tolerance)
    }

    /// Takes away the rows that have a partner: equal in all other columns, and close in their fractions. Rows are paired in the order of
    /// their fractions, which is the pairing with the least distance for one such column.
    fn paired(job: &mut Job, columns: &[Column], here: &str, there: &str, tolerance: f64) -> Result<Self, ExactError> {
        let dialect = job.dialect;
        let (fractions, others): (Vec<&Column>, Vec<&Column>) =
            columns.iter().partition(|column| fraction(job, column));
        let fractions: Vec<String> = fractions.iter().map(|column| dialect.quote(&column.name)).collect();
        let mut images: Vec<String> =
            others.iter().map(|column| dialect.equatable(&dialect.quote(&column.name), &column.data_type)).collect();
        images.push("\"hw p\"".to_owned());
        let order = if fractions.is_empty() { "1".to_owned() } else { fractions.join(", ") };
        let keys: Vec<String> =
            images.iter().enumerate().map(|(at, image)| format!("{image} as \"hw {at}\"")).collect();
        let numbered = |table: &str| {
            format!(
                "select *, {}, {} as \"hw h\", row_number() over (partition by {} order by {order}) as \"hw n\" from {table}",
                keys.join(", "),
                dialect.key_hash(&images),
                images.join(", ")
            )
        };
        let numbered_here = job.store("numbered_here", &numbered(here))?;
        let numbered_there = job.store("numbered_there", &numbered(there))?;
        // The hash is there to be joined on; not every engine can join by what treats NULL as a value.
        let mut conditions = vec!["a.\"hw h\" = b.\"hw h\" and a.\"hw n\" = b.\"hw n\"".to_owned()];
        conditions.extend((0..images.len()).map(|at| format!("a.\"hw {at}\" is not distinct from b.\"hw {at}\"")));
        conditions.extend(fractions.iter().map(|name| close(dialect, name, tolerance)));
        let names: Vec<String> = columns.iter().map(|column| dialect.quote(&column.name)).collect();
        let unpaired = |one: &str, other: &str| {
            format!(
                "select {}, \"hw p\" as p from {one} as a where not exists (select 1 from {other} as b where {})",
                names.join(", "),
                conditions.join(" and ")
            )
        };
        Ok(Self {
            only_here: job.store("only_here", &unpaired(&numbered_here, &numbered_there))?,
            only_there: job.store("only_there", &unpaired(&numbered_there, &numbered_here))?,
            tolerant: !fractions.is_empty(),
        })
    }
}

/// Whether a column can be compared as it is.
fn equatable(dialect: Dialect, column: &Column) -> bool {
    let name = dialect.quote(&column.name);
    dialect.equatable(&name, &column.data_type) == name
}

/// Whether two fractions are one: the same, or finite and close.
fn close(dialect: Dialect, name: &str, tolerance: f64) -> String {
    let (a, b) = (format!("a.{name}"), format!("b.{name}"));
    let (first, second) = (dialect.double(&a), dialect.double(&b));
    format!(
        "({a} is not distinct from {b} or coalesce({} and {} \
         and abs({first} - {second}) <= {tolerance:e} * greatest(abs({first}), abs({second})), false))",
        dialect.is_finite(&a),
        dialect.is_finite(&b)
    )
}

fn mismatches(
    job: &mut Job,
    axis: &Axis,
    sides: &Sides,
    options: &VerifyOptions,
    guilty: &str,
    rows: &Rows,
) -> Result<Vec<Mismatch>, ExactError> {
    let first =
        job.store("first", &format!("select p from {guilty} order by p nulls last limit {}", options.partitions))?;
    let shown = [sides.table.clone(), sides.rebuild.clone()].map(|table| Shown::output(table, axis));
    let labels = labelled(job, axis, &first, &shown)?;
    let table = job.query(&format!(
        "select labels.label, guilty.n_here, guilty.n_there, labels.place from {labels} as labels join {guilty} as guilty \
         on labels.p is not distinct from guilty.p order by labels.place"
    ))?;
    let mut found = Vec::new();
    for row in &table.rows {
        let place = number(&row[3]);
        let (only_here, examples_here) = examples(job, sides, options, &labels, place, &rows.only_here)?;
        let (only_rebuilt, examples_rebuilt) = examples(job, sides, options, &labels, place, &rows.only_there)?;
        found.push(Mismatch {
            label: row[0].to_string(),
            rows_here: number(&row[1]),
            rows_rebuilt: number(&row[2]),
            only_here,
            only_rebuilt,
            examples_here,
            examples_rebuilt,
            cause: Cause::Unknown,
        });
    }
    Ok(found)
}

/// How many rows of a partition stand on one side only, and the first of them.
fn examples(
    job: &mut Job,
    sides: &Sides,
    options: &VerifyOptions,
    labels: &str,
    place: u64,
    rows: &str,
) -> Result<(u64, Vec<ExampleRow>), ExactError> {
    let here = format!(
        "from {rows} as rows join {labels} as labels on rows.p is not distinct from labels.p where labels.place = {place}"
    );
    let count = job.count(&format!("select count(*) {here}"))?;
    let columns: Vec<String> = sides
        .columns
        .iter()
        .map(|column| format!("cast(rows.{} as varchar)", job.dialect.quote(&column.name)))
        .collect();
    let order: Vec<String> = (1..=columns.len()).map(|place| place.to_string()).collect();
    let table = job.query(&format!(
        "select {} {here} order by {} limit {}",
        columns.join(", "),
        order.join(", "),
        options.examples
    ))?;
    let text = |cell: &Cell| if cell.is_null() { None } else { Some(cell.to_string()) };
    Ok((count, table.rows.iter().map(|row| row.iter().map(text).collect()).collect()))
}
