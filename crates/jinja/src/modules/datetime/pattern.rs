//! `strftime`, `strptime` and ISO 8601.

use jiff::civil;

use super::classes::date_of;
use super::{DateTime, Zone, microsecond, offset_text};
use crate::{Error, ErrorKind};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// `strftime`: the directives of Python and, with `%-d`, numbers without leading zeros.
pub(super) fn format(pattern: &str, at: civil::DateTime, offset: Option<i32>, zone: Option<&str>) -> String {
    let mut result = String::with_capacity(pattern.len() + 8);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        match characters.next() {
            None => result.push('%'),
            Some('-') => match characters.next() {
                Some(kind) => {
                    let text = directive(kind, at, offset, zone);
                    let short = text.trim_start_matches(['0', ' ']);
                    result.push_str(if short.is_empty() { "0" } else { short });
                }
                None => result.push_str("%-"),
            },
            Some(kind) => result.push_str(&directive(kind, at, offset, zone)),
        }
    }
    result
}

fn directive(kind: char, at: civil::DateTime, offset: Option<i32>, zone: Option<&str>) -> String {
    let nested = |pattern: &str| format(pattern, at, offset, zone);
    let date = at.date();
    let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
    let month = usize::try_from(date.month() - 1).unwrap_or(0);
    let day_of_year = date.day_of_year();
    let hour = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
    match kind {
        'Y' => at.year().to_string(),
        'm' => format!("{:02}", at.month()),
        'd' => format!("{:02}", at.day()),
        'e' => format!("{:2}", at.day()),
        'H' => format!("{:02}", at.hour()),
        'k' => format!("{:2}", at.hour()),
        'I' => format!("{hour:02}"),
        'l' => format!("{hour:2}"),
        'M' => format!("{:02}", at.minute()),
        'S' => format!("{:02}", at.second()),
        'f' => format!("{:06}", microsecond(at.time())),
        'y' => format!("{:02}", at.year().rem_euclid(100)),
        'C' => format!("{:02}", at.year() / 100),
        'b' | 'h' => MONTHS[month][..3].into(),
        'B' => MONTHS[month].into(),
        'a' => WEEKDAYS[weekday][..3].into(),
        'A' => WEEKDAYS[weekday].into(),
        'p' => if at.hour() < 12 { "AM" } else { "PM" }.into(),
        'P' => if at.hour() < 12 { "am" } else { "pm" }.into(),
        'j' => format!("{day_of_year:03}"),
        'u' => (weekday + 1).to_string(),
        'w' => ((weekday + 1) % 7).to_string(),
        'U' => format!("{:02}", (day_of_year + 6 - i16::try_from((weekday + 1) % 7).unwrap_or(0)) / 7),
        'W' => format!("{:02}", (day_of_year + 6 - i16::try_from(weekday).unwrap_or(0)) / 7),
        'V' => format!("{:02}", date.iso_week_date().week()),
        'G' => date.iso_week_date().year().to_string(),
        'z' => offset.map_or(String::new(), |offset| offset_text(offset, false)),
        'Z' => zone.unwrap_or_default().into(),
        's' => at.duration_since(civil::date(1970, 1, 1).at(0, 0, 0, 0)).as_secs().to_string(),
        'F' => nested("%Y-%m-%d"),
        'T' | 'X' => nested("%H:%M:%S"),
        'R' => nested("%H:%M"),
        'D' | 'x' => nested("%m/%d/%y"),
        'c' => nested("%a %b %e %H:%M:%S %Y"),
        'r' => nested("%I:%M:%S %p"),
        'n' => "\n".into(),
        't' => "\t".into(),
        '%' => "%".into(),
        other => format!("%{other}"),
    }
}

/// What `strptime` has read so far.
struct Reading<'t> {
    rest: &'t str,
    year: i128,
    month: i128,
    day: i128,
    day_of_year: Option<i128>,
    hour: i128,
    minute: i128,
    second: i128,
    microsecond: i128,
    afternoon: Option<bool>,
    zone: Option<Zone>,
}

