//! Tests before publishing, on every engine.

use std::collections::BTreeSet;

use highwater::run::{Command, RunOptions};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::project::Project;

const MODEL: &str = "{{ config(materialized='incremental', incremental_strategy='exact', event_time='ordered_at', batch_size='day', unique_key='id') }}\n\
     select id, customer, ordered_at, amount from {{ source('shop', 'raw_orders') }}";

fn files(on_held: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "models/sources.yml",
            "sources:\n- name: shop\n  schema: main\n  tables: [{name: raw_orders}, {name: raw_customers}]\n"
                .to_owned(),
        ),
        ("models/fct.sql", MODEL.to_owned()),
        (
            "models/dim.sql",
            "{{ config(materialized='table') }}select name from {{ source('shop', 'raw_customers') }}".to_owned(),
        ),
        (
            "models/total.sql",
            "{{ config(materialized='table') }}select sum(amount) as amount from {{ ref('fct') }}".to_owned(),
        ),
        (
            "models/models.yml",
            format!(
                "models:\n\
                 - name: fct\n\
                 \x20 config: {{meta: {{highwater: {{on_held: {on_held}}}}}}}\n\
                 \x20 columns:\n\
                 \x20 - name: id\n\
                 \x20   data_tests: [unique, not_null]\n\
                 \x20 - name: customer\n\
                 \x20   data_tests:\n\
                 \x20   - relationships: {{arguments: {{to: ref('dim'), field: name}}}}\n\
                 \x20   - accepted_values: {{arguments: {{values: [ada, bob]}}, config: {{severity: warn}}}}\n\
                 - name: total\n\
                 \x20 columns: [{{name: amount, data_tests: [not_null]}}]\n"
            ),
        ),
        (
            "tests/amounts.sql",
            "-- \"fct\"\nwith fct as (select * from {{ ref('fct') }}) select * from fct where amount < 0".to_owned(),
        ),
    ]
}

fn projects(on_held: &str) -> Vec<Project> {
    let files = files(on_held);
    let borrowed: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let projects = Project::everywhere(&borrowed);
    for project in &projects {
        project.write(
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\nmodels:\n  +meta: {highwater: {audits: before}}\n",
        );
        project.execute(
            "create schema if not exists main; create table main.raw_customers as select 'ada' as name; \
             create table main.raw_orders as select 1 as id, 'ada' as customer, timestamp '2026-02-01 10:00:00' as ordered_at, 5 as amount \
             union all select 2, 'ada', timestamp '2026-02-02 10:00:00', 7",
        );
    }
    projects
}

