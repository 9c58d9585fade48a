//! What can happen to a run that is far from its database: others at work meanwhile, a pause, a broken connection, an answer that never arrives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::shop::{Shop, change, rows, told};

/// A shop with work to do.
fn with_work(seed: u64) -> Shop {
    let shop = Shop::on_postgres();
    shop.run();
    more_work(&shop, seed);
    shop
}

fn more_work(shop: &Shop, seed: u64) {
    change(shop.open().as_mut(), &mut SmallRng::seed_from_u64(seed), usize::try_from(seed).unwrap_or(0), false);
    shop.remember();
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success(), "kill {name}");
}

#[test]
fn a_second_run_says_who_builds_the_model() {
    let shop = with_work(1);
    let first = shop.start_until("staged", "fact");
    let output = shop.command().output().expect("hw ends");
    let text = told(&output);
    assert!(!output.status.success() && text.contains("HW0512"), "{text}");
    assert!(text.contains(&format!("(process {})", first.id())), "{text}");
    shop.go_on();
    assert!(first.wait_with_output().expect("hw ends").status.success());
    shop.check_new("after the first");
}

#[test]
fn a_second_run_looks_only_after_the_first() {
    let shop = with_work(6);
    let runs = "select run_id from highwater.runs";
    let before = rows(shop.open().as_mut(), runs);
    // Nobody has a lease yet: the lock alone says that someone is at work.
    let first = shop.start_until("looked", "fact");
    let locks = "select pid from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(rows(shop.open().as_mut(), locks), 1);
    let second = shop.command().args(["--wait", "10m"]).spawn().expect("hw starts");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(rows(shop.open().as_mut(), runs), before, "the second did the work that the first had begun");
    shop.go_on();
    for child in [first, second] {
        let output = child.wait_with_output().expect("hw ends");
        assert!(output.status.success(), "{}", told(&output));
    }
    assert_eq!(rows(shop.open().as_mut(), locks), 0, "locks are given back");
    shop.check_new("after both");
}

#[test]
fn a_run_that_slept_past_its_lease_commits_nothing() {
    let shop = with_work(2);
    for (round, step) in ["leased", "staged"].into_iter().enumerate() {
        if round > 0 {
            more_work(&shop, 20);
        }
        let sleeper = shop.start_until(step, "fact");
        signal(&sleeper, "-STOP");
        // A minute later.
        shop.open()
            .execute("update highwater.leases set expires_at = timestamp '2000-01-01'")
            .expect("the lease is over");
        shop.run();
        shop.check_new("the run that took over");
        let runs = "select run_id from highwater.runs";
        let before = rows(shop.open().as_mut(), runs);
        shop.go_on();
        signal(&sleeper, "-CONT");
        let output = sleeper.wait_with_output().expect("hw ends");
        assert_eq!(rows(shop.open().as_mut(), runs), before, "the sleeper committed: {}", told(&output));
        shop.check_new("after the sleeper woke up");
    }
}

#[test]
fn a_broken_connection_changes_nothing() {
    let shop = with_work(3);
    for step in ["looked", "staged", "fenced", "inserted", "committing"] {
        let child = shop.start_until(step, "fact");
        shop.open()
            .query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
            .expect("the connections break");
        shop.go_on();
        let output = child.wait_with_output().expect("hw ends");
        let text = told(&output);
        assert!(!output.status.success() && text.contains("HW04"), "{step}: {text}");
        assert_eq!(shop.check(step), [false, false], "{step}");
    }
    shop.run();
    shop.check_new("the next run");
}

#[test]
fn a_statement_that_takes_too_long_changes_nothing() {
    let shop = with_work(4);
    let database = shop.server.as_ref().map(|server| server.name.clone()).expect("a server");
    for milliseconds in [1, 3, 8] {
        shop.open()
            .execute(&format!("alter database {database} set statement_timeout = {milliseconds}"))
            .expect("a limit");
        let output = shop.command().output().expect("hw ends");
        // With a limit on them, statements of this test would fail as well.
        shop.server
            .as_ref()
            .expect("a server")
            .client()
            .batch_execute(&format!("set statement_timeout = 0; alter database {database} reset statement_timeout"))
            .expect("no limit");
        let new = shop.check(&format!("at most {milliseconds} ms: {}", told(&output)));
        assert!(output.status.success() || new != [true, true], "{}", told(&output));
    }
    shop.run();
    shop.check_new("without a limit");
}

/// A way to the server that can be told to lose the answer to the next commit.
struct Way {
    port: u16,
    lose: Arc<AtomicBool>,
}

impl Way {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let lose = Arc::new(AtomicBool::new(false));
        let way = Self { port: listener.local_addr().expect("an address").port(), lose: Arc::clone(&lose) };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
                carry(client, server, &lose);
            }
        });
        way
    }
}

/// Carries bytes both ways until one end closes, or an answer is to be lost.
fn carry(client: TcpStream, server: TcpStream, lose: &Arc<AtomicBool>) {
    let lost = Arc::new(AtomicBool::new(false));
    let (mut from_client, mut to_server) =
        (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    let (lose, mark) = (Arc::clone(lose), Arc::clone(&lost));
    std::thread::spawn(move || {
        let mut bytes = [0; 65536];
        while let Ok(number @ 1..) = from_client.read(&mut bytes) {
            let commits = bytes[..number].to_ascii_lowercase().windows(6).any(|word| word == b"commit");
            if commits && lose.swap(false, Ordering::SeqCst) {
                mark.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(&bytes[..number]).is_err() {
                break;
            }
        }
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    std::thread::spawn(move || {
        let mut bytes = [0; 65536];
        while let Ok(number @ 1..) = from_server.read(&mut bytes) {
            if lost.load(Ordering::SeqCst) {
                break;
            }
            if to_client.write_all(&bytes[..number]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_commit_whose_answer_is_lost_is_found_in_the_ledger() {
    let shop = with_work(5);
    let server = shop.server.as_ref().expect("a server");
    let way = Way::to(server.port);
    shop.aim(
        &server
            .target("public", 2)
            .replace(&format!("port: {}", server.port), &format!("port: {}", way.port))
            .trim_end()
            .replace('\n', ", "),
    );
    let child = shop.start_until("committing", "fact");
    way.lose.store(true, Ordering::SeqCst);
    shop.go_on();
    let output = child.wait_with_output().expect("hw ends");
    assert!(!way.lose.load(Ordering::SeqCst), "no commit was seen");
    let text = told(&output);
    assert!(text.contains("swapped"), "{text}");
    assert!(shop.check(&text)[0], "it was committed: {text}");
    shop.run();
    shop.check_new("the next run");
}
