//! `kill -9` during a backfill, at every step, and readers who look on meanwhile.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use highwater::exact::failpoint::BACKFILL_STEPS;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::kill::wait_for_the_server;
use crate::shop::{Shop, change, rows, told};

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

/// Runs a command that must be refused, or end in failure, and say some words.
fn refused(mut command: Command, code: i32, words: &[&str]) {
    let output = command.output().expect("hw ends");
    let text = told(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    words.iter().for_each(|word| assert!(text.contains(word), "no {word:?} in {text}"));
}

#[test]
fn on_a_server_several_sessions_stage_others_look_on_and_whoever_pauses_it_goes_on_later() {
    let shop = Shop::on_postgres();
    shop.run();
    shop.open().execute("update orders set amount = amount + 1").expect("a correction");
    shop.remember();
    well(plan(&shop));
    let staging = ["--max-rows-per-batch", "900", "--threads", "3"];
    let apply = shop.hw(&[&["backfill", "apply", "latest"], staging.as_slice()].concat());
    let child = shop.start_this_until(apply, "batched", "fact");
    // Three batches stand still with their transactions open, so that somebody can look.
    assert!(well(shop.hw(&["backfill", "status", "latest"])).contains("staging: "));
    refused(resume(&shop), 2, &["HW0814"]);
    refused(rollback(&shop), 2, &["HW0808", "staging"]);
    well(shop.command());
    assert_eq!(shop.check("beside a run"), [false, false]);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    shop.go_on();
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains(" paused: "), "{}", told(&output));
    assert!(well(shop.hw(&["backfill", "list"])).contains("paused"));
    assert_eq!(shop.check("paused"), [false, false]);
    let resumed = well(shop.hw(&[&["backfill", "resume", "latest"], staging.as_slice()].concat()));
    assert!(resumed.contains("compared with a rebuild: equal"), "{resumed}");
    shop.check_new("after it went on");
    assert!(well(shop.hw(&["backfill", "show", "latest"])).contains("paused"), "the record lacks the pause");
    // Models on a server are given other columns without losing what hangs on their tables.
    shop.open()
        .execute("create view looks_on as select order_id, amount from fact; create index by_amount on fact (amount)")
        .expect("a view");
    shop.widen_the_fact();
    shop.remember();
    let wider = ["backfill", "plan", "--select", "fact", "--logic", "--reason", "twice the amount"];
    assert!(well(shop.hw(&wider)).contains("its columns change: +twice"));
    well(self::apply(&shop));
    let hangs =
        "select 1 from pg_indexes where indexname = 'by_amount' union all select 1 from looks_on where order_id = 1";
    assert_eq!(rows(shop.open().as_mut(), hangs), 2);
    assert_eq!(rows(shop.open().as_mut(), "select 1 from fact where twice is distinct from 2 * amount"), 0);
    shop.open().execute("create view reads_it as select twice from fact").expect("a view");
    refused(rollback(&shop), 2, &["HW0813", "the columns of fact stay"]);
    shop.open().execute("drop view reads_it").expect("no view");
    well(rollback(&shop));
    assert_eq!(shop.check("rolled back"), [false, false]);
    assert_eq!(rows(shop.open().as_mut(), hangs), 2);
}
