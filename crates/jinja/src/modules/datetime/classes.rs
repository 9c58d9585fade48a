//! The classes of `datetime`: calling them, and the functions on them (`now`, `strptime`, `fromisoformat`, ...).

use std::fmt;
use std::sync::Arc;

use jiff::{Timestamp, civil};
use minijinja::State;
use minijinja::value::{Object, ObjectRepr};

use super::{DAY, Date, DateTime, TimeDelta, TimeOfDay, Zone, method_result, out_of_range, pattern};
use crate::value::{Number, as_integer, type_name};
use crate::{Arguments, Clock, Error, ErrorKind, Value};

/// A class of the module.
#[derive(Debug)]
struct Class {
    name: &'static str,
    clock: Clock,
}

/// The class of this name.
pub(crate) fn class(name: &str, clock: &Clock) -> Option<Value> {
    let name = ["datetime", "date", "time", "timedelta", "timezone"].into_iter().find(|known| *known == name)?;
    Some(Value::from_object(Class { name, clock: clock.clone() }))
}

/// A function of the class that needs no clock, called on one of its values.
pub(super) fn on_value(class: &'static str, method: &str, arguments: &Arguments) -> Option<Result<Value, Error>> {
    match method {
        "now" | "utcnow" | "today" => None,
        _ => Class { name: class, clock: Clock::default() }.function(method, arguments),
    }
}

/// A date of parts, checked.
pub(super) fn date_of(year: Option<i128>, month: Option<i128>, day: Option<i128>) -> Result<civil::Date, Error> {
    let part = |part: Option<i128>, name: &str| {
        part.ok_or_else(|| Error::new(ErrorKind::Type, format!("an integer is required for '{name}'")))
    };
    let (year, month, day) = (part(year, "year")?, part(month, "month")?, part(day, "day")?);
    let invalid = |what: &str| Error::new(ErrorKind::Value, what.to_string());
    let year = i16::try_from(year).ok().filter(|year| (1..=9999).contains(year));
    let year = year.ok_or_else(|| invalid("year is out of range"))?;
    let month = i8::try_from(month).ok().filter(|month| (1..=12).contains(month));
    let month = month.ok_or_else(|| invalid("month must be in 1..12"))?;
    let day = i8::try_from(day).map_err(|_| invalid("day is out of range for month"))?;
    civil::Date::new(year, month, day).map_err(|_| invalid("day is out of range for month"))
}

/// A time of the arguments `hour`, `minute`, `second`, `microsecond`, the first one at position `first`.
pub(super) fn time_of(arguments: &Arguments, first: usize, present: Option<civil::Time>) -> Result<civil::Time, Error> {
    let present = present.unwrap_or_else(civil::Time::midnight);
    let part = |offset: usize, name: &str, present: i32, limit: i128| {
        let given = match arguments.get(first + offset, name) {
            None => i128::from(present),
            Some(value) => as_integer(value)
                .ok_or_else(|| Error::new(ErrorKind::Type, format!("an integer is required for '{name}'")))?,
        };
        if (0..limit).contains(&given) {
            return Ok(i32::try_from(given).unwrap_or(0));
        }
        Err(Error::new(ErrorKind::Value, format!("{name} must be in 0..{}", limit - 1)))
    };
    let hour = part(0, "hour", present.hour().into(), 24)?;
    let minute = part(1, "minute", present.minute().into(), 60)?;
    let second = part(2, "second", present.second().into(), 60)?;
    let microsecond = part(3, "microsecond", super::microsecond(present), 1_000_000)?;
    let small = |part: i32| i8::try_from(part).unwrap_or(0);
    civil::Time::new(small(hour), small(minute), small(second), microsecond * 1000).map_err(|_| out_of_range())
}

fn date_argument(arguments: &Arguments) -> Result<civil::Date, Error> {
    let part = |index: usize, name: &str| arguments.required(index, name).map(as_integer);
    date_of(part(0, "year")?, part(1, "month")?, part(2, "day")?)
}

