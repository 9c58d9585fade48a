//! `hw build`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn builds_and_tests_in_the_order_of_the_graph() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["build"]), @r#"
exit 0
--- stderr
[CLOCK]  Running with hw=0.1.0
[CLOCK]  Found 1 model, 1 seed, 2 tests, [COUNT] macros
[CLOCK]
[CLOCK]  Concurrency: 1 thread (target='dev')
[CLOCK]  1 of 4 START seed file main.raw_orders ... [RUN]
[CLOCK]  1 of 4 OK loaded seed file main.raw_orders ... [INSERT 3 in [TIME]]
[CLOCK]  2 of 4 START sql exact model main.daily_revenue ... [RUN]
[CLOCK]  2 of 4 OK created sql exact model main.daily_revenue ... [built 2 days, 2 rows in [TIME]]
[CLOCK]  3 of 4 START test not_null_daily_revenue_day ... [RUN]
[CLOCK]  3 of 4 PASS not_null_daily_revenue_day ... [PASS in [TIME]]
[CLOCK]  4 of 4 START test unique_daily_revenue_day ... [RUN]
[CLOCK]  4 of 4 PASS unique_daily_revenue_day ... [PASS in [TIME]]
[CLOCK]
[CLOCK]  Finished running 1 seed, 1 model, 2 data tests in [TIME] ([TIME]).
[CLOCK]
[CLOCK]  Completed successfully
[CLOCK]  done in [TIME]: 1 exact model changed; 1 seed loaded; 2 tests passed; complete through 2026-11-02
[CLOCK]  Done. PASS=4 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=4
"#);
}

