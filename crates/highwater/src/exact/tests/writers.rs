//! Several runs of one model at once: who waits, who is told what, and who cannot commit.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::engines::{On, on_both_engines};
use super::meddled::{Call, Meddled};
use super::world::{Known, World, daily, text};
use crate::engine::{Cell, Connection, Engine, EngineError};
use crate::exact::build::build;
use crate::exact::job::Job;
use crate::exact::{ExactError, Mode, RunIdentity, Surroundings, SwapReport, Writers};

on_both_engines![
    a_second_run_is_told_who_builds_the_model,
    a_second_run_waits_and_finds_the_work_done,
    a_run_that_wakes_up_after_its_lease_was_taken_cannot_commit,
    two_runs_at_once_cannot_both_commit,
    without_the_fence_both_would_commit,
    a_lease_is_given_back_and_nothing_to_do_takes_none,
    a_lease_is_renewed_for_as_long_as_the_work_takes,
    a_commit_whose_answer_was_lost_is_looked_up_in_the_ledger,
];

/// What every writing run does to the ledger first.
const RAISE: &str = "update highwater.fence set epoch = epoch + 1 where model = 'main.daily'";

fn identity(run: &str) -> RunIdentity {
    RunIdentity {
        run_id: run.to_owned(),
        invocation_id: "invocation".into(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        engine_version: "test".into(),
    }
}

fn writers(engine: &Arc<dyn Engine>, wait: Duration) -> Writers {
    Writers::new(Arc::clone(engine), wait)
}

/// What happens to a run that is stopped on its way.
struct Interrupted<'a> {
    engine: Arc<dyn Engine>,
    around: &'a Surroundings,
    known: &'a Known,
}

impl<'a> Interrupted<'a> {
    fn new(world: &'a World, known: &'a Known) -> Self {
        Self { engine: Arc::clone(&world.engine), around: &world.around, known }
    }

    /// Runs `first`, stops it at a step, does something else, and lets it go on.
    fn at(&self, step: &str, meanwhile: impl FnOnce() + Send) -> Result<SwapReport, ExactError> {
        let (arrived, wait_for_it) = channel();
        let (go_on, told_to) = channel::<()>();
        std::thread::scope(|scope| {
            let first = scope.spawn(move || {
                let mut session = self.engine.connect().expect("session");
                let mut stop = |name: &str| {
                    if name == step {
                        arrived.send(()).expect("someone waits");
                        told_to.recv().expect("someone tells");
                    }
                };
                let mut job = Job::new(session.as_mut(), &self.known.model, self.around, "hw");
                job.writers = Some(writers(&self.engine, Duration::ZERO));
                job.reached = Some(&mut stop);
                build(&mut job, &identity("first"), &|_| self.known.analysis.clone())
            });
            wait_for_it.recv().expect("the step is reached");
            meanwhile();
            go_on.send(()).expect("the first run listens");
            first.join().expect("no panic")
        })
    }

    /// Runs on a session of its own, from beginning to end.
    fn other(&self, wait: Duration) -> Result<SwapReport, ExactError> {
        let mut session = self.engine.connect().expect("session");
        let mut job = Job::new(session.as_mut(), &self.known.model, self.around, "hw");
        job.writers = Some(writers(&self.engine, wait));
        build(&mut job, &identity("second"), &|_| self.known.analysis.clone())
    }

    /// Runs with a lease that is soon over, and that it renews while it works.
    fn briefly(&self, time_to_live: Duration, reached: &mut dyn FnMut(&str)) -> Result<SwapReport, ExactError> {
        let mut session = self.engine.connect().expect("session");
        let mut job = Job::new(session.as_mut(), &self.known.model, self.around, "hw");
        let writers = writers(&self.engine, Duration::ZERO);
        job.writers = Some(Writers { time_to_live, ..writers });
        job.reached = Some(reached);
        build(&mut job, &identity("first"), &|_| self.known.analysis.clone())
    }

    fn sql(&self, sql: &str) {
        self.engine.connect().expect("session").execute(sql).expect(sql);
    }
}

