//! Rows that stand on one side only: all rows of suspect partitions, less those that have a partner on the other side.

use highwater_sql::Dialect;

use crate::engine::Column;
use crate::exact::ExactError;
use crate::exact::axis::Axis;
use crate::exact::job::Job;

use super::rebuild::Sides;
use super::report::VerifyOptions;

/// Rows of suspect partitions that stand on one side only.
pub(crate) struct Left {
    /// Temporary table: the columns, and `p`.
    pub here: String,
    /// Temporary table: the columns, and `p`.
    pub there: String,
    /// Whether a tolerance was at work.
    pub tolerant: bool,
}

/// Whether a column holds binary fractions.
pub(crate) fn fraction(job: &Job, column: &Column) -> bool {
    job.dialect.is_fraction(&column.data_type)
}

/// The rows that pass a condition and that only one of two tables has. `prefix` keeps the temporary tables of several calls apart.
///
/// # Errors
/// When a table cannot be read.
pub(crate) fn left(
    job: &mut Job,
    among: &str,
    axis: &Axis,
    sides: &Sides,
    tables: (&str, &str),
    options: &VerifyOptions,
    prefix: &str,
) -> Result<Left, ExactError> {
    let dialect = job.dialect;
    let columns: Vec<String> = sides.columns.iter().map(|column| dialect.quote(&column.name)).collect();
    let columns = columns.join(", ");
    let partition = axis.partition();
    let side = |table: &str| format!("select {columns}, {partition} as \"hw p\" from {table} where {among}");
    let (here, there) = (side(tables.0), side(tables.1));
    let tolerant = sides.columns.iter().any(|column| fraction(job, column));
    let plain = sides.columns.iter().all(|column| equatable(dialect, column));
    let (here, there) = if plain {
        (format!("({here}) except all ({there})"), format!("({there}) except all ({here})"))
    } else {
        (here, there)
    };
    let here = job.store(&format!("{prefix}left_here"), &here)?;
    let there = job.store(&format!("{prefix}left_there"), &there)?;
    if !tolerant && plain {
        let renamed = |table: &str| format!("select {columns}, \"hw p\" as p from {table}");
        return Ok(Left {
            here: job.store(&format!("{prefix}only_here"), &renamed(&here))?,
            there: job.store(&format!("{prefix}only_there"), &renamed(&there))?,
            tolerant,
        });
    }
    paired(job, &sides.columns, (&here, &there), options.tolerance, prefix)
}

/// Takes away the rows that have a partner: equal in all other columns, and close in their fractions. Rows are paired in the order of
/// their fractions, which is the pairing with the least distance for one such column.
fn paired(
    job: &mut Job,
    columns: &[Column],
    (here, there): (&str, &str),
    tolerance: f64,
    prefix: &str,
) -> Result<Left, ExactError> {
    let dialect = job.dialect;
    let (fractions, others): (Vec<&Column>, Vec<&Column>) = columns.iter().partition(|column| fraction(job, column));
    let fractions: Vec<String> = fractions.iter().map(|column| dialect.quote(&column.name)).collect();
    let mut images: Vec<String> =
        others.iter().map(|column| dialect.equatable(&dialect.quote(&column.name), &column.data_type)).collect();
    images.push("\"hw p\"".to_owned());
    let order = if fractions.is_empty() { "1".to_owned() } else { fractions.join(", ") };
    let keys: Vec<String> = images.iter().enumerate().map(|(at, image)| format!("{image} as \"hw {at}\"")).collect();
    let numbered = |table: &str| {
        format!(
            "select *, {}, {} as \"hw h\", row_number() over (partition by {} order by {order}) as \"hw n\" from {table}",
            keys.join(", "),
            dialect.key_hash(&images),
            images.join(", ")
        )
    };
    let numbered_here = job.store(&format!("{prefix}numbered_here"), &numbered(here))?;
    let numbered_there = job.store(&format!("{prefix}numbered_there"), &numbered(there))?;
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
    Ok(Left {
        here: job.store(&format!("{prefix}only_here"), &unpaired(&numbered_here, &numbered_there))?,
        there: job.store(&format!("{prefix}only_there"), &unpaired(&numbered_there, &numbered_here))?,
        tolerant: !fractions.is_empty(),
    })
}

/// Whether a column can be compared as it is.
fn equatable(dialect: Dialect, column: &Column) -> bool {
    let name = dialect.quote(&column.name);
    dialect.equatable(&name, &column.data_type) == name
}

/// Whether two fractions are one, in rows `a` and `b`: the same, or finite and close. True or false.
pub(crate) fn close(dialect: Dialect, name: &str, tolerance: f64) -> String {
    let (a, b) = (format!("a.{name}"), format!("b.{name}"));
    let (first, second) = (dialect.double(&a), dialect.double(&b));
    format!(
        "({a} is not distinct from {b} or coalesce({} and {} \
         and abs({first} - {second}) <= {tolerance:e} * greatest(abs({first}), abs({second})), false))",
        dialect.is_finite(&a),
        dialect.is_finite(&b)
    )
}
