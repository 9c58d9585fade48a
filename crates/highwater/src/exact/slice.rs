//! The slice of a query that builds the dirty partitions only: its scans wrapped in filters, and a filter on the result's own partitions.

use highwater_sql::{Dialect, IntervalUnit, Partitioning, Piece, Reach, Slice};

use super::axis::Axis;
use super::error::ExactError;
use super::job::Job;
use super::names::Places;
use super::overlay::{Overlay, find};

/// Up to so many ranges are written out: a range on the raw column lets the engine skip blocks, membership does not.
const RANGES: usize = 500;

/// The dirty partitions as a filter.
pub(crate) struct Filter {
    set: String,
    unit: Option<IntervalUnit>,
    dialect: Dialect,
    null: bool,
    /// Half-open ranges of moments that make up the dirty intervals; none when they are too many, or out of the calendar's reach.
    ranges: Option<Vec<(String, String)>>,
    /// What is read in place of some tables.
    overlays: Vec<Overlay>,
    places: Option<Places>,
}

impl Filter {
    /// Reads a set of partitions: a table with one column `p`, and whether NULL is in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(job: &mut Job, axis: &Axis, set: &str, null: bool) -> Result<Self, ExactError> {
        Self::of(job, axis.unit(), set, null)
    }

    /// Reads a set of intervals of any table: the same.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn intervals(job: &mut Job, unit: IntervalUnit, set: &str) -> Result<Self, ExactError> {
        let null = job.count(&format!("select count(*) from {set} where p is null"))? > 0;
        Self::of(job, Some(unit), set, null)
    }

    fn of(job: &mut Job, unit: Option<IntervalUnit>, set: &str, null: bool) -> Result<Self, ExactError> {
        let ranges = match unit {
            Some(unit) => ranges(job, set, unit)?,
            None => None,
        };
        let dialect = job.dialect;
        Ok(Self { set: set.to_owned(), unit, dialect, null, ranges, overlays: Vec::new(), places: None })
    }

    /// The same, with other rows in place of some tables.
    ///
    /// # Errors
    /// When the database does not say where names lead.
    pub fn over(mut self, job: &mut Job, overlays: &[Overlay]) -> Result<Self, ExactError> {
        if !overlays.is_empty() {
            self.places = Some(Places::new(job)?);
            self.overlays = overlays.to_vec();
        }
        Ok(self)
    }

    /// What to read for a table, as what stands after `from`.
    fn read(&self, table: &str) -> String {
        let overlay = self.places.as_ref().and_then(|places| find(&self.overlays, places, table));
        overlay.map_or_else(|| table.to_owned(), |overlay| format!("({}) as hw_over", overlay.sql))
    }

    /// Whether the interval of an expression is dirty.
    pub fn interval(&self, expression: &str, unit: IntervalUnit) -> String {
        self.near(expression, unit, 0, 0)
    }

    /// Whether the interval of an expression is dirty, or so many intervals before or after a dirty one.
    fn near(&self, expression: &str, unit: IntervalUnit, back: u32, ahead: u32) -> String {
        let moment = format!("cast({expression} as timestamp)");
        let mut any: Vec<String> = Vec::new();
        let bound = |moment: &str, sign: char, count: u32| match count {
            0 => format!("timestamp '{moment}'"),
            _ => format!("timestamp '{moment}' {sign} interval '{count} {}'", unit.word()),
        };
        match &self.ranges {
            Some(ranges) => {
                let written: Vec<String> = ranges
                    .iter()
                    .map(|(from, to)| {
                        format!("({moment} >= {} and {moment} < {})", bound(from, '-', back), bound(to, '+', ahead))
                    })
                    .collect();
                match (ranges.first(), ranges.last()) {
                    // The envelope is what blocks are skipped by; the ranges within it are what is right.
                    (Some((from, _)), Some((_, to))) if written.len() > 1 => any.push(format!(
                        "({moment} >= {} and {moment} < {} and ({}))",
                        bound(from, '-', back),
                        bound(to, '+', ahead),
                        written.join(" or ")
                    )),
                    _ => any.extend(written),
                }
            }
            None if back > 0 || ahead > 0 => return "true".to_owned(),
            None => {
                any.push(format!(
                    "{} in (select p from {} where p is not null)",
                    self.dialect.interval(expression, unit),
                    self.set
                ));
            }
        }
        if self.null {
            any.push(format!("{moment} is null"));
        }
        if any.is_empty() { "false".to_owned() } else { format!("({})", any.join(" or ")) }
    }

    /// Whether a row of the result, or of the table, is in one of the partitions.
    pub fn result(&self, axis: &Axis) -> String {
        match &axis.partitioning {
            Partitioning::Interval { column, unit } => self.interval(&self.dialect.quote(column), *unit),
            Partitioning::Key { .. } => format!("{} in (select p from {})", axis.partition(), self.set),
            Partitioning::Whole => "true".to_owned(),
        }
    }

    /// Whether a scan's row may matter.
    fn reach(&self, reach: &Reach, drivers: &[String]) -> String {
        match reach {
            Reach::Interval { expression, back, ahead } => match self.unit {
                Some(unit) => self.near(expression, unit, *back, *ahead),
                None => "true".to_owned(),
            },
            Reach::Key { expressions } => {
                format!("{} in (select p from {})", self.dialect.key_hash(expressions), self.set)
            }
            Reach::Driven { expressions, driver } => match drivers.get(*driver) {
                Some(table) => format!("{} in (select p from {table})", self.dialect.key_hash(expressions)),
                None => "true".to_owned(),
            },
            Reach::Whenever { partition, driver } => {
                let set = match driver {
                    Some(driver) => drivers.get(*driver).map_or(self.set.as_str(), String::as_str),
                    None => self.set.as_str(),
                };
                format!("exists (select 1 from {set} where p is not distinct from {partition})")
            }
        }
    }

    fn render(&self, pieces: &[Piece], drivers: &[String]) -> String {
        let mut sql = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => sql.push_str(text),
                Piece::Scan { table, reach, alias } => {
                    match reach {
                        Some(reaches) => {
                            let any: Vec<String> = reaches.iter().map(|reach| self.reach(reach, drivers)).collect();
                            let filter = if any.is_empty() { "true".to_owned() } else { any.join(" or ") };
                            sql.push_str(&format!("(select * from {} where {filter})", self.read(table)));
                        }
                        None if self.overlays.is_empty() => sql.push_str(table),
                        None => sql.push_str(&format!("(select * from {})", self.read(table))),
                    }
                    if let Some(alias) = alias {
                        sql.push_str(" as ");
                        sql.push_str(alias);
                    }
                }
            }
        }
        sql
    }
}