fn seconds_argument(arguments: &Arguments) -> Result<Timestamp, Error> {
    let value = arguments.required(0, "timestamp")?;
    let number = Number::of(value)
        .ok_or_else(|| Error::new(ErrorKind::Type, format!("a number is required, not {}", type_name(value))))?;
    Timestamp::from_microsecond((number.float() * 1e6).round() as i64).map_err(|_| out_of_range())
}

/// The sum of the arguments of `timedelta(...)` in microseconds.
fn delta_of(arguments: &Arguments) -> Result<Value, Error> {
    let units = [
        ("days", DAY),
        ("seconds", 1_000_000),
        ("microseconds", 1),
        ("milliseconds", 1000),
        ("minutes", 60_000_000),
        ("hours", 3_600_000_000),
        ("weeks", 7 * DAY),
    ];
    arguments.reject_unknown(&units.map(|(name, _)| name))?;
    let mut total = 0i128;
    for (index, (name, unit)) in units.into_iter().enumerate() {
        let Some(value) = arguments.get(index, name) else {
            continue;
        };
        let part = match Number::of(value) {
            Some(Number::Integer(number)) => number.saturating_mul(unit),
            Some(Number::Float(number)) => (number * unit as f64).round_ties_even() as i128,
            None => {
                let message = format!("unsupported type for timedelta {name} component: {}", type_name(value));
                return Err(Error::new(ErrorKind::Type, message));
            }
        };
        total = total.saturating_add(part);
    }
    TimeDelta::checked(total)
}

impl Class {
    fn make(&self, arguments: &Arguments) -> Result<Value, Error> {
        match self.name {
            "datetime" => {
                let names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];
                arguments.reject_unknown(&names)?;
                let at = date_argument(arguments)?.to_datetime(time_of(arguments, 3, None)?);
                Ok(Value::from_object(DateTime { at, zone: Zone::argument(arguments, 7, "tzinfo")? }))
            }
            "date" => {
                arguments.reject_unknown(&["year", "month", "day"])?;
                date_argument(arguments).map(|date| Value::from_object(Date(date)))
            }
            "time" => {
                arguments.reject_unknown(&["hour", "minute", "second", "microsecond", "tzinfo", "fold"])?;
                time_of(arguments, 0, None).map(|time| Value::from_object(TimeOfDay(time)))
            }
            "timedelta" => delta_of(arguments),
            _ => {
                let offset = arguments.required(0, "offset")?;
                let delta = offset.downcast_object_ref::<TimeDelta>().ok_or_else(|| {
                    Error::new(ErrorKind::Type, format!("expected a timedelta, not {}", type_name(offset)))
                })?;
                let seconds = i32::try_from(delta.0 / 1_000_000).map_err(|_| out_of_range())?;
                Zone::fixed(seconds).map(Value::from_object)
            }
        }
    }

    fn function(&self, name: &str, arguments: &Arguments) -> Option<Result<Value, Error>> {
        Some(match (self.name, name) {
            ("datetime", "now") => Zone::argument(arguments, 0, "tz").map(|zone| self.now(zone)),
            ("datetime", "today") => Ok(self.now(None)),
            ("datetime", "utcnow") => Ok(super::naive_datetime(Zone::utc().local(self.clock.now()))),
            ("date", "today") => Ok(super::date(Zone::system().local(self.clock.now()).date())),
            ("datetime", "strptime") => strptime(arguments).map(Value::from_object),
            ("datetime", "fromisoformat") => arguments
                .required_text(0, "date_string")
                .and_then(|text| pattern::parse_iso(&text))
                .map(Value::from_object),
            ("date", "fromisoformat") => arguments
                .required_text(0, "date_string")
                .and_then(|text| pattern::parse_iso_date(&text))
                .map(|date| Value::from_object(Date(date))),
            ("datetime", "fromtimestamp") => seconds_argument(arguments).and_then(|at| {
                let zone = Zone::argument(arguments, 1, "tz")?;
                let local = zone.clone().unwrap_or_else(Zone::system).local(at);
                Ok(Value::from_object(DateTime { at: local, zone }))
            }),
            ("datetime", "utcfromtimestamp") => {
                seconds_argument(arguments).map(|at| super::naive_datetime(Zone::utc().local(at)))
            }
            ("date", "fromtimestamp") => {
                seconds_argument(arguments).map(|at| super::date(Zone::system().local(at).date()))
            }
            ("datetime", "combine") => combine(arguments).map(super::naive_datetime),
            ("datetime" | "date", "fromordinal") => self.at_ordinal(arguments),
            _ => return None,
        })
    }

    fn now(&self, zone: Option<Zone>) -> Value {
        let at = zone.clone().unwrap_or_else(Zone::system).local(self.clock.now());
        let micros = super::microsecond(at.time());
        let at = at.with().subsec_nanosecond(micros * 1000).build().unwrap_or(at);
        Value::from_object(DateTime { at, zone })
    }

    fn at_ordinal(&self, arguments: &Arguments) -> Result<Value, Error> {
        let days = as_integer(arguments.required(0, "ordinal")?).ok_or_else(out_of_range)?;
        let date = Date(civil::date(1, 1, 1)).shifted((days - 1).saturating_mul(DAY))?;
        Ok(match self.name {
            "date" => Value::from_object(date),
            _ => super::naive_datetime(date.0.to_datetime(civil::Time::midnight())),
        })
    }
}

