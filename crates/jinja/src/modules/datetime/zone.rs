//! Time zones: `pytz.timezone(...)`, `pytz.utc` and fixed offsets.

use std::fmt;
use std::sync::Arc;

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};
use minijinja::State;
use minijinja::value::{DynObject, Object, ObjectRepr};

use super::{DateTime, TimeDelta, out_of_range};
use crate::value::{none, type_name};
use crate::{Arguments, Error, ErrorKind, Value, function};

/// A time zone with the name it was asked for by.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    zone: TimeZone,
    name: String,
}

/// Members of `pytz`.
pub(crate) fn member(name: &str) -> Option<Value> {
    match name {
        "utc" | "UTC" => Some(Value::from_object(Zone::utc())),
        "timezone" => Some(function("timezone", |arguments| {
            Zone::named(&arguments.required_text(0, "zone")?).map(Value::from_object)
        })),
        "FixedOffset" => Some(function("FixedOffset", |arguments| {
            let minutes = arguments.required(0, "offset")?.as_i64().and_then(|minutes| i32::try_from(minutes).ok());
            let seconds = minutes.and_then(|minutes| minutes.checked_mul(60)).ok_or_else(out_of_range)?;
            Zone::fixed(seconds).map(Value::from_object)
        })),
        _ => None,
    }
}

impl Zone {
    /// UTC.
    pub(crate) fn utc() -> Zone {
        Zone { zone: TimeZone::UTC, name: "UTC".into() }
    }

    /// The zone of the machine.
    pub(crate) fn system() -> Zone {
        crate::purity::note_impure();
        let zone = TimeZone::system();
        let name = zone.iana_name().unwrap_or("local").to_string();
        Zone { zone, name }
    }

    /// A zone of the database, by its name regardless of case.
    pub(crate) fn named(name: &str) -> Result<Zone, Error> {
        if name.eq_ignore_ascii_case("utc") {
            return Ok(Zone::utc());
        }
        match TimeZone::get(name) {
            Ok(zone) => {
                let name = zone.iana_name().unwrap_or(name).to_string();
                Ok(Zone { zone, name })
            }
            Err(error) => Err(Error::new(ErrorKind::Value, format!("unknown time zone '{name}'")).with_source(error)),
        }
    }

    /// A fixed distance from UTC.
    pub(crate) fn fixed(seconds: i32) -> Result<Zone, Error> {
        let offset = Offset::from_seconds(seconds).map_err(|_| out_of_range())?;
        let name = if seconds == 0 { "UTC".into() } else { format!("UTC{}", super::offset_text(seconds, true)) };
        Ok(Zone { zone: TimeZone::fixed(offset), name })
    }

    /// The zone given as an argument; none counts as not given.
    pub(crate) fn argument(arguments: &Arguments, index: usize, name: &str) -> Result<Option<Zone>, Error> {
        match arguments.get(index, name) {
            None => Ok(None),
            Some(value) if value.is_none() => Ok(None),
            Some(value) => match value.downcast_object_ref::<Zone>() {
                Some(zone) => Ok(Some(zone.clone())),
                None => {
                    let message = format!("'{name}' must be a time zone, not {}", type_name(value));
                    Err(Error::new(ErrorKind::Type, message))
                }
            },
        }
    }

    /// The wall clock of this zone at an instant.
    pub(crate) fn local(&self, at: Timestamp) -> civil::DateTime {
        self.zone.to_datetime(at)
    }

    /// The instant at which this zone's wall clock shows `at`.
    pub(crate) fn instant(&self, at: civil::DateTime) -> Result<Timestamp, Error> {
        self.zone.to_timestamp(at).map_err(|_| out_of_range())
    }

    /// Seconds east of UTC when the wall clock shows `at`.
    pub(crate) fn offset(&self, at: civil::DateTime) -> i32 {
        self.instant(at).map_or(0, |instant| self.zone.to_offset(instant).seconds())
    }

    /// `CET` or `CEST`, when the wall clock shows `at`.
    pub(crate) fn abbreviation(&self, at: civil::DateTime) -> String {
        if self.zone.iana_name().is_none() {
            return self.name.clone();
        }
        match self.instant(at) {
            Ok(instant) => self.zone.to_offset_info(instant).abbreviation().to_string(),
            Err(_) => self.name.clone(),
        }
    }

    /// How it shows inside of a container.
    pub(crate) fn repr(&self) -> String {
        if self.name == "UTC" { "<UTC>".into() } else { format!("<DstTzInfo '{}'>", self.name) }
    }

    fn moment<'a>(&self, arguments: &'a Arguments) -> Result<&'a DateTime, Error> {
        let value = arguments.required(0, "dt")?;
        value
            .downcast_object_ref::<DateTime>()
            .ok_or_else(|| Error::new(ErrorKind::Type, format!("expected a datetime, not {}", type_name(value))))
    }

    fn method(&self, method: &str, arguments: &Arguments) -> Option<Result<Value, Error>> {
        Some(match method {
            "localize" => self.moment(arguments).and_then(|moment| match &moment.zone {
                None => Ok(Value::from_object(DateTime { at: moment.at, zone: Some(self.clone()) })),
                Some(_) => Err(Error::new(ErrorKind::Value, "not a naive datetime: tzinfo is already set")),
            }),
            "normalize" | "fromutc" => self.moment(arguments).and_then(|moment| {
                let at = self.local(moment.timestamp()?);
                Ok(Value::from_object(DateTime { at, zone: Some(self.clone()) }))
            }),
            "utcoffset" => self
                .moment(arguments)
                .map(|moment| Value::from_object(TimeDelta(i128::from(self.offset(moment.at)) * 1_000_000))),
            "tzname" => self.moment(arguments).map(|moment| Value::from(self.abbreviation(moment.at))),
            _ => return None,
        })
    }
}

impl Object for Zone {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "zone" if self.zone.iana_name().is_some() || self.name == "UTC" => Some(Value::from(self.name.as_str())),
            "zone" => Some(none()),
            _ => None,
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        values: &[Value],
    ) -> Result<Value, minijinja::Error> {
        super::method_result(self.method(method, &Arguments::from_values(values)))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<std::cmp::Ordering> {
        Some(self.name.cmp(&other.downcast_ref::<Zone>()?.name))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
