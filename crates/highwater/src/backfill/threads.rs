//! Several batches at the same time, each on a session of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use crate::engine::Connection;
use crate::exact::ExactError;

use super::error::BackfillError;
use super::site::Site;
use super::stage::{Task, batch};

/// How often a batch is tried again because another one wrote at the same time.
const CONFLICTS: u32 = 20;

/// Before it is; longer each further time.
const PAUSE: Duration = Duration::from_millis(10);

/// What a batch came to: its rows, and the seconds it took.
type Answer = Result<(u64, f64), BackfillError>;

/// Stages batches of a model, telling of each.
///
/// # Errors
/// The first that came; batches that are finished stay.
pub(crate) fn batches(
    site: &mut Site,
    work: &Task,
    place: usize,
    numbers: &[u64],
    threads: usize,
    told: &mut dyn FnMut(u64, f64),
) -> Result<(), BackfillError> {
    let engine = site.writers.as_ref().map(|writers| Arc::clone(&writers.engine));
    let Some(engine) = engine.filter(|_| threads > 1 && numbers.len() > 1) else {
        for number in numbers {
            site.go_on()?;
            let (rows, seconds) = one(site, work, place, *number)?;
            told(rows, seconds);
        }
        return Ok(());
    };
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut sessions: Vec<Box<dyn Connection>> = Vec::new();
    for _ in 0..threads.min(numbers.len()) {
        sessions.push(engine.connect().map_err(|error| site.job(place).error(error))?);
    }
    let (models, around, run, writers) = (site.models, site.around, site.run, site.writers.clone());
    let alone = site.alone.clone();
    let pause = &site.pause;
    let (answers, answered) = mpsc::channel();
    let mut result = Ok(());
    std::thread::scope(|scope| {
        for mut session in sessions {
            let (answers, writers, alone): (Sender<Answer>, _, _) = (answers.clone(), writers.clone(), alone.clone());
            let (next, stop) = (&next, &stop);
            scope.spawn(move || {
                let silent = |_| {};
                let mut own = Site::new(session.as_mut(), models, around, run, &silent);
                own.writers = writers;
                own.alone = alone;
                own.pause = Arc::clone(pause);
                while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = own.go_on().and_then(|()| one(&mut own, work, place, *number));
                    stop.fetch_or(answer.is_err(), Ordering::Relaxed);
                    // Whoever waits for answers waits for all of them.
                    let _ = answers.send(answer);
                }
            });
        }
        drop(answers);
        for answer in answered {
            match answer {
                Ok((rows, seconds)) => told(rows, seconds),
                Err(error) if result.is_ok() => result = Err(error),
                Err(_) => {}
            }
        }
    });
    result
}

/// One batch, tried again when another one was in its way.
fn one(site: &mut Site, work: &Task, place: usize, number: u64) -> Answer {
    let started = Instant::now();
    let mut conflicts = 0;
    loop {
        match batch(site, work, place, number) {
            Err(BackfillError::Exact(ExactError::Conflict { .. })) if conflicts < CONFLICTS => {
                conflicts += 1;
                std::thread::sleep(PAUSE * conflicts);
            }
            answer => return answer.map(|rows| (rows, started.elapsed().as_secs_f64())),
        }
    }
}
