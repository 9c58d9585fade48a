//! Others who look on while a story is told: they ask one query over and over, on a session of their own. What they see must be what stands there
//! between two commands, so that a command that changes several tables changes them at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use highwater::engine::{Connection, Table};

use super::project::Project;

/// Looks that show something.
const ENOUGH: usize = 20;

/// What was seen, and how often somebody looked.
type Seen = Result<(BTreeSet<String>, usize), String>;

/// Readers at work.
pub struct Readers {
    query: String,
    left: Arc<AtomicBool>,
    reader: Option<JoinHandle<Seen>>,
    between: BTreeSet<String>,
}

impl Readers {
    /// Begins to look.
    pub fn begin(project: &Project, query: &str) -> Result<Self, String> {
        let engine = project.open()?;
        let mut session = engine.connect().map_err(|error| error.to_string())?;
        let left = Arc::new(AtomicBool::new(false));
        let (told, asked) = (Arc::clone(&left), query.to_owned());
        let reader = std::thread::spawn(move || look(session.as_mut(), &asked, &told));
        let mut readers = Self { query: query.to_owned(), left, reader: Some(reader), between: BTreeSet::new() };
        readers.between(project)?;
        Ok(readers)
    }

    /// Takes down what stands there while nobody works.
    pub fn between(&mut self, project: &Project) -> Result<(), String> {
        self.between.insert(text(&project.query(&self.query)?));
        Ok(())
    }

    /// Stops, and holds what was seen against what stood there.
    pub fn leave(mut self) -> Result<(), String> {
        self.left.store(true, Ordering::Relaxed);
        let reader = self.reader.take().ok_or("the readers have left before")?;
        let (seen, looks) = reader.join().map_err(|_| "a reader panicked".to_owned())??;
        if looks < ENOUGH {
            return Err(format!("readers looked {looks} times only"));
        }
        let mixtures: Vec<&String> = seen.difference(&self.between).collect();
        if mixtures.is_empty() { Ok(()) } else { Err(format!("readers saw a mixture: {mixtures:?}")) }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

fn look(session: &mut dyn Connection, query: &str, left: &AtomicBool) -> Seen {
    let (mut seen, mut looks) = (BTreeSet::new(), 0);
    while !left.load(Ordering::Relaxed) {
        seen.insert(text(&session.query(query).map_err(|error| error.to_string())?));
        looks += 1;
    }
    Ok((seen, looks))
}

fn text(table: &Table) -> String {
    let rows = table.rows.iter().map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "));
    rows.collect::<Vec<_>>().join("\n")
}
