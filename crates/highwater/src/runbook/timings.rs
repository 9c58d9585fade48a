//! What the ledger says of past builds and comparisons. Rounded: the page is read, not calculated with.

use crate::engine::{Cell, Connection, EngineError, Relation, quote_literal};
use crate::exact::ledger;

/// What past runs of a model took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timings {
    /// The last build of everything: seconds, and the day it was.
    pub whole: Option<String>,
    /// The last build of some partitions.
    pub incremental: Option<String>,
    /// The last backfill that was published.
    pub backfill: Option<String>,
    /// The last comparison with a rebuild.
    pub verified: Option<String>,
}

/// Reads what the ledger knows of a table; nothing where there is no ledger.
///
/// # Errors
/// When the ledger cannot be read.
pub fn timings(connection: &mut dyn Connection, relation: &Relation) -> Result<Timings, EngineError> {
    let (schema, model) = (ledger::schema(relation), quote_literal(&ledger::id(relation)));
    let mut known = Timings::default();
    if ledger::is_there(connection, relation, &["runs"])? {
        let mut last = |what: &str| {
            connection.query(&format!(
                "select build_seconds, detect_seconds, dirty, cast(cast(finished_at as date) as varchar) from {schema}.runs \
                 where model = {model} and what in ({what}) and build_seconds is not null order by finished_at desc limit 1"
            ))
        };
        let whole = last("'new', 'whole'")?;
        let some = last("'incremental'")?;
        let took = |row: &[Cell]| about(number(&row[0]) + number(&row[1]));
        known.whole = whole.rows.first().map(|row| format!("{} ({})", took(row), row[3]));
        known.incremental = some.rows.first().map(|row| format!("{} of {} partitions ({})", took(row), row[2], row[3]));
    }
    if ledger::is_there(connection, relation, &["backfills", "backfill_models", "backfill_partitions"])? {
        let last = connection.query(&format!(
            "select b.backfill, b.record, cast(cast(b.changed_at as date) as varchar), (select count(*) from {schema}.backfill_partitions as p \
             where p.backfill = b.backfill and p.model = {model}) from {schema}.backfills as b join {schema}.backfill_models as m on m.backfill = b.backfill \
             where m.model = {model} and b.state = 'published' order by b.changed_at desc, b.backfill limit 1"
        ))?;
        known.backfill = last.rows.first().map(|row| {
            let steps: serde_json::Value = serde_json::from_str(&row[1].to_string()).unwrap_or_default();
            let took = steps.as_array().into_iter().flatten().rev().find_map(|step| step.get("seconds")?.as_f64());
            let took = took.map(|seconds| format!(" in {}", about(seconds))).unwrap_or_default();
            format!("{} partitions{took}, {} ({})", row[3], row[0], row[2])
        });
    }
    if ledger::is_there(connection, relation, &["verdicts"])? {
        let verdict = connection.query(&format!(
            "select outcome, scope, differing, seconds, cast(cast(verified_at as date) as varchar) from {schema}.verdicts \
             where model = {model} order by verified_at desc limit 1"
        ))?;
        known.verified = verdict.rows.first().map(|row| {
            let outcome = match row[0].to_string().as_str() {
                "equal" => "equal".to_owned(),
                "differs" => format!("{} partitions differ", row[2]),
                _ => "not compared".to_owned(),
            };
            format!("{outcome}, of {}, in {} ({})", row[1], about(number(&row[3])), row[4])
        });
    }
    Ok(known)
}

fn number(cell: &Cell) -> f64 {
    cell.to_string().parse().unwrap_or(0.0)
}

/// Seconds as people say them, to two digits at most.
fn about(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => "under 1 s".to_owned(),
        seconds if seconds < 100.0 => format!("{seconds:.0} s"),
        seconds if seconds < 6000.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.0} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn times_are_rounded() {
        assert_eq!([0.2, 12.4, 130.0, 9000.0].map(about), ["under 1 s", "12 s", "2 min", "2 h"]);
    }
}
