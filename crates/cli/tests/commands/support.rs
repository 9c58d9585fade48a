//! A project in a folder of its own, written from one text, on which the real `hw` is run.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use highwater::engine::{DuckDb, Engine as _};
use tempfile::TempDir;

/// A project whose files go away with it.
pub struct TestProject {
    folder: TempDir,
}

/// What is written when the text of a project does not say otherwise.
const USUAL: &str = "
=== dbt_project.yml
name: shop
version: '1.0'
profile: shop
=== profiles.yml
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, threads: 1}
";

/// Orders, a table over them, and an exact model by day.
pub const SHOP: &str = "
=== seeds/raw_orders.csv
order_id,amount,ordered_at
1,10.50,2026-11-01 09:00:00
2,20.00,2026-11-01 12:00:00
3,5.00,2026-11-02 08:00:00
=== models/daily_revenue.sql
{{ config(materialized='incremental', incremental_strategy='exact', event_time='day', batch_size='day') }}
select cast(ordered_at as date) as day, count(*) as orders, sum(amount) as revenue
from {{ ref('raw_orders') }}
group by 1
=== models/properties.yml
models:
  - name: daily_revenue
    columns:
      - name: day
        data_tests: [unique, not_null]
";

impl TestProject {
    /// Writes the files of a text: each begins with a line `=== path`. The project file and the profile may be left out.
    pub fn new(files: &str) -> Self {
        let project = Self::empty();
        project.write_all(USUAL);
        project.write_all(files);
        project
    }

    /// A folder without anything.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    /// Writes the files of a text.
    pub fn write_all(&self, files: &str) {
        for file in files.split("=== ").skip(1) {
            let (path, text) = file.split_once('\n').expect("a line with the path, then the text");
            self.write(path.trim(), text);
        }
    }

    /// Writes one file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        fs::write(path, text).expect("the file");
    }

    /// Deletes one file.
    pub fn delete(&self, path: &str) {
        fs::remove_file(self.path(path)).expect("the file");
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A path in the project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Runs SQL on the project's database, with no `hw` around.
    pub fn sql(&self, statements: &str) {
        let engine = DuckDb::open(&self.path("shop.duckdb"), "").expect("the database");
        engine.connect().expect("a session").execute(statements).expect("the statements");
    }

    /// The one number that a query of the project's database gives.
    pub fn count(&self, query: &str) -> u64 {
        let engine = DuckDb::open(&self.path("shop.duckdb"), "").expect("the database");
        let table = engine.connect().expect("a session").query(query).expect("an answer");
        table.rows[0][0].to_string().parse().expect("a number")
    }

    /// The command `hw` in the project's folder, with nothing of the caller's environment that it reads.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("hw"));
        command.args(arguments).current_dir(self.folder.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DBT_") || name.starts_with("HW_")) {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path()).env("NO_COLOR", "1").env("TZ", "UTC");
        command
    }

    /// Runs `hw` and returns what came of it, as one text to compare.
    pub fn hw(&self, arguments: &[&str]) -> String {
        self.report(&self.output(arguments))
    }

    /// Runs `hw`.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("hw starts")
    }

    /// Runs `hw`, which must succeed, and returns its standard output.
    pub fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}\n{}", self.report(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs `hw`, which must succeed.
    pub fn ok(&self, arguments: &[&str]) {
        self.stdout(arguments);
    }

    /// Runs `hw`, which must succeed, and reads its answer as JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let text = self.stdout(arguments);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"))
    }

    /// Exit code, standard output and standard error; what changes from run to run is taken out.
    pub fn report(&self, output: &Output) -> String {
        let mut text =
            format!("exit {}\n", output.status.code().map_or("by signal".to_owned(), |code| code.to_string()));
        for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !stream.is_empty() {
                let _ = write!(text, "--- {name}\n{}", steady(&String::from_utf8_lossy(stream), self.folder.path()));
            }
        }
        text
    }
}

/// Replaces times, ids, plans and the folder of the test.
pub fn steady(text: &str, folder: &Path) -> String {
    let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let mut text = text.replace(&*real.to_string_lossy(), "[FOLDER]").replace(&*folder.to_string_lossy(), "[FOLDER]");
    for (pattern, replacement) in [
        (r"(?m)^\d\d:\d\d:\d\d", "[CLOCK]"),
        // Our own macros, whose number grows.
        (r"\d+ macros", "[COUNT] macros"),
        (r"\d+\.\d+s\b", "[TIME]"),
        (r"\b\d+\.\d+ s\b", "[TIME]"),
        (r"\d+ hours \d+ minutes and \d+\.\d+ seconds", "[TIME]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[ID]"),
        (r"plan [0-9a-f]{7}", "plan [PLAN]"),
        (r"(?m)\.{3,} \[", "... ["),
        (r"PID \d+", "PID [PID]"),
        (r" +\n", "\n"),
    ] {
        text = regex::Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into_owned();
    }
    text
}
