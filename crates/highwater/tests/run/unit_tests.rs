//! Unit tests: given rows, expected rows, what a test may replace, and the difference that is shown.

use highwater::manifest::select::Selection;
use highwater::run::{Command, RunOptions};
use highwater::session::Session;

use crate::project::{Project, lines};

/// Orders and what a model makes of them, with these unit tests.
fn shop(tests: &str) -> Project {
    let project = Project::new(&[
        ("models/orders.sql", "select 1 as id, 'Ada' as name, 9.5::decimal(9, 2) as amount"),
        ("seeds/rates.csv", "name,rate\nAda,2\nBob,3\n"),
        (
            "models/totals.sql",
            "select o.id, o.name, o.amount * r.rate * {{ var('factor', 1) }} as total, '{{ env_var('SHOP', 'main') }}' as shop
             from {{ ref('orders') }} o left join {{ ref('rates') }} r on o.name = r.name",
        ),
        (
            "models/log.sql",
            "{{ config(materialized='incremental') }} select id from {{ ref('orders') }}
             {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
        ),
        ("models/unit_tests.yml", &format!("unit_tests:\n{tests}")),
    ]);
    project.run(Command::Seed);
    project.run(Command::Run);
    project
}

const TOTALS: &str = "
  - name: rates_apply
    model: totals
    given:
      - input: ref('orders')
        rows:
          - {id: 1, name: Ada, amount: 10}
          - {id: 2, name: \"O'Hara\"}
      - input: ref('rates')
";

#[test]
fn only_the_given_rows_are_read_and_only_the_expected_columns_compared() {
    let project = shop(&format!("{TOTALS}    expect: {{rows: [{{id: 2, total: null}}, {{id: 1, total: 20}}]}}\n"));
    assert_eq!(project.run(Command::Test), "unit_test.shop.totals.rates_apply pass");
    insta::assert_snapshot!(project.read("target/compiled/shop/models/unit_tests.yml/rates_apply.sql"), @r#"
    with __dbt__cte__orders as (
    select cast(1 as INTEGER) as "id", cast('Ada' as VARCHAR) as "name", cast(10 as DECIMAL(9,2)) as "amount"
    union all
    select cast(2 as INTEGER) as "id", cast('O''Hara' as VARCHAR) as "name", cast(null as DECIMAL(9,2)) as "amount"
    ), __dbt__cte__rates as (
    select cast('Ada' as VARCHAR) as "name", cast('2' as INTEGER) as "rate"
    union all
    select cast('Bob' as VARCHAR) as "name", cast('3' as INTEGER) as "rate"
    )
    select o.id, o.name, o.amount * r.rate * 1 as total, 'main' as shop
                 from __dbt__cte__orders o left join __dbt__cte__rates r on o.name = r.name
    "#);
}

#[test]
fn a_difference_is_drawn() {
    let project = shop(&format!(
        "{TOTALS}    expect: {{rows: [{{id: 1, name: Ada, total: 21}}, {{id: 3, name: Eve, total: null}}]}}\n"
    ));
    insta::assert_snapshot!(project.run(Command::Test), @"
    unit_test.shop.totals.rates_apply fail 

    actual differs from expected:

    @@ ,id,name  ,total
    →  ,1 ,Ada   ,21.00→20.00
    +++,2 ,O'Hara,NULL
    ---,3 ,Eve   ,NULL
    ");
}

#[test]
fn variables_environment_and_macros_can_be_replaced() {
    let project = shop(&format!(
        "{TOTALS}    overrides: {{vars: {{factor: 5}}, env_vars: {{SHOP: north}}, macros: {{generate: 1}}}}
    expect: {{format: csv, rows: \"id,total,shop\\n1,100,north\\n2,,north\\n\"}}\n"
    ));
    assert_eq!(project.run(Command::Test), "unit_test.shop.totals.rates_apply pass");
}

#[test]
fn an_incremental_model_is_tested_on_either_side() {
    let tests = "
  - name: first_run
    model: log
    overrides: {macros: {is_incremental: false}}
    given: [{input: ref('orders'), format: sql, rows: 'select 7 as id union all select 8'}]
    expect: {rows: [{id: 7}, {id: 8}]}
  - name: later_run
    model: log
    overrides: {macros: {is_incremental: true}}
    given:
      - {input: ref('orders'), format: csv, fixture: more_orders}
      - {input: this, rows: [{id: 1}]}
    expect: {format: sql, fixture: only_two}
";
    let project = shop("");
    project.write("tests/fixtures/more_orders.csv", "id\n1\n2\n");
    project.write("tests/fixtures/only_two.sql", "select 2 as id");
    project.write("models/unit_tests.yml", &format!("unit_tests:{tests}"));
    insta::assert_snapshot!(project.run(Command::Test), @"
    unit_test.shop.log.first_run pass
    unit_test.shop.log.later_run pass
    ");
}

#[test]
fn in_a_build_they_run_before_their_model() {
    let project = shop(&format!("{TOTALS}    expect: {{rows: []}}\n"));
    project.write("models/after.sql", "select * from {{ ref('totals') }}");
    project.execute("drop view totals");
    let results = project.results(&RunOptions::new(Command::Build));
    let short: Vec<String> =
        results.results.iter().map(|one| format!("{} {}", one.unique_id, one.status.word())).collect();
    insta::assert_snapshot!(short.join("\n"), @r#"
model.shop.orders success
seed.shop.rates success
model.shop.log success
unit_test.shop.totals.rates_apply fail
model.shop.after skipped
model.shop.totals skipped
"#);
}

#[test]
fn they_can_be_selected_and_disabled() {
    let project = shop(&format!(
        "{TOTALS}    expect: {{rows: [{{id: 1}}, {{id: 2}}]}}
  - {{name: idle, model: log, config: {{enabled: false}}, overrides: {{macros: {{is_incremental: false}}}}, given: [], expect: {{rows: []}}}}\n"
    ));
    project.write("tests/never.sql", "select 1 where false");
    let run = |select: &str| {
        let selection = Selection { select: vec![select.to_owned()], ..Selection::default() };
        lines(&project.results(&RunOptions { selection, ..RunOptions::new(Command::Test) }))
    };
    assert_eq!(run("test_type:unit"), "unit_test.shop.totals.rates_apply pass");
    assert_eq!(run("unit_test:rates_apply"), "unit_test.shop.totals.rates_apply pass");
    assert_eq!(run("totals"), "unit_test.shop.totals.rates_apply pass");
    assert_eq!(run("test_type:data"), "test.shop.never pass");
}

#[test]
fn every_version_of_a_model_is_tested_unless_some_are_chosen() {
    let project = Project::new(&[
        ("models/priced_v1.sql", "select 1 as id"),
        ("models/priced_v2.sql", "select 1 as id"),
        (
            "models/priced.yml",
            "models: [{name: priced, latest_version: 2, versions: [{v: 1}, {v: 2}]}]
unit_tests:
  - {name: all, model: priced, given: [], expect: {rows: [{id: 1}]}}
  - {name: old, model: priced, versions: {include: [1]}, given: [], expect: {rows: [{id: 1}]}}",
        ),
    ]);
    insta::assert_snapshot!(project.run(Command::Test), @"
    unit_test.shop.priced.all_v1 pass
    unit_test.shop.priced.all_v2 pass
    unit_test.shop.priced.old_v1 pass
    ");
}

#[test]
fn what_cannot_be_meant_is_said() {
    let input = shop(&format!("{TOTALS}    expect: {{rows: [{{id: 1, nothing: 2}}]}}\n"));
    insta::assert_snapshot!(input.run(Command::Test), @"
    unit_test.shop.totals.rates_apply error Compilation Error in unit_test rates_apply (models/unit_tests.yml)
      Invalid column name: 'nothing' in unit test fixture for expected output.
      in unit_test.shop.totals.rates_apply
      Accepted columns for expected output are: ['id', 'name', 'total', 'shop']
    ");
    let missing = shop("\n  - {name: few, model: totals, given: [{input: ref('rates')}], expect: {rows: []}}\n");
    insta::assert_snapshot!(missing.run(Command::Test), @"
    unit_test.shop.totals.few error Compilation Error in unit_test few (models/unit_tests.yml)
      the unit test `few` gives no rows for ref('orders')
      add them, or none: given: [{input: ref('orders'), rows: []}]
    ");
    let wrong = |tests: &str| {
        let project = Project::new(&[
            ("models/log.sql", "{{ config(materialized='incremental') }} select 1 as id {{ 'x' if is_incremental() }}"),
            ("models/unit_tests.yml", &format!("unit_tests: [{{name: t, {tests}}}]")),
        ]);
        let options = highwater::project::LoadOptions {
            project_dir: project.path(""),
            profiles_dir: Some(project.path("")),
            ..Default::default()
        };
        Session::open(&options).expect_err("a problem")[0].title.clone()
    };
    let problems = [
        wrong("model: nowhere, given: [], expect: {rows: []}"),
        wrong("model: log, given: [], expect: {rows: []}"),
        wrong("model: log, overrides: {macros: {is_incremental: true}}, given: [], expect: {rows: []}"),
        wrong(
            "model: log, overrides: {macros: {is_incremental: false}}, given: [{input: ref('x')}], expect: {rows: []}",
        ),
        wrong("model: log, overrides: {macros: {is_incremental: false}}, given: [], expect: {format: csv, rows: [1]}"),
        wrong("model: log, overrides: {macros: {is_incremental: false}}, given: [], expect: {format: csv, fixture: x}"),
    ];
    insta::assert_snapshot!(problems.join("\n"), @"
    the unit test `t` is about the model `nowhere`, which does not exist
    Boolean override for 'is_incremental' must be provided for unit test 't' in model 'log'
    Unit test 't' for incremental model 'log' must have a 'this' input
    the input `ref('x')` of the unit test `t` was not found
    what is expected of the unit test `t`: rows do not match the format csv
    what is expected of the unit test `t`: there is no fixture `x`
    ");
}
