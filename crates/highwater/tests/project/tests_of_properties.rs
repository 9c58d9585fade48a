//! Tests that properties files ask for: their names and ids are those that dbt gives them.

use crate::support::{build, errors};

const FILES: &str = r#"==> models/orders.sql
select 1 as order_id
==> models/customers.sql
select 1 as id
==> tests/generic/is_even.sql
{% test is_even(model, column_name, factor=2) %}
  {{ config(severity='error', tags=['math']) }}
  select * from {{ model }} where {{ column_name }} % {{ factor }} = 1
{% endtest %}
==> tests/no_negative.sql
select * from {{ ref('orders') }} where order_id < 0
==> models/schema.yml
models:
  - name: orders
    data_tests:
      - unique: {column_name: "order_id || '-' || customer_id"}
      - is_even: {column_name: order_id, arguments: {factor: 3}, config: {where: "amount > 0", severity: warn}}
    columns:
      - name: order_id
        tags: [key]
        tests:
          - unique
          - not_null: {name: order_id_is_there}
          - relationships: {to: ref('customers'), field: id}
      - name: status
        quote: true
        tests:
          - accepted_values: {values: [placed, shipped, "it's back", 4, true, 1.5], quote: false, config: {severity: error, tags: [x]}}
          - accepted_values:
              arguments: {values: ['a very long value number one', 'a very long value number two', 'three']}
              limit: 10
sources:
  - name: raw
    tables:
      - name: orders
        columns: [{name: id, tests: [unique, not_null]}]
        tests: [{is_even: {column_name: id}}]
"#;

