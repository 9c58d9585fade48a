//! A PostgreSQL server on a free loopback port, in a temporary folder.
//!
//! A shell watches over it: it waits for the end of its standard input, which comes when the test binary ends in
//! whatever way, `kill -9` included; then it stops the server and removes the folder. Nothing is asked of tests.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use crate::Database;

const HOST: &str = "127.0.0.1";
const USER: &str = "highwater";
const PASSWORD: &str = "high/water";
/// A database that every server has.
pub(crate) const HOME: &str = "postgres";
/// Postgres refuses to run as root; this is nobody, who is everywhere.
const NOBODY: u32 = 65534;
/// Crashes of the machine do not matter to tests; speed does.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_connections=200",
    "shared_buffers=64MB",
    "max_wal_size=256MB",
    "jit=off",
    // Whoever reads the log of a server wants the lines of one test.
    "log_line_prefix=%d|",
];
/// What the shell runs: program, folder.
const WATCH: &str =
    "trap '' INT TERM HUP; cat >/dev/null; \"$1\" -D \"$2/data\" -m immediate -w stop >/dev/null 2>&1; rm -rf \"$2\"";

/// A running server.
#[derive(Debug)]
pub struct Server {
    port: u16,
    next: AtomicU32,
    /// Holds the open end of the shell's standard input.
    _watch: Mutex<Child>,
}

impl Server {
    /// Starts the PostgreSQL in a folder that has `bin/postgres`. Takes one to two seconds.
    ///
    /// # Panics
    /// When it cannot: the message has the server's own words.
    pub fn start(installed: &Path) -> Self {
        let folder =
            tempfile::Builder::new().prefix("highwater-postgres-").tempdir().expect("a temporary folder").keep();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).expect("permissions of a folder of ours");
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root may give folders away");
        }
        let watch = watch(installed, &folder);
        let password = folder.join("password");
        std::fs::write(&password, PASSWORD).expect("a file of ours");
        let data = folder.join("data");
        let made = program(installed, "initdb")
            .args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .args([Path::new("--pwfile"), &password, Path::new("--pgdata"), &data])
            .output();
        succeeded("initdb", made);
        let port = start_on_free_port(installed, &folder);
        Self { port, next: AtomicU32::new(1), _watch: Mutex::new(watch) }
    }

    /// A fresh, empty database.
    ///
    /// # Panics
    /// When the server has gone away.
    pub fn database(&self) -> Database {
        let name = format!("test_{}", self.next.fetch_add(1, Ordering::Relaxed));
        let mut client = connect(self.port, HOME).expect("the test server takes connections");
        client.batch_execute(&format!("create database {name}")).expect("a superuser may make databases");
        Database { host: HOST, port: self.port, user: USER, password: PASSWORD, name }
    }
}

/// A connection to a database of a server of ours.
pub(crate) fn connect(port: u16, database: &str) -> Result<Client, postgres::Error> {
    let mut config = postgres::Config::new();
    config.host(HOST).port(port).user(USER).password(PASSWORD).dbname(database);
    config.application_name("highwater-testbed").connect(NoTls)
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// One of the server's programs, run by somebody who may.
fn program(installed: &Path, name: &str) -> Command {
    let path = installed.join("bin").join(name);
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &NOBODY.to_string(), "--regid", &NOBODY.to_string(), "--clear-groups"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    command.current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

fn watch(installed: &Path, folder: &Path) -> Child {
    let stop = program(installed, "pg_ctl");
    // The shell runs as we do, so that it may remove the folder; only pg_ctl runs as somebody else.
    let words: Vec<_> = std::iter::once(stop.get_program()).chain(stop.get_args()).map(ToOwned::to_owned).collect();
    let script = folder.join("stop");
    let line = words.iter().map(|word| format!("'{}'", word.to_string_lossy())).collect::<Vec<_>>().join(" ");
    std::fs::write(&script, format!("#!/bin/sh\nexec {line} \"$@\"\n")).expect("a file of ours");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("permissions of a file of ours");
    let mut command = Command::new("sh");
    command.args(["-c", WATCH, "watch"]).arg(script).arg(folder).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("there is a shell")
}

/// Somebody else may take a free port before the server does: then another one is tried.
fn start_on_free_port(installed: &Path, folder: &Path) -> u16 {
    let log = folder.join("data/log.txt");
    for _ in 0..5 {
        let port = free_port();
        let mut command = program(installed, "postgres");
        command.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let output = std::fs::File::create(&log).expect("a file of ours");
        command.stdout(Stdio::null()).stderr(output);
        let mut server = command.spawn().expect("the server's program runs");
        if answers(port, &mut server) {
            return port;
        }
        let _ = server.kill();
        let _ = server.wait();
    }
    panic!("PostgreSQL does not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Waits until the server takes connections; false when it has ended.
fn answers(port: u16, server: &mut Child) -> bool {
    let patience = Instant::now() + Duration::from_secs(60);
    while Instant::now() < patience {
        if connect(port, HOME).is_ok() {
            return true;
        }
        if server.try_wait().is_ok_and(|ended| ended.is_some()) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn succeeded(name: &str, outcome: std::io::Result<Output>) {
    let output = outcome.unwrap_or_else(|error| panic!("cannot run {name} of PostgreSQL: {error}"));
    assert!(output.status.success(), "{name} of PostgreSQL failed: {}", String::from_utf8_lossy(&output.stderr));
}
