//! `kill -9` during a run, at every step of a swap and at random moments.

use std::time::{Duration, Instant};

use highwater::exact::failpoint;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::shop::{Shop, change};

/// Runs that are killed before their end, at random moments.
const KILLS: usize = 50;

/// Runs started to get there: some end before the random moment comes.
const ATTEMPTS: usize = 250;

#[test]
fn a_run_killed_at_any_step_leaves_every_table_old_or_new_and_the_next_run_is_right() {
    let rounds = std::env::var("HIGHWATER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let shop = Shop::new();
    shop.run();
    let mut random = SmallRng::seed_from_u64(11);
    let mut killed = 0;
    for batch in 0..rounds * failpoint::STEPS.len() {
        let step = failpoint::STEPS[batch % failpoint::STEPS.len()];
        let model = if random.random_bool(0.5) { "fact" } else { "daily" };
        change(shop.open().as_mut(), &mut random, batch, false);
        shop.remember();
        let arrived = shop.path("arrived");
        let mut child = shop
            .command()
            .env(failpoint::VARIABLE, format!("{step}:{model}={}", arrived.display()))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("hw starts");
        while !arrived.exists() {
            assert!(child.try_wait().expect("status").is_none(), "the run of {model} never got to {step}");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("a living process");
        child.wait().expect("gone");
        std::fs::remove_file(&arrived).expect("the file");
        killed += 1;
        let when = format!("batch {batch}, {model} killed when {step}");
        let new = shop.check(&when);
        let expected = match (model, step) {
            ("fact", "committed") => [true, false],
            ("fact", _) => [false, false],
            (_, "committed") => [true, true],
            _ => [true, false],
        };
        assert_eq!(new, expected, "{when}");
        shop.run();
        shop.check_new(&when);
    }
    println!("{killed} runs were killed, at {} steps", failpoint::STEPS.len());
}

#[test]
fn a_run_killed_at_any_moment_leaves_every_table_old_or_new_and_the_next_run_is_right() {
    let shop = Shop::new();
    shop.run();
    let mut random = SmallRng::seed_from_u64(7);
    let mut usual = Duration::from_millis(200);
    let (mut cut_short, mut old, mut new) = (0, 0, 0);
    for batch in 0..ATTEMPTS {
        if cut_short == KILLS {
            break;
        }
        change(shop.open().as_mut(), &mut random, batch, true);
        shop.remember();
        let mut child = shop.start();
        // The moments spread over a whole run, as long as the last one took.
        std::thread::sleep(usual.mul_f64(random.random_range(0.0..1.0)));
        if child.try_wait().expect("status").is_none() {
            cut_short += 1;
        }
        child.kill().ok();
        child.wait().expect("gone");
        for is_new in shop.check(&format!("batch {batch}")) {
            if is_new {
                new += 1;
            } else {
                old += 1;
            }
        }
        let started = Instant::now();
        shop.run();
        usual = started.elapsed();
        shop.check_new(&format!("batch {batch}, after the next run"));
    }
    println!(
        "{cut_short} runs were killed before their end; afterwards tables were old {old} times and new {new} times"
    );
    // A test whose kills all came before the first write, or all after the last, would show nothing.
    assert!(cut_short == KILLS && old > 5 && new > 5, "{cut_short} killed, {old} old, {new} new");
}
