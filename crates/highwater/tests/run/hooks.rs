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
fn results_at_the_end_have_every_node_and_configurations_that_answer_none() {
    let project = Project::new(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\non-run-end:\n\
             - create table told (what varchar)\n\
             - \"{% for r in results %}insert into told values ('{{ r.node.unique_id }} {{ r.status }} {{ r.node.config.full_refresh }} {{ r.node.config.get('no_such', 7) }} {{ r.node.config.enabled }}');{% endfor %}\"\n",
        ),
        ("models/days.sql", "{{ config(materialized='table') }} select date '2026-02-01' as date_day"),
        ("models/orders.sql", "select 1 as id, date '2026-02-01' as at_day"),
        (
            "models/all.yml",
            "models:\n  - {name: days, time_spine: {standard_granularity_column: date_day}, columns: [{name: date_day, granularity: day}]}\n\
             semantic_models:\n  - name: orders\n    model: ref('orders')\n    defaults: {agg_time_dimension: at_day}\n\
             \x20   entities: [{name: id, type: primary}]\n    dimensions: [{name: at_day, type: time, type_params: {time_granularity: day}}]\n\
             \x20   measures: [{name: orders, agg: count, expr: id}]\n\
             metrics: [{name: orders, label: Orders, type: simple, type_params: {measure: orders}}]\n\
             saved_queries: [{name: daily, query_params: {metrics: [orders]}}]\n\
             exposures: [{name: board, type: dashboard, owner: {email: a@b.c}, depends_on: [ref('orders')]}]\n",
        ),
    ]);
    project.run(Command::Build);
    insta::assert_snapshot!(project.query("select what from told order by what"), @r"
    exposure.shop.board no-op None 7 True
    model.shop.days success None 7 True
    model.shop.orders success None 7 True
    saved_query.shop.daily no-op None 7 True
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
