//! The process that has a database file open: who it is and since when, as far as the system tells.

use std::fs;

/// Describes the process that an engine's message names as `(PID 4242)`; none when it names none, or the system tells nothing of it.
pub(crate) fn occupant(message: &str) -> Option<String> {
    let process = message.split("(PID ").nth(1)?.split(')').next()?.trim();
    let words = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let words: Vec<String> = words
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let program = words.first()?.rsplit('/').next().unwrap_or_default();
    let command = std::iter::once(program).chain(words.iter().skip(1).map(String::as_str)).collect::<Vec<_>>();
    let since = started(process).map_or_else(String::new, |moment| format!(", since {moment} UTC"));
    Some(format!("process {process} has it: {}{since}", command.join(" ")))
}

/// When a process began. The system counts hundredths of a second since it was started itself.
fn started(process: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may hold blanks.
    let ticks: i64 = status.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot: i64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let moment = jiff::Timestamp::from_second(boot + ticks / 100).ok()?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    Some(format!("{} {}", moment.date(), moment.time()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::occupant;

    #[test]
    fn this_process_is_described() {
        let process = std::process::id();
        let text =
            occupant(&format!("Conflicting lock is held in /usr/bin/hw (PID {process}). See also")).expect("itself");
        assert!(text.starts_with(&format!("process {process} has it: ")) && text.ends_with(" UTC"), "{text}");
        assert_eq!(occupant("no lock at all"), None);
    }
}