/// `strptime(text, pattern)`
pub(super) fn parse(text: &str, pattern: &str) -> Result<DateTime, Error> {
    let mismatch = || {
        let message = format!("time data '{text}' does not match format '{pattern}'");
        Error::new(ErrorKind::Value, message)
    };
    let expanded = pattern.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S").replace("%D", "%m/%d/%y");
    let mut reading = Reading {
        rest: text,
        year: 1900,
        month: 1,
        day: 1,
        day_of_year: None,
        hour: 0,
        minute: 0,
        second: 0,
        microsecond: 0,
        afternoon: None,
        zone: None,
    };
    let mut characters = expanded.chars();
    while let Some(character) = characters.next() {
        if character.is_whitespace() {
            let trimmed = reading.rest.trim_start();
            if trimmed.len() == reading.rest.len() {
                return Err(mismatch());
            }
            reading.rest = trimmed;
        } else if character == '%' {
            let kind = characters.next().ok_or_else(mismatch)?;
            reading.directive(kind)?.ok_or_else(mismatch)?;
        } else {
            reading.rest = reading.rest.strip_prefix(character).ok_or_else(mismatch)?;
        }
    }
    if !reading.rest.is_empty() {
        let message = format!("unconverted data remains: {}", reading.rest);
        return Err(Error::new(ErrorKind::Value, message));
    }
    reading.finish().map_err(|_| mismatch())
}

impl Reading<'_> {
    /// Up to `width` digits within limits, as the shortest prefix that fits.
    fn number(&mut self, width: usize, least: i128, most: i128) -> Option<i128> {
        let digits = self.rest.bytes().take(width).take_while(u8::is_ascii_digit).count();
        (1..=digits).rev().find_map(|length| {
            let number: i128 = self.rest[..length].parse().ok()?;
            if (least..=most).contains(&number) {
                self.rest = &self.rest[length..];
                return Some(number);
            }
            None
        })
    }

    fn name(&mut self, names: &[&str], short: bool) -> Option<usize> {
        let index = names.iter().position(|name| {
            let wanted = if short { &name[..3] } else { name };
            self.rest.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted))
        })?;
        self.rest = &self.rest[if short { 3 } else { names[index].len() }..];
        Some(index)
    }

    /// Reads what one directive stands for; `None` when the text does not fit.
    fn directive(&mut self, kind: char) -> Result<Option<()>, Error> {
        Ok(self.read(kind)?.map(|_| ()))
    }

    fn read(&mut self, kind: char) -> Result<Option<i128>, Error> {
        let read = match kind {
            'Y' => {
                let four = self.rest.get(..4).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                four.is_some().then(|| self.number(4, 0, 9999)).flatten().inspect(|year| self.year = *year)
            }
            'y' => self.number(2, 0, 99).inspect(|year| self.year = year + if *year < 69 { 2000 } else { 1900 }),
            'm' => self.number(2, 1, 12).inspect(|month| self.month = *month),
            'd' => self.number(2, 1, 31).inspect(|day| self.day = *day),
            'j' => self.number(3, 1, 366).inspect(|day| self.day_of_year = Some(*day)),
            'H' => self.number(2, 0, 23).inspect(|hour| self.hour = *hour),
            'I' => self.number(2, 1, 12).inspect(|hour| {
                self.hour = *hour;
                self.afternoon = self.afternoon.or(Some(false));
            }),
            'M' => self.number(2, 0, 59).inspect(|minute| self.minute = *minute),
            'S' => self.number(2, 0, 61).inspect(|second| self.second = *second),
            'f' => {
                let before = self.rest.len();
                self.number(6, 0, 999_999).inspect(|fraction| {
                    let digits = u32::try_from(before - self.rest.len()).unwrap_or(6);
                    self.microsecond = fraction * 10i128.pow(6 - digits.min(6));
                })
            }
            'b' | 'h' => self.name(&MONTHS, true).map(|month| month as i128 + 1).inspect(|month| self.month = *month),
            'B' => self.name(&MONTHS, false).map(|month| month as i128 + 1).inspect(|month| self.month = *month),
            'a' => self.name(&WEEKDAYS, true).map(|_| 0),
            'A' => self.name(&WEEKDAYS, false).map(|_| 0),
            'p' => {
                let half = self.rest.get(..2).map(str::to_ascii_uppercase);
                let afternoon = match half.as_deref() {
                    Some("AM") => Some(false),
                    Some("PM") => Some(true),
                    _ => None,
                };
                afternoon.map(|afternoon| {
                    self.afternoon = Some(afternoon);
                    self.rest = &self.rest[2..];
                    0
                })
            }
            'z' => self.offset().map(|zone| {
                self.zone = Some(zone);
                0
            }),
            'Z' => ["UTC", "GMT"].iter().find_map(|name| self.rest.strip_prefix(name)).map(|rest| {
                self.rest = rest;
                0
            }),
            '%' => self.rest.strip_prefix('%').map(|rest| {
                self.rest = rest;
                0
            }),
            other => {
                let message = format!("'{other}' is a bad directive in a format of strptime");
                return Err(Error::new(ErrorKind::Value, message));
            }
        };
        Ok(read)
    }

    /// `+0200`, `+02:00` or `Z`
    fn offset(&mut self) -> Option<Zone> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Some(Zone::utc());
        }
        let sign = match self.rest.bytes().next()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let hours = self.number(2, 0, 23)?;
        self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
        let minutes = self.number(2, 0, 59)?;
        Zone::fixed(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?).ok()
    }

    fn finish(self) -> Result<DateTime, Error> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let invalid = |_| Error::new(ErrorKind::Value, "invalid date");
        let date = match self.day_of_year {
            None => date_of(Some(self.year), Some(self.month), Some(self.day))?,
            Some(day) => {
                let start = date_of(Some(self.year), Some(1), Some(1))?;
                let day = i16::try_from(day).unwrap_or(0);
                start.with().day_of_year(day).build().map_err(invalid)?
            }
        };
        let small = |part: i128| i8::try_from(part).unwrap_or(0);
        let nanosecond = i32::try_from(self.microsecond * 1000).unwrap_or(0);
        let time = civil::Time::new(small(hour), small(self.minute), small(self.second.min(59)), nanosecond);
        Ok(DateTime { at: date.to_datetime(time.map_err(invalid)?), zone: self.zone })
    }
}

