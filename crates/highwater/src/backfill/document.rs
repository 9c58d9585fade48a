//! The plan as a file: JSON with a hash of its content, and Markdown made of it for people to review.
//!
//! The hash is over everything that was planned and everything it was planned on, and over no clock: planning twice gives the same bytes.
//! Approvals stand beside it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::exact::logic::sha256;

use super::approval::Approval;
use super::error::BackfillError;
use super::request::{Request, What};
use super::site::Reached;

/// What is planned, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The project.
    pub project: String,
    /// The engine, and the database in it.
    pub database: String,
    /// What was asked for.
    pub request: Request,
    /// The models, parents first.
    pub models: Vec<ModelPart>,
    /// What else is reached.
    pub reached: Reached,
    /// Approvals wanted.
    pub approvals: u32,
    /// Days after which it is too old.
    pub expires_days: u32,
    /// Days for which old rows are kept.
    pub keep_days: u32,
}

/// What is planned of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPart {
    /// `model.<package>.<name>`.
    pub unique_id: String,
    /// The word for it.
    pub label: String,
    /// Its table.
    pub table: String,
    /// `exact`, `microbatch`, `merge`.
    pub strategy: String,
    /// Whether it was asked for.
    pub selected: bool,
    /// How it is cut: `day of placed_at`.
    pub cut: String,
    /// `2 days`.
    pub amount: String,
    /// Why all of it, if all of it.
    pub whole: Option<String>,
    /// How its columns change, if they do: `+discount DECIMAL(9,2)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<String>,
    /// The partitions, neighbours as ranges.
    pub partitions: Vec<String>,
    /// How many.
    pub partition_count: u64,
    /// Rows that stand there now.
    pub rows: u64,
    /// Bytes they take, about.
    pub bytes: u64,
    /// Milliseconds that building them takes, by what builds took before.
    pub milliseconds: Option<u64>,
    /// Partitions before `begin`.
    pub before_begin: u64,
    /// Whether `full_refresh: false` forbids building it whole.
    pub protected: bool,
    /// Why these partitions.
    pub why: Vec<String>,
    /// Tests that look at it.
    pub tests: Vec<String>,
    /// The version of its logic.
    pub logic: String,
    /// A hash of what stands in those partitions now.
    pub state: String,
    /// What it is built from.
    pub inputs: Vec<InputPart>,
}

/// An input as the plan saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPart {
    /// The word for it.
    pub table: String,
    /// A hash of what it held.
    pub state: String,
}

/// A plan's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The id: the beginning of the hash.
    pub backfill: String,
    /// The hash of `plan`.
    pub hash: String,
    /// The plan.
    pub plan: Document,
    /// Whether there is room for it. No part of the hash, and coarse: planning twice gives the same bytes.
    #[serde(default)]
    pub room: Room,
    /// Who agreed.
    pub approvals: Vec<Approval>,
}

/// Whether there is room for what a backfill stages and keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    /// Ten times as much is free, or more.
    Plenty,
    /// Enough is free.
    Enough,
    /// Less is free.
    TooLittle,
    /// Nobody here can know: the database is a server's, or in memory.
    #[default]
    Unknown,
}

impl Room {
    /// In words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Plenty => "ten times as much is free",
            Self::Enough => "enough is free, but less than ten times as much",
            Self::TooLittle => "less is free: make room before it is applied",
            Self::Unknown => "how much is free is not known here: look on the server",
        }
    }
}

impl Document {
    /// The hash of everything in it.
    pub fn hash(&self) -> String {
        sha256(&serde_json::to_string(self).unwrap_or_default())
    }

    /// Bytes that side tables take at most, about: staged rows, and old ones beside them.
    pub fn bytes_needed(&self) -> u64 {
        2 * self.models.iter().map(|model| model.bytes).sum::<u64>()
    }

    /// Whether there is room for it, where so many bytes are free.
    pub fn room(&self, free: Option<u64>) -> Room {
        match (free, self.bytes_needed()) {
            (None, _) => Room::Unknown,
            (Some(free), needed) if free < needed => Room::TooLittle,
            (Some(free), needed) if free / 10 < needed => Room::Enough,
            _ => Room::Plenty,
        }
    }

    /// The time that building takes, by what builds took before, in words.
    pub fn time(&self) -> String {
        let known: u64 = self.models.iter().filter_map(|model| model.milliseconds).sum();
        let unknown = self.models.iter().filter(|model| model.milliseconds.is_none());
        let unknown: Vec<&str> = unknown.map(|model| model.label.as_str()).collect();
        let on_top = "audits and the comparison come on top";
        let takes = match known {
            0..100 => "less than 0.1 s".to_owned(),
            _ => format!("about {:.1} s", known as f64 / 1000.0),
        };
        match unknown.len() {
            0 => format!("building takes {takes}, by what builds took before; {on_top}"),
            all if all == self.models.len() => "not known, no build of these has been timed".to_owned(),
            _ => format!(
                "building takes {takes}, by what builds took before, and that of {}, of which no build has been timed; {on_top}",
                unknown.join(", ")
            ),
        }
    }

    /// As much of the hash as people type.
    pub fn id(&self) -> String {
        self.hash()[..10].to_owned()
    }
}

impl File {
    /// A plan that nobody has read yet. `free` is how many bytes are free where the tables lie.
    pub fn new(plan: Document, free: Option<u64>) -> Self {
        let room = plan.room(free);
        Self { backfill: plan.id(), hash: plan.hash(), plan, room, approvals: Vec::new() }
    }
}

