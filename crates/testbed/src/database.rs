//! A database for one test.

use postgres::Client;

use crate::server::{HOME, connect};

/// An empty database. It is dropped with this value, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    /// Address of the server.
    pub host: &'static str,
    /// Port of the server.
    pub port: u16,
    /// A superuser.
    pub user: &'static str,
    /// Their password: the server asks for it.
    pub password: &'static str,
    /// Name of the database.
    pub name: String,
}

impl Database {
    /// A connection to the database, beside those of Highwater.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn client(&self) -> Client {
        connect(self.port, &self.name).expect("the test server takes connections")
    }

    /// A copy of it as it is now. Nobody may be connected.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn copied(&self) -> Self {
        let copy = Self { name: format!("{}_copy", self.name), ..*self };
        self.on_server(&format!("create database {} template {}", copy.name, self.name));
        copy
    }

    /// Puts the content of a copy in its place, whoever is connected.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn restore(&self, copy: &Self) {
        self.on_server(&format!("drop database {} with (force)", self.name));
        self.on_server(&format!("create database {} template {}", self.name, copy.name));
    }

    fn on_server(&self, sql: &str) {
        let mut client = connect(self.port, HOME).expect("the test server takes connections");
        client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The lines of a target in `profiles.yml`, not indented.
    pub fn target(&self, schema: &str, threads: usize) -> String {
        format!(
            "type: postgres\nhost: {}\nport: {}\nuser: {}\npassword: {}\ndbname: {}\nschema: {schema}\nthreads: {threads}\n",
            self.host, self.port, self.user, self.password, self.name
        )
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The whole server goes away soon after; this only keeps a long test binary from filling the disk.
        if let Ok(mut client) = connect(self.port, HOME) {
            let _ = client.batch_execute(&format!("drop database if exists {} with (force)", self.name));
        }
    }
}
