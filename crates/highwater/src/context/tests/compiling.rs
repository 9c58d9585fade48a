//! From nodes to SQL: references, ephemeral parents, tests, batches, and errors that point into templates.

use super::super::{Batch, Flags};
use super::{Fixture, text};

const SOURCES: (&str, &str) = (
    "models/sources.yml",
    "sources:\n  - name: raw\n    schema: landing\n    tables:\n      - name: payments\n        config: {event_time: paid_at}\n",
);

#[test]
fn references_become_relations() {
    let fixture = Fixture::new(&[
        SOURCES,
        ("models/orders.sql", "{{ config(schema='mart', alias='o') }} select 1 as id"),
        (
            "models/a.sql",
            "select * from {{ ref('orders') }} join {{ ref('shop', 'orders') }}\njoin {{ source('raw', 'payments') }} -- {{ this }} {{ this.identifier }}",
        ),
    ]);
    insta::assert_snapshot!(fixture.compile("a"), @"");
}

#[test]
fn ephemeral_parents_are_put_in_front_in_order() {
    let fixture = Fixture::new(&[
        ("models/base.sql", "{{ config(materialized='ephemeral') }}select 1 as id -- the base"),
        (
            "models/middle.sql",
            "{{ config(materialized='ephemeral') }}with x as (select * from {{ ref('base') }}) select * from x;",
        ),
        ("models/plain.sql", "-- with comments\nselect * from {{ ref('middle') }} join {{ ref('base') }} using (id)"),
        (
            "models/own.sql",
            "/* with */ WITH RECURSIVE n as (select 1 as id union all select id + 1 from n where id < 3)\nselect n.id from n join {{ ref('middle') }} using (id)",
        ),
    ]);
    insta::assert_snapshot!(fixture.compile("plain"), @"");
    assert_eq!(fixture.column(&fixture.compile("plain")), "1");
    insta::assert_snapshot!(fixture.compile("own"), @"");
    assert_eq!(fixture.column(&fixture.compile("own")), "1");
}