/// `datetime.fromisoformat(text)`
pub(super) fn parse_iso(text: &str) -> Result<DateTime, Error> {
    let invalid = || Error::new(ErrorKind::Value, format!("Invalid isoformat string: '{text}'"));
    let (day, rest) = text.split_at_checked(10).ok_or_else(invalid)?;
    if rest.is_empty() {
        return Ok(DateTime { at: parse_iso_date(day)?.to_datetime(civil::Time::midnight()), zone: None });
    }
    let clock = rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
    let zone_at = clock.find(['+', '-', 'Z']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone_at);
    let pattern = match (clock.len(), clock.contains('.')) {
        (2, _) => "%Y-%m-%d %H",
        (5, _) => "%Y-%m-%d %H:%M",
        (_, false) => "%Y-%m-%d %H:%M:%S",
        (_, true) => "%Y-%m-%d %H:%M:%S.%f",
    };
    let pattern = if zone.is_empty() { pattern.to_string() } else { format!("{pattern}%z") };
    parse(&format!("{day} {clock}{zone}"), &pattern).map_err(|_| invalid())
}

/// `date.fromisoformat(text)`
pub(super) fn parse_iso_date(text: &str) -> Result<civil::Date, Error> {
    let invalid = || Error::new(ErrorKind::Value, format!("Invalid isoformat string: '{text}'"));
    let pattern = if text.len() == 8 { "%Y%m%d" } else { "%Y-%m-%d" };
    if !matches!(text.len(), 8 | 10) {
        return Err(invalid());
    }
    parse(text, pattern).map(|moment| moment.at.date()).map_err(|_| invalid())
}
