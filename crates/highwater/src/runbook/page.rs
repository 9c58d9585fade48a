//! The page, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::facts::{Cut, Facts};
use super::timings::Timings;

/// Writes the page.
pub(super) fn page(project: &str, models: &[Facts], timings: &BTreeMap<String, Timings>) -> String {
    let mut out = format!(
        "# Runbook of {project}\n\n\
         Written by `hw runbook`; `hw runbook --check` fails when the project has moved on. Change the project, not this file.\n\n"
    );
    out.push_str(SYMPTOMS);
    out.push_str(BACKFILL);
    let protected: Vec<&str> = models.iter().filter(|model| model.protected).map(|model| model.name.as_str()).collect();
    if !protected.is_empty() {
        let _ = writeln!(
            out,
            "\nProtected (`full_refresh: false`): {}. `--full-refresh` leaves their rows; only a backfill of named partitions rebuilds them.",
            protected.join(", ")
        );
    }
    out.push_str("\n## The models\n\nParents first. A backfill takes along what reads the model.\n");
    if models.is_empty() {
        out.push_str("\nNo model of this project fills a table.\n");
    }
    for model in models {
        section(&mut out, model, timings.get(&model.unique_id));
    }
    out
}

const SYMPTOMS: &str = "## What is wrong?\n\n\
| what you see | look | mend |\n\
| --- | --- | --- |\n\
| a number looks wrong | `hw verify MODEL`: which partitions differ from a rebuild, and why | the command that it prints |\n\
| late, corrected or deleted rows | `hw plan`: which partitions are dirty, and why | `hw run` |\n\
| rows are held back by their tests | `hw plan`, and the rows that the test finds | correct them or the test, then `hw run` |\n\
| somebody edited a table | `hw verify MODEL` | `hw verify MODEL --repair` |\n\
| the model was wrong for some time | correct it, then see what is below | a backfill |\n\
| a run was killed | nothing is half done | the same command again |\n\n";

const BACKFILL: &str = "## A backfill, step by step\n\n\
1. **Plan.** `hw backfill plan ... --reason '...'` touches no table. It writes `backfills/ID.md` and `ID.json`: what is rebuilt, downstream included, what it costs, what guards it. Put both into a pull request.\n\
2. **Approve.** `hw backfill approve ID --name NAME`, by somebody who has read the plan, as a commit.\n\
3. **Apply.** `hw backfill apply ID` stages, audits, and swaps everything at once: readers see all old or all new. It refuses when sources, logic or tables have moved since the plan.\n\
4. **If it stops**, by Ctrl-C, a failed audit or a killed process: nothing is visible. `hw backfill status ID`, then `hw backfill resume ID`, or `hw backfill abandon ID`.\n\
5. **Verify.** `hw verify MODEL`.\n\
6. **Undo.** `hw backfill rollback ID` puts the old rows back, for as long as they are kept.\n";

fn section(out: &mut String, model: &Facts, timings: Option<&Timings>) {
    let _ = writeln!(out, "\n### {}\n", model.name);
    let mut line = |words: String| {
        let _ = writeln!(out, "- {words}");
    };
    let cut = match &model.cut {
        Some(Cut::Time { unit, column }) => format!("by {unit} of `{column}`"),
        Some(Cut::Key { columns }) => format!("by key ({})", ticked(columns)),
        None => "as a whole".to_owned(),
    };
    line(format!("table `{}`, {}, rebuilt {cut}", model.table, model.strategy));
    if !model.grain.is_empty() {
        line(format!("one row per {}", ticked(&model.grain)));
    }
    if let Some(begin) = &model.begin {
        line(format!("begins {begin}"));
    }
    line(format!("owner: {}", model.owner.as_deref().unwrap_or("nobody is named (`meta.owner`, or a group)")));
    if !model.readers.is_empty() {
        line(format!("read by {}", ticked(&model.readers)));
    }
    if !model.uses.is_empty() {
        line(format!("used by {}", model.uses.join(", ")));
    }
    let before = if model.audited { ", before anything is published," } else { "" };
    match model.tests.as_slice() {
        [] => line("guarded by no test".to_owned()),
        tests => line(format!("guarded{before} by {}", ticked(tests))),
    }
    if model.protected {
        line("protected: a full refresh leaves its rows".to_owned());
    }
    if model.approvals > 0 {
        line(format!("approvals that a backfill wants: {}", model.approvals));
    }
    if let Some(timings) = timings {
        for (what, known) in [
            ("whole build", &timings.whole),
            ("run", &timings.incremental),
            ("backfill", &timings.backfill),
            ("comparison with a rebuild", &timings.verified),
        ] {
            if let Some(known) = known {
                line(format!("last {what}: {known}"));
            }
        }
    }
    let _ = write!(out, "\n{}", commands(model));
}

/// What to type.
fn commands(model: &Facts) -> String {
    let name = &model.name;
    let plan = match &model.cut {
        Some(Cut::Time { .. }) => {
            format!("hw backfill plan --select {name} --from FIRST --to BEHIND_LAST --reason 'WHY'")
        }
        Some(Cut::Key { .. }) => format!("hw backfill plan --select {name} --partitions KEY --reason 'WHY'"),
        None => {
            return format!(
                "```console\n$ hw run --select {name}+\n```\n\nEvery run builds it anew: there is nothing to backfill.\n"
            );
        }
    };
    let mut lines = vec![plan, "hw backfill approve ID --name NAME".to_owned(), "hw backfill apply ID".to_owned()];
    lines.push(format!("hw verify {name}"));
    lines.push("hw backfill rollback ID".to_owned());
    let lines: Vec<String> = lines.into_iter().map(|line| format!("$ {line}")).collect();
    format!("```console\n{}\n```\n", lines.join("\n"))
}

fn ticked(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
