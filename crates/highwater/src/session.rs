//! A project, opened: read, parsed and resolved, with its database one call away.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::artifacts::Lineage;
use crate::context::Macros;
use crate::diagnostics::Diagnostic;
use crate::engine::Engine;
use crate::manifest::Manifest;
use crate::parse::{self, Parsed};
use crate::project::{LoadOptions, Project};

/// Between two attempts to open a database that another process has.
const PAUSE: Duration = Duration::from_millis(100);

/// What every command starts from.
pub struct Session {
    /// Settings; the texts of its files are gone once the graph is known.
    pub project: Arc<Project>,
    /// The graph.
    pub manifest: Arc<Manifest>,
    /// Macros, parsed.
    pub macros: Arc<Macros>,
    /// What was strange but bearable while reading.
    pub warnings: Vec<Diagnostic>,
    /// What follows from what is kept of the parse.
    pub(crate) lineage: Option<Lineage>,
    engine: Mutex<Option<Arc<dyn Engine>>>,
}

impl Session {
    /// Reads the project and resolves its graph. Does not touch the database.
    ///
    /// # Errors
    /// Everything found wrong in the files.
    pub fn open(options: &LoadOptions) -> Result<Self, Vec<Diagnostic>> {
        parse::parse(options).map(|mut parsed| {
            parsed.manifest.read_all();
            Self::of(parsed)
        })
    }

    /// As [`Session::open`], for those who look at few nodes: what an earlier command kept of a node is read when somebody looks at it.
    ///
    /// # Errors
    /// As there.
    pub fn glance(options: &LoadOptions) -> Result<Self, Vec<Diagnostic>> {
        parse::parse(options).map(Self::of)
    }

    fn of(parsed: Parsed) -> Self {
        let Parsed { project, macros, manifest, warnings: found, lineage } = parsed;
        let mut warnings = project.warnings.clone();
        warnings.extend(found);
        Self {
            project: Arc::new(project),
            manifest: Arc::new(manifest),
            macros,
            warnings,
            lineage,
            engine: Mutex::new(None),
        }
    }

    /// The database, opened at the first call. Another process that has it is waited for, as long as is said.
    ///
    /// # Errors
    /// When it cannot be opened: no file, no permission, in use by another process.
    pub fn engine(&self) -> Result<Arc<dyn Engine>, Diagnostic> {
        let mut slot = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = &*slot {
            return Ok(Arc::clone(engine));
        }
        let until = Instant::now() + self.project.wait;
        let engine = loop {
            match self.project.target.open() {
                Ok(engine) => break engine,
                Err(problem) if problem.code == "HW0131" && Instant::now() < until => std::thread::sleep(PAUSE),
                Err(problem) => return Err(problem),
            }
        };
        *slot = Some(Arc::clone(&engine));
        Ok(engine)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("project", &self.project.name).finish_non_exhaustive()
    }
}