/// The ids are what dbt 1.11 gives this very project.
#[test]
fn names_and_ids_are_dbts() {
    let (manifest, warnings) = build(FILES);
    assert_eq!(warnings, "");
    let tests: Vec<&str> = manifest.nodes.keys().map(String::as_str).filter(|id| id.starts_with("test.")).collect();
    insta::assert_snapshot!(tests.join("\n"), @r"
    test.shop.no_negative
    test.shop.unique_orders_order_id.fed79b3a6e
    test.shop.order_id_is_there.b9fbb5d4aa
    test.shop.relationships_orders_order_id__id__ref_customers_.99750e08fc
    test.shop.accepted_values_orders__status___False__placed__shipped__it_s_back__4__True__1_5.adcde97a77
    test.shop.accepted_values_orders__status___a_very_long_value_number_one__a_very_long_value_number_two__three.ba6c26eaec
    test.shop.unique_orders_order_id_customer_id.e7eeb73081
    test.shop.is_even_orders_order_id__3.4a580a4d65
    test.shop.source_unique_raw_orders_id.56401af608
    test.shop.source_not_null_raw_orders_id.f232a64478
    test.shop.source_is_even_raw_orders_id.a41c391fc8
    ");
}

#[test]
fn a_long_name_gets_a_short_alias() {
    let (manifest, _) = build(FILES);
    let id = "test.shop.accepted_values_orders__status___a_very_long_value_number_one__a_very_long_value_number_two__three.ba6c26eaec";
    let test = &manifest.nodes[id];
    insta::assert_snapshot!(format!("{}\n{}\n{}", test.relation, test.path, test.raw_code), @r#"
    "shop"."main_dbt_test__audit"."accepted_values_orders_1655e591a96def03f855f1d9ae2d386b"
    accepted_values_orders_1655e591a96def03f855f1d9ae2d386b.sql
    {{ test_accepted_values(**_dbt_generic_test_kwargs) }}{{ config(limit=10,alias="accepted_values_orders_1655e591a96def03f855f1d9ae2d386b") }}
    "#);
}

#[test]
fn a_test_knows_what_it_tests_and_how() {
    let (manifest, _) = build(FILES);
    let test = &manifest.nodes["test.shop.is_even_orders_order_id__3.4a580a4d65"];
    insta::assert_snapshot!(serde_json::to_string_pretty(&serde_json::json!({
        "metadata": test.test_metadata, "depends_on": test.depends_on, "attached": test.attached_node, "fqn": test.fqn,
        "config": test.config, "tags": test.tags, "file": test.original_file_path,
    })).expect("JSON"), @r#"
    {
      "metadata": {
        "name": "is_even",
        "kwargs": {
          "column_name": "order_id",
          "factor": 3,
          "model": "{{ get_where_subquery(ref('orders')) }}"
        },
        "namespace": null
      },
      "depends_on": {
        "macros": [
          "macro.shop.test_is_even",
          "macro.dbt.get_where_subquery"
        ],
        "nodes": [
          "model.shop.orders"
        ]
      },
      "attached": "model.shop.orders",
      "fqn": [
        "shop",
        "is_even_orders_order_id__3"
      ],
      "config": {
        "enabled": true,
        "schema": "dbt_test__audit",
        "tags": [
          "math"
        ],
        "meta": {},
        "materialized": "test",
        "severity": "warn",
        "fail_calc": "count(*)",
        "warn_if": "!= 0",
        "error_if": "!= 0",
        "where": "amount > 0"
      },
      "tags": [
        "math"
      ],
      "file": "models/schema.yml"
    }
    "#);
    let is_it = |id: &&String| id.starts_with("test.shop.relationships_");
    let relationships = &manifest.nodes[manifest.nodes.keys().find(is_it).expect("the test")];
    assert_eq!(relationships.depends_on.nodes, ["model.shop.customers", "model.shop.orders"]);
    assert_eq!(relationships.tags, ["key"]);
    let singular = &manifest.nodes["test.shop.no_negative"];
    assert_eq!(singular.depends_on.nodes, ["model.shop.orders"]);
}

/// As in dbt: one test that is not there keeps nothing else from running.
#[test]
fn tests_that_do_not_exist_are_warned_of() {
    let (manifest, warnings) = build(
        "==> models/orders.sql\nselect 1 as id\n==> models/schema.yml\nmodels:\n  - name: orders\n    columns:\n      - name: id\n        \
         tests:\n          - uniqe\n          - nope.unique: {arguments: {to: ref('orders')}}\n          - something_else\n",
    );
    insta::assert_snapshot!(warnings, @"
    warning HW0205: there is no generic test `uniqe`: it will fail when it runs
      at models/schema.yml:6:13 `uniqe`
      help: did you mean `unique`?
    warning HW0205: there is no generic test `nope.unique`: it will fail when it runs
      at models/schema.yml:7:13 `nope.unique: {arguments: {to: ref('orders')}}`
      help: the package `nope` is not installed: add it to packages.yml and run `hw deps`
    warning HW0205: there is no generic test `something_else`: it will fail when it runs
      at models/schema.yml:8:13 `something_else`
      help: define it: {% test something_else(model, column_name) %} in tests/generic/
    ");
    let tests = manifest.nodes.values().filter(|node| node.test_metadata.is_some());
    let told: Vec<String> =
        tests.map(|node| format!("{} {:?} {:?}", node.name, node.depends_on.macros, node.depends_on.nodes)).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    uniqe_orders_id ["macro.dbt.get_where_subquery"] ["model.shop.orders"]
    nope_unique_orders_id__ref_orders_ ["macro.dbt.get_where_subquery"] ["model.shop.orders"]
    something_else_orders_id ["macro.dbt.get_where_subquery"] ["model.shop.orders"]
    "#);
}

#[test]
fn malformed_tests_are_pointed_at() {
    let file = |tests: &str| {
        format!(
            "==> models/orders.sql\nselect 1 as id\n==> models/schema.yml\nmodels:\n  - name: orders\n    columns:\n      - name: id\n        tests:\n{tests}"
        )
    };
    insta::assert_snapshot!(errors(&file("          - accepted_values:\n            values: [1]\n")), @r"
    error HW0206: a test is one name with its arguments below it, not `accepted_values` and `values`
      at models/schema.yml:6:13 `accepted_values:`
      note: if they are arguments, indent them one step further
      help: write a test as `- unique`, or as `- accepted_values: {arguments: {values: [a, b]}}`
    ");
    insta::assert_snapshot!(errors(&file("          - accepted_values: [1]\n          - 3\n")), @r"
    error HW0206: the arguments of `accepted_values` must be a mapping, not a list
      at models/schema.yml:6:13 `accepted_values: [1]`
      help: write a test as `- unique`, or as `- accepted_values: {arguments: {values: [a, b]}}`
    error HW0206: a test cannot be a number
      at models/schema.yml:7:13 `3`
      help: write a test as `- unique`, or as `- accepted_values: {arguments: {values: [a, b]}}`
    ");
    insta::assert_snapshot!(errors(&file("          - unique: {severity: warn, config: {severity: error}}\n")), @r"
    error HW0206: `severity` stands both beside and inside `config:`
      at models/schema.yml:6:13 `unique: {severity: warn, config: {severity: error}}`
      help: write a test as `- unique`, or as `- accepted_values: {arguments: {values: [a, b]}}`
    ");
    insta::assert_snapshot!(errors(&file("          - unique\n          - unique\n")), @r"
    error HW0207: there are two tests `unique_orders_id`
      at models/schema.yml:7:13 `unique`
      at models/schema.yml:6:13 `unique` (the other one)
      help: give one of them a `name:` of its own, or remove it
    ");
}

#[test]
fn the_tests_of_what_is_missing_are_left_out_with_a_warning() {
    let (manifest, warnings) = build(
        "==> models/orders.sql\nselect 1 as id
==> tests/singular.sql\nselect * from {{ ref('gone') }}
==> models/schema.yml\nmodels:\n  - name: orders\n    columns: [{name: id, tests: [{relationships: {to: ref('gone'), field: id}}]}]\n  - name: order\n    columns: [{name: id, tests: [unique]}]\n",
    );
    assert_eq!(manifest.nodes.keys().collect::<Vec<_>>(), ["model.shop.orders"]);
    insta::assert_snapshot!(warnings, @r"
    warning HW0203: there is no model `order`: this entry has no effect
      at models/schema.yml:4:11 `order`
      help: did you mean `orders`?
    warning HW0213: `ref('gone')` names no model, seed or snapshot
      at tests/singular.sql:1:22 `'gone'` (not found in this project or its packages)
      note: the test is left out
      help: add the model, or correct the name
    warning HW0213: `ref('gone')` names no model, seed or snapshot
      at models/schema.yml:3:34 `{relationships: {to: ref('gone'), field: id}}` (not found in this project or its packages)
      note: the test is left out
      help: add the model, or correct the name
    ");
}

#[test]
fn the_tests_of_an_entry_in_the_wrong_list_are_made() {
    let (manifest, warnings) = build(
        "==> seeds/raw.csv\nid\n1\n==> models/schema.yml\nmodels:\n  - name: raw\n    description: lost\n    columns: [{name: id, tests: [unique]}]\n",
    );
    assert_eq!(manifest.nodes.keys().collect::<Vec<_>>(), ["seed.shop.raw", "test.shop.unique_raw_id.c55f3e2642"]);
    assert_eq!(manifest.nodes["seed.shop.raw"].description, "");
    insta::assert_snapshot!(warnings, @r"
    warning HW0203: `raw` is a seed, not a model: of this entry only the tests have an effect
      at models/schema.yml:2:11 `raw`
      help: move it to the list `seeds:`
    ");
}

#[test]
fn configuration_below_arguments_is_configuration() {
    for given in ["where: 'order_id > 0', severity: warn", "config: {where: 'order_id > 0', severity: warn}"] {
        let files = format!(
            "==> models/orders.sql
select 1 as order_id
==> models/schema.yml
models:
  - name: orders
    columns: [{{name: order_id, data_tests: [{{not_null: {{arguments: {{{given}}}}}}}]}}]
"
        );
        let (manifest, warnings) = build(&files);
        assert_eq!(warnings, "");
        let test = &manifest.nodes["test.shop.not_null_orders_order_id.cf6c17daed"];
        assert_eq!((test.config.text("where"), test.config.text("severity")), (Some("order_id > 0"), Some("warn")));
        let arguments: Vec<&String> = test.test_metadata.as_ref().expect("a generic test").kwargs.keys().collect();
        assert_eq!(arguments, ["column_name", "model"]);
    }
}
