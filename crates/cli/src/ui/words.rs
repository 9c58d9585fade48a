//! Numbers, plurals and durations as people read them, and the few colours.

use highwater::exact::Cut;
use owo_colors::OwoColorize;

/// `1 day`, `2 days`, `2,214 partitions`.
pub fn count(number: u64, singular: &str) -> String {
    format!("{} {}", thousands(number), plural(number, singular))
}

/// Some partitions of a table: `4 days`, `2,966 keys`, `the table`.
pub fn partitions(cut: &Cut, number: u64) -> String {
    match cut {
        Cut::Interval { unit, .. } => count(number, unit),
        Cut::Key { .. } => count(number, "key"),
        Cut::Whole => "the table".to_owned(),
    }
}

/// The noun for a number of things.
pub fn plural(number: u64, singular: &str) -> String {
    if number == 1 {
        return singular.to_owned();
    }
    match singular.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        None if singular.ends_with("ch") => format!("{singular}es"),
        _ => format!("{singular}s"),
    }
}

/// `18,204`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `950`, `41 k`, `18.2 M`: a number whose size is the point.
pub fn about(number: u64) -> String {
    match number {
        0..=9_999 => thousands(number),
        10_000..=999_499 => format!("{} k", (number + 500) / 1_000),
        #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
        _ => format!("{:.1} M", number as f64 / 1e6),
    }
}

/// `0.31 s`, `12.4 s`, `3 min 05 s`.
pub fn seconds(seconds: f64) -> String {
    if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 99.95 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor())
    }
}

/// `5 s`, `3 min`, `2.5 h`: a time that nobody knows exactly.
pub fn roughly(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => "1 s".to_owned(),
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Good.
pub fn good(text: &str) -> String {
    text.green().to_string()
}

/// To look at.
pub fn warn(text: &str) -> String {
    text.yellow().to_string()
}

/// Wrong.
pub fn bad(text: &str) -> String {
    text.red().to_string()
}

/// Beside the point, for those who look.
pub fn faint(text: &str) -> String {
    text.dimmed().to_string()
}

/// The point.
pub fn strong(text: &str) -> String {
    text.bold().to_string()
}

#[cfg(test)]
mod tests {
    use super::{about, count, plural, seconds, thousands};

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(18_204), "18,204");
        assert_eq!(thousands(1_002_003), "1,002,003");
        assert_eq!(about(41_200), "41 k");
        assert_eq!(about(18_200_000), "18.2 M");
        assert_eq!(count(1, "day"), "1 day");
        assert_eq!(count(2, "day"), "2 days");
        assert_eq!(plural(2, "query"), "queries");
        assert_eq!(plural(2, "batch"), "batches");
        assert_eq!(seconds(0.314), "0.31 s");
        assert_eq!(seconds(185.2), "3 min 05 s");
    }
}
