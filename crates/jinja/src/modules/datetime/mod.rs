//! Python's `datetime` on jiff.
//!
//! | module | what |
//! | --- | --- |
//! | here | the values: [`DateTime`], [`Date`], [`TimeOfDay`], [`TimeDelta`] |
//! | [`classes`] | `datetime.datetime(...)`, `.now()`, `.strptime()` and the other constructors |
//! | [`pattern`] | `strftime` and `strptime` |
//! | [`zone`] | `pytz` and the zones |

pub(crate) mod classes;
mod pattern;
pub(crate) mod zone;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, civil};
use minijinja::State;
use minijinja::value::{DynObject, Object, ObjectRepr};

use crate::value::{as_integer, none, tuple};
use crate::{Arguments, Error, ErrorKind, Value};

pub(crate) use zone::Zone;

/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// A moment as `modules.datetime` gives it: with the zone UTC.
pub fn utc_datetime(at: Timestamp) -> Value {
    let zone = Zone::utc();
    Value::from_object(DateTime { at: zone.local(at), zone: Some(zone) })
}

/// A date and time without zone, as a database gives it.
pub fn naive_datetime(at: civil::DateTime) -> Value {
    Value::from_object(DateTime { at, zone: None })
}

/// A date.
pub fn date(date: civil::Date) -> Value {
    Value::from_object(Date(date))
}

/// `datetime.datetime`
#[derive(Debug, Clone)]
pub(crate) struct DateTime {
    pub at: civil::DateTime,
    pub zone: Option<Zone>,
}

/// `datetime.date`
#[derive(Debug, Clone, Copy)]
pub(crate) struct Date(pub civil::Date);

/// `datetime.time`
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeOfDay(pub civil::Time);

/// `datetime.timedelta` in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeDelta(pub i128);

pub(super) fn out_of_range() -> Error {
    Error::new(ErrorKind::Value, "date value out of range")
}

fn duration(microseconds: i128) -> Result<SignedDuration, Error> {
    i64::try_from(microseconds).map(SignedDuration::from_micros).map_err(|_| out_of_range())
}

/// Python knows the years 1 to 9999.
fn in_range(date: civil::Date) -> Result<civil::Date, Error> {
    if date.year() >= 1 { Ok(date) } else { Err(out_of_range()) }
}

/// Microseconds within the second.
fn microsecond(time: civil::Time) -> i32 {
    time.subsec_nanosecond() / 1000
}

/// `+02:00`
fn offset_text(seconds: i32, colon: bool) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let (size, separator) = (seconds.abs(), if colon { ":" } else { "" });
    let text = format!("{sign}{:02}{separator}{:02}", size / 3600, size % 3600 / 60);
    if size % 60 == 0 { text } else { format!("{text}{separator}{:02}", size % 60) }
}

fn time_text(time: civil::Time, precision: &str) -> Result<String, Error> {
    let micros = microsecond(time);
    let whole = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    Ok(match precision {
        "auto" if micros == 0 => whole,
        "seconds" => whole,
        "auto" | "microseconds" => format!("{whole}.{micros:06}"),
        "milliseconds" => format!("{whole}.{:03}", micros / 1000),
        "minutes" => whole[..5].to_string(),
        "hours" => whole[..2].to_string(),
        other => {
            return Err(Error::new(ErrorKind::Value, format!("unknown timespec value '{other}'")));
        }
    })
}