/// Reads a plan's file, and holds its content against its hash.
///
/// # Errors
/// [`BackfillError::Unknown`], [`BackfillError::Edited`].
pub fn read(id: &str, text: &str) -> Result<File, BackfillError> {
    let file: File = serde_json::from_str(text).map_err(|error| BackfillError::Unknown {
        id: id.to_owned(),
        reason: format!("its file is no plan: {error}"),
    })?;
    let found = file.plan.hash();
    if found != file.hash || !file.hash.starts_with(&file.backfill) || file.backfill != id {
        return Err(BackfillError::Edited { id: id.to_owned(), found: found[..10].to_owned() });
    }
    Ok(file)
}

/// The two files: JSON and Markdown.
pub fn written(file: &File) -> (String, String) {
    let json = serde_json::to_string_pretty(file).unwrap_or_default();
    (format!("{json}\n"), markdown(file))
}

fn markdown(file: &File) -> String {
    let (id, plan) = (&file.backfill, &file.plan);
    let mut out = format!("# Backfill {id}\n\n{}\n\n", plan.request.reason);
    let mut line = |words: String| {
        let _ = writeln!(out, "- {words}");
    };
    if let Some(ticket) = &plan.request.ticket {
        line(format!("ticket: {ticket}"));
    }
    line(format!("asked for: {}", asked(&plan.request)));
    line(format!("project: {}, on {}", plan.project, plan.database));
    let rows: u64 = plan.models.iter().map(|model| model.rows).sum();
    let bytes: u64 = plan.models.iter().map(|model| model.bytes).sum();
    line(format!(
        "in all: {} models, {} partitions, {rows} rows as they stand now",
        plan.models.len(),
        plan.models.iter().map(|model| model.partition_count).sum::<u64>(),
    ));
    line(format!(
        "room: side tables take about {} while it runs and {} while old rows are kept; {}",
        size(plan.bytes_needed()),
        size(bytes),
        file.room.sentence()
    ));
    line(format!("time: {}", plan.time()));
    line(format!(
        "approvals wanted: {}; the plan lasts {} days, old rows are kept for {}",
        plan.approvals, plan.expires_days, plan.keep_days
    ));
    out.push_str(
        "\n## What is rebuilt\n\n| model | cut | partitions | rows now | why |\n| --- | --- | --- | --- | --- |\n",
    );
    for model in &plan.models {
        let partitions =
            model.whole.as_ref().map_or_else(|| model.partitions.join(", "), |reason| format!("all: {reason}"));
        let _ = writeln!(
            out,
            "| {} | {} | {} ({}) | {} | {} |",
            model.label,
            model.cut,
            partitions,
            model.amount,
            model.rows,
            model.why.join("; ")
        );
    }
    warnings(&mut out, plan);
    out.push_str("\n## What guards it\n\n");
    for model in &plan.models {
        let tests = if model.tests.is_empty() { "no tests".to_owned() } else { model.tests.join(", ") };
        let _ = writeln!(out, "- {}: grain, row counts and columns against the table; {tests}", model.label);
    }
    out.push_str("\n## What it touches\n\n");
    let Reached { exposures, metrics, owners, owed } = &plan.reached;
    let mut touched = false;
    for (word, names) in [
        ("used by", exposures),
        ("metrics", metrics),
        ("owners", owners),
        ("rebuilt by the next run, not by this", owed),
    ] {
        if !names.is_empty() {
            touched = true;
            let _ = writeln!(out, "- {word}: {}", names.join(", "));
        }
    }
    if !touched {
        out.push_str("- nothing else that the project knows of\n");
    }
    let _ = write!(
        out,
        "\n## What to do\n\n```console\n$ hw backfill approve {id} --name NAME\n$ hw backfill apply {id}\n$ hw backfill status {id}\n$ hw backfill rollback {id}\n```\n\n\
         What it was planned on is in `{id}.json`. When that has changed, `apply` refuses and says what moved.\n\n## Approvals\n\n"
    );
    if file.approvals.is_empty() {
        out.push_str("none yet\n");
    }
    for approval in &file.approvals {
        let _ = writeln!(out, "- {}, {} UTC", approval.name, approval.at);
    }
    let _ = writeln!(out, "\nplan {}", file.hash);
    out
}

/// What a reviewer should stop at.
fn warnings(out: &mut String, plan: &Document) {
    let mut lines = Vec::new();
    for model in &plan.models {
        if let Some(change) = &model.columns {
            lines.push(format!("{}: its columns change: {change}", model.label));
        }
        if model.protected {
            lines.push(format!("{}: full_refresh is false; only the partitions above are rebuilt", model.label));
        }
        if model.before_begin > 0 {
            lines.push(format!("{}: {} of its partitions lie before begin", model.label, model.before_begin));
        }
    }
    if !lines.is_empty() {
        out.push_str("\nMind:\n\n");
        for line in lines {
            let _ = writeln!(out, "- {line}");
        }
    }
}

fn asked(request: &Request) -> String {
    match (request.what, &request.from, &request.to) {
        (What::Dirty, ..) => "everything that hw plan calls dirty".to_owned(),
        (What::Different, ..) => "everything that hw verify found different".to_owned(),
        (What::Logic, ..) => "everything that an old version of the logic built".to_owned(),
        (What::Named, Some(from), Some(to)) if request.partitions.is_empty() => format!("from {from} to {to}"),
        (What::Named, Some(from), Some(to)) => format!("from {from} to {to}, and {}", request.partitions.join(", ")),
        (What::Named, ..) => request.partitions.join(", "),
    }
}

/// Bytes, as people read them.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
