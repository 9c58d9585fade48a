//! `kill -9` during a backfill, at every step, and readers who look on meanwhile.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use highwater::exact::failpoint::BACKFILL_STEPS;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::kill::wait_for_the_server;
use crate::shop::{Shop, change, told};

/// Runs a command to its end, which must be a good one.
fn well(mut command: Command) -> String {
    let output = command.output().expect("hw ends");
    assert!(output.status.success(), "{}", told(&output));
    told(&output)
}

fn plan(shop: &Shop) -> Command {
    shop.hw(&["backfill", "plan", "--select", "fact", "--dirty", "--reason", "prices were wrong"])
}

fn apply(shop: &Shop) -> Command {
    shop.hw(&["backfill", "apply", "latest", "--max-rows-per-batch", "500"])
}

fn resume(shop: &Shop) -> Command {
    shop.hw(&["backfill", "resume", "latest", "--max-rows-per-batch", "500"])
}

fn rollback(shop: &Shop) -> Command {
    shop.hw(&["backfill", "rollback", "latest"])
}

/// Where the ledger says the backfill is.
fn state(shop: &Shop) -> String {
    let mut session = shop.open();
    let table =
        session.query("select state from highwater.backfills order by planned_at desc, changed_at desc limit 1");
    table.expect("backfills").scalar().map(ToString::to_string).unwrap_or_default()
}

/// Kills backfills at every step, in turn; what is left is old or new in all tables at once, and going on ends it.
fn kill_at_every_step(shop: &Shop) {
    let rounds = std::env::var("HIGHWATER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    shop.run();
    let mut random = SmallRng::seed_from_u64(17);
    for batch in 0..rounds * BACKFILL_STEPS.len() {
        let step = BACKFILL_STEPS[batch % BACKFILL_STEPS.len()];
        let model = if random.random_bool(0.5) { "fact" } else { "daily" };
        let when = format!("batch {batch}, {model} killed when {step}");
        change(shop.open().as_mut(), &mut random, batch, false);
        shop.remember();
        if step != "planned" {
            well(plan(shop));
        }
        let undoes = step.starts_with("undo");
        if undoes {
            well(apply(shop));
            shop.check_new(&when);
        }
        let command = match step {
            "planned" => plan(shop),
            _ if undoes => rollback(shop),
            _ => apply(shop),
        };
        let mut child = shop.start_this_until(command, step, model);
        child.kill().expect("a living process");
        child.wait().expect("gone");
        shop.go_on();
        wait_for_the_server(shop);
        let is_new = match step {
            "published" | "verifying" | "verified" | "undoing" => [true, true],
            _ => [false, false],
        };
        assert_eq!(shop.check(&when), is_new, "{when}");
        if undoes {
            if step == "undoing" {
                well(rollback(shop));
            }
            assert_eq!(shop.check(&when), [false, false], "{when}: not what it was");
            well(apply(shop));
        } else if step == "planned" {
            well(plan(shop));
            well(apply(shop));
        } else {
            well(resume(shop));
        }
        assert_eq!(state(shop), "published", "{when}");
        shop.check_new(&when);
    }
    println!("{} backfills were killed, at {} steps", rounds * BACKFILL_STEPS.len(), BACKFILL_STEPS.len());
}

#[test]
fn a_backfill_killed_at_any_step_leaves_all_tables_old_or_new_and_going_on_ends_it() {
    kill_at_every_step(&Shop::new());
}

#[test]
fn a_backfill_killed_at_any_step_on_postgres_leaves_all_tables_old_or_new_and_going_on_ends_it() {
    kill_at_every_step(&Shop::on_postgres());
}

#[test]
fn readers_see_all_old_or_all_new_while_a_backfill_is_published_and_rolled_back() {
    let shop = Shop::on_postgres();
    shop.run();
    shop.open()
        .execute("update orders set amount = amount + 1 where placed_at >= '2024-01-05' and placed_at < '2024-01-26'")
        .expect("a correction");
    let sums = "select (select sum(amount) from fact)::text || ' ' || (select sum(revenue) from daily)::text || ' ' || \
                (select count(*) from fact)::text || ' ' || (select sum(orders) from daily)::text";
    let look = |shop: &Shop| shop.open().query(sums).expect("a look").rows[0][0].to_string();
    let old = look(&shop);
    let (done, mut session) = (AtomicBool::new(false), shop.open());
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                seen.insert(session.query(sums).expect("a look").rows[0][0].to_string());
                looks += 1;
            }
            (seen, looks)
        });
        well(shop.hw(&[
            "backfill",
            "plan",
            "--select",
            "fact",
            "--from",
            "2024-01-05",
            "--to",
            "2024-01-26",
            "--reason",
            "prices",
        ]));
        well(apply(&shop));
        let new = look(&shop);
        well(rollback(&shop));
        assert_eq!(look(&shop), old);
        well(apply(&shop));
        assert_eq!(look(&shop), new);
        done.store(true, Ordering::Relaxed);
        let (seen, looks) = reader.join().expect("a reader");
        assert!(looks > 10, "{looks} looks only");
        assert_eq!(seen, BTreeSet::from([old.clone(), new]), "a reader saw a mixture");
        seen
    });
    assert_eq!(seen.len(), 2);
    shop.check_new("after the second time");
}
