//! What a run came to: one sentence for people, dbt's counts for those who search for them.

use highwater::exact::{Cut, Mode, SwapReport};
use highwater::manifest::{Manifest, ResourceType};
use highwater::run::{NodeResult, RunResults, Status};
use serde_json::{Value, json};

use super::words::{bad, count, good, plural, thousands, warn};

/// What a run came to.
#[derive(Debug)]
pub struct Summary {
    /// `done in 0.6 s: 3 models changed, 11 unchanged; complete through 2026-11-22`
    pub line: String,
    /// `2 seeds, 3 models, 4 tests`
    pub kinds: String,
    /// dbt's counts.
    pub counts: Value,
    /// Whether anything failed.
    pub failed: bool,
    /// How many failed.
    pub failures: u64,
    /// How many warned.
    pub warnings: u64,
}

impl Summary {
    /// Counts.
    pub fn new(manifest: &Manifest, results: &RunResults) -> Self {
        let of = |statuses: &[Status]| statuses.iter().map(|status| results.count(*status) as u64).sum::<u64>();
        let failures = results.results.iter().filter(|result| result.failed()).count() as u64;
        let warnings = of(&[Status::Warn]);
        let counts = json!({
            "pass": of(&[Status::Success, Status::Pass]),
            "warn": warnings,
            "error": failures,
            "skip": skipped(results),
            "no_op": of(&[Status::NoOp]),
            "total": results.results.len(),
        });
        let line = if failures > 0 { failed_line(results, failures) } else { done_line(manifest, results) };
        Self { line, kinds: kinds(manifest, results), counts, failed: failures > 0, failures, warnings }
    }

    /// The sentence, its first words coloured by how it went.
    pub fn coloured(&self) -> String {
        let (head, tail) = self.line.split_once(':').unwrap_or((&self.line, ""));
        let head = if self.failed {
            bad(head)
        } else if self.warnings > 0 {
            warn(head)
        } else {
            good(head)
        };
        if tail.is_empty() { head } else { format!("{head}:{tail}") }
    }

    /// dbt's counts under the names they have in its log.
    pub fn stats(&self) -> Value {
        let mut stats = self.counts.clone();
        if let Some(fields) = stats.as_object_mut()
            && let Some(number) = fields.remove("no_op")
        {
            fields.insert("noop".to_owned(), number);
        }
        stats
    }

    /// `Done. PASS=3 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=3`
    pub fn stats_line(&self) -> String {
        let of = |name: &str| self.counts.get(name).and_then(Value::as_u64).unwrap_or(0);
        format!(
            "Done. PASS={} WARN={} ERROR={} SKIP={} NO-OP={} TOTAL={}",
            of("pass"),
            of("warn"),
            of("error"),
            of("skip"),
            of("no_op"),
            of("total")
        )
    }
}

fn failed_line(results: &RunResults, failures: u64) -> String {
    let good = results.results.len() as u64 - failures - skipped(results);
    let names: Vec<&str> = results
        .results
        .iter()
        .filter(|result| result.failed())
        .map(|result| super::run::name_of(&result.unique_id))
        .collect();
    let shown = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    format!(
        "{} failed in {}: {shown}{more}; {} skipped, {} fine",
        count(failures, "node"),
        elapsed(results.elapsed),
        skipped(results),
        thousands(good)
    )
}

/// How many were skipped because of others that failed.
fn skipped(results: &RunResults) -> u64 {
    results.results.iter().filter(|result| result.status == Status::Skipped && !result.failed()).count() as u64
}

