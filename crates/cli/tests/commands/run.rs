//! `hw run`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn a_second_run_has_nothing_to_do() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    project.ok(&["run"]);
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_late_row_rebuilds_its_day() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("insert into raw_orders values (4, 1.50, timestamp '2026-11-01 23:00:00')");
    assert_snapshot!(project.hw(&["run"]), @"");
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
    assert_snapshot!(project.hw(&["run"]), @"");
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
    assert_snapshot!(project.report(&output).replace(&hash[..7], "[PLAN]"), @"");
    assert_snapshot!(project.hw(&["run", "--plan", "yesterday"]), @"");
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
