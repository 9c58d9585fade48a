//! A project in a temporary folder, run as the command line runs it: a new session, and so a new process's view, each time.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use highwater::engine::{DuckDb, Engine, Postgres, PostgresSettings};
use highwater::project::LoadOptions;
use highwater::run::{Command, Event, RunOptions, RunResults, execute};
use highwater::session::Session;

/// A project `shop` with a database of its own.
pub struct Project {
    folder: tempfile::TempDir,
    /// The database when it is not the file `shop.duckdb` beside the project.
    server: Option<highwater_testbed::Database>,
}

impl Project {
    /// A project on DuckDB with these files; `dbt_project.yml` and `profiles.yml` are there already.
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::on(None, files)
    }

    /// The same on Postgres.
    pub fn postgres(files: &[(&str, &str)]) -> Self {
        Self::on(Some(highwater_testbed::postgres()), files)
    }

    /// The same on every engine there is.
    pub fn everywhere(files: &[(&str, &str)]) -> Vec<Self> {
        let servers = highwater_testbed::every_postgres().into_iter().map(Some);
        std::iter::once(None).chain(servers).map(|server| Self::on(server, files)).collect()
    }

    fn on(server: Option<highwater_testbed::Database>, files: &[(&str, &str)]) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("folder"), server };
        let target = match &project.server {
            None => {
                format!("type: duckdb\npath: '{}'\nschema: main\nthreads: 1", project.path("shop.duckdb").display())
            }
            Some(server) => server.target("main", 1),
        };
        project.write("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\n");
        let target = target.trim_end().replace('\n', "\n      ");
        project.write("profiles.yml", &format!("shop:\n  target: dev\n  outputs:\n    dev:\n      {target}\n"));
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// The database on its server.
    pub fn server(&self) -> &highwater_testbed::Database {
        self.server.as_ref().expect("a project on Postgres")
    }

    /// The same, where it is on one.
    pub fn server_if_any(&self) -> Option<&highwater_testbed::Database> {
        self.server.as_ref()
    }

    /// The database, beside the project.
    fn engine(&self) -> Box<dyn Engine> {
        match &self.server {
            None => Box::new(DuckDb::open(&self.path("shop.duckdb"), "").expect("database")),
            Some(server) => {
                let settings = PostgresSettings::new(server.host, server.port, server.user, &server.name);
                let password = Some(server.password.to_owned());
                let name = "beside".to_owned();
                let settings =
                    PostgresSettings { password, application_name: name, search_path: Some("main".into()), ..settings };
                Box::new(Postgres::open(settings).expect("database"))
            }
        }
    }

    /// A path inside the folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, text).expect("written");
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("read")
    }

    /// Opens a session.
    pub fn session(&self) -> Session {
        let options = LoadOptions {
            project_dir: self.folder.path().to_path_buf(),
            profiles_dir: Some(self.folder.path().to_path_buf()),
            ..LoadOptions::default()
        };
        Session::open(&options).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// Runs a command and returns everything it says.
    pub fn results(&self, options: &RunOptions) -> RunResults {
        execute(&self.session(), options, &|_| {}).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// Runs a command on everything; one line per result.
    pub fn run(&self, command: Command) -> String {
        lines(&self.results(&RunOptions::new(command)))
    }

    /// The same with `--full-refresh`.
    pub fn refresh(&self, command: Command) -> String {
        lines(&self.results(&RunOptions { full_refresh: true, ..RunOptions::new(command) }))
    }

    /// Runs a command and returns its events, one line each.
    pub fn events(&self, options: &RunOptions) -> String {
        let told = Mutex::new(Vec::new());
        let listen = |event: Event| {
            let line = match event {
                Event::Started { found, selected, threads, target } => {
                    format!("started {found:?}, {selected} selected, {threads} threads, {target}")
                }
                Event::NodeStarted { index, total, description, .. } => {
                    format!("{index} of {total} start {description}")
                }
                Event::NodeFinished { index, total, description, result } => {
                    format!("{index} of {total} {} {description}", result.status.word())
                }
                Event::HookStarted { index, total, name } => format!("hook {index} of {total} start {name}"),
                Event::HookFinished { name, status, .. } => format!("hook {} {name}", status.word()),
                Event::Statement { unique_id, sql } => format!("on {unique_id}: {sql}"),
                Event::Message { level, text } => format!("{level:?}: {text}"),
                Event::Printed { text } => format!("printed: {text}"),
                Event::Finished { .. } => "finished".to_owned(),
            };
            told.lock().expect("whole").push(line);
        };
        execute(&self.session(), options, &listen).unwrap_or_else(|problems| panic!("{problems:#?}"));
        told.into_inner().expect("whole").join("\n")
    }

    /// Asks the database; one line per row.
    pub fn query(&self, sql: &str) -> String {
        let table = self.engine().connect().expect("session").query(sql).unwrap_or_else(|error| panic!("{error}"));
        let rows = table.rows.iter().map(|row| {
            let cells = row.iter().map(|cell| if cell.is_null() { "NULL".to_owned() } else { cell.to_string() });
            cells.collect::<Vec<_>>().join(" | ")
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    /// Changes the database behind the project's back.
    pub fn execute(&self, sql: &str) {
        self.engine().connect().expect("session").execute(sql).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Everything in the database: `main.orders table`.
    pub fn relations(&self) -> String {
        self.query(
            "select table_schema || '.' || table_name || ' ' || case table_type when 'VIEW' then 'view' else 'table' end \
             from information_schema.tables where table_schema not in ('highwater', 'information_schema', 'pg_catalog') order by 1",
        )
    }
}

/// One line per result: name, status, message.
pub fn lines(results: &RunResults) -> String {
    let lines = results.results.iter().map(|result| {
        let message = result.message.clone().unwrap_or_default();
        format!("{} {} {message}", result.unique_id, result.status.word()).trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
