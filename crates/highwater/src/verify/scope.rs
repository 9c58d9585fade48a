//! Which partitions are compared: all, or a sample that gets around.
//!
//! Of a table cut by time, those that were compared longest ago have their turn, and days without rows between the first and today count,
//! too: a gap is found like anything else. Of a table cut by key, a share of the keys has its turn, by their hashes, so that keys that the
//! table lacks have theirs as well. The ledger remembers whose turn it was.

use highwater_sql::IntervalUnit;

use crate::exact::ExactError;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::prepare::Prepared;
use crate::exact::slice::Filter;

use super::report::{Sampled, VerifyOptions};

/// The calendar of a table is written out up to so many intervals; of a longer one only those with rows have a turn.
const LONGEST_CALENDAR: u64 = 200_000;

/// Which partitions are compared.
pub(crate) struct Scope {
    /// Whether a row's partition is, as an expression over the columns.
    pub rows: String,
    /// For the ledger: `all`, `20 of 790`, `turn 3 of 40`.
    pub word: String,
    /// The share, when it is not all.
    pub sampled: Option<Sampled>,
    /// Temporary table `(p)` of the partitions that have their turn, where they are known one by one.
    pub turns: Option<String>,
    /// Whether partitions were left out.
    pub partial: bool,
}

impl Scope {
    fn all() -> Self {
        Self { rows: "true".to_owned(), word: "all".to_owned(), sampled: None, turns: None, partial: false }
    }
}

/// Chooses.
///
/// # Errors
/// When the table or the ledger cannot be read.
pub(crate) fn scope(job: &mut Job, prepared: &Prepared, options: &VerifyOptions) -> Result<Scope, ExactError> {
    if let Some(only) = &options.only {
        return named(job, prepared, only);
    }
    let Some(wanted) = options.sample else { return Ok(Scope::all()) };
    let relation = job.model.relation.clone();
    let remembered = ledger::exists(job, &relation)?;
    match prepared.axis.unit() {
        Some(unit) => intervals(job, prepared, unit, wanted.max(1), remembered),
        None => keys(job, prepared, wanted.max(1), remembered),
    }
}

/// The partitions that somebody names.
fn named(job: &mut Job, prepared: &Prepared, only: &str) -> Result<Scope, ExactError> {
    let turns = job.store("turns", &format!("select p from {only}"))?;
    let [count, null] = job.numbers(&format!("select count(*), count(*) filter (where p is null) from {turns}"))?;
    let rows = Filter::new(job, &prepared.axis, &turns, null > 0)?.result(&prepared.axis);
    Ok(Scope { rows, word: format!("{count} named"), sampled: None, turns: Some(turns), partial: true })
}

/// The intervals compared longest ago.
fn intervals(
    job: &mut Job,
    prepared: &Prepared,
    unit: IntervalUnit,
    wanted: u64,
    remembered: bool,
) -> Result<Scope, ExactError> {
    let (axis, table) = (&prepared.axis, job.model.relation.sql());
    let word = unit.word();
    let now = format!("date_trunc('{word}', {})", ledger::moment(job.moment));
    let standing = job.store("standing", &format!("select distinct {} as p from {table}", axis.partition()))?;
    let ends = job.store(
        "ends",
        &format!(
            "select min(p) as first, greatest(max(p), {now}) as last from {standing} where p is not null and isfinite(p) \
             and extract(year from p) between 1 and 9998"
        ),
    )?;
    let seconds = unit_seconds(unit);
    let length = job.count(&format!(
        "select cast(extract(epoch from (last - first)) / {seconds} as bigint) from {ends} where first is not null"
    ))?;
    let calendar = if length == 0 || length > LONGEST_CALENDAR {
        String::new()
    } else {
        format!(
            " union select date_trunc('{word}', first + cast(n as integer) * interval '1 {word}') from {ends} \
             cross join generate_series(0, {length}) as steps(n) where first + cast(n as integer) * interval '1 {word}' <= last"
        )
    };
    let known = if remembered {
        format!(
            "select interval_start as p, verified_at from {}.compared where model = {} and key_hash is null",
            ledger::schema(&job.model.relation),
            job.id()
        )
    } else {
        "select cast(null as timestamp) as p, cast(null as timestamp) as verified_at where false".to_owned()
    };
    let all =
        job.store("calendar", &format!("select p from {standing}{calendar} union select cast(null as timestamp)"))?;
    let turns = job.store(
        "turns",
        &format!(
            "select p from (select all_of.p, row_number() over (order by known.verified_at nulls first, md5(coalesce(cast(all_of.p as varchar), ''))) as turn \
             from {all} as all_of left join ({known}) as known on all_of.p is not distinct from known.p) as ordered where turn <= {wanted}"
        ),
    )?;
    let of = job.count(&format!("select count(*) from {all}"))?;
    let [chosen, null] = job.numbers(&format!("select count(*), count(*) filter (where p is null) from {turns}"))?;
    if chosen >= of {
        return Ok(Scope::all());
    }
    let rows = Filter::new(job, axis, &turns, null > 0)?.result(axis);
    let word = format!("{chosen} of {of}");
    Ok(Scope { rows, word, sampled: Some(sampled(chosen, of)), turns: Some(turns), partial: true })
}

