//! Backfills on generated projects: queries of the fuzzer's grammar, random changes, requests and ranges, processes that are killed, backfills that
//! are rolled back and applied again. After each step every table is old or new, the ledger describes it, and what was published is a rebuild.
//!
//! `HW_STORIES` sets how many stories are told, `HW_SEED` tells one alone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::Naive;
use super::workshop::{candidate, dirty, named};
use crate::backfill::{
    ApplyOptions, BackfillError, BackfillModel, Event, File, Reached, Request, Site, State, abandon, apply, entry,
    plan, rollback,
};
use crate::exact::axis::Axis;
use crate::exact::tests::fuzz::case::{MOST_ROWS, Manner, Place, RIGHT, World};
use crate::exact::tests::fuzz::{generate, number};
use crate::exact::{ExactError, ExactModel, RunIdentity, ledger};

/// Stories on DuckDB.
const STORIES: u64 = 12;

/// Stories on Postgres, which makes a database for each.
const ON_POSTGRES: u64 = 3;

/// Attempts to bring one backfill to its end.
const ATTEMPTS: usize = 12;

/// What a story came to.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    published: u64,
    killed: u64,
    refused: u64,
    rolled_back: u64,
    reshaped: u64,
}

/// A project in the middle of its story.
struct Story {
    world: World,
    models: Vec<ExactModel>,
    /// Changes that are still to come.
    changes: Vec<String>,
    random: SmallRng,
    /// Gives models other columns now and then, in some of the stories.
    shapes: Option<SmallRng>,
    naive: Option<Naive>,
    told: Told,
    steps: u32,
}

/// How an attempt ended.
enum Ended {
    Well,
    Killed,
    Wrong(String),
    Badly(BackfillError),
}

impl Story {
    fn new(seed: u64, place: Place, naive: Option<Naive>) -> Option<Self> {
        let case = generate::case(seed, &[], place);
        let mut world = World::new(Manner { place, ..RIGHT });
        // A backfill does not build partials.
        let models: Vec<ExactModel> =
            case.settle(&mut world).ok()?.into_iter().map(|model| ExactModel { partials: None, ..model }).collect();
        let mut changes: Vec<String> = case.batches.concat();
        changes.reverse();
        let random = SmallRng::seed_from_u64(seed);
        let shapes = seed.is_multiple_of(3).then(|| SmallRng::seed_from_u64(seed + 1));
        let mut story = Self { world, models, changes, random, shapes, naive, told: Told::default(), steps: 0 };
        story.is_small().then_some(())?;
        story.run().ok()?;
        Some(story)
    }

    fn is_small(&mut self) -> bool {
        let models = self.models.clone();
        models.iter().all(|model| self.world.rebuild(model).is_ok_and(|rows| rows <= MOST_ROWS))
    }

    fn run(&mut self) -> Result<(), String> {
        let models = self.models.clone();
        models.iter().try_for_each(|model| match self.world.run(model, None) {
            Ok(_) | Err(ExactError::Reserved { .. }) => Ok(()),
            Err(error) => Err(format!("a run failed: {error}")),
        })
    }

    /// Lets some changes come; whether there were any.
    fn change(&mut self, most: usize) -> bool {
        let count = self.random.random_range(0..=most).min(self.changes.len());
        let coming = self.changes.split_off(self.changes.len() - count);
        coming.iter().rev().for_each(|sql| self.world.session.execute(sql).map(drop).expect("a change"));
        count > 0
    }

    /// Gives a model's query one column more, before or behind the others.
    fn reshape(&mut self) {
        let count = self.models.len();
        let Some(random) = &mut self.shapes else { return };
        if random.random_bool(0.4) {
            return;
        }
        let (place, behind) = (random.random_range(0..count), random.random_bool(0.7));
        let (model, step) = (&mut self.models[place], self.steps);
        let (sql, column) = (&model.sql, format!("{step} as added_{step}"));
        model.sql = if behind {
            format!("select hw_inner.*, {column} from ({sql}) as hw_inner")
        } else {
            format!("select {column}, hw_inner.* from ({sql}) as hw_inner")
        };
    }

