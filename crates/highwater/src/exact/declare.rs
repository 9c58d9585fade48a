//! Declared detectors: what `meta.highwater` of a source, a seed or a model says about how changes in its table may be found.
//!
//! ```yaml
//! meta:
//!   highwater:
//!     detect: row_version      # fingerprint (default), row_version, append_only
//!     version: change_number   # the column that says how new a row is; without it: loaded_at_field
//!     commit_order: true       # needed when that is a moment, or PostgreSQL's number: none is given out earlier and committed later
//!     deletes: none            # row_version: rows never vanish or change their day or key; else `audited`
//!     audit: 7                 # days within which every part of the table is looked at once whatever the versions say; 0: never
//! ```
//!
//! A detector other than the fingerprint relies on a promise of those who write the table. The promise is part of the declaration, `hw explain`
//! prints it, and the audit finds it broken. On PostgreSQL a column of type `xid8` needs no promise about the order: `pg_current_xact_id()` fills it,
//! and snapshots tell which transactions had committed.

use highwater_sql::Dialect;
use serde::Serialize;
use serde_json::Value;

use crate::engine::Column;
use crate::manifest::Config;

/// Days within which an audit gets around, when nothing is said.
const AUDIT_DAYS: u32 = 7;

/// How changes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detect {
    /// By what the rows hold.
    Fingerprint,
    /// By the versions of rows: every write gives a row a new one.
    RowVersion,
    /// By the versions of rows: they are written once.
    AppendOnly,
}

impl Detect {
    /// The word in configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fingerprint => "fingerprint",
            Self::RowVersion => "row_version",
            Self::AppendOnly => "append_only",
        }
    }
}

/// What is declared of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// How changes are found.
    pub detect: Detect,
    /// The column of versions; empty for fingerprints.
    pub version: String,
    /// Whether what is in it rises in the order of commits, by promise.
    pub commit_order: bool,
    /// Whether it holds the ids of the transactions that wrote the rows: known when its type is.
    pub by_transaction: bool,
    /// Whether rows never vanish, nor change their day or key.
    pub no_deletes: bool,
    /// Days within which an audit gets around; none: there is none.
    pub audit_days: Option<u32>,
}

/// Reads what a configuration declares; none when it declares nothing, or the usual. `loaded_at` is the source's `loaded_at_field`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn declared(config: &Config, loaded_at: Option<&str>) -> Result<Option<Declared>, String> {
    let Some(detect) = config.highwater("detect") else { return Ok(None) };
    let detect = match detect.as_str() {
        Some("fingerprint") => return Ok(None),
        Some("row_version") => Detect::RowVersion,
        Some("append_only") => Detect::AppendOnly,
        Some("snapshot") => {
            return Err(
                "detect: snapshot needs a table format with snapshots, and none of the engines has one here".to_owned()
            );
        }
        _ => return Err(format!("detect: {detect} is none of fingerprint, row_version, append_only")),
    };
    let version = config.highwater("version").and_then(Value::as_str).or(loaded_at);
    let Some(version) = version else {
        return Err(format!("detect: {} needs `version`, the column that says how new a row is", detect.word()));
    };
    let no_deletes = match config.highwater("deletes").map(|value| value.as_str()) {
        None | Some(Some("audited")) => false,
        Some(Some("none")) => true,
        _ => return Err("deletes is neither none nor audited".to_owned()),
    };
    let audit_days = match config.highwater("audit") {
        None => Some(AUDIT_DAYS),
        Some(value) => match value.as_u64().and_then(|days| u32::try_from(days).ok()) {
            Some(0) => None,
            Some(days) => Some(days),
            None => return Err(format!("audit: {value} is no number of days")),
        },
    };
    if detect == Detect::RowVersion && !no_deletes && audit_days.is_none() {
        return Err(
            "without an audit nobody would see deleted rows: give `audit` a number of days, or promise `deletes: none`"
                .to_owned(),
        );
    }
    let commit_order = config.highwater("commit_order").and_then(Value::as_bool).unwrap_or(false);
    let version = version.to_owned();
    Ok(Some(Declared { detect, version, commit_order, by_transaction: false, no_deletes, audit_days }))
}