#[test]
fn skips_what_reads_a_failed_test() {
    let project = TestProject::new(
        "
=== models/a.sql
select 1 as id union all select 1
=== models/b.sql
select * from {{ ref('a') }}
=== models/properties.yml
models:
  - name: a
    columns: [{name: id, data_tests: [unique]}]
",
    );
    assert_snapshot!(project.hw(&["build"]), @r#"
    exit 1
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 2 models, 1 test, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 3 START sql view model main.a ... [RUN]
    [CLOCK]  1 of 3 OK created sql view model main.a ... [OK in [TIME]]
    [CLOCK]  2 of 3 START test unique_a_id ... [RUN]
    [CLOCK]  2 of 3 FAIL 1 unique_a_id ... [FAIL 1 in [TIME]]
    [CLOCK]  3 of 3 SKIP relation main.b ... [SKIP]
    [CLOCK]
    [CLOCK]  Finished running 2 models, 1 data test in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed with 1 error, and 0 warnings:
    [CLOCK]  fail unique_a_id: Got 1 result, configured to fail if != 0
    [CLOCK]    hint: hw show --select unique_a_id
    [CLOCK]
    [CLOCK]  1 node failed in [TIME]: unique_a_id; 1 skipped, 1 fine
    [CLOCK]  Done. PASS=1 WARN=0 ERROR=1 SKIP=1 NO-OP=0 TOTAL=3
    "#);
}

#[test]
fn tests_of_sources_block_and_exposures_are_named() {
    let project = TestProject::new(
        "
=== seeds/raw.csv
id
1
1
=== models/a.sql
select * from {{ source('landing', 'raw') }}
=== models/b.sql
select 1 as id
=== models/m.yml
sources:
  - name: landing
    schema: main
    tables:
      - name: raw
        columns: [{name: id, data_tests: [unique]}]
exposures:
  - name: report
    type: dashboard
    owner: {email: someone@example.com}
    depends_on: [ref('b'), ref('a')]
  - name: other_report
    type: dashboard
    owner: {email: someone@example.com}
    depends_on: [ref('b')]
  - name: report_of_what_failed
    type: dashboard
    owner: {email: someone@example.com}
    depends_on: [ref('c')]
models:
  - name: c
    columns: [{name: id, data_tests: [unique]}]
=== models/c.sql
select 1 as id union all select 1
=== macros/told.sql
{% macro told(results) %}
  {% for result in results if execute and result.node.resource_type != 'model' %}
    {{ print(result.node.name ~ ' ' ~ result.status ~ ' ' ~ result.to_dict().failures) }}
  {% endfor %}
{% endmacro %}
=== dbt_project.yml
name: shop
version: '1.0'
profile: shop
on-run-end: ['{{ told(results) }}']
",
    );
    project.hw(&["seed"]);
    assert_snapshot!(project.hw(&["build", "--exclude", "resource_type:seed"]), @r#"
exit 1
--- stdout
source_unique_landing_raw_id fail 1
report skipped None
other_report no-op 0
report_of_what_failed no-op 0
unique_c_id fail 1
--- stderr
[CLOCK]  Running with hw=0.1.0
[CLOCK]  Found 3 models, 1 seed, 2 tests, 1 source, 3 exposures, [COUNT] macros
[CLOCK]
[CLOCK]  Concurrency: 1 thread (target='dev')
[CLOCK]  1 of 8 START sql view model main.b ... [RUN]
[CLOCK]  1 of 8 OK created sql view model main.b ... [OK in [TIME]]
[CLOCK]  2 of 8 START sql view model main.c ... [RUN]
[CLOCK]  2 of 8 OK created sql view model main.c ... [OK in [TIME]]
[CLOCK]  3 of 8 START test source_unique_landing_raw_id ... [RUN]
[CLOCK]  3 of 8 FAIL 1 source_unique_landing_raw_id ... [FAIL 1 in [TIME]]
[CLOCK]  4 of 8 SKIP relation main.a ... [SKIP]
[CLOCK]  5 of 8 SKIP exposure report ... [SKIP]
[CLOCK]  6 of 8 NO-OP exposure other_report ... [NO-OP]
[CLOCK]  7 of 8 NO-OP exposure report_of_what_failed ... [NO-OP]
[CLOCK]  8 of 8 START test unique_c_id ... [RUN]
[CLOCK]  8 of 8 FAIL 1 unique_c_id ... [FAIL 1 in [TIME]]
[CLOCK]  1 of 1 START hook: shop.on-run-end.0 ... [RUN]
[CLOCK]  1 of 1 OK hook: shop.on-run-end.0 ... [OK in [TIME]]
[CLOCK]
[CLOCK]  Finished running 3 models, 2 data tests, 3 exposures in [TIME] ([TIME]).
[CLOCK]
[CLOCK]  Completed with 2 errors, and 0 warnings:
[CLOCK]  fail source_unique_landing_raw_id: Got 1 result, configured to fail if != 0
[CLOCK]    hint: hw show --select source_unique_landing_raw_id
[CLOCK]
[CLOCK]  fail unique_c_id: Got 1 result, configured to fail if != 0
[CLOCK]    hint: hw show --select unique_c_id
[CLOCK]
[CLOCK]  2 nodes failed in [TIME]: source_unique_landing_raw_id, unique_c_id; 2 skipped, 5 fine
[CLOCK]  Done. PASS=3 WARN=0 ERROR=2 SKIP=2 NO-OP=2 TOTAL=9
"#);
}

#[test]
fn warnings_are_errors_or_silent_by_name() {
    let project = TestProject::new(
        "
=== models/a.sql
select 1 as id union all select 1
=== models/m.yml
models:
  - name: a
    columns: [{name: id, data_tests: [{unique: {config: {severity: warn}}}]}]
  - name: nowhere
",
    );
    let leaves = |options: &str| {
        let told = project.hw(&["build", "--warn-error-options", options]);
        let lines: Vec<&str> = told.lines().collect();
        (lines[0].to_owned(), told.contains("HW0203"))
    };
    assert_eq!(leaves("{}"), ("exit 0".to_owned(), true));
    assert_eq!(leaves("{error: all}"), ("exit 2".to_owned(), true), "an entry for nothing is a warning");
    assert_eq!(leaves("{error: [NoNodeForYamlKey]}"), ("exit 2".to_owned(), true), "dbt's name of it");
    assert_eq!(leaves("{error: all, warn: [HW0203]}"), ("exit 1".to_owned(), true), "the test warns");
    assert_eq!(leaves("{include: all, exclude: [NoNodeForYamlKey, LogTestResult]}"), ("exit 0".to_owned(), true));
    assert_eq!(leaves("{error: [LogTestResult], silence: [HW0203]}"), ("exit 1".to_owned(), false));
    for wrong in ["{errors: all}", "{silence: all}", "{error: {a: 1}}", "[HW0203]"] {
        let told = project.hw(&["build", "--warn-error-options", wrong]);
        assert!(told.starts_with("exit 2") && told.contains("HW0002"), "{wrong}: {told}");
    }
    let both = project.hw(&["build", "--warn-error", "--warn-error-options", "{error: [HW0417]}"]);
    assert!(both.contains("exclude each other"), "{both}");
    let settings =
        "name: shop\nversion: '1.0'\nprofile: shop\nflags: {warn_error_options: {error: [NoNodeForYamlKey]}}\n";
    project.write("dbt_project.yml", settings);
    assert!(project.hw(&["build"]).starts_with("exit 2"), "the project says so, too");
}
