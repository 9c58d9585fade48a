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

/// Kills runs at every step, in turn, and checks what is left and what the next run makes of it.
fn kill_at_every_step(shop: &Shop) {
    let rounds = std::env::var("HIGHWATER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    shop.run();
    let mut random = SmallRng::seed_from_u64(11);
    let mut killed = 0;
    for batch in 0..rounds * failpoint::STEPS.len() {
        let step = failpoint::STEPS[batch % failpoint::STEPS.len()];
        let model = if random.random_bool(0.5) { "fact" } else { "daily" };
        change(shop.open().as_mut(), &mut random, batch, false);
        shop.remember();
        let mut child = shop.start_until(step, model);
        child.kill().expect("a living process");
        child.wait().expect("gone");
        shop.go_on();
        killed += 1;
        let when = format!("batch {batch}, {model} killed when {step}");
        wait_for_the_server(shop);
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
        if killed % failpoint::STEPS.len() == 0 {
            println!("{killed} runs were killed, at {} steps; the invariants held", failpoint::STEPS.len());
        }
    }
}

/// A model with partials, over the facts.
const REGIONS: &str = "{{ config(materialized='incremental', incremental_strategy='exact', unique_key='region',
    meta={'highwater': {'partials': 'day'}}) }}
select region, count(*) as orders, max(amount) as largest, min(placed_at) as first_at from {{ ref('fact') }} group by region
";

/// Kills runs in either half of a model with partials, and between the two.
fn kill_around_partials(shop: &Shop) {
    std::fs::write(shop.path("models/regions.sql"), REGIONS).expect("a model");
    shop.run();
    let mut random = SmallRng::seed_from_u64(13);
    let rebuild = "select region, count(*) as orders, max(amount) as largest, min(placed_at) as first_at from fact group by region";
    let (table, partials) = ("select * from regions", "partials of regions");
    let places = [("recorded", partials), ("committed", partials), ("combining", "regions"), ("recorded", "regions")];
    for (batch, (step, model)) in places.into_iter().enumerate() {
        change(shop.open().as_mut(), &mut random, batch, true);
        let before = shop.lines(table);
        let mut child = shop.start_until(step, model);
        child.kill().expect("a living process");
        child.wait().expect("gone");
        shop.go_on();
        wait_for_the_server(shop);
        assert_eq!(shop.lines(table), before, "{model} killed when {step}: the table is as it was");
        assert_ne!(shop.lines(rebuild), before, "the change shows in a rebuild");
        shop.run();
        assert_eq!(shop.lines(table), shop.lines(rebuild), "after {model} was killed when {step}");
    }
}

#[test]
fn a_run_killed_around_partials_is_made_good_by_the_next() {
    kill_around_partials(&Shop::new());
}

#[test]
fn a_run_killed_around_partials_on_postgres_is_made_good_by_the_next() {
    kill_around_partials(&Shop::on_postgres());
}

/// A server notices that a client is gone when it next reads from it; until then its locks stand.
pub fn wait_for_the_server(shop: &Shop) {
    if shop.server.is_none() {
        return;
    }
    let mut session = shop.open();
    let still = "select 1 from pg_stat_activity where datname = current_database() and application_name <> 'the test' and backend_type = 'client backend'";
    for _ in 0..2000 {
        if crate::shop::rows(session.as_mut(), still) == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the sessions of a killed process stay");
}

#[test]
fn a_run_killed_at_any_step_leaves_every_table_old_or_new_and_the_next_run_is_right() {
    kill_at_every_step(&Shop::new());
}

#[test]
fn a_run_killed_at_any_step_on_postgres_leaves_every_table_old_or_new_and_the_next_run_is_right() {
    kill_at_every_step(&Shop::on_postgres());
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
