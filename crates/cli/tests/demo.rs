//! `hw demo` tells the same story every time: its data come from a seed, its figures from the database.

use std::path::Path;
use std::process::{Command, Output};

fn demo(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hw"))
        .args(["demo", "--folder", "shop"])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("hw runs")
}

#[test]
fn the_story_is_the_same_every_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = demo(folder.path());
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let story = String::from_utf8(told.stdout).expect("text");
    // Times and the plan's hash, which knows the version of the engine, are the machine's own.
    insta::with_settings!({filters => vec![(r" +\d+\.\d s\n", " [seconds]\n"), (r"plan [0-9a-f]{7}:", "plan [hash]:")]}, {
        insta::assert_snapshot!(story, @r"
        1 full run      12,364 orders in 60 days; every table built [seconds]
        2 new rows      331 orders of today, 22 November, arrive [seconds]
                        fct_orders     rebuilt     1 of 62 days
                        customer_ltv   rebuilt   310 of 2966 keys
                        daily_revenue  rebuilt     1 of 62 days
        3 late data     30 orders of 2 November arrive on the 22nd [seconds]
                        fct_orders     rebuilt     1 of 62 days
                        customer_ltv   rebuilt    30 of 2966 keys
                        daily_revenue  rebuilt     1 of 62 days
                        revenue of 2 November is now 14,082.50
                        a filter on max(created_at) missed them: 12,501.30, not 14,082.50
                        a 3-day lookback missed them too: 12,501.30, not 14,082.50
        4 backfill      prices of 8 to 14 October were wrong: planned, rebuilt, swapped [seconds]
                        plan [hash]: 7 days of fct_orders, 2026-10-08 to 2026-10-14, and what is made of them
                        fct_orders     rebuilt     7 of 62 days
                        customer_ltv   rebuilt 1,152 of 2966 keys
                        daily_revenue  rebuilt     7 of 62 days
                        revenue of the week: 93,964.16, was 83,914.90
        5 verify        every table compared with a rebuild: equal [seconds]
                        fct_orders         62 days compared: equal
                        customer_ltv     2966 keys compared: equal
                        daily_revenue      62 days compared: equal

        look around:    hw plan, hw explain fct_orders, hw verify      (in ./shop)
        ");
    });

    let again = demo(folder.path());
    assert_eq!(again.status.code(), Some(2), "a second demo must not write over the first");
    assert!(String::from_utf8_lossy(&again.stderr).contains("the folder ./shop is not empty"));
}
