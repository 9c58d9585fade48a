//! A run that looked before a backfill was published, slept, and goes on afterwards.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::Naive;
use super::workshop::{Workshop, dirty, family};
use crate::exact::build::build;
use crate::exact::job::Job;
use crate::exact::{Mode, RunIdentity, Writers};

/// A run of the facts stops when it has staged a day that is new; a backfill publishes that day; the run goes on. Returns what is wrong then.
fn overtaken(naive: Option<Naive>) -> Vec<String> {
    let mut shop = Workshop::of(family()[..1].to_vec());
    shop.naive = naive.into_iter().collect();
    shop.world.sql("insert into raw_orders values (9, 1, '2026-02-20 10:00', 7, null)");
    let (engine, around, known) = (Arc::clone(&shop.world.engine), shop.world.around.clone(), shop.models[0].clone());
    let (arrived, wait_for_it) = channel();
    let (go_on, told_to) = channel::<()>();
    let report = std::thread::scope(|scope| {
        let zombie = scope.spawn(move || {
            let mut session = engine.connect().expect("a session");
            let mut slept = false;
            let mut stop = |step: &str| {
                if step == "staged" && !std::mem::replace(&mut slept, true) {
                    arrived.send(()).expect("someone waits");
                    told_to.recv().expect("someone tells");
                }
            };
            let run = RunIdentity {
                run_id: "zombie".into(),
                invocation_id: "zombie".into(),
                started_at: "2026-02-21T00:00:00Z".parse().expect("a moment"),
                engine_version: "test".into(),
            };
            let mut job = Job::new(session.as_mut(), &known.model, &around, "hw");
            job.writers = Some(Writers::new(engine.clone(), Duration::ZERO));
            job.reached = Some(&mut stop);
            build(&mut job, &run, &|request| known.analyse(request))
        });
        wait_for_it.recv().expect("it has staged");
        let file = shop.plan(&["facts"], &dirty()).expect("a plan");
        shop.apply(&file).expect("applied");
        go_on.send(()).expect("it listens");
        zombie.join().expect("no panic").expect("it looks anew")
    });
    let mut wrong = shop.differences();
    if report.mode != Mode::Unchanged {
        wrong.push(format!("the run did again what had been done: {report:?}"));
    }
    let unfenced = "select model from highwater.fence as f where epoch < (select count(*) from highwater.runs as r where r.model = f.model)";
    let unfenced = shop.world.rows(unfenced);
    if !unfenced.is_empty() {
        wrong.push(format!("something was committed without raising the fence of {unfenced}"));
    }
    wrong
}

#[test]
fn a_run_that_slept_through_a_backfill_finds_its_work_done() {
    assert_eq!(overtaken(None), Vec::<String>::new());
    assert!(!overtaken(Some(Naive::Unfenced)).is_empty(), "a swap without a fence went unnoticed");
}
