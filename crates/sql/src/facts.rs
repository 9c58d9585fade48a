//! The answer of the analysis, as plain data.

use serde::Serialize;

use crate::Dialect;

/// A step of an interval partitioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IntervalUnit {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl IntervalUnit {
    /// The word in `date_trunc`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// How the result is cut into partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Partitioning {
    /// By a step of time on an output column.
    Interval {
        /// Output column.
        column: String,
        /// Step.
        unit: IntervalUnit,
    },
    /// By the values of output columns.
    Key {
        /// Output columns.
        columns: Vec<String>,
    },
    /// One partition: the whole result.
    Whole,
}

/// A column and the engine's name of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnType {
    /// Name.
    pub name: String,
    /// Type, as the engine writes it.
    pub data_type: String,
}

/// What a table name in a query stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableInfo {
    /// Rows of its own, with these columns.
    Table {
        /// Columns in order.
        columns: Vec<ColumnType>,
    },
    /// A view of this project, to be looked through.
    View {
        /// Its compiled query.
        sql: String,
        /// The word for it in messages.
        label: String,
    },
}

/// What calling a function means for a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// The same answer for the same arguments.
    Scalar,
    /// One answer for many rows.
    Aggregate,
    /// Reads the clock or the session: the same within a query, another in the next.
    Clock,
    /// Another answer at every call.
    Volatile,
    /// A macro of the database, whose body we do not read.
    Macro,
    /// Several rows of one.
    Rows,
}

/// Where names in queries lead.
pub trait Catalog {
    /// What a name of one to three parts stands for; none when nobody knows.
    fn table(&self, parts: &[String]) -> Option<TableInfo>;

    /// Sets of columns of a table or a view of which somebody declared that no two rows agree in all of them.
    fn unique_keys(&self, _parts: &[String]) -> Vec<Vec<String>> {
        Vec::new()
    }

    /// Columns of a table or a view of which somebody declared that they are never NULL.
    fn never_null(&self, _parts: &[String]) -> Vec<String> {
        Vec::new()
    }

    /// The columns of a query, with the engine's names of their types; none when the engine cannot be asked or does not understand.
    fn describe(&self, _query: &str) -> Option<Vec<ColumnType>> {
        None
    }

    /// What a function is, by its name in lower case; none when nobody knows.
    fn function(&self, name: &str) -> Option<FunctionKind> {
        Some(self.dialect().builtin(name))
    }

    /// Whether it is certain that an order ascends that does not say.
    fn ascends(&self) -> bool {
        true
    }

    /// Whose SQL it is.
    fn dialect(&self) -> Dialect;
}

/// A question to [`crate::analyse`].
pub struct Request<'a> {
    /// The compiled query, views and all.
    pub sql: &'a str,
    /// The tables it may name.
    pub catalog: &'a dyn Catalog,
    /// The result's columns, as the engine describes them.
    pub output: &'a [ColumnType],
    /// How the result is cut.
    pub partitioning: &'a Partitioning,
}

/// A place in the compiled text of the model, or of a view that was looked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The view's label; none for the model's own text.
    pub view: Option<String>,
    /// First byte in that text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Something the analysis has to say, with its place and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule, in a word (`global-window`, `random`, `unparsed`).
    pub rule: &'static str,
    /// What was found and what follows from it.
    pub message: String,
    /// The rewrite that would help; may be empty.
    pub help: String,
    /// Where; none when the text could not be read.
    pub place: Option<Place>,
}

/// One mention of a physical table, after views are expanded and common table expressions are followed: an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// The table as the query names it, one to three parts, unquoted.
    pub table: Vec<String>,
    /// The alias it goes by.
    pub alias: String,
    /// The views on the way to it, outermost first.
    pub through: Vec<String>,
    /// What it is to the result, in words: `drives the day (created_at)`, `joined on customer_id`.
    pub role: String,
    /// Where.
    pub place: Option<Place>,
}

/// How the rows of a table are grouped to find what changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum Group {
    /// By interval of an expression over the table's columns. Group ids are interval starts, `TIMESTAMP`, or NULL.
    Interval {
        /// The expression, in SQL, not yet truncated.
        expression: String,
        /// Its column, when the expression is one.
        column: Option<String>,
        /// Step.
        unit: IntervalUnit,
    },
    /// By key. Group ids are key hashes, `UBIGINT`.
    Key {
        /// Expressions over the table's columns, in SQL.
        expressions: Vec<String>,
    },
    /// By values that are kept beside the group's id, as a list of texts, so that something else than equality can be asked of those that
    /// changed: a condition with `between`, a series between two of them. Group ids are key hashes.
    Values {
        /// Expressions over the table's columns, in SQL.
        expressions: Vec<String>,
    },
    /// All rows together: only whether anything changed.
    Whole,
}

