//! A scenario in Markdown, read and told.
//!
//! | in the text | what it does |
//! | --- | --- |
//! | ``Starts from [orders](../projects/orders).`` | copies that project and runs its `setup.sql` |
//! | ``It is 2026-11-22 06:00.`` | the moment that `hw` takes for the present |
//! | a line with a path in backticks and a colon, then a block | writes the file |
//! | a block `sql` without such a line | runs the SQL against the database |
//! | a block `console` | runs its `$ hw …` lines; lines below must be in the output, in order; `[exit 2]` is the exit code |
//! | ``While another process holds the database:`` before it | we hold it |
//! | ``While another run has staged `a`:`` before it | a run of everything waits there, then goes on and succeeds |
//! | ``Killed after 40 ms:`` before it | the command is killed so long after it started, unless it has ended by then |
//! | ``Rows of `select …`:`` and a table | the query has these rows |
//! | ``Rebuilt: 1 day of `a`, 2 days of `b`.`` | the last run built so many partitions, and not the whole tables |
//! | ``Readers look on with `select …`.`` | on a server, others ask this over and over until the end, and never see what is not there between two commands |
//! | ``Equal to a rebuild: `a`, `b`.`` | see `rebuild.rs` |
//! | ``Differs from a rebuild: `a`.`` | the opposite |
//!
//! A story is told once on each engine, from one text: its SQL is what both understand. A line ``Only on DuckDB: …`` or
//! ``Only on PostgreSQL: …`` says why it can happen on one of them alone. Everything else is for people.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::project::{Project, repository};
use super::readers::Readers;
use super::rebuild;

/// The engine that a story is told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    DuckDb,
    Postgres,
}

impl Place {
    pub const ALL: [Self; 2] = [Self::DuckDb, Self::Postgres];

    /// The beginning of the line that keeps a story to this engine.
    fn only(self) -> &'static str {
        match self {
            Self::DuckDb => "Only on DuckDB: ",
            Self::Postgres => "Only on PostgreSQL: ",
        }
    }

    /// Whether a story can happen here.
    pub fn suits(self, text: &str) -> bool {
        !Self::ALL.iter().any(|&other| other != self && text.lines().any(|line| line.starts_with(other.only())))
    }
}

/// What a line of the story asks for.
#[derive(Debug)]
enum Step {
    Start(String),
    Clock(String),
    Write { path: String, text: String },
    Sql(String),
    Console { commands: Vec<Command>, meanwhile: Meanwhile },
    Killed { commands: Vec<Command>, after: Duration },
    Rows { query: String, table: Vec<Vec<String>> },
    Rebuilt(Vec<(u64, String)>),
    Readers(String),
    Compare { models: Vec<String>, equal: bool },
}

/// What goes on while commands are typed in.
#[derive(Debug, Default)]
enum Meanwhile {
    #[default]
    Nothing,
    /// Another process has the database open.
    Held,
    /// Another run has staged this model.
    Staged(String),
}

#[derive(Debug)]
struct Command {
    line: String,
    expected: Vec<String>,
    exit: i32,
}

/// Where a story is told, and who looks on.
struct Stage {
    place: Place,
    project: Option<Project>,
    readers: Option<Readers>,
}

/// Tells a story on an engine.
///
/// # Errors
/// Where it stopped being true: line, and what was found instead.
pub fn tell(path: &Path, place: Place) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let steps = read(&text)?;
    if !steps.iter().any(|(_, step)| matches!(step, Step::Compare { .. })) {
        return Err("the story compares nothing with a rebuild".to_owned());
    }
    let mut stage = Stage { place, project: None, readers: None };
    for (line, step) in steps {
        take(step, &mut stage).map_err(|error| format!("{}:{line}: {error}", path.display()))?;
    }
    stage.readers.map_or(Ok(()), Readers::leave)
}