/// A shop whose model has work to do.
fn with_work(on: On) -> (World, Known) {
    let mut world = World::with_orders(on);
    let known = world.own(&daily());
    world.run_and_compare(&known);
    world.sql("insert into raw_orders values (7, 1, '2026-02-02', 5, null)");
    (world, known)
}

fn a_second_run_is_told_who_builds_the_model(on: On) {
    let (mut world, known) = with_work(on);
    let runs = Interrupted::new(&world, &known);
    let report = runs.at("staged", || {
        let error = runs.other(Duration::from_millis(250)).expect_err("the first run builds it");
        let diagnostic = error.diagnostic();
        let text = format!("{}\n{}", diagnostic.title, diagnostic.notes.join("\n"));
        let text =
            regex::Regex::new(r"on \S+ \(process \d+\)").expect("a pattern").replace(&text, "on HOST (process N)");
        let text = regex::Regex::new(r"\d{4}-\S+ \d\d:\d\d:\d\d").expect("a pattern").replace(&text, "MOMENT");
        insta::assert_snapshot!(text, @r"
        daily is being built by another run
        run first on HOST (process N) has been building it since MOMENT UTC
        nothing was changed by this run
        ");
    });
    assert_eq!(report.expect("the first run goes on").replaced_count, 1);
    world.compare(&known);
}

fn a_second_run_waits_and_finds_the_work_done(on: On) {
    let (mut world, known) = with_work(on);
    let runs = Interrupted::new(&world, &known);
    std::thread::scope(|scope| {
        let mut second = None;
        let report = runs.at("staged", || {
            second = Some(scope.spawn(|| runs.other(Duration::from_secs(60))));
            std::thread::sleep(Duration::from_millis(300));
        });
        assert_eq!(report.expect("the first run").replaced_count, 1);
        let report = second.expect("started").join().expect("no panic").expect("the second run");
        assert_eq!(report.mode, Mode::Unchanged);
    });
    world.compare(&known);
}

/// The first run sleeps until its lease is over; the second takes it, and commits.
fn overtaken(on: On, step: &str) -> (World, Known, Result<SwapReport, ExactError>) {
    let (world, known) = with_work(on);
    let result = {
        let runs = Interrupted::new(&world, &known);
        runs.at(step, || {
            runs.sql("update highwater.leases set expires_at = timestamp '2000-01-01'");
            runs.sql("insert into raw_orders values (8, 1, '2026-02-02', 5, null)");
            assert_eq!(runs.other(Duration::ZERO).expect("the second run takes over").replaced_count, 1);
        })
    };
    (world, known, result)
}

fn a_run_that_wakes_up_after_its_lease_was_taken_cannot_commit(on: On) {
    for step in ["leased", "staged"] {
        let (mut world, known, result) = overtaken(on, step);
        // It finds the fence raised, looks again, and nothing is left to do.
        assert_eq!(result.expect("a run").mode, Mode::Unchanged, "{step}");
        world.compare(&known);
        assert_eq!(world.rows("select run_id from highwater.runs order by 1"), "run-1\nsecond");
        assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged);
    }
}

fn two_runs_at_once_cannot_both_commit(on: On) {
    let mut world = World::with_orders(on);
    let known = daily();
    world.run_and_compare(&known);
    world.sql("insert into raw_orders values (7, 1, '2026-02-02', 5, null)");
    // The first run has looked and is about to swap when the second commits.
    let mut first = world.engine.connect().expect("session");
    first.begin_snapshot().expect("begin");
    first.query("select count(*) from raw_orders").expect("snapshot");
    world.run_and_compare(&known);
    let conflict = first.execute(RAISE);
    assert!(matches!(conflict, Err(EngineError::Conflict { .. })), "{conflict:?}");
}

