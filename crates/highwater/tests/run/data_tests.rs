//! Tests, severities, kept rows.

use highwater::run::{Command, RunOptions};

use crate::project::{Project, lines};

fn shop() -> Project {
    Project::new(&[
        (
            "models/orders.sql",
            "{{ config(materialized='table') }} select 1 as id, 'a' as state union all select 1, 'b' union all select null, 'c'",
        ),
        ("models/report.sql", "select * from {{ ref('orders') }}"),
        (
            "models/orders.yml",
            "models:\n\
             - name: orders\n\
             \x20 columns:\n\
             \x20 - name: id\n\
             \x20   data_tests:\n\
             \x20   - unique\n\
             \x20   - not_null: {config: {severity: warn}}\n\
             \x20 - name: state\n\
             \x20   data_tests:\n\
             \x20   - accepted_values: {arguments: {values: [a, b]}, config: {error_if: '>5', warn_if: '>0', store_failures: true}}\n",
        ),
        ("tests/no_z.sql", "select * from {{ ref('orders') }} where state = 'z'"),
    ])
}

/// Statuses and messages without the hashes of ids, sorted.
fn statuses(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn every_status() {
    let project = shop();
    project.run(Command::Run);
    let results = project.results(&RunOptions::new(Command::Test));
    insta::assert_snapshot!(statuses(&lines(&results)), @r"
    test.shop.accepted_values_orders_state__a__b.a6a6d314d1 warn Got 1 result, configured to warn if >0
    test.shop.no_z pass
    test.shop.not_null_orders_id.84ef11d8fe warn Got 1 result, configured to warn if != 0
    test.shop.unique_orders_id.1360ecc70e fail Got 1 result, configured to fail if != 0
    ");
    assert!(!results.succeeded(false));
    assert_eq!(project.query("from main_dbt_test__audit.accepted_values_orders_state__a__b"), "c | 1");
}

#[test]
fn in_a_build_a_failed_test_skips_what_comes_after_the_model() {
    let project = shop();
    let results = project.results(&RunOptions::new(Command::Build));
    let report = results.results.iter().find(|result| result.unique_id == "model.shop.report").expect("there");
    assert_eq!(report.status.word(), "skipped");
    assert_eq!(project.relations(), "main.orders table\nmain_dbt_test__audit.accepted_values_orders_state__a__b table");
}

#[test]
fn a_broken_test_is_an_error_not_a_failure() {
    let project =
        Project::new(&[("models/a.sql", "select 1 as id"), ("tests/t.sql", "select oops from {{ ref('a') }}")]);
    project.run(Command::Run);
    let text = project.run(Command::Test);
    assert!(text.starts_with("test.shop.t error Database Error in test t (tests/t.sql)"), "{text}");
}

#[test]
fn the_command_line_keeps_rows_of_every_test() {
    let project = Project::new(&[("models/a.sql", "select 1 as id"), ("tests/t.sql", "select id from {{ ref('a') }}")]);
    project.run(Command::Run);
    let results = project.results(&RunOptions { store_failures: true, ..RunOptions::new(Command::Test) });
    assert_eq!(results.results[0].failures, Some(1));
    assert_eq!(results.results[0].relation_name.as_deref(), Some(r#""shop"."main_dbt_test__audit"."t""#));
    assert_eq!(project.query("from main_dbt_test__audit.t"), "1");
}
