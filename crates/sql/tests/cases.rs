//! Golden cases of the analysis, in Markdown: `cases/*.md`.
//!
//! A file begins with a `tables` block that all its cases share. A case is a heading, a `sql` block whose first line says how the result is
//! cut, and an `analysis` block with what comes of it. `HIGHWATER_UPDATE=1 cargo test` writes the blocks anew.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use highwater_sql::{
    Analysis, Catalog, ColumnType, Dialect, Effect, Group, IntervalUnit, Partitioning, Piece, Reach, Request, Slice,
    TableInfo, analyse,
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("folder of cases").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    let trials = files
        .into_iter()
        .map(|file| {
            let name = file.file_name().expect("file name").to_string_lossy().into_owned();
            Trial::test(name, move || check(&file))
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

struct Tables(HashMap<String, TableInfo>);

impl Catalog for Tables {
    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn table(&self, parts: &[String]) -> Option<TableInfo> {
        self.0.get(&parts.last()?.to_lowercase()).cloned()
    }
}

/// Lines such as `orders: id INTEGER, created_at TIMESTAMP`, or `view recent: select ...`.
fn tables(block: &str) -> Tables {
    let mut found = HashMap::new();
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        let (name, rest) = line.split_once(':').expect("a colon");
        match name.strip_prefix("view ") {
            Some(view) => {
                let info = TableInfo::View { sql: rest.trim().to_owned(), label: view.to_owned() };
                found.insert(view.to_owned(), info);
            }
            None => {
                found.insert(name.to_owned(), TableInfo::Table { columns: columns(rest) });
            }
        }
    }
    Tables(found)
}

fn columns(list: &str) -> Vec<ColumnType> {
    list.split(", ")
        .map(|column| {
            let (name, data_type) = column.trim().split_once(' ').expect("a name and a type");
            ColumnType { name: name.to_owned(), data_type: data_type.to_owned() }
        })
        .collect()
}

/// `-- by day of created_at: id INTEGER, created_at TIMESTAMP`, `-- by key id: ...` or `-- whole: ...`.
fn question(first: &str) -> (Partitioning, Vec<ColumnType>) {
    let (how, output) = first.trim_start_matches("-- ").split_once(": ").expect("a colon");
    let unit = |word: &str| match word {
        "hour" => IntervalUnit::Hour,
        "day" => IntervalUnit::Day,
        "month" => IntervalUnit::Month,
        _ => IntervalUnit::Year,
    };
    let words: Vec<&str> = how.split(' ').collect();
    let partitioning = match words.as_slice() {
        ["by", "key", columns] => Partitioning::Key { columns: columns.split('+').map(str::to_owned).collect() },
        ["by", step, "of", column] => Partitioning::Interval { column: (*column).to_owned(), unit: unit(step) },
        _ => Partitioning::Whole,
    };
    (partitioning, columns(output))
}

fn check(file: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(file)?;
    let mut result = String::new();
    let mut shared = Tables(HashMap::new());
    let mut answer = None;
    let mut blocks = text.split("```");
    while let Some(prose) = blocks.next() {
        result.push_str(prose);
        let Some(block) = blocks.next() else { break };
        let (kind, body) = block.split_once('\n').unwrap_or((block, ""));
        match kind {
            "tables" => shared = tables(body),
            "sql" => {
                let (first, sql) = body.split_once('\n').expect("a first line");
                let (partitioning, output) = question(first);
                let request = Request { sql, catalog: &shared, output: &output, partitioning: &partitioning };
                answer = Some(describe(&analyse(&request)));
            }
            "analysis" => {
                let _ = write!(result, "```{kind}\n{}```", answer.take().expect("a sql block before"));
                continue;
            }
            _ => {}
        }
        let _ = write!(result, "```{block}```");
    }
    if result == text {
        return Ok(());
    }
    if std::env::var_os("HIGHWATER_UPDATE").is_some() {
        fs::write(file, result)?;
        return Ok(());
    }
    Err(format!("{} says otherwise; what came out:\n{result}", file.display()).into())
}

fn describe(analysis: &Analysis) -> String {
    let mut text = String::new();
    for (index, occurrence) in analysis.occurrences.iter().enumerate() {
        let through: String = occurrence.through.iter().map(|view| format!(" through {view}")).collect();
        let _ = writeln!(text, "{}{through}: {}", occurrence.table.join("."), occurrence.role);
        for term in analysis.terms.iter().filter(|term| term.occurrence == index) {
            let _ = write!(text, "  watch ({})", term.probe.columns.join(", "));
            if let Some(filter) = &term.probe.filter {
                let _ = write!(text, " where {filter}");
            }
            let _ = match &term.probe.group {
                Group::Interval { expression, column, unit } => writeln!(
                    text,
                    " by {} of {expression}{}",
                    unit.word(),
                    if column.is_some() { "" } else { " (computed)" }
                ),
                Group::Key { expressions } => writeln!(text, " by key {}", expressions.join(", ")),
                Group::Values { expressions } => writeln!(text, " by the values of {}", expressions.join(", ")),
                Group::Whole => writeln!(text, " as a whole"),
            };
            for step in &term.steps {
                let _ = writeln!(text, "    then {}", step.sql);
            }
            if let Effect::All(finding) = &term.effect {
                let _ = writeln!(text, "    all [{}]: {}", finding.rule, finding.message);
            }
        }
    }
    for (word, findings) in
        [("refused", &analysis.refusals), ("unstable", &analysis.unstable), ("note", &analysis.notes)]
    {
        for finding in findings {
            let _ = writeln!(text, "{word} [{}]: {}", finding.rule, finding.message);
        }
    }
    if let Some(Slice { drivers, pieces }) = &analysis.slice {
        for (index, driver) in drivers.iter().enumerate() {
            let _ = writeln!(text, "driver {index}: {}", written(driver));
        }
        let _ = writeln!(text, "slice: {}", written(pieces).split_whitespace().collect::<Vec<_>>().join(" "));
    }
    text
}

fn written(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Scan { table, reach: None, alias } => {
                format!("{table}{}", alias.as_ref().map(|alias| format!(" as {alias}")).unwrap_or_default())
            }
            Piece::Scan { table, reach: Some(reach), alias } => {
                let conditions: Vec<String> = reach
                    .iter()
                    .map(|reach| match reach {
                        Reach::Interval { expression, back: 0, ahead: 0 } => format!("{expression} in D"),
                        Reach::Interval { expression, back, ahead } => format!("{expression} in D -{back} +{ahead}"),
                        Reach::Whenever { partition, .. } => format!("{partition} in D"),
                        Reach::Key { expressions } => format!("key({}) in D", expressions.join(", ")),
                        Reach::Driven { expressions, driver } => {
                            format!("key({}) in driver {driver}", expressions.join(", "))
                        }
                    })
                    .collect();
                let alias = alias.as_ref().map(|alias| format!(" as {alias}")).unwrap_or_default();
                format!("[{table} where {}]{alias}", conditions.join(" or "))
            }
        })
        .collect()
}