impl Declared {
    /// Whether the column of versions can do what is asked of it; and what it is.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn settle(&mut self, columns: &[Column], dialect: Dialect) -> Result<(), String> {
        let name = &self.version;
        let Some(column) = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)) else {
            return Err(format!("it has no column {name}"));
        };
        let data_type = column.data_type.to_uppercase();
        self.by_transaction = data_type == "XID8";
        if self.by_transaction {
            return Ok(());
        }
        let whole = ["INT", "SERIAL"].iter().any(|part| data_type.contains(part)) && !data_type.contains("INTERVAL");
        let moment = data_type.starts_with("TIMESTAMP") || data_type == "DATE";
        match (whole, moment) {
            (false, false) => Err(format!("{name} is {data_type}, which is neither a whole number nor a moment")),
            _ if self.commit_order => Ok(()),
            (_, true) => Err(format!(
                "{name} is {data_type}, a moment: a row can be stamped early and committed late, and nobody who looks beyond the newest stamp would ever see it"
            )),
            _ if dialect == Dialect::Postgres => Err(format!(
                "{name} is {data_type}: a number can be drawn early, from a sequence, and committed late, and nobody who looks beyond the newest would ever see its row"
            )),
            _ => Ok(()),
        }
    }

    /// What the detector relies on, in words. `part` is what the table is looked at by: `day`, `customer_id`.
    pub(crate) fn contract(&self, part: &str) -> String {
        let name = &self.version;
        if self.by_transaction {
            return self.transactions(part);
        }
        let order =
            if self.commit_order { format!(", and {name} rises in the order of commits") } else { String::new() };
        let audit = |what: &str| self.audit(what, part);
        match self.detect {
            Detect::Fingerprint => "no promise needed".to_owned(),
            Detect::RowVersion if self.no_deletes => format!(
                "promised: every write gives the row a {name} not below any committed before{order}; no row is deleted or changes its {part}{}",
                audit("a broken promise is")
            ),
            Detect::RowVersion => format!(
                "promised: every write gives the row a {name} not below any committed before{order}{}",
                audit("rows that were deleted or changed their part are")
            ),
            Detect::AppendOnly => format!(
                "promised: rows are written once, with a {name} not below any committed before{order}; deleted rows show in the row count{}",
                audit("updated rows are")
            ),
        }
    }

    /// What transactions as versions rely on.
    fn transactions(&self, part: &str) -> String {
        let name = &self.version;
        let (promise, found) = match self.detect {
            Detect::AppendOnly => (
                format!(
                    "rows are written once, with the id of their transaction in {name}; deleted rows show in the row count"
                ),
                "updated rows are",
            ),
            _ if self.no_deletes => (
                format!(
                    "every write puts the id of its transaction into {name}; no row is deleted or changes its {part}"
                ),
                "a broken promise is",
            ),
            _ => (
                format!("every write puts the id of its transaction into {name}"),
                "rows that were deleted or changed their part are",
            ),
        };
        format!("promised: {promise}{}", self.audit(found, part))
    }

    fn audit(&self, what: &str, part: &str) -> String {
        match self.audit_days {
            Some(1) => format!("; {what} found by an audit of every {part} within 1 day"),
            Some(days) => format!("; {what} found by an audit of every {part} within {days} days"),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::declared;
    use crate::manifest::Config;

    fn read(text: &str) -> String {
        let meta: serde_json::Value = serde_json::from_str(text).expect("json");
        let mut config = Config::default();
        config.set("meta", serde_json::json!({ "highwater": meta }));
        match declared(&config, Some("loaded_at")) {
            Ok(Some(declared)) => declared.contract("day"),
            Ok(None) => "fingerprint".to_owned(),
            Err(problem) => format!("refused: {problem}"),
        }
    }

    #[test]
    fn declarations() {
        let texts = [
            "{}",
            r#"{"detect": "fingerprint"}"#,
            r#"{"detect": "row_version", "version": "seq"}"#,
            r#"{"detect": "row_version", "version": "seq", "deletes": "none", "audit": 0}"#,
            r#"{"detect": "append_only", "commit_order": true, "audit": 1}"#,
            r#"{"detect": "row_version", "audit": 0}"#,
            r#"{"detect": "row_version", "deletes": "some"}"#,
            r#"{"detect": "watermark"}"#,
            r#"{"detect": "append_only", "audit": "weekly"}"#,
        ];
        let lines: Vec<String> = texts.iter().map(|text| read(text)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        fingerprint
        fingerprint
        promised: every write gives the row a seq not below any committed before; rows that were deleted or changed their part are found by an audit of every day within 7 days
        promised: every write gives the row a seq not below any committed before; no row is deleted or changes its day
        promised: rows are written once, with a loaded_at not below any committed before, and loaded_at rises in the order of commits; deleted rows show in the row count; updated rows are found by an audit of every day within 1 day
        refused: without an audit nobody would see deleted rows: give `audit` a number of days, or promise `deletes: none`
        refused: deletes is neither none nor audited
        refused: detect: "watermark" is none of fingerprint, row_version, append_only
        refused: audit: "weekly" is no number of days
        "#);
    }
}
