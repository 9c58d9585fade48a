//! Rows of the two sides taken for one by their key: what is missing, extra, changed, or in another partition.

use crate::engine::{Cell, Column};
use crate::exact::ExactError;
use crate::exact::axis::{quoted, within};
use crate::exact::job::{Job, number};
use crate::exact::prepare::Prepared;

use super::compare::Differences;
use super::rebuild::Sides;
use super::report::{ChangedRow, ChangedValue, ExampleRow, VerifyOptions};
use super::rows::{close, fraction};

/// How many columns a key that nobody declared may have.
const LONGEST_GUESS: usize = 4;

/// What became of the differing rows.
pub(crate) struct Keyed {
    /// The columns that tell rows apart; none when none do.
    pub key: Vec<String>,
    /// Temporary table `(p, missing, extra, changed, moved, null_keys)`, a row per differing partition.
    pub counts: String,
    /// Temporary table of pairs `(p, q, n)` and, for every column, `here_N`, `there_N`, `differs_N`; none without a key.
    pairs: Option<String>,
}

/// Pairs the rows that differ by their key.
///
/// # Errors
/// When the rows cannot be read.
pub(crate) fn keyed(
    job: &mut Job,
    prepared: &Prepared,
    sides: &Sides,
    differences: &Differences,
    options: &VerifyOptions,
) -> Result<Keyed, ExactError> {
    let key = key(job, prepared, sides, differences)?;
    let dialect = job.dialect;
    let names = quoted(dialect, &key);
    let numbered = |table: &str| {
        if names.is_empty() {
            return format!("select *, cast(null as bigint) as \"hw h\", 0::bigint as \"hw n\" from {table}");
        }
        format!(
            "select *, {} as \"hw h\", row_number() over (partition by {} order by p nulls last) as \"hw n\" from {table}",
            dialect.key_hash(&names),
            names.join(", ")
        )
    };
    let here = job.store("keyed_here", &numbered(&differences.left.here))?;
    let there = job.store("keyed_there", &numbered(&differences.left.there))?;
    let partners = partners(&names);
    let pairs = if names.is_empty() { None } else { Some(pairs(job, sides, options, (&here, &there), &partners)?) };
    let alone = |one: &str, other: &str| {
        if names.is_empty() {
            format!("select p from {one}")
        } else {
            format!("select p from {one} as a where not exists (select 1 from {other} as b where {partners})")
        }
    };
    let null_key = if job.model.unique_key.is_empty() {
        "false".to_owned()
    } else {
        let keys = quoted(dialect, &job.model.unique_key);
        keys.iter().map(|key| format!("{key} is null")).collect::<Vec<_>>().join(" or ")
    };
    let mut parts = vec![
        format!(
            "select p, 1 as missing, 0 as extra, 0 as changed, 0 as moved, 0 as null_keys from ({}) as alone",
            alone(&there, &here)
        ),
        format!("select p, 0, 1, 0, 0, 0 from ({}) as alone", alone(&here, &there)),
        format!("select p, 0, 0, 0, 0, 1 from {here} where {null_key}"),
    ];
    if let Some(pairs) = &pairs {
        parts.push(format!("select p, 0, 0, case when p is not distinct from q then 1 else 0 end, case when p is distinct from q then 1 else 0 end, 0 from {pairs}"));
        parts.push(format!("select q, 0, 0, 0, 1, 0 from {pairs} where p is distinct from q"));
    }
    let counts = job.store(
        "counts",
        &format!(
            "select p, sum(missing)::bigint as missing, sum(extra)::bigint as extra, sum(changed)::bigint as changed, \
             sum(moved)::bigint as moved, sum(null_keys)::bigint as null_keys from ({}) as parts group by p",
            parts.join(" union all ")
        ),
    )?;
    Ok(Keyed { key, counts, pairs })
}

/// Whether rows `a` and `b` are one row by their key.
fn partners(names: &[String]) -> String {
    let mut conditions = vec!["a.\"hw h\" = b.\"hw h\" and a.\"hw n\" = b.\"hw n\"".to_owned()];
    conditions.extend(names.iter().map(|name| format!("a.{name} is not distinct from b.{name}")));
    conditions.join(" and ")
}

fn pairs(
    job: &mut Job,
    sides: &Sides,
    options: &VerifyOptions,
    (here, there): (&str, &str),
    partners: &str,
) -> Result<String, ExactError> {
    let dialect = job.dialect;
    let mut columns = Vec::new();
    for (at, column) in sides.columns.iter().enumerate() {
        let name = dialect.quote(&column.name);
        let differs = if fraction(job, column) {
            format!("not {}", close(dialect, &name, options.tolerance))
        } else {
            let [a, b] = ["a", "b"].map(|side| dialect.equatable(&format!("{side}.{name}"), &column.data_type));
            format!("{a} is distinct from {b}")
        };
        columns.push(format!(
            "cast(a.{name} as varchar) as here_{at}, cast(b.{name} as varchar) as there_{at}, {differs} as differs_{at}"
        ));
    }
    job.store(
        "pairs",
        &format!("select a.p as p, b.p as q, {} from {here} as a join {there} as b on {partners}", columns.join(", ")),
    )
}