#[test]
fn an_exact_model_never_sees_itself_as_incremental() {
    let model = |strategy: &str| {
        format!(
            "{{{{ config(materialized='incremental', incremental_strategy='{strategy}') }}}}{{{{ is_incremental() }}}}"
        )
    };
    let files = [("models/exact.sql", model("exact")), ("models/append.sql", model("append"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let fixture = Fixture::new(&files);
    assert_eq!((fixture.compile("exact"), fixture.compile("append")), ("False".into(), "False".into()));
    fixture.run("create table main.exact (id int); create table main.append (id int)");
    assert_eq!((fixture.compile("exact"), fixture.compile("append")), ("False".into(), "True".into()));
    let fixture = Fixture::with_flags(&files, Flags { full_refresh: true, ..Flags::default() });
    fixture.run("create table main.append (id int)");
    assert_eq!(fixture.compile("append"), "False");
}

#[test]
fn generic_tests_are_calls_of_their_macros() {
    let fixture = Fixture::new(&[
        ("models/orders.sql", "select 1 as id"),
        ("models/customers.sql", "select 1 as id"),
        (
            "macros/t.sql",
            "{% test at_least(model, column_name, bound) %}select * from {{ model }} where {{ column_name }} < {{ bound }}{% endtest %}",
        ),
        (
            "models/schema.yml",
            "models:
  - name: orders
    columns:
      - name: id
        tests:
          - unique
          - not_null: {config: {where: \"id > 0\"}}
          - accepted_values: {arguments: {values: [a, \"it's\"]}}
          - accepted_values: {name: numbers, arguments: {values: [1, 2], quote: false}}
          - relationships: {arguments: {to: ref('customers'), field: id}}
          - at_least: {arguments: {bound: 3}}
",
        ),
    ]);
    let tests = fixture.manifest.nodes.values().filter(|node| node.test_metadata.is_some());
    let compiled = tests.map(|node| format!("-- {}\n{}", node.name, fixture.compile(&node.name).trim()));
    insta::assert_snapshot!(compiled.collect::<Vec<_>>().join("\n"), @"");
}

#[test]
fn a_batch_restricts_inputs_that_have_an_event_time() {
    let fixture = Fixture::new(&[
        SOURCES,
        ("models/orders.sql", "select 1 as id"),
        (
            "models/a.sql",
            "select * from {{ source('raw', 'payments') }} join {{ ref('orders') }} -- {{ source('raw', 'payments').render() }} {{ model.batch.id }}",
        ),
    ]);
    let moment = |text: &str| text.parse().expect("a moment");
    let batch =
        Batch { id: "20260201".into(), start: moment("2026-02-01T00:00:00Z"), end: moment("2026-02-02T00:00:00Z") };
    let compiled = fixture.compiler.compile_batch(fixture.node("a"), &fixture.connection, &batch).expect("compiled");
    insta::assert_snapshot!(compiled.sql, @"");
    let empty = Fixture::with_flags(
        &[("models/o.sql", "select 1"), ("models/a.sql", "from {{ ref('o') }}")],
        Flags { empty: true, ..Flags::default() },
    );
    insta::assert_snapshot!(empty.compile("a"), @"");
}

#[test]
fn what_cannot_be_compiled_says_why() {
    let fixture = Fixture::new(&[
        (
            "macros/m.sql",
            "{% macro money(x) %}\n  {{ x.missing.more }}\n{% endmacro %}\n{% macro asks() %}{{ run_query('select * from nowhere') }}{% endmacro %}",
        ),
        ("models/orders.sql", "select 1 as id"),
        ("models/hidden.sql", "select 1\n{% if execute %}from {{ ref('orders') }}{% endif %}"),
        ("models/unknown.sql", "select {{ moneey(1) }}"),
        ("models/package.sql", "select {{ dbt_utils.star(1) }}"),
        ("models/inside.sql", "select\n  {{ money('x') }}"),
        ("models/query.sql", "select\n  {{ asks() }}"),
        ("models/dispatches.sql", "{% if execute %}{{ adapter.dispatch('nothing', 'shop')() }}{% endif %}"),
        ("models/namespace.sql", "{{ dbt.dateadd2() }}"),
        ("models/variable.sql", "{% if execute %}{{ var('missing') }}{% endif %}"),
    ]);
    let names = ["hidden", "unknown", "package", "inside", "query", "dispatches", "namespace", "variable"];
    insta::assert_snapshot!(names.map(|name| fixture.compile(name)).join("\n\n"), @"");
}

#[test]
fn database_errors_point_into_the_template_that_wrote_the_line() {
    let fixture = Fixture::new(&[
        SOURCES,
        ("macros/m.sql", "{% macro cents(column) %}{{ column }} * 100{% endmacro %}"),
        (
            "models/base.sql",
            "{{ config(materialized='ephemeral') }}\nselect 1 as id,\n  amout as cents from (select 2 as amount)",
        ),
        ("models/uses_base.sql", "select *\nfrom {{ ref('base') }}"),
        (
            "models/column.sql",
            "{{ config(materialized='table') }}\n\nselect\n  id,\n  oder_id\nfrom (select 1 as id, 2 as order_id)",
        ),
        ("models/in_macro.sql", "select\n  {{ cents('prise') }}\nfrom (select 1 as price)"),
        ("models/source_gone.sql", "select *\nfrom {{ source('raw', 'payments') }}"),
        ("models/syntax.sql", "select 1 as a,,\nfrom x"),
        ("models/not_built.sql", "select *\nfrom {{ ref('column') }}"),
        ("models/late.sql", "select 'abc'::int as a"),
        (
            "models/long.sql",
            "select 1 as aaaaaaaaaaaaaaaaaaaaaaaaaaaa, 2 as bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, wrong as c, 4 as dddddddddddddddddddddddddddddddddddddd",
        ),
    ]);
    let diagnose = |name: &str| {
        let node = fixture.node(name);
        let compiled = fixture.compiler.compile(node, &fixture.connection).expect("compiled");
        let sql = format!("create or replace table \"memory\".\"main\".\"{name}\" as (\n    {}\n  );", compiled.sql);
        let error = super::lock(&fixture.connection).execute(&sql).expect_err("a wrong query");
        format!("[{name}]\n{}", text(&fixture.compiler.diagnose(node, &compiled, &error)))
    };
    let names = ["uses_base", "column", "in_macro", "source_gone", "syntax", "not_built", "late", "long"];
    insta::assert_snapshot!(names.map(diagnose).join("\n\n"), @"");
}
