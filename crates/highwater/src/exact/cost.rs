//! Cost: what a build of some partitions will take, against a build of everything, by what builds took before.
//!
//! Finding out what changed has been paid for by the time this is asked, so only building counts. A partition is taken to cost its share of the last
//! whole builds, and what comes on top of that, once a run, is taken from the last incremental ones:
//!
//! ```text
//! foreseen = overhead + dirty * (rebuild / partitions)     overhead = median of (seconds - dirty * rebuild / partitions), not below 0
//! ```
//!
//! With fewer than three incremental builds, or none of everything, or where a table is so small that times say nothing, the rule of thumb is half
//! of the partitions.

use crate::engine::Cell;

use super::error::ExactError;
use super::job::{Job, number};
use super::ledger;

/// Tables of fewer rows are built in no time either way.
pub(crate) const FEW_ROWS: u64 = 100_000;

/// Incremental builds that must have been timed before their times count.
const SAMPLES: usize = 3;

/// How many builds of each kind are looked at, the newest.
const REMEMBERED: usize = 5;

/// One timed build.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timed {
    /// Dirty partitions.
    pub dirty: f64,
    /// Seconds that building and swapping took.
    pub build: f64,
    /// Seconds that finding the changes took before.
    pub detect: f64,
}

/// What builds of a model took, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct History {
    /// Of some partitions.
    pub incremental: Vec<Timed>,
    /// Of everything.
    pub whole: Vec<Timed>,
}

/// What building would take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Forecast {
    /// Seconds for the dirty partitions.
    pub foreseen: Option<f64>,
    /// Seconds for everything.
    pub rebuild: Option<f64>,
}

/// Reads what builds of the job's model took.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn history(job: &mut Job) -> Result<History, ExactError> {
    let builds = |what: &str| {
        format!(
            "select dirty, build_seconds, detect_seconds from {}.runs where model = {} and what in ({what}) and build_seconds is not null \
             order by finished_at desc limit {REMEMBERED}",
            ledger::schema(&job.model.relation),
            job.id()
        )
    };
    let (incremental, whole) = (builds("'incremental'"), builds("'new', 'whole'"));
    let mut timed = |sql: &str| -> Result<Vec<Timed>, ExactError> {
        let table = job.query(sql)?;
        let timed = |row: &Vec<Cell>| Timed {
            dirty: number(&row[0]) as f64,
            build: seconds(&row[1]),
            detect: seconds(&row[2]),
        };
        Ok(table.rows.iter().map(timed).collect())
    };
    Ok(History { incremental: timed(&incremental)?, whole: timed(&whole)? })
}

fn seconds(cell: &Cell) -> f64 {
    cell.to_string().parse().unwrap_or(0.0)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

impl History {
    /// What building `dirty` of `partitions` would take.
    pub fn forecast(&self, dirty: u64, partitions: u64) -> Forecast {
        let Some(rebuild) = median(self.whole.iter().map(|timed| timed.build).collect()) else {
            return Forecast::default();
        };
        let share = rebuild / (partitions.max(1) as f64);
        let enough = self.incremental.len() >= SAMPLES;
        let overhead =
            median(self.incremental.iter().map(|timed| (timed.build - timed.dirty * share).max(0.0)).collect());
        let foreseen = overhead.filter(|_| enough).map(|overhead| overhead + dirty as f64 * share);
        Forecast { foreseen, rebuild: Some(rebuild) }
    }

    /// Whether each of the last three incremental runs, looking included, took longer than building everything does. `last` is the newest,
    /// which the ledger does not have yet.
    pub fn outdone(&self, last: Timed) -> Option<(f64, f64)> {
        let rebuild = median(self.whole.iter().map(|timed| timed.build).collect())?;
        let runs: Vec<f64> = std::iter::once(&last)
            .chain(&self.incremental)
            .take(SAMPLES)
            .map(|timed| timed.build + timed.detect)
            .collect();
        let all_longer = runs.len() == SAMPLES && runs.iter().all(|seconds| *seconds > rebuild);
        all_longer.then(|| (runs[0], rebuild))
    }
}

/// Seconds, as people read them.
pub(crate) fn spoken(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

#[cfg(test)]
mod tests {
    use super::{History, Timed};

    fn timed(dirty: f64, build: f64) -> Timed {
        Timed { dirty, build, detect: 0.5 }
    }

    #[test]
    fn partitions_cost_their_share_of_a_rebuild_and_every_run_its_overhead() {
        let mut history =
            History { incremental: vec![timed(1.0, 0.6), timed(2.0, 0.7)], whole: vec![timed(100.0, 10.0)] };
        assert_eq!(history.forecast(10, 100).foreseen, None, "two samples are too few");
        history.incremental.push(timed(1.0, 0.5));
        let forecast = history.forecast(10, 100);
        assert!((forecast.foreseen.expect("seconds") - 1.5).abs() < 1e-9, "{forecast:?}");
        assert_eq!(forecast.rebuild, Some(10.0));
        assert_eq!(History::default().forecast(1, 1).rebuild, None);
    }

    #[test]
    fn three_runs_longer_than_a_rebuild_are_told() {
        let history = History {
            incremental: vec![timed(1.0, 2.0), timed(1.0, 1.8), timed(1.0, 0.1)],
            whole: vec![timed(9.0, 2.0)],
        };
        assert_eq!(history.outdone(timed(1.0, 1.9)), Some((2.4, 2.0)));
        assert_eq!(history.outdone(timed(1.0, 0.2)), None);
        assert_eq!(History { incremental: Vec::new(), ..history }.outdone(timed(1.0, 9.0)), None);
    }
}