    fn tables(&mut self) -> String {
        let queries: Vec<String> =
            self.models.iter().map(|model| format!("select * from {}", model.relation.sql())).collect();
        queries.iter().map(|query| self.world.lines(query).expect("rows")).collect::<Vec<_>>().join("\n\n")
    }

    fn identity(&mut self) -> RunIdentity {
        self.steps += 1;
        RunIdentity {
            run_id: format!("backfill-{}", self.steps),
            invocation_id: "trial".into(),
            started_at: "2024-03-10T00:00:00Z".parse().expect("a moment"),
            engine_version: "trial".into(),
        }
    }

    fn site<T>(&mut self, models: &[BackfillModel], events: &dyn Fn(Event), work: impl FnOnce(&mut Site) -> T) -> T {
        let identity = self.identity();
        let (around, alone) = (self.world.around.clone(), self.random.random_bool(0.5));
        let mut site = Site::new(self.world.session.as_mut(), models, &around, &identity, events);
        site.naive = self.naive.into_iter().collect();
        // Nothing moves but between two processes.
        site.alone = (alone && self.world.home.0 == "memory").then(|| "memory".to_owned());
        work(&mut site)
    }

    fn of_the_plan(&self, file: &File) -> Vec<BackfillModel> {
        let known = |id: &str| self.models.iter().find(|model| model.unique_id == id).expect("a model of the case");
        file.plan.models.iter().map(|part| candidate(known(&part.unique_id), &[])).collect()
    }

    fn plan(&mut self) -> Result<File, BackfillError> {
        let names: Vec<String> = self.models.iter().map(|model| model.relation.identifier.clone()).collect();
        let mut selected: Vec<&str> = Vec::new();
        for name in &names {
            if self.random.random_bool(0.6) {
                selected.push(name);
            }
        }
        let first: u8 = self.random.random_range(26..=29);
        let last: u8 = self.random.random_range(first..=29);
        let request = match self.random.random_range(0..3) {
            0 => named(&[&format!("2024-02-{first}..2024-02-{last}"), "NULL"]),
            1 => named(&[&format!("2024-02-{first}..2024-02-{last}")]),
            _ => dirty(),
        };
        let models: Vec<BackfillModel> = self.models.iter().map(|model| candidate(model, &selected)).collect();
        self.planned(&models, &request)
    }

    fn planned(&mut self, models: &[BackfillModel], request: &Request) -> Result<File, BackfillError> {
        self.site(models, &|_| {}, |site| plan(site, request, "trial", "trial", Reached::default()))
            .map(|plan| File::new(plan, None))
    }

    /// Applies, or goes on, until the end or until it is killed.
    fn apply(&mut self, file: &File, resume: bool) -> Ended {
        let models = self.of_the_plan(file);
        let left = std::cell::Cell::new(self.random.random_range(0..8_u32));
        let events = |_: Event| {
            if left.get() == 1 {
                resume_unwind(Box::new("killed"));
            }
            left.set(left.get().saturating_sub(1));
        };
        let most_rows = self.random.random_range(1..12);
        let verify = self.random.random_bool(0.5);
        let options = ApplyOptions { resume, most_rows, verify, ..ApplyOptions::default() };
        let went =
            catch_unwind(AssertUnwindSafe(|| self.site(&models, &events, |site| apply(site, file, options, "now"))));
        match went {
            Ok(Ok(applied)) => {
                if applied.verified.iter().any(|model| model.outcome == "differs") {
                    return Ended::Wrong(format!("it says itself that it differs: {:?}", applied.verified));
                }
                Ended::Well
            }
            Ok(Err(error)) => Ended::Badly(error),
            Err(_) => {
                self.told.killed += 1;
                self.world.session = self.world.engine.connect().expect("a session");
                Ended::Killed
            }
        }
    }

