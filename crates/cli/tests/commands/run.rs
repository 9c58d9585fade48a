//! `hw run`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn a_second_run_has_nothing_to_do() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    project.ok(&["run"]);
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 model, 1 seed, 2 tests, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 1 START sql exact model main.daily_revenue ... [RUN]
    [CLOCK]  1 of 1 OK unchanged sql exact model main.daily_revenue ... [no input changed in [TIME]]
    [CLOCK]
    [CLOCK]  Finished running 1 model in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed successfully
    [CLOCK]  nothing to do: no input changed (1 model looked at, [TIME])
    [CLOCK]  Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1
    "#);
}

#[test]
fn a_late_row_rebuilds_its_day() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("insert into raw_orders values (4, 1.50, timestamp '2026-11-01 23:00:00')");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 model, 1 seed, 2 tests, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 1 START sql exact model main.daily_revenue ... [RUN]
    [CLOCK]  1 of 1 OK swapped sql exact model main.daily_revenue ... [swapped 1 day, 1 rows in [TIME]]
    [CLOCK]
    [CLOCK]  Finished running 1 model in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed successfully
    [CLOCK]  done in [TIME]: 1 exact model changed; complete through 2026-11-02
    [CLOCK]  Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1
    "#);
}

#[test]
fn a_failed_model_fails_the_command_and_skips_what_reads_it() {
    let project = TestProject::new(
        "
=== models/a.sql
select no_such_column from (select 1 as id)
=== models/b.sql
select * from {{ ref('a') }}
",
    );
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 1
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 2 models, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 2 START sql view model main.a ... [RUN]
    [CLOCK]  1 of 2 ERROR creating sql view model main.a ... [ERROR in [TIME]]
    [CLOCK]  2 of 2 SKIP relation main.b ... [SKIP]
    [CLOCK]
    [CLOCK]  Finished running 2 models in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed with 1 error, and 0 warnings:
    [CLOCK]  Database Error in model a (models/a.sql)
    error[HW0404]: Binder Error: Referenced column "no_such_column" not found in FROM clause
      ┌─ models/a.sql:1:8
      │
    1 │ select no_such_column from (select 1 as id)
      │        ^^^^^^^^^^^^^^
      │
      note: Candidate bindings: "id"
      hint: columns here: id
    [CLOCK]
    [CLOCK]  1 node failed in [TIME]: a; 1 skipped, 0 fine
    [CLOCK]  Done. PASS=0 WARN=0 ERROR=1 SKIP=1 NO-OP=0 TOTAL=2
    "#);
}

#[test]
fn json_answers_with_every_result() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    let answer = project.json(&["run", "--output", "json", "--quiet"]);
    assert_eq!(answer["counts"]["pass"], 1);
    assert_eq!(answer["results"][0]["unique_id"], "model.shop.daily_revenue");
    assert_eq!(answer["results"][0]["exact"]["rows_inserted"], 2);
}

#[test]
fn refuses_a_plan_that_is_no_longer_what_would_happen() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("insert into raw_orders values (4, 1.50, timestamp '2026-11-01 23:00:00')");
    let plan = project.json(&["plan", "--output", "json"]);
    let hash = plan["hash"].as_str().expect("a hash").to_owned();
    project.sql("insert into raw_orders values (5, 1.50, timestamp '2026-11-02 23:00:00')");
    let output = project.output(&["run", "--plan", &hash[..7]]);
    assert_snapshot!(project.report(&output).replace(&hash[..7], "[PLAN]"), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0702]: plan [PLAN] is no longer what a run would do
      note: a run would now do plan [PLAN]
      note: data, models or the selection changed since the plan was made; nothing was touched
      hint: look at what it would do now: hw plan
    "#);
    assert_snapshot!(project.hw(&["run", "--plan", "yesterday"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0701]: `yesterday` is no plan
      hint: a plan is named by at least seven hexadecimal digits, as `hw plan` prints them
    "#);
}

#[test]
fn applies_the_plan_that_was_looked_at() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("insert into raw_orders values (4, 1.50, timestamp '2026-11-01 23:00:00')");
    let plan = project.json(&["plan", "--output", "json"]);
    let hash = plan["hash"].as_str().expect("a hash");
    let answer = project.json(&["run", "--plan", hash, "--output", "json", "-q"]);
    assert_eq!(answer["results"][0]["exact"]["dirty_count"], 1);
}

#[test]
fn global_flags_stand_before_and_after_the_command() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    let root = project.path(".");
    let root = root.to_str().expect("a path");
    for arguments in [
        ["--project-dir", root, "--profiles-dir", root, "run", "-q"],
        ["run", "-q", "--project-dir", root, "--profiles-dir", root],
        ["--no-partial-parse", "-q", "run", "--project-dir", root, "--no-version-check"],
    ] {
        project.ok(&arguments);
    }
}

#[test]
fn a_hook_that_raises_before_the_run_lets_nothing_run() {
    let project = TestProject::new(
        "
=== dbt_project.yml
name: shop
profile: shop
on-run-start: \"{{ run_query('select nothing from nowhere') }}\"
=== models/a.sql
select 1 as id
",
    );
    let told = project.hw(&["run"]);
    assert!(told.starts_with("exit 2") && told.contains("nothing was run: Database Error"), "{told}");
}

#[test]
fn statements_of_templates_are_told_to_those_who_debug() {
    let project = TestProject::new(
        "
=== models/a.sql
{% do run_query('select 41 + 1') %} select '{{ thread_id }}' as thread
",
    );
    let told = project.hw(&["run", "--debug"]);
    assert!(
        told.contains("On model.shop.a: /* {\"app\": \"dbt\", ")
            && told.contains(" */\n[CLOCK]  select 41 + 1")
            && told.contains("'Thread-1 (worker)' as thread"),
        "{told}"
    );
}

#[test]
fn a_partitioning_of_another_engine() {
    let project = TestProject::new(
        "=== models/a.sql\n{{ config(materialized='table', partition_by={'field': 'day', 'data_type': 'date'}) }}\nselect 1 as id\n\
         === models/b.sql\n{{ config(materialized='table', partition_by='id', sort_by=['id']) }}\nselect 1 as id\n",
    );
    assert_snapshot!(project.hw(&["-q", "run"]), @"
    exit 1
    --- stderr
    [CLOCK]  1 of 2 ERROR creating sql table model main.a ... [ERROR in [TIME]]
    [CLOCK]
    [CLOCK]  Completed with 1 error, and 0 warnings:
    [CLOCK]  Compilation Error in model a (models/a.sql)
    error[HW0303]: partitioned_by/partition_by must be a column or a list of columns: keep a mapping for the engine that wants it, with an if target.type
      note: in model.shop.a
    [CLOCK]
    [CLOCK]  1 node failed in [TIME]: a; 0 skipped, 1 fine
    ");
}
