//! `hw test`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn a_failing_test_fails_the_command() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("insert into daily_revenue values (date '2026-11-01', 1, 1)");
    assert_snapshot!(project.hw(&["test"]), @r#"
exit 1
--- stderr
[CLOCK]  Running with hw=0.1.0
[CLOCK]  Found 1 model, 1 seed, 2 tests, [COUNT] macros
[CLOCK]
[CLOCK]  Concurrency: 1 thread (target='dev')
[CLOCK]  1 of 2 START test not_null_daily_revenue_day ... [RUN]
[CLOCK]  1 of 2 PASS not_null_daily_revenue_day ... [PASS in [TIME]]
[CLOCK]  2 of 2 START test unique_daily_revenue_day ... [RUN]
[CLOCK]  2 of 2 FAIL 1 unique_daily_revenue_day ... [FAIL 1 in [TIME]]
[CLOCK]
[CLOCK]  Finished running 2 data tests in [TIME] ([TIME]).
[CLOCK]
[CLOCK]  Completed with 1 error, and 0 warnings:
[CLOCK]  fail unique_daily_revenue_day: Got 1 result, configured to fail if != 0
[CLOCK]    hint: hw show --select unique_daily_revenue_day
[CLOCK]
[CLOCK]  1 node failed in [TIME]: unique_daily_revenue_day; 0 skipped, 1 fine
[CLOCK]  Done. PASS=1 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=2
"#);
}
