//! Tables of DuckLake: which databases are one, and the statements that lay a table out.

use highwater_jinja::Value;

use super::super::relation_value;
use super::Fixture;
use crate::engine::RelationKind;

const PROFILES: (&str, &str) = (
    "profiles.yml",
    "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: ':memory:'\n      attach:\n\
     \x20       - {path: 'ducklake:catalog.ducklake', alias: lake}\n\
     \x20       - {path: 'ducklake:postgres:named.ducklake'}\n\
     \x20       - {path: said.duckdb, is_ducklake: true}\n\
     \x20       - {path: plain.duckdb, alias: plain}\n",
);

/// The statements that the materialization of a model sends for its draft.
fn statements(config: &str) -> String {
    let model = format!("{{{{ config({config}) }}}} select 1 as id");
    let properties = "models: [{name: a, columns: [{name: id, data_type: integer}]}]";
    let fixture = Fixture::new(&[PROFILES, ("models/a.sql", &model), ("models/a.yml", properties)]);
    let node = fixture.node("a");
    let draft = node.relation.with_identifier("a__dbt_tmp".to_owned());
    let draft = relation_value(&draft, Some(RelationKind::Table));
    let sent =
        fixture.call("a", "get_create_table_as_sql", &[Value::from(false), draft, Value::from("select 1 as id")], &[]);
    let said = fixture.said.lock().expect("what was said").join("\n");
    [sent.trim(), &said].join("\n").trim().to_owned()
}

#[test]
fn what_is_attached_may_be_a_lake() {
    let fixture = Fixture::new(&[PROFILES, ("models/a.sql", "select 1")]);
    let asked = ["lake", "named", "said", "plain", "memory"].map(|database| {
        let relation = format!("api.Relation.create(database='{database}', schema='main', identifier='t')");
        format!("{database} {}", fixture.render(&format!("{{{{ adapter.is_ducklake({relation}) }}}}")))
    });
    insta::assert_snapshot!(asked.join(", "), @"lake True, named True, said True, plain False, memory False");
}

#[test]
fn a_table_is_laid_out_before_its_rows_come() {
    let lake = "materialized='table', database='lake'";
    insta::assert_snapshot!(statements(&format!("{lake}, partitioned_by=['day(ts)', '\"region\"'], sorted_by=['id', 'a\"b']")), @r#"
    create table "lake"."main"."a__dbt_tmp" as (
    select * from (
    select 1 as id
    ) as model_subq
    limit 0
    );
    alter table "lake"."main"."a__dbt_tmp" set partitioned by (day(ts), "region");
    alter table "lake"."main"."a__dbt_tmp" set sorted by ("id", "a""b");
    insert into "lake"."main"."a__dbt_tmp" (
    select 1 as id
    );
    "#);
    insta::assert_snapshot!(statements(&format!("{lake}, sort_by='id', contract={{'enforced': true}}")), @r#"
    create table "lake"."main"."a__dbt_tmp" (
        id integer
    );
    alter table "lake"."main"."a__dbt_tmp" set sorted by ("id");
    insert into "lake"."main"."a__dbt_tmp" (
        id
    ) (
    select
        id
    from (
    select 1 as id
    ) as model_subq
    );
    "#);
    insta::assert_snapshot!(statements(lake), @r#"
    create table "lake"."main"."a__dbt_tmp" as (
    select 1 as id
    );
    "#);
}

#[test]
fn elsewhere_a_layout_is_passed_over_and_a_wrong_one_refused() {
    insta::assert_snapshot!(statements("materialized='table', partition_by='id', sorted_by='id'"), @r#"
    create table "memory"."main"."a__dbt_tmp" as (
    select 1 as id
    );
    WarningOnce: partitioned_by/partition_by is only supported for DuckLake relations; ignoring for "memory"."main"."a"
    WarningOnce: sorted_by/sort_by is only supported for DuckLake relations; ignoring for "memory"."main"."a"
    "#);
    let wrong = ["partitioned_by=['id', 1]", "sorted_by=[]", "sort_by={'field': 'id'}"].map(|config| {
        let told = statements(&format!("materialized='table', database='lake', {config}"));
        told.lines().next().unwrap_or_default().to_owned()
    });
    insta::assert_snapshot!(wrong.join("\n"), @r"
    HW0303: partitioned_by/partition_by list values must be non-empty strings
    HW0303: sorted_by/sort_by must contain at least one column
    HW0303: sorted_by/sort_by must be a column or a list of columns: keep a mapping for the engine that wants it, with an if target.type
    ");
}

#[test]
fn a_merge_into_a_lake_changes_rows_in_one_clause() {
    let model = "{{ config(materialized='incremental', database='lake', merge_returning_columns=['id'], merge_clauses={'when_matched': [{'action': 'delete', 'condition': 'x'}, {'action': 'update'}]}) }} select 1 as id";
    let fixture = Fixture::new(&[PROFILES, ("models/a.sql", model)]);
    let target = relation_value(&fixture.node("a").relation, Some(RelationKind::Table));
    let arguments = [target, Value::from("staged"), Value::from("id"), Value::from(())];
    insta::assert_snapshot!(fixture.call("a", "duckdb__get_merge_sql", &arguments, &[]), @r"
    HW0303: MERGE configuration errors:
    note: in model.shop.a
    note: DuckLake has no RETURNING: merge_returning_columns must go
    a MERGE of DuckLake updates or deletes in one clause alone, and merge_clauses have 2
    ");
}