/// Seconds of a step; of months and years the shortest.
pub(super) fn unit_seconds(unit: IntervalUnit) -> u32 {
    match unit {
        IntervalUnit::Hour => 3600,
        IntervalUnit::Day => 86_400,
        IntervalUnit::Month => 28 * 86_400,
        IntervalUnit::Year => 365 * 86_400,
    }
}

/// The share of the keys whose turn it is.
fn keys(job: &mut Job, prepared: &Prepared, wanted: u64, remembered: bool) -> Result<Scope, ExactError> {
    let hash = prepared.axis.partition();
    let of = job.count(&format!("select count(distinct {hash}) from {}", job.model.relation.sql()))?;
    let turns = of.div_ceil(wanted);
    if turns <= 1 {
        return Ok(Scope::all());
    }
    let last = if remembered { last_turn(job)? } else { None };
    let turn = last.map_or(0, |last| (last + 1) % turns);
    // Hashes may be below zero.
    let rows = format!("coalesce((({hash} % {turns}) + {turns}) % {turns} = {turn}, false)");
    let word = format!("turn {turn} of {turns}");
    Ok(Scope { rows, word, sampled: Some(sampled(of.div_ceil(turns), of)), turns: None, partial: true })
}

/// The turn of the last comparison by turns.
fn last_turn(job: &mut Job) -> Result<Option<u64>, ExactError> {
    let table = job.query(&format!(
        "select scope from {}.verdicts where model = {} and scope like 'turn %' order by verified_at desc limit 1",
        ledger::schema(&job.model.relation),
        job.id()
    ))?;
    let scope = table.rows.first().map(|row| row[0].to_string());
    Ok(scope.and_then(|scope| scope.split(' ').nth(1)?.parse().ok()))
}

/// What a sample is worth.
fn sampled(chosen: u64, of: u64) -> Sampled {
    let wrong = of.div_ceil(100);
    let mut unnoticed = 1.0;
    for drawn in 0..wrong.min(of) {
        let left = (of - drawn) as f64;
        unnoticed *= ((left - chosen as f64) / left).max(0.0);
    }
    Sampled { of, confidence: 1.0 - unnoticed, runs: of.div_ceil(chosen.max(1)) }
}

#[cfg(test)]
mod tests {
    use super::sampled;

    #[test]
    fn confidence_of_a_sample() {
        let close = |one: f64, other: f64| (one - other).abs() < 0.001;
        let twenty = sampled(20, 790);
        assert!(close(twenty.confidence, 0.186), "{twenty:?}");
        assert_eq!(twenty.runs, 40);
        assert!(close(sampled(50, 100).confidence, 0.5));
        assert!(close(sampled(100, 100).confidence, 1.0));
    }
}
