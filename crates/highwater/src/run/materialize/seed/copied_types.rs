//! Which type a CSV column has on Postgres: the narrowest that holds all its values, in dbt's order.
//!
//! | order | type | values |
//! | --- | --- | --- |
//! | 1 | integer | `7`, `-7`, `007`, `7.0`, `7e2`, `1,000`, `$5`; also when there is no value at all |
//! | 2 | double precision | `1.5`, `1e-6`, `$0.5` |
//! | 3 | date | `2026-02-01` |
//! | 4 | timestamp | `2026-02-01 10:00:00`, `2026-2-1 4:05:00` |
//! | 5 | timestamp | `2026-02-01T10:00:00.5Z` |
//! | 6 | boolean | `true`, `false` in any case |
//! | 7 | text | everything else: both forms of a timestamp in one column, too, and fractions of a second behind a space |
//!
//! Empty values and the word `null` are NULL. Integers that need more than 32 bits get a wider type, where dbt would fail;
//! instants with a zone are kept in UTC.

use jiff::civil::{Date, DateTime, Time};

/// A type found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inferred {
    Integer,
    BigInteger,
    HugeInteger,
    Double,
    Date,
    Timestamp,
    /// A timestamp as ISO 8601 writes it.
    Instant,
    Boolean,
    Text,
}

impl Inferred {
    /// The engine's name for it.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::BigInteger => "bigint",
            Self::HugeInteger => "numeric",
            Self::Double => "double precision",
            Self::Date => "date",
            Self::Timestamp | Self::Instant => "timestamp without time zone",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }

    /// Whether a value that means something is of this type.
    fn holds(self, value: &str) -> bool {
        match self {
            Self::Integer => whole(value).is_some_and(|text| text.parse::<i32>().is_ok()),
            Self::BigInteger => whole(value).is_some_and(|text| text.parse::<i64>().is_ok()),
            Self::HugeInteger => whole(value).is_some(),
            Self::Double => number(value).is_some(),
            Self::Date => date(value).is_some(),
            Self::Timestamp => timestamp(value).is_some(),
            Self::Instant => instant(value).is_some(),
            Self::Boolean => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Self::Text => true,
        }
    }
}

const ORDER: [Inferred; 9] = [
    Inferred::Integer,
    Inferred::BigInteger,
    Inferred::HugeInteger,
    Inferred::Double,
    Inferred::Date,
    Inferred::Timestamp,
    Inferred::Instant,
    Inferred::Boolean,
    Inferred::Text,
];

/// Whether nothing is meant.
pub(super) fn is_null(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || value.eq_ignore_ascii_case("null")
}

/// The type of a column with these values.
pub(super) fn infer<'a>(values: impl Iterator<Item = &'a str>) -> Inferred {
    // What does not fit a value fits no column that holds it: later types take over, earlier ones never come back.
    let mut candidates = ORDER.to_vec();
    for value in values.filter(|value| !is_null(value)) {
        candidates.retain(|candidate| candidate.holds(value.trim()));
    }
    candidates.first().copied().unwrap_or(Inferred::Text)
}

/// A value as its type is written; as it stands where the configuration names the type.
pub(super) fn written(value: &str, inferred: Option<Inferred>) -> String {
    let trimmed = value.trim();
    let normal = match inferred {
        Some(Inferred::Integer | Inferred::BigInteger | Inferred::HugeInteger) => whole(trimmed),
        Some(Inferred::Double) => number(trimmed),
        Some(Inferred::Date) => date(trimmed).map(|date| date.to_string()),
        Some(Inferred::Timestamp) => timestamp(trimmed).map(|moment| moment.to_string()),
        Some(Inferred::Instant) => instant(trimmed).map(|moment| moment.to_string()),
        Some(Inferred::Boolean) => Some(trimmed.to_ascii_lowercase()),
        Some(Inferred::Text) | None => None,
    };
    normal.unwrap_or_else(|| value.to_owned())
}

/// A number without signs of currency, groups and percent, which dbt passes over.
fn number(value: &str) -> Option<String> {
    let (sign, rest) = match value.strip_prefix(['-', '+']) {
        Some(rest) => (if value.starts_with('-') { "-" } else { "" }, rest),
        None => ("", value),
    };
    let digits: String = rest.trim_matches(['$', '£', '€', '¥', '%', ' ']).replace(',', "");
    let starts = digits.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
    let plain = digits.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | 'e' | 'E' | '+' | '-'));
    (starts && plain && digits.parse::<f64>().is_ok_and(f64::is_finite)).then(|| format!("{sign}{digits}"))
}