/// The dirty intervals, neighbours merged, when they are few enough.
fn ranges(job: &mut Job, set: &str, unit: IntervalUnit) -> Result<Option<Vec<(String, String)>>, ExactError> {
    let word = unit.word();
    let odd = job.count(&format!(
        "select count(*) from {set} where p is not null and not coalesce(isfinite(p) and extract(year from p) between 1 and 9998, false)"
    ))?;
    if odd > 0 {
        return Ok(None);
    }
    let table = job.query(&format!(
        "with marked as (select p, p is distinct from lag(p) over (order by p asc) + interval '1 {word}' as starts from {set} where p is not null), \
         grouped as (select p, count(*) filter (where starts) over (order by p asc) as run from marked) \
         select cast(min(p) as varchar), cast(max(p) + interval '1 {word}' as varchar) from grouped group by run order by min(p) asc \
         limit {}",
        RANGES + 1
    ))?;
    if table.rows.len() > RANGES {
        return Ok(None);
    }
    Ok(Some(table.rows.iter().map(|row| (row[0].to_string(), row[1].to_string())).collect()))
}

/// Stores the drivers and returns the query for the rows of the dirty partitions.
///
/// # Errors
/// When a driver cannot be run.
pub(crate) fn slice(job: &mut Job, axis: &Axis, slice: &Slice, filter: &Filter) -> Result<String, ExactError> {
    let mut drivers = Vec::new();
    for (index, pieces) in slice.drivers.iter().enumerate() {
        let query = filter.render(pieces, &drivers);
        drivers
            .push(job.store(&format!("driver_{index}"), &format!("select distinct p from (\n{query}\n) as driven"))?);
    }
    let query = filter.render(&slice.pieces, &drivers);
    let query = query.trim_end().trim_end_matches(';');
    Ok(format!("select * from (\n{query}\n) as q where {}", filter.result(axis)))
}