fn take(step: Step, stage: &mut Stage) -> Result<(), String> {
    if let Step::Start(name) = step {
        let folder = repository("scenarios/projects").join(name);
        let started = stage.project.insert(match stage.place {
            Place::DuckDb => Project::copy(&folder)?,
            Place::Postgres => Project::copy_to_postgres(&folder)?,
        });
        let setup = std::fs::read_to_string(folder.join("setup.sql")).map_err(|error| error.to_string())?;
        return started.sql(&setup);
    }
    let project = stage.project.as_mut().ok_or("the story has not started from a project")?;
    let readers = &mut stage.readers;
    match step {
        Step::Start(_) => Ok(()),
        Step::Readers(query) => {
            if project.is_on_a_server() {
                *readers = Some(Readers::begin(project, &query)?);
            }
            Ok(())
        }
        Step::Clock(moment) => {
            project.now = Some(moment);
            Ok(())
        }
        Step::Write { path, text } => project.write(&path, &text),
        Step::Sql(sql) => project.sql(&sql),
        Step::Console { commands, meanwhile } => {
            let mut typed = |project: &Project| {
                commands.iter().try_for_each(|command| {
                    type_in(project, command)?;
                    readers.as_mut().map_or(Ok(()), |readers| readers.between(project))
                })
            };
            match meanwhile {
                Meanwhile::Nothing => typed(project),
                Meanwhile::Held => {
                    let _held = project.open()?;
                    typed(project)
                }
                Meanwhile::Staged(model) => {
                    let other = project.hw_until(["run"], "staged", &model)?;
                    typed(project)?;
                    other.go_on()
                }
            }
        }
        Step::Killed { commands, after } => {
            commands.iter().try_for_each(|command| project.hw_killed(arguments(command)?, after))
        }
        Step::Rows { query, table } => {
            let found = project.query(&query)?;
            let found: Vec<Vec<String>> =
                found.rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
            if found == table { Ok(()) } else { Err(format!("rows wanted {table:?}\nrows found  {found:?}")) }
        }
        Step::Rebuilt(counts) => counts.iter().try_for_each(|(count, model)| built_so_many(project, *count, model)),
        Step::Compare { models, equal } => {
            for (model, found) in models.iter().zip(rebuild::differences(project, &models)?) {
                match (equal, found) {
                    (true, Some(found)) => return Err(format!("{model} differs from a rebuild: {found}")),
                    (false, None) => return Err(format!("{model} is equal to a rebuild")),
                    _ => {}
                }
            }
            Ok(())
        }
    }
}

/// The words after `hw`.
fn arguments(command: &Command) -> Result<impl Iterator<Item = &str>, String> {
    let mut words = command.line.split_whitespace();
    if words.next() == Some("hw") { Ok(words) } else { Err(format!("only hw is run here, not: {}", command.line)) }
}

fn type_in(project: &Project, command: &Command) -> Result<(), String> {
    let answer = project.hw(arguments(command)?)?;
    if answer.exit != command.exit {
        return Err(format!("{} left with {}, not {}:\n{}", command.line, answer.exit, command.exit, answer.text));
    }
    let mut rest = answer.text.as_str();
    for expected in &command.expected {
        match rest.find(expected.as_str()) {
            Some(place) => rest = &rest[place + expected.len()..],
            None => return Err(format!("{} did not say: {expected}\n{}", command.line, answer.text)),
        }
    }
    Ok(())
}

/// The last run built so many partitions of an exact model, not the whole table.
fn built_so_many(project: &Project, count: u64, model: &str) -> Result<(), String> {
    let text =
        std::fs::read_to_string(project.folder().join("target/run_results.json")).map_err(|error| error.to_string())?;
    let results: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut reports =
        results["results"].as_array().into_iter().flatten().map(|result| &result["adapter_response"]["highwater"]);
    let ends = format!(".{model}");
    let report = reports
        .rfind(|report| report["unique_id"].as_str().is_some_and(|id| id.ends_with(&ends)))
        .ok_or_else(|| format!("the last run says nothing of {model}"))?;
    let found = (report["mode"].as_str(), report["dirty_count"].as_u64());
    if found == (Some("incremental"), Some(count)) {
        return Ok(());
    }
    Err(format!("{model}: wanted {count} partitions built, found {found:?}: {}", report["dirty"]))
}