/// The digits of a whole number; zeros behind a point do not count, and an exponent moves the point.
fn whole(value: &str) -> Option<String> {
    let number = number(value)?;
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((&number, "0"));
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa),
    };
    let (before, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // No engine has integers of more digits.
    let exponent = exponent.parse::<i32>().ok().filter(|exponent| exponent.abs() <= 40)?;
    let point = usize::try_from(i32::try_from(before.len()).ok()? + exponent).ok()?;
    let digits = format!("{before}{behind}{}", "0".repeat(point.saturating_sub(before.len() + behind.len())));
    let plain = |text: &str| text.chars().all(|letter| letter.is_ascii_digit());
    let (whole, fraction) = digits.split_at_checked(point)?;
    if whole.is_empty() || !plain(whole) || fraction.chars().any(|letter| letter != '0') {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    Some(if whole.is_empty() { "0".to_owned() } else { format!("{sign}{whole}") })
}

fn date(value: &str) -> Option<Date> {
    let mut parts = value.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let short = |text: &str| (1..=2).contains(&text.len()) && text.chars().all(|letter| letter.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || !short(month) || !short(day) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `2026-02-01 10:00:00` with or without leading zeros.
fn timestamp(value: &str) -> Option<DateTime> {
    let (day, time) = value.split_once(' ')?;
    let mut parts = time.splitn(3, ':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    Some(date(day)?.to_datetime(Time::new(hour, minute, second, 0).ok()?))
}

/// What ISO 8601 allows. With a zone it is kept in UTC; without one it is what it says.
fn instant(value: &str) -> Option<DateTime> {
    value.split_once('T')?;
    match value.parse::<jiff::Timestamp>() {
        Ok(instant) => Some(instant.to_zoned(jiff::tz::TimeZone::UTC).datetime()),
        Err(_) => value.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_type_that_holds_all_values() {
        let cases: [(&[&str], &str); 22] = [
            (&["1", "-2", ""], "integer"),
            (&["007", "null"], "integer"),
            (&["1", "2.0", "1e5", "1.5e1"], "integer"),
            (&["15e-1"], "double precision"),
            (&["", ""], "integer"),
            (&["1,000", "$5"], "integer"),
            (&["3000000000"], "bigint"),
            (&["30000000000000000000"], "numeric"),
            (&["1", "1.5", "1e6"], "double precision"),
            (&["50%", "1.5"], "double precision"),
            (&["2026-02-01", ""], "date"),
            (&["2026-02-31"], "text"),
            (&["2026-02-01T10:00:00Z", "2026-02-01T10:00:00.5"], "timestamp without time zone"),
            (&["2026-02-01 10:00:00", "2026-02-01T10:00:00"], "text"),
            (&["2026-02-01 10:00:00.5"], "text"),
            (&["2026-02-01 4:05:00", "2026-2-1 10:00:00"], "timestamp without time zone"),
            (&["2026-02-01", "2026-02-01 10:00:00"], "text"),
            (&["true", "False"], "boolean"),
            (&["1", "true"], "text"),
            (&["1", "a"], "text"),
            (&["e5"], "text"),
            (&["."], "text"),
        ];
        for (values, expected) in cases {
            assert_eq!(infer(values.iter().copied()).sql(), expected, "{values:?}");
        }
    }

    #[test]
    fn values_are_written_as_their_type_is() {
        let cases = [
            (" 007.0 ", Some(Inferred::Integer), "7"),
            ("-0", Some(Inferred::Integer), "0"),
            ("1.5e3", Some(Inferred::Integer), "1500"),
            ("-$1,000.50", Some(Inferred::Double), "-1000.50"),
            ("2026-2-1", Some(Inferred::Date), "2026-02-01"),
            ("2026-2-1 4:05:00", Some(Inferred::Timestamp), "2026-02-01T04:05:00"),
            ("2026-02-01T10:00:00+02:00", Some(Inferred::Instant), "2026-02-01T08:00:00"),
            ("TRUE", Some(Inferred::Boolean), "true"),
            (" as it is ", Some(Inferred::Text), " as it is "),
            (" 007", None, " 007"),
        ];
        for (value, inferred, expected) in cases {
            assert_eq!(written(value, inferred), expected, "{value}");
        }
    }
}
