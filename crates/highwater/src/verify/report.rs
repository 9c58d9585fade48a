//! What a comparison with a rebuild found.

use serde::Serialize;

use super::cause::Cause;
use crate::diagnostics::Diagnostic;
use crate::exact::Cut;

/// How to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifyOptions {
    /// Example rows per differing partition and side.
    pub examples: usize,
    /// Differing partitions that are listed; all are counted.
    pub partitions: usize,
    /// Relative tolerance for binary fractions, whose sums depend on the order of the rows.
    pub tolerance: f64,
    /// Bisect the rows of the partitions that differ by key, where there are more of them than this.
    pub bisect_above: u64,
    /// Compare about so many partitions, others the next time; without it, all.
    pub sample: Option<u64>,
    /// Compare these partitions and no others: what stands after `from`, with a column `p`. Goes before `sample`.
    pub only: Option<String>,
    /// Mark what differs as dirty, so that the next run builds it: for exact models.
    pub repair: bool,
    /// The strategy that fills the table, where that is not the exact one.
    pub strategy: Option<Strategy>,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            examples: 5,
            partitions: 20,
            tolerance: 1e-9,
            bisect_above: 100_000,
            sample: None,
            only: None,
            repair: false,
            strategy: None,
        }
    }
}

/// One of dbt's strategies, as far as it explains a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy {
    /// `microbatch`, `merge`, `append`, ...
    pub word: String,
    /// `lookback`: intervals before the newest that a run builds again.
    pub lookback: Option<u32>,
}

/// What the comparison came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Every partition that was compared holds what a rebuild holds.
    Equal,
    /// Some do not.
    Differs,
    /// Nothing was compared, and why.
    NotCompared {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// The word in the ledger.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Differs => "differs",
            Self::NotCompared { .. } => "not_compared",
        }
    }
}

/// Which part of the partitions was compared, when not all were.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sampled {
    /// Partitions there are.
    pub of: u64,
    /// How likely this would have found a difference, were one partition in a hundred wrong.
    pub confidence: f64,
    /// Within so many runs with such a sample every partition is compared.
    pub runs: u64,
}

impl Sampled {
    /// In words.
    pub fn sentence(&self, chosen: u64) -> String {
        format!(
            "{chosen} of {} in turn; were 1 % of them wrong, one would be found with {:.0} % confidence, and all are compared within {} runs",
            self.of,
            self.confidence * 100.0,
            self.runs
        )
    }
}

impl Verdict {
    /// What the user sees of a table that is not what a rebuild holds.
    pub fn diagnostic(&self) -> Option<Diagnostic> {
        if self.outcome != Outcome::Differs {
            return None;
        }
        let differ = match self.mismatch_count {
            1 => "1 differs".to_owned(),
            count => format!("{count} differ"),
        };
        let title = format!("{} compared with a rebuild: {differ}", self.cut.count(self.compared));
        let mut diagnostic = Diagnostic::error("HW0601", format!("{}: {title}", self.label));
        for mismatch in &self.mismatches {
            diagnostic = diagnostic.note(format!(
                "{}: {} rows here, {} in a rebuild; {}",
                mismatch.label,
                mismatch.rows_here,
                mismatch.rows_rebuilt,
                mismatch.because()
            ));
        }
        for note in &self.notes {
            diagnostic = diagnostic.note(note.clone());
        }
        let repairs: Vec<&String> = self.mismatches.iter().filter_map(|mismatch| mismatch.repair.as_ref()).collect();
        let mend =
            repairs.first().map_or_else(|| format!("hw run --select {}", self.label), |repair| (*repair).clone());
        Some(diagnostic.help(format!("mend it with: {mend}")))
    }
}

/// A row that stands on one side only; NULL is none.
pub type ExampleRow = Vec<Option<String>>;

/// A column of a row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedValue {
    /// The column.
    pub column: String,
    /// What the table has.
    pub here: Option<String>,
    /// What a rebuild has.
    pub rebuilt: Option<String>,
}

/// A row whose key both sides have, and that differs otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedRow {
    /// The key's values.
    pub key: ExampleRow,
    /// The columns that differ.
    pub values: Vec<ChangedValue>,
}

/// A partition that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The partition, as in [`crate::exact::DirtyPartition::label`].
    pub label: String,
    /// Rows in the table.
    pub rows_here: u64,
    /// Rows in a rebuild.
    pub rows_rebuilt: u64,
    /// Rows that only the table has, in all.
    pub only_here: u64,
    /// Rows that only a rebuild has, in all.
    pub only_rebuilt: u64,
    /// Rows whose key a rebuild has here and the table nowhere among what differs.
    pub missing: u64,
    /// Rows whose key the table has here and a rebuild nowhere among what differs.
    pub extra: u64,
    /// Rows whose key both have here, with other values.
    pub changed: u64,
    /// Rows whose key both have, one of them in another partition.
    pub moved: u64,
    /// The columns in which changed rows differ.
    pub columns: Vec<String>,
    /// The first of the rows that only the table has.
    pub examples_here: Vec<ExampleRow>,
    /// The first of the rows that only a rebuild has.
    pub examples_rebuilt: Vec<ExampleRow>,
    /// The first of the changed rows.
    pub examples_changed: Vec<ChangedRow>,
    /// Why, probably.
    pub cause: Cause,
    /// What is known about that besides: a table, a number of days.
    pub detail: Option<String>,
    /// The command that mends it; none where a command does not.
    pub repair: Option<String>,
}

impl Mismatch {
    /// The cause in words.
    pub fn because(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.cause.sentence()),
            None => self.cause.sentence().to_owned(),
        }
    }
}

/// What the comparison of one model with a rebuild found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The model.
    pub unique_id: String,
    /// The word for it.
    pub label: String,
    /// How its table is cut.
    pub cut: Cut,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Partitions compared: those of the table and those of the rebuild.
    pub compared: u64,
    /// Which part that is, when it is not all.
    pub sampled: Option<Sampled>,
    /// Rows of the rebuild.
    pub rows: u64,
    /// Differing partitions, in all.
    pub mismatch_count: u64,
    /// The first of them.
    pub mismatches: Vec<Mismatch>,
    /// The columns by which rows of both sides are taken for one row.
    pub key: Vec<String>,
    /// Columns of the example rows.
    pub columns: Vec<String>,
    /// What was allowed for: tolerances, columns that only one side has.
    pub notes: Vec<String>,
    /// Partitions marked as dirty in the ledger.
    pub marked: u64,
    /// Seconds it took.
    pub seconds: f64,
}