fn strptime(arguments: &Arguments) -> Result<DateTime, Error> {
    pattern::parse(&arguments.required_text(0, "date_string")?, &arguments.required_text(1, "format")?)
}

fn combine(arguments: &Arguments) -> Result<civil::DateTime, Error> {
    let (date, time) = (arguments.required(0, "date")?, arguments.required(1, "time")?);
    let day = date.downcast_object_ref::<Date>().map(|date| date.0);
    let day = day.or_else(|| date.downcast_object_ref::<DateTime>().map(|moment| moment.at.date()));
    match (day, time.downcast_object_ref::<TimeOfDay>()) {
        (Some(day), Some(time)) => Ok(day.to_datetime(time.0)),
        _ => Err(Error::new(ErrorKind::Type, "combine() takes a date and a time")),
    }
}

impl Object for Class {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let midnight = civil::Time::midnight();
        let last = civil::Time::new(23, 59, 59, 999_999_000).ok()?;
        let day = match key.as_str()? {
            "min" => civil::date(1, 1, 1),
            "max" => civil::date(9999, 12, 31),
            "utc" if self.name == "timezone" => return Some(Value::from_object(Zone::utc())),
            name => {
                let (class, clock, name) = (self.name, self.clock.clone(), name.to_string());
                let known =
                    ["now", "today", "utcnow", "strptime", "fromisoformat", "fromtimestamp", "combine", "fromordinal"];
                return known.contains(&name.as_str()).then(|| {
                    crate::function(&name.clone(), move |arguments| {
                        let class = Class { name: class, clock: clock.clone() };
                        let missing = || Error::new(ErrorKind::Unknown, format!("'{class:?}' has no '{name}'"));
                        class.function(&name, arguments).ok_or_else(missing)?
                    })
                });
            }
        };
        match self.name {
            "date" => Some(super::date(day)),
            "datetime" => Some(super::naive_datetime(day.to_datetime(if day.year() == 1 { midnight } else { last }))),
            _ => None,
        }
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, values: &[Value]) -> Result<Value, minijinja::Error> {
        Ok(self.make(&Arguments::from_values(values))?)
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        method_result(self.function(method, &Arguments::from_values(values)))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<class 'datetime.{}'>", self.name)
    }
}