/// DuckDB does not wait for a transaction that has written the same row. PostgreSQL does: see `who_waits_for_one_that_commits_has_looked_in_vain`.
#[test]
fn a_run_that_meets_a_raised_fence_fails() {
    let mut world = World::with_orders(On::DuckDb);
    let known = daily();
    world.run_and_compare(&known);
    let mut first = world.engine.connect().expect("session");
    first.begin_snapshot().and_then(|()| first.execute(RAISE)).expect("fence");
    world.sql("insert into raw_orders values (8, 1, '2026-02-02', 5, null)");
    let before = world.ledger();
    assert!(matches!(world.run(&known), Err(ExactError::Conflict { .. })));
    assert_eq!(world.ledger(), before);
    first.rollback().expect("rollback");
    assert!(world.run_and_compare(&known).changed);
}

/// PostgreSQL alone waits for a transaction that has written the same row. What a run found before is then not what it would find now.
#[test]
fn who_waits_for_one_that_commits_has_looked_in_vain() {
    let mut world = World::with_orders(On::Postgres);
    let known = daily();
    world.run_and_compare(&known);
    world.sql("insert into raw_orders values (8, 1, '2026-02-02', 5, null)");
    let engine = Arc::clone(&world.engine);
    let mut first = engine.connect().expect("session");
    for commits in [false, true] {
        first.begin_snapshot().and_then(|()| first.execute(RAISE)).expect("fence");
        world.sql("update raw_orders set amount = amount + 1 where order_id = 8");
        let result = std::thread::scope(|scope| {
            let run = scope.spawn(|| world.run(&known));
            wait_for_a_lock(engine.as_ref(), || assert!(!run.is_finished(), "it did not wait"));
            if commits { first.commit() } else { first.rollback() }.expect("the end");
            run.join().expect("no panic")
        });
        assert_eq!(matches!(result, Err(ExactError::Conflict { .. })), commits, "{result:?}");
        assert_eq!(world.difference(&known).is_empty(), !commits);
    }
    world.run_and_compare(&known);
}

/// PostgreSQL alone shows an old snapshot nothing of a table that has got a new file since. Whoever waits for a load has taken such a snapshot.
#[test]
fn who_waits_for_a_table_to_be_loaded_anew_does_not_take_it_for_empty() {
    for load in [
        "truncate raw_orders; insert into raw_orders select * from copy",
        "alter table raw_orders rename to old; create table raw_orders as select * from copy",
        "drop table raw_orders; alter table copy rename to raw_orders; insert into raw_orders select * from raw_orders limit 1",
        "alter table raw_orders alter column amount type integer using amount + 1",
    ] {
        let (mut world, known) = with_work(On::Postgres);
        world.run_and_compare(&known);
        world.sql("create table copy as select * from raw_orders");
        let mut loader = world.engine.connect().expect("session");
        loader.begin().and_then(|()| loader.execute(load)).expect(load);
        let runs = Interrupted::new(&world, &known);
        let report = std::thread::scope(|scope| {
            let run = scope.spawn(|| runs.other(Duration::ZERO));
            wait_for_a_lock(world.engine.as_ref(), || assert!(!run.is_finished(), "it did not wait"));
            loader.commit().expect("loaded");
            run.join().expect("no panic").expect(load)
        });
        world.compare(&known);
        assert!(report.rows_total > 0, "{load}: {report:#?}");
    }
}

/// Looks until a session of the database waits for another one.
fn wait_for_a_lock(engine: &dyn Engine, meanwhile: impl Fn()) {
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let mut watch = engine.connect().expect("session");
    while watch.query(waiting).expect("sessions").scalar().and_then(Cell::as_integer) == Some(0) {
        meanwhile();
    }
}

/// Two transactions that fill the same new day: nothing they write is the same row.
fn fill_a_day(world: &mut World, fenced: bool) -> Result<(), EngineError> {
    let mut sessions = [world.engine.connect()?, world.engine.connect()?];
    for session in &mut sessions {
        session.begin_snapshot()?;
        session.query("select count(*) from daily")?;
    }
    for session in &mut sessions {
        if fenced {
            session.execute(RAISE)?;
        }
        session.execute("delete from daily where day = '2026-03-01'; insert into daily values ('2026-03-01', 1, 1)")?;
        session.commit()?;
    }
    Ok(())
}

