//! What people get wrong, and what they read then: the place, what to do, and an exit code that scripts can rely on.

use std::process::{Command, Stdio};

use highwater::engine::{DuckDb, Engine as _};
use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn broken_yaml() {
    let project = TestProject::new(SHOP);
    project.write("models/properties.yml", "models:\n  - name: daily_revenue\n    columns: [\n  - name: other\n");
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn broken_jinja() {
    let project = TestProject::new("=== models/a.sql\nselect 1 as id\nfrom {{ ref('b' }}\n");
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn an_unclosed_block() {
    let project = TestProject::new("=== models/a.sql\nselect 1 as id\n{% if true %}\n");
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_cycle() {
    let project = TestProject::new(
        "=== models/a.sql\nselect * from {{ ref('b') }}\n=== models/b.sql\nselect * from {{ ref('c') }}\n\
         === models/c.sql\nselect * from {{ ref('a') }}\n",
    );
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_missing_ref() {
    let project = TestProject::new(
        "=== models/stg_orders.sql\nselect 1 as id\n=== models/orders.sql\nselect *\nfrom {{ ref('stg_order') }} o\n",
    );
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_source_that_is_not_described() {
    let project = TestProject::new("=== models/a.sql\nselect * from {{ source('shop', 'orders') }}\n");
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_source_table_that_is_not_there() {
    let project = TestProject::new(
        "
=== models/sources.yml
sources:
  - name: raw
    schema: main
    tables: [{name: orders}]
=== models/a.sql
{{ config(materialized='table') }}
select * from {{ source('raw', 'orders') }}
",
    );
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_column_that_vanished() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("alter table raw_orders rename column amount to price");
    assert_snapshot!(project.hw(&["run"]), @"");
    assert_snapshot!(project.hw(&["plan"]), @"");
    assert_snapshot!(project.hw(&["verify"]), @"");
}

#[test]
fn a_locked_database_file() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    // A lock is a matter between processes: this one holds it while `hw` asks.
    let engine = DuckDb::open(&project.path("shop.duckdb"), "").expect("the database");
    let session = engine.connect().expect("a session");
    let report = project.hw(&["run"]);
    drop(session);
    let (said, _) = report.split_once("  note: IO Error").unwrap_or((&report, ""));
    assert_snapshot!(said, @"");
    assert!(report.starts_with("exit 2\n"), "{report}");
    assert!(report.contains("hint: "), "{report}");
    project.ok(&["run"]);
}

#[test]
fn a_full_disk() {
    let project = TestProject::new(
        "=== models/big.sql\n{{ config(materialized='table') }}\nselect i as id, md5(i::varchar) || md5((i + 1)::varchar) as text from range(2000000) t(i)\n",
    );
    // No file may grow over 4 MiB: what a full disk looks like to the database, on any machine and as any user.
    let hw = project.command(&["run"]);
    let mut shell = Command::new("bash");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""]).arg(hw.get_program()).args(hw.get_args());
    shell.current_dir(project.path(".")).env("NO_COLOR", "1").stdin(Stdio::null());
    let output = shell.output().expect("bash starts");
    let report = project.report(&output);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("could not write to its disk"), "{report}");
    assert!(report.contains("hint: free space"), "{report}");
    project.ok(&["show", "--inline", "select 1 as id"]);
}

#[test]
fn an_unknown_flag() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["run", "--fullrefresh"]), @"");
}

#[test]
fn an_unknown_command() {
    let project = TestProject::empty();
    assert_snapshot!(project.hw(&["biuld"]), @"");
    assert_snapshot!(project.hw(&["snapshot", "--select", "x"]), @"");
}

#[test]
fn an_unknown_selector() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["run", "--select", "tga:nightly"]), @"");
    assert_snapshot!(project.hw(&["run", "--select", "no_such_model"]), @"");
    assert_snapshot!(project.hw(&["run", "--selector", "nightly"]), @"");
}

#[test]
fn no_profile() {
    let project = TestProject::new(SHOP);
    project.delete("profiles.yml");
    assert_snapshot!(project.hw(&["run"]), @"");
    project.write("profiles.yml", "shopp:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n");
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_target_that_is_not_there() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["run", "--target", "prod"]), @"");
}

#[test]
fn an_adapter_that_is_not_supported() {
    let project = TestProject::new(SHOP);
    project.write("profiles.yml", "shop:\n  target: dev\n  outputs:\n    dev: {type: snowflake, account: x}\n");
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn no_project() {
    let project = TestProject::empty();
    assert_snapshot!(project.hw(&["run"]), @"");
    assert_snapshot!(project.hw(&["run", "--project-dir", "nowhere"]), @"");
}

#[test]
fn variables_that_are_no_mapping() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["run", "--vars", "days"]), @"");
    assert_snapshot!(project.hw(&["run", "--vars", "{days: "]), @"");
}

#[test]
fn a_variable_that_is_not_set() {
    let project = TestProject::new("=== models/a.sql\nselect {{ var('days') }} as days\n");
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_clock_that_is_none() {
    let project = TestProject::new(SHOP);
    let output = project.command(&["run"]).env("HW_NOW", "tomorrow").output().expect("hw starts");
    assert_snapshot!(project.report(&output), @"");
}

#[test]
fn a_seed_that_is_no_csv() {
    let project = TestProject::new("=== seeds/broken.csv\nid,name\n1,\"a\n2,b\n");
    assert_snapshot!(project.hw(&["seed"]), @"");
}

#[test]
fn a_model_that_is_not_deterministic() {
    let project = TestProject::new(
        "=== models/a.sql\n{{ config(materialized='incremental', incremental_strategy='exact', unique_key='id') }}\n\
         select 1 as id,\n  random() as luck\n",
    );
    assert_snapshot!(project.hw(&["run"]), @"");
}

#[test]
fn a_database_file_that_is_none() {
    let project = TestProject::new(SHOP);
    project.write("shop.duckdb", "this is text, and long enough to be looked at as a header of a file of a database\n");
    assert_snapshot!(project.hw(&["run"]), @"");
}
