//! How to reach a server, as a target of `profiles.yml` says it.

use std::time::Duration;

use postgres::config::SslMode;

use super::Tls;

/// Everything a session needs to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name or address of the server, or the folder of its socket.
    pub host: String,
    /// Port of the server.
    pub port: u16,
    /// Whom to sign in as.
    pub user: String,
    /// Their password, where one is asked for.
    pub password: Option<String>,
    /// The one database that sessions see.
    pub database: String,
    /// How long to wait for an answer to the first word.
    pub connect_timeout: Duration,
    /// How often to try again when nobody answers.
    pub retries: u32,
    /// Quiet time after which the system asks whether the server is still there; the system's own default when none.
    pub keepalives_idle: Option<Duration>,
    /// Where names without a schema are looked for.
    pub search_path: Option<String>,
    /// The role to work as.
    pub role: Option<String>,
    /// Whether sessions are encrypted, and whom to trust.
    pub tls: Tls,
    /// What the server's lists of sessions call us.
    pub application_name: String,
}

impl Settings {
    /// A place and a user, and nothing else said.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            user: user.into(),
            password: None,
            database: database.into(),
            connect_timeout: Duration::from_secs(10),
            retries: 1,
            keepalives_idle: None,
            search_path: None,
            role: None,
            tls: Tls::default(),
            application_name: "hw".to_owned(),
        }
    }

    /// `host:port/database`, for messages.
    pub fn place(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.database)
    }

    /// As the driver wants it.
    pub(super) fn config(&self, encryption: SslMode) -> postgres::Config {
        let mut config = postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.database)
            .connect_timeout(self.connect_timeout)
            .application_name(&self.application_name)
            .ssl_mode(encryption)
            .keepalives(true);
        if let Some(password) = &self.password {
            config.password(password);
        }
        if let Some(idle) = self.keepalives_idle {
            config.keepalives_idle(idle);
        }
        config.notice_callback(|notice| tracing::debug!(target: "highwater::postgres", "{notice}"));
        config
    }

    /// What every session starts with. Casts between instants and days must not depend on where the command runs, nor texts
    /// of values on how the server is set up.
    pub(super) fn prologue(&self) -> String {
        let mut sql = String::from(
            "set time zone 'UTC'; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set extra_float_digits = 1; \
             set bytea_output = 'hex'; set standard_conforming_strings = on;",
        );
        if let Some(role) = &self.role {
            let plain = role.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            // As with dbt, a plain word is folded to lower case by the server.
            let role = if plain { role.clone() } else { super::quote_identifier(role) };
            sql.push_str(&format!(" set role {role};"));
        }
        if let Some(path) = &self.search_path {
            sql.push_str(&format!(" select set_config('search_path', {}, false);", super::quote_literal(path)));
        }
        sql
    }
}

impl std::fmt::Debug for Settings {
    /// Never the password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}@{}", self.user, self.place())
    }
}
