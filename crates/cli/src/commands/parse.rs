//! `hw parse`: reads the project and writes its manifest.

use std::collections::HashMap;

use clap::Args;
use highwater::artifacts;
use highwater::diagnostics::json;
use highwater::session::Session;
use serde_json::{Map, Value, json};

use super::nodes;
use crate::arguments::{GlobalArguments, LogLevel, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::ui::Ui;
use crate::ui::words::count;

/// Reads the project, checks that it holds together, and writes target/manifest.json
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Parses.
///
/// # Errors
/// Everything wrong in the files.
pub fn execute(_arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let session = nodes::glance(global, ui)?;
    let path = session.project.target_path.join("manifest.json");
    if !global.no_write_json {
        artifacts::write_manifest(&path, &session, &HashMap::new())?;
    }
    let found = found(&session);
    let words: Vec<String> = found.iter().map(|(word, number)| count(*number, word)).collect();
    ui.say(
        LogLevel::Info,
        "ParsePerfInfoPath",
        &format!("{} holds together: {}", session.project.name, words.join(", ")),
    );
    if ui.answers_json() {
        ui.answer_json(&json!({
            "project": session.project.name,
            "found": found.iter().map(|(word, number)| ((*word).to_owned(), json!(number))).collect::<Map<String, Value>>(),
            "manifest": if global.no_write_json { Value::Null } else { json!(path) },
            "diagnostics": json::values(&session.warnings),
        }))?;
    }
    Ok(Exit::Ok)
}

/// What the project holds: words and numbers, the common things first.
pub fn found(session: &Session) -> Vec<(&'static str, u64)> {
    use highwater::manifest::ResourceType as Type;
    let manifest = &session.manifest;
    let of = |kind: Type| manifest.nodes.values().filter(|node| node.kind() == kind).count() as u64;
    let all = [
        ("model", of(Type::Model)),
        ("seed", of(Type::Seed)),
        ("snapshot", of(Type::Snapshot)),
        ("test", of(Type::Test)),
        ("analysis", of(Type::Analysis)),
        ("source", manifest.sources.len() as u64),
        ("exposure", manifest.exposures.len() as u64),
        ("metric", manifest.metrics.len() as u64),
        ("semantic model", manifest.semantic_models.len() as u64),
        ("saved query", manifest.saved_queries.len() as u64),
    ];
    all.into_iter()
        .enumerate()
        .filter(|(index, (_, number))| *index == 0 || *number > 0)
        .map(|(_, found)| found)
        .collect()
}
