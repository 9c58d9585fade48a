//! Tests before publishing, on every engine.

use highwater::run::{Command, RunOptions};

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
amounts pass
unique_fct_id pass
not_null_fct_id pass
relationships_fct_customer__name__ref_dim_ pass
accepted_values_fct_customer__ada__bob pass
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
