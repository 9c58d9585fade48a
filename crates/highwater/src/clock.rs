//! The clock: `HW_NOW` (ISO 8601, UTC) replaces the machine's, for tests and replays.

use jiff::{Timestamp, civil, tz::TimeZone};

/// The name of the variable.
pub const VARIABLE: &str = "HW_NOW";

/// The present moment, or what `HW_NOW` says it is.
///
/// # Errors
/// The text of `HW_NOW` when it is no moment.
pub fn now() -> Result<Timestamp, String> {
    let Some(text) = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty()) else {
        return Ok(Timestamp::now());
    };
    parse(text.trim()).ok_or(text)
}

/// Reads a moment: with zone or offset as written, without one as UTC; a bare day is its midnight.
pub fn parse(text: &str) -> Option<Timestamp> {
    let utc = |moment: civil::DateTime| moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<civil::DateTime>().ok().and_then(utc))
        .or_else(|| text.parse::<civil::Date>().ok().and_then(|day| utc(day.to_datetime(civil::Time::midnight()))))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_moment_without_a_zone_is_utc() {
        for text in ["2026-02-01T10:00:00", "2026-02-01 10:00:00", "2026-02-01T10:00:00Z", "2026-02-01T11:00:00+01:00"]
        {
            assert_eq!(parse(text).expect(text).to_string(), "2026-02-01T10:00:00Z", "{text}");
        }
        assert_eq!(parse("2026-02-01").expect("a day").to_string(), "2026-02-01T00:00:00Z");
        assert_eq!(parse("tomorrow"), None);
    }
}
