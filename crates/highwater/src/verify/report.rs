//! What a comparison with a rebuild found.

use serde::Serialize;

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
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { examples: 5, partitions: 20, tolerance: 1e-9 }
    }
}

/// What the comparison came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Every partition holds what a rebuild holds.
    Equal,
    /// Some do not.
    Differs,
    /// Nothing was compared, and why.
    NotCompared {
        /// Why.
        reason: String,
    },
}

/// Why a partition probably differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The table's content is not what our last swap wrote.
    ChangedByHand,
    /// An input changed since the last run: the next run will mend it.
    SourceChanged,
    /// The logic changed since the last run: the next run will mend it.
    LogicChanged,
    /// The ledger knows nothing of this table.
    NotOurs,
    /// Neither.
    Unknown,
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
                mismatch.cause.sentence()
            ));
        }
        for note in &self.notes {
            diagnostic = diagnostic.note(note.clone());
        }
        Some(diagnostic.help(format!("mend it with: hw run --select {}", self.label)))
    }
}

impl Cause {
    /// In words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ChangedByHand => "changed by hand: no run of ours wrote this",
            Self::SourceChanged => "a source changed since the last run",
            Self::LogicChanged => "the model changed since the last run",
            Self::NotOurs => "the table was not built by the exact strategy",
            Self::Unknown => "the cause is unknown",
        }
    }
}

/// A row that stands on one side only; NULL is none.
pub type ExampleRow = Vec<Option<String>>;

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
    /// The first of the rows that only the table has.
    pub examples_here: Vec<ExampleRow>,
    /// The first of the rows that only a rebuild has.
    pub examples_rebuilt: Vec<ExampleRow>,
    /// Why, probably.
    pub cause: Cause,
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
    /// Rows of the rebuild.
    pub rows: u64,
    /// Differing partitions, in all.
    pub mismatch_count: u64,
    /// The first of them.
    pub mismatches: Vec<Mismatch>,
    /// Columns of the example rows.
    pub columns: Vec<String>,
    /// What was allowed for: tolerances, columns that only one side has.
    pub notes: Vec<String>,
    /// Seconds it took.
    pub seconds: f64,
}
