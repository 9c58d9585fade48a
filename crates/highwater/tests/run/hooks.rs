//! Hooks of models and of the project.

use highwater::run::{Command, RunOptions};

use crate::project::Project;

#[test]
fn hooks_run_in_order_and_see_what_they_should() {
    let project = Project::new(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\n\
             on-run-start: \"create table if not exists log (n integer default nextval('seq'), what varchar)\"\n\
             on-run-end:\n\
             - \"insert into log (what) select 'end {{ results | length }} {{ results[0].status }} {{ schemas | join }}'\"\n",
        ),
        (
            "models/a.sql",
            "{{ config(materialized='table', \
               pre_hook=[\"insert into log (what) select 'before'\", {'sql': \"insert into log (what) select 'outside'\", 'transaction': false}], \
               post_hook=\"insert into log (what) select 'after ' || count(*) from {{ this }}\") }}\n select 1 as id",
        ),
    ]);
    project.execute("create sequence seq");
    insta::assert_snapshot!(project.run(Command::Run), @r"
    operation.shop.shop-on-run-start-0 success shop.on-run-start.0 passed
    model.shop.a success OK
    operation.shop.shop-on-run-end-0 success shop.on-run-end.0 passed
    ");
    insta::assert_snapshot!(project.query("select what from log order by n"), @r"
    outside
    before
    after 1
    end 1 success main
    ");
}

#[test]
fn a_failed_post_hook_takes_the_model_back() {
    let project = Project::new(&[("models/a.sql", "{{ config(materialized='table') }} select 1 as id")]);
    project.run(Command::Run);
    project.write(
        "models/a.sql",
        "{{ config(materialized='table', post_hook='insert into nowhere values (1)') }} select 2 as id",
    );
    let text = project.run(Command::Run);
    assert!(text.contains("error Database Error") && text.contains("in its post_hook"), "{text}");
    assert_eq!(project.query("from a"), "1");
    assert_eq!(project.relations(), "main.a table");
}

#[test]
fn a_failed_hook_of_the_project_is_a_failure_of_the_run() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: select nothing\n"),
        ("models/a.sql", "select 1 as id"),
    ]);
    let results = project.results(&RunOptions::new(Command::Run));
    assert!(!results.succeeded(false));
    assert_eq!(results.results[0].status.word(), "error");
}

#[test]
fn a_query_comment_stands_before_the_statements() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\nquery-comment: 'built by {{ target.name }}'\n"),
        ("models/a.sql", "select 1 as id"),
    ]);
    project.run(Command::Run);
    insta::assert_snapshot!(project.read("target/run/shop/models/a.sql"), @r#"
    /* built by dev */
    create view "shop"."main"."a__dbt_tmp" as (
    select 1 as id
    );
    "#);
}

#[test]
fn a_query_comment_may_come_from_a_macro_and_knows_the_node() {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\nquery-comment: \"{{ return(told(node)) }}\"\n"),
        ("macros/told.sql", "{% macro told(node) %}{{ return({'for': node.name} | tojson) }}{% endmacro %}"),
        ("models/a.sql", "select 1 as id"),
    ]);
    project.run(Command::Run);
    let written = project.read("target/run/shop/models/a.sql");
    assert!(written.starts_with("/* {\"for\": \"a\"} */"), "{written}");
}

#[test]
fn hooks_of_a_snapshot_are_templates_too() {
    let project = Project::new(&[(
        "snapshots/kept.sql",
        "{% snapshot kept %}{{ config(unique_key='id', strategy='check', check_cols='all', \
         post_hook=['alter table {{ this }} add column if not exists note varchar', \"update {{ this }} set note = 'seen'\"]) }} \
         select 1 as id{% endsnapshot %}",
    )]);
    assert_eq!(project.run(Command::Snapshot), "snapshot.shop.kept success OK");
    assert_eq!(project.query("select id, note from kept"), "1 | seen");
}
