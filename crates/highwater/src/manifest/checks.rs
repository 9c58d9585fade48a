//! What must not be: two nodes of one name, two nodes in one place, circles, and configuration that cannot be meant.

use std::collections::HashMap;

use super::draft::{Draft, Origin};
use super::patch::Patch;
use super::{Manifest, ResourceType, graph, resolve};
use crate::diagnostics::Diagnostic;

/// Names and places that two enabled nodes share.
pub(super) fn nodes(drafts: &[Draft<'_>], issues: &mut super::issues::Issues) {
    let mut by_id: HashMap<&str, &Draft<'_>> = HashMap::new();
    let mut by_name: HashMap<(&str, &str), &Draft<'_>> = HashMap::new();
    let mut by_place: HashMap<String, &Draft<'_>> = HashMap::new();
    for draft in drafts.iter().filter(|draft| draft.node.config.enabled()) {
        let node = &draft.node;
        if let Some(other) = by_id.insert(&node.unique_id, draft) {
            issues.add(same_name(other, draft));
            continue;
        }
        if node.is_refable()
            && node.version.is_none()
            && let Some(other) = by_name.insert((&node.package_name, &node.name), draft)
        {
            issues.add(same_name(other, draft));
            continue;
        }
        if node.is_relational()
            && let Some(other) = by_place.insert(node.relation.sql().to_lowercase(), draft)
        {
            issues.add(same_place(other, draft));
        }
    }
}

fn same_name(first: &Draft<'_>, second: &Draft<'_>) -> Diagnostic {
    let word = second.node.resource_type.word();
    let name = &second.node.name;
    let same_kind = first.node.resource_type == second.node.resource_type;
    let title = if same_kind {
        format!("there are two {word}s `{name}`")
    } else {
        format!("`{name}` is both a {} and a {word}", first.node.resource_type.word())
    };
    let error = Diagnostic::error(if second.node.test_metadata.is_some() { "HW0207" } else { "HW0201" }, title)
        .at(&second.file, second.place.0, second.place.1, "")
        .at(&first.file, first.place.0, first.place.1, "the other one");
    let error = both_files(error, first, second);
    if second.node.test_metadata.is_some() {
        error.help("give one of them a `name:` of its own, or remove it")
    } else {
        error.help("`ref` could not tell them apart: rename or disable one of them")
    }
}

fn same_place(first: &Draft<'_>, second: &Draft<'_>) -> Diagnostic {
    let title =
        format!("`{}` and `{}` would both be built as {}", first.node.name, second.node.name, second.node.relation);
    let error = Diagnostic::error("HW0202", title).at(&second.file, second.place.0, second.place.1, "").at(
        &first.file,
        first.place.0,
        first.place.1,
        "the other one",
    );
    both_files(error, first, second).help("give one of them another `alias` or `schema`")
}

fn both_files(error: Diagnostic, first: &Draft<'_>, second: &Draft<'_>) -> Diagnostic {
    if first.file.path == second.file.path {
        return error;
    }
    error.note(format!("they stand in {} and {}", first.file.path, second.file.path))
}

/// Configuration of one node that cannot be meant.
pub(super) fn config(draft: &Draft<'_>, patch: Option<&Patch<'_>>) -> Vec<Diagnostic> {
    let node = &draft.node;
    let mut problems = Vec::new();
    if !node.config.enabled() {
        return problems;
    }
    let mut wrong = |title: String, help: &str| {
        let error = draft.error("HW0208", title).help(help);
        problems.push(match patch {
            Some(patch) if draft.place == (0, 0) => error.note(format!("it is described in {}", patch.described.path)),
            _ => error,
        });
    };
    match node.resource_type {
        ResourceType::Model => {
            let access = node.access.as_deref().unwrap_or_default();
            if !["private", "protected", "public"].contains(&access) {
                wrong(
                    format!("`access: {access}` of `{}` is none of dbt's words", node.name),
                    "use private, protected or public",
                );
            }
            audits(draft, &mut wrong);
            partials(draft, &mut wrong);
            if node.config.materialized() == "incremental"
                && node.config.text("incremental_strategy") == Some("microbatch")
            {
                for (key, article) in [("event_time", "an"), ("begin", "a"), ("batch_size", "a")] {
                    if node.config.get(key).is_none() {
                        wrong(
                            format!("the microbatch model `{}` does not say `{key}`", node.name),
                            &format!(
                                "it must provide {article} '{key}', as event_time, begin and batch_size are needed"
                            ),
                        );
                    }
                }
            }
        }
        ResourceType::Test => {
            let severity = node.config.text("severity").unwrap_or("error").to_lowercase();
            if !["warn", "error"].contains(&severity.as_str()) {
                wrong(
                    format!("`severity: {severity}` of `{}` is neither warn nor error", node.name),
                    "use warn or error",
                );
            }
        }
        ResourceType::Snapshot => snapshot(draft, &mut wrong),
        _ => {}
    }
    problems
}

/// What cannot be meant about tests that come before publishing.
fn audits(draft: &Draft<'_>, wrong: &mut impl FnMut(String, &str)) {
    let (name, config) = (&draft.node.name, &draft.node.config);
    for (key, words, help) in [
        ("audits", ["before", "after"], "write audits: before to let rows wait for their tests"),
        ("on_held", ["skip", "use_old"], "when rows are held back, skip what reads the model, or let it use_old rows"),
    ] {
        if let Some(value) = config.highwater(key)
            && !value.as_str().is_some_and(|word| words.contains(&word))
        {
            wrong(
                format!("`meta.highwater.{key}: {value}` of `{name}` is neither {} nor {}", words[0], words[1]),
                help,
            );
        }
    }
    let before = config.highwater("audits").and_then(serde_json::Value::as_str) == Some("before");
    if before && config.materialized() == "incremental" && !config.is_exact() {
        wrong(
            format!("`{name}` says `audits: before`, which works for exact models and whole tables"),
            "dbt's incremental strategies write into the live table: use incremental_strategy: exact, or set audits: after",
        );
    }
}

/// What cannot be meant about partial aggregates.
fn partials(draft: &Draft<'_>, wrong: &mut impl FnMut(String, &str)) {
    let (name, config) = (&draft.node.name, &draft.node.config);
    let Some(value) = config.highwater("partials") else { return };
    if config.partials().is_none() {
        wrong(
            format!("`meta.highwater.partials: {value}` of `{name}` is no step of time"),
            "write partials: day (or hour, month, year), or partials: {batch_size: day, event_time: ordered_at}",
        );
    } else if !config.is_exact() {
        wrong(
            format!("`{name}` says `partials`, which works for exact models"),
            "use materialized: incremental with incremental_strategy: exact, or remove it",
        );
    }
}

fn snapshot(draft: &Draft<'_>, wrong: &mut impl FnMut(String, &str)) {
    let (name, config) = (&draft.node.name, &draft.node.config);
    let strategy = config.text("strategy");
    if strategy.is_none() || config.get("unique_key").is_none() {
        wrong(
            format!("the snapshot `{name}` must say its `strategy` and its `unique_key`"),
            "add both to its configuration",
        );
    }
    if strategy == Some("timestamp") && config.text("updated_at").is_none() {
        wrong(format!("the snapshot `{name}` must say `updated_at`"), "name the column that tells when a row changed");
    }
    let check = config.get("check_cols");
    if strategy == Some("timestamp") && check.is_some() {
        wrong(
            format!("the snapshot `{name}` has the strategy timestamp, and says `check_cols`"),
            "remove check_cols, or use the strategy check",
        );
    }
    if strategy == Some("check") && check.and_then(serde_json::Value::as_str).is_some_and(|word| word != "all") {
        wrong(format!("`check_cols` of the snapshot `{name}` is neither `all` nor a list"), "write [a, b], or all");
    }
    if config.materialized() != "snapshot" {
        wrong(
            format!("the snapshot `{name}` says `materialized: {}`", config.materialized()),
            "remove materialized: a snapshot is a table of its own kind",
        );
    }
    if strategy == Some("check") && check.is_none() {
        wrong(
            format!("the snapshot `{name}` must say `check_cols`"),
            "list the columns to compare, or write check_cols: all",
        );
    }
}

/// The first circle of the graph, as an error that points at each step's file.
pub(super) fn cycle(manifest: &Manifest, origins: &[Origin]) -> Option<Diagnostic> {
    let error = graph::cycle(manifest)?;
    let path = graph::cycle_path(manifest)?;
    let by_id: HashMap<&str, &Origin> = origins.iter().map(|origin| (origin.unique_id.as_str(), origin)).collect();
    let steps = path.windows(2).filter_map(|step| Some((by_id.get(step[0].as_str())?, step[1].as_str())));
    Some(steps.fold(error, |error, (origin, parent)| {
        let node = &manifest.nodes[&origin.unique_id];
        let name = manifest.nodes.get(parent).map_or("", |parent| parent.name.as_str());
        let (start, end) = resolve::asking(origin, node).locate("ref", name, None);
        error.at(&origin.file, start, end, "")
    }))
}
