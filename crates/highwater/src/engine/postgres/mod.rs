//! PostgreSQL, over its own protocol.
//!
//! | file | what |
//! | --- | --- |
//! | `settings.rs` | how to reach a server, and how sessions are set up |
//! | `session.rs` | one session: statements, transactions, locks |
//! | `own.rs` | which of the server's transactions are this process's own |
//! | `catalog.rs` | what lies in the database |
//! | `heap.rs` | tables whose rows are told by their tuples |
//! | `replaced.rs` | tables that were replaced under a snapshot |
//! | `cells.rs` | values and types |
//! | `tls.rs` | encrypted sessions |
//! | `errors.rs` | what the server says, read by its SQLSTATE |

mod catalog;
mod cells;
mod errors;
mod heap;
mod own;
mod replaced;
mod session;
mod settings;
mod tls;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use postgres::Client;

use self::own::Own;
use self::session::Session;
pub use self::settings::Settings;
pub use self::tls::{Mode, Tls};
use super::{Connection, Engine, EngineError, Obstacle, quote_identifier, quote_literal};

/// A database on a PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    settings: Settings,
    version: OnceLock<String>,
    /// What all sessions commit.
    own: Arc<Own>,
}

impl Postgres {
    /// Opens a first session, to learn that the server is there and which version it has.
    ///
    /// # Errors
    /// [`EngineError::Open`] with what is in the way.
    pub fn open(settings: Settings) -> Result<Self, EngineError> {
        let engine = Self { settings, version: OnceLock::new(), own: Arc::default() };
        engine.connect()?;
        Ok(engine)
    }
}

impl Engine for Postgres {
    fn connect(&self) -> Result<Box<dyn Connection>, EngineError> {
        let mut session = Session::new(connect(&self.settings)?, self.settings.clone(), Arc::clone(&self.own));
        if self.version.get().is_none() {
            let said = session.query("show server_version")?;
            let said = said.scalar().map(ToString::to_string).unwrap_or_default();
            // Debian adds the version of its package.
            let number = said.split_whitespace().next().unwrap_or_default().to_owned();
            self.version.get_or_init(|| number);
        }
        Ok(Box::new(session))
    }

    fn adapter(&self) -> &'static str {
        "postgres"
    }

    fn title(&self) -> &'static str {
        "PostgreSQL"
    }

    fn version(&self) -> &str {
        self.version.get().map_or("", String::as_str)
    }
}

/// Signs in and sets the session up. Tries again where waiting may help.
fn connect(settings: &Settings) -> Result<Client, EngineError> {
    let mut attempt = 0;
    let mut client = loop {
        let error = match reach(settings) {
            Ok(client) => break client,
            Err(error) => error,
        };
        let may_help = matches!(&error, EngineError::Open { obstacle: Obstacle::Unreachable | Obstacle::Busy, .. });
        if !may_help || attempt >= settings.retries {
            return Err(error);
        }
        attempt += 1;
        std::thread::sleep(Duration::from_millis(250) * attempt * attempt);
    };
    client.batch_execute(&settings.prologue()).map_err(|error| {
        let refused = errors::open_error(&error, settings.place());
        match refused {
            EngineError::Open { path, message, .. } => {
                EngineError::Open { path, message, obstacle: Obstacle::Settings }
            }
            other => other,
        }
    })?;
    Ok(client)
}

/// The first session that the server agrees to, of those that `sslmode` allows; what it said to the first one when it agrees to none.
fn reach(settings: &Settings) -> Result<Client, EngineError> {
    let path = settings.place();
    let connector = settings.tls.connector().map_err(|message| EngineError::Open {
        path: path.clone(),
        message,
        obstacle: Obstacle::Encryption,
    })?;
    let mut first = None;
    for mode in settings.tls.mode.attempts() {
        match settings.config(*mode).connect(connector.clone()) {
            Ok(client) => return Ok(client),
            Err(error) => {
                let other_mode_may_help = errors::is_about_encryption(&error);
                let first = first.get_or_insert(error);
                if !other_mode_may_help {
                    return Err(errors::open_error(first, path));
                }
            }
        }
    }
    let first = first.expect("every mode asks for something");
    Err(errors::open_error(&first, path))
}

#[cfg(test)]
mod tests;
