//! Severity and thresholds of a data test: what a number of failing rows means, as dbt has it.

use serde::Serialize;

use crate::engine::{Cell, Table};
use crate::manifest::Config;

/// What a test's answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Opinion {
    /// It found nothing.
    Pass,
    /// It found something, and is configured to warn.
    Warn,
    /// It found too much.
    Fail,
}

/// A test's answer, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub opinion: Opinion,
    /// Failing rows; 0 when it passed.
    pub failures: u64,
    /// `Got 2 results, configured to fail if != 0`.
    pub message: Option<String>,
}

/// `severity`, `warn_if`, `error_if`, `fail_calc`, `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thresholds {
    severe: bool,
    warn_if: String,
    error_if: String,
    count: String,
    limit: Option<String>,
}

impl Thresholds {
    /// As configured.
    pub fn of(config: &Config) -> Self {
        let text = |key: &str, otherwise: &str| config.text(key).unwrap_or(otherwise).to_owned();
        Self {
            severe: !config.text("severity").is_some_and(|severity| severity.eq_ignore_ascii_case("warn")),
            warn_if: text("warn_if", "!= 0"),
            error_if: text("error_if", "!= 0"),
            count: text("fail_calc", "count(*)"),
            limit: config.get("limit").map(ToString::to_string),
        }
    }

    /// Whether it passes when no row fails.
    pub fn are_plain(&self) -> bool {
        [&self.warn_if, &self.error_if].iter().all(|condition| *condition == "!= 0") && self.count == "count(*)"
    }

    /// The failing rows, as many as are asked for.
    pub fn limited(&self, rows: &str) -> String {
        let rows = rows.trim().trim_end_matches(';');
        match &self.limit {
            Some(limit) => format!("{rows}\nlimit {limit}"),
            None => rows.to_owned(),
        }
    }

    /// The query around a test's own: how many rows fail, and whether that is too many.
    pub fn question(&self, rows: &str) -> String {
        let Self { count, warn_if, error_if, .. } = self;
        format!(
            "select\n  {count} as failures,\n  {count} {warn_if} as should_warn,\n  {count} {error_if} as should_error\nfrom (\n{rows}\n) dbt_internal_test"
        )
    }

    /// What the answer means.
    pub fn judge(&self, answer: &Table) -> Judgement {
        let cell = |index: usize| answer.rows.first().and_then(|row| row.get(index));
        let failures = cell(0).and_then(|cell| match cell {
            Cell::Float(value) => Some(*value as i128),
            other => other.as_integer(),
        });
        let failures = failures.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        let is_true = |index: usize| cell(index).is_some_and(|cell| *cell == Cell::Boolean(true));
        self.verdict(failures, is_true(1), is_true(2))
    }

    /// dbt's verdict: an error counts only with severity error, and a warning is what remains.
    fn verdict(&self, failures: u64, should_warn: bool, should_error: bool) -> Judgement {
        let results = if failures == 1 { "1 result".to_owned() } else { format!("{failures} results") };
        if self.severe && should_error {
            let message = format!("Got {results}, configured to fail if {}", self.error_if);
            Judgement { opinion: Opinion::Fail, failures, message: Some(message) }
        } else if should_warn {
            let message = format!("Got {results}, configured to warn if {}", self.warn_if);
            Judgement { opinion: Opinion::Warn, failures, message: Some(message) }
        } else {
            Judgement { opinion: Opinion::Pass, failures: 0, message: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(config: serde_json::Value, failures: u64, should_warn: bool, should_error: bool) -> String {
        let config = Config::from(serde_json::from_value::<indexmap::IndexMap<_, _>>(config).expect("a map"));
        let judgement = Thresholds::of(&config).verdict(failures, should_warn, should_error);
        format!("{:?} {} {}", judgement.opinion, judgement.failures, judgement.message.unwrap_or_default())
    }

    #[test]
    fn severity_and_thresholds() {
        let plain = json!({});
        assert_eq!(verdict(plain.clone(), 2, true, true), "Fail 2 Got 2 results, configured to fail if != 0");
        assert_eq!(verdict(plain, 0, false, false), "Pass 0 ");
        assert_eq!(
            verdict(json!({"severity": "WARN"}), 1, true, true),
            "Warn 1 Got 1 result, configured to warn if != 0"
        );
        let thresholds = json!({"error_if": ">10", "warn_if": ">1"});
        assert_eq!(verdict(thresholds, 5, true, false), "Warn 5 Got 5 results, configured to warn if >1");
    }
}
