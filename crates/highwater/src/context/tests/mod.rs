//! Whole projects in a temporary folder, on a DuckDB in memory.

mod compiling;
mod database;
mod ducklake;
mod macros;
mod reading;

use std::path::Path;
use std::sync::{Arc, Mutex};

use highwater_jinja::Value;

use super::{Compiled, Compiler, Flags, Macros, Message, SharedConnection, load_macros, scene::lock};
use crate::diagnostics::Diagnostic;
use crate::engine::DuckDb;
use crate::manifest::{self, Manifest, Node};
use crate::project::{self, LoadOptions, Project};

/// A project, read and ready to compile.
struct Fixture {
    project: Arc<Project>,
    manifest: Arc<Manifest>,
    macros: Arc<Macros>,
    compiler: Compiler,
    connection: SharedConnection,
    said: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

const PROFILES: &str = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:', schema: main}\n";

/// Writes a project's files; those of the project itself and its profile are there already.
fn write(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let base = [
        ("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\nvars: {currency: EUR, days: 3}\n"),
        ("profiles.yml", PROFILES),
    ];
    for (path, text) in base.iter().chain(files) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

fn load(folder: &Path) -> Project {
    let options = LoadOptions {
        project_dir: folder.to_path_buf(),
        profiles_dir: Some(folder.to_path_buf()),
        ..LoadOptions::default()
    };
    project::load(&options).unwrap_or_else(|problems| panic!("{}", texts(&problems)))
}

fn texts(problems: &[Diagnostic]) -> String {
    problems.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// A diagnostic as plain lines: title, place with the marked text, notes, help.
fn text(diagnostic: &Diagnostic) -> String {
    let mut lines = vec![diagnostic.to_string()];
    for label in &diagnostic.labels {
        let before = &label.file.text[..label.start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let marked = &label.file.text[label.start..label.end];
        let said = if label.message.is_empty() { String::new() } else { format!(" ({})", label.message) };
        lines.push(format!(" --> {}:{line}:{column} `{marked}`{said}", label.file.path));
    }
    lines.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
    lines.join("\n")
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Fixture {
        Self::with_flags(files, Flags { which: "run".to_owned(), ..Flags::default() })
    }

    fn with_flags(files: &[(&str, &str)], flags: Flags) -> Fixture {
        let folder = write(files);
        let project = Arc::new(load(folder.path()));
        let macros = load_macros(&project).unwrap_or_else(|problems| panic!("{}", texts(&problems)));
        let built = manifest::build(&project, &macros).unwrap_or_else(|problems| panic!("{}", texts(&problems)));
        let manifest = Arc::new(built.manifest);
        let engine = Arc::new(DuckDb::open(Path::new(":memory:"), "").expect("memory"));
        let started_at = "2026-02-01T10:00:00Z".parse().expect("a moment");
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&said);
        let compiler =
            Compiler::new(Arc::clone(&project), Arc::clone(&manifest), Arc::clone(&macros), engine, flags, started_at)
                .with_messages(Arc::new(move |kind: Message, words: &str| {
                    lock(&heard).push(format!("{kind:?}: {words}"));
                }));
        let connection = compiler.connect().expect("a session");
        Fixture { project, manifest, macros, compiler, connection, said, _folder: folder }
    }

    fn node(&self, name: &str) -> &Node {
        let found = self.manifest.nodes.values().find(|node| node.name == name);
        found.unwrap_or_else(|| panic!("no node {name}; there are {:?}", self.manifest.nodes.keys()))
    }

    fn run(&self, sql: &str) {
        lock(&self.connection).execute(sql).expect("a statement");
    }

    /// The compiled SQL of a node, or the diagnostic.
    fn compile(&self, name: &str) -> String {
        match self.compiler.compile(self.node(name), &self.connection) {
            Ok(compiled) => compiled.sql,
            Err(problem) => text(&problem),
        }
    }

    /// An inline template of the project, rendered without a node.
    fn render(&self, template: &str) -> String {
        match self.compiler.render(None, &self.connection, "shop", "inline.sql", template) {
            Ok(text) => text,
            Err(problem) => text(&problem),
        }
    }

    /// One line for each template: what it is, and what comes out.
    fn table(&self, templates: &[&str]) -> String {
        let rows = templates.iter().map(|template| format!("{template}  =>  {}", self.render(template).trim()));
        rows.collect::<Vec<_>>().join("\n")
    }

    /// The first column of a query.
    fn column(&self, sql: &str) -> String {
        let table = lock(&self.connection).query(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
        table.rows.iter().map(|row| row[0].to_string()).collect::<Vec<_>>().join(" ")
    }

    fn call(&self, node: &str, name: &str, args: &[Value], kwargs: &[(&str, Value)]) -> String {
        match self.compiler.call_macro(self.node(node), &Compiled::default(), &self.connection, name, args, kwargs) {
            Ok(value) => value.to_string(),
            Err(problem) => text(&problem),
        }
    }
}