/// Arguments of the constructors, zeros at the end left out as Python's repr does.
fn time_repr(time: civil::Time, always: usize) -> String {
    let parts = [i32::from(time.hour()), i32::from(time.minute()), i32::from(time.second()), microsecond(time)];
    let kept = parts.iter().rposition(|part| *part != 0).map_or(0, |last| last + 1);
    let kept = if kept > 2 { kept } else { always.max(kept) };
    parts[..kept.max(always)].iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl DateTime {
    /// Seconds east of UTC, for a moment with a zone.
    pub(super) fn offset(&self) -> Option<i32> {
        self.zone.as_ref().map(|zone| zone.offset(self.at))
    }

    /// The instant, taking a moment without zone as one of the system's zone.
    pub(super) fn timestamp(&self) -> Result<Timestamp, Error> {
        let system = Zone::system();
        self.zone.as_ref().unwrap_or(&system).instant(self.at)
    }

    /// Microseconds since 1970, also for the first and the last days of the calendar, which no instant stands for.
    fn epoch_microseconds(&self) -> i128 {
        let offset = self.offset().unwrap_or_else(|| Zone::system().offset(self.at));
        let epoch = civil::date(1970, 1, 1).to_datetime(civil::Time::midnight());
        self.at.duration_since(epoch).as_micros() - i128::from(offset) * 1_000_000
    }

    /// Microseconds between two moments; both with a zone or both without.
    pub(super) fn since(&self, other: &DateTime) -> Result<i128, Error> {
        if self.zone.is_some() != other.zone.is_some() {
            let message = "cannot subtract offset-naive and offset-aware datetimes";
            return Err(Error::new(ErrorKind::Type, message));
        }
        let shift = i128::from(other.offset().unwrap_or(0) - self.offset().unwrap_or(0)) * 1_000_000;
        Ok(self.at.duration_since(other.at).as_micros() + shift)
    }

    /// The order of two moments, if both have a zone or neither.
    pub(super) fn order(&self, other: &DateTime) -> Option<Ordering> {
        self.since(other).ok().map(|distance| distance.cmp(&0))
    }

    /// The moment that many microseconds later, on the wall clock.
    pub(super) fn shifted(&self, microseconds: i128) -> Result<DateTime, Error> {
        let at = self.at.checked_add(duration(microseconds)?).map_err(|_| out_of_range())?;
        in_range(at.date())?;
        Ok(DateTime { at, zone: self.zone.clone() })
    }

    /// `strftime`
    pub(super) fn strftime(&self, pattern: &str) -> String {
        let name = self.zone.as_ref().map(|zone| zone.abbreviation(self.at));
        pattern::format(pattern, self.at, self.offset(), name.as_deref())
    }

    fn isoformat(&self, separator: &str, precision: &str) -> Result<String, Error> {
        let offset = self.offset().map_or(String::new(), |offset| offset_text(offset, true));
        let time = time_text(self.at.time(), precision)?;
        Ok(format!("{}{separator}{time}{offset}", Date(self.at.date())))
    }

    pub(super) fn repr(&self) -> String {
        let zone = self.zone.as_ref().map_or(String::new(), |zone| format!(", tzinfo={}", zone.repr()));
        let date = self.at.date();
        let time = time_repr(self.at.time(), 2);
        format!("datetime.datetime({}, {}, {}, {time}{zone})", date.year(), date.month(), date.day())
    }

    fn astimezone(&self, zone: Zone) -> Result<DateTime, Error> {
        let at = zone.local(self.timestamp()?);
        Ok(DateTime { at, zone: Some(zone) })
    }

    fn method(&self, method: &str, arguments: &Arguments) -> Option<Result<Value, Error>> {
        let date = Date(self.at.date());
        Some(match method {
            "strftime" => arguments.required_text(0, "format").map(|pattern| Value::from(self.strftime(&pattern))),
            "isoformat" => iso_arguments(arguments)
                .and_then(|(separator, precision)| self.isoformat(&separator, &precision))
                .map(Value::from),
            "date" => Ok(Value::from_object(date)),
            "time" | "timetz" => Ok(Value::from_object(TimeOfDay(self.at.time()))),
            "timestamp" => Ok(Value::from(self.epoch_microseconds() as f64 / 1e6)),
            "astimezone" => Zone::argument(arguments, 0, "tz")
                .and_then(|zone| self.astimezone(zone.unwrap_or_else(Zone::system)))
                .map(Value::from_object),
            "utcoffset" | "dst" => Ok(self
                .offset()
                .map_or_else(none, |offset| Value::from_object(TimeDelta(i128::from(offset) * 1_000_000)))),
            "tzname" => Ok(self.zone.as_ref().map_or_else(none, |zone| Value::from(zone.abbreviation(self.at)))),
            "replace" => self.replace(arguments).map(Value::from_object),
            _ => return date.method(method, arguments),
        })
    }

    fn replace(&self, arguments: &Arguments) -> Result<DateTime, Error> {
        arguments.reject_unknown(&[
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "microsecond",
            "tzinfo",
            "fold",
        ])?;
        let date = replaced_date(self.at.date(), arguments)?;
        let time = classes::time_of(arguments, 3, Some(self.at.time()))?;
        let zone = match arguments.get(7, "tzinfo") {
            None => self.zone.clone(),
            Some(_) => Zone::argument(arguments, 7, "tzinfo")?,
        };
        Ok(DateTime { at: date.to_datetime(time), zone })
    }
}

fn iso_arguments(arguments: &Arguments) -> Result<(String, String), Error> {
    let separator = arguments.text(0, "sep")?.unwrap_or_else(|| "T".into());
    let precision = arguments.text(1, "timespec")?.unwrap_or_else(|| "auto".into());
    Ok((separator, precision))
}

fn replaced_date(date: civil::Date, arguments: &Arguments) -> Result<civil::Date, Error> {
    let part = |index: usize, name: &str, present: i128| arguments.get(index, name).map_or(Some(present), as_integer);
    let year = part(0, "year", i128::from(date.year()));
    let month = part(1, "month", i128::from(date.month()));
    let day = part(2, "day", i128::from(date.day()));
    classes::date_of(year, month, day)
}

impl Date {
    /// The date that many whole days later.
    pub(super) fn shifted(&self, microseconds: i128) -> Result<Date, Error> {
        let days = duration(microseconds.div_euclid(DAY) * DAY)?;
        in_range(self.0.checked_add(days).map_err(|_| out_of_range())?).map(Date)
    }

    /// `strftime`
    pub(super) fn strftime(&self, pattern: &str) -> String {
        pattern::format(pattern, self.0.to_datetime(civil::Time::midnight()), None, None)
    }

    pub(super) fn repr(&self) -> String {
        format!("datetime.date({}, {}, {})", self.0.year(), self.0.month(), self.0.day())
    }

    /// Days since the year 1, starting with 1.
    pub(super) fn ordinal(&self) -> i64 {
        self.0.duration_since(civil::date(1, 1, 1)).as_hours() / 24 + 1
    }

    fn method(&self, method: &str, arguments: &Arguments) -> Option<Result<Value, Error>> {
        let weekday = self.0.weekday();
        Some(match method {
            "strftime" => arguments.required_text(0, "format").map(|pattern| Value::from(self.strftime(&pattern))),
            "isoformat" => Ok(Value::from(self.to_string())),
            "weekday" => Ok(Value::from(weekday.to_monday_zero_offset())),
            "isoweekday" => Ok(Value::from(weekday.to_monday_one_offset())),
            "isocalendar" => {
                let iso = self.0.iso_week_date();
                let parts = [i64::from(iso.year()), i64::from(iso.week()), i64::from(weekday.to_monday_one_offset())];
                Ok(tuple(parts.into_iter().map(Value::from).collect()))
            }
            "toordinal" => Ok(Value::from(self.ordinal())),
            "replace" => arguments
                .reject_unknown(&["year", "month", "day"])
                .and_then(|()| replaced_date(self.0, arguments))
                .map(|date| Value::from_object(Date(date))),
            _ => return None,
        })
    }
}

impl TimeOfDay {
    /// `strftime`
    pub(super) fn strftime(&self, pattern: &str) -> String {
        pattern::format(pattern, civil::date(1900, 1, 1).to_datetime(self.0), None, None)
    }

    pub(super) fn repr(&self) -> String {
        format!("datetime.time({})", time_repr(self.0, 2))
    }

    fn method(&self, method: &str, arguments: &Arguments) -> Option<Result<Value, Error>> {
        Some(match method {
            "strftime" => arguments.required_text(0, "format").map(|pattern| Value::from(self.strftime(&pattern))),
            "isoformat" => arguments
                .text(0, "timespec")
                .and_then(|precision| time_text(self.0, precision.as_deref().unwrap_or("auto")))
                .map(Value::from),
            "replace" => classes::time_of(arguments, 0, Some(self.0)).map(|time| Value::from_object(TimeOfDay(time))),
            _ => return None,
        })
    }
}

impl TimeDelta {
    /// A duration within Python's limits of a billion days.
    pub(super) fn checked(microseconds: i128) -> Result<Value, Error> {
        if microseconds.abs() > 999_999_999 * DAY {
            return Err(Error::new(ErrorKind::Value, "timedelta is too large"));
        }
        Ok(Value::from_object(TimeDelta(microseconds)))
    }

    /// Days, seconds within the day, microseconds within the second; only the days can be negative.
    fn parts(&self) -> (i128, i128, i128) {
        let rest = self.0.rem_euclid(DAY);
        (self.0.div_euclid(DAY), rest / 1_000_000, rest % 1_000_000)
    }

    pub(super) fn repr(&self) -> String {
        let (days, seconds, microseconds) = self.parts();
        let named = [("days", days), ("seconds", seconds), ("microseconds", microseconds)];
        let shown: Vec<String> =
            named.iter().filter(|(_, part)| *part != 0).map(|(name, part)| format!("{name}={part}")).collect();
        format!("datetime.timedelta({})", if shown.is_empty() { "0".into() } else { shown.join(", ") })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

fn date_part(date: civil::Date, name: &str) -> Option<Value> {
    Some(match name {
        "year" => Value::from(date.year()),
        "month" => Value::from(date.month()),
        "day" => Value::from(date.day()),
        _ => return None,
    })
}

fn time_part(time: civil::Time, name: &str) -> Option<Value> {
    Some(match name {
        "hour" => Value::from(time.hour()),
        "minute" => Value::from(time.minute()),
        "second" => Value::from(time.second()),
        "microsecond" => Value::from(microsecond(time)),
        _ => return None,
    })
}

/// Gives an outcome of `method` to the engine; functions of the class can be called on its values, too.
fn method_result(outcome: Option<Result<Value, Error>>) -> Result<Value, minijinja::Error> {
    match outcome {
        Some(result) => Ok(result?),
        None => Err(minijinja::ErrorKind::UnknownMethod.into()),
    }
}

impl Object for DateTime {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "tzinfo" => Some(self.zone.clone().map_or_else(none, Value::from_object)),
            name => date_part(self.at.date(), name).or_else(|| time_part(self.at.time(), name)),
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let arguments = Arguments::from_values(values);
        method_result(self.method(method, &arguments).or_else(|| classes::on_value("datetime", method, &arguments)))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        self.order(other.downcast_ref::<DateTime>()?)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.isoformat(" ", "auto").unwrap_or_default())
    }
}

impl Object for Date {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        date_part(self.0, key.as_str()?)
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let arguments = Arguments::from_values(values);
        method_result(self.method(method, &arguments).or_else(|| classes::on_value("date", method, &arguments)))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<Date>()?.0))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl Object for TimeOfDay {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        time_part(self.0, key.as_str()?)
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        method_result(self.method(method, &Arguments::from_values(values)))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<TimeOfDay>()?.0))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&time_text(self.0, "auto").unwrap_or_default())
    }
}

impl Object for TimeDelta {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.0 != 0
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (days, seconds, microseconds) = self.parts();
        let part = match key.as_str()? {
            "days" => days,
            "seconds" => seconds,
            "microseconds" => microseconds,
            _ => return None,
        };
        Some(crate::value::from_integer(part))
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        _values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        method_result((method == "total_seconds").then(|| Ok(Value::from(self.0 as f64 / 1e6))))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<TimeDelta>()?.0))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, microseconds) = self.parts();
        if days != 0 {
            write!(formatter, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        write!(formatter, "{}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60)?;
        if microseconds != 0 {
            write!(formatter, ".{microseconds:06}")?;
        }
        Ok(())
    }
}
