//! Audit before publish: a table's data tests, run on rows that nobody can see yet.
//!
//! Staged rows wait in a table of their own. The tests' compiled SQL is given those rows where it names the table: the rows alone
//! where a test looks at one row at a time, and the table as it would be, staged partitions in the place of the live ones, where it
//! looks at more. What fails is told with the partitions it is in, wherever the failing rows say so.
//!
//! | file | what |
//! | --- | --- |
//! | `guards.rs` | which tests guard a node, compiled |
//! | `stand_in.rs` | a test's SQL, over other rows than the table's |
//! | `judge.rs` | severity and thresholds: what a number of failing rows means |
//! | `attribute.rs` | which partitions the failing rows are in |
//!
//! A model asks for it with `meta.highwater.audits: before`. `exact/hold.rs` holds back what fails of an exact model; `run/audits.rs` is the seam to a run.

mod attribute;
mod guards;
mod judge;
mod stand_in;

pub use guards::AuditTest;
pub(crate) use guards::{guard, guards, others};
pub use judge::Opinion;
pub(crate) use judge::{Judgement, Thresholds};

use serde::Serialize;

use crate::engine::{Connection, EngineError, Relation};

/// Rows that wait for their tests, as queries.
pub(crate) struct Staged<'a> {
    /// The table that tests name.
    pub relation: &'a Relation,
    /// The staged rows alone.
    pub rows: String,
    /// The table as it would be.
    pub whole: String,
    /// The partition of a row, when the table has partitions: an expression over `columns`.
    pub partition: Option<String>,
    /// The columns that tell a row's partition.
    pub columns: Vec<String>,
}

/// What a test said of staged rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// `test.package.name.hash`.
    pub unique_id: String,
    /// The test's name.
    pub name: String,
    /// What that means.
    pub opinion: Opinion,
    /// Failing rows, as the test counts them.
    pub failures: u64,
    /// In dbt's words: `Got 2 results, configured to fail if != 0`.
    pub message: Option<String>,
    /// A query for the partitions `p` of the failing rows; none when they do not say, or there are none.
    #[serde(skip)]
    pub(crate) partitions: Option<String>,
}

impl Audited {
    /// Whether rows may not be published because of it.
    pub fn failed(&self) -> bool {
        self.opinion == Opinion::Fail
    }
}

/// Why a test could not be asked about staged rows.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// Its SQL could not be read, so that nobody knows where it names the table.
    #[error("{test}: its SQL cannot be read by hw, so it cannot be run on rows that are not published yet")]
    Unread {
        /// The test's name.
        test: String,
    },
    /// The engine refused.
    #[error("{test}: {source}")]
    Engine {
        /// The test's name.
        test: String,
        /// What it said.
        source: EngineError,
    },
}

impl AuditError {
    /// What the user sees.
    pub fn diagnostic(&self, model: &str) -> crate::diagnostics::Diagnostic {
        let text = self.to_string();
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let diagnostic =
            crate::diagnostics::Diagnostic::error("HW0516", format!("a test of {model} cannot audit it: {first}"));
        let diagnostic = if rest.trim().is_empty() { diagnostic } else { diagnostic.note(rest.trim_end()) };
        diagnostic
            .note("nothing was published: the table is as it was")
            .help("correct the test, give it `enabled: false`, or set meta.highwater.audits of the model to after")
    }
}

/// A test with a query in the place of another table it names: rows that will stand there, and do not yet.
///
/// # Errors
/// When its SQL cannot be read.
pub(crate) fn over(
    test: &AuditTest,
    relation: &Relation,
    query: &str,
    dialect: highwater_sql::Dialect,
) -> Result<AuditTest, AuditError> {
    let sql = stand_in::stand_in(&test.sql, relation, query, dialect)
        .ok_or_else(|| AuditError::Unread { test: test.name.clone() })?;
    Ok(AuditTest { sql, ..test.clone() })
}

/// Runs tests on staged rows, in the caller's transaction; changes nothing.
///
/// # Errors
/// When a test cannot be read or run. In some engines the transaction is lost then.
pub(crate) fn audit(
    connection: &mut dyn Connection,
    tests: &[AuditTest],
    staged: &Staged<'_>,
) -> Result<Vec<Audited>, AuditError> {
    tests.iter().map(|test| one(connection, test, staged)).collect()
}

fn one(connection: &mut dyn Connection, test: &AuditTest, staged: &Staged<'_>) -> Result<Audited, AuditError> {
    let query = if test.row_by_row { &staged.rows } else { &staged.whole };
    let sql = stand_in::stand_in(&test.sql, staged.relation, query, connection.dialect())
        .ok_or_else(|| AuditError::Unread { test: test.name.clone() })?;
    let failed = |source| AuditError::Engine { test: test.name.clone(), source };
    let answer = connection.query(&test.thresholds.question(&test.thresholds.limited(&sql))).map_err(failed)?;
    let Judgement { opinion, failures, message } = test.thresholds.judge(&answer);
    let partitions = match opinion {
        Opinion::Fail => attribute::partitions(connection, test, &sql, query, staged).map_err(failed)?,
        Opinion::Warn | Opinion::Pass => None,
    };
    Ok(Audited { unique_id: test.unique_id.clone(), name: test.name.clone(), opinion, failures, message, partitions })
}
