//! Several runs at once. DuckDB lets one process have the file: the others wait, or say who has it.

use std::process::Child;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::shop::{Shop, change, told};

/// Two runs, then five, that all wait for each other.
fn at_once(shop: &Shop) {
    shop.run();
    let mut random = SmallRng::seed_from_u64(3);
    for (batch, runs) in [2, 5].into_iter().enumerate() {
        change(shop.open().as_mut(), &mut random, batch, true);
        shop.remember();
        let started: Vec<Child> =
            (0..runs).map(|_| shop.command().args(["--wait", "10m"]).spawn().expect("hw starts")).collect();
        for child in started {
            let output = child.wait_with_output().expect("hw ends");
            assert!(output.status.success(), "{}", told(&output));
        }
        shop.check_new(&format!("{runs} runs"));
    }
}

#[test]
fn runs_at_once_wait_for_each_other_and_the_work_is_done_once() {
    at_once(&Shop::new());
}

#[test]
fn runs_at_once_on_postgres_wait_for_each_other_and_the_work_is_done_once() {
    at_once(&Shop::on_postgres());
}

#[test]
fn a_run_that_finds_the_database_taken_says_by_whom() {
    let shop = Shop::new();
    shop.run();
    change(shop.open().as_mut(), &mut SmallRng::seed_from_u64(5), 0, false);
    shop.remember();
    let mut first = shop.start_until("fenced", "fact");
    let output = shop.command().output().expect("hw ends");
    let text = told(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("HW0131") && text.contains("--wait 10m"), "{text}");
    if cfg!(target_os = "linux") {
        assert!(text.contains(&format!("process {} has it: hw run", first.id())), "{text}");
    }
    // One that waits gets its turn.
    let waiting = shop.command().args(["--wait", "10m"]).spawn().expect("hw starts");
    shop.go_on();
    assert!(first.wait().expect("hw ends").success());
    let output = waiting.wait_with_output().expect("hw ends");
    assert!(output.status.success(), "{}", told(&output));
    shop.check_new("after both");
}