fn without_the_fence_both_would_commit(on: On) {
    let (mut world, _) = with_work(on);
    assert!(matches!(fill_a_day(&mut world, true), Err(EngineError::Conflict { .. })));
    assert_eq!(world.rows("select orders from daily where day = '2026-03-01'"), "1");
    world.sql("delete from daily where day = '2026-03-01'");
    fill_a_day(&mut world, false).expect("nothing is in the way");
    assert_eq!(world.rows("select orders from daily where day = '2026-03-01'"), "1\n1");
}

fn a_lease_is_given_back_and_nothing_to_do_takes_none(on: On) {
    let (world, known) = with_work(on);
    let runs = Interrupted::new(&world, &known);
    assert!(runs.other(Duration::ZERO).expect("a run").changed);
    assert_eq!(runs.other(Duration::ZERO).expect("a run").mode, Mode::Unchanged);
    let mut session = world.engine.connect().expect("session");
    let table = session.query("select count(*) from highwater.leases where run_id is not null").expect("leases");
    assert_eq!(table.scalar().and_then(Cell::as_integer), Some(0));
}

fn a_lease_is_renewed_for_as_long_as_the_work_takes(on: On) {
    let (world, mut known) = with_work(on);
    // PostgreSQL works that long: it would cut off who leaves a transaction alone.
    let slow =
        known.model.sql.replace(" from raw_orders group by 1", " from (select pg_sleep(2.5)) as slept cross join ");
    if on == On::Postgres {
        known.analysis.slice.as_mut().expect("slice").pieces[0] = text(&slow);
    }
    let runs = Interrupted::new(&world, &known);
    let mut others = |step: &str| {
        if step == "staged" {
            if on == On::DuckDb {
                std::thread::sleep(Duration::from_millis(600));
            }
            assert!(matches!(runs.other(Duration::ZERO), Err(ExactError::Held { .. })));
        }
    };
    let time_to_live = Duration::from_millis(if on == On::DuckDb { 150 } else { 2000 });
    runs.briefly(time_to_live, &mut others).expect("the first run");
}

/// PostgreSQL alone ends sessions that leave a transaction open and do nothing: what they have locked is needed by others.
#[test]
fn who_does_nothing_for_longer_than_a_lease_is_cut_off() {
    let (mut world, known) = with_work(On::Postgres);
    let runs = Interrupted::new(&world, &known);
    let cut_off = runs.briefly(Duration::from_millis(150), &mut |step| {
        if step == "staged" {
            std::thread::sleep(Duration::from_millis(600));
        }
    });
    assert!(matches!(cut_off, Err(ExactError::Engine { source: EngineError::Lost { .. }, .. })), "{cut_off:?}");
    assert!(runs.other(Duration::ZERO).expect("nobody is in the way").changed);
    world.compare(&known);
}

fn a_commit_whose_answer_was_lost_is_looked_up_in_the_ledger(on: On) {
    for done in [true, false] {
        let (mut world, known) = with_work(on);
        let before = world.rows("select * from daily");
        let writers = writers(&world.engine, Duration::ZERO);
        // The answer to a commit does not arrive: it was done all the same, or not.
        let unanswered = |session: &mut dyn Connection, call| {
            if call != Call::Commit {
                return Ok(());
            }
            if done { session.commit() } else { session.rollback() }?;
            Err(EngineError::Lost { message: "server closed the connection unexpectedly".into() })
        };
        let mut lossy = Meddled { session: world.session.as_mut(), before: unanswered };
        let mut job = Job::new(&mut lossy, &known.model, &world.around, "hw");
        job.writers = Some(writers);
        let result = build(&mut job, &identity("lost"), &|_| known.analysis.clone());
        if done {
            assert_eq!(result.expect("the ledger has it").replaced_count, 1);
        } else {
            assert!(matches!(result, Err(ExactError::Engine { source: EngineError::Lost { .. }, .. })), "{result:?}");
            assert_eq!(world.rows("select * from daily"), before);
            assert!(world.run_and_compare(&known).changed);
        }
        assert_eq!(world.run_and_compare(&known).mode, Mode::Unchanged);
    }
}
