//! What people get wrong, and what they read then: the place, what to do, and an exit code that scripts can rely on.

use std::process::{Command, Stdio};

use highwater::engine::{DuckDb, Engine as _};
use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn broken_yaml() {
    let project = TestProject::new(SHOP);
    project.write("models/properties.yml", "models:\n  - name: daily_revenue\n    columns: [\n  - name: other\n");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Parsing Error

    error[HW0102]: models/properties.yml is not valid YAML: "-" is only valid inside a block
      ┌─ models/properties.yml:4:3
      │
    4 │   - name: other
      │   ^
      │
      hint: check the indentation and the quotes around this place
    "#);
}

#[test]
fn broken_jinja() {
    let project = TestProject::new("=== models/a.sql\nselect 1 as id\nfrom {{ ref('b' }}\n");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Compilation Error

    error[HW0301]: unexpected '}'
      ┌─ models/a.sql:2:17
      │
    2 │ from {{ ref('b' }}
      │                 ^
    "#);
}

#[test]
fn an_unclosed_block() {
    let project = TestProject::new("=== models/a.sql\nselect 1 as id\n{% if true %}\n");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Compilation Error

    error[HW0301]: block is never closed: missing '{% endif %}'
      ┌─ models/a.sql:2:1
      │
    2 │ {% if true %}
      │ ^^^^^
    "#);
}

#[test]
fn a_cycle() {
    let project = TestProject::new(
        "=== models/a.sql\nselect * from {{ ref('b') }}\n=== models/b.sql\nselect * from {{ ref('c') }}\n\
         === models/c.sql\nselect * from {{ ref('a') }}\n",
    );
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Compilation Error

    error[HW0220]: these read each other in a circle: a -> b -> c -> a
      ┌─ models/a.sql:1:22
      │
    1 │ select * from {{ ref('b') }}
      │                      ^^^
      │
      ┌─ models/b.sql:1:22
      │
    1 │ select * from {{ ref('c') }}
      │                      ---
      │
      ┌─ models/c.sql:1:22
      │
    1 │ select * from {{ ref('a') }}
      │                      ---
      │
      hint: take one of the references out, or move what both need into a model of its own
    "#);
}

#[test]
fn a_missing_ref() {
    let project = TestProject::new(
        "=== models/stg_orders.sql\nselect 1 as id\n=== models/orders.sql\nselect *\nfrom {{ ref('stg_order') }} o\n",
    );
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Compilation Error

    error[HW0213]: `ref('stg_order')` names no model, seed or snapshot
      ┌─ models/orders.sql:2:13
      │
    2 │ from {{ ref('stg_order') }} o
      │             ^^^^^^^^^^^ not found in this project or its packages
      │
      hint: did you mean `stg_orders` (models/stg_orders.sql)?
    "#);
}

#[test]
fn a_source_that_is_not_described() {
    let project = TestProject::new("=== models/a.sql\nselect * from {{ source('shop', 'orders') }}\n");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Compilation Error

    error[HW0214]: `source('shop', 'orders')` names no source
      ┌─ models/a.sql:1:25
      │
    1 │ select * from {{ source('shop', 'orders') }}
      │                         ^^^^^^ no such source in this project or its packages
      │
      hint: describe it in a properties file: sources: [{name: shop, tables: [{name: orders}]}]
    "#);
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
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 1
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 model, 1 source, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 1 START sql table model main.a ... [RUN]
    [CLOCK]  1 of 1 ERROR creating sql table model main.a ... [ERROR in [TIME]]
    [CLOCK]
    [CLOCK]  Finished running 1 model in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed with 1 error, and 0 warnings:
    [CLOCK]  Database Error in model a (models/a.sql)
    error[HW0405]: Catalog Error: Table with name orders does not exist
      ┌─ models/a.sql:2:15
      │
    2 │ select * from {{ source('raw', 'orders') }}
      │               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      │
      note: Did you mean "information_schema.character_sets"?
      hint: source table "shop"."main"."orders" does not exist: load it first, or correct schema in models/sources.yml
    [CLOCK]
    [CLOCK]  1 node failed in [TIME]: a; 0 skipped, 0 fine
    [CLOCK]  Done. PASS=0 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=1
    "#);
}

#[test]
fn a_column_that_vanished() {
    let project = TestProject::new(SHOP);
    project.ok(&["build"]);
    project.sql("alter table raw_orders rename column amount to price");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 1
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 model, 1 seed, 2 tests, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 1 START sql exact model main.daily_revenue ... [RUN]
    [CLOCK]  1 of 1 ERROR creating sql exact model main.daily_revenue ... [ERROR in [TIME]]
    [CLOCK]
    [CLOCK]  Finished running 1 model in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed with 1 error, and 0 warnings:
    [CLOCK]  Database Error in model daily_revenue (models/daily_revenue.sql)
    error[HW0404]: Binder Error: Referenced column "amount" not found in FROM clause
      ┌─ models/daily_revenue.sql:2:65
      │
    2 │ select cast(ordered_at as date) as day, count(*) as orders, sum(amount) as revenue
      │                                                                 ^^^^^^
      │
      note: Candidate bindings: "ordered_at"
      hint: columns here: ordered_at
    [CLOCK]
    [CLOCK]  1 node failed in [TIME]: daily_revenue; 0 skipped, 0 fine
    [CLOCK]  Done. PASS=0 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=1
    "#);
    assert_snapshot!(project.hw(&["plan"]), @r#"
    exit 1
    --- stdout
    0 of 1 exact model have work; 1 refused

      daily_revenue  exact by day  refused: the query of daily_revenue cannot be read: Binder Error: Referenced column "amount" not found in FROM clause!
    "#);
    assert_snapshot!(project.hw(&["verify"]), @r#"
    exit 1
    --- stderr
    error[HW0509]: the query of daily_revenue cannot be read: Binder Error: Referenced column "amount" not found in FROM clause!
      note: Binder Error: Referenced column "amount" not found in FROM clause!
            Candidate bindings: "ordered_at"

            LINE 2: ... cast(ordered_at as date) as day, count(*) as orders, sum(amount) as revenue
                                                                                 ^
      hint: if a table it reads is not built yet: hw run --select +daily_revenue
    "#);
}

#[test]
fn a_locked_database_file() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    // A lock is a matter between processes: this one holds it while `hw` asks.
    let engine = DuckDb::open(&project.path("shop.duckdb"), "").expect("the database");
    let session = engine.connect().expect("a session");
    let report = project.hw(&["run"]);
    drop((session, engine));
    // The process is named: who it is differs from machine to machine.
    let said: Vec<&str> =
        report.lines().filter(|line| !line.contains("note: IO Error") && !line.contains("note: process ")).collect();
    assert_snapshot!(said.join("\n"), @r#"
    exit 2
    --- stderr
    nothing was run: Database Error

    error[HW0131]: another process is using [FOLDER]/shop.duckdb
      note: DuckDB lets one process at a time open a file for writing
      hint: close the other one (a DuckDB shell, a notebook, another run), or wait for it with --wait 10m
    "#);
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
    assert_snapshot!(project.hw(&["run", "--fullrefresh"]), @r#"
    exit 2
    --- stderr
    error: unexpected argument '--fullrefresh' found

      tip: a similar argument exists: '--full-refresh'

    Usage: hw run --full-refresh

    For more information, try '--help'.
    "#);
}

#[test]
fn an_unknown_command() {
    let project = TestProject::empty();
    assert_snapshot!(project.hw(&["biuld"]), @r#"
    exit 2
    --- stderr
    error: unrecognized subcommand 'biuld'

      tip: a similar subcommand exists: 'build'

    Usage: hw [OPTIONS] <COMMAND>

    For more information, try '--help'.
    "#);
    assert_snapshot!(project.hw(&["board", "--select", "x"]), @r#"
    exit 2
    --- stderr
    error[HW0004]: `hw board` does not exist yet
      hint: until then: `hw plan --output json` holds the state of every exact model
      hint: `hw --help` lists the commands there are
    "#);
}

#[test]
fn an_unknown_selector() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["run", "--select", "tga:nightly"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0230]: `tga:nightly`: there is no method `tga:`
      hint: did you mean `tag:`?
    "#);
    assert_snapshot!(project.hw(&["run", "--select", "no_such_model"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 model, 1 seed, 2 tests, [COUNT] macros
    [CLOCK]  Nothing to do. Try checking your model configs and model specification args
    [CLOCK]  warning[HW0417]: the selection names nothing that this command runs (hint: hw ls with the same selection shows what it names)
    [CLOCK]  Done. PASS=0 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=0
    "#);
    assert_snapshot!(project.hw(&["run", "--selector", "nightly"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0233]: selectors.yml has no selector `nightly`
      hint: there is no selectors.yml beside dbt_project.yml
    "#);
}

#[test]
fn no_profile() {
    let project = TestProject::new(SHOP);
    project.delete("profiles.yml");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0110]: no profiles.yml found for the profile `shop`
      note: dbt looked for a profiles.yml file in [FOLDER], and so did hw
      note: looked for [FOLDER]/profiles.yml and [FOLDER]/.dbt/profiles.yml
      hint: put this into profiles.yml beside dbt_project.yml:

            shop:
              target: dev
              outputs:
                dev:
                  type: duckdb
                  path: shop.duckdb
                  threads: 4
    "#);
    project.write("profiles.yml", "shopp:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0110]: profiles.yml has no profile `shop`
      note: Could not find profile named 'shop'
      note: it has `shopp`
      hint: did you mean `shopp`? (`profile:` in dbt_project.yml, or --profile)
    "#);
}

#[test]
fn a_target_that_is_not_there() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["run", "--target", "prod"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0111]: the profile `shop` has no target `prod`
      ┌─ profiles.yml:4:5
      │
    4 │     dev: {type: duckdb, path: shop.duckdb, threads: 1}
      │     ^ the targets are here
      │
      note: The profile 'shop' does not have a target named 'prod'.
      hint: choose one of `dev` with --target or `target:`
    "#);
}

#[test]
fn an_adapter_that_is_not_supported() {
    let project = TestProject::new(SHOP);
    project.write("profiles.yml", "shop:\n  target: dev\n  outputs:\n    dev: {type: snowflake, account: x}\n");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0112]: `type: snowflake` is not supported
      ┌─ profiles.yml:4:17
      │
    4 │     dev: {type: snowflake, account: x}
      │                 ^^^^^^^^^
      │
      note: supported: duckdb, postgres
      hint: write a target like
              type: duckdb
              path: warehouse.duckdb
              threads: 4
    "#);
}

#[test]
fn no_project() {
    let project = TestProject::empty();
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0101]: there is no dbt_project.yml in [FOLDER]
      hint: run from the folder of a project, name it with --project-dir, or start one with `hw init`
    "#);
    assert_snapshot!(project.hw(&["run", "--project-dir", "nowhere"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0101]: there is no folder nowhere: No such file or directory (os error 2)
      hint: name the folder of the project with --project-dir
    "#);
}

#[test]
fn variables_that_are_no_mapping() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["run", "--vars", "days"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0002]: `--vars` is no YAML mapping
      ┌─ --vars:1:1
      │
    1 │ days
      │ ^^^^ this is text
      │
      hint: write it as in: --vars '{country: de, days: 3}'
    "#);
    assert_snapshot!(project.hw(&["run", "--vars", "{days: "]), @r#"
    exit 2
    --- stderr
    nothing was run: Parsing Error

    error[HW0102]: --vars is not valid YAML: unclosed bracket '{'
      ┌─ --vars:1:1
      │
    1 │ {days:
      │ ^
      │
      hint: check the indentation and the quotes around this place
      hint: write it as in: --vars '{country: de, days: 3}'
    "#);
}

#[test]
fn a_variable_that_is_not_set() {
    let project = TestProject::new("=== models/a.sql\nselect {{ var('days') }} as days\n");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 1
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 model, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 1 START sql view model main.a ... [RUN]
    [CLOCK]  1 of 1 ERROR creating sql view model main.a ... [ERROR in [TIME]]
    [CLOCK]
    [CLOCK]  Finished running 1 model in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed with 1 error, and 0 warnings:
    [CLOCK]  Compilation Error in model a (models/a.sql)
    error[HW0308]: required variable 'days' is not set
      ┌─ models/a.sql:1:11
      │
    1 │ select {{ var('days') }} as days
      │           ^^^^^^^^^^^
      │
      hint: set it under `vars:` in dbt_project.yml, with `--vars '{days: ...}'`, or give a default: var('days', ...)
    [CLOCK]
    [CLOCK]  1 node failed in [TIME]: a; 0 skipped, 0 fine
    [CLOCK]  Done. PASS=0 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=1
    "#);
}

#[test]
fn a_clock_that_is_none() {
    let project = TestProject::new(SHOP);
    let output = project.command(&["run"]).env("HW_NOW", "tomorrow").output().expect("hw starts");
    assert_snapshot!(project.report(&output), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0414]: HW_NOW is no moment: tomorrow
      hint: write it as 2026-02-01T10:00:00Z, or unset it
    "#);
}

#[test]
fn a_seed_that_is_no_csv() {
    let project = TestProject::new("=== seeds/broken.csv\nid,name\n1,\"a\n2,b\n");
    assert_snapshot!(project.hw(&["seed"]), @r#"
    exit 1
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 seed, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 1 START seed file main.broken ... [RUN]
    [CLOCK]  1 of 1 ERROR loading seed file main.broken ... [ERROR in [TIME]]
    [CLOCK]
    [CLOCK]  Finished running 1 seed in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed with 1 error, and 0 warnings:
    [CLOCK]  Runtime Error in seed broken (seeds/broken.csv)
    error[HW0420]: cannot read seeds/broken.csv as CSV
      note: Invalid Input Error: Error when sniffing file "[FOLDER]/seeds/broken.csv".
      note: It was not possible to automatically detect the CSV parsing dialect
      note: The search space used was:
      note: Delimiter Candidates: ','
      note: Quote/Escape Candidates: ['"','"']
      note: Comment Candidates: '\0', '#'
      note: Encoding: utf-8
      hint: every line needs as many values as the header; set `delimiter` when it is not a comma
    [CLOCK]
    [CLOCK]  1 node failed in [TIME]: broken; 0 skipped, 0 fine
    [CLOCK]  Done. PASS=0 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=1
    "#);
}

#[test]
fn a_model_that_is_not_deterministic() {
    let project = TestProject::new(
        "=== models/a.sql\n{{ config(materialized='incremental', incremental_strategy='exact', unique_key='id') }}\n\
         select 1 as id,\n  random() as luck\n",
    );
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 1
    --- stderr
    [CLOCK]  Running with hw=0.1.0
    [CLOCK]  Found 1 model, [COUNT] macros
    [CLOCK]
    [CLOCK]  Concurrency: 1 thread (target='dev')
    [CLOCK]  1 of 1 START sql exact model main.a ... [RUN]
    [CLOCK]  1 of 1 ERROR creating sql exact model main.a ... [ERROR in [TIME]]
    [CLOCK]
    [CLOCK]  Finished running 1 model in [TIME] ([TIME]).
    [CLOCK]
    [CLOCK]  Completed with 1 error, and 0 warnings:
    [CLOCK]  Compilation Error in model a (models/a.sql)
    error[HW0501]: a cannot be kept equal to a rebuild: random() answers anew at every call, so no two rebuilds need agree
      ┌─ a (compiled):3:3
      │
    3 │   random() as luck
      │   ^^^^^^ random() answers anew at every call, so no two rebuilds need agree
      │
      note: nothing was touched
      hint: derive the value from the row, as in md5(key); or keep such a column out of an exact model
    [CLOCK]
    [CLOCK]  1 node failed in [TIME]: a; 0 skipped, 0 fine
    [CLOCK]  Done. PASS=0 WARN=0 ERROR=1 SKIP=0 NO-OP=0 TOTAL=1
    "#);
}

#[test]
fn a_database_file_that_is_none() {
    let project = TestProject::new(SHOP);
    project.write("shop.duckdb", "this is text, and long enough to be looked at as a header of a file of a database\n");
    assert_snapshot!(project.hw(&["run"]), @r#"
    exit 2
    --- stderr
    nothing was run: Database Error

    error[HW0130]: cannot open the database of the target `dev`
      note: cannot open [FOLDER]/shop.duckdb: IO Error: The file "[FOLDER]/shop.duckdb" exists, but it is not a valid DuckDB database file!
      hint: check `path` of the target in profiles.yml: it must be a DuckDB file, or not exist yet
    "#);
}
