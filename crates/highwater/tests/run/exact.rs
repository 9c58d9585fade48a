//! The exact strategy within a run.

use highwater::manifest::select::Selection;
use highwater::run::{Command, RunOptions, exact_inputs, plan_inputs};

use crate::project::{Project, lines};

fn shop() -> Project {
    let project = Project::new(&[
        ("models/sources.yml", "sources:\n- name: shop\n  schema: main\n  tables: [{name: raw_orders}]\n"),
        ("models/stg.sql", "select id, ordered_at, amount from {{ source('shop', 'raw_orders') }}"),
        (
            "models/fct.sql",
            "{{ config(materialized='incremental', incremental_strategy='exact', event_time='ordered_at', batch_size='day', unique_key='id') }}\n\
             select id, ordered_at, amount from {{ ref('stg') }}",
        ),
        ("models/total.sql", "{{ config(materialized='table') }} select sum(amount) as amount from {{ ref('fct') }}"),
    ]);
    project.execute(
        "create table raw_orders as select 1 as id, timestamp '2026-01-01 10:00:00' as ordered_at, 5 as amount \
         union all select 2, timestamp '2026-01-02 10:00:00', 7",
    );
    project
}

#[test]
fn an_exact_model_takes_late_rows_in() {
    let project = shop();
    let first = project.results(&RunOptions::new(Command::Run));
    assert!(first.succeeded(false), "{}", lines(&first));
    project.execute("insert into raw_orders values (3, '2026-01-01 11:00:00', 9)");
    let second = project.results(&RunOptions::new(Command::Run));
    assert!(second.succeeded(false), "{}", lines(&second));
    assert_eq!(project.query("select id from fct order by id"), "1\n2\n3");
    let report = second.results.iter().find_map(|result| result.exact.as_ref()).expect("a report");
    assert!(report.changed);
    let third = project.results(&RunOptions::new(Command::Run));
    let report = third.results.iter().find_map(|result| result.exact.as_ref()).expect("a report");
    assert!(!report.changed, "{}", lines(&third));
}

#[test]
fn the_inputs_of_a_plan() {
    let project = shop();
    let session = project.session();
    let selection = Selection { select: vec!["fct".to_owned()], ..Selection::default() };
    let options = RunOptions { selection, ..RunOptions::new(Command::Run) };
    let (models, around) = exact_inputs(&session, &options).expect("inputs");
    assert_eq!(models.len(), 1);
    assert_eq!(models[0].unique_key, ["id"]);
    assert_eq!(around.views.values().map(|view| view.unique_id.as_str()).collect::<Vec<_>>(), ["model.shop.stg"]);
    let mut labels: Vec<&str> = around.labels.values().map(String::as_str).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["fct", "raw_orders", "stg"]);
    let (planned, _) = plan_inputs(&session, &RunOptions::new(Command::Run)).expect("inputs");
    assert_eq!(planned.len(), 2, "{planned:?}");
}
