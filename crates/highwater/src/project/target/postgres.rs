//! Targets of the type `postgres`, with the keys of dbt-postgres.

use std::sync::Arc;
use std::time::Duration;

use super::{Place, missing, number, wrong};
use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::{
    Engine, EngineError, Obstacle, Postgres, PostgresEncryption as Mode, PostgresSettings, PostgresTls as Tls,
};
use crate::project::yaml::Yaml;

/// What is particular to Postgres, and the name of the database.
pub(super) fn read(file: &Arc<SourceFile>, yaml: &Yaml) -> Result<(Place, String), Diagnostic> {
    let required = |key: &str, what: &str| yaml.text_of(key).ok_or_else(|| missing(file, yaml, key, what));
    let Some(database) = yaml.text_of("dbname").or_else(|| yaml.text_of("database")) else {
        return Err(missing(file, yaml, "dbname", "the database to build in"));
    };
    let seconds = "a number of seconds";
    let idle: u64 = number(file, yaml, "keepalives_idle", 0, seconds)?;
    let host = required("host", "name or address of the server")?;
    let port = number(file, yaml, "port", 5432, "a port, for instance 5432")?;
    let user = required("user", "whom to sign in as")?;
    let plain = PostgresSettings::new(host, port, user, &database);
    let filled = |key: &str| yaml.text_of(key).filter(|text| !text.trim().is_empty());
    let settings = PostgresSettings {
        password: yaml.text_of("password").or_else(|| yaml.text_of("pass")),
        connect_timeout: Duration::from_secs(number(file, yaml, "connect_timeout", 10, seconds)?),
        retries: number(file, yaml, "retries", plain.retries, "a whole number, for instance 1")?,
        keepalives_idle: (idle > 0).then(|| Duration::from_secs(idle)),
        search_path: filled("search_path"),
        role: filled("role"),
        tls: encryption(file, yaml)?,
        application_name: filled("application_name").unwrap_or_else(|| plain.application_name.clone()),
        ..plain
    };
    Ok((Place::Postgres(Box::new(settings)), database))
}

/// `sslmode`, and the files of certificates.
fn encryption(file: &Arc<SourceFile>, yaml: &Yaml) -> Result<Tls, Diagnostic> {
    let filled = |key: &str| yaml.text_of(key).filter(|text| !text.trim().is_empty());
    let mode = match yaml.get("sslmode").filter(|value| !value.json().is_null()) {
        None => Mode::default(),
        Some(value) => {
            let word = value.scalar_text().unwrap_or_default();
            let known = Mode::ALL.iter().find(|(name, _)| *name == word).map(|(_, mode)| *mode);
            let words = Mode::ALL.map(|(name, _)| name).join(", ");
            if word.is_empty() {
                Mode::default()
            } else {
                known.ok_or_else(|| wrong(file, value, "sslmode", &words))?
            }
        }
    };
    let own = match (filled("sslcert"), filled("sslkey")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) => return Err(missing(file, yaml, "sslkey", "the key of the certificate `sslcert`")),
        (None, _) => None,
    };
    Ok(Tls { mode, root: filled("sslrootcert"), own })
}

/// Opens a first session.
pub(super) fn open(settings: &PostgresSettings) -> Result<Arc<dyn Engine>, Diagnostic> {
    match Postgres::open(settings.clone()) {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(EngineError::Open { path, message, obstacle }) => Err(refused(&path, &message, obstacle)),
        Err(other) => Err(Diagnostic::error("HW0401", other.to_string())),
    }
}

/// What is in the way to a server, for people.
pub(crate) fn refused(place: &str, message: &str, obstacle: Obstacle) -> Diagnostic {
    let problem = match obstacle {
        Obstacle::Credentials => Diagnostic::error("HW0133", format!("{place} refuses the user or the password"))
            .help("correct `user` and `password` of the target in profiles.yml; `{{ env_var('...') }}` keeps a password out of it"),
        Obstacle::NoDatabase => Diagnostic::error("HW0134", format!("there is no database {place}"))
            .help("correct `dbname` of the target in profiles.yml, or create it: createdb, or `create database` in another one"),
        Obstacle::Busy => Diagnostic::error("HW0132", format!("{place} takes no further sessions"))
            .help("run with fewer --threads, wait until the server has started or others have left, or raise `retries` of the target"),
        Obstacle::Encryption => Diagnostic::error("HW0130", format!("{place} and the target do not agree on encryption"))
            .help("correct `sslmode`, `sslrootcert`, `sslcert` and `sslkey` of the target in profiles.yml"),
        Obstacle::Settings => Diagnostic::error("HW0130", format!("{place} refuses the settings of the target"))
            .help("correct `role` and `search_path` of the target in profiles.yml"),
        Obstacle::Unreachable | Obstacle::File => Diagnostic::error("HW0132", format!("nobody answers at {place}"))
            .help("check `host` and `port` of the target in profiles.yml, and that the server runs and lets this machine in"),
    };
    problem.note(message.to_owned())
}