    fn state(&mut self, file: &File) -> State {
        let schema = ledger::schema(&self.models[0].relation);
        let found = entry(self.world.session.as_mut(), &schema, &file.backfill).expect("a ledger");
        found.map_or(State::Abandoned, |entry| entry.state)
    }

    /// Brings a backfill to its end. False when it was refused.
    fn publish(&mut self, file: &File, before: &str) -> Result<bool, String> {
        for _ in 0..ATTEMPTS {
            let state = self.state(file);
            let resume = !matches!(state, State::Planned | State::RolledBack);
            let ended = self.apply(file, resume);
            let state = self.state(file);
            if state != State::Published && self.tables() != before {
                return Err(format!("{} and tables have changed", state.word()));
            }
            match ended {
                Ended::Well => return Ok(true),
                Ended::Killed => {}
                Ended::Wrong(what) => return Err(what),
                Ended::Badly(BackfillError::Busy { .. }) => std::thread::sleep(Duration::from_millis(20)),
                Ended::Badly(BackfillError::Moved { staged: true, .. }) => {}
                // A partial backfill may bring a key that still stands elsewhere.
                Ended::Badly(BackfillError::Moved { .. } | BackfillError::Audit { .. }) => break,
                Ended::Badly(error) => return Err(format!("applying failed: {error:?}")),
            }
            if self.state(file) != State::Published && self.random.random_bool(0.3) {
                self.change(2);
            }
        }
        if self.state(file) == State::Published {
            return Ok(true);
        }
        self.told.refused += 1;
        Ok(false)
    }

    /// Whether the partitions of a published backfill are those of a rebuild.
    fn check_published(&mut self, file: &File) -> Result<(), String> {
        for part in &file.plan.models {
            let model = self.models.iter().find(|model| model.unique_id == part.unique_id).expect("known").clone();
            self.world.rebuild(&model)?;
            let axis = Axis { partitioning: model.partitioning(), dialect: self.world.session.dialect() };
            let rows = axis.within(&format!(
                "(select {} as p from {}.backfill_partitions where backfill = '{}' and model = '{}') as hw_set",
                axis.ledger_column(),
                ledger::schema(&model.relation),
                file.backfill,
                ledger::id(&model.relation)
            ));
            let here = self.world.lines(&format!("select * from {} where {rows}", model.relation.sql()))?;
            let there = self.world.lines(&format!("select * from rebuilt where {rows}"))?;
            if here != there {
                return Err(format!("{} was published, and is no rebuild:\n{here}\n\n{there}", part.label));
            }
        }
        Ok(())
    }

    /// Whether the ledger counts the rows that are there.
    fn check_ledger(&mut self) -> Result<(), String> {
        for model in self.models.clone() {
            let axis = Axis { partitioning: model.partitioning(), dialect: self.world.session.dialect() };
            let there = self.world.lines(&format!(
                "select {}, count(*) from {} group by 1",
                axis.partition(),
                model.relation.sql()
            ))?;
            let said = self.world.lines(&format!(
                "select {}, row_count from {}.partitions where model = '{}' and row_count > 0 and {} is null",
                axis.ledger_column(),
                ledger::schema(&model.relation),
                ledger::id(&model.relation),
                axis.unused_column()
            ))?;
            if there != said {
                return Err(format!("{}: the ledger says\n{said}\nand there is\n{there}", model.relation));
            }
        }
        Ok(())
    }

    fn abandon(&mut self, file: &File) -> Result<(), String> {
        let models = self.of_the_plan(file);
        self.site(&models, &|_| {}, |site| abandon(site, file, "now")).map_err(|error| format!("{error:?}"))
    }

