//! Leases: who is writing a model, so that a second run can wait for the first or say who it is.
//!
//! A lease is a row in the ledger that its holder keeps renewing from a connection of its own. It only keeps runs from doing work in vain:
//! what keeps a run that lost its lease from committing is the fence, which is raised in the same transaction as the swap. A lease ends
//! when its holder gives it back, when it was not renewed in time, or when the process that held it is known to be gone. Whoever takes one
//! that was not given back raises the fence first, so that a holder who was only asleep finds it raised.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::engine::{Connection, Engine, EngineError, quote_literal};

use super::error::ExactError;
use super::job::{Job, number};
use super::ledger;
use super::model::RunIdentity;

/// How long a lease that nobody renews keeps others out.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(60);

/// Between two looks at a lease that someone else holds.
const PAUSE: Duration = Duration::from_millis(100);

/// What a run needs to know about others that write the same tables.
#[derive(Clone)]
pub struct Writers {
    /// Where the connections come from that keep leases, and that read the ledger after a commit whose answer was lost.
    pub engine: Arc<dyn Engine>,
    /// How long to wait for a run that builds the same model.
    pub wait: Duration,
    /// How long a lease that nobody renews keeps others out.
    pub time_to_live: Duration,
}

impl Writers {
    /// Waits for others as long as is said, and keeps leases as usual.
    pub fn new(engine: Arc<dyn Engine>, wait: Duration) -> Self {
        Self { engine, wait, time_to_live: TIME_TO_LIVE }
    }
}

/// Who builds a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Their run.
    pub run_id: String,
    /// Their machine.
    pub host: String,
    /// Their process.
    pub process: u64,
    /// What no other process has: a process that begins after this one ended may have its number.
    token: String,
    /// Since when, in UTC.
    pub since: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run_id, host, process, since, .. } = self;
        write!(formatter, "run {run_id} on {host} (process {process}) has been building it since {since} UTC")
    }
}

/// A lease that is held; it is given back when this goes.
pub(crate) struct Lease {
    keeper: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.keeper.take() {
            drop(stop);
            // The keeper cannot panic, and a lease that was not given back runs out.
            let _ = thread.join();
        }
    }
}

/// What came of reaching for a lease.
pub(crate) enum Taken {
    /// Nobody had it: what was looked at still holds, or the fence will say that it does not.
    Mine(Lease),
    /// Someone had left it behind. The fence was raised, so everything has to be looked at anew.
    LeftBehind(Lease),
    /// Someone has it.
    Held(Holder),
}

/// The names of a lease: the ledger's table, the model, and who wants it.
struct Names {
    ledger: String,
    model: String,
    run_id: String,
    /// Whether only one process at a time can have the database open.
    one_process: bool,
    time_to_live: Duration,
}

impl Names {
    fn new(job: &Job, writers: &Writers, run_id: &str) -> Self {
        Self {
            ledger: ledger::schema(&job.model.relation),
            model: job.id(),
            run_id: run_id.to_owned(),
            one_process: writers.engine.adapter() == "duckdb",
            time_to_live: writers.time_to_live,
        }
    }
}

/// Reaches for the lease of a job's model. A job without [`Writers`] needs none.
///
/// # Errors
/// When the database gives no further session.
pub(crate) fn take(job: &Job, run: &RunIdentity) -> Result<Taken, ExactError> {
    let Some(writers) = &job.writers else { return Ok(Taken::Mine(Lease { keeper: None })) };
    let names = Names::new(job, writers, &run.run_id);
    let mut session = writers.engine.connect().map_err(|error| job.error(error))?;
    session.keep_books(true);
    let held = holder(session.as_mut(), &names).map_err(|error| job.error(error))?;
    let left_behind = match held {
        Some((holder, true)) => return Ok(Taken::Held(holder)),
        Some((_, false)) => true,
        None => false,
    };
    match claim(session.as_mut(), &names, left_behind) {
        Ok(true) => {
            let lease = keep(session, names);
            Ok(if left_behind { Taken::LeftBehind(lease) } else { Taken::Mine(lease) })
        }
        // Someone else was quicker by a moment.
        Ok(false) | Err(EngineError::Conflict { .. }) => {
            let held = holder(session.as_mut(), &names).map_err(|error| job.error(error))?;
            Ok(Taken::Held(held.map_or_else(Holder::unknown, |(holder, _)| holder)))
        }
        Err(error) => Err(job.error(error)),
    }
}

impl Holder {
    fn unknown() -> Self {
        let unknown = || "unknown".to_owned();
        Self { run_id: unknown(), host: unknown(), process: 0, token: unknown(), since: unknown() }
    }
}

/// Waits until nobody holds the lease of a job's model any more; false when the time is over.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn wait(job: &mut Job, until: Instant) -> Result<bool, ExactError> {
    let Some(writers) = job.writers.clone() else { return Ok(false) };
    let names = Names { one_process: false, ..Names::new(job, &writers, "") };
    while Instant::now() < until {
        std::thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now())));
        let held = holder(job.connection, &names).map_err(|error| job.error(error))?;
        if !held.is_some_and(|(_, alive)| alive) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How it stands with a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody has it, or nobody knows.
    Free,
    /// Someone has it.
    Held,
    /// Someone had it and did not give it back.
    LeftBehind,
}

