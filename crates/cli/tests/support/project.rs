//! A copy of a project in a folder of its own, its database, and `hw` on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use highwater::engine::{Connection, DuckDb, Engine, Postgres, PostgresSettings, Table};
use highwater::exact::failpoint;
use highwater_testbed::Database;
use tempfile::TempDir;

/// What `hw` answered.
#[derive(Debug)]
pub struct Answer {
    /// The exit code; -1 when it was killed.
    pub exit: i32,
    /// Standard output, then standard error.
    pub text: String,
}

/// Where a project's tables are.
pub enum Home {
    /// A DuckDB file in its folder.
    File(PathBuf),
    /// A database of a PostgreSQL server.
    Server(Database),
}

/// A project in a temporary folder, which goes away with it.
pub struct Project {
    folder: TempDir,
    home: Home,
    /// What `hw` takes for the present moment; the machine's clock when none.
    pub now: Option<String>,
}

/// The schema that models are built in, on every engine: that of a DuckDB file.
const SCHEMA: &str = "main";

impl Project {
    /// Copies a project; its database is the file that its profiles.yml names.
    pub fn copy(source: &Path) -> Result<Self, String> {
        let folder = copied(source)?;
        let profiles = profiles(folder.path())?;
        let file = profiles
            .lines()
            .find_map(|line| line.trim().strip_prefix("path: "))
            .ok_or_else(|| format!("{}: profiles.yml names no path", source.display()))?;
        let home = Home::File(folder.path().join(file));
        Ok(Self { folder, home, now: None })
    }

    /// Copies a project of DuckDB to a PostgreSQL database of its own: its profiles.yml is another one.
    pub fn copy_to_postgres(source: &Path) -> Result<Self, String> {
        let folder = copied(source)?;
        let profiles = profiles(folder.path())?;
        let name = profiles.split(':').next().unwrap_or_default();
        let database = highwater_testbed::postgres();
        let target = database.target(SCHEMA, 2).trim_end().replace('\n', ", ");
        let project = Self { folder, home: Home::Server(database), now: None };
        project.write("profiles.yml", &format!("{name}: {{target: dev, outputs: {{dev: {{{target}}}}}}}\n"))?;
        Ok(project)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its tables are.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Whether its database is a server, so that others can look on.
    pub fn is_on_a_server(&self) -> bool {
        matches!(self.home, Home::Server(_))
    }

    /// Writes one of its files.
    pub fn write(&self, path: &str, text: &str) -> Result<(), String> {
        let path = self.folder().join(path);
        let parent = path.parent().ok_or("a file needs a folder")?;
        std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text)).map_err(|error| error.to_string())
    }

    /// Opens the database. While a file is open no `hw` can open it.
    pub fn open(&self) -> Result<Box<dyn Engine>, String> {
        match &self.home {
            Home::File(path) => DuckDb::open(path, "").map(|engine| -> Box<dyn Engine> { Box::new(engine) }),
            Home::Server(database) => {
                Postgres::open(settings(database)).map(|engine| -> Box<dyn Engine> { Box::new(engine) })
            }
        }
        .map_err(|error| error.to_string())
    }

    /// Runs statements against the database.
    pub fn sql(&self, sql: &str) -> Result<(), String> {
        self.with(|connection| connection.execute(sql).map(drop).map_err(|error| format!("{error}\n{sql}")))
    }

    /// Asks the database.
    pub fn query(&self, sql: &str) -> Result<Table, String> {
        self.with(|connection| connection.query(sql).map_err(|error| format!("{error}\n{sql}")))
    }

    /// Does something in a session of its own.
    pub fn with<T>(&self, work: impl FnOnce(&mut dyn Connection) -> Result<T, String>) -> Result<T, String> {
        let database = self.open()?;
        let mut connection = database.connect().map_err(|error| error.to_string())?;
        work(connection.as_mut())
    }

    /// Runs `hw` in the project's folder.
    pub fn hw<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Answer, String> {
        let output = self.command(arguments).output().map_err(|error| format!("hw: {error}"))?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok(Answer { exit: output.status.code().unwrap_or(-1), text })
    }

    /// Runs `hw` and kills it, as `kill -9` does, some time after it started.
    pub fn hw_killed<'a>(&self, arguments: impl IntoIterator<Item = &'a str>, after: Duration) -> Result<(), String> {
        let mut command = self.command(arguments);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|error| format!("hw: {error}"))?;
        std::thread::sleep(after);
        // It may have ended by itself: both are fine.
        let _ = child.kill();
        child.wait().map(drop).map_err(|error| format!("hw: {error}"))
    }

    /// Starts `hw` and waits until it stops at a step of a model (see `highwater::exact::failpoint`).
    pub fn hw_until<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
        step: &str,
        model: &str,
    ) -> Result<Paused, String> {
        let file = self.folder().join("arrived");
        let mut command = self.command(arguments);
        command.env(failpoint::VARIABLE, format!("{step}:{model}={}", file.display()));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("hw: {error}"))?;
        while !file.exists() {
            if child.try_wait().map_err(|error| error.to_string())?.is_some() {
                return Err(format!("the run of {model} never got to {step}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Paused { child, file })
    }

    fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hw"));
        command.args(arguments).current_dir(self.folder()).env("NO_COLOR", "1").env_remove("HW_NOW");
        for name in ["DBT_PROFILES_DIR", "DBT_PROJECT_DIR", "DBT_TARGET", "DBT_TARGET_PATH", "DBT_VARS"] {
            command.env_remove(name);
        }
        if let Some(now) = &self.now {
            command.env("HW_NOW", now);
        }
        command
    }

    /// Runs `hw` and wants it to succeed.
    pub fn hw_succeeds<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, String> {
        let answer = self.hw(arguments)?;
        if answer.exit == 0 { Ok(answer.text) } else { Err(format!("hw left with {}:\n{}", answer.exit, answer.text)) }
    }
}

/// A run that has stopped at a step.
pub struct Paused {
    child: Child,
    file: PathBuf,
}

impl Paused {
    /// Lets it go on, and wants it to succeed.
    pub fn go_on(mut self) -> Result<(), String> {
        std::fs::remove_file(&self.file).map_err(|error| error.to_string())?;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the run that had stopped left with {status}")) }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        // Only when the story ended before it: nothing may be left running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(database: &Database) -> PostgresSettings {
    PostgresSettings {
        password: Some(database.password.to_owned()),
        retries: 3,
        search_path: Some(SCHEMA.to_owned()),
        application_name: "the story".to_owned(),
        ..PostgresSettings::new(database.host, database.port, database.user, &database.name)
    }
}

fn copied(source: &Path) -> Result<TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    copy_folder(source, folder.path()).map_err(|error| format!("{}: {error}", source.display()))?;
    Ok(folder)
}

fn profiles(folder: &Path) -> Result<String, String> {
    std::fs::read_to_string(folder.join("profiles.yml")).map_err(|error| format!("profiles.yml: {error}"))
}

/// Copies what a project is made of: not what runs leave behind.
fn copy_folder(source: &Path, target: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(target)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        let name = entry.file_name().to_string_lossy().into_owned();
        if from.is_dir() {
            if !["target", "logs", "data"].contains(&name.as_str()) {
                copy_folder(&from, &to)?;
            }
        } else if !name.contains(".duckdb") {
            std::fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// A folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
