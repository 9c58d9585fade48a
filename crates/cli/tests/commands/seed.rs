//! `hw seed`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn loads_csv_files() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["seed"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 model, 1 seed, 2 tests, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 1 START seed file main.raw_orders ... [RUN]
    [CLOCK]  1 of 1 OK loaded seed file main.raw_orders ... [INSERT 3 in [TIME]]
    [CLOCK]
    [CLOCK]  Finished running 1 seed in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed successfully
    [CLOCK]  done in [TIME]: 1 seed loaded
    [CLOCK]  Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1
    "#);
}

#[test]
fn shows_what_it_loaded_when_asked() {
    let project = TestProject::new(SHOP);
    let told = project.hw(&["seed", "--show", "-q"]);
    assert!(told.contains("raw_orders\n┌") && told.contains("10.5"), "{told}");
}