/// The columns that tell rows apart: those declared, or else the first few columns that do among the rows that differ.
fn key(
    job: &mut Job,
    prepared: &Prepared,
    sides: &Sides,
    differences: &Differences,
) -> Result<Vec<String>, ExactError> {
    let has = |name: &String| sides.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let declared = job.around.unique_keys(&job.model.relation);
    let own = std::iter::once(job.model.unique_key.clone()).chain(declared);
    if let Some(key) = own.into_iter().find(|key| !key.is_empty() && key.iter().all(has)) {
        return Ok(key);
    }
    let by_partition = prepared.axis.columns();
    let guessable = |column: &&Column| !fraction(job, column) && !column.data_type.to_uppercase().contains("DECIMAL");
    let others: Vec<String> = sides.columns.iter().filter(guessable).map(|column| column.name.clone()).collect();
    let others: Vec<String> =
        others.into_iter().filter(|name| !by_partition.iter().any(|other| other.eq_ignore_ascii_case(name))).collect();
    let mut guesses: Vec<Vec<String>> = Vec::new();
    for length in 1..=others.len().min(LONGEST_GUESS) {
        guesses.push(others[..length].to_vec());
    }
    // A row of sums has its partition for a key; a row of facts rather not.
    guesses.insert(0, by_partition.clone());
    guesses.extend((1..=others.len().min(LONGEST_GUESS)).map(|length| [&by_partition[..], &others[..length]].concat()));
    for guess in guesses.into_iter().filter(|guess| !guess.is_empty()) {
        let names = quoted(job.dialect, &guess);
        let hash = job.dialect.key_hash(&names);
        let count = |table: &str| format!("select count(*) - count(distinct {hash}) from {table}");
        let [here, there, both] = job.numbers(&format!(
            "select ({}), ({}), (select count(*) from (select {hash} as h from {}) as a where h in (select {hash} from {}))",
            count(&differences.left.here),
            count(&differences.left.there),
            differences.left.here,
            differences.left.there
        ))?;
        if here == 0 && there == 0 && both > 0 {
            return Ok(guess);
        }
    }
    Ok(Vec::new())
}

impl Keyed {
    /// The columns in which the changed rows of a partition differ, and the first of these rows. `place` is the partition's in `labels`.
    ///
    /// # Errors
    /// When the pairs cannot be read.
    pub fn changes(
        &self,
        job: &mut Job,
        sides: &Sides,
        labels: &str,
        place: u64,
        examples: usize,
    ) -> Result<(Vec<String>, Vec<ChangedRow>), ExactError> {
        let Some(pairs) = &self.pairs else { return Ok((Vec::new(), Vec::new())) };
        let from = format!(
            "from {pairs} as pairs join {labels} as labels on pairs.p is not distinct from labels.p \
             where labels.place = {place} and pairs.p is not distinct from pairs.q"
        );
        let any: Vec<String> = (0..sides.columns.len()).map(|at| format!("bool_or(differs_{at})")).collect();
        let found = job.query(&format!("select {} {from}", any.join(", ")))?;
        let differs = |row: &Vec<Cell>, at: usize| row.get(at) == Some(&Cell::Boolean(true));
        let columns = found.rows.first().map_or_else(Vec::new, |row| {
            let at = (0..sides.columns.len()).filter(|at| differs(row, *at));
            at.map(|at| sides.columns[at].name.clone()).collect()
        });
        let all: Vec<String> =
            (0..sides.columns.len()).map(|at| format!("here_{at}, there_{at}, differs_{at}")).collect();
        let rows = job.query(&format!("select {} {from} order by 1 limit {examples}", all.join(", ")))?;
        let changed = rows.rows.iter().map(|row| self.changed_row(sides, row)).collect();
        Ok((columns, changed))
    }

    fn changed_row(&self, sides: &Sides, row: &[Cell]) -> ChangedRow {
        let text = |cell: &Cell| if cell.is_null() { None } else { Some(cell.to_string()) };
        let mut key: ExampleRow = Vec::new();
        let mut values = Vec::new();
        for (at, column) in sides.columns.iter().enumerate() {
            let cells = &row[at * 3..at * 3 + 3];
            if self.key.iter().any(|name| name.eq_ignore_ascii_case(&column.name)) {
                key.push(text(&cells[0]));
            }
            if cells[2] == Cell::Boolean(true) {
                values.push(ChangedValue {
                    column: column.name.clone(),
                    here: text(&cells[0]),
                    rebuilt: text(&cells[1]),
                });
            }
        }
        ChangedRow { key, values }
    }

    /// Counts of a partition: missing, extra, changed, moved, and rows of the table without a key.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn counted(&self, job: &mut Job, labels: &str, place: u64) -> Result<[u64; 5], ExactError> {
        let set = format!("(select p from {labels} where place = {place}) as one");
        let table = job.query(&format!(
            "select missing, extra, changed, moved, null_keys from {} where {}",
            self.counts,
            within("p", &set)
        ))?;
        Ok(table.rows.first().map_or([0; 5], |row| std::array::from_fn(|at| row.get(at).map_or(0, number))))
    }
}