fn done_line(manifest: &Manifest, results: &RunResults) -> String {
    let exact: Vec<&SwapReport> = results.results.iter().filter_map(|result| result.exact.as_ref()).collect();
    let others = other_models(manifest, results);
    let models = exact.len() as u64 + others.iter().map(|(_, number)| number).sum::<u64>();
    let tests =
        results.results.iter().filter(|result| matches!(result.status, Status::Pass | Status::Warn)).count() as u64;
    let seeds = of_kind(manifest, results, ResourceType::Seed);
    if results.results.is_empty() {
        return "nothing to do: nothing is selected".to_owned();
    }
    let only_views = others.iter().all(|(word, _)| *word == "view");
    if !exact.is_empty() && only_views && seeds == 0 && exact.iter().all(|report| report.mode == Mode::Unchanged) {
        let tested = if tests > 0 { format!(", {}", test_words(results, tests)) } else { String::new() };
        return format!(
            "nothing to do: no input changed ({} looked at{tested}, {})",
            count(models, "model"),
            elapsed(results.elapsed)
        );
    }
    let mut parts = Vec::new();
    if !exact.is_empty() {
        let changed = exact.iter().filter(|report| report.changed).count() as u64;
        let same = exact.len() as u64 - changed;
        parts.push(match (changed, same) {
            (0, _) => format!("no exact model changed ({} looked at)", thousands(same)),
            (_, 0) => format!("{} changed", count(changed, "exact model")),
            _ => format!("{} changed, {} unchanged", count(changed, "exact model"), thousands(same)),
        });
    }
    parts.extend(others.iter().map(|(word, number)| format!("{} built", count(*number, word))));
    if seeds > 0 {
        parts.push(format!("{} loaded", count(seeds, "seed")));
    }
    if tests > 0 {
        parts.push(test_words(results, tests));
    }
    let mut line = format!("done in {}: {}", elapsed(results.elapsed), parts.join("; "));
    if let Some(latest) = complete_through(&exact) {
        line.push_str(&format!("; complete through {latest}"));
    }
    line
}

fn test_words(results: &RunResults, tests: u64) -> String {
    match results.count(Status::Warn) as u64 {
        0 => format!("{} passed", count(tests, "test")),
        warned => format!("{} passed, {} warned", count(tests - warned, "test"), thousands(warned)),
    }
}

/// Models that are not exact, by materialization.
fn other_models(manifest: &Manifest, results: &RunResults) -> Vec<(&'static str, u64)> {
    let word = |result: &&NodeResult| {
        let node = manifest.nodes.get(&result.unique_id)?;
        (node.resource_type == ResourceType::Model && result.exact.is_none() && result.status == Status::Success).then(
            || match node.config.materialized() {
                "view" => "view",
                "table" => "table",
                "incremental" => "incremental model",
                _ => "model",
            },
        )
    };
    let mut found = Vec::new();
    for kind in ["incremental model", "table", "view", "model"] {
        let number = results.results.iter().filter(|result| word(result) == Some(kind)).count() as u64;
        if number > 0 {
            found.push((kind, number));
        }
    }
    found
}

fn of_kind(manifest: &Manifest, results: &RunResults, kind: ResourceType) -> u64 {
    let is =
        |result: &&NodeResult| manifest.nodes.get(&result.unique_id).is_some_and(|node| node.resource_type == kind);
    results.results.iter().filter(is).count() as u64
}

/// The latest interval that every exact model of the run has, when all are cut by the same unit.
fn complete_through(exact: &[&SwapReport]) -> Option<String> {
    let mut found: Option<(&str, &str)> = None;
    for report in exact {
        let Cut::Interval { unit, .. } = &report.cut else { continue };
        let latest = report.latest.as_deref()?;
        found = match found {
            None => Some((unit, latest)),
            Some((other, _)) if other != *unit => return None,
            Some((_, earliest)) => Some((unit, earliest.min(latest))),
        };
    }
    found.map(|(_, latest)| latest.to_owned())
}

/// `2 seeds, 3 models, 4 tests`
fn kinds(manifest: &Manifest, results: &RunResults) -> String {
    let mut parts = Vec::new();
    let kinds = [
        (ResourceType::Seed, "seed"),
        (ResourceType::Model, "model"),
        (ResourceType::Snapshot, "snapshot"),
        (ResourceType::Test, "data test"),
        (ResourceType::UnitTest, "unit test"),
    ];
    for (kind, word) in kinds {
        let number = of_kind(manifest, results, kind);
        if number > 0 {
            parts.push(count(number, word));
        }
    }
    let begins = |result: &&NodeResult, word: &str| result.unique_id.starts_with(word);
    for word in ["exposure", "saved query"] {
        let prefix = format!("{}.", word.replace(' ', "_"));
        let number = results.results.iter().filter(|result| begins(result, &prefix)).count() as u64;
        if number > 0 {
            parts.push(count(number, word));
        }
    }
    let known = |result: &&NodeResult| {
        manifest.nodes.contains_key(&result.unique_id) || begins(result, "exposure.") || begins(result, "saved_query.")
    };
    let hooks = results.results.iter().filter(|result| !known(result)).count() as u64;
    if hooks > 0 {
        parts.push(format!("{} project {}", thousands(hooks), plural(hooks, "hook")));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// Seconds with one decimal: the summary needs no more.
fn elapsed(seconds: f64) -> String {
    if seconds < 100.0 { format!("{seconds:.1} s") } else { super::words::seconds(seconds) }
}