/// What `Rebuilt:` says: numbers and models.
fn counts(text: &str) -> Result<Vec<(u64, String)>, String> {
    let part = |part: &str| {
        let number = part.split_whitespace().next()?.parse().ok()?;
        Some((number, quoted(part).into_iter().next()?))
    };
    text.split(',').map(|text| part(text).ok_or_else(|| format!("not a number of a model: {text}"))).collect()
}

/// The steps of a story with their lines.
fn read(text: &str) -> Result<Vec<(usize, Step)>, String> {
    let mut steps = Vec::new();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
    let (mut file, mut meanwhile, mut killed) = (None, Meanwhile::Nothing, None);
    while let Some((number, line)) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let text = format!("{}\n", body.join("\n"));
            let step = match (file.take(), kind) {
                (Some(path), _) => Step::Write { path, text },
                (None, "sql") => Step::Sql(text),
                (None, "console") if killed.is_some() => {
                    Step::Killed { commands: commands(&body)?, after: killed.take().unwrap_or_default() }
                }
                (None, "console") => {
                    Step::Console { commands: commands(&body)?, meanwhile: std::mem::take(&mut meanwhile) }
                }
                (None, _) => return Err(format!("line {number}: a block that is neither file, sql nor console")),
            };
            steps.push((number, step));
        } else if let Some(path) = line.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:")) {
            file = Some(path.to_owned());
        } else if let Some(rest) = line.strip_prefix("Starts from [") {
            steps.push((number, Step::Start(rest.split(']').next().unwrap_or_default().to_owned())));
        } else if let Some(moment) = line.strip_prefix("It is ").filter(|rest| rest.starts_with("20")) {
            steps.push((number, Step::Clock(format!("{}:00Z", moment.trim_end_matches('.').replace(' ', "T")))));
        } else if line == "While another process holds the database:" {
            meanwhile = Meanwhile::Held;
        } else if let Some(model) =
            line.strip_prefix("While another run has staged `").and_then(|rest| rest.strip_suffix("`:"))
        {
            meanwhile = Meanwhile::Staged(model.to_owned());
        } else if let Some(after) = line.strip_prefix("Killed after ").and_then(|rest| rest.strip_suffix(" ms:")) {
            let milliseconds = after.parse().map_err(|_| format!("line {number}: no number: {after}"))?;
            killed = Some(Duration::from_millis(milliseconds));
        } else if let Some(query) = line.strip_prefix("Rows of `").and_then(|rest| rest.strip_suffix("`:")) {
            let mut rows = Vec::new();
            while let Some((_, row)) = lines.next_if(|(_, line)| line.is_empty() || line.starts_with('|')) {
                if !row.is_empty() {
                    rows.push(row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect());
                }
            }
            steps.push((number, Step::Rows { query: query.to_owned(), table: rows.split_off(rows.len().min(2)) }));
        } else if let Some(query) = line.strip_prefix("Readers look on with `").and_then(|rest| rest.strip_suffix("`."))
        {
            steps.push((number, Step::Readers(query.to_owned())));
        } else if let Some(text) = line.strip_prefix("Rebuilt: ") {
            steps.push((number, Step::Rebuilt(counts(text)?)));
        } else if let Some(models) = line.strip_prefix("Equal to a rebuild: ") {
            steps.push((number, Step::Compare { models: quoted(models), equal: true }));
        } else if let Some(models) = line.strip_prefix("Differs from a rebuild: ") {
            steps.push((number, Step::Compare { models: quoted(models), equal: false }));
        }
    }
    Ok(steps)
}

/// The commands of a console block.
fn commands(lines: &[&str]) -> Result<Vec<Command>, String> {
    let mut commands: Vec<Command> = Vec::new();
    for line in lines.iter().map(|line| line.trim_end()) {
        if let Some(typed) = line.strip_prefix("$ ") {
            commands.push(Command { line: typed.to_owned(), expected: Vec::new(), exit: 0 });
            continue;
        }
        let last = commands.last_mut().ok_or("a console block starts with a command")?;
        if let Some(code) = line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']')) {
            last.exit = code.parse().map_err(|_| format!("no exit code: {code}"))?;
        } else if !line.is_empty() {
            last.expected.push(line.to_owned());
        }
    }
    Ok(commands)
}

/// The words in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
