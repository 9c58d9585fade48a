//! Days and moments as templates have them: Python's `date` and `datetime`.

use highwater_jinja::{Error, Value, call, modules};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A day; text where the language has no such day.
pub(crate) fn date(day: Date) -> Value {
    let parts = [i64::from(day.year()), i64::from(day.month()), i64::from(day.day())].map(Value::from);
    class("date").and_then(|class| call(&class, &parts, &[])).unwrap_or_else(|_| Value::from(day.to_string()))
}

/// A wall-clock time without zone.
pub(crate) fn naive(at: DateTime) -> Value {
    datetime(at, &[]).unwrap_or_else(|_| Value::from(format!("{} {}", at.date(), at.time())))
}

/// A moment, in UTC.
pub(crate) fn instant(at: jiff::Timestamp) -> Value {
    let local = at.to_zoned(TimeZone::UTC).datetime();
    let zone = modules().get_attr("pytz").and_then(|pytz| pytz.get_attr("utc"));
    let made = zone.map_err(Error::from).and_then(|zone| datetime(local, &[("tzinfo", zone)]));
    made.unwrap_or_else(|_| Value::from(format!("{} {}+00:00", local.date(), local.time())))
}

fn datetime(at: DateTime, keywords: &[(&str, Value)]) -> Result<Value, Error> {
    let parts = [
        i64::from(at.year()),
        i64::from(at.month()),
        i64::from(at.day()),
        i64::from(at.hour()),
        i64::from(at.minute()),
        i64::from(at.second()),
        i64::from(at.subsec_nanosecond() / 1000),
    ];
    call(&class("datetime")?, &parts.map(Value::from), keywords)
}

fn class(name: &str) -> Result<Value, Error> {
    Ok(modules().get_attr("datetime")?.get_attr(name)?)
}