/// Rows that are looked at in place of a table's own: what a part of the query computes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Rows {
    /// The query.
    pub sql: String,
    /// The tables it reads, as the query names them.
    pub tables: Vec<Vec<String>>,
}

/// What to fingerprint in a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Probe {
    /// The table as the query names it, one to three parts, unquoted. Of several, the first.
    pub table: Vec<String>,
    /// What to look at instead of the table's own rows; everything below is then about the columns of these.
    pub rows: Option<Rows>,
    /// Columns the query uses, unquoted, in the table's order. A change elsewhere cannot matter. Empty: only the number of rows matters.
    pub columns: Vec<String>,
    /// A filter over the table's columns, in SQL, that every row the query uses must pass.
    pub filter: Option<String>,
    /// Whether the filter reads the clock: other rows pass it tomorrow though nobody touched the table.
    pub moving: bool,
    /// How.
    pub group: Group,
}

/// One translation of a set of group ids into another, through the new state of the tables between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// A query with one column `p`, and `v` where values are kept with it. `{changed}` stands for the table `(p, v)` that holds the set
    /// before, `{kept_N}` for the one that terms with [`Effect::Kept`] have filled.
    pub sql: String,
    /// The columns by which the two sets are tied, for messages: `customer_id`.
    pub reason: String,
}

/// What a non-empty set at the end of a term's steps means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Effect {
    /// The set holds dirty partitions of the result: interval starts in interval mode, key hashes in key mode.
    Partitions,
    /// Every partition is dirty, and why.
    All(Finding),
    /// The set is added to the one of this number, for steps of later terms to read: two sides of a join that changed at once.
    Kept(usize),
}

/// How changes of one occurrence become dirty partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Term {
    /// Index into [`Analysis::occurrences`].
    pub occurrence: usize,
    /// What to ask the table.
    pub probe: Probe,
    /// How to carry the answer to the result, in order.
    pub steps: Vec<Step>,
    /// What comes of it.
    pub effect: Effect,
}

/// Which rows of a scan the dirty partitions may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Reach {
    /// Rows whose expression lies in a dirty interval, or near one (interval mode only).
    Interval {
        /// The expression over the table's columns, in SQL, not yet truncated.
        expression: String,
        /// So many intervals before a dirty one count, too.
        back: u32,
        /// So many intervals after a dirty one count, too.
        ahead: u32,
    },
    /// Rows whose key is dirty (key mode only): `key_hash(expressions)` is in the dirty set.
    Key {
        /// Expressions over the table's columns, in SQL.
        expressions: Vec<String>,
    },
    /// Rows whose key is among those that a driver found.
    Driven {
        /// Expressions over the table's columns, in SQL: `key_hash(expressions)` is in the driver's set.
        expressions: Vec<String>,
        /// Index into [`Slice::drivers`].
        driver: usize,
    },
    /// Every row, when one certain partition is dirty: that of rows without a partner, to tell which there are.
    Whenever {
        /// The partition, as SQL without columns.
        partition: String,
        /// Index into [`Slice::drivers`] when these keys are meant and not the dirty partitions.
        driver: Option<usize>,
    },
}

/// A part of a query's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// A scan: the table's name stands here, to be replaced by `(select * from NAME where ...)`.
    Scan {
        /// The name, in SQL.
        table: String,
        /// Any of these lets a row through; none at all reads the whole table.
        reach: Option<Vec<Reach>>,
        /// Alias to add, in SQL, where the user wrote none and one is needed.
        alias: Option<String>,
    },
}

/// The query, ready to be run for the dirty partitions only. Without any filter it is the full rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// Queries with one column `p` of key hashes, each to be stored before it is used, in order.
    pub drivers: Vec<Vec<Piece>>,
    /// The query itself. The caller adds the filter on the result's own partitions around it.
    pub pieces: Vec<Piece>,
}

/// What the analysis found out about a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Analysis {
    /// Inputs, in order of appearance. Empty with `unread` set when the text could not be read.
    pub occurrences: Vec<Occurrence>,
    /// At least one per occurrence.
    pub terms: Vec<Term>,
    /// The query with its scans wrapped; none when it must run as it is.
    pub slice: Option<Slice>,
    /// Why no rebuild of this query could ever be compared with another: random numbers, ties that nobody broke. Not empty: refuse to build.
    pub refusals: Vec<Finding>,
    /// The query's answer changes without any input changing (it reads the clock, or could not be read at all): rebuild whole, every run.
    pub unstable: Vec<Finding>,
    /// Things worth knowing, none of them a reason to build less or more: `hw explain` says them, runs do not.
    pub notes: Vec<Finding>,
    /// The meaning-preserving form: comments, layout and the case of keywords do not show in it. Views are expanded.
    pub canonical: String,
}