/// How it stands with the lease of a job's model, outside of a transaction.
pub(crate) fn standing(job: &mut Job) -> Standing {
    let Some(writers) = job.writers.clone() else { return Standing::Free };
    let names = Names::new(job, &writers, "");
    match holder(job.connection, &names) {
        Ok(Some((_, true))) => Standing::Held,
        Ok(Some((_, false))) => Standing::LeftBehind,
        Ok(None) => Standing::Free,
        Err(error) => {
            // Before the first run there is no ledger.
            tracing::debug!(%error, "lease");
            Standing::Free
        }
    }
}

/// The database's own clock, in UTC: those of two machines may differ.
const NOW: &str = "cast(current_timestamp at time zone 'UTC' as timestamp)";

/// Who holds the lease, and whether that still counts.
fn holder(session: &mut dyn Connection, names: &Names) -> Result<Option<(Holder, bool)>, EngineError> {
    let Names { ledger, model, .. } = names;
    let table = session.query(&format!(
        "select run_id, host, process, cast(since as varchar), expires_at > {NOW}, token from {ledger}.leases \
         where model = {model} and run_id is not null"
    ))?;
    Ok(table.rows.first().map(|row| {
        let since = row[3].to_string();
        let since = since.split('.').next().unwrap_or_default().to_owned();
        let holder = Holder {
            run_id: row[0].to_string(),
            host: row[1].to_string(),
            process: number(&row[2]),
            token: row[5].to_string(),
            since,
        };
        let alive = row[4].to_string().eq_ignore_ascii_case("true") && !gone(&holder, names.one_process);
        (holder, alive)
    }))
}

/// Whether the holder's process is known to have ended.
fn gone(holder: &Holder, one_process: bool) -> bool {
    if holder.token == token() {
        return false;
    }
    // Where processes can be looked up: ours has the number of one that ended, or nobody has it.
    let own = std::path::Path::new("/proc/self");
    let ended =
        || holder.process == u64::from(std::process::id()) || !own.with_file_name(holder.process.to_string()).exists();
    one_process || (holder.host == host() && own.exists() && ended())
}

/// Writes our name into the lease; false when someone else's stands there by now.
fn claim(session: &mut dyn Connection, names: &Names, left_behind: bool) -> Result<bool, EngineError> {
    let Names { ledger, model, run_id, time_to_live, .. } = names;
    session.begin()?;
    let result = (|| {
        let free = if left_behind { "true" } else { "run_id is null" };
        let claimed = session.execute(&format!(
            "update {ledger}.leases set run_id = {}, host = {}, process = {}, token = '{}', since = {NOW}, \
             expires_at = {NOW} + interval '{} milliseconds' where model = {model} and {free}",
            quote_literal(run_id),
            quote_literal(&host()),
            std::process::id(),
            token(),
            time_to_live.as_millis()
        ))?;
        if claimed > 0 && left_behind {
            session.execute(&format!("update {ledger}.fence set epoch = epoch + 1 where model = {model}"))?;
        }
        session.commit()?;
        Ok(claimed > 0)
    })();
    if result.is_err() {
        // What failed is what matters.
        let _ = session.rollback();
    }
    result
}

/// Renews a lease for as long as it is held, then gives it back.
fn keep(mut session: Box<dyn Connection>, names: Names) -> Lease {
    let (stop, stopped) = mpsc::channel::<()>();
    let mine = format!("model = {} and run_id = {}", names.model, quote_literal(&names.run_id));
    let renewed = format!(
        "update {}.leases set expires_at = {NOW} + interval '{} milliseconds' where {mine}",
        names.ledger,
        names.time_to_live.as_millis()
    );
    let returned = format!("update {}.leases set run_id = null, expires_at = null where {mine}", names.ledger);
    let thread = std::thread::spawn(move || {
        while stopped.recv_timeout(names.time_to_live / 3) == Err(RecvTimeoutError::Timeout) {
            match session.execute(&renewed) {
                // The lease was lost. The fence is what keeps its holder from committing.
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "lease"),
            }
        }
        if let Err(error) = session.execute(&returned) {
            tracing::debug!(%error, "lease");
        }
    });
    Lease { keeper: Some((stop, thread)) }
}

/// Names this process among all there ever were.
fn token() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| uuid::Uuid::new_v4().to_string())
}

/// The name of this machine.
fn host() -> String {
    let written =
        ["/proc/sys/kernel/hostname", "/etc/hostname"].iter().find_map(|path| std::fs::read_to_string(path).ok());
    let name = written.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    if name.trim().is_empty() { "this machine".to_owned() } else { name.trim().to_owned() }
}

/// Whether a run committed its work on a model: for those whose commit was sent and never answered. None when that cannot be found out.
pub(crate) fn committed(job: &Job, run: &RunIdentity) -> Option<bool> {
    let writers = job.writers.as_ref()?;
    let ledger = ledger::schema(&job.model.relation);
    let model = job.id();
    let mut session = writers.engine.connect().ok()?;
    session.keep_books(true);
    // A server that is still busy with the commit holds the row of the fence: after this update it has decided.
    if let Err(error) = session.execute(&format!("update {ledger}.fence set epoch = epoch where model = {model}")) {
        tracing::debug!(%error, "fence");
    }
    let sql =
        format!("select count(*) from {ledger}.runs where model = {model} and run_id = {}", quote_literal(&run.run_id));
    session.query(&sql).ok()?.scalar().map(|cell| number(cell) > 0)
}
