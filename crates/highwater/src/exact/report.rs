//! What the exact strategy answers: what a run did, what it would do, and how a model is treated. Plain data, for every front.

use highwater_sql::Finding;
use serde::Serialize;

use super::hold::HeldPartition;
use crate::audit::Audited;

/// How many partitions a report lists; counts are always complete.
pub const LISTED: usize = 50;

/// How a table is cut, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Cut {
    /// By a step of time.
    Interval {
        /// Output column.
        column: String,
        /// `hour`, `day`, `month`, `year`.
        unit: &'static str,
    },
    /// By key.
    Key {
        /// Output columns.
        columns: Vec<String>,
    },
    /// Not at all.
    Whole,
}

impl Cut {
    /// The word for some of its partitions: `1 day`, `4 days`, `212 keys`, `the table`.
    pub fn count(&self, number: u64) -> String {
        let word = match self {
            Self::Interval { unit, .. } => unit,
            Self::Key { .. } => "key",
            Self::Whole => return "the table".to_owned(),
        };
        if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
    }
}

/// What a run did with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Built for the first time.
    New,
    /// Only dirty partitions were built.
    Incremental,
    /// Everything was built.
    Whole,
    /// No input changed: nothing was built, and nothing written anywhere.
    Unchanged,
}

/// A partition that may differ from a rebuild, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirtyPartition {
    /// `2026-11-02`, `2026-11-02 10:00`, `2026-11`, `NULL`, or a key as `17` or `17, north`.
    pub label: String,
    /// Each names a table and, where known, a count.
    pub reasons: Vec<String>,
}

/// What a run did to one exact model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SwapReport {
    /// The model.
    pub unique_id: String,
    /// How its table is cut.
    pub cut: Cut,
    /// How it was built.
    pub mode: Mode,
    /// Whether any row of the table changed.
    pub changed: bool,
    /// The first dirty partitions, in order.
    pub dirty: Vec<DirtyPartition>,
    /// All dirty partitions; for a whole build, all partitions.
    pub dirty_count: u64,
    /// Partitions whose content was replaced.
    pub replaced_count: u64,
    /// Partitions that were built and came out unchanged.
    pub unchanged_count: u64,
    /// Partitions that were built and held back, because their rows fail a test: the table has their old rows, and the next run builds
    /// them again.
    pub held_count: u64,
    /// The first of them.
    pub held: Vec<HeldPartition>,
    /// What the model's tests said of its staged rows, where they are asked before anything is published.
    pub audits: Vec<Audited>,
    /// Partitions with rows, after the run.
    pub partition_count: u64,
    /// Rows deleted.
    pub rows_deleted: u64,
    /// Rows inserted.
    pub rows_inserted: u64,
    /// Rows in the table, after the run.
    pub rows_total: u64,
    /// Why everything was built.
    pub whole: Option<String>,
    /// What became of the columns, when they changed.
    pub schema_change: Option<String>,
    /// Whether the table was made anew, so that comments on it are gone.
    pub recreated: bool,
    /// Rows without event time; they are kept, in the partition NULL.
    pub excluded_null_rows: u64,
    /// Rows of intervals that begin before `begin`; they are kept, as a rebuild keeps them.
    pub early_rows: u64,
    /// Rows of intervals that begin after the run; they are kept, too.
    pub future_rows: u64,
    /// The latest interval with rows, as its label.
    pub latest: Option<String>,
    /// What the analysis had to say: why partitions had to be widened, ties.
    pub findings: Vec<Finding>,
    /// Seconds that finding the changes took.
    pub detect_seconds: f64,
    /// Seconds that building the dirty partitions was foreseen to take, by what it took before; with three samples.
    pub foreseen_seconds: Option<f64>,
    /// Seconds that building everything takes, by what it took before.
    pub rebuild_seconds: Option<f64>,
    /// Seconds in all.
    pub seconds: f64,
    /// What the run did to its partials before, if it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partials: Option<Box<SwapReport>>,
}

/// What a run would do with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanState {
    /// It has no table, or none of ours: it would be built.
    New,
    /// Some partitions would be built.
    Dirty,
    /// Everything would be built.
    Whole,
    /// Nothing would happen.
    Unchanged,
    /// It reads tables that this run rebuilds first, so that nobody can say yet.
    Waits,
    /// It would be refused.
    Refused,
}

/// A partition a run would build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedPartition {
    /// As in [`DirtyPartition::label`].
    pub label: String,
    /// Whether the table has no rows there yet.
    pub new: bool,
    /// Each names a table and, where known, a count.
    pub reasons: Vec<String>,
}

/// How many dirty partitions a table is the cause of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanCause {
    /// The table's label.
    pub table: String,
    /// In words: `from fct_orders`, `1 changed in raw_customers`.
    pub reason: String,
    /// Partitions it dirties.
    pub partitions: u64,
}

