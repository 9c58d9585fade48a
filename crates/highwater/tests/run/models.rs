//! Views, tables, ephemeral models, and what a failure does to the rest.

use highwater::manifest::select::Selection;
use highwater::run::{Command, RunOptions, Status};

use crate::project::{Project, lines};

#[test]
fn a_chain_of_view_ephemeral_model_and_table() {
    let project = Project::new(&[
        ("models/raw.sql", "select 1 as id union all select 2"),
        ("models/doubled.sql", "{{ config(materialized='ephemeral') }} select id * 2 as id from {{ ref('raw') }}"),
        (
            "models/total.sql",
            "{{ config(materialized='table', schema='marts') }} select sum(id) as n from {{ ref('doubled') }}",
        ),
    ]);
    let events = project.events(&RunOptions::new(Command::Run));
    let events: Vec<&str> = events.lines().filter(|line| !line.starts_with("started")).collect();
    insta::assert_snapshot!(events.join("\n"), @r#"
1 of 2 start sql view model main.raw
on model.shop.raw: /* {"app": "dbt", "dbt_version": "1.11.0", "profile_name": "shop", "target_name": "dev", "node_id": "model.shop.raw"} */
create view "shop"."main"."raw__dbt_tmp" as (
select 1 as id union all select 2
);
on model.shop.raw: /* {"app": "dbt", "dbt_version": "1.11.0", "profile_name": "shop", "target_name": "dev", "node_id": "model.shop.raw"} */
alter view "shop"."main"."raw__dbt_tmp" rename to "raw"
1 of 2 success sql view model main.raw
2 of 2 start sql table model main_marts.total
on model.shop.total: /* {"app": "dbt", "dbt_version": "1.11.0", "profile_name": "shop", "target_name": "dev", "node_id": "model.shop.total"} */
create table "shop"."main_marts"."total__dbt_tmp" as (
 with __dbt__cte__doubled as (
 select id * 2 as id from "shop"."main"."raw"
)
select sum(id) as n from __dbt__cte__doubled
);
on model.shop.total: /* {"app": "dbt", "dbt_version": "1.11.0", "profile_name": "shop", "target_name": "dev", "node_id": "model.shop.total"} */
alter table "shop"."main_marts"."total__dbt_tmp" rename to "total"
2 of 2 success sql table model main_marts.total
finished
"#);
    assert_eq!(project.query("select n from main_marts.total"), "6");
    insta::assert_snapshot!(project.relations(), @r"
    main.raw view
    main_marts.total table
    ");
    insta::assert_snapshot!(project.read("target/run/shop/models/total.sql"), @r#"
    create table "shop"."main_marts"."total__dbt_tmp" as (
     with __dbt__cte__doubled as (
     select id * 2 as id from "shop"."main"."raw"
    )
    select sum(id) as n from __dbt__cte__doubled
    );
    "#);
}

#[test]
fn a_view_becomes_a_table_and_a_table_a_view() {
    let project = Project::new(&[("models/orders.sql", "{{ config(materialized='view') }} select 1 as id")]);
    project.run(Command::Run);
    assert_eq!(project.relations(), "main.orders view");
    project.write("models/orders.sql", "{{ config(materialized='table') }} select 2 as id");
    project.run(Command::Run);
    assert_eq!(project.relations(), "main.orders table");
    project.run(Command::Run);
    assert_eq!(project.query("from orders"), "2");
    project.write("models/orders.sql", "{{ config(materialized='view') }} select 3 as id");
    project.run(Command::Run);
    assert_eq!(project.relations(), "main.orders view");
    assert_eq!(project.query("from orders"), "3");
}

#[test]
fn a_table_that_fails_keeps_its_old_rows_and_skips_its_children() {
    let project = Project::new(&[
        ("models/a.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/b.sql", "select id from {{ ref('a') }}"),
        ("models/c.sql", "select id from {{ ref('b') }}"),
        ("models/other.sql", "select 7 as seven"),
    ]);
    project.run(Command::Run);
    project.write("models/a.sql", "{{ config(materialized='table') }}\nselect error('no such luck') as id");
    let results = project.results(&RunOptions::new(Command::Run));
    let words: Vec<String> =
        results.results.iter().map(|result| format!("{} {}", result.unique_id, result.status.word())).collect();
    insta::assert_snapshot!(words.join("\n"), @r"
    model.shop.a error
    model.shop.b skipped
    model.shop.c skipped
    model.shop.other success
    ");
    let failed = &results.results[0];
    assert!(
        failed.message.as_deref().is_some_and(|text| text.starts_with("Database Error in model a (models/a.sql)\n"))
    );
    assert!(failed.diagnostic.is_some());
    assert!(!results.succeeded(false));
    assert_eq!(project.query("from a"), "1");
    assert_eq!(project.relations().lines().count(), 4);
}

#[test]
fn the_first_failure_stops_a_run_that_is_told_so() {
    let project = Project::new(&[("models/a.sql", "select nothing from nowhere"), ("models/b.sql", "select 1 as id")]);
    let results = project.results(&RunOptions { fail_fast: true, ..RunOptions::new(Command::Run) });
    assert_eq!(results.count(Status::Error), 1);
    insta::assert_snapshot!(lines(&results).lines().last().unwrap_or_default(), @"model.shop.b skipped skipped: model.shop.a failed, and the run stops at the first failure");
    assert_eq!(project.relations(), "");
}

#[test]
fn a_template_that_raises_touches_nothing() {
    let project = Project::new(&[(
        "models/a.sql",
        "{{ config(materialized='table') }}\nselect {{ exceptions.raise_compiler_error('not today') if execute }} as id",
    )]);
    let results = project.results(&RunOptions::new(Command::Run));
    assert_eq!(results.results[0].status, Status::Error);
    let message = results.results[0].message.clone().unwrap_or_default();
    assert!(message.starts_with("Compilation Error in model a (models/a.sql)\n"), "{message}");
    assert!(message.contains("not today"), "{message}");
    assert_eq!(project.relations(), "");
}

#[test]
fn a_file_with_nothing_in_it_is_not_run() {
    let project = Project::new(&[("models/a.sql", "select 1 as id"), ("models/later.sql", "\n")]);
    assert_eq!(project.run(Command::Run), "model.shop.a success OK");
}

#[test]
fn an_ephemeral_model_that_cannot_be_compiled_is_to_blame() {
    let project = Project::new(&[
        ("models/broken.sql", "{{ config(materialized='ephemeral') }} {{ adapter.nothing() }} select 1 as id"),
        ("models/reader.sql", "select * from {{ ref('broken') }}"),
        ("models/child.sql", "select * from {{ ref('reader') }}"),
    ]);
    let results = project.results(&RunOptions::new(Command::Run));
    assert!(!results.succeeded(false));
    insta::assert_snapshot!(lines(&results), @"
    model.shop.reader skipped Compilation Error in model broken (models/broken.sql)
      'adapter.nothing' is undefined
    model.shop.child skipped skipped: model.shop.reader failed
    ");
}

#[test]
fn nothing_selected_is_a_warning() {
    let project = Project::new(&[("models/a.sql", "select 1 as id")]);
    let selection = Selection { select: vec!["tag:nobody".to_owned()], ..Selection::default() };
    let results = project.results(&RunOptions { selection, ..RunOptions::new(Command::Run) });
    assert!(results.succeeded(false));
    assert_eq!(results.diagnostics[0].code, "HW0417");
}

#[test]
fn many_models_on_many_threads() {
    let files: Vec<(String, String)> = (0..24)
        .map(|number| {
            let body = match number {
                0 => "select 0 as n".to_owned(),
                number => format!("select n + 1 as n from {{{{ ref('m{}') }}}}", (number - 1) / 2),
            };
            (format!("models/m{number}.sql"), format!("{{{{ config(materialized='table') }}}} {body}"))
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let project = Project::new(&files);
    for _ in 0..2 {
        let results = project.results(&RunOptions { threads: Some(8), ..RunOptions::new(Command::Run) });
        assert_eq!(results.count(Status::Success), 24, "{}", lines(&results));
    }
    assert_eq!(project.query("select n from m23"), "4");
    assert_eq!(project.relations().lines().count(), 24);
}

#[test]
fn a_materialization_of_the_project() {
    let project = Project::new(&[
        (
            "macros/twice.sql",
            "{% materialization twice, default %}\n\
             {% call statement('main') %}create or replace table {{ this }} as (select * from ({{ sql }}) union all select * from ({{ sql }})){% endcall %}\n\
             {{ return({'relations': [this]}) }}\n{% endmaterialization %}",
        ),
        ("models/a.sql", "{{ config(materialized='twice') }} select 1 as id"),
        ("models/b.sql", "{{ config(materialized='thrice') }} select 1 as id"),
    ]);
    let results = project.results(&RunOptions::new(Command::Run));
    assert_eq!(results.results[0].status, Status::Success, "{}", lines(&results));
    assert_eq!(project.query("from a"), "1\n1");
    let message = results.results[1].message.clone().unwrap_or_default();
    assert!(message.contains("no materialization 'thrice' was found"), "{message}");
}
