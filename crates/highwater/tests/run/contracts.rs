//! Contracts, constraints, comments and indexes: what a model promises, and what is done to its table.

use highwater::run::Command;

use crate::project::Project;

/// A model with an enforced contract of two columns.
fn promised(config: &str, query: &str) -> Project {
    Project::new(&[
        (
            "models/orders.yml",
            "models: [{name: orders, description: \"Orders, it's all\", config: {contract: {enforced: true}},
              constraints: [{type: check, expression: 'amount >= 0', name: not_negative}],
              columns: [{name: id, data_type: int, description: 'the key', constraints: [{type: not_null}, {type: primary_key}]},
                        {name: amount, data_type: 'decimal(9, 2)'}]}]",
        ),
        ("models/orders.sql", &format!("{{{{ config({config}) }}}} {query}")),
    ])
}

#[test]
fn a_table_gets_the_promised_columns_in_their_order_and_the_constraints() {
    let project = promised("materialized='table'", "select 9.5::decimal(9, 2) as amount, 1 as id");
    assert_eq!(project.run(Command::Run), "model.shop.orders success OK");
    insta::assert_snapshot!(project.read("target/run/shop/models/orders.sql"), @r#"
    create table "shop"."main"."orders__dbt_tmp" (
        id int not null primary key,
        amount decimal(9, 2),
        constraint not_negative check (amount >= 0)
    );
    insert into "shop"."main"."orders__dbt_tmp" (
        id,
        amount
    ) (
    select
        id,
        amount
    from (
     select 9.5::decimal(9, 2) as amount, 1 as id
    ) as model_subq
    );
    "#);
    insta::assert_snapshot!(
        project.query("select constraint_type, constraint_text from duckdb_constraints() order by all"), @"
    CHECK | CHECK((amount >= 0))
    NOT NULL | NOT NULL
    PRIMARY KEY | PRIMARY KEY(id)
    ");
    project.run(Command::Run);
    assert_eq!(project.query("from orders"), "1 | 9.50");
}

#[test]
fn what_breaks_a_constraint_is_not_written() {
    let project = promised("materialized='table'", "select 1 as id, 1::decimal(9, 2) as amount");
    project.run(Command::Run);
    project
        .write("models/orders.sql", "{{ config(materialized='table') }} select 1 as id, -1::decimal(9, 2) as amount");
    insta::assert_snapshot!(project.run(Command::Run), @"
    model.shop.orders error Database Error in model orders (models/orders.sql)
      Constraint Error: CHECK constraint failed on table orders__dbt_tmp with expression CHECK((amount >= 0))
      in model.shop.orders (models/orders.sql)
    ");
    assert_eq!(project.query("from orders"), "1 | 1.00");
}

#[test]
fn other_columns_than_promised_are_refused_with_a_table_of_them() {
    for config in ["materialized='table'", "materialized='view'", "materialized='incremental', on_schema_change='fail'"]
    {
        let project = promised(config, "select 'a' as id, 1 as number");
        insta::allow_duplicates! {
            insta::assert_snapshot!(project.run(Command::Run), @"
    model.shop.orders error Compilation Error in model orders (models/orders.sql)
      the query's columns are not those that the model's contract promises
      in model.shop.orders
      | column_name | definition_type | contract_type | mismatch_reason       |
      | ----------- | --------------- | ------------- | --------------------- |
      | amount      |                 | DECIMAL(9,2)  | missing in definition |
      | id          | VARCHAR         | INTEGER       | data type mismatch    |
      | number      | INTEGER         |               | missing in contract   |
      correct the query, or the `columns` of its properties: their name, data_type and number
    ");
        }
        assert_eq!(project.relations(), "");
    }
}

#[test]
fn descriptions_become_comments_and_a_new_table_gets_its_indexes() {
    let config = "materialized='table', persist_docs={'relation': true, 'columns': true}, indexes=[{'columns': ['id']}, {'columns': ['id']}]";
    let project = Project::new(&[
        (
            "models/orders.yml",
            "models: [{name: orders, description: \"Orders, it's all\", columns: [{name: id, description: the key}, {name: gone}]}]",
        ),
        ("models/orders.sql", &format!("{{{{ config({config}) }}}} select 1 as id")),
    ]);
    for _ in 0..2 {
        project.run(Command::Run);
        assert_eq!(project.query("select comment from duckdb_tables()"), "Orders, it's all");
        assert_eq!(project.query("select comment from duckdb_columns() where column_name = 'id'"), "the key");
        assert_eq!(project.query("select expressions from duckdb_indexes()"), "[id]\n[id]");
    }
}

#[test]
fn a_foreign_key_refers_to_another_model() {
    let project = Project::new(&[
        (
            "models/properties.yml",
            "models:\n\
             - {name: parent, config: {contract: {enforced: true}},\n\
             \x20  columns: [{name: id, data_type: int, constraints: [{type: primary_key}]}]}\n\
             - name: child\n  config: {contract: {enforced: true}}\n  columns:\n\
             \x20 - name: id\n    data_type: int\n    constraints:\n\
             \x20   - {type: foreign_key, to: \"ref('parent')\", to_columns: [id]}\n",
        ),
        ("models/parent.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/child.sql", "-- depends_on: {{ ref('parent') }}\n{{ config(materialized='table') }} select 1 as id"),
    ]);
    insta::assert_snapshot!(project.run(Command::Run), @"
    model.shop.parent success OK
    model.shop.child success OK
    ");
    insta::assert_snapshot!(
        project.query("select constraint_text from duckdb_constraints() where constraint_type = 'FOREIGN KEY'"),
        @"FOREIGN KEY (id) REFERENCES parent(id)"
    );
}

#[test]
fn templates_ask_what_a_schema_holds() {
    let ask = "{{ config(materialized='table') }}
        -- depends_on: {{ ref('seen') }} {{ ref('orders') }}
        {%- set lines, place = [], api.Relation.create(database=target.database, schema='information_schema') -%}
        {%- set held = get_catalog(place, [ref('seen').schema]).rows if execute else [] -%}
        {%- set one = get_catalog_relations(place, [ref('orders')]).rows if execute else [] -%}
        {%- for row in held -%}
          {%- do lines.append([row['table_name'], row['table_type'], row['table_comment'], row['column_name'], row['column_comment']] | join(' ')) -%}
        {%- endfor %}
        select '{{ one | length }} {{ lines | join(', ') }}' as told";
    for project in Project::everywhere(&[
        (
            "models/orders.sql",
            "{{ config(materialized='table', persist_docs={'relation': true, 'columns': true}) }} select 1 as id, 2 as n",
        ),
        ("models/orders.yml", "models: [{name: orders, description: all, columns: [{name: id, description: key}]}]"),
        ("models/seen.sql", "select id from {{ ref('orders') }}"),
        ("models/told.sql", ask),
    ]) {
        project.run(Command::Run);
        assert_eq!(
            project.query("select told from told"),
            "2 orders BASE TABLE all id key, orders BASE TABLE all n None, seen VIEW None id None"
        );
    }
}
