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
    insta::assert_snapshot!(fixture.compile("a"), @r#"
    select * from "memory"."main_mart"."o" join "memory"."main_mart"."o"
    join "memory"."landing"."payments" -- "memory"."main"."a" a
    "#);
}

#[test]
fn a_source_may_stand_in_a_branch_that_only_runs_with_a_database() {
    let fixture =
        Fixture::new(&[SOURCES, ("models/a.sql", "{% if execute %}from {{ source('raw', 'payments') }}{% endif %}")]);
    insta::assert_snapshot!(fixture.compile("a"), @r#"from "memory"."landing"."payments""#);
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
    insta::assert_snapshot!(fixture.compile("plain"), @"
    with __dbt__cte__base as (
    select 1 as id -- the base
    ), __dbt__cte__middle as (
    with x as (select * from __dbt__cte__base) select * from x
    )
    -- with comments
    select * from __dbt__cte__middle join __dbt__cte__base using (id)
    ");
    assert_eq!(fixture.column(&fixture.compile("plain")), "1");
    insta::assert_snapshot!(fixture.compile("own"), @"
    /* with */ WITH RECURSIVE __dbt__cte__base as (
    select 1 as id -- the base
    ), __dbt__cte__middle as (
    with x as (select * from __dbt__cte__base) select * from x
    ), n as (select 1 as id union all select id + 1 from n where id < 3)
    select n.id from n join __dbt__cte__middle using (id)
    ");
    assert_eq!(fixture.column(&fixture.compile("own")), "1");
    let compiled = fixture.compiler.compile(fixture.node("own"), &fixture.connection).expect("compiled");
    let line = |words: &str| compiled.map.line(compiled.sql.find(words).expect("in the query"));
    assert_eq!(compiled.injected, ["model.shop.base", "model.shop.middle"]);
    assert_eq!(line("the base"), Some(("models/base.sql".to_owned(), 1)));
    assert_eq!(line("select n.id"), Some(("models/own.sql".to_owned(), 2)));
    assert_eq!(line("__dbt__cte__middle as"), None, "what Highwater writes itself has no place");
}

#[test]
fn docs_blocks_can_be_read_in_models() {
    let fixture = Fixture::new(&[
        ("models/docs.md", "{% docs orders %}\nOne row per order.\n{% enddocs %}\n"),
        ("models/a.sql", "-- {{ doc('orders') }}\nselect 1"),
        ("models/b.sql", "-- {{ doc('oders') }}\nselect 1"),
    ]);
    insta::assert_snapshot!(format!("{}\n{}", fixture.compile("a"), fixture.compile("b")), @"
    -- One row per order.
    select 1
    HW0311: no docs block 'oders' was found
     --> models/b.sql:1:7 `doc('oders')`
    help: did you mean orders?
    ");
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
    insta::assert_snapshot!(compiled.collect::<Vec<_>>().join("\n"), @r#"
    -- unique_orders_id
    select id as unique_field, count(*) as n_records
    from "memory"."main"."orders"
    where id is not null
    group by id
    having count(*) > 1
    -- not_null_orders_id
    select id
    from (select * from "memory"."main"."orders" where id > 0) dbt_subquery
    where id is null
    -- accepted_values_orders_id__a__it_s
    select id as value_field, count(*) as n_records
    from "memory"."main"."orders"
    group by id
    having id not in (
      'a',
      'it''s'
    )
    -- numbers
    select id as value_field, count(*) as n_records
    from "memory"."main"."orders"
    group by id
    having id not in (
      1,
      2
    )
    -- relationships_orders_id__id__ref_customers_
    select child.id as from_field
    from "memory"."main"."orders" as child
    where child.id is not null
      and not exists (select 1 from "memory"."main"."customers" as parent where parent.id = child.id)
    -- at_least_orders_3__id
    select * from "memory"."main"."orders" where id < 3
    "#);
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
    insta::assert_snapshot!(compiled.sql, @r#"
    select * from (select * from "memory"."landing"."payments" where paid_at >= '2026-02-01 00:00:00+00:00' and paid_at < '2026-02-02 00:00:00+00:00') join "memory"."main"."orders" -- "memory"."landing"."payments" 20260201
    "#);
    let empty = Fixture::with_flags(
        &[("models/o.sql", "select 1"), ("models/a.sql", "from {{ ref('o') }}")],
        Flags { empty: true, ..Flags::default() },
    );
    insta::assert_snapshot!(empty.compile("a"), @r#"from (select * from "memory"."main"."o" where false limit 0)"#);
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
        ("models/unknown.sql", "select {{ moneey(1) if execute }}"),
        ("models/package.sql", "select {{ dbt_utils.star(1) }}"),
        ("models/inside.sql", "select\n  {{ money('x') }}"),
        ("models/query.sql", "select\n  {{ asks() }}"),
        ("models/dispatches.sql", "{% if execute %}{{ adapter.dispatch('nothing', 'shop')() }}{% endif %}"),
        ("models/namespace.sql", "select {{ dbt.dateadd2() }}"),
        ("models/variable.sql", "select {{ var('missing') }}"),
    ]);
    let names = ["hidden", "unknown", "package", "inside", "query", "dispatches", "namespace", "variable"];
    insta::assert_snapshot!(names.map(|name| fixture.compile(name)).join("\n\n"), @r#"
    HW0307: {{ ref('orders') }} was not seen when the project was read
     --> models/hidden.sql:2:25 `ref('orders')`
    help: it stands in a branch that only runs with a database; name it outside of the branch too:
    help: -- depends_on: {{ ref('orders') }}

    HW0302: 'moneey' is undefined
     --> models/unknown.sql:1:11 `moneey`
    help: did you mean money?

    HW0302: 'dbt_utils' is undefined
     --> models/package.sql:1:11 `dbt_utils`
    help: is dbt_utils a package? packages.yml names what to install, `hw deps` installs it

    HW0302: 'x.missing' is undefined
     --> macros/m.sql:2:6 `x.missing`
     --> models/inside.sql:2:6 `money('x')` (calls macro money)

    HW0402: a query of a template failed in model.shop.query
     --> macros/m.sql:4:22 `run_query('select * from nowhere')` (calls macro run_query)
     --> models/query.sql:2:6 `asks()` (calls macro asks)
    note: Catalog Error: Table with name nowhere does not exist!
    Did you mean "pg_indexes"?

    LINE 1: select * from nowhere
                          ^
    note: the query:
    select * from nowhere

    HW0310: in dispatch: no macro named 'nothing' found within namespace: 'shop'
     --> models/dispatches.sql:1:20 `adapter.dispatch('nothing', 'shop')`
    help: write one of shop.duckdb__nothing, shop.default__nothing, dbt.duckdb__nothing, dbt.default__nothing

    HW0310: package 'dbt' has no macro 'dateadd2'
     --> models/namespace.sql:1:11 `dbt.dateadd2()`
    help: did you mean dateadd?

    HW0308: required variable 'missing' is not set
     --> models/variable.sql:1:11 `var('missing')`
    help: set it under `vars:` in dbt_project.yml, with `--vars '{missing: ...}'`, or give a default: var('missing', ...)
    "#);
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
    insta::assert_snapshot!(names.map(diagnose).join("\n\n"), @r#"
    [uses_base]
    HW0404: Binder Error: Referenced column "amout" not found in FROM clause
     --> models/base.sql:3:3 `amout`
    note: Candidate bindings: "amount"
    help: did you mean amount?

    [column]
    HW0404: Binder Error: Referenced column "oder_id" not found in FROM clause
     --> models/column.sql:5:3 `oder_id`
    note: Candidate bindings: "order_id", "id"
    help: did you mean order_id?

    [in_macro]
    HW0404: Binder Error: Referenced column "prise" not found in FROM clause
     --> models/in_macro.sql:2:3 `{{ cents('prise') }}`
    note: Candidate bindings: "price"
    help: did you mean price?

    [source_gone]
    HW0405: Catalog Error: Table with name "landing.payments" does not exist because schema "landing" does not exist
     --> models/source_gone.sql:2:6 `{{ source('raw', 'payments') }}`
    help: source table "memory"."landing"."payments" does not exist: load it first, or correct schema in models/sources.yml

    [syntax]
    HW0401: Parser Error: syntax error at or near ","
     --> models/syntax.sql:1:15 `,`

    [not_built]
    HW0405: Catalog Error: Table with name column does not exist
     --> models/not_built.sql:2:6 `{{ ref('column') }}`
    note: Did you mean "information_schema.columns"?
    help: model.shop.column has not been built: hw build --select +not_built

    [late]
    HW0401: Conversion Error: Could not convert string 'abc' to INT32
     --> models/late.sql:1:13 `:`
    help: try_cast(... as type) gives null where a value cannot be converted

    [long]
    HW0401: Binder Error: Referenced column "wrong" was not found because the FROM clause is missing
     --> models/long.sql:1:88 `wrong`
    "#);
}

#[test]
fn variables_that_are_templates_see_what_the_node_sees() {
    let project = "name: shop\nversion: '1.0'\nprofile: shop\nvars:\n  shop:\n    input: \"{{ source('raw', 'payments') }}\"\n    \
                   batch: \"{{ 500 if target.type == 'bigquery' else 7 }}\"\n    plain: '{ not a template }'\n";
    let fixture = Fixture::new(&[
        ("dbt_project.yml", project),
        SOURCES,
        ("models/a.sql", "select {{ var('batch') | int + 1 }} as n, '{{ var('plain') }}' as p from {{ var('input') }}"),
    ]);
    insta::assert_snapshot!(fixture.compile("a"), @r#"select 8 as n, '{ not a template }' as p from "memory"."landing"."payments""#);
    assert_eq!(fixture.node("a").depends_on.nodes, ["source.shop.raw.payments"], "known to the graph");
}

#[test]
fn a_name_means_to_macros_of_packages_what_it_means_to_the_node() {
    let fixture = Fixture::new(&[
        ("packages.yml", "packages: [{local: tool}]"),
        ("dbt_packages/tool/dbt_project.yml", "name: tool\nversion: '1.0'\n"),
        (
            "dbt_packages/tool/macros/tool.sql",
            "{% macro model() %}mine{% endmacro %}{% macro of_node() %}{{ model.name }} {{ tool.model() }}{% endmacro %}",
        ),
        ("models/a.sql", "select '{{ tool.of_node() }}' as x, {{ render('{{ this.identifier }}') }}"),
    ]);
    insta::assert_snapshot!(fixture.compile("a"), @"select 'a mine' as x, a");
}

#[test]
fn the_context_can_be_added_to() {
    let fixture = Fixture::new(&[(
        "macros/keep.sql",
        "{% macro keep() %}{% do context.update({'kept': context.get('kept', []) + [1]}) %}{% endmacro %}",
    )]);
    insta::assert_snapshot!(fixture.render("{{ keep() }}{{ keep() }}{{ kept }} {{ context['kept'] | length }}"), @"[1, 1] 2");
}

#[test]
fn the_graph_has_every_field_of_the_manifest() {
    let fixture = Fixture::new(&[
        SOURCES,
        ("models/a.sql", "{{ config(tags=['x']) }}select * from {{ source('raw', 'payments') }}"),
        (
            "models/e.yml",
            "exposures:\n  - name: report\n    type: dashboard\n    owner: {email: a@b.c}\n    depends_on: [\"ref('a')\"]\n",
        ),
    ]);
    let of = |unique_id: &str, section: &str, fields: &str| {
        fixture.render(&format!("{{% set it = graph.{section}['{unique_id}'] %}}{fields}"))
    };
    let node = of(
        "model.shop.a",
        "nodes",
        "{{ it.config.materialized }} {{ it.config.tags }} {{ it.config.unique_key is none }} {{ it.access }} {{ it.raw_code | length }}",
    );
    insta::assert_snapshot!(node, @"view ['x'] True protected 69");
    let exposure = of(
        "exposure.shop.report",
        "exposures",
        "{{ tojson([it.url, it.maturity, it.owner, it.meta, it.resource_type]) }}",
    );
    insta::assert_snapshot!(exposure, @r#"[null, null, {"name": null, "email": "a@b.c"}, {}, "exposure"]"#);
    let source = of(
        "source.shop.raw.payments",
        "sources",
        "{{ it.identifier }} {{ it.config.event_time }} {{ it.external is none }}",
    );
    insta::assert_snapshot!(source, @"payments paid_at True");
    insta::assert_snapshot!(fixture.render("{{ builtins.ref.config.dependencies.shop.version }} {{ graph.setdefault('mine', {}) }}"), @"1.0 {}");
}