    fn backfill(&mut self) -> Result<(), String> {
        self.reshape();
        let Ok(file) = self.plan() else { return Ok(()) };
        if self.random.random_bool(0.2) {
            self.change(2);
        }
        if self.random.random_bool(0.2) {
            self.run()?;
        }
        let before = self.tables();
        if !self.publish(&file, &before)? {
            return self.abandon(&file);
        }
        self.told.published += 1;
        self.told.reshaped += u64::from(file.plan.models.iter().any(|part| part.columns.is_some()));
        self.check_published(&file)?;
        self.check_ledger()?;
        if self.random.random_bool(0.4) {
            return self.undo(&file, &before);
        }
        Ok(())
    }

    fn undo(&mut self, file: &File, before: &str) -> Result<(), String> {
        let models = self.of_the_plan(file);
        self.site(&models, &|_| {}, |site| rollback(site, file, "now")).map_err(|error| format!("{error:?}"))?;
        self.told.rolled_back += 1;
        if self.tables() != before {
            return Err("rolling back left other rows than there were".to_owned());
        }
        self.check_ledger()?;
        if self.random.random_bool(0.5) {
            self.change(2);
            self.run()?;
            self.check_ledger()?;
        }
        let now = self.tables();
        if self.random.random_bool(0.5) && self.publish(file, &now)? {
            self.check_published(file)?;
            return self.check_ledger();
        }
        self.abandon(file)
    }

    /// The next run makes everything right, whatever was left to it.
    fn finish(&mut self) -> Result<(), String> {
        self.run()?;
        for model in self.models.clone() {
            self.world.rebuild(&model)?;
            let found = self.world.difference(&model)?;
            if !found.is_empty() {
                return Err(format!("{} differs from a rebuild:\n{found}", model.relation));
            }
        }
        self.check_ledger()
    }
}

/// One story: none when the seed makes no project.
fn story(seed: u64, place: Place, naive: Option<Naive>) -> Result<Option<Told>, String> {
    let Some(mut story) = Story::new(seed, place, naive) else { return Ok(None) };
    while !story.changes.is_empty() {
        story.change(4);
        if !story.is_small() {
            break;
        }
        story.backfill()?;
        story.finish()?;
    }
    Ok(Some(story.told))
}

fn stories(place: Place, first_seed: u64, count: u64) {
    let (mut seed, mut told, mut all) = (number("HW_SEED").unwrap_or(first_seed), 0, Told::default());
    let count = if number("HW_SEED").is_some() { 1 } else { number("HW_STORIES").unwrap_or(count) };
    while told < count {
        match story(seed, place, None) {
            Ok(Some(one)) => {
                told += 1;
                all.published += one.published;
                all.killed += one.killed;
                all.refused += one.refused;
                all.rolled_back += one.rolled_back;
                all.reshaped += one.reshaped;
            }
            Ok(None) => {}
            Err(wrong) => panic!("seed {seed}: {wrong}\n{}", generate::case(seed, &[], place)),
        }
        seed += 1;
    }
    println!("{count} stories from seed {first_seed}: {all:?}");
    assert!(
        count < STORIES || (all.published > count / 2 && all.rolled_back > 0 && all.killed > 0 && all.reshaped > 0),
        "{all:?}"
    );
}

#[test]
fn backfills_of_generated_projects_are_rebuilds() {
    stories(Place::DuckDb, 50_000_000, STORIES);
}

#[test]
fn backfills_of_generated_projects_on_postgres_are_rebuilds() {
    stories(Place::Postgres, 60_000_000, ON_POSTGRES);
}

#[test]
fn what_is_left_out_is_noticed_in_generated_projects() {
    // Where it was noticed before goes first.
    for (naive, first) in [(Naive::LiveParent, 125), (Naive::RowsOnly, 18), (Naive::BlindResume, 26)] {
        let mut seeds = std::iter::once(50_000_000 + first).chain(50_000_000..50_000_400);
        let noticed = seeds.find(|seed| story(*seed, Place::DuckDb, Some(naive)).is_err());
        println!("{naive:?} was noticed at seed {noticed:?}");
        assert!(noticed.is_some(), "{naive:?} went unnoticed");
    }
}