/// Statuses, and what is said below a failure.
fn said(project: &Project, command: Command) -> String {
    let results = project.results(&RunOptions::new(command));
    let lines = results.results.iter().map(|result| {
        let name = result.unique_id.split('.').nth(2).unwrap_or_default();
        match &result.diagnostic {
            Some(diagnostic) => {
                let notes: Vec<String> = diagnostic.notes.iter().map(|note| format!("\n  {note}")).collect();
                format!("{name} {}: {}{}", result.status.word(), diagnostic.title, notes.concat())
            }
            None => format!("{name} {}", result.status.word()),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

const NEWS: &str = "insert into main.raw_orders values (3, 'ada', '2026-02-01 11:00:00', -1), (4, 'ada', '2026-02-02 11:00:00', 9), \
                    (5, 'eve', '2026-02-03 11:00:00', 9), (1, 'ada', '2026-02-04 11:00:00', 1)";

#[test]
fn rows_that_fail_are_never_seen() {
    for project in projects("skip") {
        insta::allow_duplicates! {
            insta::assert_snapshot!(said(&project, Command::Run), @r#"
dim success
fct success
total success
"#);
            project.execute(NEWS);
            insta::assert_snapshot!(said(&project, Command::Run), @r#"
dim success
fct partial success: 3 days of fct are held back: the new rows fail 3 tests
  amounts: Got 1 result, configured to fail if != 0 (2026-02-01)
  unique_fct_id: Got 1 result, configured to fail if != 0 (2026-02-01, 2026-02-04)
  relationships_fct_customer__name__ref_dim_: Got 1 result, configured to fail if != 0 (2026-02-03)
  1 day passed and were published; what is held back keeps its old rows, and the next run tries again
total skipped
"#);
            insta::assert_snapshot!(project.query("select id, ordered_at from main.fct order by 1"), @r#"
1 | 2026-02-01 10:00:00
2 | 2026-02-02 10:00:00
4 | 2026-02-02 11:00:00
"#);
            insta::assert_snapshot!(project.query("select amount from main.total"), @"12");
            project.execute("delete from main.raw_orders where id = 3; update main.raw_orders set id = 6 where amount = 1; insert into main.raw_customers values ('eve')");
            insta::assert_snapshot!(said(&project, Command::Run), @r#"
dim success
fct success
total success
"#);
            insta::assert_snapshot!(project.query("select id, ordered_at from main.fct order by 1"), @r#"
1 | 2026-02-01 10:00:00
2 | 2026-02-02 10:00:00
4 | 2026-02-02 11:00:00
5 | 2026-02-03 11:00:00
6 | 2026-02-04 11:00:00
"#);
        }
    }
}

#[test]
fn what_reads_the_model_may_use_the_old_rows() {
    for project in projects("use_old") {
        project.run(Command::Build);
        project.execute(NEWS);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said(&project, Command::Build), @r#"
dim success
fct partial success: 3 days of fct are held back: the new rows fail 3 tests
  amounts: Got 1 result, configured to fail if != 0 (2026-02-01)
  unique_fct_id: Got 1 result, configured to fail if != 0 (2026-02-01, 2026-02-04)
  relationships_fct_customer__name__ref_dim_: Got 1 result, configured to fail if != 0 (2026-02-03)
  1 day passed and were published; what is held back keeps its old rows, and the next run tries again
accepted_values_fct_customer__ada__bob pass
amounts pass
not_null_fct_id pass
relationships_fct_customer__name__ref_dim_ pass
unique_fct_id pass
total success
not_null_total_amount pass
"#);
            insta::assert_snapshot!(project.query("select amount from main.total"), @"21");
        }
    }
}

#[test]
fn a_whole_table_is_held_back_whole() {
    for project in projects("skip") {
        project.run(Command::Run);
        project.write(
            "models/total.sql",
            "{{ config(materialized='table') }}select cast(null as integer) as amount from {{ ref('fct') }}",
        );
        insta::allow_duplicates! {
            insta::assert_snapshot!(said(&project, Command::Run), @r#"
dim success
fct success
total error: total is held back: its new rows fail 1 test
  not_null_total_amount: Got 2 results, configured to fail if != 0
  the table is as it was before the run
"#);
            assert_eq!(project.query("select amount from main.total"), "12");
        }
    }
}

#[test]
fn a_test_that_cannot_be_asked_publishes_nothing() {
    for project in projects("skip") {
        project.write("tests/amounts.sql", "select oops from {{ ref('fct') }}");
        let said = said(&project, Command::Run);
        assert!(said.contains("fct error: a test of fct cannot audit it: amounts: "), "{said}");
        assert_eq!(project.query("select count(*) from information_schema.tables where table_name = 'fct'"), "0");
    }
}

/// The day of a row, as partitions are called.
const DAY: &str = "coalesce(cast(cast(ordered_at as date) as varchar), 'NULL')";

/// A random change: rows that pass and rows that do not, moved, mended, redelivered, deleted.
fn change(project: &Project, random: &mut SmallRng, next: &mut u32) {
    let day = |random: &mut SmallRng| match random.random_range(1..8) {
        7 => "null".to_owned(),
        day => format!("'2026-02-0{day} 10:00:00'"),
    };
    let some = random.random_range(1..=*next);
    let sql = match random.random_range(0..9) {
        0..3 => {
            *next += 1;
            let customer = if random.random_bool(0.15) { "zed" } else { "ada" };
            let amount = if random.random_bool(0.15) { -1 } else { 5 };
            format!("insert into main.raw_orders values ({next}, '{customer}', {}, {amount})", day(random))
        }
        3 => format!("update main.raw_orders set ordered_at = {} where id = {some}", day(random)),
        4 => format!("update main.raw_orders set amount = abs(amount) + 1, customer = 'ada' where id = {some}"),
        5 => format!("update main.raw_orders set amount = -2 where id = {some}"),
        6 => format!("delete from main.raw_orders where id = {some}"),
        7 => format!("insert into main.raw_orders values ({some}, 'ada', {}, 5)", day(random)),
        _ => format!("delete from main.raw_orders where id = {some} and customer = 'zed'"),
    };
    project.execute(&sql);
}

fn set(lines: &str) -> BTreeSet<String> {
    lines.lines().map(str::to_owned).collect()
}

/// The days on which the table is not what a rebuild holds.
fn different_days(project: &Project) -> BTreeSet<String> {
    let columns = "id, customer, ordered_at, amount";
    set(&project.query(&format!(
        "select distinct {DAY} from ((select {columns} from main.fct except all select {columns} from main.raw_orders) \
         union all (select {columns} from main.raw_orders except all select {columns} from main.fct)) as different"
    )))
}

/// How many rows of a table fail the tests.
fn failing(project: &Project, table: &str) -> String {
    project.query(&format!(
        "select (select count(*) from {table} where amount < 0) + (select count(*) from {table} where customer = 'zed') \
         + (select count(*) from (select id from {table} group by id having count(*) > 1) as twice)"
    ))
}

#[test]
fn random_changes_with_tests_before_publishing_on_every_engine() {
    let trials = std::env::var("HW_TRIALS").ok().and_then(|trials| trials.parse().ok()).unwrap_or(1);
    for seed in 0..trials {
        for project in projects("skip") {
            random_trial(&project, seed);
        }
    }
}

fn random_trial(project: &Project, seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut next = 2;
    let run = || {
        let results = project.results(&RunOptions::new(Command::Run));
        let report = results.results.into_iter().find_map(|result| result.exact).expect("a report of fct");
        (report.replaced_count, report.held.into_iter().map(|held| held.label).collect::<BTreeSet<String>>())
    };
    run();
    for step in 0..6 {
        for _ in 0..random.random_range(1..6) {
            change(project, &mut random, &mut next);
        }
        let rows = format!("select {DAY}, id, customer, amount from main.fct order by 1, 2, 3, 4");
        let before = project.query(&rows);
        let (_, held) = run();
        let of_held = |rows: &str| -> Vec<String> {
            let is_held = |line: &&str| held.contains(line.split(" | ").next().unwrap_or_default());
            rows.lines().filter(is_held).map(str::to_owned).collect()
        };
        let here = format!("seed {seed}, step {step}, {held:?} held back");
        assert_eq!(failing(project, "main.fct"), "0", "{here}: what fails is visible");
        let different = different_days(project);
        assert!(different.is_subset(&held), "{here}, and {different:?} differ from a rebuild");
        assert_eq!(of_held(&project.query(&rows)), of_held(&before), "{here}, without their old rows");
        if failing(project, "main.raw_orders") == "0" {
            assert!(held.is_empty(), "{here}, though a rebuild passes");
        }
        let label = DAY.replace("ordered_at", "interval_start");
        let marked = set(&project.query(&format!("select {label} from highwater.dirty")));
        assert_eq!(marked, held, "{here}, and the ledger says otherwise");
        assert_eq!(run(), (0, held.clone()), "{here}: a run without news does something");
    }
    project.execute(
        "delete from main.raw_orders where id in (select id from main.raw_orders group by id having count(*) > 1); \
         update main.raw_orders set amount = abs(amount), customer = 'ada'",
    );
    assert_eq!(run().1, BTreeSet::new(), "seed {seed}: mended, and still something is held back");
    assert_eq!(different_days(project), BTreeSet::new(), "seed {seed}: mended, and not a rebuild");
}