/// What a run would do with one exact model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelPlan {
    /// The model.
    pub unique_id: String,
    /// The word for it.
    pub label: String,
    /// How its table is cut.
    pub cut: Cut,
    /// What would happen.
    pub state: PlanState,
    /// The first dirty partitions, in order.
    pub partitions: Vec<PlannedPartition>,
    /// All dirty partitions.
    pub dirty_count: u64,
    /// Those of them without rows yet.
    pub new_count: u64,
    /// Partitions with rows now.
    pub partition_count: u64,
    /// Rows now in the partitions that would be built.
    pub rows_dirty: u64,
    /// Rows now in the table.
    pub rows_total: u64,
    /// Rows of the inputs that would be read, about.
    pub rows_read: u64,
    /// Rows that a build of everything reads.
    pub rows_rebuild: u64,
    /// Bytes that would be read, in the columns used, about.
    pub bytes_read: u64,
    /// Bytes that a build of everything reads.
    pub bytes_rebuild: u64,
    /// Milliseconds that building would take, by what it took before.
    pub milliseconds: Option<u64>,
    /// Milliseconds that a build of everything takes.
    pub milliseconds_rebuild: Option<u64>,
    /// The tables behind the dirty partitions.
    pub causes: Vec<PlanCause>,
    /// Why everything would be built.
    pub whole: Option<String>,
    /// Tables that this run rebuilds first and that are looked at when that is done.
    pub waits_for: Vec<String>,
    /// Whether a parent's work was foreseen, so that the partitions may come out fewer or, rarely, other.
    pub estimate: bool,
    /// Rows without event time; they are kept, in the partition NULL.
    pub null_rows: u64,
    /// Rows of intervals that begin before `begin`; they are kept, as a rebuild keeps them.
    pub early_rows: u64,
    /// Rows of intervals that begin after now; they are kept, too.
    pub future_rows: u64,
    /// What the analysis had to say.
    pub findings: Vec<Finding>,
    /// Why nothing can be said about it.
    pub problem: Option<String>,
    /// A hash over the complete dirty set, listed or not.
    pub content: String,
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Hash of the plan's content: the same data and models give the same hash.
    pub hash: String,
    /// Exact models, parents first.
    pub models: Vec<ModelPlan>,
    /// Models with work.
    pub with_work: u64,
    /// Partitions that would be built.
    pub dirty_count: u64,
    /// Partitions there are.
    pub partition_count: u64,
    /// Rows now in the partitions that would be built.
    pub rows_dirty: u64,
    /// Rows there are.
    pub rows_total: u64,
}

/// How exactly a model can be kept, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Class {
    /// Every change dirties only intervals.
    #[serde(rename = "EXACT-INTERVAL")]
    ExactInterval,
    /// Every change dirties only keys.
    #[serde(rename = "EXACT-KEY")]
    ExactKey,
    /// Some changes dirty everything.
    #[serde(rename = "EXACT-WIDENED")]
    ExactWidened,
    /// Every change dirties everything.
    #[serde(rename = "FULL")]
    Full,
    /// Two rebuilds may differ: it is not built.
    #[serde(rename = "REFUSED")]
    Refused,
}

impl Class {
    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::ExactInterval => "EXACT-INTERVAL",
            Self::ExactKey => "EXACT-KEY",
            Self::ExactWidened => "EXACT-WIDENED",
            Self::Full => "FULL",
            Self::Refused => "REFUSED",
        }
    }
}

/// One input of a model: a table at one place of its query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedInput {
    /// The table's label.
    pub label: String,
    /// The alias it goes by in the query.
    pub alias: String,
    /// The views on the way to it, outermost first.
    pub through: Vec<String>,
    /// What it is to the result.
    pub role: String,
    /// How changes in it are found: `fingerprint of 5 columns by day`, `swap feed of fct_orders`.
    pub detector: String,
    /// What that relies on: `no promise needed`.
    pub contract: String,
    /// What a change in it dirties, in words.
    pub dirties: Vec<String>,
    /// Where it stands.
    pub place: Option<highwater_sql::Place>,
}

/// How a model is treated, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The model.
    pub unique_id: String,
    /// The word for it.
    pub label: String,
    /// The class.
    pub class: Class,
    /// How its table is cut.
    pub cut: Cut,
    /// After the class: `rebuilt by day of created_at, only the days that changed`.
    pub statement: String,
    /// Inputs, in order of appearance.
    pub inputs: Vec<ExplainedInput>,
    /// Why it is refused, widened or rebuilt whole, with places.
    pub findings: Vec<Finding>,
    /// Things worth knowing.
    pub notes: Vec<Finding>,
    /// The grain: `one row per order_id (declared unique_key)`.
    pub grain: Option<String>,
    /// Rows in the table now, if there is one.
    pub rows: Option<u64>,
    /// The compiled query: the text that places without a view point into.
    pub sql: String,
    /// The views' compiled texts by label: what places with a view point into.
    pub views: indexmap::IndexMap<String, String>,
}
